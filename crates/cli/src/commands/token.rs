//! `gatepass token`

use std::time::Duration;

use gatepass::{Audience, Error, Gatepass, Purpose, Scopes, Wanted};
use serde::Serialize;

use crate::exit::Exit;
use crate::output::Talk;
use crate::words::Trouble;

#[derive(Serialize)]
struct Shown<'a> {
    schema: &'static str,
    access_token: &'a str,
    /// `Bearer` or `DPoP`.
    token_type: &'static str,
    /// Seconds since 1970, by this machine's clock.
    expires_at: u64,
    scope: String,
    /// Whether it took a refresh.
    refreshed: bool,
    /// Whether the session is kept with it; if not, the next refresh may fail.
    saved: bool,
}

/// Reads what the command line asks for.
pub(crate) fn wanted(
    min_ttl: u64,
    force: bool,
    audience: Option<&str>,
    resource: Option<&str>,
    scope: Option<&str>,
) -> Result<Wanted, Trouble> {
    let audience = match audience {
        Some(name) => Some(Audience::named(name)?),
        None => resource.map(Audience::resource).transpose()?,
    };
    let scopes = scope.map(Scopes::parse).transpose()?;
    Ok(Wanted { purpose: Purpose { audience, scopes }, min_ttl: Duration::from_secs(min_ttl), force })
}

pub(crate) fn run(gatepass: &Gatepass, wanted: Wanted, talk: &Talk) -> Result<Exit, Trouble> {
    let min_ttl = wanted.min_ttl;
    let handout = gatepass.access(wanted).wait()??;
    let token = handout.access.token.expose();
    let shown = Shown {
        schema: "gatepass/token/1",
        access_token: token,
        token_type: handout.access.token_type.as_str(),
        expires_at: handout.access.expires_at.seconds(),
        scope: handout.scopes().as_str().to_owned(),
        refreshed: handout.refreshed,
        saved: handout.saved,
    };
    talk.data(&shown, token);
    if handout.access.expires_at < gatepass.now().plus(min_ttl) {
        let lifetime = handout.access.expires_at.since(gatepass.now()).as_secs();
        talk.say(&format!(
            "warning: the server gives no token that lives so long; this one lives {lifetime} seconds"
        ));
    }
    if !handout.saved {
        talk.say(&format!("warning: {}; this token is good", Trouble::from(Error::NotSaved).message()));
        return Ok(Exit::of(Error::NotSaved));
    }
    Ok(Exit::Done)
}
