//! `org`: shows, lists, switches and clears the organization.

use gatepass::{Error, Gatepass};
use serde::Serialize;

use crate::args::Org;
use crate::commands::status;
use crate::context::Context;
use crate::exit::Exit;
use crate::messages::printable;
use crate::organizations::{self, Listed};
use crate::words::Trouble;

#[derive(Serialize)]
struct Shown<'a> {
    schema: &'static str,
    organization: Option<One<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    organizations: Option<Vec<One<'a>>>,
}

#[derive(Serialize)]
struct One<'a> {
    id: &'a str,
    name: &'a str,
}

const SCHEMA: &str = "gatepass/org/1";

pub(crate) fn run(context: &Context, command: Option<Org>) -> Result<Exit, Trouble> {
    status::say_given(context);
    let gatepass = context.gatepass()?;
    gatepass.status()?.ok_or(Error::NotSignedIn)?;
    match command {
        None => {
            let chosen = organizations::chosen(&gatepass)?;
            let plain = match &chosen {
                Some(chosen) => format!("{} ({})", printable(&chosen.name), printable(&chosen.id)),
                None => format!("no organization is chosen; `{}` chooses one", context.command("org switch")),
            };
            let organization = chosen.as_ref().map(|chosen| One { id: &chosen.id, name: &chosen.name });
            context.talk.data(&Shown { schema: SCHEMA, organization, organizations: None }, &plain);
        }
        Some(Org::List) => {
            let listed = list(context, &gatepass)?;
            let chosen = organizations::chosen(&gatepass)?;
            let mark = |listed: &Listed| {
                let is_it = chosen.as_ref().is_some_and(|chosen| chosen.id == listed.id);
                format!(
                    "{} {} ({})",
                    if is_it { "*" } else { " " },
                    printable(&listed.name),
                    printable(&listed.id)
                )
            };
            let lines: Vec<String> = listed.iter().map(mark).collect();
            let plain = if lines.is_empty() {
                String::from("you belong to no organization")
            } else {
                lines.join("\n")
            };
            let organization = chosen.as_ref().map(|chosen| One { id: &chosen.id, name: &chosen.name });
            let organizations =
                Some(listed.iter().map(|listed| One { id: &listed.id, name: &listed.name }).collect());
            context.talk.data(&Shown { schema: SCHEMA, organization, organizations }, &plain);
        }
        Some(Org::Switch { organization }) => {
            let listed = list(context, &gatepass)?;
            let found = match &organization {
                Some(words) => organizations::find(&listed, words).ok_or_else(|| {
                    Trouble::Usage(format!(
                        "you belong to no organization called `{}`; `{}` lists yours",
                        printable(words),
                        context.command("org list")
                    ))
                })?,
                None => organizations::pick(context, &listed).ok_or_else(|| {
                    Trouble::Usage(format!(
                        "no organization was chosen: name one, as in `{}`",
                        context.command("org switch NAME")
                    ))
                })?,
            };
            organizations::choose(&gatepass, Some(found))?;
            let plain = format!("organization set: {}", printable(&found.name));
            let organization = Some(One { id: &found.id, name: &found.name });
            context.talk.data(&Shown { schema: SCHEMA, organization, organizations: None }, &plain);
        }
        Some(Org::Clear) => {
            organizations::choose(&gatepass, None)?;
            context.talk.data(
                &Shown { schema: SCHEMA, organization: None, organizations: None },
                "organization selection cleared",
            );
        }
    }
    Ok(Exit::Done)
}

fn list(context: &Context, gatepass: &Gatepass) -> Result<Vec<Listed>, Trouble> {
    organizations::list(context, gatepass).map_err(|trouble| match (&trouble, context.stray_api()) {
        (Trouble::Core(Error::OtherOrigin), Some(api)) => Trouble::Usage(format!(
            "{} names another service, which this session's authority does not vouch for: name its authority too",
            api.source.words()
        )),
        _ => trouble,
    })
}
