//! `gatepass logout`

use gatepass::{Error, Gatepass};
use serde::Serialize;

use crate::commands::status::account;
use crate::exit::Exit;
use crate::output::Talk;
use crate::words::Trouble;

#[derive(Serialize)]
struct Shown {
    schema: &'static str,
    was_signed_in: bool,
    /// Whether the issuer revoked the grant.
    revoked: bool,
}

pub(crate) fn run(gatepass: &Gatepass, forget: bool, talk: &Talk) -> Result<Exit, Trouble> {
    let mut shown = Shown { schema: "gatepass/logout/1", was_signed_in: true, revoked: false };
    if forget {
        gatepass.forget()?;
        talk.say("the stored session is removed; the issuer was not told, so revoke it there if it may have leaked");
        finish(talk, &shown);
        return Ok(Exit::Done);
    }
    match gatepass.sign_out().wait()? {
        Ok(done) => {
            shown.revoked = done.revoked.is_ok();
            let account = account(&done.view);
            match done.revoked {
                Ok(()) => talk.say(&format!("signed out {account}, here and at {}", done.view.issuer)),
                Err(error) => {
                    let why = Trouble::Core(error).message();
                    talk.say(&format!("signed out {account} here; not at {}: {why}", done.view.issuer));
                }
            }
        }
        Err(Error::NotSignedIn) => {
            shown.was_signed_in = false;
            talk.say("nobody was signed in");
        }
        Err(error) => return Err(error.into()),
    }
    finish(talk, &shown);
    Ok(Exit::Done)
}

fn finish(talk: &Talk, shown: &Shown) {
    if talk.is_json() {
        talk.data(shown, "");
    }
}
