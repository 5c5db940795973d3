//! 08c, scenarios for races around a refresh.
//!
//! A client's scenario is read by its words, run with core's transactions (`stories.rs`), and what came of it is held
//! against each phrase of `must`. What hangs on a disk, a keyring, a killed process, a browser or our own server is the
//! business of a test that has them: [`JUDGED`] names it, and here is only made sure that it is still there.
//!
//! A tab or process that is frozen with the lock in its hands is played too (`held.rs`; the table there says what comes of
//! it at which issuer).
//!
//! Choices: our server has no grace period of 0. A replay of the generation before gets the very same successor, so
//! "one success" of a race is one step of the family, whose outcome all callers share.

mod held;
mod scene;
mod stories;

use std::fs;
use std::path::Path;

use libtest_mimic::Trial;
use serde_json::Value;

use self::scene::Facts;
use crate::frame::{Judgement, Tally, Verdict, lines, text};

const NAME: &str = "08c-refresh-race-scenarios";

const SESSION: &str = "crates/core/tests/core/session.rs";
const STORE: &str = "crates/native/src/store/tests/mod.rs";
const LOCK: &str = "crates/native/src/lock.rs";
const WORKER: &str = "crates/native/src/worker.rs";
const SERVER: &str = "crates/authority/tests/authority/refresh.rs";
const PERSISTENCE: &str = "crates/authority/tests/authority/persistence.rs";
const TERMINAL: &str = "tests/terminal.test.mjs";
const DASHBOARD: &str = "tests/dashboard.test.mjs";
const SHELL: &str = "tests/shell.test.mjs";

