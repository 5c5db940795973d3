//! What was looked at, whether it is well, and its mend.

use std::fmt::Write;
use std::time::Duration;

use serde::Serialize;

/// One thing that was looked at.
#[derive(Debug, Serialize)]
pub(super) struct Finding {
    /// A stable name.
    pub(super) check: &'static str,
    pub(super) state: State,
    /// What there is to see.
    pub(super) seen: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) mend: Option<String>,
    /// How long the answer took, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) took_ms: Option<u128>,
}

/// Whether it is well.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum State {
    Ok,
    /// It works, or will; somebody may want to know.
    Warning,
    /// It keeps somebody from signing in or staying so, or lets others in.
    Wrong,
}

impl State {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Wrong => "wrong",
        }
    }
}

impl Finding {
    pub(super) fn ok(check: &'static str, seen: impl Into<String>) -> Self {
        Self { check, state: State::Ok, seen: seen.into(), mend: None, took_ms: None }
    }

    pub(super) fn warning(check: &'static str, seen: impl Into<String>) -> Self {
        Self { state: State::Warning, ..Self::ok(check, seen) }
    }

    pub(super) fn wrong(check: &'static str, seen: impl Into<String>) -> Self {
        Self { state: State::Wrong, ..Self::ok(check, seen) }
    }

    #[must_use]
    pub(super) fn mend(self, mend: impl Into<String>) -> Self {
        Self { mend: Some(mend.into()), ..self }
    }

    #[must_use]
    pub(super) fn took(self, took: Duration) -> Self {
        Self { took_ms: Some(took.as_millis()), ..self }
    }
}

/// All of them for a person, and how many are not well. At a screen of so many columns, what there is to see stands in
/// a column of its own; a mend is left whole, as a command in it is copied.
pub(super) fn table(findings: &[Finding], columns: Option<usize>) -> String {
    let width = findings.iter().map(|finding| finding.check.len()).max().unwrap_or(0);
    let mut text = String::new();
    for Finding { check, state, seen, mend, .. } in findings {
        let before = width + 11;
        let seen = columns.map_or_else(|| seen.clone(), |columns| wrapped(seen, before, columns));
        let _ = writeln!(text, "{:<7}  {check:<width$}  {seen}", state.as_str());
        if let Some(mend) = mend {
            let _ = writeln!(text, "{:<7}  {:<width$}  mend: {mend}", "", "");
        }
    }
    let count = |state| findings.iter().filter(|finding| finding.state == state).count();
    let _ = match (count(State::Wrong), count(State::Warning)) {
        (0, 0) => write!(text, "all is well"),
        (0, warnings) => write!(text, "nothing is wrong; to be known: {warnings}"),
        (wrong, 0) => write!(text, "wrong: {wrong}"),
        (wrong, warnings) => write!(text, "wrong: {wrong}; to be known: {warnings}"),
    };
    text
}

/// A text that stands behind so many columns, broken between words; where there is little room, it is left alone.
fn wrapped(text: &str, before: usize, columns: usize) -> String {
    let room = columns.saturating_sub(before);
    if room < 20 {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len());
    let mut used = 0;
    for word in text.split(' ') {
        let length = word.chars().count();
        if used > 0 && used + 1 + length > room {
            let _ = write!(out, "\n{:before$}", "");
            used = 0;
        } else if used > 0 {
            out.push(' ');
            used += 1;
        }
        out.push_str(word);
        used += length;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_screen_breaks_between_words_and_a_report_does_not() {
        let seen = "one two three four five six seven";
        let findings = [Finding::ok("a", seen).mend("leave it as it is and do nothing at all")];
        let plain = format!(
            "ok       a  {seen}\n            mend: leave it as it is and do nothing at all\nall is well"
        );
        assert_eq!(table(&findings, None), plain);
        assert_eq!(table(&findings, Some(80)), plain);
        assert_eq!(table(&findings, Some(31)), plain, "no room");
        let narrow = table(&findings, Some(32));
        assert!(
            narrow.starts_with("ok       a  one two three four\n            five six seven\n"),
            "{narrow}"
        );
        assert!(narrow.contains("mend: leave it as it is and do nothing at all\n"), "{narrow}");
    }

    #[test]
    fn a_word_that_is_too_long_stays_whole() {
        let word = "x".repeat(40);
        assert_eq!(wrapped(&format!("a {word} b"), 4, 30), format!("a\n    {word}\n    b"));
    }
}
