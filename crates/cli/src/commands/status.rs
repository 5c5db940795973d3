//! `gatepass status`

use gatepass::{Error, Gatepass, Keeping, Status, View};
use serde::Serialize;

use crate::exit::Exit;
use crate::output::{Talk, distance};
use crate::words::Trouble;

#[derive(Serialize)]
struct Shown<'a> {
    schema: &'static str,
    signed_in: bool,
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
    /// `sealed` or `file`.
    storage: &'static str,
    /// Seconds since 1970.
    signed_in_at: u64,
    /// Seconds since 1970.
    access_expires_at: Option<u64>,
}

pub(crate) fn run(gatepass: &Gatepass, talk: &Talk) -> Result<Exit, Trouble> {
    let Some(status) = gatepass.status()? else {
        if talk.is_json() {
            talk.data(&Shown { schema: SCHEMA, signed_in: false, session: None }, "");
            return Ok(Exit::NotSignedIn);
        }
        return Err(Error::NotSignedIn.into());
    };
    print(gatepass, &status, talk);
    if status.keeping == Keeping::Plain {
        talk.say("warning: this session is kept in a plain file, because there is no keyring here");
    }
    Ok(Exit::Done)
}

const SCHEMA: &str = "gatepass/status/1";

/// Prints a session.
pub(crate) fn print(gatepass: &Gatepass, status: &Status, talk: &Talk) {
    let view = &status.view;
    let expires_at = status.access_expires_at;
    let session = Session {
        issuer: view.issuer.as_str(),
        client_id: view.client_id.as_str(),
        subject: view.identity.subject.as_str(),
        email: view.identity.email.as_deref(),
        scope: view.scopes.as_str().to_owned(),
        bound: view.bound,
        storage: status.keeping.as_str(),
        signed_in_at: view.signed_in_at.seconds(),
        access_expires_at: expires_at.map(|moment| moment.seconds()),
    };
    let now = gatepass.now();
    let token = match expires_at {
        Some(moment) if moment > now => format!("expires {}", distance(moment, now)),
        Some(_) | None if view.refreshes => String::from("expired; the next use refreshes it"),
        Some(_) | None => String::from("expired; sign in again"),
    };
    let bound = if view.bound { "bound to a key of this machine" } else { "not bound to a key" };
    let plain = [
        format!("Account: {}", account(view)),
        format!("Issuer:  {}", view.issuer),
        format!("Token:   {token}"),
        format!("Session: {bound}, signed in {}", distance(view.signed_in_at, now)),
        format!("Storage: {}", status.keeping.as_str()),
    ];
    talk.data(&Shown { schema: SCHEMA, signed_in: true, session: Some(session) }, &plain.join("\n"));
}

/// The name by which a person knows an account.
pub(crate) fn account(view: &View) -> &str {
    view.identity.email.as_deref().unwrap_or_else(|| view.identity.subject.as_str())
}
