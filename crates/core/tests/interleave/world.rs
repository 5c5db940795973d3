//! Transactions over one store, one lock and one server, as a world that can be explored.

use std::cell::{Ref, RefCell};

use gatepass_core::testing::interleave::{Model, NotPossible, replay};
use gatepass_core::testing::server::{Call, FAMILIES, RefreshToken, Reply, Server, ServerKind};

use crate::actor::{Asks, Content, Heard, Job, Outcome, Stored, Table};
use crate::checks::{Broken, Cause, Ledger};
use crate::moves::{How, Move};
use crate::scenario::{Scenario, Start};

/// How many actors there can be.
pub(crate) const ACTORS: usize = 3;

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Actor {
    /// Its history, until it is over or dead.
    node: Option<u32>,
    cancelled: bool,
}

/// Everything on which the future depends, and what has to be remembered to judge it.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct State {
    actors: [Actor; ACTORS],
    pub(crate) holder: Option<u8>,
    pub(crate) disk: Option<Content>,
    pub(crate) server: Server,
    /// Requests whose senders wait no more and which will arrive.
    late: [Option<Call>; 2],
    /// How many faults there may still be.
    faults: Option<u8>,
    pub(crate) ledger: Ledger,
}

impl State {
    pub(crate) fn is_over(&self) -> bool {
        self.actors.iter().all(|actor| actor.node.is_none()) && self.late == [None; 2]
    }

    const fn fault(&mut self) {
        if let Some(left) = &mut self.faults {
            *left -= 1;
        }
    }
}

/// A line in words.
pub(crate) struct Tale {
    /// What every move came to.
    pub(crate) told: Vec<String>,
    /// What can be said of it: results of actors, how often a refresh was sent, what is there at the end.
    pub(crate) facts: Vec<String>,
}

/// The model.
pub(crate) struct World {
    pub(crate) scenario: Scenario,
    table: RefCell<Table>,
}

impl World {
    pub(crate) fn new(scenario: Scenario) -> Self {
        let table = RefCell::new(Table::new(scenario.kind, scenario.start.age(), scenario.weather.slow));
        Self { scenario, table }
    }

