//! What a transaction asked for and how it was answered, line by line: enough to play it again, and nothing of what
//! it was about.
//!
//! A person prints it (`doctor --trace`) and pastes it into an issue; [`testing::replay`](crate::testing::replay) steps
//! the same machine by it, so that a report is a failing test. No line can hold a secret, an address or a name: there
//! are kinds of effects and answers, status codes, registered error codes, ages in seconds, and states and nonces
//! named by the order in which they were seen.
//!
//! ```text
//! gatepass transcript 1
//! 0s access min_ttl=30s
//! 0s > load access
//! 0s < loaded g0 refreshes token=DPoP received=-3601s expires=-1s
//! 0s > lock
//! ```

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

use crate::dice::Dice;
use crate::error::Error;
use crate::http::{Request, Response};
use crate::kept::Kept;
use crate::protocol::{id_token, token_response};
use crate::session::access::{GetAccess, Handout, Wanted};
use crate::session::record::{Generation, Part, Record, View};
use crate::session::transaction::{Answer, Effect, Step, Transaction};
use crate::time::Timestamp;
use crate::url::Endpoint;

/// The first line of every transcript.
pub const FIRST_LINE: &str = "gatepass transcript 1";

/// What stands before a remark: the rest of a line is for people, and a replay does not look at it.
pub const REMARK: &str = "  # ";

/// The lines of one transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transcript(String);

impl Transcript {
    /// The text, a line a step.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Transcript {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// [`GetAccess`], written down while it runs. A shell drives it like any other transaction.
#[derive(Debug)]
pub struct TracedAccess {
    machine: GetAccess,
    wanted: Wanted,
    text: String,
    begun_at: Timestamp,
    now: Timestamp,
    names: Names,
    /// What the last whole record said that answers are judged by.
    seen: Option<Seen>,
}

/// States and nonces by the order in which they came.
#[derive(Debug, Default)]
struct Names {
    generations: Vec<u64>,
    nonces: Vec<String>,
}

#[derive(Debug)]
struct Seen {
    view: Kept<View>,
    bound: bool,
    token_endpoint: Endpoint,
}

impl TracedAccess {
    /// Asks for a token, as [`GetAccess::new`].
    pub fn new(wanted: Wanted) -> Self {
        let zero = Timestamp::from_seconds(0);
        Self {
            machine: GetAccess::new(wanted.clone()),
            wanted,
            text: String::from(FIRST_LINE),
            begun_at: zero,
            now: zero,
            names: Names::default(),
            seen: None,
        }
    }

    /// The result, after [`Step::Done`], and how it came about.
    pub fn finish(mut self) -> (Result<Handout, Error>, Transcript) {
        let result = self.machine.finish();
        let end = match &result {
            Ok(handout) => {
                let access = &handout.access;
                let mut end = format!(
                    "= token={} expires={}",
                    access.token_type.as_str(),
                    distance(access.expires_at, self.now)
                );
                word(&mut end, handout.refreshed, "refreshed");
                word(&mut end, handout.saved, "saved");
                end
            }
            Err(error) => format!("= error {error}{}", remark(*error)),
        };
        write(&mut self.text, distance(self.now, self.begun_at), &end);
        (result, Transcript(self.text))
    }

    /// The lines so far, for a transaction that was stopped.
    pub fn so_far(&self) -> &str {
        &self.text
    }

    fn line(&mut self, line: &str) {
        write(&mut self.text, distance(self.now, self.begun_at), line);
    }

    fn begin(&mut self) {
        let Wanted { purpose, min_ttl, force } = &self.wanted;
        let mut line = format!("access min_ttl={}s", min_ttl.as_secs());
        word(&mut line, *force, "force");
        word(&mut line, purpose.audience.is_some(), "audience");
        word(&mut line, purpose.scopes.is_some(), "scopes");
        self.line(&line);
    }

    fn answer(&mut self, answer: &Answer) -> String {
        match answer {
            Answer::Begin => String::from("begin"),
            Answer::Loaded(None) => String::from("loaded nothing"),
            Answer::Loaded(Some(record)) => self.loaded(record),
            Answer::Locked => String::from("locked"),
            Answer::LockTimedOut => String::from("lock_timed_out"),
            Answer::Signed(_) => String::from("signed"),
            Answer::Sent(response) => self.sent(response),
            Answer::Lost => String::from("lost"),
            Answer::Saved => String::from("saved"),
            Answer::Erased => String::from("erased"),
            Answer::Moved => String::from("moved"),
            Answer::Unlocked => String::from("unlocked"),
            Answer::Failed(error) => format!("failed {error}{}", remark(*error)),
        }
    }

    fn loaded(&mut self, record: &Record) -> String {
        let purpose = &self.wanted.purpose;
        let mut line = format!("loaded {}", self.names.generation(record.generation));
        word(&mut line, record.view.refreshes, "refreshes");
        let covers = |scopes| record.view.scopes.contains_all(scopes);
        word(&mut line, purpose.scopes.as_ref().is_some_and(covers), "covers");
        if let Some(access) = record.find(purpose) {
            line.push_str(&format!(
                " token={} received={} expires={}",
                access.token_type.as_str(),
                distance(access.received_at, self.now),
                distance(access.expires_at, self.now)
            ));
        }
        let Some(rest) = &record.rest else { return line };
        word(&mut line, true, "whole");
        word(&mut line, rest.refresh_token.is_some(), "refresh_token");
        word(&mut line, rest.key.is_some(), "key");
        word(&mut line, rest.forgives_replay, "forgives");
        if let Some(nonce) = &rest.nonce {
            line.push_str(&format!(" nonce={}", self.names.nonce(nonce)));
        }
        if let Some(mark) = rest.mark {
            line.push_str(&format!(" mark={}", distance(mark, self.now)));
        }
        self.seen = Some(Seen {
            view: record.view.clone(),
            bound: rest.key.is_some(),
            token_endpoint: rest.token_endpoint.clone(),
        });
        line
    }

