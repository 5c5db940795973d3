//! Where words go: data to stdout, talk to stderr.

use std::io::{self, Write};

use gatepass::Timestamp;
use serde::Serialize;

use crate::words::Trouble;

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

    /// Prints data: the object with `--json`, otherwise the plain lines.
    pub(crate) fn data(&self, object: &impl Serialize, plain: &str) {
        let mut out = io::stdout().lock();
        // A reader that has gone away (`| head -1`) is no reason to complain.
        let _ = if self.json {
            serde_json::to_string(object).map_err(io::Error::other).and_then(|text| writeln!(out, "{text}"))
        } else {
            writeln!(out, "{plain}")
        };
    }

    /// Says what went wrong and what to do; with `--json` the object goes to stdout as well.
    pub(crate) fn trouble(&self, trouble: &Trouble) {
        self.trouble_of("gatepass", trouble);
    }

    /// The same, for a program of another name.
    pub(crate) fn trouble_of(&self, program: &str, trouble: &Trouble) {
        let hint = trouble.hint(program);
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
        self.say(&format!("error: {}", trouble.message()));
        if let Some(hint) = hint {
            self.say(&format!("hint: {hint}"));
        }
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
