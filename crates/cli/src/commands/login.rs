//! `login`: signs in.

use std::time::Duration;

use gatepass::{Error, Event, LoginOptions};

use crate::args::Login;
use crate::commands::status;
use crate::context::Context;
use crate::exit::Exit;
use crate::messages::{Messages, Values};
use crate::output::Talk;
use crate::words::Trouble;

pub(crate) fn run(context: &Context, how: &Login) -> Result<Exit, Trouble> {
    status::say_given(context);
    let gatepass = context.gatepass()?;
    let (app, talk) = (&context.app, context.talk);
    let say = |lines: &[String], values: &Values| say(talk, lines, values);
    say(&app.messages.login_begins, &context.values());
    let options = LoginOptions {
        open_browser: !how.no_browser,
        limit: Duration::from_secs(how.timeout.unwrap_or(app.login.timeout)),
        prompt: how.switch.then(|| String::from("select_account")),
        login_hint: how.email.clone(),
        max_age: None,
    };
    let (messages, values) = (app.messages.clone(), context.values());
    gatepass.login(options, move |event| tell(talk, &messages, &values, &event)).wait()??;
    let status = gatepass.status()?.ok_or(Error::Bug)?;
    say(&app.messages.login_done, &status::values(context, &gatepass, &status));
    if talk.is_json() {
        status::print(context, &gatepass, &status);
    }
    Ok(Exit::Done)
}

fn say(talk: Talk, lines: &[String], values: &Values) {
    if !lines.is_empty() {
        talk.say(&values.fill(lines));
    }
}

fn tell(talk: Talk, messages: &Messages, values: &Values, event: &Event<'_>) {
    match event {
        Event::Waiting { url, opened, limit } => {
            let values = values.clone().with("address", url.expose().as_str());
            say(talk, if *opened { &messages.login_opened } else { &messages.login_open_by_hand }, &values);
            say(talk, &messages.login_address, &values);
            talk.say(&format!("waiting for you, {} seconds at most; Ctrl-C gives up", limit.as_secs()));
        }
        Event::Stranger(_) => {
            talk.say("note: something called that belongs to another login; still waiting for yours");
        }
    }
}