    fn sent(&mut self, response: &Response) -> String {
        let mut line = format!("sent {}", response.status);
        if let Some(nonce) = &response.dpop_nonce {
            line.push_str(&format!(" nonce={}", self.names.nonce(nonce)));
        }
        let bound = self.seen.as_ref().is_some_and(|seen| seen.bound);
        match token_response::parse(response, bound) {
            Err(error) => line.push_str(&format!(" {error}{}", remark(error))),
            Ok(tokens) => {
                let lives = tokens.expires_in.as_secs();
                line.push_str(&format!(" token={} lives={lives}s", tokens.token_type.as_str()));
                word(&mut line, tokens.refresh_token.is_some(), "refresh_token");
                word(&mut line, tokens.scope.is_some(), "scope");
                if let (Some(id_token), Some(Seen { view, .. })) = (&tokens.id_token, &self.seen) {
                    let View { issuer, client_id, identity, .. } = &**view;
                    let verdict = id_token::unchanged(id_token, issuer, client_id, &identity.subject);
                    let verdict = verdict.map_or_else(Error::code, |()| "same");
                    line.push_str(&format!(" id_token={verdict}"));
                }
            }
        }
        line
    }

    fn effect(&mut self, effect: &Effect) -> String {
        match effect {
            Effect::Load(Part::Access) => String::from("load access"),
            Effect::Load(Part::Whole) => String::from("load whole"),
            Effect::Lock => String::from("lock"),
            Effect::Sign { .. } => String::from("sign"),
            Effect::Send(request) => self.send(request),
            Effect::Save { record, expect } => {
                let expect = expect.map_or_else(|| String::from("nothing"), |it| self.names.generation(it));
                let mut line = format!("save {} over {expect}", self.names.generation(record.generation));
                word(&mut line, record.rest.as_ref().is_some_and(|rest| rest.mark.is_some()), "mark");
                line
            }
            Effect::Erase { expect } => format!("erase {}", self.names.generation(*expect)),
            Effect::Unlock => String::from("unlock"),
        }
    }

    fn send(&self, request: &Request) -> String {
        let known = self.seen.as_ref().is_some_and(|seen| seen.token_endpoint == request.url);
        let mut line = String::from(if known { "send token_endpoint" } else { "send elsewhere" });
        word(&mut line, request.headers.iter().any(|(name, _)| *name == "dpop"), "proof");
        line
    }
}

impl Transaction for TracedAccess {
    fn step(&mut self, answer: Answer, now: Timestamp, dice: &mut dyn Dice) -> Step {
        self.now = now;
        if matches!(answer, Answer::Begin) {
            self.begun_at = now;
            self.begin();
        } else {
            let line = self.answer(&answer);
            self.line(&format!("< {line}"));
        }
        let step = self.machine.step(answer, now, dice);
        if let Step::Need(effect) = &step {
            let line = self.effect(effect);
            self.line(&format!("> {line}"));
        }
        step
    }
}

impl Names {
    /// `g0`, then `g0+1` for the one after it; `g1` begins a line of its own: somebody signed in anew.
    fn generation(&mut self, generation: Generation) -> String {
        let number = generation.number();
        let after = |first: &u64| number.checked_sub(*first).filter(|steps| *steps < 1000);
        let known = self.generations.iter().enumerate().find_map(|(at, first)| Some((at, after(first)?)));
        match known {
            Some((at, 0)) => format!("g{at}"),
            Some((at, steps)) => format!("g{at}+{steps}"),
            None => {
                self.generations.push(number);
                format!("g{}", self.generations.len() - 1)
            }
        }
    }

    fn nonce(&mut self, nonce: &str) -> String {
        let at = self.nonces.iter().position(|known| known == nonce).unwrap_or_else(|| {
            self.nonces.push(nonce.to_string());
            self.nonces.len() - 1
        });
        format!("n{at}")
    }
}

fn write(text: &mut String, when: String, line: &str) {
    text.push('\n');
    text.push_str(&when);
    text.push(' ');
    text.push_str(line);
}

fn word(line: &mut String, holds: bool, word: &str) {
    if holds {
        line.push(' ');
        line.push_str(word);
    }
}

/// How far a moment is from another, in seconds: `-100s` is past.
fn distance(moment: Timestamp, from: Timestamp) -> String {
    format!("{}s", i128::from(moment.seconds()) - i128::from(from.seconds()))
}

/// What in particular is wrong, for who reads it: names of our own.
fn remark(error: Error) -> String {
    let message = if let Error::Malformed { message, .. } = error { message.as_str() } else { "" };
    match error.detail() {
        Some(field) if message.is_empty() => format!("{REMARK}{field}"),
        Some(field) => format!("{REMARK}{message}: {field}"),
        None => String::new(),
    }
}
