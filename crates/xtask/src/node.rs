//! Scripts of `tests/` that commands run.

use std::path::Path;
use std::process::Command;

use crate::failure::Failure;
use crate::workspace::Workspace;
use crate::{build, environment, install};

/// A script with the programs that it drives, and what pages load, if it wants any.
pub(crate) fn script(
    workspace: &Workspace,
    name: &str,
    programs: &Path,
    www: Option<&Path>,
) -> Result<Command, Failure> {
    require(workspace)?;
    let mut node = Command::new("node");
    node.arg(name).current_dir(workspace.root().join("tests"));
    for (variable, program) in
        [("GATEPASS_BIN", "gatepass"), ("GATEPASS_AUTHORITY_BIN", "gatepass-authority")]
    {
        node.env(variable, programs.join(build::executable(program)));
    }
    if let Some(www) = www {
        node.env("GATEPASS_WWW", www);
    }
    Ok(node)
}

/// Before a build of minutes, not after it.
pub(crate) fn require(workspace: &Workspace) -> Result<(), Failure> {
    if environment::program("node").is_none() || !install::has_node_packages(workspace) {
        return Err(Failure::new("node or the packages of tests/ are missing")
            .hint("cargo xtask test --install --only end-to-end"));
    }
    Ok(())
}

/// Options that take one value each, beside words that stand alone.
pub(crate) fn check(words: &[&str], options: &[&str], flags: &[&str]) -> Result<(), Failure> {
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let value = || words.clone().next().is_some_and(|value| !value.starts_with('-'));
        if flags.contains(word) {
            continue;
        }
        if !options.contains(word) || !value() {
            return Err(Failure::new(format!("not understood: `{word}`")).hint("cargo xtask help"));
        }
        words.next();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_pairs_and_flags_are_not() {
        let check = |words: &[&str]| check(words, &["--rounds", "--seed"], &["--json"]);
        assert!(check(&[]).is_ok());
        assert!(check(&["--rounds", "5", "--json", "--seed", "1"]).is_ok());
        for wrong in [&["--rounds"][..], &["5"], &["--rounds", "--seed"], &["--fast", "1"], &["--json", "1"]]
        {
            assert!(check(wrong).is_err(), "{wrong:?}");
        }
    }
}
