//! `gatepass token`

use std::time::Duration;

use gatepass::Gatepass;
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
}

pub(crate) fn run(gatepass: &Gatepass, min_ttl: u64, refresh: bool, talk: &Talk) -> Result<Exit, Trouble> {
    let handout = gatepass.access(Duration::from_secs(min_ttl), refresh).wait()??;
    let token = handout.access.token.expose();
    let shown = Shown {
        schema: "gatepass/token/1",
        access_token: token,
        token_type: handout.access.token_type.as_str(),
        expires_at: handout.access.expires_at.seconds(),
        scope: handout.view.scopes.as_str().to_owned(),
        refreshed: handout.refreshed,
    };
    talk.data(&shown, token);
    if handout.access.expires_at < gatepass.now().plus(Duration::from_secs(min_ttl)) {
        let lifetime = handout.access.expires_at.since(gatepass.now()).as_secs();
        talk.say(&format!(
            "warning: the server gives no token that lives so long; this one lives {lifetime} seconds"
        ));
    }
    Ok(Exit::Done)
}
