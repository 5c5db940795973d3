//! Every order in which concurrent actors can move, without running one of them twice.
//!
//! A test with threads sees the few orders that the machine happened to choose. Here a world is a *value*: a
//! [`Model`] says which moves are possible in a state and what comes of each, and [`explore`] visits every state that
//! can be reached. It knows nothing of what the world is about: locks, queues, caches, protocols.
//!
//! # An example: an update is lost
//!
//! Two counters read a number and write it back one higher. Nobody holds a lock.
//!
//! ```
//! use gatepass_core::testing::interleave::{Limits, Model, explore, replay};
//!
//! /// What two actors have read, whether they are through, and the number between them.
//! #[derive(Clone, PartialEq, Eq, Hash)]
//! struct Counters {
//!     number: u32,
//!     read: [Option<u32>; 2],
//!     done: [bool; 2],
//! }
//!
//! struct Race;
//!
//! impl Model for Race {
//!     type State = Counters;
//!     type Move = String;
//!
//!     fn start(&self) -> Counters {
//!         Counters { number: 0, read: [None; 2], done: [false; 2] }
//!     }
//!
//!     fn moves(&self, state: &Counters) -> Vec<String> {
//!         let of = |actor: usize| match (state.read[actor], state.done[actor]) {
//!             (_, true) => None,
//!             (None, _) => Some(format!("{actor}.read")),
//!             (Some(_), _) => Some(format!("{actor}.write")),
//!         };
//!         [of(0), of(1)].into_iter().flatten().collect()
//!     }
//!
//!     fn make(&self, state: &Counters, next: &String) -> Counters {
//!         let mut state = state.clone();
//!         let actor = usize::from(next.starts_with('1'));
//!         match state.read[actor] {
//!             None => state.read[actor] = Some(state.number),
//!             Some(read) => {
//!                 state.number = read + 1;
//!                 state.done[actor] = true;
//!             }
//!         }
//!         state
//!     }
//!
//!     fn is_end(&self, state: &Counters) -> bool {
//!         state.done == [true; 2]
//!     }
//!
//!     fn judge(&self, state: &Counters, end: bool) -> Result<(), String> {
//!         if end && state.number != 2 { Err("an update is lost".into()) } else { Ok(()) }
//!     }
//! }
//!
//! let report = explore(&Race, Limits::default()).expect("it ends");
//! assert_eq!(report.schedules, 6); // 4 moves, of which either actor makes 2: 4 over 2
//! assert_eq!(report.findings.len(), 1);
//!
//! let lost = &report.findings[0];
//! assert_eq!(lost.what, "an update is lost");
//! assert_eq!(lost.schedules, 4); // all but the two in which one is through before the other begins
//! assert_eq!(lost.line, "0.read 1.read 0.write 1.write");
//!
//! // The line is all that a regression test has to keep.
//! let trace = replay(&Race, &lost.line).expect("these moves are possible");
//! assert_eq!(trace.end().number, 1);
//! ```
//!
//! # What is remembered, and why the counts are right
//!
//! A *schedule* is a sequence of moves from the start to a state in which no move is left. Their number grows like a
//! factorial; the number of different states does not. What can happen from a state depends on the state alone
//! ([`Model::moves`] and [`Model::make`] are pure), so each state is visited once, however many schedules lead there.
//! States are compared in full, never by a hash alone: two that differ are not taken for one.
//!
//! The visited states and their moves are a graph. A schedule is a path through it, and every path is a schedule, since
//! moves of a state have different names. Paths are counted without walking them: to a state lead as many as to all of
//! its predecessors together. For that the graph must have no cycle, which is checked; a world that can return to
//! where it was has no number of schedules, and [`Trouble::Cycle`] gives a line that leads there. Counts that do not
//! fit `u128` stop at its maximum.
//!
//! States are found breadth first, so the line of a finding is one of the shortest that show it, and the same one in
//! every run, if the model's order of moves is always the same.
//!
//! # Judging
//!
//! [`Model::judge`] is asked in every state. A state that it refuses is a [`Report::findings`] with the shortest line
//! to it, one for each different text, and is not continued: what is broken proves nothing further. A state without
//! moves that [`Model::is_end`] does not know is a finding too: a [`DEADLOCK`]. What is no mistake and still worth a
//! number gets a name from [`Model::labels`], and [`Report::labels`] counts it.
//!
//! # Limits
//!
//! * Memory grows with the states: each is kept, with about 40 bytes beside it and 4 for each of its moves. Keep states
//!   small: forget in them what can matter no more, name large things by a number.
//! * Only what the model says can happen, happens. An effect that is not one instant in the world has to be two moves
//!   in the model, or a fault that says what else may come of it.
//! * Nothing is reduced: two moves that do not touch each other are explored in both orders. That costs time and keeps
//!   the counts plain.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt::{self, Display};
use core::hash::Hash;
use core::mem;
use std::collections::HashMap;
use std::collections::hash_map::Entry;

