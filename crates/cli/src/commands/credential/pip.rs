//! pip's keyring subprocess (`--keyring-provider subprocess`), which uv speaks too: `keyring get SERVICE USERNAME`.
//!
//! A link called `keyring` that leads here must come first on the path. pip asks only where the index's address has a
//! user name: `https://oauth2@pypi.acme.example/simple/`.

use crate::args::{KeyringAction, KeyringMode};
use crate::commands::credential::entry;
use crate::commands::credential::stdio::print;
use crate::commands::credential::token::{Expiry, Token};
use crate::context::Context;
use crate::exit::Exit;
use crate::host::Host;
use crate::words::Trouble;

/// The user name of tokens where nobody says another; package indexes know it.
const USERNAME: &str = "__token__";

pub(super) fn run(
    context: &Context,
    mode: KeyringMode,
    action: KeyringAction,
    service: &str,
    username: Option<&str>,
) -> Result<Exit, Trouble> {
    // pip also asks by the bare host, which may be one that it talks to in plain text: an address alone says so.
    let entry = Host::of_url(service).and_then(|host| entry(context, &host));
    let ours = entry.filter(|entry| match (username, &entry.username) {
        (Some(asked), Some(username)) => asked == username,
        _ => true,
    });
    if action != KeyringAction::Get {
        context.talk.say(&format!(
            "error: nothing is kept here beside the session: run `{}`",
            context.command(if action == KeyringAction::Set { "login" } else { "logout" })
        ));
        return Ok(Exit::Failed);
    }
    let Some(entry) = ours else {
        // A keyring without an entry says nothing, and pip goes on to other places and to the person.
        return Ok(Exit::Failed);
    };
    let token = Token::of(context, entry, Expiry::Untold)?;
    print(match mode {
        KeyringMode::Password => format!("{}\n", token.text()),
        KeyringMode::Creds => {
            let username = username.or(entry.username.as_deref()).unwrap_or(USERNAME);
            format!("{username}\n{}\n", token.text())
        }
    });
    Ok(Exit::Done)
}
