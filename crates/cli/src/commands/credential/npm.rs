//! npm has no helpers. Its configuration can name a variable, and one command can be run with the token in it.
//!
//! `acme credential npm -- npm publish` runs one command so; without a command, the line for an `.npmrc` is printed that
//! other package managers need, and that holds no secret.

use std::ffi::OsString;
use std::process::Command;

use crate::commands::credential::chosen;
use crate::commands::credential::stdio::print;
use crate::commands::credential::token::{Expiry, Token};
use crate::context::Context;
use crate::exit::Exit;
use crate::words::Trouble;

/// The variable that the line names.
const VARIABLE: &str = "NPM_TOKEN";

pub(super) fn run(context: &Context, registry: Option<&str>, command: &[OsString]) -> Result<Exit, Trouble> {
    let (host, entry) = chosen(context, registry, |_| true)?;
    // npm looks a token up by the registry's address without its scheme, and goes up its path to here.
    let setting = format!("//{host}/:_authToken");
    let Some((program, words)) = command.split_first() else {
        print(format!("{setting}=${{{VARIABLE}}}\n"));
        return Ok(Exit::Done);
    };
    let token = Token::of(context, entry, Expiry::Untold)?;
    let mut child = Command::new(program);
    child.args(words);
    // npm itself takes a setting from a variable of its name, and needs no line in any file. The environment is the
    // narrowest door that npm has: an argument could be read by every process of this machine.
    child.env(format!("npm_config_{setting}"), token.text()).env(VARIABLE, token.text());
    replace(child, &program.to_string_lossy())
}

/// Becomes the other program, so that its signals and exit code are its own.
#[cfg(unix)]
fn replace(mut child: Command, name: &str) -> Result<Exit, Trouble> {
    use std::os::unix::process::CommandExt as _;

    Err(not_started(name, &child.exec()))
}

/// Runs the other program to its end and ends as it did.
#[cfg(not(unix))]
fn replace(mut child: Command, name: &str) -> Result<Exit, Trouble> {
    let status = child.status().map_err(|error| not_started(name, &error))?;
    #[expect(clippy::exit, reason = "the exit code is the other program's")]
    std::process::exit(status.code().unwrap_or(1))
}

fn not_started(name: &str, error: &std::io::Error) -> Trouble {
    Trouble::Usage(format!("cannot run `{}`: {error}", name.escape_debug()))
}
