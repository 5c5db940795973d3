//! `[[organization]]`: who belongs together.

use serde::Deserialize;

use crate::grant::address;
use crate::grant::organization::{self, Organization};

/// An organization as configured. What stands here is what holds: at each start, memberships follow it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OrganizationConfig {
    /// A UUID in lower case; made up at the first start if absent, and found again by the name.
    #[serde(default)]
    pub id: Option<String>,
    /// Its name, as people see it.
    pub name: String,
    /// Whoever proves an address of one of these domains is a member. Exactly these: no domain below them.
    #[serde(default)]
    pub domains: Vec<String>,
    /// Addresses of owners.
    #[serde(default)]
    pub owners: Vec<String>,
    /// Addresses of further members.
    #[serde(default)]
    pub members: Vec<String>,
}

/// All organizations, checked, or what is wrong with one.
pub(super) fn check(configs: &[OrganizationConfig]) -> Result<Vec<Organization>, String> {
    let mut known: Vec<Organization> = Vec::new();
    for config in configs {
        let organization = config.check()?;
        let same = |other: &Organization| {
            other.name == organization.name || (other.id.is_some() && other.id == organization.id)
        };
        if known.iter().any(same) {
            return Err(format!("organization `{}`: its name or its id is there twice", config.name));
        }
        known.push(organization);
    }
    Ok(known)
}

impl OrganizationConfig {
    fn check(&self) -> Result<Organization, String> {
        if self.name.trim().is_empty() || self.name.chars().any(char::is_control) {
            return Err("an organization needs a `name` that people can read".into());
        }
        if self.id.as_deref().is_some_and(|id| !organization::is_id(id)) {
            return Err(format!("organization `{}`: its `id` is no uuid in lower case", self.name));
        }
        let addresses = |list: &[String]| each(list, address::normal, &self.name);
        Ok(Organization {
            id: self.id.clone(),
            name: self.name.clone(),
            domains: each(&self.domains, address::normal_domain, &self.name)?,
            owners: addresses(&self.owners)?,
            members: addresses(&self.members)?,
        })
    }
}

/// Every text in its kept form, or the one that has none.
pub(super) fn each(
    list: &[String],
    normal: fn(&str) -> Option<String>,
    name: &str,
) -> Result<Vec<String>, String> {
    let one =
        |text: &String| normal(text).ok_or_else(|| format!("`{name}`: this is no address or domain: {text}"));
    list.iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::super::ConfigFile;
    use super::*;

    fn organizations(file: &str) -> Result<Vec<Organization>, String> {
        check(&ConfigFile::parse(file)?.organization)
    }

    #[test]
    fn files_give_organizations() {
        let known = organizations(
            "[[organization]]\nid = '550e8400-e29b-41d4-a716-446655440000'\nname = 'Acme'\n\
             domains = ['Acme.Example']\nowners = ['Ada@acme.example']\n[[organization]]\nname = 'Guests'",
        )
        .unwrap();
        assert_eq!(
            (known.len(), &*known[0].domains[0], &*known[0].owners[0]),
            (2, "acme.example", "ada@acme.example")
        );
    }

    #[test]
    fn mistakes_are_named() {
        for (lines, words) in [
            ("name = ' '", "a `name`"),
            ("name = 'A'\nid = '550E8400-E29B-41D4-A716-446655440000'", "no uuid"),
            ("name = 'A'\ndomains = ['*.a.example']", "*.a.example"),
            ("name = 'A'\nmembers = ['a.example']", "a.example"),
            ("name = 'A'\n[[organization]]\nname = 'A'", "twice"),
        ] {
            let wrong = organizations(&format!("[[organization]]\n{lines}")).unwrap_err();
            assert!(wrong.contains(words), "{lines}: {wrong}");
        }
    }
}
