//! Transactions between a shell that says anything and a server that sends anything.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use super::Choices;
use crate::error::{Error, Refusal};
use crate::field::Message;
use crate::form::Query;
use crate::http::{Request, Response};
use crate::protocol::error_body;
use crate::session::access::{GetAccess, Wanted};
use crate::session::record::{Generation, Part, Record};
use crate::session::save::SaveSession;
use crate::session::sign_out::SignOut;
use crate::session::transaction::{Answer, Effect, Step, Transaction};
use crate::testing::{SeededDice, record};
use crate::time::{LEEWAY, Timestamp};

const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);
const HOUR: Duration = Duration::from_secs(3600);

/// More effects than any transaction needs: six looks and erasures, a refresh with its retry, and the lock.
const BOUND: usize = 24;

/// What must never stand in anything that is printed.
const CANARIES: [&str; 4] = ["canary-access", "canary-refresh", "canary-private", "canary-fresh"];

const GOOD: &str = r#"{"access_token":"canary-fresh","token_type":"Bearer","expires_in":3600,"refresh_token":"canary-fresh-2"}"#;
const GOOD_BOUND: &str = r#"{"access_token":"canary-fresh","token_type":"DPoP","expires_in":3600}"#;

/// Any answers to any transaction. It ends, gives the lock back, sends a refresh token only where and when it may,
/// erases only what is over, hands out only what is saved and has not ended, and shows no secret.
pub fn transaction_answers(bytes: &[u8]) {
    let mut choices = Choices::new(bytes);
    let kind = choices.below(3);
    let force = choices.flag();
    let mut shell = Shell::new(kind, choices);
    match kind {
        0 => {
            let mut transaction = GetAccess::new(Wanted { force, ..Wanted::default() });
            let ended = shell.drive(&mut transaction);
            let result = transaction.finish();
            shell.judge(ended, result.as_ref().err());
            if let Ok(handout) = result {
                // By the clock of the last step. What the issuer gives for less than seconds is good for those.
                let access = &handout.access;
                let new = shell.now.since(access.received_at) < Duration::from_secs(5);
                assert!(access.expires_at > shell.now || new, "a token that was over was handed out");
                assert!(access.received_at <= shell.now.plus(LEEWAY), "it is from a time to come");
                let fresh = handout.access.token.expose() == "canary-fresh";
                let honest = shell.saved || !handout.saved;
                assert!(!handout.refreshed || honest, "a token was handed out as saved and was not");
                assert!(!fresh || honest || shell.lied, "a token came from nowhere");
                shell.silent(&format!("{handout:?}"));
            }
        }
        1 => {
            let mut transaction = SaveSession::new(stored(&mut shell.choices, 900));
            let ended = shell.drive(&mut transaction);
            let result = transaction.finish();
            shell.judge(ended, result.err().as_ref());
            assert!(result.is_err() || shell.saved || shell.found_own, "a session counts as kept and is not");
        }
        _ => {
            let mut transaction = SignOut::new();
            let ended = shell.drive(&mut transaction);
            let result = transaction.finish();
            shell.judge(ended, result.as_ref().err());
            assert!(result.is_err() || shell.erased, "signed out, and the session is still here");
        }
    }
}

/// Any state of a stored session.
fn stored(choices: &mut Choices<'_>, generation: u64) -> Record {
    let what = choices.byte();
    let mut record = record(NOW, what & 1 != 0, Generation::from_number(generation));
    for access in record.access.iter_mut() {
        access.token = "canary-access".into();
        access.expires_at = [NOW.plus(HOUR), NOW.minus(HOUR), NOW.plus(Duration::from_secs(5))]
            [usize::from(what >> 1 & 3) % 3];
        access.received_at = access.expires_at.minus(HOUR);
    }
    if what & 8 != 0 {
        record.access.clear();
    }
    if let Some(rest) = &mut record.rest {
        rest.refresh_token = (what & 16 == 0).then(|| "canary-refresh".into());
        rest.forgives_replay = what & 32 != 0;
        rest.mark = (what & 64 != 0).then(|| NOW.minus(HOUR));
        if let Some(key) = &mut rest.key {
            key.private = (what & 128 == 0).then(|| crate::secret::Secret::new(b"canary-private".to_vec()));
        }
    }
    record.view.refreshes = record.rest.as_ref().is_some_and(|rest| rest.refresh_token.is_some());
    record
}

