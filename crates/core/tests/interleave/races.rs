//! Races that were found once are replayed, and mistakes must be found.

use gatepass_core::testing::ServerKind;
use gatepass_core::testing::interleave::{Limits, explore};
use libtest_mimic::{Failed, Trial};

use crate::TWO_QUICK;
use crate::actor::Job;
use crate::checks::Broken;
use crate::scenario::{KINDS, Scenario, Start, Weather, kind_name};
use crate::world::World;
use crate::wrong::Mistake;

/// `kind | start: who meets | moves | what comes of it`
const RACES: &str = include_str!("races.txt");

pub(crate) fn trials() -> Vec<Trial> {
    vec![Trial::test("kept races", races), Trial::test("kept mistakes", mistakes)]
}

/// Reads what a scenario prints.
fn scenario(kind: &str, meeting: &str, weather: Weather) -> Option<Scenario> {
    let kind = KINDS.into_iter().find(|known| kind_name(*known) == kind)?;
    let (start, jobs) = meeting.split_once(": ")?;
    let start = Start::ALL.into_iter().find(|known| known.name() == start)?;
    let jobs = jobs.split(' ').enumerate().map(|(at, name)| Job::parse(name, at)).collect::<Option<_>>()?;
    Some(Scenario { kind, start, jobs, weather })
}

fn races() -> Result<(), Failed> {
    let mut wrong = Vec::new();
    let mut count = 0;
    for line in RACES.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        count += 1;
        if let Err(what) = race(line) {
            wrong.push(format!("{line}\n{what}"));
        }
    }
    println!("races: {count} lines");
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n").into()) }
}

fn race(line: &str) -> Result<(), String> {
    let fields: Vec<_> = line.split('|').map(str::trim).collect();
    let [kind, meeting, moves, wanted] = fields[..] else { return Err("not four fields".into()) };
    // Everything can happen in a replay.
    let weather = Weather { cancels: true, ..TWO_QUICK };
    let world = World::new(scenario(kind, meeting, weather).ok_or("no such scenario")?);
    let tale = world.tale(moves).map_err(|error| error.to_string())?;
    let missing: Vec<_> =
        wanted.split(' ').filter(|fact| !tale.facts.iter().any(|known| known == fact)).collect();
    let broken = tale.facts.iter().any(|fact| fact.starts_with("broken="));
    if missing.is_empty() && !broken {
        return Ok(());
    }
    Err(format!(
        "  not so: {}\n  but: {}\n    {}",
        missing.join(" "),
        tale.facts.join(" "),
        tale.told.join("\n    ")
    ))
}

/// Each mistake, who has to meet where for it to be seen, and by which check.
const MISTAKES: [(Mistake, ServerKind, &str, Broken); 11] = [
    (Mistake::LooksOnce, ServerKind::Forgiving, "expired: looks-once access", Broken::SentTwice),
    (Mistake::ForgetsTheLock, ServerKind::Strict, "expired: forgets-the-lock access", Broken::SentTwice),
    (
        Mistake::IgnoresTheSave,
        ServerKind::Forgiving,
        "expired: ignores-the-save access",
        Broken::HandsOutUnsaved,
    ),
    (Mistake::OverlooksTheMark, ServerKind::Strict, "expired: overlooks-the-mark access", Broken::SaysEnded),
    (Mistake::KeepsTheOldToken, ServerKind::Strict, "expired: keeps-the-old-token access", Broken::SentTwice),
    (Mistake::ErasesAnything, ServerKind::Strict, "expired: erases-anything save", Broken::ErasesAnother),
    (
        Mistake::EndsOnServerError,
        ServerKind::Forgiving,
        "expired: ends-on-server-error access",
        Broken::EndsWithoutRefusal,
    ),
    (Mistake::Revives, ServerKind::Forgiving, "expired: revives sign-out", Broken::Revived),
    (Mistake::KeepsTheLock, ServerKind::Forgiving, "expired: keeps-the-lock access", Broken::KeepsTheLock),
    (
        Mistake::TakesMovedForGone,
        ServerKind::Forgiving,
        "expired: takes-moved-for-gone access",
        Broken::NotSignedOut,
    ),
    (
        Mistake::TakesSilenceForYes,
        ServerKind::Strict,
        "fresh: takes-silence-for-yes access",
        Broken::NotRevoked,
    ),
];

fn mistakes() -> Result<(), Failed> {
    let mut wrong = Vec::new();
    for (mistake, kind, meeting, broken) in MISTAKES {
        let scenario = scenario(kind_name(kind), meeting, TWO_QUICK).ok_or("no such scenario")?;
        let right = Scenario {
            jobs: scenario.jobs.iter().map(|job| job.without_mistake()).collect(),
            ..scenario.clone()
        };
        if let Some(seen) = explore(&World::new(right), Limits::default())?.findings.first() {
            wrong.push(format!("{meeting}: without the mistake, {seen}"));
        }
        let world = World::new(scenario);
        let report = explore(&world, Limits::default())?;
        let Some(seen) = report.findings.iter().find(|seen| seen.what == broken.name()) else {
            wrong.push(format!("{}: {} was not seen: {:?}", mistake.name(), broken.name(), report.findings));
            continue;
        };
        println!("{} | {seen}", world.scenario);
        let fact = format!("broken={}", broken.name());
        if !world.tale(&seen.line)?.facts.contains(&fact) {
            wrong.push(format!("{}: does not replay", seen.line));
        }
    }
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n").into()) }
}
