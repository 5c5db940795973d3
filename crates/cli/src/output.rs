//! Where words go: data to stdout, talk to stderr.

use std::io::{self, ErrorKind, Write};
use std::sync::atomic::{AtomicBool, Ordering};

use gatepass::{Secret, Timestamp};
use serde::Serialize;

use crate::messages::Values;
use crate::words::Trouble;

/// Whether data could not be written to stdout.
static LOST: AtomicBool = AtomicBool::new(false);

/// Speaks to the person, or to the script.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Talk {
    json: bool,
}

impl Talk {
    pub(crate) const fn new(json: bool) -> Self {
        Self { json }
    }

    /// A line for the person, on stderr.
    pub(crate) fn say(&self, line: &str) {
        // A closed stderr is no reason to stop.
        let _ = writeln!(io::stderr().lock(), "{line}");
    }

    /// Lines of a message for the person, if there are any.
    pub(crate) fn lines(&self, values: &Values, lines: &[String]) {
        if !lines.is_empty() {
            self.say(&values.fill(lines));
        }
    }

    /// Prints data: the object with `--json`, otherwise the plain lines.
    pub(crate) fn data(&self, object: &impl Serialize, plain: &str) {
        let mut out = io::stdout().lock();
        let written = if self.json {
            serde_json::to_string(object).map_err(io::Error::other).and_then(|text| writeln!(out, "{text}"))
        } else {
            writeln!(out, "{plain}")
        };
        match written {
            // A reader that has gone away (`| head -1`) is no reason to complain.
            Err(error) if error.kind() != ErrorKind::BrokenPipe => {
                self.say(&format!("error: cannot write to stdout: {error}"));
                LOST.store(true, Ordering::Relaxed);
            }
            _ => {}
        }
    }

    /// Whether data that was asked for is lost, so that nothing can end well any more.
    pub(crate) fn is_lost(self) -> bool {
        LOST.load(Ordering::Relaxed)
    }

    /// Says what went wrong and what to do, or a manifest's `own` words for it; with `--json` the object goes to
    /// stdout and nothing to stderr.
    pub(crate) fn trouble(&self, trouble: &Trouble, hint: Option<String>, own: Option<&str>) {
        if self.json {
            let error = Failure {
                schema: "gatepass/error/1",
                error: trouble.code(),
                message: trouble.message(),
                hint,
            };
            self.data(&error, "");
            return;
        }
        if let Some(own) = own {
            self.say(own);
            return;
        }
        self.say(&format!("error: {}", trouble.message()));
        if let Some(hint) = hint {
            self.say(&format!("hint: {hint}"));
        }
    }

    /// Asks for one line, where somebody is there to answer.
    pub(crate) fn ask(&self, question: &str) -> Option<String> {
        let mut err = io::stderr().lock();
        let _ = write!(err, "{question} ").and_then(|()| err.flush());
        drop(err);
        let mut line = String::new();
        let read = io::stdin().read_line(&mut line).ok()?;
        (read > 0).then(|| line.trim().to_owned())
    }

    /// The same without echo, for what nobody should read over a shoulder. An empty line is no answer.
    pub(crate) fn ask_hidden(&self, question: &str) -> Option<Secret> {
        let quiet = crate::waiting::Quiet::lines();
        let answer = self.ask(question).filter(|answer| !answer.is_empty()).map(Secret::new);
        if quiet.is_some() {
            self.say("");
        }
        answer
    }

    /// Whether stdout gets objects.
    pub(crate) const fn is_json(self) -> bool {
        self.json
    }
}

#[derive(Serialize)]
struct Failure {
    schema: &'static str,
    error: &'static str,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
}

/// `in 47 minutes`, `in 2 hours`, `12 seconds ago`.
pub(crate) fn distance(moment: Timestamp, now: Timestamp) -> String {
    let (seconds, past) =
        if moment > now { (moment.since(now).as_secs(), false) } else { (now.since(moment).as_secs(), true) };
    let (number, unit) = match seconds {
        0..60 => (seconds, "second"),
        60..3600 => (seconds / 60, "minute"),
        3600..86_400 => (seconds / 3600, "hour"),
        _ => (seconds / 86_400, "day"),
    };
    let plural = if number == 1 { "" } else { "s" };
    if past { format!("{number} {unit}{plural} ago") } else { format!("in {number} {unit}{plural}") }
}

/// A moment by this machine's clock and zone: `2025-12-16 14:30:00`.
pub(crate) fn local(moment: Timestamp) -> String {
    let seconds = i64::try_from(moment.seconds()).unwrap_or(i64::MAX);
    let zone = jiff::tz::TimeZone::system();
    jiff::Timestamp::from_second(seconds)
        .map(|moment| moment.to_zoned(zone).strftime("%Y-%m-%d %H:%M:%S").to_string())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_read_as_people_say_them() {
        let at = Timestamp::from_seconds;
        for (moment, text) in [
            (100_000 + 47 * 60 + 59, "in 47 minutes"),
            (100_001, "in 1 second"),
            (100_000, "0 seconds ago"),
            (100_000 + 7200, "in 2 hours"),
            (99_988, "12 seconds ago"),
            (10_000, "1 day ago"),
        ] {
            assert_eq!(distance(at(moment), at(100_000)), text);
        }
    }
}
