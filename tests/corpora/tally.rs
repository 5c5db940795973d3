//! What lines come to, in every crate and in a browser; `frame.rs` brings the rest.

use std::collections::BTreeMap;

use serde_json::Value;

/// What became of one line.
pub(crate) enum Verdict {
    /// As the corpus wants it.
    Right,
    /// Otherwise than the corpus has it, by a choice that is written down where this is made; never for a MUST.
    Chosen(&'static str),
}

/// One line's judgement; the error says what was wrong.
pub(crate) type Judgement = Result<Verdict, String>;

/// A text field; empty if it is not there.
pub(crate) fn text<'a>(line: &'a Value, field: &str) -> &'a str {
    line[field].as_str().unwrap_or_default()
}

/// What a file's lines came to.
#[derive(Default)]
pub(crate) struct Tally {
    counts: [usize; 3],
    by_norm: BTreeMap<String, [usize; 3]>,
    wrong: Vec<String>,
}

impl Tally {
    /// Counts one judgement.
    pub(crate) fn count(&mut self, id: &str, norm: &str, judgement: Judgement) {
        let column = match judgement {
            Ok(Verdict::Right) => 0,
            Ok(Verdict::Chosen(why)) if norm == "MUST" => {
                self.wrong.push(format!("{id} ({norm}): a MUST is no choice: {why}"));
                1
            }
            Ok(Verdict::Chosen(_)) => 2,
            Err(error) => {
                self.wrong.push(format!("{id} ({norm}): {error}"));
                1
            }
        };
        self.counts[column] += 1;
        self.by_norm.entry(norm.to_owned()).or_default()[column] += 1;
    }

    /// The line of the file, and the lines that are wrong.
    pub(crate) fn report(self, name: &str) -> (String, Vec<String>) {
        let [right, wrong, chosen] = self.counts;
        let norms: Vec<String> = self
            .by_norm
            .iter()
            .map(|(norm, [right, wrong, chosen])| match chosen {
                0 => format!("{norm} {right}/{}", right + wrong),
                _ => format!("{norm} {right}/{} and {chosen} by choice", right + wrong),
            })
            .collect();
        let counts = format!("{right} right, {wrong} wrong, {chosen} by choice");
        (format!("{name}: {counts} ({})", norms.join(", ")), self.wrong)
    }
}
