//! `credential`: a token for another program, in that program's own protocol.
//!
//! Each host of the manifest's `[credentials]` gets a token of its own audience. Any other host gets nothing, and is
//! told so in the way in which its program goes on asking elsewhere. stdout is the protocol and nothing else.

mod aws;
mod called;
mod cargo;
mod docker;
mod git;
mod install;
mod kubectl;
mod npm;
mod pip;
mod stdio;
mod token;

use crate::args::Helper;
pub(crate) use crate::commands::credential::called::unlinked;
use crate::context::Context;
use crate::exit::Exit;
use crate::host::Host;
use crate::manifest::Credential;
use crate::words::Trouble;

pub(crate) fn run(context: &Context, helper: &Helper) -> Result<Exit, Trouble> {
    if context.talk.is_json() {
        return Err(Trouble::Usage(String::from(
            "`credential` speaks the protocol of its caller, without --json",
        )));
    }
    match helper {
        Helper::Git { action } => git::run(context, action),
        Helper::Docker { action } => docker::run(context, action),
        Helper::Kubectl { cluster } => kubectl::run(context, cluster.as_deref()),
        Helper::Aws { name } => aws::run(context, name.as_deref()),
        Helper::Cargo => cargo::run(context),
        Helper::Npm { registry, command } => npm::run(context, registry.as_deref(), command),
        Helper::Pip { mode, action, service, username } => {
            pip::run(context, *mode, *action, service, username.as_deref())
        }
        Helper::Install { receiver, host, yes } => install::run(context, *receiver, host.as_deref(), *yes),
    }
}

/// What the manifest says of a host.
fn entry<'a>(context: &'a Context, host: &Host) -> Option<&'a Credential> {
    let mut entries = context.app.credentials.iter();
    entries.find(|(name, _)| Host::new(name).as_ref() == Some(host)).map(|(_, entry)| entry)
}

/// The entry that is named on the command line, or the only one that could be meant.
fn chosen<'a>(
    context: &'a Context,
    name: Option<&str>,
    fits: impl Fn(&Credential) -> bool,
) -> Result<(&'a str, &'a Credential), Trouble> {
    let mut entries = context.app.credentials.iter().filter(|(host, entry)| match name {
        Some(name) => Host::new(host) == Host::new(name),
        None => fits(entry),
    });
    match (entries.next(), entries.next(), name) {
        (Some((host, entry)), None, _) => Ok((host, entry)),
        (_, _, Some(name)) => Err(not_mapped(name)),
        (None, ..) => {
            Err(Trouble::Usage(String::from("the manifest's [credentials] have no entry for this")))
        }
        (Some(_), ..) => Err(Trouble::Usage(String::from(
            "the manifest's [credentials] have more than one entry: name it",
        ))),
    }
}

fn not_mapped(host: &str) -> Trouble {
    Trouble::Usage(format!("`{}` is not among the manifest's [credentials]", host.escape_debug()))
}

/// What went wrong in one line, for protocols that carry it themselves.
fn reason(context: &Context, trouble: &Trouble) -> String {
    match context.hint(trouble) {
        Some(hint) => format!("{}: {hint}", trouble.message()),
        None => trouble.message(),
    }
}