/// The finding that a state without moves is, unless it is an end.
pub const DEADLOCK: &str = "deadlock: nobody can move";

/// A world with concurrent actors.
///
/// `moves`, `make`, `is_end`, `judge` and `labels` are functions of their arguments: asked twice, they say the same.
pub trait Model {
    /// All that the future depends on, and all that is judged.
    type State: Clone + Eq + Hash;
    /// One step of one actor or of the world around them. Its text names it in lines: it holds no white space, and no
    /// two moves of one state share it.
    type Move: Display;

    /// Where every schedule begins.
    fn start(&self) -> Self::State;

    /// What can happen next.
    fn moves(&self, state: &Self::State) -> Vec<Self::Move>;

    /// What comes of it. Only moves of that very state are made.
    fn make(&self, state: &Self::State, next: &Self::Move) -> Self::State;

    /// Whether a state without moves is an end that was meant.
    fn is_end(&self, state: &Self::State) -> bool;

    /// What is wrong with a state, if anything is. `end` says that it is one of the ends that were meant.
    fn judge(&self, state: &Self::State, end: bool) -> Result<(), String>;

    /// What is to be counted about an end.
    fn labels(&self, end: &Self::State) -> Vec<String> {
        let _ = end;
        Vec::new()
    }
}

/// When to give up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The most states to keep.
    pub states: usize,
}

impl Default for Limits {
    /// A million states: some hundred megabytes.
    fn default() -> Self {
        Self { states: 1_000_000 }
    }
}

/// What was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// How many different states can be reached.
    pub states: usize,
    /// How many schedules there are.
    pub schedules: u128,
    /// In how many states schedules end.
    pub ends: usize,
    /// How many moves the longest schedule has.
    pub longest: usize,
    /// What is wrong, each with the shortest line that shows it.
    pub findings: Vec<Seen>,
    /// What [`Model::labels`] named.
    pub labels: Vec<Seen>,
}

/// Something that can come of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// In the words of the model.
    pub what: String,
    /// In how many states.
    pub states: usize,
    /// At the end of how many schedules.
    pub schedules: u128,
    /// The shortest of these schedules, for [`replay`].
    pub line: String,
}

impl Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({} schedules): {}", self.what, self.schedules, self.line)
    }
}

/// Why there is no report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// More states than [`Limits::states`].
    TooManyStates,
    /// The world can come back to where it was.
    Cycle {
        /// The shortest line to a state that can be reached from itself, or that comes after one.
        line: String,
    },
}

impl Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooManyStates => f.write_str("more states than the limit"),
            Self::Cycle { line } if line.is_empty() => f.write_str("the world can come back to its start"),
            Self::Cycle { line } => write!(f, "the world can come back to where it was after: {line}"),
        }
    }
}

impl core::error::Error for Trouble {}

/// How a state was found first: from which, by which of its moves.
#[derive(Clone, Copy)]
struct Origin {
    from: u32,
    by: u32,
}

