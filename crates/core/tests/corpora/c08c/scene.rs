//! Core's world with a server that rotates, and as many callers as there are.

use std::collections::VecDeque;
use std::time::Duration;

use gatepass_core::error::Error;
use gatepass_core::field::Message;
use gatepass_core::form::Query;
use gatepass_core::http::{Request, Response};
use gatepass_core::session::access::{GetAccess, Wanted};
use gatepass_core::session::record::{Generation, Record};
use gatepass_core::session::transaction::{Answer, Effect, Step, Transaction};
use gatepass_core::testing::{ServerKind, World, record};
use gatepass_core::time::Timestamp;
use serde_json::json;

pub(super) const HOUR: Duration = Duration::from_secs(3600);

/// The refresh token that is stored at first, and the one that somebody else may put in its place.
pub(super) const FIRST: &str = "refresh-0";
pub(super) const NEWER: &str = "refresh-1";

/// What came of a scenario.
#[derive(Debug, Default)]
pub(super) struct Facts {
    /// When each token request was sent, with which refresh token.
    pub(super) requests: Vec<(Timestamp, String)>,
    /// What each caller got.
    pub(super) results: Vec<Result<String, Error>>,
    /// How many requests were needed at least.
    pub(super) needed: usize,
    /// How many requests a token that was answered by 401 led to.
    pub(super) after_401: Option<usize>,
    /// Whether the store was looked at after a refusal.
    pub(super) looked_again: bool,
    /// How many seconds after a lost answer the request was sent once more.
    pub(super) retried_after: Option<u64>,
    /// Whether the session is still stored after the trouble.
    pub(super) kept: bool,
    /// Whether a caller is told what became of the session.
    pub(super) said: bool,
    /// For how long was called, by the scene's clock.
    pub(super) seconds: u64,
    /// Whether every caller came to an end.
    pub(super) ended: bool,
}

impl Facts {
    /// Whether everybody has a token, and the same.
    pub(super) fn served(&self) -> bool {
        let Some(Ok(first)) = self.results.first() else { return false };
        self.results.iter().all(|result| result.as_ref() == Ok(first))
    }
}

/// Whether an error tells what became of the session, or what to do: its code is what a caller sees.
pub(super) fn said(result: &Result<String, Error>) -> bool {
    let codes = ["busy", "not_signed_in", "session_ended", "session_lost", "unreachable"];
    result.as_ref().is_err_and(|error| codes.contains(&error.code()))
}

/// Whether the store was looked at behind the question for the lock.
pub(super) fn looked_again(trace: &[&str]) -> bool {
    let lock = trace.iter().position(|effect| *effect == "lock");
    lock.is_some_and(|lock| trace[lock..].contains(&"load"))
}

/// What the server does about a refresh token that was used before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reuse {
    /// The family ends.
    Strict,
    /// For so many seconds, one more successor each time.
    Sibling(u64),
    /// For so many seconds, the same successor.
    Successor(u64),
    /// Nothing is ever used up.
    NotRotated,
}

/// What goes wrong with the next request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    /// It is served, and its answer lost.
    AnswerLost,
    /// It never arrives.
    NotSent,
    /// Nothing comes for that many seconds.
    Hang(u64),
    Status(u16),
    /// `invalid_grant`, whatever it is.
    Refused,
}

pub(super) struct Server {
    pub(super) reuse: Reuse,
    pub(super) expires_in: &'static str,
    pub(super) trouble: VecDeque<Trouble>,
    pub(super) newest: u32,
    /// When the newest was issued.
    pub(super) moved_at: Timestamp,
    pub(super) ended: bool,
}

