//! `cargo xtask test`: everything that must hold.

use std::process::ExitCode;
use std::time::Duration;

use crate::clock::Stopwatch;
use crate::failure::Failure;
use crate::install::{Background, Kind};
use crate::steps::{Context, Outcome, STEPS, Step};
use crate::table::Table;
use crate::workspace::Workspace;
use crate::{environment, talk};

pub(crate) fn command(words: &[&str]) -> Result<ExitCode, Failure> {
    let options = Options::parse(words)?;
    let workspace = Workspace::find()?;
    let watch = Stopwatch::start();
    let chosen = STEPS.iter().filter(|step| options.wants(&STEPS, step));
    let needed: Vec<Kind> = chosen.flat_map(|step| step.needs).copied().collect();
    let background = Background::start(&workspace, &needed, options.install);
    let mut context = Context { workspace, background, stage: None, programs: None };
    let results = run(&STEPS, &options, &mut context);
    talk::data(&report(&results, watch.elapsed()));
    let failed = results.iter().any(|result| matches!(result.verdict, Verdict::Failed));
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Options {
    install: bool,
    /// Empty means all.
    only: Vec<String>,
    /// Whether a missing tool is a failure.
    automatic: bool,
}

impl Options {
    fn parse(words: &[&str]) -> Result<Self, Failure> {
        let mut options = Self { automatic: environment::is_automatic(), ..Self::default() };
        let mut words = words.iter();
        while let Some(word) = words.next() {
            match *word {
                "--install" => options.install = true,
                "--only" => {
                    let names =
                        words.next().ok_or_else(|| Failure::new("`--only` needs the names of steps"))?;
                    options.only.extend(names.split(',').map(str::to_owned));
                }
                other => {
                    return Err(Failure::new(format!("unknown option: `{other}`")).hint("cargo xtask help"));
                }
            }
        }
        if let Some(unknown) = options.only.iter().find(|name| STEPS.iter().all(|step| step.name != **name)) {
            let known: Vec<&str> = STEPS.iter().map(|step| step.name).collect();
            return Err(Failure::new(format!("unknown step: `{unknown}`"))
                .hint(format!("one of {}", known.join(", "))));
        }
        Ok(options)
    }

    /// Whether a step was asked for, by its name or because an asked one uses it.
    fn wants(&self, steps: &[Step], step: &Step) -> bool {
        let asked = |name: &str| self.only.iter().any(|only| only == name);
        let used = || steps.iter().any(|other| asked(other.name) && other.uses.contains(&step.name));
        self.only.is_empty() || asked(step.name) || used()
    }
}

#[derive(Debug)]
enum Verdict {
    Passed,
    Failed,
    /// With what was missing.
    Skipped(String),
}

#[derive(Debug)]
struct Finished {
    name: &'static str,
    verdict: Verdict,
    time: Duration,
}

/// One step after the other until the first failure; what comes after it is skipped and said so.
fn run(steps: &[Step], options: &Options, context: &mut Context) -> Vec<Finished> {
    let mut results: Vec<Finished> = Vec::new();
    for step in steps.iter().filter(|step| options.wants(steps, step)) {
        if let Some(broken) = results.iter().find(|result| matches!(result.verdict, Verdict::Failed)) {
            let verdict = Verdict::Skipped(format!("after the failure of {}", broken.name));
            results.push(Finished { name: step.name, verdict, time: Duration::ZERO });
            continue;
        }
        talk::heading(step.name);
        let watch = Stopwatch::start();
        let verdict = match (step.run)(context) {
            Ok(Outcome::Passed) => Verdict::Passed,
            Ok(Outcome::Missing(tool)) if options.automatic => {
                talk::failure(&Failure::new(format!(
                    "{tool} is missing, and an automatic run skips nothing"
                )));
                Verdict::Failed
            }
            Ok(Outcome::Missing(tool)) => {
                talk::note(&format!("skipped: {tool} is missing"));
                Verdict::Skipped(format!("{tool} is missing"))
            }
            Err(failure) => {
                talk::failure(&failure);
                Verdict::Failed
            }
        };
        results.push(Finished { name: step.name, verdict, time: watch.elapsed() });
    }
    results
}

/// The table of times and the closing line.
fn report(results: &[Finished], total: Duration) -> String {
    let seconds = |time: Duration| format!("{:.1} s", time.as_secs_f64());
    let mut table = Table::new(["step", "time", "result"]);
    let mut counts = [0; 3];
    for result in results {
        let (column, said) = match &result.verdict {
            Verdict::Passed => (0, "passed".to_owned()),
            Verdict::Failed => (1, "FAILED".to_owned()),
            Verdict::Skipped(why) => (2, format!("skipped: {why}")),
        };
        counts[column] += 1;
        table.row([result.name.to_owned(), seconds(result.time), said]);
    }
    table.row(["all".to_owned(), seconds(total), String::new()]);
    let [passed, failed, skipped] = counts;
    format!("\n{table}\n\n{passed} passed, {failed} failed, {skipped} skipped")
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASS: Step = Step { name: "pass", uses: &[], needs: &[], run: |_| Ok(Outcome::Passed) };
    const FAIL: Step = Step { name: "fail", uses: &[], needs: &[], run: |_| Err(Failure::new("on purpose")) };
    const MISS: Step =
        Step { name: "miss", uses: &[], needs: &[], run: |_| Ok(Outcome::Missing("a tool".to_owned())) };

    fn closing(steps: &[Step], automatic: bool) -> String {
        let workspace = Workspace::find().unwrap();
        let mut context =
            Context { workspace, background: Background::default(), stage: None, programs: None };
        let options = Options { automatic, ..Options::default() };
        report(&run(steps, &options, &mut context), Duration::ZERO).lines().last().unwrap().to_owned()
    }

    #[test]
    fn counts_and_stops_at_the_first_failure() {
        assert_eq!(closing(&[PASS, MISS, PASS], false), "2 passed, 0 failed, 1 skipped");
        assert_eq!(closing(&[PASS, FAIL, PASS], false), "1 passed, 1 failed, 1 skipped");
        assert_eq!(closing(&[MISS, PASS], true), "0 passed, 1 failed, 1 skipped");
    }

    #[test]
    fn chooses_steps_with_what_they_use() {
        let options = Options::parse(&["--only", "size,format"]).unwrap();
        let chosen: Vec<&str> =
            STEPS.iter().filter(|step| options.wants(&STEPS, step)).map(|step| step.name).collect();
        assert_eq!(chosen, ["format", "wasm", "size"]);
        assert!(Options::parse(&["--only", "nonsense"]).is_err());
        assert!(Options::parse(&["--only"]).is_err());
        assert!(Options::parse(&["--fast"]).is_err());
    }
}