/// The states by number, in the order in which they were found, and what leads where.
#[derive(Default)]
struct Graph {
    origins: Vec<Origin>,
    /// Where the moves of a state stand in `targets`: from its own entry to the next.
    firsts: Vec<usize>,
    targets: Vec<u32>,
}

/// Visits every state that can be reached.
pub fn explore<M: Model>(model: &M, limits: Limits) -> Result<Report, Trouble> {
    let start = model.start();
    let mut numbers = HashMap::from([(start.clone(), 0_u32)]);
    let mut graph = Graph { origins: [Origin { from: 0, by: 0 }].to_vec(), ..Graph::default() };
    let mut findings = Tally::default();
    let mut labels = Tally::default();
    let mut layer = [start].to_vec();
    while !layer.is_empty() {
        for state in mem::take(&mut layer) {
            let number = graph.open();
            let moves = model.moves(&state);
            let end = moves.is_empty() && model.is_end(&state);
            let verdict = match model.judge(&state, end) {
                Ok(()) if moves.is_empty() && !end => Err(DEADLOCK.to_string()),
                verdict => verdict,
            };
            if let Err(what) = verdict {
                findings.add(what, number);
                continue;
            }
            if end {
                model.labels(&state).into_iter().for_each(|what| labels.add(what, number));
            }
            for (by, next) in (0..).zip(&moves) {
                let next = model.make(&state, next);
                let known = u32::try_from(numbers.len()).map_err(|_| Trouble::TooManyStates)?;
                let target = match numbers.entry(next) {
                    Entry::Occupied(entry) => *entry.get(),
                    Entry::Vacant(_) if numbers_are_spent(known, limits) => {
                        return Err(Trouble::TooManyStates);
                    }
                    Entry::Vacant(entry) => {
                        layer.push(entry.key().clone());
                        graph.origins.push(Origin { from: number, by });
                        *entry.insert(known)
                    }
                };
                graph.targets.push(target);
            }
        }
    }
    drop(numbers);
    let line = |number| graph.line(model, number);
    let paths = graph.paths().map_err(|number| Trouble::Cycle { line: line(number) })?;
    let ends = (0..graph.origins.len()).filter(|number| graph.next(*number).is_empty());
    Ok(Report {
        states: graph.origins.len(),
        schedules: ends.clone().fold(0, |sum, end| sum.saturating_add(paths.to[end])),
        ends: ends.count(),
        longest: paths.longest,
        findings: findings.finish(&paths.to, line),
        labels: labels.finish(&paths.to, line),
    })
}

const fn numbers_are_spent(known: u32, limits: Limits) -> bool {
    known as usize >= limits.states
}

/// How many paths lead to each state, and how long the longest of all is.
struct Paths {
    to: Vec<u128>,
    longest: usize,
}

impl Graph {
    /// The next state in order begins its moves here.
    fn open(&mut self) -> u32 {
        self.firsts.push(self.targets.len());
        u32::try_from(self.firsts.len() - 1).expect("numbers of states fit")
    }

    fn next(&self, number: usize) -> &[u32] {
        let end = self.firsts.get(number + 1).copied().unwrap_or(self.targets.len());
        &self.targets[self.firsts[number]..end]
    }

    /// Counts along a topological order; a state that never gets its turn hangs on a cycle, and the first such is given.
    fn paths(&self) -> Result<Paths, u32> {
        let states = self.origins.len();
        let mut waits_for = [0_u32].repeat(states);
        self.targets.iter().for_each(|target| waits_for[*target as usize] += 1);
        let mut paths = Paths { to: [0].repeat(states), longest: 0 };
        paths.to[0] = 1;
        let mut length = [0_usize].repeat(states);
        let mut ready: Vec<usize> = (waits_for[0] == 0).then_some(0).into_iter().collect();
        while let Some(number) = ready.pop() {
            for target in self.next(number).iter().map(|target| *target as usize) {
                paths.to[target] = paths.to[target].saturating_add(paths.to[number]);
                length[target] = length[target].max(length[number] + 1);
                paths.longest = paths.longest.max(length[target]);
                waits_for[target] -= 1;
                if waits_for[target] == 0 {
                    ready.push(target);
                }
            }
        }
        match (0..).zip(&waits_for).find(|(_, waits)| **waits > 0) {
            Some((number, _)) => Err(number),
            None => Ok(paths),
        }
    }