/// The tests that judge what core alone cannot show: the side, words of which one has to be there, and the tests. The
/// first that fits is taken.
type Judged = (&'static str, &'static [&'static str], &'static [(&'static str, &'static str)]);

const JUDGED: &[Judged] = &[
    (
        "client",
        &["too large", "item size", "size limit"],
        &[(STORE, "a_session_of_any_size_is_kept_whole_or_refused")],
    ),
    (
        "client",
        &["disk full", "read-only", "enospc", "quota"],
        &[
            (STORE, "a_write_that_fails_leaves_what_was_there"),
            (SESSION, "a_save_that_fails_is_never_silent"),
            (TERMINAL, "a token that cannot be saved is printed with a warning and its own exit code"),
        ],
    ),
    (
        "client",
        &["truncated", "corrupt", "half-written", "torn"],
        &[
            (STORE, "torn_and_foreign_files_are_corrupt_and_stay"),
            (STORE, "what_a_crash_left_of_a_write_goes_with_the_session"),
        ],
    ),
    (
        "client",
        &[
            "keychain locked",
            "keyring locked",
            "keychain is locked",
            "keychain unavailable",
            "no keychain",
            "prompt",
        ],
        &[
            (STORE, "only_an_absent_keyring_leads_to_a_plain_file"),
            (STORE, "a_sealed_session_stays_sealed_when_its_keyring_goes_away"),
        ],
    ),
    (
        "client",
        &["keychain", "keyring", "processes, token expired", "processes with an expired"],
        &[(TERMINAL, "two processes with an expired token make one refresh")],
    ),
    (
        "client",
        &[
            "between response and",
            "before persist",
            "before save",
            "after the response",
            "between answer and",
        ],
        &[
            (SESSION, "every_crash_leaves_a_session_that_the_next_caller_can_use"),
            (SESSION, "where_an_answer_is_given_once_a_crash_is_told_apart_from_a_revocation"),
            (TERMINAL, "a kill between answer and save costs nothing"),
        ],
    ),
    (
        "client",
        &["sigkill", "killed", "kill -9", "crash", "power loss"],
        &[
            (TERMINAL, "a kill between answer and save costs nothing"),
            (LOCK, "waits_no_longer_than_its_limit"),
            (SESSION, "every_crash_leaves_a_session_that_the_next_caller_can_use"),
        ],
    ),
    (
        "client",
        &["different client_id", "different issuer", "profiles", "two accounts"],
        &[(STORE, "each_grant_has_a_session_and_a_lock_of_its_own")],
    ),
    (
        "client",
        &["logout", "log out", "sign-out", "signs out", "sign out"],
        &[
            (SESSION, "a_refresh_that_ends_after_a_sign_out_does_not_bring_the_session_back"),
            (SESSION, "a_sign_out_takes_the_successor_of_a_refresh_under_way"),
        ],
    ),
    (
        "client",
        &["new login", "login while", "logs in", "signs in"],
        &[(SESSION, "a_new_session_is_kept_although_a_refresh_was_faster")],
    ),
    (
        "client",
        &["cancel", "abort", "ctrl-c", "dropped future", "caller is gone"],
        &[(WORKER, "work_ends_even_if_nobody_waits")],
    ),
    (
        "client",
        &["different scope", "different audience", "two audiences", "two scopes", "narrower"],
        &[(SESSION, "each_audience_and_each_set_of_scopes_has_a_token_of_its_own")],
    ),
    ("client", &["use_dpop_nonce", "dpop nonce"], &[(SESSION, "a_nonce_is_asked_for_once_and_remembered")]),
    (
        "browser",
        &["frozen", "bfcache", "background", "closed", "discarded", "crashes", "holding the lock"],
        &[
            (SHELL, "the second waits in vain, and is served after the release"),
            (SHELL, "answers every effect, and lets go of the lock on every way out"),
        ],
    ),
    (
        "browser",
        &["sign-out", "signs out", "logout", "log out"],
        &[
            (DASHBOARD, "tabs with an expired token make one refresh between them"),
            (SESSION, "a_refresh_that_ends_after_a_sign_out_does_not_bring_the_session_back"),
        ],
    ),
    (
        "browser",
        &["tabs", "tab ", "worker", "locks", "reload", "navigat", "window"],
        &[
            (DASHBOARD, "tabs with an expired token make one refresh between them"),
            (SHELL, "waiters go one by one"),
        ],
    ),
    (
        "server",
        &["another client_id", "other client", "another client", "foreign"],
        &[(SERVER, "foreign_and_broken_tokens_are_unknown")],
    ),
    (
        "server",
        &["without proof", "another key", "wrong key", "stolen"],
        &[(SERVER, "without_the_key_nothing_happens_to_the_family")],
    ),
    (
        "server",
        &["revoke", "revocation", "logout"],
        &[
            (SERVER, "a_revocation_beside_refreshes_has_the_last_word"),
            (SERVER, "revocation_ends_the_family_whatever_is_shown"),
        ],
    ),
    (
        "server",
        &["rt1->rt2->rt3", "immediately previous", "penultimate", "two generations"],
        &[
            (SERVER, "a_bound_replay_returns_the_same_successor_at_any_time"),
            (SERVER, "sixteen_at_once_take_one_step"),
        ],
    ),
    (
        "server",
        &["parallel", "concurrent", "at once", "redemptions"],
        &[
            (SERVER, "of_fifty_at_once_none_fails_and_late_ones_are_told_why"),
            (SERVER, "sixteen_at_once_take_one_step"),
        ],
    ),
    (
        "server",
        &["restart", "crash", "replica", "failover"],
        &[(PERSISTENCE, "the_same_secret_keeps_everything")],
    ),
    (
        "server",
        &["grace", "within g", "after g", "window", "lost response", "replay"],
        &[
            (SERVER, "a_bare_replay_has_ten_seconds"),
            (SERVER, "a_replay_ends_its_own_family_only"),
            (SERVER, "an_authenticated_client_needs_no_clock"),
        ],
    ),
    ("server", &["idle", "absolute", "lifetime"], &[(SERVER, "families_end_by_idleness_and_by_age")]),
];

pub(crate) fn trial() -> Trial {
    Trial::test(NAME, || {
        let Some(lines) = lines(NAME) else { return Ok(()) };
        let mut tally = Tally::default();
        // `idem` is what the scenario before it on the same side says.
        let mut before: Vec<Scenario> = Vec::new();
        for line in &lines {
            let scenario =
                Scenario::read(line, before.iter().rev().find(|one| one.side == text(line, "side")));
            tally.count(text(line, "id"), text(line, "norm"), scenario.judge());
            before.push(scenario);
        }
        tally.finish(NAME)
    })
}

/// One line, in lower case.
struct Scenario {
    side: String,
    setup: String,
    steps: String,
    must: String,
}

impl Scenario {
    fn read(line: &Value, before: Option<&Self>) -> Self {
        let field = |name: &str, known: Option<&String>| {
            let said = text(line, name).to_lowercase();
            // In a folder that lacks the line before, a race is what is repeated: the file begins with them.
            let start = || {
                let race = [
                    ("setup", "server strict single use; 32 tasks, token expired"),
                    ("steps", "all at once"),
                ];
                let race = race.iter().find(|(known, _)| *known == name);
                race.map_or("exactly 1 token request; all get the new token", |(_, text)| *text).to_owned()
            };
            if said.contains("idem") {
                said.replacen("idem", &known.cloned().unwrap_or_else(start), 1)
            } else {
                said
            }
        };
        Self {
            side: text(line, "side").to_owned(),
            setup: field("setup", before.map(|one| &one.setup)),
            steps: field("steps", before.map(|one| &one.steps)),
            must: field("must", before.map(|one| &one.must)),
        }
    }

    fn judge(&self) -> Judgement {
        let Self { side, setup, steps, must } = self;
        let all = format!("{setup} | {steps} | {must}");
        let what = format!("{setup} | {steps}");
        // The words of the situation count first, then those of what is demanded.
        let judged = |words: &str| {
            JUDGED.iter().find(|(of, keys, _)| of == side && keys.iter().any(|key| words.contains(key)))
        };
        let played = match judged(&what) {
            None if side == "client" => stories::play(setup, steps)?,
            // The tests show what a browser does with its locks, and the story what comes of it.
            Some((_, _, tests)) if side == "browser" && stories::holder_is_stopped(&what) => {
                all_there(tests)?;
                Some(held::play(&held::BROWSER, what.contains("strict"))?)
            }
            _ => None,
        };
        if let Some(facts) = played {
            for phrase in phrases(must) {
                judge_phrase(&phrase, &facts)?;
            }
            return Ok(Verdict::Right);
        }
        let (_, _, tests) =
            judged(&what).or_else(|| judged(&all)).ok_or_else(|| format!("cannot read: {all}"))?;
        all_there(tests).map(|()| Verdict::Right)
    }
}

fn all_there(tests: &[(&str, &str)]) -> Result<(), String> {
    tests.iter().try_for_each(|(file, test)| {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(file);
        let source = fs::read_to_string(path).map_err(|error| format!("{file}: {error}"))?;
        let found = if file.ends_with(".rs") { in_rust(&source, test) } else { in_script(&source, test) };
        if found { Ok(()) } else { Err(format!("{file} has no test {test:?}")) }
    })
}

/// Whether a test of this name is run: a function below the attribute that makes it one, with nothing but other
/// attributes, none of which is `ignore`, between the two.
fn in_rust(source: &str, test: &str) -> bool {
    let lines = code(source);
    let starts = [format!("fn {test}("), format!("async fn {test}(")];
    let named = |line: &&str| starts.iter().any(|start| line.starts_with(start.as_str()));
    let is_test =
        |line: &&str| *line == "#[test]" || *line == "#[tokio::test]" || line.starts_with("#[tokio::test(");
    lines.iter().enumerate().filter(|(_, line)| named(line)).any(|(at, _)| {
        let above: Vec<&str> =
            lines[..at].iter().rev().copied().take_while(|line| line.starts_with("#[")).collect();
        above.iter().any(is_test) && !above.iter().any(|line| line.starts_with("#[ignore"))
    })
}

/// Whether a test of this name is run: a call of `test`, neither `test.skip` nor `test.todo`.
fn in_script(source: &str, test: &str) -> bool {
    let start = format!("test('{test}',");
    code(source).iter().any(|line| line.starts_with(&start))
}

/// The lines of a source that begin outside any comment, without the space before and behind them.
fn code(source: &str) -> Vec<&str> {
    let mut lines = Vec::new();
    let mut inside = false;
    for line in source.lines().map(str::trim) {
        if inside || line.starts_with("/*") {
            inside = !line.contains("*/");
        } else if !line.starts_with("//") {
            lines.push(line);
        }
    }
    lines
}

/// What is demanded, piece by piece, without what stands in brackets.
fn phrases(must: &str) -> Vec<String> {
    let mut plain = String::new();
    let mut depth = 0_u32;
    for character in must.chars() {
        match character {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            character if depth == 0 => plain.push(character),
            _ => {}
        }
    }
    plain
        .split([';', ','])
        .map(|phrase| phrase.trim().to_owned())
        .filter(|phrase| !phrase.is_empty())
        .collect()
}

/// The first number of a phrase, in figures or in letters.
fn number(phrase: &str) -> Option<usize> {
    phrase.split(|letter: char| !letter.is_alphanumeric()).find_map(|word| match word {
        "no" | "zero" | "never" => Some(0),
        "one" | "single" | "once" => Some(1),
        "two" | "twice" => Some(2),
        word => word.parse().ok(),
    })
}

fn judge_phrase(phrase: &str, facts: &Facts) -> Result<(), String> {
    let has = |words: &[&str]| words.iter().any(|word| phrase.contains(word));
    let requests = facts.requests.len();
    let holds = if has(&["no panic", "no crash", "no 500"]) {
        // We are still here.
        true
    } else if has(&["401"]) {
        facts.after_401 == Some(1)
    } else if has(&["re-read", "reread", "look again", "reload"]) {
        facts.looked_again
    } else if has(&["retry", "retried"]) && has(&["rt2", "new refresh token", "newer"]) {
        facts.requests.iter().filter(|(_, token)| *token == scene::NEWER).count() == 1
    } else if has(&["retry", "retried"]) && has(&["window", "short", "soon", "immediately", "once", "one"]) {
        facts.retried_after.is_some_and(|seconds| seconds <= 5)
    } else if has(&["loop", "rate", "bounded refresh", "backoff", "back off", "storm"]) {
        // One in five seconds at most, and what the first call needs.
        requests as u64 <= facts.seconds / 5 + facts.needed.max(1) as u64
    } else if has(&[
        "hang",
        "bounded wait",
        "time out",
        "timeout",
        "deadline",
        "give up",
        "gives up",
        "bound",
    ]) {
        // What is demanded behind the wait has to come.
        facts.ended && (!has(&["then refresh", "and refresh"]) || facts.served() && requests == 1)
    } else if has(&["silently", "silent"]) {
        facts.kept || facts.said
    } else if has(&[
        "say",
        "says",
        "report",
        "tell",
        "clear error",
        "message",
        "may be lost",
        "retryable",
        "distinct error",
    ]) {
        facts.said
    } else if has(&[
        "kept",
        "keep",
        "not deleted",
        "never delete",
        "stays",
        "no logout",
        "not logged out",
        "survives",
        "overwrit",
    ]) {
        facts.kept
    } else if has(&[
        "delete",
        "clear",
        "erase",
        "remove",
        "re-login",
        "sign in again",
        "login",
        "session ended",
        "not signed in",
    ]) {
        !facts.kept && facts.said
    } else if has(&["receipt", "relative", "monotonic", "adopt", "waiters"]) {
        facts.results.iter().all(Result::is_ok)
    } else if has(&["extra"]) && has(&["refresh", "request"]) {
        requests <= facts.needed + number(phrase).ok_or("no number")?
    } else if has(&["at most"]) && has(&["refresh", "request"]) {
        requests <= number(phrase).ok_or_else(|| format!("cannot read: must {phrase:?}"))?
    } else if has(&[
        "get the",
        "all get",
        "same token",
        "new token",
        "success",
        "succeed",
        "works",
        "all tabs",
        "valid token",
    ]) {
        facts.served()
    } else if has(&["refresh", "request"]) && number(phrase).is_some() {
        Some(requests) == number(phrase)
    } else {
        return Err(format!("cannot read: must {phrase:?}"));
    };
    if holds { Ok(()) } else { Err(format!("not so: {phrase:?}: {facts:?}")) }
}
