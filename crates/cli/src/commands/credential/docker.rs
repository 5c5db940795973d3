//! Docker's credential helpers: <https://github.com/docker/docker-credential-helpers>.
//!
//! `"credHelpers": { "registry.acme.example": "acme" }` in `~/.docker/config.json`, and a link called
//! `docker-credential-acme` that leads here. What goes wrong is said on stdout, where Docker looks for it.

use serde::{Deserialize, Serialize};

use crate::commands::credential::stdio::{print, read};
use crate::commands::credential::token::{Expiry, Token};
use crate::commands::credential::{entry, reason};
use crate::context::Context;
use crate::exit::Exit;
use crate::host::Host;
use crate::words::Trouble;

/// By this name Docker knows a token that it has to trade at the registry's own token server; with any other, the token
/// is a password.
const USERNAME: &str = "<token>";

/// By these very words Docker knows that a helper has nothing, and goes on without.
const NOT_FOUND: &str = "credentials not found in native keychain";

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Found<'a> {
    #[serde(rename = "ServerURL")]
    server_url: &'a str,
    username: &'a str,
    secret: &'a str,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Kept {
    #[serde(rename = "ServerURL")]
    server_url: String,
    username: String,
}

pub(super) fn run(context: &Context, action: &str) -> Result<Exit, Trouble> {
    let answer = match action {
        "get" => get(context, &read(|text| text.trim().to_owned())?),
        "store" => store(context, read(|text| serde_json::from_str(text))?),
        "erase" => erase(context, &read(|text| text.trim().to_owned())?),
        // Docker would ask for the token of each, and with `build` send it to its daemon, wanted or not.
        "list" => Ok(String::from("{}\n")),
        "version" => Ok(format!("{} {}\n", context.app.program(), env!("CARGO_PKG_VERSION"))),
        _ => Err(String::from("unknown credential action")),
    };
    match answer {
        Ok(answer) => {
            print(answer);
            Ok(Exit::Done)
        }
        Err(why) => {
            print(format!("{why}\n"));
            Ok(Exit::Failed)
        }
    }
}

fn get(context: &Context, server_url: &str) -> Result<String, String> {
    let entry = host(server_url).and_then(|host| entry(context, &host)).ok_or(NOT_FOUND)?;
    let token = Token::of(context, entry, Expiry::Untold).map_err(|trouble| reason(context, &trouble))?;
    let username = entry.username.as_deref().unwrap_or(USERNAME);
    let found = Found { server_url, username, secret: token.text() };
    serde_json::to_string(&found).map_err(|error| error.to_string())
}

/// `docker login` keeps what it has just got from here, which is kept already; a password that somebody typed is not.
fn store(context: &Context, kept: Result<Kept, serde_json::Error>) -> Result<String, String> {
    let kept = kept.map_err(|_| String::from("cannot read what is to be stored"))?;
    let entry = host(&kept.server_url).and_then(|host| entry(context, &host));
    let ours = entry.is_some_and(|entry| kept.username == entry.username.as_deref().unwrap_or(USERNAME));
    if ours { Ok(String::new()) } else { Err(refusal(context, "login")) }
}

fn erase(context: &Context, server_url: &str) -> Result<String, String> {
    match host(server_url).and_then(|host| entry(context, &host)) {
        Some(_) => Err(refusal(context, "logout")),
        None => Err(NOT_FOUND.to_owned()),
    }
}

fn refusal(context: &Context, command: &str) -> String {
    format!("nothing is kept here beside the session: run `{}`", context.command(command))
}

/// Docker names a registry by its host, and Docker Hub by an address.
fn host(server_url: &str) -> Option<Host> {
    Host::of_url(server_url).or_else(|| Host::new(server_url))
}
