//! Every order in which two and three transactions can meet, over one store, one lock and one server, with whatever can
//! go wrong at every step.
//!
//! `scenario` says who meets where, `moves` what can happen next, `world` what comes of it. `actor` makes values of
//! transactions, and `facts` keeps what `checks` ask about them. `wrong` has transactions with mistakes, which the checks
//! must catch. `races` replays what was found once (`races.txt`).
//!
//! A process that dies after an effect is one that dies before its next. An answer that comes late is one whose actor
//! moves late. A request that comes late is a move of its own.

#![expect(clippy::print_stdout, reason = "how many states and schedules there are is what is asked for")]

mod actor;
mod checks;
mod facts;
mod moves;
mod races;
mod scenario;
mod world;
mod wrong;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use gatepass_core::testing::ServerKind;
use gatepass_core::testing::interleave::{Limits, Report, Seen, explore};
use libtest_mimic::{Arguments, Failed, Trial};

use crate::actor::Job;
use crate::scenario::{KINDS, Scenario, Start, Weather, kind_name};
use crate::world::World;

/// Any number of faults, in every place, and callers that go. Who misses an answer notices late.
const TWO: Weather = Weather { faults: None, cancels: true, slow: true };
/// That a caller went is seen only by who waits: one meeting of each two shows it. Here, who misses an answer notices at
/// once, and asks once more.
const TWO_QUICK: Weather = Weather { cancels: false, slow: false, ..TWO };
const THREE: Weather = Weather { cancels: false, ..TWO };

/// No transaction takes more moves than this: its effects, and what an environment adds to them.
const MOVES: usize = 20;

const PAIRS: [&str; 10] = [
    "access access",
    "access force",
    "force force",
    "access save",
    "force save",
    "access sign-out",
    "force sign-out",
    "save save",
    "save sign-out",
    "sign-out sign-out",
];

const TRIPLES: [&str; 7] = [
    "access access access",
    "force force force",
    "access access save",
    "access access sign-out",
    "access save save",
    "access save sign-out",
    "force save sign-out",
];

/// The one loss that no transaction has to do with.
const ENDED: &str = "lost: the server ended it";

/// Why a session can be lost at all, by kind of server and by how many meet. Everything else keeps it.
const fn unavoidable(kind: ServerKind, transactions: usize, weather: Weather) -> &'static [&'static str] {
    const CRASH: &str = "lost: a process died between the answer and its save";
    const UNSAVED: &str = "lost: the answer could not be saved";
    const LOST: &str = "lost: the answer was lost";
    const LATE: &str = "lost: the request arrived after it was given up";
    const MARK: &str = "says that an answer was lost, and it was a mark that was left";
    match (kind, transactions) {
        (ServerKind::Forgiving, 2) if weather.slow => &[ENDED],
        // Only where a request is repeated, its first copy is still on its way, and another refresh is forced.
        (ServerKind::Forgiving, 2) => &[
            "lost: it came back after two more refreshes, a process died between the answer and its save",
            "lost: it came back after two more refreshes, the request arrived after it was given up",
            ENDED,
        ],
        // Only where three force a refresh at once: see `is_forced`.
        (ServerKind::Forgiving, _) => &[
            "lost: it came back after two more refreshes, a process died between the answer and its save",
            "lost: it came back after two more refreshes, it was sent without the lock",
            "lost: it came back after two more refreshes, the request arrived after it was given up",
            ENDED,
        ],
        _ => &[CRASH, UNSAVED, LOST, LATE, ENDED, MARK],
    }
}

#[derive(Default)]
struct Sum {
    states: usize,
    schedules: u128,
    /// What can come of it: how often, and the shortest line with its scenario.
    labels: BTreeMap<String, (u128, String)>,
}

impl Sum {
    fn add(&mut self, world: &World, report: &Report) {
        self.states += report.states;
        self.schedules = self.schedules.saturating_add(report.schedules);
        for seen in &report.labels {
            let line = format!("{} | {}", world.scenario, seen.line);
            let (count, shortest) = self.labels.entry(seen.what.clone()).or_insert_with(|| (0, line.clone()));
            *count = count.saturating_add(seen.schedules);
            if line.split(' ').count() < shortest.split(' ').count() {
                *shortest = line;
            }
        }
    }
}

