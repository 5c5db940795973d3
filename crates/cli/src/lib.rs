//! The `gatepass` command as a library: any company's CLI gets `login`, `status`, `token` and the rest of them from a
//! manifest.
//!
//! stdout is data, stderr is talk. `--json` prints one object with a `schema` that names its version.
//!
//! A program of its own takes the commands in beside its own:
//!
//! ```no_run
//! use clap::{Parser, Subcommand};
//!
//! #[derive(Parser)]
//! struct Acme {
//!     #[command(subcommand)]
//!     command: Command,
//!     #[command(flatten)]
//!     options: gatepass_cli::Options,
//! }
//!
//! #[derive(Subcommand)]
//! enum Command {
//!     /// What Acme is for
//!     Deploy,
//!     #[command(flatten)]
//!     Account(gatepass_cli::Command),
//! }
//!
//! fn main() -> std::process::ExitCode {
//!     let app = gatepass_cli::App::from_toml("name = 'acme'\nissuer = 'https://login.acme.example'").unwrap();
//!     let Acme { command, options } = gatepass_cli::parse(&app);
//!     match command {
//!         Command::Deploy => std::process::ExitCode::SUCCESS,
//!         Command::Account(command) => app.run(command, options),
//!     }
//! }
//! ```

mod args;
mod commands;
mod context;
mod email;
mod environment;
mod exit;
mod given;
mod guard;
mod handoff;
mod host;
mod manifest;
mod messages;
mod organizations;
mod output;
mod private;
mod profiles;
mod qr;
mod shape;
mod shortcut;
mod tui;
mod waiting;
mod words;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{CommandFactory, Parser};

pub use crate::args::{
    Args, Browser, Command, Doctor, Extension, Helper, KeyringAction, KeyringMode, Login, Open, Options, Org,
    Profile, Receiver, Token,
};
use crate::context::Context;
pub use crate::environment::Environment;
use crate::exit::Exit;
pub use crate::manifest::{
    App, AuthFlow, BrowserExtension, Commands, Credential, Fallback, Organizations, Place, SignIn, Storage,
    Through, Variables,
};
pub use crate::messages::Messages;
use crate::output::Talk;
use crate::words::Trouble;

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    guard::no_core_dumps();
    let environment = Environment::of_this_process();
    let app = match find(&environment) {
        Ok(app) => app,
        Err(trouble) => {
            let talk = Talk::new(std::env::args().any(|word| word == "--json"));
            talk.trouble(&trouble, trouble.hint(&|words| format!("gatepass {words}"), true, None), None);
            return trouble.exit().into();
        }
    };
    let Args { command, options } =
        shortcut::read(&environment.words).unwrap_or_else(|| parsed(Args::command(), &app, &environment));
    run(app, command, options, environment)
}

/// Parses the command line of this process in the shape that the manifest gives it: its name, and the commands and
/// flags that its help text shows. Ends the process with the help text or what is wrong.
pub fn parse<T: Parser>(app: &App) -> T {
    parsed(without_app(T::command()), app, &Environment::of_this_process())
}

/// A program that brings its manifest takes no other.
fn without_app(command: clap::Command) -> clap::Command {
    command.mut_args(|arg| if arg.get_long() == Some("app") { arg.hide(true) } else { arg })
}

fn parsed<T: Parser>(command: clap::Command, app: &App, environment: &Environment) -> T {
    let matches = shape::shaped(command, app).get_matches_from(&environment.words);
    T::from_arg_matches(&matches).unwrap_or_else(|error| error.exit())
}

impl App {
    /// Runs one command of this program. From here on no core dump is left of this process, which holds tokens.
    pub fn run(self, command: Command, options: Options) -> ExitCode {
        guard::no_core_dumps();
        if options.app.is_some() {
            let trouble =
                Trouble::Usage(String::from("this program has a manifest of its own and takes no --app"));
            Talk::new(options.json).trouble(&trouble, None, None);
            return trouble.exit().into();
        }
        run(self, command, options, Environment::of_this_process())
    }
}

fn run(app: App, command: Command, options: Options, environment: Environment) -> ExitCode {
    let talk = Talk::new(options.json);
    match Context::new(app, options, environment, talk) {
        Ok(context) => match commands::run(&context, command) {
            Exit::Done if talk.is_lost() => Exit::Failed.into(),
            exit => exit.into(),
        },
        Err(trouble) => {
            talk.trouble(&trouble, None, None);
            trouble.exit().into()
        }
    }
}

/// The manifest of this call: `--app`, `GATEPASS_APP`, or the one of the name that this program was called by.
fn find(environment: &Environment) -> Result<App, Trouble> {
    if let Some(said) =
        said(environment.words.iter()).or_else(|| environment.text("GATEPASS_APP").map(PathBuf::from))
    {
        // A bare name is one of the folders', whatever lies in the current one; a path is a path.
        if said.components().count() > 1 || said.extension().is_some() {
            return App::read(&said);
        }
        let path = installed(environment, &said).ok_or_else(|| {
            let name = said.display();
            Trouble::Usage(format!(
                "no manifest called `{name}` is installed; a file of that name is `{}`",
                Path::new(".").join(&said).display()
            ))
        })?;
        return App::read(&path);
    }
    if environment.program != manifest::OWN
        && let Some(path) = installed(environment, Path::new(&environment.program))
    {
        return App::read(&path);
    }
    Ok(App::own())
}

fn installed(environment: &Environment, name: &Path) -> Option<PathBuf> {
    let name = name.with_extension("toml");
    environment.manifests().into_iter().map(|folder| folder.join(&name)).find(|path| path.is_file())
}

/// The value of `--app`, which decides what the rest of the line means.
fn said<'a>(mut words: impl Iterator<Item = &'a OsString>) -> Option<PathBuf> {
    while let Some(word) = words.next() {
        let Some(word) = word.to_str() else { continue };
        match word.strip_prefix("--app") {
            Some("") => return words.next().map(PathBuf::from),
            Some(rest) if rest.starts_with('=') => return Some(PathBuf::from(&rest[1..])),
            _ if word == "--" => return None,
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_manifest_is_found_before_the_line_is_read() {
        let said = |line: &str| said(line.split(' ').map(Into::into).collect::<Vec<_>>().iter());
        assert_eq!(said("gatepass login --app a.toml --json"), Some(PathBuf::from("a.toml")));
        assert_eq!(said("gatepass --app=a.toml"), Some(PathBuf::from("a.toml")));
        assert_eq!(said("gatepass --apple"), None);
        assert_eq!(said("gatepass -- --app x"), None);
    }

    #[test]
    fn a_program_with_a_manifest_of_its_own_takes_no_other() {
        let help = |mut command: clap::Command| command.render_long_help().to_string();
        assert!(help(Args::command()).contains("--app"));
        assert!(!help(without_app(Args::command())).contains("--app"));
        let options = Options { app: Some(PathBuf::from("other.toml")), ..Options::default() };
        assert_eq!(App::own().run(Command::Status, options), Exit::Usage.into());
    }

    #[test]
    fn the_words_are_sound() {
        Args::command().debug_assert();
    }
}
