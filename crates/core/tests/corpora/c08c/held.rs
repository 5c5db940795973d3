//! Somebody holds the lock and is frozen: a tab in the background, a process that is stopped.
//!
//! A holder is stopped behind each of its effects, and another caller comes. It waits no longer than its shell does, and
//! looks again. What it does then hangs on the issuer:
//!
//! | issuer | the caller behind the lock | why |
//! |---|---|---|
//! | forgives replays of a session that is bound to a key | refreshes, by one request without the lock, and has a token | should the holder have sent the same token, both get the same successor |
//! | any other | `busy`, retryable, and sends nothing | a second sender would end the session, and sign everybody out; so nothing is lost, and the holder goes on once it thaws |
//! | any, and a newer record is there after the wait | adopts it, and sends nothing | that is what looking again is for |
//!
//! The demand of the corpus for a refresh behind the bounded wait is met at the first kind, which ours is.

use std::fs;
use std::path::Path;
use std::time::Duration;

use gatepass_core::error::Error;
use gatepass_core::session::access::{GetAccess, Wanted};
use gatepass_core::session::transaction::{Answer, Effect, Step, Transaction};
use gatepass_core::testing::{Fault, ServerKind, World, advance};
use gatepass_core::time::Timestamp;

use super::scene::{FIRST, Facts, HOUR, looked_again, said};

/// A constant of a shell: its file, and the words between which its number stands.
type Constant = (&'static str, &'static str, &'static str);

/// How long a shell waits for the lock, and how long one request may take there.
pub(super) struct Limits {
    wait: Constant,
    request: Constant,
    /// The number is divided by this to be seconds.
    parts: u64,
    /// What shows that the limit is the one that is waited for.
    used: &'static [(&'static str, &'static str)],
}

pub(super) const BROWSER: Limits = Limits {
    wait: ("www/shared/lock.js", "\nconst LONG = ", ";"),
    request: ("www/shared/http.js", "\nconst TIME_LIMIT = ", ";"),
    parts: 1000,
    used: &[
        ("www/shared/lock.js", "const signal = AbortSignal.timeout(refresh ? LONG : BRIEF);"),
        ("www/shared/lock.js", "navigator.locks?.request(name, { signal }, held)"),
        ("www/shared/drive.js", "const refresh = wanted[0] === ACCESS || wanted[0] === REFRESH;"),
        ("www/shared/drive.js", "release = await take(`gatepass:${session}`, refresh);"),
    ],
};

pub(super) const TERMINAL: Limits = Limits {
    wait: ("crates/native/src/lock.rs", "\npub(crate) const WAIT: Duration = Duration::from_secs(", ");"),
    request: ("crates/native/src/http.rs", "\nconst WHOLE_LIMIT: Duration = Duration::from_secs(", ");"),
    parts: 1,
    used: &[
        ("crates/native/src/lock.rs", "if waited >= limit {"),
        ("crates/native/src/drive.rs", "lock::lock(&self.store.paths.refresh_lock, lock::WAIT)"),
    ],
};

/// Nobody sits and waits for longer.
const PATIENCE: Duration = Duration::from_secs(60);

impl Limits {
    /// How long the shell waits: longer than a holder may take over two requests, and no longer than a person does.
    fn wait(&self) -> Result<Duration, String> {
        let seconds = |(file, before, after): Constant| {
            let source = source(file)?;
            let number = source.split_once(before).and_then(|(_, rest)| rest.split_once(after));
            let number = number.and_then(|(number, _)| number.replace('_', "").parse::<u64>().ok());
            number.map(|number| number / self.parts).ok_or_else(|| format!("{file} has no {before:?}"))
        };
        for (file, words) in self.used {
            if !source(file)?.lines().any(|line| line.contains(words) && !line.trim().starts_with("//")) {
                return Err(format!("{file} has no {words:?}"));
            }
        }
        let (wait, request) =
            (Duration::from_secs(seconds(self.wait)?), Duration::from_secs(seconds(self.request)?));
        if wait <= request * 2 || wait > PATIENCE {
            return Err(format!("waits {wait:?} for two requests of {request:?}"));
        }
        Ok(wait)
    }
}

fn source(file: &str) -> Result<String, String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(file);
    fs::read_to_string(path).map_err(|error| format!("{file}: {error}"))
}

/// What a caller did and got.
#[derive(Debug)]
struct Came {
    result: Result<String, Error>,
    requests: Vec<(Timestamp, String)>,
    trace: Vec<&'static str>,
    waited: Duration,
    ended: bool,
}

impl Came {
    fn asked_for_the_lock(&self) -> bool {
        self.trace.contains(&"lock")
    }
}

