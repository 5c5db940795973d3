//! One store, one lock and one scripted server, in which transactions can be run step by step.

use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use core::mem;

use crate::field::{Field, Message};
use crate::form::Query;
use crate::http::{Request, Response};
use crate::jwk::PublicKey;
use crate::jwt::{assemble, signing_input};
use crate::kept::{Kept, Text};
use crate::name::{ClientId, Scopes, Subject};
use crate::protocol::id_token::Identity;
use crate::protocol::token_response::TokenType;
use crate::secret::Secret;
use crate::session::record::{Access, BoundKey, Generation, Purpose, Record, Rest, View};
use crate::session::transaction::{Answer, Effect, Step, Transaction};
use crate::testing::SeededDice;
use crate::testing::server::{Call, RefreshToken, Reply, Server, ServerKind};
use crate::time::Timestamp;
use crate::url::{Endpoint, Issuer};

/// What goes wrong with the next effect of a kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The request never arrives.
    NotSent,
    /// The request arrives, its answer does not.
    AnswerLost,
    /// The server answers with this status and no JSON.
    Status(u16),
    /// The server wants a nonce first.
    WantsNonce,
    /// The answer brings an ID token of somebody else.
    SomebodyElse,
    /// The store refuses to write.
    SaveFails,
    /// The lock is held by somebody else for all of the limit.
    LockTimesOut,
}

/// A store that holds one record in its stored form, as real ones do.
#[derive(Debug, Default)]
pub struct MemoryStore(Option<(Generation, Secret, Secret)>);

impl MemoryStore {
    /// What is stored.
    ///
    /// # Panics
    ///
    /// If core cannot read what it wrote.
    pub fn load(&self) -> Option<Record> {
        let (_, access, rest) = self.0.as_ref()?;
        let read = Record::decode(access.expose().as_bytes(), Some(rest.expose().as_bytes()));
        Some(read.expect("core reads what it wrote"))
    }

    /// Stores, if the generation is still `expect`.
    pub fn save(&mut self, record: &Record, expect: Option<Generation>) -> bool {
        let here = self.0.as_ref().map(|(generation, ..)| *generation);
        if here != expect {
            return false;
        }
        let Ok(encoded) = record.encode() else { return false };
        self.0 = Some((record.generation, encoded.access, encoded.rest));
        true
    }

    /// Removes, if the generation is still `expect`.
    pub fn erase(&mut self, expect: Generation) -> bool {
        let here = self.0.as_ref().map(|(generation, ..)| *generation);
        if here != Some(expect) {
            return false;
        }
        self.0 = None;
        true
    }
}

/// Everything around a transaction.
#[derive(Debug)]
pub struct World {
    /// The only clock.
    pub now: Timestamp,
    /// The only dice.
    pub dice: SeededDice,
    /// The only store.
    pub store: MemoryStore,
    /// Whether somebody holds the lock.
    pub locked: bool,
    /// What goes wrong next, in order.
    pub faults: Vec<Fault>,
    /// Every effect so far, by name.
    pub trace: Vec<&'static str>,
    /// The refresh tokens that arrived at the server, in order.
    pub arrived: Vec<String>,
    /// What each of those requests asked for: its grant type, and audience and scope if they were said.
    pub asked: Vec<String>,
    /// Whether the server was asked to revoke.
    pub revoked: bool,
    server: Server,
    wants_nonce: bool,
    somebody_else: bool,
}

impl World {
    /// A world in which nobody is signed in.
    pub fn new(kind: ServerKind) -> Self {
        Self {
            now: Timestamp::from_seconds(1_800_000_000),
            dice: SeededDice::new(7),
            store: MemoryStore::default(),
            locked: false,
            faults: Vec::new(),
            trace: Vec::new(),
            arrived: Vec::new(),
            asked: Vec::new(),
            revoked: false,
            server: Server::new(kind),
            wants_nonce: false,
            somebody_else: false,
        }
    }

    /// A world in which somebody signed in at `now`, with a token that lives an hour.
    pub fn signed_in(kind: ServerKind) -> Self {
        let mut world = Self::new(kind);
        let mut record = record(world.now, kind.binds(), Generation::from_number(100));
        if let Some(rest) = &mut record.rest {
            rest.forgives_replay = kind.forgives();
        }
        assert!(world.store.save(&record, None), "the store of a new world is empty");
        world
    }

    fn fault(&mut self, matches: impl Fn(Fault) -> bool) -> Option<Fault> {
        let at = self.faults.iter().position(|fault| matches(*fault))?;
        Some(self.faults.remove(at))
    }

    /// Does one effect.
    pub fn perform(&mut self, effect: Effect) -> Answer {
        match effect {
            Effect::Load(_) => {
                self.trace.push("load");
                Answer::Loaded(self.store.load())
            }
            Effect::Lock => {
                self.trace.push("lock");
                if self.locked || self.fault(|fault| fault == Fault::LockTimesOut).is_some() {
                    return Answer::LockTimedOut;
                }
                self.locked = true;
                Answer::Locked
            }
            Effect::Sign { .. } => {
                self.trace.push("sign");
                Answer::Signed([7; 64].to_vec())
            }
            Effect::Send(request) => {
                self.trace.push("send");
                self.send(&request)
            }
            Effect::Save { record, expect } => {
                self.trace.push("save");
                if self.fault(|fault| fault == Fault::SaveFails).is_some() {
                    return Answer::Failed(crate::error::Error::StoreUnavailable);
                }
                if self.store.save(&record, expect) { Answer::Saved } else { Answer::Moved }
            }
            Effect::Erase { expect } => {
                self.trace.push("erase");
                if self.store.erase(expect) { Answer::Erased } else { Answer::Moved }
            }
            Effect::Unlock => {
                self.trace.push("unlock");
                self.locked = false;
                Answer::Unlocked
            }
        }
    }

