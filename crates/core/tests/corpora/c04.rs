//! 04, what token endpoints answer: `protocol/token_response.rs` reads it, and every answer, whatever its grant, is also
//! the answer to a refresh of a stored session, whose refresh token has to be there afterwards.
//!
//! | where the corpus leaves it open | here | why |
//! |---|---|---|
//! | JSON under another content type, or none | read | the body decides, and there is one grammar for it |
//! | no `token_type`, or an unknown one | malformed | RFC 6749 section 5.1 requires it; a guess may send a bound token as a bearer's |
//! | a form as body | malformed | JSON was asked for; two grammars are two readers |
//! | the same member twice, a byte order mark, UTF-16 | malformed | two readers could differ |
//! | `expires_in` as a text or with a fraction | read, the fraction cut off | many servers quote it |
//! | `expires_in` is 0, negative, a word, a date, missing | unsaid: 300 s | 0 and -1 mean "for ever" to some; nothing is refreshed over and over for it |
//! | `expires_in` is no number or text at all | malformed | nothing in the field sends it, and it may hide what was meant |
//! | `expires_in` is enormous | ten years, or unsaid where it fits no number | sums stay small |
//! | `expires` instead of `expires_in` | not read | elsewhere it is a date |
//! | `refresh_token` is empty | as if it were not there: the old one stays | some servers write every field out |
//! | `scope` is a list | read | Twitch |
//! | status 201 | a success | some frameworks answer every POST with it |
//! | `error` beside tokens, or under 200 | the error counts | tokens of a refusal are nobody's |
//! | `bad_refresh_token` | `invalid_grant` | GitHub's name for it |
//! | an error without a registered form | the session stays, no retry | nothing was said about the grant |
//! | 408, 425, 429, 5xx, no answer | the session stays, the caller may try again later | nothing was said about the grant, and only that ends it |
//!
//! The strict one of two answers that the corpus offers (`ok-if-lenient`) is counted as a choice.

use std::time::Duration;

use gatepass_core::error::{Error, Refusal};
use gatepass_core::field::{Field, Message};
use gatepass_core::http::{MAX_BODY, Response};
use gatepass_core::jwt::Compact;
use gatepass_core::kept::Kept;
use gatepass_core::protocol::token_response::{self, TokenResponse, UNSAID_LIFETIME};
use gatepass_core::secret::Secret;
use gatepass_core::session::access::{GetAccess, Wanted};
use gatepass_core::session::transaction::{Answer, Effect, Step, Transaction};
use gatepass_core::testing::{ServerKind, World};
use gatepass_core::time::Timestamp;
use libtest_mimic::Trial;
use serde_json::Value;

use crate::answers::{body, redacted, response, silent};
use crate::frame::{Judgement, Verdict, corpus, text};

/// 2026-01-01T00:00:00Z
const NOW: Timestamp = Timestamp::from_seconds(1_767_225_600);

pub(crate) fn trial() -> Trial {
    corpus("04-token-endpoint-responses", judge)
}

/// What may happen to a request instead of an answer. To the core it is all the same.
const NO_ANSWER: &[&str] = &[
    "abort",
    "byte/s",
    "certificate",
    "closed",
    "connection",
    "content-length",
    "dns",
    "eof",
    "goaway",
    "half",
    "handshake",
    "hang",
    "no answer",
    "proxy",
    "refused",
    "reset",
    "rst",
    "slow",
    "stall",
    "timed out",
    "timeout",
    "tls",
    "truncated",
    "unreachable",
];

/// What comes over the network: a whole answer, or none. A shell makes one of both of everything else that may happen
/// there, and it cuts a body behind [`MAX_BODY`].
enum Came {
    Answer(u16, Vec<u8>),
    Nothing,
}

impl Came {
    fn response(&self, line: &Value) -> Option<Response> {
        match self {
            Self::Answer(status, body) => Some(response(*status, &line["headers"], body.clone())),
            Self::Nothing => None,
        }
    }
}

