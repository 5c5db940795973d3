//! The rules of `deny.toml` over everything that cargo may compile, build tools and tests included.
//!
//! cargo-deny reads the same file; where it is not installed, this is what holds the rules.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::Value;
use spdx::{Expression, LicenseReq, Licensee, ParseMode};
use toml::Table;

use crate::failure::Failure;
use crate::workspace::{self, Workspace};
use crate::{process, talk};

const FILE: &str = "deny.toml";
const CRATES_IO: &str = "registry+https://github.com/rust-lang/crates.io-index";

/// Holds the whole graph against the rules, or says each breach.
pub(crate) fn check(workspace: &Workspace) -> Result<(), Failure> {
    let rules = Rules::parse(&workspace.read(FILE)?)?;
    let packages = compiled(workspace)?;
    let breaches: Vec<String> = packages.iter().flat_map(|package| rules.breaches(package)).collect();
    if !breaches.is_empty() {
        return Err(Failure::new(format!("against {FILE}:\n  {}", breaches.join("\n  ")))
            .hint("cargo tree --workspace --target all --edges all --invert <crate>"));
    }
    let repeated = repeated(&packages);
    talk::note(&format!("{} crates keep to {FILE}", packages.len()));
    if !repeated.is_empty() {
        talk::note(&format!("warning: in several versions: {}", repeated.join(", ")));
    }
    Ok(())
}

/// A crate, as far as rules ask.
#[derive(Debug)]
struct Package {
    name: String,
    version: String,
    license: Option<String>,
    source: Option<String>,
}

/// What cargo would compile for any target. `cargo metadata` alone also lists optional crates that no feature asks for,
/// so its list is held against `cargo tree`, which knows.
fn compiled(workspace: &Workspace) -> Result<Vec<Package>, Failure> {
    let limit = Duration::from_secs(300);
    let tree = ["tree", "--workspace", "--locked", "--target", "all", "--edges", "normal,build,dev"];
    let tree = process::capture(workspace.cargo(&tree).args(["--prefix", "none", "--format", "{p}"]), limit)?;
    let wanted: BTreeSet<(&str, &str)> = tree
        .lines()
        .filter_map(|line| line.split_once(' '))
        .filter_map(|(name, rest)| Some((name, rest.split(' ').next()?.strip_prefix('v')?)))
        .collect();
    let metadata =
        process::capture(&mut workspace.cargo(&["metadata", "--format-version", "1", "--locked"]), limit)?;
    let metadata = workspace::json(&metadata)?;
    let packages = metadata["packages"].as_array().map_or(&[][..], Vec::as_slice);
    let packages: Vec<Package> = packages
        .iter()
        .filter_map(Package::read)
        .filter(|package| wanted.contains(&(package.name.as_str(), package.version.as_str())))
        .collect();
    if packages.len() < wanted.len() || packages.is_empty() {
        return Err(Failure::new("`cargo tree` and `cargo metadata` name different crates"));
    }
    Ok(packages)
}

impl Package {
    fn read(value: &Value) -> Option<Self> {
        let text = |field: &str| value[field].as_str().map(str::to_owned);
        Some(Self {
            name: text("name")?,
            version: text("version")?,
            license: text("license"),
            source: text("source"),
        })
    }
}

/// `deny.toml`, as far as it is understood here; what is not understood is refused, so that no rule is only ink.
#[derive(Debug)]
struct Rules {
    /// Crate name and reason.
    banned: BTreeMap<String, String>,
    allowed: Vec<Licensee>,
    exceptions: BTreeMap<String, Vec<Licensee>>,
}

impl Rules {
    fn parse(text: &str) -> Result<Self, Failure> {
        let table: Table = text.parse().map_err(|error| Failure::new(format!("`{FILE}`: {error}")))?;
        only(&table, "", &["graph", "bans", "licenses", "sources"])?;
        let (bans, licenses, sources) =
            (section(&table, "bans")?, section(&table, "licenses")?, section(&table, "sources")?);
        only(bans, "bans", &["deny", "multiple-versions", "wildcards"])?;
        only(licenses, "licenses", &["allow", "exceptions"])?;
        only(sources, "sources", &["unknown-registry", "unknown-git"])?;
        if ["unknown-registry", "unknown-git"]
            .iter()
            .any(|name| sources.get(*name).and_then(toml::Value::as_str) != Some("deny"))
        {
            return Err(Failure::new(format!("`{FILE}`: unknown sources must be denied")));
        }
        let banned = entries(bans, "deny")?
            .into_iter()
            .map(|entry| {
                only(entry, "bans.deny", &["crate", "reason"])?;
                Ok((field(entry, "crate")?, field(entry, "reason")?))
            })
            .collect::<Result<_, Failure>>()?;
        let exceptions = entries(licenses, "exceptions")?
            .into_iter()
            .map(|entry| {
                only(entry, "licenses.exceptions", &["crate", "allow"])?;
                Ok((field(entry, "crate")?, licensees(entry)?))
            })
            .collect::<Result<_, Failure>>()?;
        Ok(Self { banned, allowed: licensees(licenses)?, exceptions })
    }

