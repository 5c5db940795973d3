//! One command a file.

mod completions;
pub(crate) mod credential;
mod doctor;
mod extension;
pub(crate) mod login;
mod logout;
mod man;
mod open;
mod org;
mod profile;
pub(crate) mod status;
mod token;
mod tui;
mod whoami;

use crate::args::Command;
use crate::context::Context;
use crate::exit::Exit;

/// Runs the command that was asked for, and says what went wrong.
pub(crate) fn run(context: &Context, command: Command) -> Exit {
    let signing_in = matches!(command, Command::Login(_));
    let result = match command {
        Command::Login(how) => login::run(context, &how),
        Command::Logout { all, forget } => logout::run(context, all, forget),
        Command::Status => status::run(context),
        Command::Whoami => whoami::run(context),
        Command::Token(which) => token::run(context, &which),
        Command::Org { command } => org::run(context, command),
        Command::Profile { command } => profile::run(context, command),
        Command::Credential { helper } => credential::run(context, &helper),
        Command::Extension { command } => extension::run(context, command),
        Command::Tui { plain, no_browser } => tui::run(context, plain, !no_browser),
        Command::Open(how) => open::run(context, &how),
        Command::Doctor(how) => doctor::run(context, &how),
        Command::Completions { shell } => completions::run(context, shell),
        Command::Man { folder } => man::run(context, folder.as_deref()),
    };
    result.unwrap_or_else(|trouble| context.trouble(&trouble, signing_in))
}
