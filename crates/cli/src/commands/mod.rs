//! One command a file.

mod login;
mod logout;
mod status;
mod token;

use gatepass::Gatepass;

use crate::args::{Args, Command};
use crate::config::Configured;
use crate::exit::Exit;
use crate::output::Talk;
use crate::words::Trouble;

/// Runs the command that was asked for.
pub(crate) fn run(args: &Args, configured: Configured, talk: &Talk) -> Result<Exit, Trouble> {
    let Configured { program, browser, settings } = configured;
    let gatepass = Gatepass::new(settings);
    let result = match &args.command {
        Command::Login { no_browser, timeout, switch } => {
            let how = login::How { open_browser: browser && !no_browser, timeout: *timeout, switch: *switch };
            login::run(&gatepass, how, talk)
        }
        Command::Status => status::run(&gatepass, talk),
        Command::Token { min_ttl, refresh, audience, resource, scope } => {
            let wanted =
                token::wanted(*min_ttl, *refresh, audience.as_deref(), resource.as_deref(), scope.as_deref());
            token::run(&gatepass, wanted?, talk)
        }
        Command::Logout { forget } => logout::run(&gatepass, *forget, talk),
    };
    result.or_else(|trouble| {
        talk.trouble_of(&program, &trouble);
        Ok(trouble.exit())
    })
}
