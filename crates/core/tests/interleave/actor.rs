//! Transactions as values. They hold secrets and cannot be copied, but they are pure: what one asks for next follows
//! from the answers it got. So an actor is the number of its history of answers in a table; each history is run once,
//! and a move of an actor is a look into the table.

use std::collections::HashMap;
use std::time::Duration;

use gatepass_core::error::Error;
use gatepass_core::secret::Secret;
use gatepass_core::session::access::{GetAccess, Wanted};
use gatepass_core::session::record::{Generation, Part, Record};
use gatepass_core::session::save::SaveSession;
use gatepass_core::session::sign_out::SignOut;
use gatepass_core::session::transaction::{Answer, Effect, Step, Transaction};
use gatepass_core::testing::server::{Call, RefreshToken, Reply, ServerKind};
use gatepass_core::testing::{SeededDice, record};
use gatepass_core::time::Timestamp;

use crate::facts::Facts;
use crate::wrong::{Mistake, Wrong};

const HOUR: Duration = Duration::from_secs(3600);

/// As long as a request may take before it is given up.
const A_WHILE: Duration = Duration::from_secs(20);

/// What an actor is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Job {
    /// An access token is asked for.
    Access,
    /// A new one is asked for, whatever is stored.
    Force,
    /// An access token is asked for an hour later, when nothing stored is fresh.
    Later,
    /// A session is kept that a login has just brought: the sign-in of this number.
    Save(u8),
    /// The session is ended.
    SignOut,
    /// One of these, with a mistake.
    Wrong(Mistake),
}

impl Job {
    /// As scenarios name it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Access => "access",
            Self::Force => "force",
            Self::Later => "later",
            Self::Save(_) => "save",
            Self::SignOut => "sign-out",
            Self::Wrong(mistake) => mistake.name(),
        }
    }

    /// Reads what [`Job::name`] gave; the sign-in of a new session has the number of its actor.
    pub(crate) fn parse(name: &str, actor: usize) -> Option<Self> {
        let family = u8::try_from(actor + 1).ok()?;
        let plain = [Self::Access, Self::Force, Self::Save(family), Self::SignOut];
        plain.into_iter().chain(Mistake::ALL.map(Self::Wrong)).find(|job| job.name() == name)
    }

    /// What it would be if it were done right.
    pub(crate) const fn without_mistake(self) -> Self {
        match self {
            Self::Wrong(mistake) if mistake.signs_out() => Self::SignOut,
            Self::Wrong(_) => Self::Access,
            right => right,
        }
    }

    /// Whether it signs out.
    pub(crate) const fn signs_out(self) -> bool {
        match self {
            Self::SignOut => true,
            Self::Wrong(mistake) => mistake.signs_out(),
            _ => false,
        }
    }

    /// Whether it gives out access tokens.
    pub(crate) const fn refreshes(self) -> bool {
        !matches!(self, Self::Save(_)) && !self.signs_out()
    }
}

/// The number of a record in the form in which it is stored.
pub(crate) type Content = u16;

/// A stored record, with what the checks ask about it.
#[derive(Debug)]
pub(crate) struct Stored {
    access: Secret,
    rest: Secret,
    pub(crate) generation: u64,
    pub(crate) refresh_token: RefreshToken,
    pub(crate) access_token: String,
    /// Whether a refresh is under way whose answer nobody has saved.
    pub(crate) marked: bool,
}

/// What an actor hears of its effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Heard {
    Loaded(Option<Content>),
    Locked,
    TimedOut,
    Signed,
    Sent(Reply),
    Lost,
    Saved,
    Erased,
    Moved,
    Unlocked,
    Failed,
}

/// What an actor asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Asks {
    Load,
    Lock,
    Sign,
    Send(Call),
    Save { content: Content, expect: Option<u64> },
    Erase { expect: u64 },
    Unlock,
    Over(Outcome),
}

/// What a transaction gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Outcome {
    /// An access token, and whether the actor knew it to be saved.
    Token { saved: bool },
    /// The new session is kept.
    Kept,
    /// Signed out, and whether the server has taken the grant back.
    SignedOut { revoked: bool },
    /// The code of an error.
    Error(&'static str),
}

impl Outcome {
    /// In a word.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Token { .. } => "token",
            Self::Kept => "kept",
            Self::SignedOut { revoked: true } => "signed-out",
            Self::SignedOut { revoked: false } => "signed-out-here",
            Self::Error(code) => code,
        }
    }
}

/// An actor after a history.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) job: Job,
    pub(crate) asks: Asks,
    pub(crate) facts: Facts,
    heard: Vec<Heard>,
    /// The access tokens that it knows to be saved.
    saved: Vec<String>,
}

