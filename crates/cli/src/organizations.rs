//! The person's organizations: where they are listed, and which one is chosen on this machine.

use gatepass::{Ask, Gatepass, Organization};
use serde::Deserialize;

use crate::context::Context;
use crate::words::Trouble;

/// An organization as it is listed.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
pub(crate) struct Listed {
    pub(crate) id: String,
    pub(crate) name: String,
    /// Whether the server would choose it.
    #[serde(default)]
    pub(crate) default: bool,
}

#[derive(Deserialize)]
struct List {
    organizations: Vec<Listed>,
}

/// Whether there is a place to ask.
pub(crate) fn are_configured(context: &Context) -> bool {
    template(context).is_some()
}

/// Our own authority lists them; elsewhere the manifest says where.
fn template(context: &Context) -> Option<&str> {
    context.app.organizations.url.as_deref().or_else(|| context.app.is_own().then_some("{issuer}/orgs"))
}

/// Asks where the manifest says.
pub(crate) fn list(context: &Context, gatepass: &Gatepass) -> Result<Vec<Listed>, Trouble> {
    let none = || {
        Trouble::Usage(String::from(
            "no organizations are configured: `organizations.url` in a manifest says where they are listed",
        ))
    };
    let template = template(context).ok_or_else(none)?;
    let value = |setting: &Option<crate::context::Setting>| {
        setting.as_ref().map(|setting| setting.value.trim_end_matches('/').to_owned()).unwrap_or_default()
    };
    let url = template.replace("{issuer}", &value(&context.issuer)).replace("{api}", &value(&context.api));
    let response = gatepass.request(Ask::get(&url)?).wait()??;
    if response.status != 200 {
        return Err(Trouble::Server(format!(
            "the list of organizations is refused with status {}",
            response.status
        )));
    }
    let list: List = serde_json::from_slice(response.body.expose())
        .map_err(|_| Trouble::Server(String::from("the list of organizations cannot be read")))?;
    Ok(list.organizations)
}

/// The one that was chosen.
pub(crate) fn chosen(gatepass: &Gatepass) -> Result<Option<Organization>, Trouble> {
    Ok(gatepass.accounts().organization()?)
}

/// Chooses one, or none.
pub(crate) fn choose(gatepass: &Gatepass, which: Option<&Listed>) -> Result<(), Trouble> {
    let organization = which.map(|listed| Organization { id: listed.id.clone(), name: listed.name.clone() });
    Ok(gatepass.accounts().set_organization(organization)?)
}

/// After a sign-in: the only one is taken, else the server's default, else the person is asked. Nobody is kept from
/// being signed in by this.
pub(crate) fn choose_at_sign_in(context: &Context, gatepass: &Gatepass) -> Result<(), Trouble> {
    let listed = match list(context, gatepass) {
        Ok(listed) => listed,
        Err(trouble) => {
            context.talk.say(&format!("note: no organization was chosen: {}", trouble.message()));
            return Ok(());
        }
    };
    let found = match listed.as_slice() {
        [] => return Ok(()),
        [only] => Some(only),
        several => several.iter().find(|listed| listed.default).or_else(|| pick(context, several)),
    };
    let Some(found) = found else {
        context.talk.say(&format!("note: choose an organization with `{}`", context.command("org switch")));
        return Ok(());
    };
    choose(gatepass, Some(found))?;
    let values = context.values().with("organization", &found.name).with("organization_id", &found.id);
    context.talk.lines(&values, &context.app.messages.login_organization);
    Ok(())
}

/// Lets the person choose from a list, where somebody is there.
pub(crate) fn pick<'a>(context: &Context, listed: &'a [Listed]) -> Option<&'a Listed> {
    if !context.environment.person || context.talk.is_json() {
        return None;
    }
    for (number, listed) in listed.iter().enumerate() {
        context.talk.say(&format!("  {}. {}", number + 1, crate::messages::printable(&listed.name)));
    }
    let answer = context.talk.ask("Which organization?")?;
    find(listed, &answer).or_else(|| {
        let number: usize = answer.parse().ok()?;
        listed.get(number.checked_sub(1)?)
    })
}

/// Finds one by its id or its name.
pub(crate) fn find<'a>(listed: &'a [Listed], words: &str) -> Option<&'a Listed> {
    listed.iter().find(|listed| listed.id == words || listed.name == words).or_else(|| {
        let mut alike = listed.iter().filter(|listed| listed.name.eq_ignore_ascii_case(words));
        // Two that differ in case alone are told apart by it, or by their id.
        alike.next().filter(|_| alike.next().is_none())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn found_by_id_and_by_name() {
        let listed = [("1", "Acme"), ("2", "acme"), ("3", "Other")].map(|(id, name)| Listed {
            id: id.to_owned(),
            name: name.to_owned(),
            default: false,
        });
        let found = |words| find(&listed, words).map(|listed| listed.id.as_str());
        assert_eq!([found("2"), found("acme"), found("Acme")], [Some("2"), Some("2"), Some("1")]);
        assert_eq!([found("ACME"), found("other"), found("x")], [None, Some("3"), None]);
    }
}
