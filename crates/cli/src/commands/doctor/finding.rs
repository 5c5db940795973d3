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

/// All of them for a person, and how many are not well.
pub(super) fn table(findings: &[Finding]) -> String {
    let width = findings.iter().map(|finding| finding.check.len()).max().unwrap_or(0);
    let mut text = String::new();
    for Finding { check, state, seen, mend, .. } in findings {
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
