//! `logout`: signs out here, then at the issuer.

use gatepass::{Account, Client, ClientId, Error, Gatepass, Issuer};
use serde::Serialize;

use crate::commands::status::{account, say_given};
use crate::context::Context;
use crate::exit::Exit;
use crate::words::Trouble;

#[derive(Serialize)]
struct Shown {
    schema: &'static str,
    was_signed_in: bool,
    /// Whether the issuer revoked the grant; with `--all`, whether all of them were.
    revoked: bool,
    /// How many sessions were removed.
    sessions: usize,
}

const SCHEMA: &str = "gatepass/logout/1";

pub(crate) fn run(context: &Context, all: bool, forget: bool) -> Result<Exit, Trouble> {
    say_given(context);
    let shown = match (all, forget) {
        (true, _) => return every(context, forget),
        (false, true) => {
            context.gatepass()?.forget()?;
            context.talk.say(FORGOTTEN);
            Shown { schema: SCHEMA, was_signed_in: true, revoked: false, sessions: 1 }
        }
        (false, false) => sign_out(context, &context.gatepass()?)?,
    };
    if context.talk.is_json() {
        context.talk.data(&shown, "");
    }
    Ok(Exit::Done)
}

const FORGOTTEN: &str =
    "the stored session is removed; the issuer was not told, so revoke it there if it may have leaked";

/// Every account of this program, at whatever issuer. What cannot be signed out does not keep the others.
fn every(context: &Context, forget: bool) -> Result<Exit, Trouble> {
    let accounts = context.gatepass()?.accounts();
    let mut shown = Shown { schema: SCHEMA, was_signed_in: false, revoked: true, sessions: 0 };
    let mut exit = Exit::Done;
    for account in accounts.list()? {
        let outcome = of(context, &account).and_then(|gatepass| {
            if !forget {
                return sign_out(context, &gatepass);
            }
            gatepass.forget()?;
            context.talk.say(FORGOTTEN);
            Ok(Shown { revoked: false, ..one() })
        });
        match outcome {
            Ok(one) => {
                shown.was_signed_in |= one.was_signed_in;
                shown.revoked &= one.revoked;
                shown.sessions += one.sessions;
            }
            Err(trouble) => exit = context.trouble(&trouble, false),
        }
    }
    let strays = accounts.forget_strays()?;
    if strays > 0 {
        context
            .talk
            .say(&format!("{strays} more of unknown accounts removed; their issuers could not be told"));
        shown.sessions += strays;
        shown.revoked = false;
    }
    shown.was_signed_in |= shown.sessions > 0;
    shown.revoked &= shown.was_signed_in;
    if !shown.was_signed_in && exit == Exit::Done {
        context.talk.lines(&context.values(), &context.app.messages.logout_nobody);
    }
    if context.talk.is_json() && exit == Exit::Done {
        context.talk.data(&shown, "");
    }
    Ok(exit)
}

/// The sessions of one account: it was signed in where it was, whatever a variable says today.
fn of(context: &Context, account: &Account) -> Result<Gatepass, Trouble> {
    let mut settings = context.settings(&account.profile)?;
    let client = Client { issuer: Issuer::new(&account.issuer)?, ..settings.client };
    settings.client = Client { client_id: ClientId::new(&account.client_id)?, ..client };
    Ok(Gatepass::new(settings))
}

fn one() -> Shown {
    Shown { schema: SCHEMA, was_signed_in: true, revoked: true, sessions: 1 }
}

fn sign_out(context: &Context, gatepass: &Gatepass) -> Result<Shown, Trouble> {
    let mut shown = one();
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
            shown = Shown { was_signed_in: false, revoked: false, sessions: 0, ..shown };
            &messages.logout_nobody
        }
        Err(error) => return Err(error.into()),
    };
    context.talk.say(&values.fill(lines));
    Ok(shown)
}
