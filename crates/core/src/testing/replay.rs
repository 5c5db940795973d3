//! Plays a transcript again: the same machine, answered as it was then, has to ask for the same effects.
//!
//! What a transcript does not say (tokens, names, addresses) is made up; the machine never decides by it. The whole is
//! written down anew and compared line by line, so that this checks its own reading too.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::time::Duration;

use crate::error::{Error, Refusal};
use crate::field::{Field, Message};
use crate::http::Response;
use crate::json::Writer;
use crate::jwt::{assemble, signing_input};
use crate::kept::Text;
use crate::name::{Audience, Scopes};
use crate::protocol::token_response::TokenType;
use crate::secret::Secret;
use crate::session::access::Wanted;
use crate::session::record::{Access, Generation, Purpose, Record};
use crate::session::transaction::{Answer, Step, Transaction};
use crate::session::transcript::{FIRST_LINE, REMARK, TracedAccess};
use crate::testing::{SeededDice, record};
use crate::time::Timestamp;

/// Why a transcript could not be played to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Divergence {
    /// There is no transcript in the text.
    NoTranscript,
    /// A line that no version of this writes.
    Unreadable(String),
    /// The machine does something else today.
    Differs {
        /// The line as it was then.
        then: String,
        /// The line as it is now.
        now: String,
    },
}

/// Plays the first transcript of a text, which may be a whole report. One that was cut short is played as far as it
/// goes.
pub fn replay(text: &str) -> Result<(), Divergence> {
    let lines: Vec<&str> = text
        .lines()
        .map(|line| line.split(REMARK).next().unwrap_or_default().trim())
        .skip_while(|line| *line != FIRST_LINE)
        .take_while(|line| !line.is_empty() && !line.starts_with("```"))
        .collect();
    let [_, header, ..] = lines.as_slice() else { return Err(Divergence::NoTranscript) };
    let wanted = wanted(header).ok_or_else(|| Divergence::Unreadable(header.to_string()))?;
    let mut machine = TracedAccess::new(wanted.clone());
    let mut dice = SeededDice::new(7);
    let mut step = machine.step(Answer::Begin, START, &mut dice);
    for line in lines.iter().filter(|line| line.contains(" < ")) {
        if matches!(step, Step::Done) {
            break;
        }
        let (now, answer) = answer(line, &wanted).ok_or_else(|| Divergence::Unreadable(line.to_string()))?;
        step = machine.step(answer, now, &mut dice);
    }
    let played = match step {
        Step::Done => machine.finish().1.to_string(),
        Step::Need(_) => machine.so_far().to_string(),
    };
    let mut played = played.lines().map(|line| line.split(REMARK).next().unwrap_or_default());
    for then in lines {
        let now = played.next().unwrap_or_default();
        if now != then {
            return Err(Divergence::Differs { then: then.to_string(), now: now.to_string() });
        }
    }
    Ok(())
}

/// When it is played: what is a minute ago must not be before 1970.
const START: Timestamp = Timestamp::from_seconds(1 << 40);

/// The words of a line behind its time and its sign.
struct Words<'a>(Vec<&'a str>);

impl<'a> Words<'a> {
    fn has(&self, word: &str) -> bool {
        self.0.contains(&word)
    }

    fn value(&self, name: &str) -> Option<&'a str> {
        self.0.iter().find_map(|word| word.strip_prefix(name)?.strip_prefix('='))
    }

    fn moment(&self, name: &str, now: Timestamp) -> Option<Timestamp> {
        at(self.value(name)?, now)
    }
}

fn wanted(line: &str) -> Option<Wanted> {
    let words = Words(line.strip_prefix("0s access ")?.split(' ').collect());
    let purpose = Purpose {
        audience: words.has("audience").then(|| Audience::named("audience").ok()).flatten(),
        scopes: words.has("scopes").then(|| Scopes::parse("openid").ok()).flatten(),
    };
    let min_ttl = words.value("min_ttl")?.strip_suffix('s')?.parse().ok()?;
    Some(Wanted { purpose, min_ttl: Duration::from_secs(min_ttl), force: words.has("force") })
}

/// Reads a distance: `-100s`.
fn at(text: &str, from: Timestamp) -> Option<Timestamp> {
    let seconds: i128 = text.strip_suffix('s')?.parse().ok()?;
    u64::try_from(i128::from(from.seconds()) + seconds).ok().map(Timestamp::from_seconds)
}

fn answer(line: &str, wanted: &Wanted) -> Option<(Timestamp, Answer)> {
    let (when, said) = line.split_once(" < ")?;
    let now = at(when, START)?;
    let (kind, rest) = said.split_once(' ').unwrap_or((said, ""));
    let words = Words(rest.split(' ').collect());
    let answer = match kind {
        "loaded" if rest == "nothing" => Answer::Loaded(None),
        "loaded" => Answer::Loaded(Some(loaded(&words, wanted, now)?)),
        "locked" => Answer::Locked,
        "lock_timed_out" => Answer::LockTimedOut,
        "signed" => Answer::Signed([7; 64].to_vec()),
        "sent" => Answer::Sent(sent(&words)?),
        "lost" => Answer::Lost,
        "saved" => Answer::Saved,
        "erased" => Answer::Erased,
        "moved" => Answer::Moved,
        "unlocked" => Answer::Unlocked,
        "failed" => Answer::Failed(error(rest)?),
        _ => return None,
    };
    Some((now, answer))
}