/// Everything that the actors of a world have been through and that stood in its store.
pub(crate) struct Table {
    kind: ServerKind,
    now: Timestamp,
    slow: bool,
    nodes: Vec<Node>,
    next: HashMap<(u32, Heard), u32>,
    alike: HashMap<(Job, String, Asks, Facts), u32>,
    stored: Vec<Stored>,
    contents: HashMap<(String, String), Content>,
}

/// When people signed in.
fn sign_in() -> Timestamp {
    Timestamp::from_seconds(1_800_000_000)
}

impl Table {
    /// A table for transactions that run when the first session is that old.
    pub(crate) fn new(kind: ServerKind, age: Duration, slow: bool) -> Self {
        Self {
            kind,
            now: sign_in().plus(age),
            slow,
            nodes: Vec::new(),
            next: HashMap::new(),
            alike: HashMap::new(),
            stored: Vec::new(),
            contents: HashMap::new(),
        }
    }

    pub(crate) fn node(&self, node: u32) -> &Node {
        &self.nodes[node as usize]
    }

    pub(crate) fn stored(&self, content: Content) -> &Stored {
        &self.stored[usize::from(content)]
    }

    /// The session of the sign-in of this number, as a login brings it.
    fn session(&self, family: u8, since: Timestamp) -> Record {
        let generation = Generation::from_number(100 + (u64::from(family) << 40));
        let mut record = record(since, self.kind.binds(), generation);
        let token = RefreshToken { family, number: 0 };
        if let Some(rest) = &mut record.rest {
            rest.refresh_token = Some(Secret::new(token.text()));
            rest.forgives_replay = self.kind.forgives();
        }
        for access in record.access.iter_mut() {
            access.token = Secret::new(token.text().replace("refresh", "access"));
        }
        record
    }

    /// The session that is there at first, with or without the mark of a refresh that nobody has ended.
    pub(crate) fn first(&mut self, marked: bool) -> Content {
        let mut record = self.session(0, sign_in());
        if let Some(rest) = &mut record.rest {
            rest.mark = marked.then(sign_in);
        }
        self.content(&record)
    }

    fn content(&mut self, record: &Record) -> Content {
        let encoded = record.encode().expect("records of transactions are whole");
        let key = (encoded.access.expose().clone(), encoded.rest.expose().clone());
        if let Some(known) = self.contents.get(&key) {
            return *known;
        }
        let rest = record.rest.as_ref().expect("records of transactions are whole");
        let refresh_token = rest.refresh_token.as_ref().expect("every session here can be refreshed");
        let content = Content::try_from(self.stored.len()).expect("there are few contents");
        self.stored.push(Stored {
            generation: record.generation.number(),
            refresh_token: RefreshToken::parse(refresh_token.expose()).expect("a token that the server gave"),
            access_token: record
                .access
                .first()
                .map_or_else(String::new, |access| access.token.expose().clone()),
            marked: rest.mark.is_some(),
            access: encoded.access,
            rest: encoded.rest,
        });
        self.contents.insert(key, content);
        content
    }

    fn load(&self, content: Content, part: Part) -> Record {
        let Stored { access, rest, .. } = self.stored(content);
        let rest = (part == Part::Whole).then(|| rest.expose().as_bytes());
        Record::decode(access.expose().as_bytes(), rest).expect("core reads what it wrote")
    }

    /// An actor that has heard nothing yet.
    pub(crate) fn start(&mut self, job: Job) -> u32 {
        self.open(job, Vec::new(), Facts::default(), Vec::new())
    }

    /// What becomes of an actor when it hears this.
    pub(crate) fn hear(&mut self, node: u32, heard: Heard) -> u32 {
        if let Some(next) = self.next.get(&(node, heard)) {
            return *next;
        }
        let Node { job, asks, mut facts, heard: ref history, ref saved } = *self.node(node);
        let (mut history, mut saved) = (history.clone(), saved.clone());
        history.push(heard);
        let stored = match (asks, heard) {
            (_, Heard::Loaded(found)) => found,
            (Asks::Save { content, .. }, Heard::Saved) => Some(content),
            _ => None,
        };
        let stored = stored.map(|content| self.stored(content));
        facts.learn(job, asks, heard, stored);
        saved.extend(stored.map(|stored| stored.access_token.clone()));
        let next = self.open(job, history, facts, saved);
        self.next.insert((node, heard), next);
        next
    }

