//! `cargo xtask chaos cli`: rounds of 64 processes that ask for a token at once when it has expired, every third one
//! killed. `cargo xtask chaos web`: rounds of 64 tabs, of which the one that refreshes is frozen, closed or left alone. What
//! is promised is judged after every round; the first broken promise ends the run and says how to replay it.
//!
//! The rounds themselves are `tests/chaos.mjs` and `tests/chaos-web.mjs`: they stand on what the end-to-end tests start and
//! visit, and `tests/fleet.test.mjs` and `tests/tabs.test.mjs` play a few of them.

use std::process::ExitCode;
use std::time::Duration;

use crate::failure::Failure;
use crate::workspace::Workspace;
use crate::{build, node, process, wasm};

/// Ten thousand rounds on a slow machine, with room.
const LIMIT: Duration = Duration::from_secs(24 * 60 * 60);

pub(crate) fn cli(words: &[&str]) -> Result<ExitCode, Failure> {
    node::check(words, &["--rounds", "--seed", "--round", "--processes", "--server", "--storage"], &[])?;
    let workspace = Workspace::find()?;
    node::require(&workspace)?;
    let programs = build::testing_programs_alone(&workspace)?;
    let mut chaos = node::script(&workspace, "chaos.mjs", &programs, None)?;
    process::run(chaos.args(words), LIMIT).map(|()| ExitCode::SUCCESS)
}

pub(crate) fn web(words: &[&str]) -> Result<ExitCode, Failure> {
    node::check(words, &["--rounds", "--seed", "--round", "--tabs", "--dpop"], &[])?;
    let workspace = Workspace::find()?;
    node::require(&workspace)?;
    let stage = wasm::make(&workspace)?;
    let programs = build::testing_programs_alone(&workspace)?;
    let mut chaos = node::script(&workspace, "chaos-web.mjs", &programs, Some(&stage.folder))?;
    process::run(chaos.args(words), LIMIT).map(|()| ExitCode::SUCCESS)
}