fn scenarios(kind: ServerKind, meetings: &[&str], weather: Weather) -> Vec<Scenario> {
    let mut scenarios = Vec::new();
    for meeting in meetings {
        let job = |(at, name)| Job::parse(name, at).expect("a job");
        let jobs: Vec<_> = meeting.split(' ').enumerate().map(job).collect();
        for start in Start::ALL {
            scenarios.push(Scenario { kind, start, jobs: jobs.clone(), weather });
        }
    }
    scenarios
}

/// Where the issuer forgives, nobody is signed out by what two do, or by three of whom one takes what is fresh: only
/// three who each force a refresh can use up two tokens while a request with an older one is still on its way; or two, if
/// one of them asks twice because an answer is missing.
fn is_forced(scenario: &Scenario) -> bool {
    let forced = scenario.jobs.iter().filter(|job| **job == Job::Force).count();
    forced == 3 || (forced > 0 && !scenario.weather.slow)
}

fn meet(kind: ServerKind, meetings: &[&str], weather: Weather, total: &Mutex<Sum>) -> Result<(), Failed> {
    let mut sum = Sum::default();
    let mut wrong = Vec::new();
    let scenarios = scenarios(kind, meetings, weather);
    let transactions = scenarios[0].jobs.len();
    for scenario in scenarios {
        let world = World::new(scenario);
        let report = explore(&world, Limits { states: 3_000_000 })?;
        println!(
            "{}{}: {} states, {} schedules of up to {} moves",
            world.scenario,
            if weather.slow { "" } else { ", asking again" },
            report.states,
            report.schedules,
            report.longest
        );
        for seen in &report.findings {
            wrong.push(format!("{} | {seen}", world.scenario));
            wrong.extend(world.tale(&seen.line)?.told.into_iter().map(|told| format!("    {told}")));
        }
        if report.longest > MOVES * transactions {
            wrong.push(format!("{}: a schedule of {} moves", world.scenario, report.longest));
        }
        let forgiving = kind == ServerKind::Forgiving && !is_forced(&world.scenario);
        let lost = |seen: &&Seen| forgiving && seen.what != ENDED;
        wrong.extend(report.labels.iter().filter(lost).map(|seen| format!("{} | {seen}", world.scenario)));
        sum.add(&world, &report);
    }
    println!(
        "{}, {transactions} transactions{}, {}: {} states, {} schedules",
        kind_name(kind),
        if weather.slow { "" } else { " that ask again" },
        weather
            .faults
            .map_or_else(|| "any number of faults".into(), |faults| format!("up to {faults} faults")),
        sum.states,
        sum.schedules
    );
    for (what, (schedules, line)) in &sum.labels {
        println!("{}: {what}: {schedules} schedules, the shortest: {line}", kind_name(kind));
    }
    let mut total = total.lock().expect("no trial has panicked");
    total.states += sum.states;
    total.schedules = total.schedules.saturating_add(sum.schedules);
    drop(total);
    let listed: BTreeSet<_> = unavoidable(kind, transactions, weather).iter().copied().collect();
    let seen: BTreeSet<_> = sum.labels.keys().map(String::as_str).collect();
    wrong.extend(seen.difference(&listed).map(|what| format!("new: {what}")));
    wrong.extend(listed.difference(&seen).map(|what| format!("not seen any more: {what}")));
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n").into()) }
}

fn main() {
    let total = Arc::new(Mutex::new(Sum::default()));
    let mut trials = Vec::new();
    for kind in KINDS {
        for (name, meetings, weather) in [
            ("two", &PAIRS[..], TWO),
            ("two, asking again", &PAIRS[..], TWO_QUICK),
            ("three", &TRIPLES[..], THREE),
        ] {
            let total = Arc::clone(&total);
            trials.push(Trial::test(format!("{} {name}", kind_name(kind)), move || {
                meet(kind, meetings, weather, &total)
            }));
        }
    }
    trials.extend(races::trials());
    let conclusion = libtest_mimic::run(&Arguments::from_args(), trials);
    let total = total.lock().expect("no trial has panicked");
    if total.states > 0 {
        println!("in sum: {} states, {} schedules", total.states, total.schedules);
    }
    drop(total);
    conclusion.exit();
}