    pub(crate) fn stored(&self, content: Content) -> Ref<'_, Stored> {
        Ref::map(self.table.borrow(), |table| table.stored(content))
    }

    fn kind(&self) -> ServerKind {
        self.scenario.kind
    }

    fn generation(&self, state: &State) -> Option<u64> {
        state.disk.map(|content| self.stored(content).generation)
    }

    /// Makes a move, and tells of it if somebody wants to know.
    pub(crate) fn act(&self, state: &State, next: Move, mut tale: Option<&mut Vec<String>>) -> State {
        let mut state = state.clone();
        match next {
            Move::Arrives(which) => {
                if let Some(call) = state.late[usize::from(which)].take() {
                    let reply = self.arrive(&mut state, call, false);
                    if let Some(tale) = &mut tale {
                        tale.push(format!("a late {call:?} is answered {reply:?}"));
                    }
                }
                state.late.sort_unstable_by_key(Option::is_none);
            }
            Move::WindowPasses => state.server.pass_window(),
            Move::EndsAtServer => {
                state.fault();
                state.server.families[0].ended = true;
                state.ledger.ended_by[0] = Some(Cause::Server);
            }
            Move::Act { actor, how, .. } => self.step(&mut state, actor, how, tale),
        }
        state
    }

    fn step(&self, state: &mut State, actor: u8, how: How, mut tale: Option<&mut Vec<String>>) {
        let at = usize::from(actor);
        let node = state.actors[at].node.expect("only actors that are not over move");
        match how {
            How::Crash => {
                let table = self.table.borrow();
                state.ledger.crashed(table.node(node));
                self.leave(state, actor);
                return;
            }
            How::Cancel => {
                state.actors[at].cancelled = true;
                return;
            }
            How::Done | How::TimedOut => {}
            _ => state.fault(),
        }
        let heard = self.perform(state, actor, node, how);
        let next = self.table.borrow_mut().hear(node, heard);
        if let Some(tale) = &mut tale {
            tale.push(format!("{} hears {heard:?}", char::from(b'a' + actor)));
        }
        let table = self.table.borrow();
        let Asks::Over(outcome) = table.node(next).asks else {
            state.actors[at].node = Some(next);
            return;
        };
        if let Some(tale) = &mut tale {
            tale.push(format!("{}={}", char::from(b'a' + actor), outcome.name()));
        }
        if state.holder == Some(actor) {
            state.ledger.breaks(Broken::KeepsTheLock);
        }
        let cancelled = state.actors[at].cancelled;
        state.ledger.over(table.node(next), outcome, cancelled, &state.server);
        self.leave(state, actor);
    }

    /// An actor is no more. The operating system frees the lock of a process that dies.
    fn leave(&self, state: &mut State, actor: u8) {
        state.actors[usize::from(actor)] = Actor { node: None, cancelled: false };
        if state.holder == Some(actor) {
            state.holder = None;
        }
    }

    fn perform(&self, state: &mut State, actor: u8, node: u32, how: How) -> Heard {
        let asks = self.table.borrow().node(node).asks;
        if how == How::Failed && !matches!(asks, Asks::Save { .. }) {
            return Heard::Failed;
        }
        match asks {
            Asks::Load => Heard::Loaded(state.disk),
            Asks::Lock if how == How::TimedOut => Heard::TimedOut,
            Asks::Lock => {
                state.holder = Some(actor);
                Heard::Locked
            }
            Asks::Sign => Heard::Signed,
            Asks::Send(call) => self.send(state, node, call, how),
            Asks::Save { content, expect } => {
                let fits = self.generation(state) == expect;
                let stores = fits && how != How::Failed;
                let table = self.table.borrow();
                let node = table.node(node);
                if stores {
                    let before = state.disk.map(|before| table.stored(before));
                    state.ledger.stores(node.job, before, table.stored(content));
                    state.disk = Some(content);
                } else if let Some(owed) = node.facts.owes {
                    let cause = if how == How::Failed { Cause::SaveFailed } else { Cause::Moved };
                    state.ledger.excuse(owed, cause);
                }
                match how {
                    How::Failed | How::DoneButFailed => Heard::Failed,
                    How::DoneButMoved => Heard::Moved,
                    _ if fits => Heard::Saved,
                    _ => Heard::Moved,
                }
            }
            Asks::Erase { expect } => {
                let Some(content) = state.disk.filter(|_| self.generation(state) == Some(expect)) else {
                    return Heard::Moved;
                };
                let table = self.table.borrow();
                state.ledger.erases(table.node(node), table.stored(content), &state.server);
                state.disk = None;
                match how {
                    How::DoneButFailed => Heard::Failed,
                    How::DoneButMoved => Heard::Moved,
                    _ => Heard::Erased,
                }
            }
            Asks::Unlock => {
                if state.holder == Some(actor) {
                    state.holder = None;
                }
                Heard::Unlocked
            }
            Asks::Over(_) => unreachable!("it is over"),
        }
    }

    fn send(&self, state: &mut State, node: u32, call: Call, how: How) -> Heard {
        let (job, unlocked) = {
            let table = self.table.borrow();
            let node = table.node(node);
            (node.job, node.facts.unlocked)
        };
        if let (Job::Save(own), Call::Revoke(token)) = (job, call)
            && token.family == own
        {
            state.ledger.breaks(Broken::RevokesItself);
        }
        let token = match call {
            Call::Refresh { token, .. } => Some(token),
            Call::Revoke(_) => None,
        };
        let lost = |state: &mut State, cause: Option<Cause>| {
            if let Some(token) = token {
                state.ledger.doubt(token);
                if let Some(cause) = cause {
                    state.ledger.excuse(token, cause);
                }
            }
        };
        match how {
            How::Lost => {
                lost(state, None);
                Heard::Lost
            }
            How::Down => {
                lost(state, None);
                Heard::Sent(Reply::Status(503))
            }
            How::Late => {
                lost(state, Some(Cause::Late));
                let free = state.late.iter_mut().find(|late| late.is_none());
                *free.expect("a late request is a move only where there is room") = Some(call);
                Heard::Lost
            }
            How::Nonce => Heard::Sent(Reply::WantsNonce),
            How::Unanswered | How::BadGateway => {
                self.arrive(state, call, unlocked);
                lost(state, Some(Cause::AnswerLost));
                if how == How::BadGateway { Heard::Sent(Reply::Status(502)) } else { Heard::Lost }
            }
            _ => Heard::Sent(self.arrive(state, call, unlocked)),
        }
    }

    /// A request reaches the server.
    fn arrive(&self, state: &mut State, call: Call, unlocked: bool) -> Reply {
        if let Call::Refresh { token, .. } = call {
            let forgiven = unlocked && self.kind() == ServerKind::Forgiving;
            state.ledger.arrives(token, forgiven, &state.server);
        }
        let before = state.server;
        let reply = state.server.receive(call);
        if let Call::Refresh { token, .. } = call {
            state.ledger.answered(token, &before, &state.server);
        }
        reply
    }

    fn moves_of(&self, state: &State, actor: u8, moves: &mut Vec<Move>) {
        let Actor { node: Some(node), cancelled } = state.actors[usize::from(actor)] else { return };
        let table = self.table.borrow();
        let asks = table.node(node).asks;
        let effect = match asks {
            Asks::Load => "load",
            Asks::Lock => "lock",
            Asks::Sign => "sign",
            Asks::Send(Call::Refresh { .. }) => "send",
            Asks::Send(Call::Revoke(_)) => "revoke",
            Asks::Save { .. } => "save",
            Asks::Erase { .. } => "erase",
            Asks::Unlock => "unlock",
            Asks::Over(_) => return,
        };
        let mut add = |how| moves.push(Move::Act { actor, effect, how });
        if asks == Asks::Lock && state.holder.is_some() {
            add(How::TimedOut);
        } else {
            add(How::Done);
        }
        add(How::Crash);
        if self.scenario.weather.cancels && !cancelled {
            add(How::Cancel);
        }
        if state.faults == Some(0) {
            return;
        }
        let here = state.disk.map(|content| table.stored(content).generation);
        match asks {
            // Somebody of whom this world knows nothing else holds the lock.
            Asks::Lock if state.holder.is_none() => add(How::TimedOut),
            Asks::Load | Asks::Sign => add(How::Failed),
            Asks::Send(call) => {
                [How::Lost, How::Unanswered, How::Down, How::BadGateway].into_iter().for_each(&mut add);
                if state.late.contains(&None) {
                    add(How::Late);
                }
                if matches!(call, Call::Refresh { proven: true, .. }) {
                    add(How::Nonce);
                }
            }
            Asks::Save { .. } | Asks::Erase { .. } => {
                add(How::Failed);
                let fits = match asks {
                    Asks::Save { expect, .. } => here == expect,
                    Asks::Erase { expect } => here == Some(expect),
                    _ => false,
                };
                if fits {
                    add(How::DoneButFailed);
                    add(How::DoneButMoved);
                }
            }
            _ => {}
        }
    }

    /// What happened along a line, and what there is at its end.
    pub(crate) fn tale(&self, line: &str) -> Result<Tale, NotPossible> {
        let trace = replay(self, line)?;
        let mut tale = Tale { told: Vec::new(), facts: Vec::new() };
        let mut sent = 0;
        for (before, made, after) in trace.around() {
            let mut told = Vec::new();
            self.act(before, *made, Some(&mut told));
            sent += u8::from(matches!(made, Move::Act { effect: "send", .. }));
            tale.facts.extend(told.iter().filter(|told| told.contains('=')).cloned());
            tale.told.push(format!("{made}: {}", told.join(", ")));
            if let Err(broken) = self.check(after, after.is_over()) {
                tale.facts.push(format!("broken={}", broken.name()));
            }
        }
        let end = trace.end();
        let family = &end.server.families[0];
        let grant = match (family.revoked, family.ended) {
            (true, _) => "revoked",
            (false, true) => "ended",
            (false, false) => "alive",
        };
        let store = end.disk.map_or_else(|| "empty".into(), |here| self.stored(here).refresh_token.text());
        tale.facts.extend([format!("sent={sent}"), format!("store={store}"), format!("grant={grant}")]);
        tale.facts.push(format!("later={}", self.later(&mut end.clone()).name()));
        Ok(tale)
    }

    /// What a caller gets an hour later, when nothing goes wrong; the world goes on from `state`.
    pub(crate) fn later(&self, state: &mut State) -> Outcome {
        let mut node = self.table.borrow_mut().start(Job::Later);
        loop {
            if let Asks::Over(outcome) = self.table.borrow().node(node).asks {
                return outcome;
            }
            let heard = self.perform(state, 0, node, How::Done);
            node = self.table.borrow_mut().hear(node, heard);
        }
    }
}

