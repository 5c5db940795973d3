//! What the corpora adapters of all crates share: reading lines, counting verdicts, printing one line a file.
//!
//! Each crate's `tests/corpora/main.rs` includes this file.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use libtest_mimic::{Arguments, Conclusion, Failed, Trial};
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

/// The folder that is run instead of the project's, if one is named.
#[expect(clippy::disallowed_methods, reason = "the one setting of these tests, read here alone")]
fn other_folder() -> Option<PathBuf> {
    std::env::var_os("GATEPASS_CORPORA").map(PathBuf::from)
}

/// The folder whose files are run.
pub(crate) fn folder() -> PathBuf {
    let own = || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/corpora"));
    other_folder().unwrap_or_else(own)
}

/// The lines of `NAME.jsonl`, or nothing where another folder is run that does not have it.
pub(crate) fn lines(name: &str) -> Option<Vec<Value>> {
    let file = folder().join(name).with_extension("jsonl");
    if !file.exists() {
        assert!(other_folder().is_some(), "{name} is missing from the project");
        println!("{name}: not in GATEPASS_CORPORA, skipped");
        return None;
    }
    let text = fs::read_to_string(&file).unwrap_or_else(|error| panic!("{name}: {error}"));
    let parse = |line: &str| serde_json::from_str(line).unwrap_or_else(|error| panic!("{name}: {error}"));
    Some(text.lines().filter(|line| !line.trim().is_empty()).map(parse).collect())
}

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

    /// Prints the line of the file; any wrong line is a failure that names it.
    pub(crate) fn finish(self, name: &str) -> Result<(), Failed> {
        let [right, wrong, chosen] = self.counts;
        let norms: Vec<String> = self
            .by_norm
            .iter()
            .map(|(norm, [right, wrong, chosen])| match chosen {
                0 => format!("{norm} {right}/{}", right + wrong),
                _ => format!("{norm} {right}/{} and {chosen} by choice", right + wrong),
            })
            .collect();
        println!("{name}: {right} right, {wrong} wrong, {chosen} by choice ({})", norms.join(", "));
        if self.wrong.is_empty() { Ok(()) } else { Err(self.wrong.join("\n").into()) }
    }
}

/// A trial that judges every line of one file.
pub(crate) fn corpus(name: &'static str, judge: impl Fn(&Value) -> Judgement + Send + 'static) -> Trial {
    Trial::test(name, move || {
        let Some(lines) = lines(name) else { return Ok(()) };
        let mut tally = Tally::default();
        for (number, line) in lines.iter().enumerate() {
            let id = match text(line, "id") {
                "" => format!("line {}", number + 1),
                id => id.to_owned(),
            };
            let norm = match text(line, "norm") {
                "" => "unsaid",
                norm => norm,
            };
            tally.count(&id, norm, judge(line));
        }
        tally.finish(name)
    })
}

/// Runs the trials one after the other, so that their lines come in order.
pub(crate) fn run(trials: Vec<Trial>) -> Conclusion {
    let mut arguments = Arguments::from_args();
    arguments.test_threads = Some(1);
    libtest_mimic::run(&arguments, trials)
}
