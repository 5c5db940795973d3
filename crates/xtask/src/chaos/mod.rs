//! `cargo xtask chaos cli`: rounds of 64 processes that ask for a token at once when it has expired, every third one
//! killed. What is promised is judged after every round; the first broken promise ends the run and says how to replay it.
//!
//! The rounds themselves are `tests/chaos.mjs`: they stand on what the end-to-end tests start and visit, and
//! `tests/fleet.test.mjs` plays a few of them.

use std::process::{Command, ExitCode};
use std::time::Duration;

use crate::build;
use crate::failure::Failure;
use crate::workspace::Workspace;
use crate::{environment, install, process};

/// Ten thousand rounds on a slow machine, with room.
const LIMIT: Duration = Duration::from_secs(24 * 60 * 60);

/// Each takes one value.
const OPTIONS: [&str; 6] = ["--rounds", "--seed", "--round", "--processes", "--server", "--storage"];

pub(crate) fn command(words: &[&str]) -> Result<ExitCode, Failure> {
    check(words)?;
    let workspace = Workspace::find()?;
    if environment::program("node").is_none() || !install::has_node_packages(&workspace) {
        return Err(Failure::new("node or the packages of tests/ are missing").hint("npm ci, inside tests/"));
    }
    let programs = build::testing_programs_alone(&workspace)?;
    let mut node = Command::new("node");
    node.arg("chaos.mjs").args(words).current_dir(workspace.root().join("tests"));
    for (variable, program) in
        [("GATEPASS_BIN", "gatepass"), ("GATEPASS_AUTHORITY_BIN", "gatepass-authority")]
    {
        node.env(variable, programs.join(build::executable(program)));
    }
    process::run(&mut node, LIMIT).map(|()| ExitCode::SUCCESS)
}

/// Before a build of minutes, not after it.
fn check(words: &[&str]) -> Result<(), Failure> {
    for pair in words.chunks(2) {
        let right = OPTIONS.contains(&pair[0]) && pair.len() == 2 && !pair[1].starts_with('-');
        if !right {
            return Err(
                Failure::new(format!("not understood: `{}`", pair.join(" "))).hint("cargo xtask help")
            );
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_pairs() {
        assert!(check(&[]).is_ok());
        assert!(check(&["--rounds", "5", "--seed", "1"]).is_ok());
        for wrong in [&["--rounds"][..], &["5"], &["--rounds", "--seed"], &["--fast", "1"]] {
            assert!(check(wrong).is_err(), "{wrong:?}");
        }
    }
}