    fn breaches(&self, package: &Package) -> Vec<String> {
        let named = format!("{} {}", package.name, package.version);
        let mut breaches = Vec::new();
        if let Some(reason) = self.banned.get(&package.name) {
            breaches.push(format!("{named} is banned: {reason}"));
        }
        // A crate of the workspace has no source; everything else comes from one place.
        if let Some(source) = package.source.as_deref().filter(|source| *source != CRATES_IO) {
            breaches.push(format!("{named} comes from {source}"));
        }
        match package.license.as_deref() {
            None => breaches.push(format!("{named} names no licence")),
            Some(license) if !self.permits(&package.name, license) => {
                breaches.push(format!("{named} is licensed as `{license}`"));
            }
            Some(_) => {}
        }
        breaches
    }

    fn permits(&self, name: &str, license: &str) -> bool {
        let exceptions = self.exceptions.get(name).map_or(&[][..], Vec::as_slice);
        let permitted = |wanted: &LicenseReq| {
            self.allowed.iter().chain(exceptions).any(|allowed| allowed.satisfies(wanted))
        };
        // Lax: old manifests write `MIT/Apache-2.0`.
        Expression::parse_mode(license, ParseMode::LAX).is_ok_and(|expression| expression.evaluate(permitted))
    }
}

/// Crates that are compiled in more than one version: slower to build, and sometimes two opinions in one program.
fn repeated(packages: &[Package]) -> Vec<String> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for package in packages {
        *counts.entry(&package.name).or_default() += 1;
    }
    counts
        .into_iter()
        .filter(|(_, count)| *count > 1)
        .map(|(name, count)| format!("{name} ({count})"))
        .collect()
}

fn wrong(what: &str) -> Failure {
    Failure::new(format!("`{FILE}`: {what}"))
}

fn only(table: &Table, name: &str, known: &[&str]) -> Result<(), Failure> {
    match table.keys().find(|key| !known.contains(&key.as_str())) {
        Some(key) => Err(wrong(&format!("`{key}` in `[{name}]` is not understood by `cargo xtask test`"))),
        None => Ok(()),
    }
}

fn section<'a>(table: &'a Table, name: &str) -> Result<&'a Table, Failure> {
    table.get(name).and_then(toml::Value::as_table).ok_or_else(|| wrong(&format!("`[{name}]` is missing")))
}

fn entries<'a>(table: &'a Table, name: &str) -> Result<Vec<&'a Table>, Failure> {
    let list = table.get(name).and_then(toml::Value::as_array).map_or(&[][..], Vec::as_slice);
    list.iter()
        .map(|entry| entry.as_table().ok_or_else(|| wrong(&format!("`{name}` must list tables"))))
        .collect()
}

fn field(table: &Table, name: &str) -> Result<String, Failure> {
    table
        .get(name)
        .and_then(toml::Value::as_str)
        .map(str::to_owned)
        .ok_or_else(|| wrong(&format!("`{name}` is missing")))
}

fn licensees(table: &Table) -> Result<Vec<Licensee>, Failure> {
    let list =
        table.get("allow").and_then(toml::Value::as_array).ok_or_else(|| wrong("`allow` is missing"))?;
    list.iter()
        .map(|value| value.as_str().and_then(|name| Licensee::parse(name).ok()))
        .map(|licensee| licensee.ok_or_else(|| wrong("`allow` must list SPDX licence identifiers")))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const REAL: &str = include_str!("../../../deny.toml");

    fn package(name: &str, license: &str, source: Option<&str>) -> Package {
        Package {
            name: name.to_owned(),
            version: "1.0.0".to_owned(),
            license: Some(license.to_owned()).filter(|license| !license.is_empty()),
            source: source.map(str::to_owned),
        }
    }

    #[test]
    fn breaches_are_found() {
        let rules = Rules::parse(REAL).unwrap();
        let count = |one: Package| rules.breaches(&one).len();
        assert_eq!(count(package("serde", "MIT OR Apache-2.0", Some(CRATES_IO))), 0);
        assert_eq!(count(package("old", "MIT/Apache-2.0", None)), 0);
        assert_eq!(count(package("ring", "Apache-2.0 AND ISC", Some(CRATES_IO))), 1);
        assert_eq!(count(package("a", "GPL-3.0-only", None)), 1);
        assert_eq!(count(package("a", "MIT AND GPL-3.0-only", None)), 1);
        assert_eq!(count(package("a", "MIT OR GPL-3.0-only", None)), 0);
        assert_eq!(count(package("a", "", None)), 1);
        assert_eq!(count(package("a", "MIT", Some("git+https://a.example/a"))), 1);
        assert_eq!(count(package("webpki-root-certs", "CDLA-Permissive-2.0", None)), 0);
        assert_eq!(count(package("other", "CDLA-Permissive-2.0", None)), 1);
    }

    #[test]
    fn rules_that_are_not_understood_are_refused() {
        for (from, to) in [
            ("unknown-git = \"deny\"", "unknown-git = \"allow\""),
            ("unknown-git = \"deny\"", "unknown-git = \"deny\"\nallow-git = [\"a\"]"),
            ("reason = \"one crypto", "wrappers = [\"a\"], reason = \"one crypto"),
            ("\"ISC\"", "\"no such licence\""),
        ] {
            assert!(Rules::parse(&REAL.replacen(from, to, 1)).is_err(), "{to}");
        }
    }
}