/// Where `ok-if-lenient` is not.
const ONE_GRAMMAR: &str = "JSON was asked for, and another grammar is not read";
const REQUIRED: &str = "what RFC 6749 section 5.1 requires is required, and not guessed";

fn judge(line: &Value) -> Judgement {
    let mut verdict = Verdict::Right;
    for came in came(line)? {
        if let chosen @ Verdict::Chosen(_) = one(line, &came)? {
            verdict = chosen;
        }
    }
    Ok(verdict)
}

/// The answers that a line stands for: more than one where shells differ.
fn came(line: &Value) -> Result<Vec<Came>, String> {
    let status =
        line["status"].as_u64().and_then(|status| status.try_into().ok()).ok_or("cannot read: status")?;
    let sent = body(&line["body"]);
    let sound = br#"{"access_token": "AT", "token_type": "Bearer", "expires_in": 3600}"#;
    let answer = |body: Vec<u8>| Ok(vec![Came::Answer(status, body)]);
    let has = |words: &str, some: &[&str]| some.iter().any(|word| words.contains(word));
    if status == 0 {
        let words = text(line, "body").to_ascii_lowercase();
        return if has(&words, &["gib", "mib", "endless", "huge"]) {
            Ok(vec![Came::Answer(200, vec![b' '; MAX_BODY + 1])])
        } else if words.contains("then 200") {
            Ok(vec![Came::Answer(200, sound.to_vec())])
        } else if has(&words, NO_ANSWER) {
            Ok(vec![Came::Nothing])
        } else {
            Err(format!("cannot read: {words}"))
        };
    }
    let utf16 = || String::from_utf8_lossy(sound).encode_utf16().collect::<Vec<u16>>();
    let generate = text(line, "generate").to_ascii_lowercase();
    if generate.is_empty() {
        answer(sent)
    } else if generate.contains("utf-16be") {
        answer(utf16().into_iter().flat_map(u16::to_be_bytes).collect())
    } else if generate.contains("utf-16") {
        answer(utf16().into_iter().flat_map(u16::to_le_bytes).collect())
    } else if generate.contains("bom") && !generate.contains("bomb") {
        answer([b"\xef\xbb\xbf".as_slice(), sound].concat())
    } else if has(&generate, &["invalid", "latin"]) {
        answer(sound.iter().map(|byte| if *byte == b'T' { 0xc4 } else { *byte }).collect())
    } else if has(&generate, &["gzip", "deflate", "brotli"]) {
        // A terminal does not unpack, a browser does.
        let packed = [b"\x1f\x8b\x08\0\0\0\0\0\x02\xff".as_slice(), &[0xff; 10_000]].concat();
        Ok(vec![Came::Answer(status, packed), Came::Answer(status, vec![0; MAX_BODY + 1])])
    } else if has(&generate, &["mib", "gib", "huge", "large"]) {
        answer(vec![b' '; MAX_BODY + 1])
    } else {
        Err(format!("cannot read: generate {generate}"))
    }
}

/// What a line expects, with what came of it here.
struct Case<'a> {
    line: &'a Value,
    sent: &'a [u8],
    read: Result<Kept<TokenResponse>, Error>,
    refresh: Refresh,
}

fn one(line: &Value, came: &Came) -> Judgement {
    let bound = bound(line);
    let read = match came.response(line) {
        Some(response) => token_response::parse(&response, bound).and_then(readable),
        None => Err(Error::Unreachable),
    };
    let sent = match came {
        Came::Answer(_, body) => body.as_slice(),
        Came::Nothing => &[],
    };
    let refresh = refresh(line, came, bound)?;
    match &read {
        Ok(tokens) => {
            let secrets =
                [Some(&tokens.access_token), tokens.refresh_token.as_ref(), tokens.id_token.as_ref()];
            let secrets: Vec<&str> =
                secrets.into_iter().flatten().map(|secret| secret.expose().as_str()).collect();
            redacted(tokens, &secrets)?;
        }
        Err(error) => silent(*error, sent)?,
    }
    let case = Case { line, sent, read, refresh };
    case.invariants()?;
    case.expected()?;
    Ok(case.choice())
}

