//! `logout`: signs out here, then at the issuer.

use gatepass::{Error, Gatepass};
use serde::Serialize;

use crate::commands::status::{account, say_given};
use crate::context::Context;
use crate::exit::Exit;
use crate::words::Trouble;

#[derive(Serialize)]
struct Shown {
    schema: &'static str,
    was_signed_in: bool,
    /// Whether the issuer revoked the grant.
    revoked: bool,
}

pub(crate) fn run(context: &Context, _all: bool, forget: bool) -> Result<Exit, Trouble> {
    say_given(context);
    let gatepass = context.gatepass()?;
    let shown = if forget {
        gatepass.forget()?;
        context.talk.say("the stored session is removed; the issuer was not told, so revoke it there if it may have leaked");
        Shown { schema: SCHEMA, was_signed_in: true, revoked: false }
    } else {
        sign_out(context, &gatepass)?
    };
    if context.talk.is_json() {
        context.talk.data(&shown, "");
    }
    Ok(Exit::Done)
}

const SCHEMA: &str = "gatepass/logout/1";

fn sign_out(context: &Context, gatepass: &Gatepass) -> Result<Shown, Trouble> {
    let mut shown = Shown { schema: SCHEMA, was_signed_in: true, revoked: false };
    let (messages, mut values) = (&context.app.messages, context.values());
    let lines = match gatepass.sign_out().wait()? {
        Ok(done) => {
            shown.revoked = done.revoked.is_ok();
            values = values.with("account", account(&done.view)).with("issuer", done.view.issuer.as_str());
            match done.revoked {
                Ok(()) => &messages.logout_done,
                Err(error) => {
                    values = values.with("reason", Trouble::Core(error).message());
                    &messages.logout_here_only
                }
            }
        }
        Err(Error::NotSignedIn) => {
            shown.was_signed_in = false;
            &messages.logout_nobody
        }
        Err(error) => return Err(error.into()),
    };
    context.talk.say(&values.fill(lines));
    Ok(shown)
}
