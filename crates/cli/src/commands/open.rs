//! `open`: the platform in a browser.

use crate::context::Context;
use crate::exit::Exit;
use crate::words::Trouble;

pub(crate) fn run(context: &Context, _how: &crate::args::Open) -> Result<Exit, Trouble> {
    let page =
        context.app.dashboard.clone().or_else(|| context.issuer.as_ref().map(|issuer| issuer.value.clone()));
    let page = page.ok_or_else(|| {
        Trouble::Usage(String::from("no address to open is configured: `dashboard` in a manifest names one"))
    })?;
    if gatepass::open_browser(&page) {
        context.talk.say(&format!("opened {page}"));
    } else {
        context.talk.say("there is no browser here; open this address in one:");
        context.talk.data(&serde_json::json!({ "schema": "gatepass/open/1", "address": page }), &page);
    }
    Ok(Exit::Done)
}