/// Whether the request carried a proof.
fn bound(line: &Value) -> bool {
    let words = [text(line, "variant"), text(line, "context")].join(" ").to_lowercase();
    let has = |some: &[&str]| some.iter().any(|word| words.contains(word));
    let nonce = text(&line["expect"], "outcome").contains("nonce");
    nonce || has(&["solicited", "proof", "key-bound"]) && !has(&["unsolicited", "no proof", "without proof"])
}

/// An ID token that cannot be taken apart is no answer either (session/grant.rs, before anything is believed).
fn readable(tokens: Kept<TokenResponse>) -> Result<Kept<TokenResponse>, Error> {
    if let Some(id_token) = &tokens.id_token {
        Compact::split(id_token.expose(), Message::IdToken)?;
    }
    Ok(tokens)
}

/// A refresh that got this answer, each time that it asked.
struct Refresh {
    result: Result<(), Error>,
    requests: usize,
    /// The refresh token that is stored afterwards.
    kept: Option<String>,
}

/// Runs the real transaction on a stored session whose refresh token is `RT1`.
fn refresh(line: &Value, came: &Came, bound: bool) -> Result<Refresh, String> {
    let mut world = World::signed_in(if bound { ServerKind::StrictBound } else { ServerKind::Strict });
    let mut record = world.store.load().ok_or("the world is empty")?;
    let before = record.generation;
    record.generation = before.next();
    record.rest.as_mut().ok_or("the world is empty")?.refresh_token = Some(Secret::from("RT1"));
    assert!(world.store.save(&record, Some(before)), "nobody else is at the store");
    world.now = world.now.plus(Duration::from_secs(3600));

    let mut transaction = GetAccess::new(Wanted::default());
    let mut requests = 0;
    let mut answer = Answer::Begin;
    while let Step::Need(effect) = transaction.step(answer, world.now, &mut world.dice) {
        answer = match effect {
            Effect::Send(request) => {
                requests += 1;
                let form = request.body.as_ref().map_or("", |body| body.expose());
                if requests > 5 || !form.contains("refresh_token=RT1") {
                    return Err(format!("request {requests} is not the refresh that was meant"));
                }
                came.response(line).map_or(Answer::Lost, Answer::Sent)
            }
            effect => world.perform(effect),
        };
    }
    if world.locked {
        return Err(String::from("the lock is kept"));
    }
    let kept = world
        .store
        .load()
        .and_then(|record| record.rest?.into_inner().refresh_token)
        .map(|token| token.expose().clone());
    Ok(Refresh { result: transaction.finish().map(|_| ()), requests, kept })
}

