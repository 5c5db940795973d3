//! `completions`: what a shell completes.

use std::io::{self, Write};

use clap::CommandFactory;
use clap_complete::{Shell, generate};

use crate::args::Args;
use crate::context::Context;
use crate::exit::Exit;
use crate::shape::shaped;
use crate::words::Trouble;

pub(crate) fn run(context: &Context, shell: Shell) -> Result<Exit, Trouble> {
    let mut command = shaped(Args::command(), &context.app);
    let mut script = Vec::new();
    generate(shell, &mut command, context.app.program(), &mut script);
    // A reader that has gone away is no reason to complain.
    let _ = io::stdout().lock().write_all(&script);
    Ok(Exit::Done)
}
