//! `man`: the manual pages, made of the same words as the help text.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use clap::{Command, CommandFactory};
use clap_mangen::Man;

use crate::args::Args;
use crate::context::Context;
use crate::exit::Exit;
use crate::manifest::App;
use crate::shape::shaped;
use crate::words::Trouble;

pub(crate) fn run(context: &Context, folder: Option<&Path>) -> Result<Exit, Trouble> {
    let command = command(&context.app);
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

/// The commands that have a page. `help` has none, so no page may name it.
fn command(app: &App) -> Command {
    let mut command = without_help(shaped(Args::command(), app));
    command.build();
    command
}

fn without_help(command: Command) -> Command {
    command.disable_help_subcommand(true).mut_subcommands(without_help)
}

/// Writes the page of a command and of those below it: `acme.1`, `acme-login.1`.
fn write(command: &Command, name: &str, folder: &Path) -> Result<(), Trouble> {
    let path = folder.join(format!("{name}.1"));
    let mut page = Vec::new();
    Man::new(command.clone().name(name.to_owned()))
        .render(&mut page)
        .and_then(|()| fs::write(&path, page))
        .map_err(|error| failed(&path.display().to_string(), &error))?;
    for below in command.get_subcommands().filter(|below| !below.is_hide_set()) {
        write(below, &format!("{name}-{}", below.get_name()), folder)?;
    }
    Ok(())
}

fn failed(what: &str, error: &io::Error) -> Trouble {
    Trouble::Usage(format!("cannot write {what}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_page_that_is_named_is_written() {
        let folder = tempfile::tempdir().unwrap();
        write(&command(&App::from_toml("name = 'acme'").unwrap()), "acme", folder.path()).unwrap();
        let mut named = 0;
        for page in fs::read_dir(folder.path()).unwrap() {
            let text = fs::read_to_string(page.unwrap().path()).unwrap().replace("\\-", "-");
            for reference in text.split_whitespace().filter_map(|word| word.strip_suffix("(1)")) {
                assert!(folder.path().join(format!("{reference}.1")).is_file(), "{reference}");
                named += 1;
            }
        }
        assert!(named > 10, "{named}");
    }
}