impl Case<'_> {
    /// What holds for every line.
    fn invariants(&self) -> Result<(), String> {
        let Refresh { result, requests, kept } = &self.refresh;
        let (expected, most) = match &self.read {
            Ok(_) => (Ok(()), 1),
            Err(Error::Refused(Refusal::InvalidGrant)) => (Err(Error::SessionEnded), 1),
            // RFC 9449 section 8: once more, where there is a proof to put the nonce into.
            Err(Error::Refused(Refusal::UseDpopNonce)) => (Err(Error::Refused(Refusal::UseDpopNonce)), 2),
            // No answer at all: once more, soon, because it may have been given.
            Err(Error::Unreachable) if self.line["status"] == 0 => (Err(Error::Unreachable), 2),
            Err(error) => (Err(*error), 1),
        };
        // The ID token of a login speaks of somebody else than the session that is refreshed here.
        let stranger = self.read.as_ref().is_ok_and(|tokens| tokens.id_token.is_some());
        if *result != expected && !stranger {
            return Err(format!("a refresh came to {result:?}, not to {expected:?}"));
        }
        if *requests == 0 || *requests > most {
            return Err(format!("{requests} requests"));
        }
        if kept.is_none() != (expected == Err(Error::SessionEnded)) {
            return Err(format!("after {expected:?}, the refresh token is {kept:?}"));
        }
        if self.read.is_err() && kept.as_deref().is_some_and(|kept| kept != "RT1") {
            return Err(String::from("a failed refresh changed the refresh token"));
        }
        Ok(())
    }

    fn expected(&self) -> Result<(), String> {
        let expect = &self.line["expect"];
        self.outcome(text(expect, "outcome"))?;
        for (name, expected) in expect.as_object().ok_or("cannot read: no expectation")? {
            let holds = match name.as_str() {
                // `strict` belongs to the outcome; a note is for people.
                "outcome" | "strict" | "note" => true,
                "error" => self.error(expected.as_str().ok_or("cannot read: error")?),
                "retry" => self.retry(expected)?,
                "retry_after" => self.retry_after(expected)?,
                "refresh_token" => self.refresh_token(expected),
                _ => self.field(name, expected)?,
            };
            if !holds {
                return Err(format!(
                    "{name} should be {expected}: {:?}, kept {:?}",
                    self.read, self.refresh.kept
                ));
            }
        }
        Ok(())
    }

    fn outcome(&self, words: &str) -> Result<(), String> {
        let mut unread = true;
        for phrase in words.split(" or ").flat_map(|words| words.split("-or-")) {
            // What follows a colon says what is malformed, in words that are nobody's interface.
            let phrase = phrase.split([':', ';', ',']).next().unwrap_or_default().trim();
            if let Some(holds) = self.came_to(phrase) {
                unread = false;
                if holds {
                    return Ok(());
                }
            }
        }
        Err(if unread {
            format!("cannot read: outcome {words}")
        } else {
            format!("not {words}: {:?}", self.read)
        })
    }

    /// Whether the answer came to this; nothing if the word is not known.
    fn came_to(&self, outcome: &str) -> Option<bool> {
        let read = &self.read;
        Some(match outcome {
            "ok" => read.is_ok(),
            "ok-if-lenient" if self.lenient() => read.is_ok(),
            "ok-if-lenient" => matches!(read, Err(Error::Malformed { .. })),
            "malformed" => matches!(read, Err(Error::Malformed { .. } | Error::NotBound)),
            // It always is; session/grant.rs takes no login without an ID token.
            "malformed-if-openid-requested" => match read {
                Ok(tokens) => tokens.id_token.is_none(),
                Err(error) => matches!(error, Error::Malformed { .. }),
            },
            "oauth_error" => matches!(read, Err(Error::Refused(_))) || self.unclassified(),
            // Nobody knows whether the request took effect, or when it would have ended: it is kept and said.
            "transient" | "ambiguous" | "timeout" | "network" | "unreachable" => {
                matches!(read, Err(Error::Unreachable))
            }
            "retry-once-with-nonce" => {
                matches!(read, Err(Error::Refused(Refusal::UseDpopNonce))) && self.refresh.requests == 2
            }
            "not_bound" | "downgrade" => matches!(read, Err(Error::NotBound)),
            "error" => read.is_err(),
            _ => return None,
        })
    }

    /// The choice where the corpus offers both: lenient about headers alone.
    fn lenient(&self) -> bool {
        let Ok(Value::Object(members)) = serde_json::from_slice(self.sent) else { return false };
        let once =
            |name: &str| String::from_utf8_lossy(self.sent).matches(&format!("\"{name}\"")).count() == 1;
        let bearer = |kind: &Value| kind.as_str().is_some_and(|kind| kind.eq_ignore_ascii_case("bearer"));
        once("access_token") && once("token_type") && members.get("token_type").is_some_and(bearer)
    }

    /// The strict answer where a lenient one is expected first is a choice; a MUST is met by either.
    fn choice(&self) -> Verdict {
        let lenient = text(&self.line["expect"], "outcome").contains("ok-if-lenient");
        if !lenient || self.read.is_ok() || text(self.line, "norm") == "MUST" {
            return Verdict::Right;
        }
        let is_json = serde_json::from_slice::<Value>(self.sent).is_ok();
        Verdict::Chosen(if is_json { REQUIRED } else { ONE_GRAMMAR })
    }

    /// An answer that is no success and has no error in the registered form.
    fn unclassified(&self) -> bool {
        matches!(self.read, Err(Error::Malformed { field: Field::Status | Field::Error, .. }))
    }

    fn error(&self, code: &str) -> bool {
        match code {
            "unknown" => self.unclassified() || matches!(self.read, Err(Error::Refused(Refusal::Other))),
            code => matches!(self.read, Err(Error::Refused(refusal)) if refusal == Refusal::parse(code)),
        }
    }

    fn retry(&self, expected: &Value) -> Result<bool, String> {
        let retryable = matches!(self.read, Err(error) if error.retryable());
        match expected.as_str() {
            Some("no") => Ok(!retryable),
            Some("backoff" | "later") => Ok(retryable),
            _ => Err(format!("cannot read: retry {expected}")),
        }
    }

    fn retry_after(&self, expected: &Value) -> Result<bool, String> {
        let status = self.line["status"].as_u64().and_then(|status| status.try_into().ok()).unwrap_or(0);
        let said = response(status, &self.line["headers"], Vec::new()).retry_after(NOW);
        match expected {
            Value::Number(seconds) => Ok(said.map(|said| said.as_secs()) == seconds.as_u64()),
            Value::String(words) if words.contains("date") => Ok(said.is_some()),
            Value::Null => Ok(said.is_none()),
            Value::String(words) if words == "default" => Ok(said.is_none()),
            _ => Err(format!("cannot read: retry_after {expected}")),
        }
    }

    fn refresh_token(&self, expected: &Value) -> bool {
        let refresh = text(self.line, "grant") == "refresh";
        let kept = self.refresh.kept.as_deref();
        match expected.as_str() {
            // Another grant has none of its own at stake, and the stored one is looked after for every line.
            Some("keep" | "keep-old") => !refresh || kept == Some("RT1"),
            Some("drop") => !refresh || kept.is_none(),
            Some(token) if refresh => kept == Some(token),
            None if refresh => kept == Some("RT1"),
            token => self.read.as_ref().is_ok_and(|tokens| tokens.refresh_token == token.map(Secret::from)),
        }
    }

    fn field(&self, name: &str, expected: &Value) -> Result<bool, String> {
        let unread = || format!("cannot read: {name} {expected}");
        // What an answer that was refused would have said, nobody learns.
        let Ok(tokens) = &self.read else { return Ok(text(&self.line["expect"], "outcome") != "ok") };
        let scopes = tokens.scope.as_ref();
        Ok(match (name, expected) {
            ("expires_in", Value::String(words)) => {
                let mut holds = false;
                for word in words.split("-or-").flat_map(|words| words.split(" or ")) {
                    let word = match word.trim() {
                        "unknown" | "None" | "null" | "absent" => Value::Null,
                        number => number.parse::<u64>().map(Value::from).map_err(|_| unread())?,
                    };
                    holds |= expires_in(tokens, &word);
                }
                holds
            }
            ("expires_in", Value::Number(_) | Value::Null) => expires_in(tokens, expected),
            ("token_type", Value::String(kind)) => tokens.token_type.as_str() == kind,
            ("access_token", Value::String(token)) => tokens.access_token == Secret::from(token.as_str()),
            ("id_token", Value::Null) => tokens.id_token.is_none(),
            ("scope", Value::Null) => scopes.is_none(),
            ("scope", Value::String(text)) => scopes.is_some_and(|scopes| scopes.as_str() == text),
            ("scope", Value::Array(list)) => {
                scopes.is_some_and(|scopes| scopes.iter().map(Some).eq(list.iter().map(Value::as_str)))
            }
            _ => return Err(unread()),
        })
    }
}

/// Whether the lifetime is this, or nothing was said of it.
fn expires_in(tokens: &TokenResponse, expected: &Value) -> bool {
    match expected.as_f64() {
        Some(seconds) => tokens.expires_in.as_secs() == seconds as u64,
        None => tokens.expires_in == UNSAID_LIFETIME,
    }
}
