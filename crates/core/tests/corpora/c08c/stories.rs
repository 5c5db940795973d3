//! The stories that the words of a scenario can tell.

use std::time::Duration;

use gatepass_core::error::Error;
use gatepass_core::secret::Secret;

use super::held;
use super::scene::{FIRST, Facts, HOUR, NEWER, Reuse, Scene, Trouble, said};

/// How the server of a setup treats what it has seen before.
fn reuse(setup: &str) -> Reuse {
    let has = |words: &[&str]| words.iter().any(|word| setup.contains(word));
    if has(&[
        "not rotat",
        "non-rotating",
        "no rotation",
        "no refresh_token",
        "without refresh_token",
        "omits refresh_token",
    ]) {
        Reuse::NotRotated
    } else if has(&["same successor", "idempotent"]) {
        Reuse::Successor(30)
    } else if has(&["grace 0", "no grace", "strict"]) {
        Reuse::Strict
    } else if has(&["sibling", "grace", "leeway"]) {
        Reuse::Sibling(30)
    } else {
        Reuse::Strict
    }
}

/// How many callers there are.
fn callers(setup: &str, steps: &str) -> usize {
    let words: Vec<&str> = setup.split(|letter: char| !letter.is_alphanumeric()).collect();
    let kinds = ["tasks", "processes", "threads", "callers", "workers", "requests", "goroutines", "calls"];
    let number = words.windows(2).find_map(|pair| kinds.contains(&pair[1]).then(|| pair[0].parse().ok())?);
    let steps: Vec<&str> = steps.split(|letter: char| !letter.is_alphanumeric()).collect();
    let in_steps =
        steps.windows(2).find_map(|pair| kinds.contains(&pair[1]).then(|| pair[0].parse().ok())?);
    number.or(in_steps).unwrap_or(1)
}

/// Whether somebody holds the lock of a browser and neither goes on nor dies, upon which the browser would release it.
pub(super) fn holder_is_stopped(what: &str) -> bool {
    let has = |words: &[&str]| words.iter().any(|word| what.contains(word));
    has(&["lock"])
        && has(&["frozen", "freeze", "bfcache", "background", "suspended", "stuck", "hang", "never released"])
        && !has(&["closed", "discarded", "crash", "killed"])
}

/// Plays the scenario that these words tell; `None` if they tell none that is known here.
pub(super) fn play(setup: &str, steps: &str) -> Result<Option<Facts>, String> {
    let all = format!("{setup} | {steps}");
    let has = |words: &[&str]| words.iter().any(|word| all.contains(word));
    let (reuse, count) = (reuse(setup), callers(setup, steps));
    let held = has(&["lock "]) && has(&["held", "holder", "hang", "stuck", "never released", "contention"]);
    Ok(Some(if held {
        held::play(&held::TERMINAL, has(&["strict", "grace 0", "no grace"]))?
    } else if has(&["clock"]) {
        clock()?
    } else if has(&["expires_in", "short-lived", "tiny"]) {
        short_lived()?
    } else if has(&["invalid_grant"])
        && has(&["meanwhile", "store has", "newer", "already has", "another process has"])
    {
        overtaken()?
    } else if has(&["invalid_grant", "revoked", "refresh token expired"]) {
        refused()
    } else if has(&["lost", "tcp reset", "connection reset", "response never"]) {
        lost()?
    } else if has(&["hang", "timeout", "times out", "never answers", "slow"]) {
        trouble(reuse, Trouble::Hang(20))
    } else if has(&["5xx", "500", "502", "503", "server error"]) {
        trouble(reuse, Trouble::Status(503))
    } else if has(&["429", "rate limit"]) {
        trouble(reuse, Trouble::Status(429))
    } else if has(&["offline", "dns", "no network", "network down", "unreachable"]) {
        trouble(reuse, Trouble::NotSent)
    } else if has(&["401"]) {
        unauthorized()?
    } else if has(&["still valid", "valid for", "not expired", "more days", "fresh token"]) {
        still_valid(count)
    } else if has(&["expired", "expires", "at once", "strict", "rotat", "grace", "parallel"]) {
        let mut scene = Scene::expired(reuse);
        let results = scene.callers(count.max(1), false);
        scene.facts(results)
    } else {
        return Ok(None);
    }))
}

/// Calls all through an hour, with a token that lives five days longer than that.
fn still_valid(count: usize) -> Facts {
    let mut scene = Scene::new(Reuse::Strict);
    scene.server.expires_in = "435600";
    // The first refresh brings a token of that life; what is counted begins after it.
    scene.pass(HOUR);
    drop(scene.callers(1, false));
    scene.count_from_now();
    let mut results = Vec::new();
    for _ in 0..60 {
        results.extend(scene.callers(count, false));
        scene.pass(Duration::from_secs(60));
    }
    Facts { needed: 0, ..scene.facts(results) }
}

/// Calls ten times a second for ten seconds, with lives that are none.
fn short_lived() -> Result<Facts, String> {
    let mut most = Facts::default();
    for expires_in in ["0", "-1", "1", "2", "20"] {
        let mut scene = Scene::expired(Reuse::Strict);
        scene.server.expires_in = expires_in;
        let mut results = Vec::new();
        for call in 0..100 {
            results.extend(scene.callers(1, false));
            if call % 10 == 9 {
                scene.pass(Duration::from_secs(1));
            }
        }
        if let Some(Err(error)) = results.iter().find(|result| result.is_err()) {
            return Err(format!("expires_in {expires_in}: {error:?}"));
        }
        let facts = scene.facts(results);
        if facts.requests.len() >= most.requests.len() {
            most = facts;
        }
    }
    Ok(most)
}

