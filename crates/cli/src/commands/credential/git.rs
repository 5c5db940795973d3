//! git's credential helpers: gitcredentials(7), git-credential(1).
//!
//! `git config credential.https://git.acme.example.helper '!acme credential git'`, or `acme` where a link called
//! `git-credential-acme` leads here.

use gatepass::Secret;

use crate::commands::credential::entry;
use crate::commands::credential::stdio::{print, read};
use crate::commands::credential::token::{Expiry, Token};
use crate::context::Context;
use crate::exit::Exit;
use crate::host::Host;
use crate::manifest::Credential;
use crate::words::Trouble;

/// The user name of tokens where neither the manifest nor the address has one.
const USERNAME: &str = "oauth2";

pub(super) fn run(context: &Context, action: &str) -> Result<Exit, Trouble> {
    let asked = read(Asked::read)?;
    // There is nothing to store, and what is not known is to be ignored without a word.
    if !["get", "erase"].contains(&action) {
        return Ok(Exit::Done);
    }
    // A host that is not ours gets nothing, and git goes on to other helpers and to the person.
    let Some(entry) = asked.host().and_then(|host| entry(context, &host)) else { return Ok(Exit::Done) };
    if !asked.is_for(entry) {
        return Ok(Exit::Done);
    }
    if action == "erase" {
        if let Some(rejected) = &asked.rejected {
            // Whatever goes wrong here goes wrong again, and is said, when the next token is asked for.
            let _ = Token::rejected(context, entry, rejected);
        }
        return Ok(Exit::Done);
    }
    match Token::of(context, entry, Expiry::Told) {
        Ok(token) => print(asked.answer(entry, &token)),
        Err(trouble) => {
            // No password that a person could type opens this host: the reason must be the last word.
            print(String::from("quit=1\n"));
            return Err(trouble);
        }
    }
    Ok(Exit::Done)
}

/// What git says.
#[derive(Debug, Default)]
struct Asked {
    protocol: String,
    host: String,
    username: Option<String>,
    /// What a server did not accept.
    rejected: Option<Secret>,
    /// Whether this git can send another scheme than Basic (2.46 and later).
    has_schemes: bool,
    /// Whether the server asks for a bearer token.
    wants_bearer: bool,
}

impl Asked {
    /// Reads attributes, one a line, up to an empty one.
    fn read(text: &str) -> Self {
        let mut asked = Self::default();
        // git ends a line by a line feed alone: a carriage return before it belongs to the value.
        for line in text.split('\n').take_while(|line| !line.is_empty()) {
            let Some((name, value)) = line.split_once('=') else { continue };
            match name {
                "protocol" => value.clone_into(&mut asked.protocol),
                "host" => value.clone_into(&mut asked.host),
                "username" => asked.username = Some(value.to_owned()),
                "password" | "credential" => asked.rejected = Some(Secret::from(value)),
                "capability[]" => asked.has_schemes |= value == "authtype",
                "wwwauth[]" => asked.wants_bearer |= is_bearer(value),
                _ => {}
            }
        }
        asked
    }

    fn host(&self) -> Option<Host> {
        Host::of(&self.protocol, &self.host)
    }

    /// Whether the address has no user name, or the one that goes with this token.
    fn is_for(&self, entry: &Credential) -> bool {
        match (&self.username, &entry.username) {
            (Some(asked), Some(username)) => asked == username,
            _ => true,
        }
    }

    fn answer(&self, entry: &Credential, token: &Token) -> String {
        let mut answer = if self.has_schemes && self.wants_bearer {
            // `ephemeral`: no other helper is to keep it.
            format!("capability[]=authtype\nauthtype=Bearer\ncredential={}\nephemeral=1\n", token.text())
        } else {
            let username = entry.username.as_deref().or(self.username.as_deref()).unwrap_or(USERNAME);
            format!("username={username}\npassword={}\n", token.text())
        };
        if let Some(moment) = token.expires_at {
            answer.push_str(&format!("password_expiry_utc={}\n", moment.seconds()));
        }
        answer
    }
}

/// Whether a challenge (RFC 9110 section 11.6.1) is one of RFC 6750.
fn is_bearer(challenge: &str) -> bool {
    challenge.split_ascii_whitespace().next().is_some_and(|scheme| scheme.eq_ignore_ascii_case("bearer"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_git_says_up_to_the_empty_line() {
        let asked = Asked::read(
            "capability[]=authtype\nprotocol=https\nhost=git.acme.example:8443\nwwwauth[]=Basic realm=\"x\"\nwwwauth[]=bearer\npassword=a=b\n\nhost=evil.example\n",
        );
        assert_eq!(asked.host(), Host::new("git.acme.example:8443"));
        assert!(asked.has_schemes && asked.wants_bearer && asked.username.is_none());
        assert!(asked.rejected == Some(Secret::from("a=b")));
        assert!(!Asked::read("wwwauth[]=Basic realm=\"bearer\"").wants_bearer);
    }

    #[test]
    fn a_token_does_not_travel_in_plain_text() {
        for text in [
            "protocol=http\nhost=git.acme.example",
            "protocol=ssh\nhost=git.acme.example",
            "host=git.acme.example",
        ] {
            assert_eq!(Asked::read(text).host(), None, "{text}");
        }
    }

    #[test]
    fn a_host_is_not_put_together_of_pieces() {
        for text in [
            "protocol=https\nhost=git.acme.example/../evil",
            "protocol=https\nhost=git.acme.example?x",
            "protocol=https\nhost=git.acme.example/@",
            "protocol=https\nhost=git.acme.example\r",
            "protocol=https://git.acme.example/x\nhost=evil.example",
        ] {
            assert_eq!(Asked::read(text).host(), None, "{text}");
        }
    }
}