impl Server {
    fn serve(&mut self, presented: &str, now: Timestamp) -> Response {
        let number: Option<u32> = presented.strip_prefix("refresh-").and_then(|text| text.parse().ok());
        let since = now.since(self.moved_at).as_secs();
        let previous = number.is_some_and(|number| number + 1 == self.newest);
        let known = match self.reuse {
            _ if self.ended => false,
            _ if number == Some(self.newest) => true,
            Reuse::Sibling(grace) | Reuse::Successor(grace) => previous && since <= grace,
            Reuse::NotRotated => true,
            Reuse::Strict => false,
        };
        if !known {
            self.ended = true;
            return answer(400, json!({ "error": "invalid_grant" }).to_string());
        }
        let moves = number == Some(self.newest) || matches!(self.reuse, Reuse::Sibling(_));
        if moves {
            self.newest += 1;
            self.moved_at = now;
        }
        let rotated = match self.reuse {
            Reuse::NotRotated => String::new(),
            _ => format!(r#","refresh_token":"refresh-{}""#, self.newest),
        };
        if self.reuse == Reuse::NotRotated {
            self.newest = 0;
        }
        let lifetime = self.expires_in;
        let token = format!("access-{}-{}", self.newest, now.seconds());
        let body =
            format!(r#"{{"access_token":"{token}","token_type":"Bearer","expires_in":{lifetime}{rotated}}}"#);
        answer(200, body)
    }
}

fn answer(status: u16, body: String) -> Response {
    Response::new(
        status,
        &|name| (name == "content-type").then(|| "application/json".to_owned()),
        body.into(),
    )
}

pub(super) struct Scene {
    pub(super) world: World,
    pub(super) server: Server,
    pub(super) requests: Vec<(Timestamp, String)>,
    /// What somebody else saves while the first request is under way.
    pub(super) meanwhile: Option<Record>,
    loads_after_refusal: usize,
    refused: bool,
    began: Timestamp,
    /// Whether everybody who called came to an end.
    ended: bool,
}

impl Scene {
    pub(super) fn new(reuse: Reuse) -> Self {
        let mut world = World::new(ServerKind::Strict);
        let session = record(world.now, false, Generation::from_number(100));
        assert!(world.store.save(&session, None), "the store of a new world is empty");
        let moved_at = world.now;
        let server =
            Server { reuse, expires_in: "3600", trouble: VecDeque::new(), newest: 0, moved_at, ended: false };
        Self {
            world,
            server,
            requests: Vec::new(),
            meanwhile: None,
            loads_after_refusal: 0,
            refused: false,
            began: moved_at,
            ended: true,
        }
    }

    /// The same, an hour later: the access token has ended.
    pub(super) fn expired(reuse: Reuse) -> Self {
        let mut scene = Self::new(reuse);
        scene.pass(HOUR);
        scene.count_from_now();
        scene
    }

    /// Forgets what was sent so far: what is counted begins here.
    pub(super) fn count_from_now(&mut self) {
        self.requests.clear();
        self.began = self.world.now;
    }

    pub(super) fn pass(&mut self, span: Duration) {
        self.world.now = self.world.now.plus(span);
    }

    fn send(&mut self, request: &Request) -> Answer {
        let body = request.body.as_ref().map_or("", |body| body.expose());
        let mut form = Query::parse(body, Message::TokenResponse).expect("a form that core made");
        let presented = form.take("refresh_token").expect("a refresh").expose().clone();
        self.requests.push((self.world.now, presented.clone()));
        if let Some(record) = self.meanwhile.take() {
            let expect = self.world.store.load().map(|record| record.generation);
            assert!(self.world.store.save(&record, expect), "nobody else is at the store");
        }
        let response = match self.server.trouble.pop_front() {
            None => self.server.serve(&presented, self.world.now),
            Some(Trouble::AnswerLost) => {
                drop(self.server.serve(&presented, self.world.now));
                return Answer::Lost;
            }
            Some(Trouble::NotSent) => return Answer::Lost,
            Some(Trouble::Hang(seconds)) => {
                self.pass(Duration::from_secs(seconds));
                return Answer::Lost;
            }
            Some(Trouble::Status(status)) => answer(status, String::new()),
            Some(Trouble::Refused) => answer(400, json!({ "error": "invalid_grant" }).to_string()),
        };
        self.refused |= response.status == 400;
        Answer::Sent(response)
    }

    /// Lets so many callers ask at the same time, one effect of each in turn.
    pub(super) fn callers(&mut self, count: usize, force: bool) -> Vec<Result<String, Error>> {
        struct Caller {
            transaction: GetAccess,
            /// The answer that is owed; nothing while it waits for the lock.
            owed: Option<Answer>,
            over: bool,
        }
        let mut callers: Vec<Caller> = (0..count)
            .map(|_| Caller {
                transaction: GetAccess::new(Wanted { force, ..Wanted::default() }),
                owed: Some(Answer::Begin),
                over: false,
            })
            .collect();
        // No way through it has more effects; whoever takes more, or waits for a lock that nobody holds, hangs.
        for _ in 0..20 * (count + 1) {
            let mut moved = false;
            for caller in callers.iter_mut().filter(|caller| !caller.over) {
                let answer = match caller.owed.take() {
                    Some(answer) => answer,
                    None if self.world.locked => continue,
                    None => self.world.perform(Effect::Lock),
                };
                moved = true;
                match caller.transaction.step(answer, self.world.now, &mut self.world.dice) {
                    Step::Done => caller.over = true,
                    Step::Need(Effect::Lock) if self.world.locked => {}
                    Step::Need(Effect::Send(request)) => caller.owed = Some(self.send(&request)),
                    Step::Need(effect) => {
                        self.loads_after_refusal +=
                            usize::from(self.refused && matches!(effect, Effect::Load(_)));
                        caller.owed = Some(self.world.perform(effect));
                    }
                }
            }
            if !moved {
                break;
            }
        }
        self.ended &= callers.iter().all(|caller| caller.over);
        let token =
            |caller: Caller| caller.transaction.finish().map(|handout| handout.access.token.expose().clone());
        callers.into_iter().map(token).collect()
    }

    pub(super) fn stored(&self) -> Option<String> {
        self.world.store.load()?.rest?.into_inner().refresh_token.map(|token| token.expose().clone())
    }

    pub(super) fn facts(self, results: Vec<Result<String, Error>>) -> Facts {
        let stored = self.stored();
        let retried = self.requests.windows(2).find(|pair| pair[0].1 == pair[1].1);
        Facts {
            retried_after: retried.map(|pair| pair[1].0.since(pair[0].0).as_secs()),
            looked_again: self.loads_after_refusal > 0,
            kept: stored.is_some(),
            said: results.iter().any(said),
            seconds: self.world.now.since(self.began).as_secs(),
            requests: self.requests,
            needed: 1,
            ended: self.ended && !self.world.locked,
            results,
            ..Facts::default()
        }
    }
}
