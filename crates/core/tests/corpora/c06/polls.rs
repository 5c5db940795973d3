//! Many answers: polling by a clock of the test's own.

use std::time::Duration;

use gatepass_core::error::{Error, Refusal};
use gatepass_core::field::Message;
use gatepass_core::json::{Object, Writer};
use gatepass_core::protocol::device::{Polled, Polling};
use serde_json::{Value, json};

use super::{NOW, begun, without_parentheses};
use crate::answers::{body, redacted, response, silent};

/// What a sequence does next.
enum Event {
    Answer(u16, Value, Vec<u8>),
    Lost,
    /// The clock jumps while nobody polls; back, if the number is negative.
    Jump(i64),
}

fn event(item: &Value) -> Result<Event, String> {
    let unread = || format!("cannot read: {item}");
    if let Some(words) = item.as_str() {
        let words = words.to_ascii_lowercase();
        let has = |some: &[&str]| some.iter().any(|word| words.contains(word));
        if has(&["suspend", "sleep", "clock", "hibernate"]) {
            let seconds = duration(&words).ok_or_else(unread)?;
            return Ok(Event::Jump(if has(&["back", "earlier"]) { -seconds } else { seconds }));
        }
        if has(&["timeout", "time-out", "timed out", "reset", "refused", "dns", "lost", "offline", "network"])
        {
            return Ok(Event::Lost);
        }
        return Err(unread());
    }
    let status = item[0].as_u64().and_then(|status| status.try_into().ok()).ok_or_else(unread)?;
    let headers = match &item[2] {
        Value::String(header) => {
            let (name, value) = header.split_once(':').ok_or_else(unread)?;
            json!({ name.trim(): value.trim() })
        }
        other => other.clone(),
    };
    Ok(Event::Answer(status, headers, body(&item[1])))
}

/// `2 h`, `90 s`, `10 min`.
fn duration(words: &str) -> Option<i64> {
    let spaced: String =
        words.chars().map(|character| if character.is_alphanumeric() { character } else { ' ' }).collect();
    let words: Vec<&str> = spaced.split(' ').filter(|word| !word.is_empty()).collect();
    words.windows(2).find_map(|pair| {
        let count: i64 = pair[0].parse().ok()?;
        let unit = match pair[1].chars().next()? {
            's' => 1,
            'm' => 60,
            'h' => 3600,
            'd' => 86400,
            _ => return None,
        };
        Some(count * unit)
    })
}

/// What a run of polls came to.
struct Run {
    /// Seconds before each request.
    gaps: Vec<u64>,
    /// The numbers of the requests that got no answer.
    lost: Vec<usize>,
    /// The number of the first request behind a jump of the clock.
    jumped: Option<usize>,
    end: Option<Result<(), Error>>,
}

