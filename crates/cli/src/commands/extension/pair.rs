//! `extension pair`, `list` and `unpair`: who may speak with this program.

use std::thread;
use std::time::Duration;

use serde::Serialize;

use super::folder;
use super::pairs::{Account, Asking, Paired, Pairs};
use crate::context::Context;
use crate::exit::Exit;
use crate::messages::printable;
use crate::output::{distance, local};
use crate::profiles;
use crate::words::Trouble;

/// How often to look whether somebody asks; the host is another process.
const LOOK: Duration = Duration::from_millis(250);

pub(super) fn pair(context: &Context, timeout: u64) -> Result<Exit, Trouble> {
    if !context.environment.person {
        return Err(Trouble::Usage(String::from(
            "letting an extension in is asked of a person at a terminal",
        )));
    }
    let (gatepass, pairs) = (context.gatepass()?, Pairs::of(&folder(context)));
    let end = gatepass.now().plus(Duration::from_secs(timeout));
    let talk = context.talk;
    talk.say("waiting for an extension to ask: press \"Connect\" in its window");
    let asking = loop {
        if let Some(asking) = pairs.asking(gatepass.now())?.pop() {
            break asking;
        }
        if gatepass.now() >= end {
            return Err(Trouble::Usage(String::from(
                "no extension asked: is it installed, and does it know this program (`extension install`)?",
            )));
        }
        thread::sleep(LOOK);
    };
    let Asking { origin, name, phrase, account, .. } = &asking;
    talk.say(&format!("{} ({}) asks to be let in", printable(name), printable(origin)));
    talk.say(&format!("it shows these words: {}", printable(phrase)));
    let answer = talk.ask(&format!(
        "are they the same? then it may ask for short-lived tokens of {} [y/N]",
        whose(account.as_ref())
    ));
    let allowed = answer.is_some_and(|answer| ["y", "yes"].contains(&answer.to_lowercase().as_str()));
    if !pairs.decide(&asking, allowed, gatepass.now())? {
        return Err(Trouble::Usage(String::from("it does not ask any more: press \"Connect\" once more")));
    }
    talk.say(if allowed { "it is let in" } else { "it is not let in" });
    Ok(if allowed { Exit::Done } else { Exit::Failed })
}

/// An account as people know it.
fn whose(account: Option<&Account>) -> String {
    let Some(Account { profile, issuer, name, .. }) = account else {
        return String::from("no account (pair it again)");
    };
    let profile = (profile != profiles::DEFAULT).then(|| format!(" (profile {profile})"));
    let name = name.as_deref().unwrap_or("nobody");
    printable(&format!("{name} at {issuer}{}", profile.unwrap_or_default()))
}

#[derive(Serialize)]
struct List<'a> {
    schema: &'static str,
    extensions: &'a [Paired],
}

pub(super) fn list(context: &Context) -> Result<Exit, Trouble> {
    let (now, extensions) = (context.gatepass()?.now(), Pairs::of(&folder(context)).list()?);
    let lines: Vec<String> = extensions
        .iter()
        .map(|one| {
            let moment = gatepass::Timestamp::from_seconds(one.paired_at);
            let (name, origin, key) =
                (printable(&one.name), printable(&one.origin), one.thumbprint.get(..12));
            let (key, account) = (key.unwrap_or("?"), whose(one.account.as_ref()));
            format!("{name}  {origin}  {key}  {account}  {} ({})", local(moment), distance(moment, now))
        })
        .collect();
    if lines.is_empty() && !context.talk.is_json() {
        context.talk.say("no extension was let in");
        return Ok(Exit::Done);
    }
    let list = List { schema: "gatepass/extension-list/1", extensions: &extensions };
    context.talk.data(&list, &lines.join("\n"));
    Ok(Exit::Done)
}

pub(super) fn unpair(context: &Context, which: &str) -> Result<Exit, Trouble> {
    // A short beginning fits more than was meant.
    if which.len() < 4 {
        return Err(Trouble::Usage(String::from(
            "say its name, its id, or at least four letters of its key",
        )));
    }
    let gone = Pairs::of(&folder(context)).remove(which)?;
    if gone.is_empty() {
        return Err(Trouble::Usage(String::from(
            "no extension of that name, id or key was let in: `extension list` shows who was",
        )));
    }
    for one in gone {
        context.talk.say(&format!("{} is shut out", printable(&one.name)));
    }
    Ok(Exit::Done)
}
