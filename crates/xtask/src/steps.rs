//! The steps of `cargo xtask test`, cheap failures first.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use crate::build::{BUILD_LIMIT, TESTING, WASM, WASM_WITHOUT_STD};
use crate::failure::Failure;
use crate::install::{self, Background, CHROMIUM, FIREFOX, Kind};
use crate::manifest::Manifest;
use crate::size::Sizes;
use crate::stage::Stage;
use crate::workspace::Workspace;
use crate::{bench, build, deny, environment, names, process, shipped, talk, wasm};

const MINUTE: Duration = Duration::from_secs(60);

/// What a step works with.
#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) workspace: Workspace,
    pub(crate) background: Background,
    /// What the wasm step staged, for those after it.
    pub(crate) stage: Option<Stage>,
    /// Where the programs step put them.
    pub(crate) programs: Option<PathBuf>,
}

/// How a step ended, if it did not fail.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Passed,
    /// A tool is not there; which.
    Missing(String),
}

/// One line of the table at the end.
#[derive(Debug)]
pub(crate) struct Step {
    pub(crate) name: &'static str,
    /// Steps whose results this one uses.
    pub(crate) uses: &'static [&'static str],
    /// What it needs installed.
    pub(crate) needs: &'static [Kind],
    pub(crate) run: fn(&mut Context) -> Result<Outcome, Failure>,
}

pub(crate) const STEPS: [Step; 13] = [
    Step { name: "format", uses: &[], needs: &[], run: format },
    Step { name: "dependencies", uses: &[], needs: &[], run: dependencies },
    Step { name: "shipped", uses: &[], needs: &[], run: shipped_features },
    Step { name: "no-std", uses: &[], needs: &[Kind::Targets], run: no_std },
    Step { name: "clippy", uses: &[], needs: &[], run: clippy },
    Step { name: "clippy-wasm", uses: &[], needs: &[Kind::Targets], run: clippy_wasm },
    Step { name: "rust", uses: &[], needs: &[], run: rust },
    Step { name: "browser", uses: &[], needs: &[Kind::System, Kind::Targets], run: browser },
    Step { name: "wasm", uses: &[], needs: &[Kind::Targets], run: stage },
    Step { name: "size", uses: &["wasm"], needs: &[], run: size },
    Step { name: "programs", uses: &[], needs: &[], run: programs },
    Step { name: "bench", uses: &["wasm", "programs"], needs: &[Kind::System, Kind::Node], run: bench },
    Step {
        name: "end-to-end",
        uses: &["wasm", "programs"],
        needs: &[Kind::System, Kind::Node, Kind::Tools],
        run: end_to_end,
    },
];

fn format(context: &mut Context) -> Result<Outcome, Failure> {
    cargo(context, &["fmt", "--all", "--check"], 2 * MINUTE)
        .map_err(|failure| failure.hint("cargo fmt --all"))
}

/// By our own reading of `deny.toml`, and by cargo-deny where that is installed.
fn dependencies(context: &mut Context) -> Result<Outcome, Failure> {
    deny::check(&context.workspace)?;
    if environment::program("cargo-deny").is_none() {
        return Ok(Outcome::Passed);
    }
    cargo(context, &["deny", "check", "bans", "licenses", "sources"], 5 * MINUTE)
}

fn shipped_features(context: &mut Context) -> Result<Outcome, Failure> {
    shipped::check(&context.workspace).map(|()| Outcome::Passed)
}

fn no_std(context: &mut Context) -> Result<Outcome, Failure> {
    let words = ["check", "--locked", "--package", "gatepass-core", "--target", WASM_WITHOUT_STD];
    with_target(context, WASM_WITHOUT_STD, |context| cargo(context, &words, BUILD_LIMIT))
}

fn clippy(context: &mut Context) -> Result<Outcome, Failure> {
    let words =
        ["clippy", "--locked", "--workspace", "--all-targets", "--features", TESTING, "--", "-D", "warnings"];
    cargo(context, &words, BUILD_LIMIT)
}

