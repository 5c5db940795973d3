//! `tui`: the accounts, live.

use crate::commands::status;
use crate::context::Context;
use crate::exit::Exit;
use crate::tui;
use crate::words::Trouble;

pub(crate) fn run(context: &Context, plain: bool, open_browser: bool) -> Result<Exit, Trouble> {
    let environment = &context.environment;
    if plain || context.talk.is_json() {
        return status::run(context);
    }
    if environment.person && environment.screen && environment.moves() {
        status::say_given(context);
        return tui::run(context, open_browser);
    }
    // What was asked for does not happen, so whatever comes of this, the call was wrong.
    status::run(context).unwrap_or_else(|trouble| context.trouble(&trouble, false));
    context
        .talk
        .say("note: the live view needs a terminal, so this is `status`; --plain says that it is meant so");
    Ok(Exit::Usage)
}
