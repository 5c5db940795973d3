//! `cargo xtask bench web`: what `@gatepass/web` weighs beside other libraries, and how long it takes beside two of them, in
//! one run. The work is that of `tests/bench/web.mjs`: it stands on what the end-to-end tests start.

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use crate::failure::Failure;
use crate::workspace::{Workspace, json};
use crate::{build, node, process, wasm};

/// Hundreds of rounds on a slow machine, with room.
const LIMIT: Duration = Duration::from_secs(60 * 60);

const SCRIPT: &str = "bench/web.mjs";
const SCHEMA: &str = "gatepass/bench-web/1";

pub(crate) fn command(words: &[&str]) -> Result<ExitCode, Failure> {
    node::check(words, &["--rounds", "--calls"], &["--json"])?;
    let workspace = Workspace::find()?;
    node::require(&workspace)?;
    let stage = wasm::make(&workspace)?;
    let programs = build::testing_programs_alone(&workspace)?;
    let mut bench = node::script(&workspace, SCRIPT, &programs, Some(&stage.folder))?;
    process::run(bench.args(words), LIMIT).map(|()| ExitCode::SUCCESS)
}

/// One round of everything, to see that it works; what it took is not looked at.
pub(crate) fn try_out(workspace: &Workspace, programs: &Path, www: &Path) -> Result<(), Failure> {
    let mut bench = node::script(workspace, SCRIPT, programs, Some(www))?;
    bench.args(["--json", "--rounds", "1", "--calls", "1"]);
    let report = json(&process::capture(&mut bench, LIMIT)?)?;
    let measured = |list: &str| report[list].as_array().map_or(0, Vec::len);
    if report["schema"] == SCHEMA && ["sizes", "cached", "cold"].map(measured) == [6, 3, 3] {
        return Ok(());
    }
    Err(Failure::new("the report of `bench web` is not whole"))
}