/// The code that only pages run is not seen by the native compiler: as it is shipped, then with its tests.
fn clippy_wasm(context: &mut Context) -> Result<Outcome, Failure> {
    let lint = ["clippy", "--locked", "--package", "gatepass-web", "--target", WASM];
    with_target(context, WASM, |context| {
        for part in [&["--lib", "--features", "standalone"][..], &["--all-targets"]] {
            cargo(context, &[&lint, part, &["--", "-D", "warnings"]].concat(), BUILD_LIMIT)?;
        }
        Ok(Outcome::Passed)
    })
}

fn rust(context: &mut Context) -> Result<Outcome, Failure> {
    cargo(context, &["test", "--locked", "--workspace", "--features", TESTING], BUILD_LIMIT)
}

/// The tests of the web crate and those of the core, inside a real browser.
fn browser(context: &mut Context) -> Result<Outcome, Failure> {
    context.background.system();
    let Some(driver) = environment::program("chromedriver") else {
        return Ok(Outcome::Missing("chromedriver".to_owned()));
    };
    if environment::any_program(CHROMIUM).is_none() {
        return Ok(Outcome::Missing("chromium".to_owned()));
    }
    with_target(context, WASM, |context| {
        // Built first: the runner that .cargo/config.toml names is `cargo run`, which would build it once a test file.
        let runner = build::tool(&context.workspace, "gatepass-test-runner")?;
        let test = |words: &[&str]| {
            let mut command = context.workspace.cargo(&["test", "--locked", "--target", WASM]);
            let runner = format!("{} test-runner", runner.display());
            command.args(words).env("CHROMEDRIVER", &driver).env("WASM_BINDGEN_USE_BROWSER", "1");
            command.env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUNNER", runner);
            command
        };
        // By their names: a run of no tests at all would pass too.
        let web = ["--package", "gatepass-web", "--test", "browser", "--test", "corpora"];
        // The corpus says what it came to, also when nothing is wrong.
        process::run(test(&web).args(["--", "--nocapture"]), BUILD_LIMIT)?;
        let core = ["--package", "gatepass-core", "--lib", "--test", "core"];
        let mut native = context.workspace.cargo(&["test", "--locked"]);
        names::compare(native.args(core).args(names::LIST), test(&core).args(names::LIST))?;
        process::run(&mut test(&core), BUILD_LIMIT).map(|()| Outcome::Passed)
    })
}

fn stage(context: &mut Context) -> Result<Outcome, Failure> {
    with_target(context, WASM, |context| {
        context.stage = Some(wasm::make(&context.workspace)?);
        Ok(Outcome::Passed)
    })
}

fn size(context: &mut Context) -> Result<Outcome, Failure> {
    let Some(stage) = &context.stage else {
        return Ok(Outcome::Missing(format!("target {WASM}")));
    };
    let sizes = Sizes::measure(stage, Manifest::read(&context.workspace)?.budget_gzip)?;
    talk::data(&sizes.table());
    sizes.within_budget().map(|()| Outcome::Passed)
}

fn programs(context: &mut Context) -> Result<Outcome, Failure> {
    context.programs = Some(build::testing_programs(&context.workspace)?);
    Ok(Outcome::Passed)
}

/// That `cargo xtask bench` works. Nothing is timed here: a test that is slow on a busy machine is no test.
fn bench(context: &mut Context) -> Result<Outcome, Failure> {
    context.background.system();
    context.background.node();
    let programs = context.programs.as_deref().ok_or_else(|| Failure::new("the programs were not built"))?;
    bench::try_out(&context.workspace, programs)?;
    let Some(stage) = &context.stage else {
        return Ok(Outcome::Missing(format!("target {WASM}")));
    };
    if environment::any_program(CHROMIUM).is_none() {
        return Ok(Outcome::Missing("chromium".to_owned()));
    }
    if !install::has_node_packages(&context.workspace) {
        return Ok(Outcome::Missing("the packages of tests/ (npm ci)".to_owned()));
    }
    bench::web::try_out(&context.workspace, programs, &stage.folder).map(|()| Outcome::Passed)
}

