//! What the corpora adapters of all crates share: reading lines, counting verdicts, printing one line a file.
//!
//! Each crate's `tests/corpora/main.rs` includes this file.

#[path = "tally.rs"]
mod tally;

use std::fs;
use std::path::PathBuf;

use libtest_mimic::{Arguments, Conclusion, Failed, Trial};
use serde_json::Value;

pub(crate) use self::tally::{Judgement, Tally, Verdict, text};

/// The folder of the project.
const OWN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/corpora");

/// The folder that is run instead of the project's, if one is named: cargo itself names the project's.
#[expect(clippy::disallowed_methods, reason = "the one setting of these tests, read here alone")]
fn other_folder() -> Option<PathBuf> {
    let named = PathBuf::from(std::env::var_os("GATEPASS_CORPORA")?);
    // Tests run in the folders of their crates; who names a folder stands at the top of the project.
    let named = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../..")).join(named);
    assert!(named.is_dir(), "GATEPASS_CORPORA names no folder: {}", named.display());
    let is_own = fs::canonicalize(&named).ok() == fs::canonicalize(OWN).ok();
    (!is_own).then_some(named)
}

/// The folder whose files are run.
pub(crate) fn folder() -> PathBuf {
    other_folder().unwrap_or_else(|| PathBuf::from(OWN))
}

/// A document that lines refer to; the project's, where another folder has none.
pub(crate) fn document(name: &str) -> Value {
    let file =
        [folder(), PathBuf::from(OWN)].map(|folder| folder.join(name)).into_iter().find(|file| file.exists());
    let text = fs::read(file.unwrap_or_else(|| panic!("{name} is missing"))).unwrap();
    serde_json::from_slice(&text).unwrap_or_else(|error| panic!("{name}: {error}"))
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

impl Tally {
    /// Prints the line of the file; any wrong line is a failure that names it.
    pub(crate) fn finish(self, name: &str) -> Result<(), Failed> {
        let (line, wrong) = self.report(name);
        println!("{line}");
        if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n").into()) }
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
