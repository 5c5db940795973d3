//! `profile`: which accounts there are, which one is in effect, and the rules for folders.

use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::args::Profile;
use crate::context::Context;
use crate::exit::Exit;
use crate::profiles::{self, Rules};
use crate::words::Trouble;

#[derive(Serialize)]
struct Shown<'a> {
    schema: &'static str,
    profile: &'a str,
    /// Why it is this one.
    by: String,
}

pub(crate) fn run(context: &Context, command: Option<Profile>) -> Result<Exit, Trouble> {
    match command {
        None => {
            let by = context.profile.why.words();
            let name = &context.profile.name;
            let plain = format!("{name}, {by}");
            context.talk.data(&Shown { schema: "gatepass/profile/1", profile: name, by }, &plain);
        }
        Some(Profile::List) => {}
        Some(Profile::Use { name, directory }) => {
            profiles::check(&name)?;
            let place = place(context, directory.as_deref())?;
            change(context, |rules| {
                rules.0.insert(place.clone(), name.clone());
            })?;
            context.talk.say(&format!("in {} and below, `{}` is the profile", place.display(), name));
        }
        Some(Profile::Unuse { directory }) => {
            let place = place(context, directory.as_deref())?;
            let mut gone = None;
            change(context, |rules| gone = rules.0.remove(&place))?;
            let words = if gone.is_some() { "the rule is gone for" } else { "there was no rule for" };
            context.talk.say(&format!("{words} {}", place.display()));
        }
    }
    Ok(Exit::Done)
}

fn change(context: &Context, change: impl FnOnce(&mut Rules)) -> Result<(), Trouble> {
    let mut rules = Rules::read(&context.folder)?;
    change(&mut rules);
    rules.write(&context.folder)
}

/// The folder that a rule is for, as the system spells it.
fn place(context: &Context, directory: Option<&Path>) -> Result<PathBuf, Trouble> {
    let place = match directory {
        Some(directory) => directory.to_owned(),
        None => context.environment.directory.clone().ok_or_else(|| {
            Trouble::Usage(String::from("the current folder is not known: name one with --directory"))
        })?,
    };
    place
        .canonicalize()
        .map_err(|error| Trouble::Usage(format!("the folder `{}` cannot be used: {error}", place.display())))
}