/// Everything together: browsers, keyrings, servers and clients written by others.
fn end_to_end(context: &mut Context) -> Result<Outcome, Failure> {
    context.background.system();
    context.background.node();
    context.background.tools();
    let Some(stage) = &context.stage else {
        return Ok(Outcome::Missing(format!("target {WASM}")));
    };
    if let Some(missing) = ["node", "npm"].iter().find(|name| environment::program(name).is_none()) {
        return Ok(Outcome::Missing((*missing).to_owned()));
    }
    if !install::has_node_packages(&context.workspace) {
        return Ok(Outcome::Missing("the packages of tests/ (npm ci)".to_owned()));
    }
    for (programs, name) in [
        (CHROMIUM, "chromium"),
        (FIREFOX, "firefox"),
        (&["dbus-run-session"], "dbus-run-session"),
        (&["gnome-keyring-daemon"], "gnome-keyring"),
        (&["secret-tool"], "secret-tool"),
    ] {
        if environment::any_program(programs).is_none() {
            return Ok(Outcome::Missing(name.to_owned()));
        }
    }
    let Some(geckodriver) = install::geckodriver(&context.workspace) else {
        return Ok(Outcome::Missing("geckodriver".to_owned()));
    };
    let files = test_files(&context.workspace)?;
    let mut node = Command::new("node");
    node.args(["--test", "--test-concurrency=1"])
        .args(files)
        .current_dir(context.workspace.root().join("tests"));
    let programs = context.programs.as_deref().ok_or_else(|| Failure::new("the programs were not built"))?;
    for (variable, program) in
        [("GATEPASS_BIN", "gatepass"), ("GATEPASS_AUTHORITY_BIN", "gatepass-authority")]
    {
        node.env(variable, programs.join(build::executable(program)));
    }
    node.env("GATEPASS_EXAMPLE", programs.join(build::executable("whoami")));
    node.env("GATEPASS_WWW", &stage.folder).env("GECKODRIVER", geckodriver);
    process::run(&mut node, 40 * MINUTE).map(|()| Outcome::Passed)
}

/// Named one by one: older versions of node do not read patterns.
fn test_files(workspace: &Workspace) -> Result<Vec<PathBuf>, Failure> {
    let mut files = Vec::new();
    for folder in ["tests", "tests/documents"] {
        let folder = workspace.root().join(folder);
        let entries = fs::read_dir(&folder).map_err(|error| Failure::io(folder.display(), &error))?;
        files.extend(entries.filter_map(Result::ok).map(|entry| entry.path()));
    }
    files.retain(|path| path.to_string_lossy().ends_with(".test.mjs"));
    files.sort();
    // Without names, node would go looking by itself and might find none.
    if files.is_empty() { Err(Failure::new("tests/ has no *.test.mjs")) } else { Ok(files) }
}

fn cargo(context: &Context, words: &[&str], limit: Duration) -> Result<Outcome, Failure> {
    process::run(&mut context.workspace.cargo(words), limit).map(|()| Outcome::Passed)
}

fn with_target(
    context: &mut Context,
    target: &str,
    work: impl FnOnce(&mut Context) -> Result<Outcome, Failure>,
) -> Result<Outcome, Failure> {
    context.background.targets();
    if install::has_target(&context.workspace, target) {
        work(context)
    } else {
        Ok(Outcome::Missing(format!("target {target}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_use_only_what_comes_before_them() {
        for (at, step) in STEPS.iter().enumerate() {
            for used in step.uses {
                assert!(STEPS[..at].iter().any(|before| before.name == *used), "{} uses {used}", step.name);
            }
        }
    }
}
