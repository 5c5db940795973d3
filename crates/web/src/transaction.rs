//! The border: whatever takes several steps, stepped by `www/shared/drive.js`.

use alloc::string::String;
use alloc::vec::Vec;
use core::mem;
use core::time::Duration;

use gatepass_core::error::Error;
use gatepass_core::http::Response;
use gatepass_core::secret::Secret;
use gatepass_core::session::access::{GetAccess, Handout, Wanted};
use gatepass_core::session::freshness::MIN_TTL;
use gatepass_core::session::save::SaveSession;
use gatepass_core::session::sign_out::SignOut;
use gatepass_core::session::transaction::{Answer as Plain, Step, Transaction as Steps};
use gatepass_core::time::Timestamp;
use wasm_bindgen::prelude::*;

use crate::error;
use crate::login::{Answer, Callback, Next, SignIn};
use crate::random::BrowserDice;
use crate::view::{self, View};

/// Something that takes several steps; which, the first of them says.
#[wasm_bindgen]
#[derive(Debug, Default)]
pub struct Transaction(Machine);

/// What there is.
#[derive(Debug, Default)]
#[expect(clippy::large_enum_variant, reason = "one of it lives at a time")]
enum Machine {
    /// Nothing yet, or nothing more.
    #[default]
    Idle,
    /// Seeing who is signed in.
    Look,
    /// Leaving for the issuer.
    SignIn(SignIn),
    /// Coming back; it goes on as [`Machine::Save`].
    Callback(Callback),
    /// Keeping a new session.
    Save(SaveSession),
    /// Giving out a token.
    Access(GetAccess),
    /// Ending a session.
    Out(SignOut),
}

#[wasm_bindgen]
impl Transaction {
    /// Idle.
    #[wasm_bindgen(constructor)]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes what became of the last effect and gives the next, or `{do: "done", ..}` with the result; throws how it
    /// failed. `now` is in seconds. First it is said what is wanted:
    ///
    /// | said | one | number | result |
    /// |---|---|---|---|
    /// | `look` | | | the session, if there is one |
    /// | `signIn` | settings as a form | | `url` |
    /// | `callback` | address | | |
    /// | `access`, `refresh` | `audience`, `resource` and `scope` as a form | least time to live, if given | `value, type, expiresAt, refreshed` |
    /// | `signOut` | | | `revoked` |
    ///
    /// and then what became of it:
    ///
    /// | said | one | two | bytes | number |
    /// |---|---|---|---|---|
    /// | `loaded`, with something if there is | access | rest, if asked for | | |
    /// | `signed`, `made` | | | signature, public key | |
    /// | `sent` | content-type | dpop-nonce | body | status |
    /// | `taken`, with something if there is | pending | | | |
    /// | `judged` | | | | 1 if it is good |
    /// | `failed` | code | | | |
    ///
    /// `locked`, `late` (the lock was not to be had), `lost`, `saved`, `erased`, `moved`, `unlocked` and `kept` bring
    /// nothing.
    pub fn step(
        &mut self,
        now: f64,
        said: &str,
        one: Option<String>,
        two: Option<String>,
        bytes: Option<Vec<u8>>,
        number: f64,
    ) -> Result<JsValue, JsValue> {
        let now = Timestamp::from_seconds(now as u64);
        let next = match self.0 {
            Machine::Idle => self.begin(said, one, number, now),
            _ => self.advance(answer(said, one, two, bytes.unwrap_or_default(), number as u16), now),
        };
        next.map(JsValue::from).map_err(error::to_js)
    }
}