/// Lets a caller go as far as it gets; `meanwhile` is what happens while it waits in vain.
fn call(world: &mut World, wait: Duration, meanwhile: fn(&mut World)) -> Came {
    let mut transaction = GetAccess::new(Wanted::default());
    let (traced, began) = (world.trace.len(), world.now);
    let (mut requests, mut ended) = (Vec::new(), false);
    let mut answer = Answer::Begin;
    // No way through it is longer.
    for _ in 0..20 {
        let Step::Need(effect) = transaction.step(answer, world.now, &mut world.dice) else {
            ended = true;
            break;
        };
        let (sends, arrived) = (matches!(effect, Effect::Send(_)), world.arrived.len());
        answer = world.perform(effect);
        if matches!(answer, Answer::LockTimedOut) {
            world.now = world.now.plus(wait);
            meanwhile(world);
        }
        if sends {
            requests.extend(world.arrived[arrived..].iter().map(|token| (world.now, token.clone())));
        }
    }
    Came {
        result: transaction.finish().map(|handout| handout.access.token.expose().clone()),
        requests,
        trace: world.trace[traced..].to_vec(),
        waited: world.now.since(began),
        ended,
    }
}

fn expired(kind: ServerKind) -> World {
    let mut world = World::signed_in(kind);
    world.now = world.now.plus(HOUR);
    world
}

fn stored(world: &World) -> Option<String> {
    world.store.load()?.rest?.into_inner().refresh_token.map(|token| token.expose().clone())
}

/// What holds for every caller behind a lock that nobody lets go.
fn bounded(came: &Came, wait: Duration) -> Result<(), String> {
    let waited = if came.asked_for_the_lock() { wait } else { Duration::ZERO };
    let looked = looked_again(&came.trace) || !came.asked_for_the_lock();
    if came.ended && came.waited == waited && looked && !came.trace.contains(&"unlock") {
        return Ok(());
    }
    Err(format!("not bounded, not looked again, or the lock is stolen: {came:?}"))
}

/// The holder is stopped behind each of its effects in turn. Gives what came of the caller that met it at the first, and
/// whether a session was there throughout.
fn stopped_holder(kind: ServerKind, wait: Duration) -> Result<(Came, bool), String> {
    let (mut first, mut kept) = (None, true);
    for effects in 2.. {
        let mut world = expired(kind);
        let mut holder = GetAccess::new(Wanted::default());
        let Some(owed) = advance(&mut world, &mut holder, Answer::Begin, effects) else { break };
        if !world.locked {
            break;
        }
        let fault = |what: &str, came: &Came| Err(format!("{kind:?}, {effects} effects: {what}: {came:?}"));
        let came = call(&mut world, wait, |_| {});
        bounded(&came, wait).map_err(|error| format!("{kind:?}, {effects} effects: {error}"))?;
        kept &= stored(&world).is_some();
        if !world.locked {
            return fault("the lock is stolen", &came);
        }
        let as_chosen = match (&came.result, came.requests.as_slice()) {
            // What the holder has saved is adopted.
            (Ok(_), []) => !came.asked_for_the_lock(),
            (Ok(_), [(_, token)]) => kind == ServerKind::Forgiving && token == FIRST,
            (Err(error), []) => kind != ServerKind::Forgiving && *error == Error::Busy && error.retryable(),
            _ => false,
        };
        if !as_chosen {
            return fault("not as chosen", &came);
        }
        // It thaws, and whoever comes then is served too: nothing is lost.
        let over = advance(&mut world, &mut holder, owed, 20).is_none();
        let thawed = holder.finish().is_ok() && over && !world.locked;
        world.now = world.now.plus(HOUR);
        let next = call(&mut world, wait, |_| {});
        if !thawed || next.result.is_err() || next.requests.len() != 1 {
            return fault("lost once the holder thaws", &next);
        }
        first.get_or_insert(came);
    }
    first.map(|first| (first, kept)).ok_or_else(|| "nobody ever held the lock".to_owned())
}

/// Somebody holds the lock for longer than anybody waits. `strict` is whether the issuer of the scenario forgives nothing.
pub(super) fn play(limits: &Limits, strict: bool) -> Result<Facts, String> {
    let wait = limits.wait()?;
    let mut behind = None;
    for kind in [ServerKind::Forgiving, ServerKind::Window, ServerKind::Strict, ServerKind::StrictBound] {
        let (came, kept) = stopped_holder(kind, wait)?;
        // Somebody else saves a newer session in the meantime, whoever has the lock.
        let mut world = expired(kind);
        world.faults.push(Fault::LockTimesOut);
        let adopts = call(&mut world, wait, World::refresh_elsewhere);
        bounded(&adopts, wait)?;
        if adopts.result.as_deref() != Ok("elsewhere") || !adopts.requests.is_empty() {
            return Err(format!("{kind:?}: a newer session is not adopted: {adopts:?}"));
        }
        if (kind == ServerKind::Strict) == strict
            && matches!(kind, ServerKind::Strict | ServerKind::Forgiving)
        {
            behind = Some((came, kept));
        }
    }
    let (came, kept) = behind.ok_or("no issuer was meant")?;
    let waited = came.waited == wait;
    Ok(Facts {
        needed: usize::from(!strict),
        looked_again: looked_again(&came.trace),
        kept,
        said: said(&came.result),
        seconds: came.waited.as_secs(),
        ended: came.ended && waited,
        requests: came.requests,
        results: vec![came.result],
        ..Facts::default()
    })
}
