//! `status`: who is signed in, where it is kept, and what decided that.

use gatepass::{Error, Gatepass, Keeping, Status, View};
use serde::Serialize;

use crate::context::Context;
use crate::exit::Exit;
use crate::manifest::Place;
use crate::messages::Values;
use crate::organizations;
use crate::output::{distance, local};
use crate::profiles::Why;
use crate::words::Trouble;

#[derive(Serialize)]
struct Shown<'a> {
    schema: &'static str,
    signed_in: bool,
    profile: &'a str,
    /// Why it is this profile.
    profile_by: String,
    /// By whose word `token` and `credential` give out a given token instead of the session's.
    #[serde(skip_serializing_if = "Option::is_none")]
    token_by: Option<&'a str>,
    #[serde(flatten)]
    session: Option<Session<'a>>,
}

#[derive(Serialize)]
struct Session<'a> {
    issuer: &'a str,
    client_id: &'a str,
    subject: &'a str,
    email: Option<&'a str>,
    scope: String,
    /// Whether the session is bound to a key (RFC 9449).
    bound: bool,
    /// `sealed`, `keyring`, `passphrase` or `file`.
    storage: &'static str,
    /// Seconds since 1970.
    signed_in_at: u64,
    /// Seconds since 1970.
    access_expires_at: Option<u64>,
}

const SCHEMA: &str = "gatepass/status/1";

pub(crate) fn run(context: &Context) -> Result<Exit, Trouble> {
    say_given(context);
    let gatepass = context.gatepass()?;
    let Some(status) = gatepass.status()? else {
        if context.talk.is_json() {
            context.talk.data(&shown(context, None), "");
            return Ok(Exit::NotSignedIn);
        }
        return Err(Error::NotSignedIn.into());
    };
    print(context, &gatepass, &status);
    Ok(Exit::Done)
}

/// Prints a session.
pub(crate) fn print(context: &Context, gatepass: &Gatepass, status: &Status) {
    let values = values(context, gatepass, status);
    context.talk.data(&shown(context, Some(status)), &values.fill(&context.app.messages.status));
    warn_plain(context, status);
}

/// Says aloud that a session lies in plain text where it was not meant to.
pub(crate) fn warn_plain(context: &Context, status: &Status) {
    if status.keeping == Keeping::Plain && context.app.storage.place != Place::File {
        context.talk.say("warning: this session is kept in a plain file, because there is no keyring here");
    }
}

fn shown<'a>(context: &'a Context, status: Option<&'a Status>) -> Shown<'a> {
    let session = status.map(|Status { view, access_expires_at, keeping }| Session {
        issuer: view.issuer.as_str(),
        client_id: view.client_id.as_str(),
        subject: view.identity.subject.as_str(),
        email: view.identity.email.as_deref(),
        scope: view.scopes.as_str().to_owned(),
        bound: view.bound,
        storage: keeping.as_str(),
        signed_in_at: view.signed_in_at.seconds(),
        access_expires_at: access_expires_at.map(|moment| moment.seconds()),
    });
    Shown {
        schema: SCHEMA,
        signed_in: session.is_some(),
        profile: &context.profile.name,
        profile_by: context.profile.why.words(),
        token_by: context.given.as_ref().map(|given| given.source.words()),
        session,
    }
}

/// Says aloud, before a command that is about the session, that a given token has no part in it, and what was given in
/// vain.
pub(crate) fn say_given(context: &Context) {
    let Some(given) = &context.given else { return };
    let source = given.source.words();
    let say = |line: String| context.talk.say(&line);
    say(format!(
        "note: {source} holds a token, which `{}` and `{}` give out; this command is about the session that is kept here",
        context.command("token"),
        context.command("credential")
    ));
    for shadowed in &given.shadowed {
        say(format!("note: {shadowed} is set too; {source} comes first"));
    }
    warn_visible(context);
}

/// Warns of a token that every process of this machine could read.
pub(crate) fn warn_visible(context: &Context) {
    if context.given.as_ref().is_some_and(|given| given.visible) {
        context.talk.say("warning: a token on the command line can be read by every process of this machine; `--token -` reads it from stdin");
    }
}

/// What messages may say of a session.
pub(crate) fn values(context: &Context, gatepass: &Gatepass, status: &Status) -> Values {
    let (view, now) = (&status.view, gatepass.now());
    let expires_at = status.access_expires_at;
    let token = match expires_at {
        Some(moment) if moment > now => format!("expires {}", distance(moment, now)),
        Some(_) | None if view.refreshes => String::from("expired; the next use refreshes it"),
        Some(_) | None => String::from("expired; sign in again"),
    };
    let bound = if view.bound { "bound to a key of this machine" } else { "not bound to a key" };
    let profile = &context.profile;
    let said = profile.why != Why::Default;
    // Nobody is kept from being shown by a choice that cannot be read.
    let organization = organizations::chosen(gatepass).unwrap_or_default();
    context
        .values()
        .maybe("organization", organization.as_ref().map(|chosen| chosen.name.as_str()))
        .maybe("organization_id", organization.as_ref().map(|chosen| chosen.id.as_str()))
        .with("account", account(view))
        .maybe("email", view.identity.email.as_deref())
        .with("issuer", view.issuer.as_str())
        // Who has one account and has said nothing of profiles need not read of them.
        .maybe("profile_by", said.then(|| format!("{}, {}", profile.name, profile.why.words())))
        .with("token", token)
        .maybe("expires_at", expires_at.map(local))
        .maybe("expires_in", expires_at.map(|moment| distance(moment, now)))
        .with("session", format!("{bound}, signed in {}", distance(view.signed_in_at, now)))
        .with("age", distance(view.signed_in_at, now))
        .with("storage", status.keeping.as_str())
}

/// The name by which a person knows an account.
pub(crate) fn account(view: &View) -> &str {
    view.identity.email.as_deref().unwrap_or_else(|| view.identity.subject.as_str())
}