/// A clock that goes back an hour, and one that goes forward a day and back; then a token that a server does not take.
fn clock() -> Result<Facts, String> {
    let day = Duration::from_secs(24 * 3600);
    let mut most = Facts::default();
    for (there, back) in [(None, Some(HOUR)), (Some(day), None), (Some(day), Some(day))] {
        let mut scene = Scene::new(Reuse::Strict);
        let mut results = scene.callers(1, false);
        for _ in 0..2 {
            if let Some(span) = there {
                scene.pass(span);
            }
            results.extend(scene.callers(3, false));
            if let Some(span) = back {
                scene.world.now = scene.world.now.minus(span);
            }
            results.extend(scene.callers(3, false));
            if there.is_none() || back.is_none() {
                break;
            }
        }
        // A jump costs one refresh. A clock that goes there and back, twice, jumps four times.
        let jumps = if there.is_some() && back.is_some() { 4 } else { 1 };
        if let Some(Err(error)) = results.iter().find(|result| result.is_err()) {
            return Err(format!("{error:?}"));
        }
        let facts = Facts { needed: 0, ..scene.facts(results) };
        if facts.requests.len() > jumps {
            return Err(format!("{} refreshes after {jumps} jumps", facts.requests.len()));
        }
        if jumps == 1 && facts.requests.len() >= most.requests.len() {
            most = facts;
        }
    }
    // What passed were the jumps: they allow nothing more.
    Ok(Facts { after_401: unauthorized()?.after_401, seconds: 0, ..most })
}

fn unauthorized() -> Result<Facts, String> {
    let mut scene = Scene::new(Reuse::Strict);
    let first = scene.callers(1, false);
    // Whoever gets a 401 asks for another token, whatever the clock says.
    let second = scene.callers(1, true);
    if first == second {
        return Err("the refused token came again".to_owned());
    }
    let count = scene.requests.len();
    Ok(Facts { after_401: Some(count), ..scene.facts(second) })
}

/// The server refuses the first token, because somebody else has used it and saved the next.
fn overtaken() -> Result<Facts, String> {
    let play = |lives: bool| {
        let mut scene = Scene::expired(Reuse::Strict);
        let mut newer = scene.world.store.load().expect("somebody is signed in");
        // One more than the mark that the refresh under way has written ahead.
        newer.generation = newer.generation.next().next();
        newer.rest.as_mut().expect("a whole record").refresh_token = Some(Secret::from(NEWER));
        if lives {
            newer.access[0].received_at = scene.world.now;
            newer.access[0].expires_at = scene.world.now.plus(HOUR);
        }
        scene.meanwhile = Some(newer);
        scene.server.newest = 1;
        scene.server.trouble.push_back(Trouble::Refused);
        let results = scene.callers(1, false);
        scene.facts(results)
    };
    let adopted = play(true);
    if !adopted.served() || adopted.requests.len() != 1 {
        return Err(format!("a living token is not adopted: {adopted:?}"));
    }
    Ok(play(false))
}

/// The grant is over.
fn refused() -> Facts {
    let mut scene = Scene::expired(Reuse::Strict);
    scene.server.ended = true;
    let mut results = scene.callers(1, false);
    assert_eq!(results, [Err(Error::SessionEnded)]);
    // Whoever asks again is told so, and the server is not.
    for _ in 0..10 {
        scene.pass(Duration::from_secs(1));
        results.extend(scene.callers(1, false));
    }
    scene.facts(results)
}

/// The server has rotated and its answer is lost: once, where it forgives and where it does not, and for good.
fn lost() -> Result<Facts, String> {
    let play = |reuse, trouble: &[Trouble]| {
        let mut scene = Scene::expired(reuse);
        scene.server.trouble.extend(trouble);
        let results = scene.callers(1, false);
        scene.facts(results)
    };
    for reuse in [Reuse::Sibling(30), Reuse::Successor(10), Reuse::NotRotated] {
        let forgiven = play(reuse, &[Trouble::AnswerLost]);
        if !forgiven.served() || forgiven.requests.len() != 2 {
            return Err(format!("{reuse:?}: {forgiven:?}"));
        }
    }
    let strict = play(Reuse::Strict, &[Trouble::AnswerLost]);
    if strict.results != [Err(Error::SessionLost)] {
        return Err(format!("it is not said that the session is lost: {strict:?}"));
    }
    let away = play(Reuse::Strict, &[Trouble::AnswerLost, Trouble::NotSent]);
    if away.requests.iter().any(|(_, token)| token != FIRST) || away.requests.len() != 2 {
        return Err(format!("not one retry: {away:?}"));
    }
    Ok(Facts { said: strict.said && away.said, ..away })
}

/// The server has trouble, all the time; afterwards it is well again.
fn trouble(reuse: Reuse, trouble: Trouble) -> Facts {
    let mut scene = Scene::expired(reuse);
    scene.server.trouble.extend([trouble; 2]);
    let troubled = scene.callers(1, false);
    assert!(troubled == [Err(Error::Unreachable)] && Error::Unreachable.retryable());
    scene.server.trouble.clear();
    let kept = scene.stored().as_deref() == Some(FIRST);
    let requests = scene.requests.clone();
    let results = scene.callers(1, false);
    // Where nothing came back at once, the one request more belongs to the call.
    let needed = if trouble == Trouble::NotSent { 2 } else { 1 };
    Facts { kept, requests, needed, said: troubled.iter().any(said), ..scene.facts(results) }
}