    fn send(&mut self, request: &Request) -> Answer {
        let about = |fault: Fault| !matches!(fault, Fault::SaveFails | Fault::LockTimesOut);
        let fault = self.fault(about);
        match fault {
            Some(Fault::NotSent) => return Answer::Lost,
            Some(Fault::Status(status)) => return Answer::Sent(Response::new(status, &|_| None, Vec::new())),
            Some(Fault::WantsNonce) => self.wants_nonce = true,
            _ => {}
        }
        self.somebody_else = fault == Some(Fault::SomebodyElse);
        let response = self.serve(request);
        if fault == Some(Fault::AnswerLost) { Answer::Lost } else { Answer::Sent(response) }
    }

    /// Signs somebody else in, as another process would.
    pub fn refresh_elsewhere(&mut self) {
        let mut record = self.store.load().expect("somebody is signed in");
        let expect = Some(record.generation);
        record.generation = record.generation.next();
        *record.access = vec![access(self.now, "elsewhere")];
        if let Some(rest) = &mut record.rest {
            let family = &mut self.server.families[0];
            family.newest += 1;
            let token = RefreshToken { family: 0, number: family.newest };
            rest.refresh_token = Some(Secret::new(token.text()));
        }
        assert!(self.store.save(&record, expect), "nobody else is at the store");
    }

    /// Ends the session at the server: every refresh token is refused from now on.
    pub const fn end_at_server(&mut self) {
        self.server.families[0].ended = true;
    }

    fn serve(&mut self, request: &Request) -> Response {
        let call = Call::read(request);
        match call {
            Call::Revoke(_) => self.revoked = true,
            Call::Refresh { .. } if mem::take(&mut self.wants_nonce) => {
                return Reply::WantsNonce.response(None);
            }
            Call::Refresh { token, .. } => {
                self.arrived.push(token.text());
                self.asked.push(asked(request));
            }
        }
        let mut reply = self.server.receive(call);
        if let Reply::Tokens { again, .. } = &mut reply {
            // Here, an access token is told by the refresh token that came with it.
            *again = 0;
        }
        let claims = r#"{"iss":"https://issuer.example","sub":"user-2","aud":"client"}"#;
        let id_token = assemble(signing_input(r#"{"alg":"ES256"}"#, claims), &[7; 64]);
        reply.response(self.somebody_else.then_some(id_token.as_str()))
    }
}

fn access(now: Timestamp, token: &str) -> Access {
    Access {
        purpose: Purpose::default(),
        granted: None,
        token: Secret::from(token),
        token_type: TokenType::Bearer,
        received_at: now,
        expires_at: now.plus(core::time::Duration::from_secs(3600)),
    }
}

/// The grant type of a request, and its audience and scope if they are said.
fn asked(request: &Request) -> String {
    let body = request.body.as_ref().map_or("", |body| body.expose());
    let mut form = Query::parse(body, Message::TokenResponse).expect("a request that core made");
    let mut asked = form.take("grant_type").expect("a kind of grant").expose().clone();
    for name in ["audience", "scope"] {
        if let Some(value) = form.take(name) {
            asked.push_str(&[" ", name, "=", value.expose()].concat());
        }
    }
    asked
}

/// A session that began at `now`.
///
/// # Panics
///
/// Never: its names are valid.
pub fn record(now: Timestamp, bound: bool, generation: Generation) -> Record {
    let issuer = "https://issuer.example";
    let endpoint = |url| Endpoint::new(url, Field::X).expect("a valid address");
    let key = BoundKey {
        public: Kept::new(PublicKey::P256 { x: [1; 32], y: [2; 32] }),
        private: Some(Secret::new(b"private-key".to_vec())),
    };
    Record {
        generation,
        view: Kept::new(View {
            issuer: Issuer::new(issuer).expect("a valid issuer"),
            client_id: ClientId::new("client").expect("a valid name"),
            identity: Identity {
                subject: Subject::new("user-1").expect("a valid name"),
                email: Some(Text::from("user@example.com")),
                name: None,
                auth_time: Some(now),
            },
            scopes: Scopes::parse("openid offline_access").expect("valid scopes"),
            signed_in_at: now,
            bound,
            refreshes: true,
        }),
        access: Kept::new(vec![access(now, "access-0")]),
        rest: Some(Kept::new(Rest {
            refresh_token: Some(Secret::new(RefreshToken { family: 0, number: 0 }.text())),
            key: bound.then_some(key),
            token_endpoint: endpoint("https://issuer.example/token"),
            revocation_endpoint: Some(endpoint("https://issuer.example/revoke")),
            forgives_replay: bound,
            nonce: None,
            mark: None,
        })),
    }
}

/// Runs a transaction to its end, or until `stop` effects are done and the process is killed.
pub fn run(world: &mut World, transaction: &mut dyn Transaction, stop: Option<usize>) {
    if advance(world, transaction, Answer::Begin, stop.unwrap_or(usize::MAX)).is_some() {
        // The operating system releases the lock of a process that dies.
        world.locked = false;
    }
}

/// Lets a transaction do up to `effects` effects; gives the answer that it is owed if it is not at its end.
pub fn advance(
    world: &mut World,
    transaction: &mut dyn Transaction,
    mut answer: Answer,
    effects: usize,
) -> Option<Answer> {
    for _ in 0..effects {
        match transaction.step(answer, world.now, &mut world.dice) {
            Step::Need(effect) => answer = world.perform(effect),
            Step::Done => return None,
        }
    }
    Some(answer)
}
