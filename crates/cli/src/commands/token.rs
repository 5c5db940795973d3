//! `token`: a valid access token on stdout.

use std::time::Duration;

use gatepass::{Audience, Error, Purpose, Scopes, Wanted};
use serde::Serialize;

use crate::args::Token;
use crate::commands::status;
use crate::context::Context;
use crate::exit::Exit;
use crate::given::Given;
use crate::words::Trouble;

#[derive(Serialize)]
struct Shown<'a> {
    schema: &'static str,
    access_token: &'a str,
    /// `Bearer` or `DPoP`.
    token_type: &'static str,
    /// Seconds since 1970, by this machine's clock. A given token does not say.
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<String>,
    /// Whether it took a refresh.
    refreshed: bool,
    /// Whether the session is kept with it; if not, the next refresh may fail.
    saved: bool,
}

pub(crate) fn run(context: &Context, which: &Token) -> Result<Exit, Trouble> {
    if let Some(given) = &context.given {
        return Ok(print_given(context, given));
    }
    let wanted = wanted(which)?;
    let min_ttl = wanted.min_ttl;
    let gatepass = context.gatepass()?;
    let handout = gatepass.access(wanted).wait()??;
    let token = handout.access.token.expose();
    let shown = Shown {
        schema: "gatepass/token/1",
        access_token: token,
        token_type: handout.access.token_type.as_str(),
        expires_at: Some(handout.access.expires_at.seconds()),
        scope: Some(handout.scopes().as_str().to_owned()),
        refreshed: handout.refreshed,
        saved: handout.saved,
    };
    context.talk.data(&shown, token);
    if handout.access.expires_at < gatepass.now().plus(min_ttl) {
        let lifetime = handout.access.expires_at.since(gatepass.now()).as_secs();
        context.talk.say(&format!(
            "warning: the server gives no token that lives so long; this one lives {lifetime} seconds"
        ));
    }
    if !handout.saved {
        let why = Trouble::from(Error::NotSaved).message();
        context.talk.say(&format!("warning: {why}; this token is good"));
        return Ok(Exit::of(Error::NotSaved));
    }
    Ok(Exit::Done)
}

fn print_given(context: &Context, given: &Given) -> Exit {
    let token = given.token.expose();
    let shown = Shown {
        schema: "gatepass/token/1",
        access_token: token,
        token_type: "Bearer",
        expires_at: None,
        scope: None,
        refreshed: false,
        saved: true,
    };
    context.talk.data(&shown, token);
    status::warn_visible(context);
    Exit::Done
}

/// Reads what the command line asks for.
pub(crate) fn wanted(which: &Token) -> Result<Wanted, Trouble> {
    let audience = match &which.audience {
        Some(name) => Some(Audience::named(name)?),
        None => which.resource.as_deref().map(Audience::resource).transpose()?,
    };
    let scopes = which.scope.as_deref().map(Scopes::parse).transpose()?;
    let min_ttl = Duration::from_secs(which.min_ttl);
    Ok(Wanted { purpose: Purpose { audience, scopes }, min_ttl, force: which.refresh })
}