impl Transaction {
    fn begin(&mut self, said: &str, one: Option<String>, number: f64, now: Timestamp) -> Result<View, Error> {
        let one = one.unwrap_or_default();
        self.0 = match said {
            "look" => Machine::Look,
            "signIn" => Machine::SignIn(SignIn::new(&one)?),
            "callback" => Machine::Callback(Callback::new(Secret::new(one))),
            "access" | "refresh" => {
                let min_ttl = if number.is_nan() { MIN_TTL } else { Duration::from_secs(number as u64) };
                let purpose = view::purpose(&one)?;
                Machine::Access(GetAccess::new(Wanted { purpose, min_ttl, force: said == "refresh" }))
            }
            "signOut" => Machine::Out(SignOut::new()),
            _ => return Err(Error::Bug),
        };
        self.advance(Answer::Plain(Plain::Begin), now)
    }

    fn advance(&mut self, mut answer: Answer, now: Timestamp) -> Result<View, Error> {
        if let Machine::Callback(callback) = &mut self.0 {
            match callback.step(answer, now)? {
                Next::Need(view) => return Ok(view),
                Next::Save(record) => {
                    self.0 = Machine::Save(SaveSession::new(record));
                    answer = Answer::Plain(Plain::Begin);
                }
            }
        }
        if let Machine::SignIn(sign_in) = &mut self.0 {
            return sign_in.step(answer, now);
        }
        let Answer::Plain(answer) = answer else { return Err(Error::Bug) };
        let steps: &mut dyn Steps = match &mut self.0 {
            Machine::Look => return look(answer),
            Machine::Save(save) => save,
            Machine::Access(access) => access,
            Machine::Out(out) => out,
            _ => return Err(Error::Bug),
        };
        match steps.step(answer, now, &mut BrowserDice) {
            Step::Need(effect) => view::effect(&effect),
            Step::Done => finish(mem::take(&mut self.0)),
        }
    }
}

/// No network, no lock, no token.
fn look(answer: Plain) -> Result<View, Error> {
    match answer {
        Plain::Begin => Ok(view::load(false)),
        Plain::Loaded(Some(record)) => Ok(view::session(&record)),
        Plain::Loaded(None) => Ok(view::done().into()),
        Plain::Failed(error) => Err(error),
        _ => Err(Error::Bug),
    }
}

fn finish(machine: Machine) -> Result<View, Error> {
    match machine {
        Machine::Save(save) => save.finish().map(|()| view::done().into()),
        Machine::Access(access) => match access.finish()? {
            // A page has no way to warn beside its answer.
            Handout { saved: false, .. } => Err(Error::NotSaved),
            handout => Ok(view::token(&handout)),
        },
        Machine::Out(out) => match out.finish() {
            Ok(out) => Ok(view::done().flag("revoked", out.revoked.is_ok()).into()),
            // Nobody has to be told.
            Err(Error::NotSignedIn) => Ok(view::done().flag("revoked", true).into()),
            Err(error) => Err(error),
        },
        _ => Err(Error::Bug),
    }
}

fn answer(said: &str, one: Option<String>, two: Option<String>, bytes: Vec<u8>, status: u16) -> Answer {
    Answer::Plain(match said {
        "loaded" => {
            let rest = two.map(Secret::new);
            let record = one.map(|access| view::record(&Secret::new(access), rest.as_ref()));
            record.transpose().map_or_else(Plain::Failed, Plain::Loaded)
        }
        "locked" => Plain::Locked,
        "late" => Plain::LockTimedOut,
        "signed" => Plain::Signed(bytes),
        "sent" => {
            let header = |name: &str| if name == "dpop-nonce" { two.clone() } else { one.clone() };
            Plain::Sent(Response::new(status, &header, bytes))
        }
        "lost" => Plain::Lost,
        "saved" => Plain::Saved,
        "erased" => Plain::Erased,
        "moved" => Plain::Moved,
        "unlocked" => Plain::Unlocked,
        "made" => return Answer::Made(bytes),
        "kept" => return Answer::Kept,
        "taken" => return Answer::Taken(one.map(Secret::new)),
        "judged" => return Answer::Judged(status == 1),
        _ => Plain::Failed(error::from_js(one.as_deref())),
    })
}
