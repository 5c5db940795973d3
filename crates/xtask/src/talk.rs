//! Data goes to stdout, talk goes to stderr. A reader who went away is not an error.

use std::io::{self, Write};

use crate::failure::Failure;

/// A line that somebody asked for.
pub(crate) fn data(text: &str) {
    let _ = writeln!(io::stdout().lock(), "{text}");
}

/// A line about what is being done.
pub(crate) fn note(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// The heading of a step.
pub(crate) fn heading(text: &str) {
    note(&format!("\n== {text}"));
}

/// An error with its hint.
pub(crate) fn failure(failure: &Failure) {
    note(&format!("error: {}", failure.message()));
    if let Some(hint) = failure.hint_text() {
        note(&format!("hint: {hint}"));
    }
}

/// Asks on stderr and reads one line; no answer is a no.
pub(crate) fn confirm(question: &str) -> bool {
    let mut stderr = io::stderr().lock();
    let _ = write!(stderr, "{question} [y/N] ");
    let _ = stderr.flush();
    let mut answer = String::new();
    io::stdin().read_line(&mut answer).is_ok() && matches!(answer.trim(), "y" | "Y" | "yes")
}
