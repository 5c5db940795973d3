//! `gatepass login`

use std::time::Duration;

use gatepass::{Error, Event, Gatepass, Keeping, LoginOptions};

use crate::commands::status;
use crate::exit::Exit;
use crate::output::Talk;
use crate::words::Trouble;

/// How to sign in.
pub(crate) struct How {
    pub(crate) open_browser: bool,
    pub(crate) timeout: u64,
    pub(crate) switch: bool,
}

pub(crate) fn run(gatepass: &Gatepass, how: How, talk: &Talk) -> Result<Exit, Trouble> {
    let options = LoginOptions {
        open_browser: how.open_browser,
        limit: Duration::from_secs(how.timeout),
        prompt: how.switch.then(|| String::from("select_account")),
        login_hint: None,
        max_age: None,
    };
    let teller = *talk;
    let keeping = gatepass.login(options, move |event| tell(&teller, &event)).wait()??;
    if keeping == Keeping::Plain {
        talk.say("warning: there is no keyring here, so the session is kept in a plain file that only you can read");
    }
    let status = gatepass.status()?.ok_or(Error::Bug)?;
    talk.say(&format!("signed in to {} as {}", status.view.issuer, status::account(&status.view)));
    if talk.is_json() {
        status::print(gatepass, &status, talk);
    }
    Ok(Exit::Done)
}

fn tell(talk: &Talk, event: &Event<'_>) {
    match event {
        Event::Waiting { url, opened, limit } => {
            if *opened {
                talk.say("your browser should open now; if it does not, open this address in it:");
            } else {
                talk.say("open this address in a browser on this machine:");
            }
            talk.say(&format!("\n  {}\n", url.expose()));
            talk.say(&format!("waiting for you, {} seconds at most; Ctrl-C gives up", limit.as_secs()));
        }
        Event::Stranger(_) => {
            talk.say("note: something called that belongs to another login; still waiting for yours")
        }
    }
}
