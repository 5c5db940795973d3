//! The `gatepass` command as a library: the words, the commands, and what they print.
//!
//! stdout is data, stderr is talk. `--json` prints one object with a `schema` that names its version.

mod args;
mod commands;
mod config;
mod exit;
mod output;
mod words;

use std::process::ExitCode;

use clap::Parser;

pub use crate::args::{Args, Command};
pub use crate::config::{App, Environment, Storage, StorageFallback};

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    run(&Args::parse(), &Environment::of_this_process())
}

/// Runs one command.
pub fn run(args: &Args, environment: &Environment) -> ExitCode {
    let talk = output::Talk::new(args.json);
    let result =
        config::settings(args, environment).and_then(|settings| commands::run(args, settings, &talk));
    match result {
        Ok(exit) => exit.into(),
        Err(trouble) => {
            talk.trouble(&trouble);
            trouble.exit().into()
        }
    }
}