/// Polls until it is over or nothing is left to answer. Between any two steps the wait leaves and comes back.
fn poll(items: &[Value], interval: u64, expires_in: u64) -> Result<Run, String> {
    let mut polling = begun(interval, expires_in);
    let (mut now, mut last) = (NOW, NOW);
    let mut run = Run { gaps: Vec::new(), lost: Vec::new(), jumped: None, end: None };
    let pending = || Event::Answer(400, Value::Null, br#"{"error":"authorization_pending"}"#.to_vec());
    let mut events = items.iter().map(event).collect::<Result<Vec<_>, _>>()?;
    if events.iter().any(|event| matches!(event, Event::Jump(_))) {
        // A jump is between two requests, and what it does shows in those that follow.
        if matches!(events.first(), Some(Event::Jump(_))) {
            events.insert(0, pending());
        }
        events.extend((0..20).map(|_| pending()));
    }
    for event in events {
        let (status, headers, body) = match event {
            Event::Jump(seconds) => {
                let span = Duration::from_secs(seconds.unsigned_abs());
                now = if seconds < 0 { now.minus(span) } else { now.plus(span) };
                run.jumped = Some(run.gaps.len());
                continue;
            }
            Event::Answer(status, headers, body) => (Some(status), headers, body),
            Event::Lost => (None, Value::Null, Vec::new()),
        };
        let stored = polling.write(Writer::new()).finish();
        polling = Object::parse(stored.as_bytes(), Message::PendingLogin)
            .and_then(|object| Polling::read(&object))
            .map_err(|error| format!("did not come back: {error:?}"))?;
        match polling.wait(now) {
            Ok(wait) => now = now.plus(wait),
            Err(error) => {
                run.end = Some(Err(error));
                return Ok(run);
            }
        }
        run.gaps.push(now.since(last).as_secs());
        last = now;
        let answer = status.map(|status| response(status, &headers, body.clone()));
        if answer.is_none() {
            run.lost.push(run.gaps.len() - 1);
        }
        match polling.answered(answer.as_ref(), false, now) {
            Polled::Again(again) => polling = again,
            Polled::Tokens(tokens) => {
                redacted(&tokens, &["AT"])?;
                run.end = Some(Ok(()));
                return Ok(run);
            }
            Polled::Over(error) => {
                silent(error, &body)?;
                run.end = Some(Err(error));
                return Ok(run);
            }
        }
    }
    Ok(run)
}

pub(super) fn judge(line: &Value) -> Result<(), String> {
    let interval = line["interval"].as_u64().unwrap_or(5);
    let expires_in = line["expires_in"].as_u64().unwrap_or(1800);
    let items = line["sequence"].as_array().ok_or("cannot read: no sequence")?;
    let run = poll(items, interval, expires_in)?;
    let failed = |what: &str| Err(format!("{what}: gaps {:?}, end {:?}", run.gaps, run.end));
    for (name, expected) in line["expect"].as_object().ok_or("cannot read: no expectation")? {
        let holds = match (name.as_str(), expected) {
            ("result", Value::String(words)) => result_holds(words, &run)?,
            ("gaps_at_least", Value::Array(least)) => {
                run.gaps.len() >= least.len()
                    && least.iter().zip(&run.gaps).all(|(least, gap)| least.as_f64() <= Some(*gap as f64))
            }
            ("stop", Value::Bool(stop)) => run.end.is_some() == *stop,
            // The words are the front's; the error tells it which to say.
            ("hint", Value::String(hint)) if hint.contains("restart") => ran_out(&run),
            ("backoff", Value::String(kind)) if kind.contains("exponential") => {
                // Doubled each time, up to some bound that a person would still wait for.
                let doubled = |lost: &usize| match run.gaps.get(*lost + 1) {
                    Some(after) => *after >= (run.gaps[*lost] * 2).min(300),
                    None => true,
                };
                !run.lost.is_empty() && run.lost.iter().all(doubled)
            }
            ("polls_at_most", most) => run.gaps.len() as u64 <= bound(most, interval, expires_in)?,
            ("no_burst", Value::Bool(true)) => {
                let after = run.gaps.iter().skip(run.jumped.unwrap_or(0) + 1);
                after.into_iter().all(|gap| *gap >= interval)
            }
            ("note", _) => true,
            _ => return Err(format!("cannot read: {name}: {expected}")),
        };
        if !holds {
            return failed(&format!("{name}: {expected}"));
        }
    }
    Ok(())
}

fn ran_out(run: &Run) -> bool {
    matches!(run.end, Some(Err(Error::LoginExpired | Error::Refused(Refusal::ExpiredToken))))
}

fn result_holds(words: &str, run: &Run) -> Result<bool, String> {
    let mut holds = None;
    for phrase in without_parentheses(words).split(" or ") {
        // What follows a colon, or `by`, explains.
        let phrase = phrase.split([':', ';']).next().unwrap_or_default();
        let phrase = phrase.split(" by ").next().unwrap_or_default().trim();
        let this = match phrase {
            "ok" => run.end == Some(Ok(())),
            "expired" | "expired_token" => ran_out(run),
            "continue polling" | "continue" | "pending" => run.gaps.len() > 1 || run.end.is_none(),
            "oauth_error" => matches!(run.end, Some(Err(Error::Refused(_)))),
            "denied" => run.end == Some(Err(Error::Refused(Refusal::AccessDenied))),
            "malformed" => matches!(run.end, Some(Err(Error::Malformed { .. }))),
            "error" | "stop" => matches!(run.end, Some(Err(_))),
            code if Refusal::parse(code) != Refusal::Other => {
                run.end == Some(Err(Error::Refused(Refusal::parse(code))))
            }
            _ => continue,
        };
        holds = Some(holds.unwrap_or(false) || this);
    }
    holds.ok_or_else(|| format!("cannot read: {words}"))
}

/// A number, or `expires_in/interval` with something added.
fn bound(most: &Value, interval: u64, expires_in: u64) -> Result<u64, String> {
    let unread = || format!("cannot read: polls_at_most {most}");
    if let Some(number) = most.as_u64() {
        return Ok(number);
    }
    most.as_str().ok_or_else(unread)?.split('+').try_fold(0, |sum, part| {
        let part: String = part.split_whitespace().collect();
        Ok(sum
            + match part.as_str() {
                "expires_in/interval" => expires_in / interval,
                number => number.parse().map_err(|_| unread())?,
            })
    })
}