/// Answers effects as the bytes say, and remembers what that allows.
struct Shell<'a> {
    choices: Choices<'a>,
    kind: u8,
    now: Timestamp,
    /// Whether an answer was of the wrong kind, so that a [`Error::Bug`] is in order.
    lied: bool,
    held: bool,
    /// Whether what was loaded last may be sent without the lock.
    forgiving: bool,
    looked_at_whole: bool,
    refused: bool,
    saved: bool,
    erased: bool,
    found_own: bool,
    requests: usize,
    /// Whether the last answer to one is a reason to send another.
    reason: bool,
}

impl<'a> Shell<'a> {
    const fn new(kind: u8, choices: Choices<'a>) -> Self {
        Self {
            choices,
            kind,
            now: NOW,
            lied: false,
            held: false,
            forgiving: false,
            looked_at_whole: false,
            refused: false,
            saved: false,
            erased: false,
            found_own: false,
            requests: 0,
            reason: false,
        }
    }

    /// Drives to the end; whether the lock was given back on the way is judged at each step.
    fn drive(&mut self, transaction: &mut dyn Transaction) -> bool {
        let mut dice = SeededDice::new(7);
        let mut answer = Answer::Begin;
        let mut unlocking = false;
        for _ in 0..BOUND {
            let effect = match transaction.step(answer, self.now, &mut dice) {
                Step::Need(effect) => effect,
                Step::Done => {
                    let more = transaction.step(Answer::Loaded(None), self.now, &mut dice);
                    assert!(matches!(more, Step::Done), "what is done stays done");
                    return true;
                }
            };
            assert!(!unlocking, "nothing comes after the lock was given back");
            self.silent(&format!("{effect:?}"));
            unlocking = matches!(effect, Effect::Unlock);
            answer = self.answer(effect);
            self.silent(&format!("{answer:?}"));
        }
        false
    }

    fn judge(&self, ended: bool, error: Option<&Error>) {
        assert!(ended, "it does not end");
        assert!(!self.held, "the lock is kept");
        assert!(self.lied || error != Some(&Error::Bug), "a bug without a lie");
    }

    fn silent(&self, text: &str) {
        assert!(CANARIES.iter().all(|canary| !text.contains(canary)), "a secret is printed: {text}");
    }

    fn answer(&mut self, effect: Effect) -> Answer {
        // Mostly an answer to what was asked; now and then another one.
        let how = self.choices.byte();
        if how >= 0xf0 {
            self.released(&effect);
            return self.lie(how);
        }
        if how >= 0xe0 {
            self.released(&effect);
            return Answer::Failed(
                [Error::StoreLocked, Error::StoreCorrupt, Error::KeyLost, Error::Unreachable]
                    [usize::from(how & 3)],
            );
        }
        // Time goes on while others are waited for, and sometimes back.
        if how & 0x10 != 0 && matches!(effect, Effect::Load(_) | Effect::Lock | Effect::Send(_)) {
            self.now = if how & 0x20 != 0 { self.now.plus(HOUR) } else { self.now.minus(HOUR) };
        }
        match effect {
            Effect::Load(part) => self.load(part, how),
            Effect::Lock => {
                assert!(!self.held, "the lock is taken twice");
                self.held = how & 1 == 0;
                if self.held { Answer::Locked } else { Answer::LockTimedOut }
            }
            Effect::Unlock => {
                assert!(self.held, "a lock is given back that nobody holds");
                self.held = false;
                Answer::Unlocked
            }
            Effect::Sign { input, .. } => {
                assert!(!input.is_empty());
                let length = if how & 0x0f == 0x0f { 63 } else { 64 };
                self.lied |= length != 64;
                Answer::Signed([7].repeat(length))
            }
            Effect::Send(request) => self.send(&request, how),
            Effect::Save { record, expect } => {
                assert!(self.kind != 2, "a sign-out saves");
                let encoded = record.encode().expect("a whole record");
                self.silent(&format!("{encoded:?}"));
                assert!(expect != Some(record.generation), "a generation is written over itself");
                self.saved |= how & 1 == 0;
                if how & 1 == 0 { Answer::Saved } else { Answer::Moved }
            }
            Effect::Erase { .. } => {
                assert!(self.kind == 2 || (self.kind == 0 && self.refused), "erased without a reason");
                self.erased |= how & 1 == 0;
                if how & 1 == 0 { Answer::Erased } else { Answer::Moved }
            }
        }
    }