    fn open(&mut self, job: Job, heard: Vec<Heard>, mut facts: Facts, mut saved: Vec<String>) -> u32 {
        let (running, step) = self.run(job, &heard);
        let text = format!("{running:?}");
        let asks = match step {
            Step::Done => Asks::Over(running.finish(&saved)),
            Step::Need(effect) => self.asks(effect),
        };
        match asks {
            Asks::Save { content, .. } if job.refreshes() && self.stored(content).marked => {
                facts.marks = Some(self.stored(content).refresh_token);
            }
            Asks::Erase { .. } => facts.tried_erasing = true,
            _ => {}
        }
        // What a transaction holds, it prints, but for secrets. Two that hold none and print the same are the same.
        let open = !text.contains("[redacted]");
        if open {
            saved.clear();
        }
        let key = (job, text, asks, facts);
        if open && let Some(alike) = self.alike.get(&key) {
            return *alike;
        }
        let node = u32::try_from(self.nodes.len()).expect("there are few histories");
        self.nodes.push(Node { job, asks, facts, heard, saved });
        if open {
            self.alike.insert(key, node);
        }
        node
    }

    fn asks(&mut self, effect: Effect) -> Asks {
        match effect {
            Effect::Load(_) => Asks::Load,
            Effect::Lock => Asks::Lock,
            Effect::Sign { .. } => Asks::Sign,
            Effect::Send(request) => Asks::Send(Call::read(&request)),
            Effect::Save { record, expect } => {
                Asks::Save { content: self.content(&record), expect: expect.map(Generation::number) }
            }
            Effect::Erase { expect } => Asks::Erase { expect: expect.number() },
            Effect::Unlock => Asks::Unlock,
        }
    }

    /// Runs a transaction through its history.
    fn run(&self, job: Job, history: &[Heard]) -> (Running, Step) {
        let now = if job == Job::Later { self.now.plus(HOUR) } else { self.now };
        let mut dice = SeededDice::new(7);
        let mut running = match job {
            Job::Access | Job::Later => Running::Access(GetAccess::new(Wanted::default())),
            Job::Force => Running::Access(GetAccess::new(Wanted { force: true, ..Wanted::default() })),
            Job::Save(family) => Running::Save(SaveSession::new(self.session(family, self.now))),
            Job::SignOut => Running::SignOut(SignOut::new()),
            Job::Wrong(mistake) => Running::Wrong(Box::new(Wrong::new(mistake))),
        };
        let mut step = running.transaction().step(Answer::Begin, now, &mut dice);
        for heard in history {
            let Step::Need(effect) = &step else { panic!("an answer after the end") };
            let answer = self.answer(effect, *heard);
            // Other time than this makes no difference here: whoever asks is done within a second.
            let missed = if self.slow && *heard == Heard::Lost { A_WHILE } else { Duration::ZERO };
            step = running.transaction().step(answer, now.plus(missed), &mut dice);
        }
        (running, step)
    }

    fn answer(&self, effect: &Effect, heard: Heard) -> Answer {
        match heard {
            Heard::Loaded(content) => {
                let Effect::Load(part) = effect else { panic!("nothing was to be loaded") };
                Answer::Loaded(content.map(|content| self.load(content, *part)))
            }
            Heard::Locked => Answer::Locked,
            Heard::TimedOut => Answer::LockTimedOut,
            Heard::Signed => Answer::Signed([7; 64].to_vec()),
            Heard::Sent(reply) => Answer::Sent(reply.response(None)),
            Heard::Lost => Answer::Lost,
            Heard::Saved => Answer::Saved,
            Heard::Erased => Answer::Erased,
            Heard::Moved => Answer::Moved,
            Heard::Unlocked => Answer::Unlocked,
            Heard::Failed if matches!(effect, Effect::Sign { .. }) => Answer::Failed(Error::KeyLost),
            Heard::Failed => Answer::Failed(Error::StoreUnavailable),
        }
    }
}

#[derive(Debug)]
enum Running {
    Access(GetAccess),
    Save(SaveSession),
    SignOut(SignOut),
    Wrong(Box<Wrong>),
}

impl Running {
    fn transaction(&mut self) -> &mut dyn Transaction {
        match self {
            Self::Access(transaction) => transaction,
            Self::Save(transaction) => transaction,
            Self::SignOut(transaction) => transaction,
            Self::Wrong(transaction) => transaction.as_mut(),
        }
    }

    fn finish(self, saved: &[String]) -> Outcome {
        let error = |error: Error| Outcome::Error(error.code());
        let access = |transaction: GetAccess| {
            transaction.finish().map_or_else(error, |handout| {
                // It says of itself that it is kept nowhere.
                if !handout.saved {
                    return error(Error::NotSaved);
                }
                let saved = saved.iter().any(|token| token == handout.access.token.expose());
                Outcome::Token { saved }
            })
        };
        let sign_out = |transaction: SignOut| {
            transaction.finish().map_or_else(error, |out| Outcome::SignedOut { revoked: out.revoked.is_ok() })
        };
        match self {
            Self::Access(transaction) => access(transaction),
            Self::Save(transaction) => transaction.finish().map_or_else(error, |()| Outcome::Kept),
            Self::SignOut(transaction) => sign_out(transaction),
            Self::Wrong(wrong) => wrong.finish(access, sign_out),
        }
    }
}
