//! `man`: the manual pages, made of the same words as the help text.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use clap::CommandFactory;
use clap_mangen::Man;

use crate::args::Args;
use crate::context::Context;
use crate::exit::Exit;
use crate::shape::shaped;
use crate::words::Trouble;

pub(crate) fn run(context: &Context, folder: Option<&Path>) -> Result<Exit, Trouble> {
    let mut command = shaped(Args::command(), &context.app);
    command.build();
    let Some(folder) = folder else {
        let mut page = Vec::new();
        Man::new(command).render(&mut page).map_err(|error| failed("the manual page", &error))?;
        // A reader that has gone away is no reason to complain.
        let _ = io::stdout().lock().write_all(&page);
        return Ok(Exit::Done);
    };
    fs::create_dir_all(folder).map_err(|error| failed(&folder.display().to_string(), &error))?;
    write(&command, context.app.program(), folder)?;
    Ok(Exit::Done)
}

/// Writes the page of a command and of those below it: `acme.1`, `acme-login.1`.
fn write(command: &clap::Command, name: &str, folder: &Path) -> Result<(), Trouble> {
    let path = folder.join(format!("{name}.1"));
    let mut page = Vec::new();
    Man::new(command.clone().name(name.to_owned()))
        .render(&mut page)
        .and_then(|()| fs::write(&path, page))
        .map_err(|error| failed(&path.display().to_string(), &error))?;
    for below in command.get_subcommands().filter(|below| !below.is_hide_set() && below.get_name() != "help")
    {
        write(below, &format!("{name}-{}", below.get_name()), folder)?;
    }
    Ok(())
}

fn failed(what: &str, error: &io::Error) -> Trouble {
    Trouble::Usage(format!("cannot write {what}: {error}"))
}