    /// The moves that led to a state when it was found.
    fn line<M: Model>(&self, model: &M, mut number: u32) -> String {
        let mut steps = Vec::new();
        while number != 0 {
            let Origin { from, by } = self.origins[number as usize];
            steps.push(by as usize);
            number = from;
        }
        let mut state = model.start();
        let mut words = Vec::with_capacity(steps.len());
        for by in steps.into_iter().rev() {
            let next = model.moves(&state).swap_remove(by);
            words.push(next.to_string());
            state = model.make(&state, &next);
        }
        words.join(" ")
    }
}

/// What was seen in which states, in the order in which it was seen first.
#[derive(Default)]
struct Tally(Vec<(String, Vec<u32>)>);

impl Tally {
    fn add(&mut self, what: String, number: u32) {
        match self.0.iter_mut().find(|(known, _)| *known == what) {
            Some((_, states)) => states.push(number),
            None => self.0.push((what, [number].to_vec())),
        }
    }

    fn finish(self, paths: &[u128], line: impl Fn(u32) -> String) -> Vec<Seen> {
        let seen = |(what, states): (String, Vec<u32>)| Seen {
            what,
            states: states.len(),
            schedules: states.iter().fold(0, |sum, state| sum.saturating_add(paths[*state as usize])),
            line: line(states[0]),
        };
        self.0.into_iter().map(seen).collect()
    }
}

/// A schedule that was made again.
#[derive(Clone, Debug)]
pub struct Trace<State, Move> {
    /// Where it began.
    pub start: State,
    /// Each move, and where it led.
    pub steps: Vec<(Move, State)>,
}

impl<State, Move> Trace<State, Move> {
    /// Where it led.
    pub fn end(&self) -> &State {
        self.steps.last().map_or(&self.start, |(_, state)| state)
    }

    /// Each move with the state before it and the state after it.
    pub fn around(&self) -> impl Iterator<Item = (&State, &Move, &State)> {
        let before = core::iter::once(&self.start).chain(self.steps.iter().map(|(_, state)| state));
        before.zip(&self.steps).map(|(before, (made, after))| (before, made, after))
    }
}

/// A move of a line that is not possible where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotPossible {
    /// How many moves of the line were made before it.
    pub after: usize,
    /// The move.
    pub word: String,
    /// What is possible there.
    pub instead: Vec<String>,
}

impl Display for NotPossible {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { after, word, instead } = self;
        write!(f, "`{word}` is not possible after {after} moves, but: {}", instead.join(" "))
    }
}

impl core::error::Error for NotPossible {}

/// Makes the moves of a line again, by their names. It judges nothing: the caller looks at what came of it.
pub fn replay<M: Model>(model: &M, line: &str) -> Result<Trace<M::State, M::Move>, NotPossible> {
    let mut trace = Trace { start: model.start(), steps: Vec::new() };
    for word in line.split_whitespace() {
        let state = trace.end();
        let mut moves = model.moves(state);
        let Some(at) = moves.iter().position(|possible| possible.to_string() == word) else {
            let instead = moves.iter().map(ToString::to_string).collect();
            return Err(NotPossible { after: trace.steps.len(), word: word.to_string(), instead });
        };
        let next = moves.swap_remove(at);
        let state = model.make(state, &next);
        trace.steps.push((next, state));
    }
    Ok(trace)
}

#[cfg(test)]
mod tests;