    /// An unlocking is over whatever is said about it.
    const fn released(&mut self, effect: &Effect) {
        if matches!(effect, Effect::Unlock) {
            self.held = false;
        }
    }

    fn load(&mut self, part: Part, how: u8) -> Answer {
        let generation = [100, 101, 900][usize::from(how & 3) % 3];
        if how & 0x0c == 0x0c {
            // Gone: in a sign-out, by its own erasure or by another.
            self.erased = true;
            return Answer::Loaded(None);
        }
        let mut record = stored(&mut self.choices, generation);
        self.found_own |= generation == 900;
        if part == Part::Access {
            record.rest = None;
        } else {
            self.looked_at_whole = true;
            self.forgiving =
                record.rest.as_ref().is_some_and(|rest| rest.key.is_some() && rest.forgives_replay);
        }
        Answer::Loaded(Some(record))
    }

    fn send(&mut self, request: &Request, how: u8) -> Answer {
        assert!(self.looked_at_whole, "a refresh token of a look without the lock is sent");
        let body = request.body.as_ref().map_or("", |body| body.expose());
        let mut form = Query::parse(body, Message::TokenResponse).expect("a form");
        let refresh = form.take("grant_type").is_some();
        let token = form.take(if refresh { "refresh_token" } else { "token" });
        assert_eq!(token.as_ref().map(|token| token.expose().as_str()), Some("canary-refresh"));
        if refresh {
            assert_eq!((self.kind, request.url.as_str()), (0, "https://issuer.example/token"));
            assert!(self.held || self.forgiving, "sent without the lock to an issuer that does not forgive");
        } else {
            assert_eq!(request.url.as_str(), "https://issuer.example/revoke");
        }
        self.requests += 1;
        // Once; once more with a nonce, and once more where an answer was lost; and all that again with what somebody else
        // saved after a refusal.
        assert!(self.requests <= if self.kind == 0 { 6 } else { 1 }, "sent over and over");
        assert!(self.requests == 1 || self.reason, "sent again without a reason");
        let (status, body): (u16, Vec<u8>) = match how & 0x0f {
            0 | 1 => (200, GOOD.into()),
            2 | 3 => (200, GOOD_BOUND.into()),
            4 | 5 => (400, r#"{"error":"invalid_grant"}"#.into()),
            6 | 7 => (400, r#"{"error":"use_dpop_nonce"}"#.into()),
            8 => {
                self.reason = true;
                return Answer::Lost;
            }
            9 => (503, Vec::new()),
            10 => (200, self.choices.piece().to_vec()),
            11 => (401, self.choices.piece().to_vec()),
            _ => (400, self.choices.piece().to_vec()),
        };
        let nonce = self.choices.flag().then(|| String::from(["nonce-1", "nonce-2"][usize::from(how >> 7)]));
        let header = |name: &str| if name == "dpop-nonce" { nonce.clone() } else { None };
        self.sent(Response::new(status, &header, body))
    }

    fn sent(&mut self, response: Response) -> Answer {
        let said = error_body::parse(&response, Message::TokenResponse);
        self.refused |= said == Error::Refused(Refusal::InvalidGrant);
        let again = [Refusal::InvalidGrant, Refusal::UseDpopNonce];
        self.reason = again.into_iter().any(|refusal| said == Error::Refused(refusal));
        Answer::Sent(response)
    }

    /// An answer to a question that was not asked, as a broken shell might give. (But for `Begin`, which begins again.)
    fn lie(&mut self, how: u8) -> Answer {
        self.lied = true;
        match how & 0x0f {
            0 | 1 => {
                self.erased = true;
                Answer::Loaded(None)
            }
            // Half a record, where a whole one may have been asked for.
            2 => self.load(Part::Access, 0),
            3 => Answer::LockTimedOut,
            4 => Answer::Signed(self.choices.piece().to_vec()),
            5 => {
                let body = self.choices.piece().to_vec();
                self.sent(Response::new(200, &|_| None, body))
            }
            6 => {
                self.reason = true;
                Answer::Lost
            }
            7 => {
                self.erased = true;
                Answer::Erased
            }
            8 => Answer::Moved,
            9 => {
                self.saved = true;
                Answer::Saved
            }
            _ => Answer::Unlocked,
        }
    }
}
