//! `extension`: the line to the platform's browser extension (native messaging).
//!
//! ```text
//! browser -- stdin, stdout --> `extension host` <-- a socket that is its owner's alone -- `extension token`
//! ```
//!
//! The browser starts the host for the extension that asks and lets no other near it; an extension says so itself by a
//! key, once a person has let it in (`extension pair`). What crosses are access tokens for minutes, with less than the
//! session may, bound to the key of the side that asked. No refresh token ever does.

mod frame;
mod host;
mod install;
#[cfg(unix)]
mod line;
mod pair;
mod pairs;
mod token;

use std::path::PathBuf;

use crate::args::Extension;
use crate::context::Context;
use crate::exit::Exit;
use crate::words::Trouble;

pub(crate) fn run(context: &Context, command: Extension) -> Result<Exit, Trouble> {
    match command {
        Extension::Install { browser, id, folder } => install::run(context, &browser, &id, folder.as_deref()),
        Extension::Pair { timeout } => pair::pair(context, timeout),
        Extension::List => pair::list(context),
        Extension::Unpair { which } => pair::unpair(context, &which),
        Extension::Token { scope, audience, url, method } => {
            token::run(context, &scope, audience.as_deref(), &url, &method)
        }
        Extension::Host { words } => host::run(context, &words),
    }
}

/// The name under which browsers know this program: small letters, digits, dots and underscores (Chrome, "Native
/// messaging", "Native messaging host").
fn name(context: &Context) -> String {
    format!("dev.gatepass.{}", context.app.name.to_ascii_lowercase().replace('-', "_"))
}

/// Where all of this lies.
fn folder(context: &Context) -> PathBuf {
    context.folder.join("extension")
}