impl Model for World {
    type State = State;
    type Move = Move;

    fn start(&self) -> State {
        let Scenario { kind, start, jobs, weather } = &self.scenario;
        let mut table = self.table.borrow_mut();
        let mut server = Server::new(*kind);
        let mut ledger = Ledger::default();
        let first = RefreshToken { family: 0, number: 0 };
        match start {
            Start::Marked => ledger.doubt(first),
            Start::Crashed => {
                let before = server;
                ledger.arrives(first, false, &server);
                server.receive(Call::Refresh { token: first, proven: kind.binds() });
                ledger.answered(first, &before, &server);
                ledger.doubt(first);
                ledger.excuse(first, Cause::Crash);
            }
            _ => {}
        }
        // A mark is written where a replay is not forgiven for good.
        let marked = matches!(start, Start::Marked | Start::Crashed) && *kind != ServerKind::Forgiving;
        let disk = (*start != Start::Empty).then(|| table.first(marked));
        let mut actors = [Actor { node: None, cancelled: false }; ACTORS];
        for (actor, job) in actors.iter_mut().zip(jobs) {
            actor.node = Some(table.start(*job));
        }
        State { actors, holder: None, disk, server, late: [None; 2], faults: weather.faults, ledger }
    }

    fn moves(&self, state: &State) -> Vec<Move> {
        let mut moves = Vec::new();
        (0..3).for_each(|actor| self.moves_of(state, actor, &mut moves));
        // Two that are alike are one move.
        let late = (0..2).filter(|which| state.late[usize::from(*which)].is_some());
        let alike = state.late[0] == state.late[1];
        moves.extend(late.take(if alike { 1 } else { 2 }).map(Move::Arrives));
        let open = |family: usize| {
            let family = &state.server.families[family];
            family.newest > 0 && !family.window_passed && family.is_alive()
        };
        let waits = !state.is_over();
        if waits && self.kind() == ServerKind::Window && (0..FAMILIES).any(open) {
            moves.push(Move::WindowPasses);
        }
        let first = self.scenario.start != Start::Empty;
        if waits && first && state.faults != Some(0) && state.server.families[0].is_alive() {
            moves.push(Move::EndsAtServer);
        }
        moves
    }

    fn make(&self, state: &State, next: &Move) -> State {
        self.act(state, *next, None)
    }

    fn is_end(&self, state: &State) -> bool {
        state.is_over()
    }

    fn judge(&self, state: &State, end: bool) -> Result<(), String> {
        self.check(state, end).map_err(|broken| broken.name().to_owned())
    }

    fn labels(&self, end: &State) -> Vec<String> {
        self.notes(end)
    }
}
