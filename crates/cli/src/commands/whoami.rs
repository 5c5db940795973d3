//! `whoami`: the account, in a word that a script can take.

use gatepass::{Error, Status, Wanted};
use serde::Serialize;

use crate::commands::status;
use crate::context::Context;
use crate::exit::Exit;
use crate::words::Trouble;

#[derive(Serialize)]
struct Shown<'a> {
    schema: &'static str,
    subject: &'a str,
    email: Option<&'a str>,
    issuer: &'a str,
    profile: &'a str,
}

pub(crate) fn run(context: &Context) -> Result<Exit, Trouble> {
    status::say_given(context);
    let gatepass = context.gatepass()?;
    // It is a command that uses the session, so an expired token is refreshed first. What a network does is no reason
    // not to know who one is.
    match gatepass.access(Wanted::default()).wait()? {
        Err(error) if error.retryable() => {
            context.talk.say(&format!("warning: {}", Trouble::Core(error).message()));
        }
        outcome => drop(outcome?),
    }
    let Status { view, access_expires_at, keeping } = gatepass.status()?.ok_or(Error::NotSignedIn)?;
    let shown = Shown {
        schema: "gatepass/whoami/1",
        subject: view.identity.subject.as_str(),
        email: view.identity.email.as_deref(),
        issuer: view.issuer.as_str(),
        profile: &context.profile.name,
    };
    let status = Status { view: view.clone(), access_expires_at, keeping };
    let values = status::values(context, &gatepass, &status);
    context.talk.data(&shown, &values.fill(&context.app.messages.whoami));
    Ok(Exit::Done)
}
