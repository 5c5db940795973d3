//! Toy worlds whose numbers of states and schedules are known.

use alloc::{format, vec};

use super::*;
use crate::test;

/// Actors that make so many moves each and never meet.
struct Strangers<const N: usize>([u8; N]);

impl<const N: usize> Model for Strangers<N> {
    type State = [u8; N];
    type Move = usize;

    fn start(&self) -> [u8; N] {
        self.0
    }

    fn moves(&self, left: &[u8; N]) -> Vec<usize> {
        (0..N).filter(|actor| left[*actor] > 0).collect()
    }

    fn make(&self, left: &[u8; N], actor: &usize) -> [u8; N] {
        let mut left = *left;
        left[*actor] -= 1;
        left
    }

    fn is_end(&self, left: &[u8; N]) -> bool {
        *left == [0; N]
    }

    fn judge(&self, _left: &[u8; N], _end: bool) -> Result<(), String> {
        Ok(())
    }

    fn labels(&self, _end: &[u8; N]) -> Vec<String> {
        vec!["through".to_string()]
    }
}

fn counts<const N: usize>(moves: [u8; N]) -> (usize, u128, usize, usize) {
    let report = explore(&Strangers(moves), Limits::default()).unwrap();
    assert!(report.findings.is_empty());
    assert_eq!(report.labels[0].schedules, report.schedules, "every schedule ends in the one end");
    (report.states, report.schedules, report.ends, report.longest)
}

#[test]
fn strangers_have_as_many_schedules_as_their_binomial() {
    assert_eq!(counts([0, 0]), (1, 1, 1, 0));
    assert_eq!(counts([3, 2]), (12, 10, 1, 5));
    assert_eq!(counts([20, 20]), (441, 137_846_528_820, 1, 40));
    // 30! / (10! 10! 10!)
    assert_eq!(counts([10, 10, 10]), (1331, 5_550_996_791_340, 1, 30));
    // 200 over 100 has 59 digits.
    assert_eq!(counts([100, 100]).1, u128::MAX);
}

#[test]
fn counting_paths_is_walking_them() {
    fn walk<M: Model>(model: &M, state: &M::State) -> u128 {
        let moves = model.moves(state);
        if moves.is_empty() {
            return 1;
        }
        moves.iter().map(|next| walk(model, &model.make(state, next))).sum()
    }
    for model in [Locks { in_order: true }, Locks { in_order: false }] {
        let report = explore(&model, Limits::default()).unwrap();
        assert_eq!(report.schedules, walk(&model, &model.start()));
    }
}

/// Two actors that take two locks, in the same order or in opposite ones, and let both go.
#[derive(Debug)]
struct Locks {
    in_order: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Held {
    /// Who holds a lock.
    by: [Option<usize>; 2],
    /// How many moves an actor has made.
    made: [usize; 2],
}

impl Locks {
    const fn wants(&self, actor: usize, made: usize) -> usize {
        if self.in_order || actor == 0 { made } else { 1 - made }
    }
}

impl Model for Locks {
    type State = Held;
    type Move = String;

    fn start(&self) -> Held {
        Held { by: [None; 2], made: [0; 2] }
    }

    fn moves(&self, held: &Held) -> Vec<String> {
        let mut moves = Vec::new();
        for (actor, made) in held.made.into_iter().enumerate() {
            match made {
                2 => moves.push(format!("{actor}.release")),
                3 => {}
                _ if held.by[self.wants(actor, made)].is_none() => moves.push(format!("{actor}.take")),
                _ => {}
            }
        }
        moves
    }

    fn make(&self, held: &Held, next: &String) -> Held {
        let mut held = held.clone();
        let actor = usize::from(next.starts_with('1'));
        let made = held.made[actor];
        if made == 2 {
            held.by = held.by.map(|holder| holder.filter(|holder| *holder != actor));
        } else {
            held.by[self.wants(actor, made)] = Some(actor);
        }
        held.made[actor] += 1;
        held
    }

    fn is_end(&self, held: &Held) -> bool {
        held.made == [3; 2]
    }

    fn judge(&self, held: &Held, end: bool) -> Result<(), String> {
        if end && held.by != [None; 2] { Err("a lock is left".to_string()) } else { Ok(()) }
    }
}

#[test]
fn a_deadlock_is_a_finding_with_its_line() {
    let report = explore(&Locks { in_order: true }, Limits::default()).unwrap();
    assert_eq!((report.findings.len(), report.ends), (0, 1));
    let model = Locks { in_order: false };
    let report = explore(&model, Limits::default()).unwrap();
    let [found] = &report.findings[..] else { panic!("{:?}", report.findings) };
    assert_eq!((found.what.as_str(), found.line.as_str()), (DEADLOCK, "0.take 1.take"));
    assert_eq!((found.states, found.schedules), (1, 2), "either may be the first");
    assert_eq!(replay(&model, &found.line).unwrap().end().by, [Some(0), Some(1)]);
}

#[test]
fn a_line_with_an_impossible_move_says_what_is_possible() {
    let error = replay(&Locks { in_order: true }, "0.take 1.take").unwrap_err();
    assert_eq!(error.to_string(), "`1.take` is not possible after 1 moves, but: 0.take");
    let trace = replay(&Locks { in_order: true }, " 0.take\t0.take ").unwrap();
    let made: Vec<_> = trace.around().map(|(before, _, after)| (before.made[0], after.made[0])).collect();
    assert_eq!(made, [(0, 1), (1, 2)]);
}

/// A switch that can be turned on and off, after it was plugged in.
struct Switch;

impl Model for Switch {
    type State = u8;
    type Move = &'static str;

    fn start(&self) -> u8 {
        0
    }

    fn moves(&self, _state: &u8) -> Vec<&'static str> {
        vec!["turn"]
    }

    fn make(&self, state: &u8, _next: &&'static str) -> u8 {
        if *state == 1 { 2 } else { 1 }
    }

    fn is_end(&self, _state: &u8) -> bool {
        false
    }

    fn judge(&self, _state: &u8, _end: bool) -> Result<(), String> {
        Ok(())
    }
}

#[test]
fn a_cycle_is_no_schedule() {
    let trouble = explore(&Switch, Limits::default()).unwrap_err();
    assert_eq!(trouble, Trouble::Cycle { line: "turn".to_string() });
}

#[test]
fn states_are_limited() {
    let explored = |states| explore(&Strangers([3, 2]), Limits { states }).map(|report| report.states);
    assert_eq!((explored(12), explored(11)), (Ok(12), Err(Trouble::TooManyStates)));
}
