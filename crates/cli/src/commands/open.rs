//! `open`: the platform in a browser, signed in as here where the issuer can do that.

use gatepass::{Error, HandedOver, Refusal, SessionLink};

use crate::args::Open;
use crate::context::Context;
use crate::exit::Exit;
use crate::words::Trouble;

pub(crate) fn run(context: &Context, how: &Open) -> Result<Exit, Trouble> {
    let page =
        context.app.dashboard.clone().or_else(|| context.issuer.as_ref().map(|issuer| issuer.value.clone()));
    let page = page.ok_or_else(|| {
        Trouble::Usage(String::from("no address to open is configured: `dashboard` in a manifest names one"))
    })?;
    if let Some(link) = link(context)? {
        return signed_in(context, how, link, &page);
    }
    if !how.print && gatepass::open_browser(&page) {
        context.talk.say(&format!("opened {page}"));
    } else {
        by_hand(context, how, &page, None);
    }
    Ok(Exit::Done)
}

/// What signs a browser in, where there is a session that may.
fn link(context: &Context) -> Result<Option<SessionLink>, Trouble> {
    // A token that was given is no session, and an issuer that is not configured has none.
    if context.given.is_some() || context.issuer.is_none() || context.client_id.is_none() {
        return Ok(None);
    }
    let gatepass = context.gatepass()?;
    let talk = context.talk;
    if gatepass.status()?.is_none() {
        talk.say("note: nobody is signed in here, so neither is the browser");
        talk.say(&format!("hint: run `{}` first", context.command("login")));
        return Ok(None);
    }
    match gatepass.session_link(context.app.dashboard.as_deref()).wait()? {
        Ok(link) => Ok(link),
        // The page is there without us too.
        Err(Error::Refused(Refusal::UnauthorizedClient)) => {
            talk.say(
                "note: the browser is not signed in from here: the server does not let this session do that",
            );
            talk.say("hint: it has to be of a `first_party` client, bound to a key, and not begun by a device code");
            Ok(None)
        }
        Err(error @ (Error::Unreachable | Error::SessionEnded | Error::SessionLost | Error::KeyLost)) => {
            let why = Trouble::Core(error).message();
            talk.say(&format!("note: the browser is not signed in from here: {why}"));
            Ok(None)
        }
        Err(error) => Err(error.into()),
    }
}

fn signed_in(context: &Context, how: &Open, link: SessionLink, page: &str) -> Result<Exit, Trouble> {
    if how.print {
        by_hand(context, how, link.url.expose(), Some(&link));
        return Ok(Exit::Done);
    }
    let again = context.command("open --print");
    let seconds = link.expires_in.as_secs();
    context.talk.say(&format!("opening {page}: waiting for the browser, for {seconds} seconds at most"));
    match context.gatepass()?.hand_over(link).wait()?? {
        HandedOver::Done => context.talk.say(&format!("opened {page}; the browser asks before it signs in")),
        HandedOver::NoBrowser => {
            context.talk.say(&format!(
                "to be signed in as here, run `{again}`; it prints an address that is good once"
            ));
            by_hand(context, how, page, None);
        }
        HandedOver::NobodyCame => {
            return Err(Trouble::Usage(format!(
                "no browser came for the page that was opened for it: run `{again}` and open what it prints"
            )));
        }
    }
    Ok(Exit::Done)
}

fn by_hand(context: &Context, how: &Open, address: &str, link: Option<&SessionLink>) {
    let seconds = link.map(|link| link.expires_in.as_secs());
    context.talk.say(&match seconds {
        Some(seconds) => {
            format!("open this address in a browser; it is good once, within {seconds} seconds:")
        }
        None if how.print => String::from("open this address in a browser:"),
        None => String::from("there is no browser here; open this address in one:"),
    });
    let shown = serde_json::json!({ "schema": "gatepass/open/1", "address": address, "expires_in": seconds });
    context.talk.data(&shown, address);
}
