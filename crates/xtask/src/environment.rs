//! What the surroundings say: variables, programs on the search path, whether a person watches.

use std::env;
use std::io::{self, IsTerminal};
use std::path::PathBuf;

/// A variable that is set and not empty.
#[expect(clippy::disallowed_methods, reason = "the one file of xtask that reads the environment")]
pub(crate) fn variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

/// Whether an automatic run asks: nothing may be skipped in silence, and nobody answers questions.
pub(crate) fn is_automatic() -> bool {
    variable("CI").is_some_and(|value| value != "false" && value != "0")
}

/// Whether a person can answer a question here.
pub(crate) fn has_person() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// Where a program lies on the search path.
pub(crate) fn program(name: &str) -> Option<PathBuf> {
    let path = variable("PATH")?;
    env::split_paths(&path)
        .flat_map(|folder| [folder.join(name), folder.join(format!("{name}{}", env::consts::EXE_SUFFIX))])
        .find(|candidate| candidate.is_file())
}

/// The first of several programs that is there.
pub(crate) fn any_program(names: &[&str]) -> Option<PathBuf> {
    names.iter().find_map(|name| program(name))
}