fn loaded(words: &Words<'_>, wanted: &Wanted, now: Timestamp) -> Option<Record> {
    let mut record = record(now, words.has("key"), generation(words.0.first()?)?);
    record.view.refreshes = words.has("refreshes");
    if !words.has("covers") && wanted.purpose.scopes.is_some() {
        record.view.scopes = Scopes::parse("another").ok()?;
    }
    record.access.clear();
    if let Some(token_type) = words.value("token") {
        record.access.push(Access {
            purpose: wanted.purpose.clone(),
            granted: None,
            token: Secret::from("token"),
            token_type: TokenType::parse(token_type)?,
            received_at: words.moment("received", now)?,
            expires_at: words.moment("expires", now)?,
        });
    }
    let mut rest = record.rest.take()?;
    if words.has("whole") {
        if !words.has("refresh_token") {
            rest.refresh_token = None;
        }
        rest.forgives_replay = words.has("forgives");
        rest.nonce = words.value("nonce").map(Text::from);
        rest.mark = match words.value("mark") {
            Some(age) => Some(at(age, now)?),
            None => None,
        };
        record.rest = Some(rest);
    }
    Some(record)
}

/// `g1+2`: two after the first of the second line that was seen.
fn generation(name: &str) -> Option<Generation> {
    let name = name.strip_prefix('g')?;
    let (line, steps) = name.split_once('+').unwrap_or((name, "0"));
    let (line, steps): (u64, u64) = (line.parse().ok()?, steps.parse().ok()?);
    Some(Generation::from_number((line + 1) * 1_000_000 + steps))
}

fn sent(words: &Words<'_>) -> Option<Response> {
    let status = words.0.first()?.parse().ok()?;
    let body = match words.value("token") {
        Some(token_type) => tokens(words, token_type)?,
        None => match *words.0.last()? {
            // A status alone says it.
            "unreachable" => String::new(),
            "malformed" => String::from("?"),
            "not_bound" => Writer::new().text("access_token", "a").text("token_type", "Bearer").finish(),
            code => Writer::new().text("error", code).finish(),
        },
    };
    let nonce = words.value("nonce").map(String::from);
    let header = |name: &str| (name == "dpop-nonce").then(|| nonce.clone()).flatten();
    Some(Response::new(status, &header, body.into_bytes()))
}

fn tokens(words: &Words<'_>, token_type: &str) -> Option<String> {
    let lives = words.value("lives")?.strip_suffix('s')?.parse().ok()?;
    let mut writer = Writer::new()
        .text("access_token", "new")
        .text("token_type", token_type)
        .number("expires_in", lives)
        .some("refresh_token", words.has("refresh_token").then_some("refresh-1"))
        .some("scope", words.has("scope").then_some("openid offline_access"));
    if let Some(verdict) = words.value("id_token") {
        let claims = match verdict {
            "same" => r#"{"iss":"https://issuer.example","sub":"user-1","aud":"client"}"#,
            "issuer_mismatch" => r#"{"iss":"https://other.example","sub":"user-1","aud":"client"}"#,
            "bad_claim" => r#"{"iss":"https://issuer.example","sub":"user-2","aud":"client"}"#,
            _ => "{}",
        };
        let id_token = assemble(signing_input(r#"{"alg":"ES256"}"#, claims), &[7; 64]);
        writer = writer.text("id_token", &id_token);
    }
    Some(writer.finish())
}

/// An error by its code; which field it is about does not change what a transaction does.
fn error(code: &str) -> Option<Error> {
    let field = Field::X;
    let fixed = [
        Error::Configuration { field },
        Error::NotSignedIn,
        Error::StateMismatch,
        Error::LoginExpired,
        Error::NotTheCallback,
        Error::Declined,
        Error::NoSuchLogin,
        Error::OtherOrigin,
        Error::Malformed { message: Message::TokenResponse, field },
        Error::IssuerMismatch,
        Error::BadSignature,
        Error::BadClaim { claim: field },
        Error::NotBound,
        Error::Unsupported { feature: field },
        Error::SessionEnded,
        Error::SessionLost,
        Error::Unreachable,
        Error::Untrusted,
        Error::Busy,
        Error::Moved,
        Error::StoreUnavailable,
        Error::StoreLocked,
        Error::StoreCorrupt,
        Error::NotSaved,
        Error::KeyLost,
        Error::NoDice,
        Error::StoreTaken,
        Error::StoreExposed,
        Error::PortTaken { port: 0 },
        Error::Certificates,
        Error::Bug,
    ];
    let refused = || Some(Error::Refused(Refusal::parse(code))).filter(|error| error.code() == code);
    fixed.into_iter().find(|error| error.code() == code).or_else(refused)
}
