//! `profile`: which accounts there are, which one is in effect, and the rules for folders.

use std::path::{Path, PathBuf};

use gatepass::Account;
use serde::Serialize;

use crate::args::Profile;
use crate::context::{Context, Setting};
use crate::exit::Exit;
use crate::messages::printable;
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
        Some(Profile::List) => list(context)?,
        Some(Profile::Use { name, directory }) => {
            profiles::check(&name)?;
            let place = place(context, directory.as_deref())?;
            Rules::change(&context.folder, |rules| rules.0.insert(place.clone(), name.clone()))?;
            let words = format!("in {} and below, `{name}` is the profile", place.display());
            say(context, &place, Some(&name), &words);
        }
        Some(Profile::Unuse { directory }) => {
            let place = place(context, directory.as_deref())?;
            let gone = Rules::change(&context.folder, |rules| rules.0.remove(&place))?;
            let words = if gone.is_some() { "the rule is gone for" } else { "there was no rule for" };
            say(context, &place, None, &format!("{words} {}", place.display()));
        }
    }
    Ok(Exit::Done)
}

#[derive(Serialize)]
struct List<'a> {
    schema: &'static str,
    profiles: Vec<Listed<'a>>,
}

#[derive(Serialize)]
struct Listed<'a> {
    profile: &'a str,
    issuer: &'a str,
    client_id: &'a str,
    /// As far as it is known without the keyring.
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<&'a str>,
    /// `sealed`, `keyring`, `passphrase` or `file`.
    storage: &'static str,
    /// Seconds since 1970.
    signed_in_at: u64,
    /// Whether it is the one in effect here.
    in_effect: bool,
}

/// Everybody who is signed in. No keyring is asked.
fn list(context: &Context) -> Result<(), Trouble> {
    let accounts = context.gatepass()?.accounts().list()?;
    let is = |setting: &Option<Setting>, value: &str| setting.as_ref().is_some_and(|one| one.value == value);
    let in_effect = |account: &Account| {
        account.profile == context.profile.name
            && is(&context.issuer, &account.issuer)
            && is(&context.client_id, &account.client_id)
    };
    let profiles: Vec<Listed<'_>> = accounts
        .iter()
        .map(|account| Listed {
            profile: &account.profile,
            issuer: &account.issuer,
            client_id: &account.client_id,
            email: account.email.as_deref(),
            storage: account.keeping.as_str(),
            signed_in_at: account.signed_in_at.seconds(),
            in_effect: in_effect(account),
        })
        .collect();
    let lines: Vec<String> = profiles
        .iter()
        .map(|listed| {
            let mark = if listed.in_effect { "*" } else { " " };
            let who = listed.email.map(|email| format!(" as {}", printable(email))).unwrap_or_default();
            format!("{mark} {}{who}, at {}", listed.profile, printable(listed.issuer))
        })
        .collect();
    let plain = if lines.is_empty() { String::from("nobody is signed in") } else { lines.join("\n") };
    context.talk.data(&List { schema: "gatepass/profiles/1", profiles }, &plain);
    Ok(())
}

#[derive(Serialize)]
struct Ruled<'a> {
    schema: &'static str,
    directory: &'a Path,
    /// The profile there and below; none where there is no rule (any more).
    profile: Option<&'a str>,
}

/// Says what holds for a folder now.
fn say(context: &Context, directory: &Path, profile: Option<&str>, words: &str) {
    if context.talk.is_json() {
        context.talk.data(&Ruled { schema: "gatepass/profile-rule/1", directory, profile }, "");
    } else {
        context.talk.say(words);
    }
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
