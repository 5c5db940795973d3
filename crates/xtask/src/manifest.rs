//! `wasm-pack.toml`: what is built for the web, and how much it may weigh.

use std::collections::BTreeMap;

use toml::Table;

use crate::failure::Failure;
use crate::workspace::Workspace;

const FILE: &str = "wasm-pack.toml";

/// The file, read strictly: a misspelt budget would be no budget.
#[derive(Debug)]
pub(crate) struct Manifest {
    /// The folder of the crate.
    pub(crate) source: String,
    /// The profile of the root `Cargo.toml`.
    pub(crate) profile: String,
    /// The features of the crate, joined as cargo takes them.
    pub(crate) features: String,
    /// The most that everything together may weigh, in bytes.
    pub(crate) budget_gzip: usize,
    /// The staged folder, inside cargo's target folder.
    pub(crate) output: String,
    /// The package whose modules pages load.
    pub(crate) assets: String,
    /// Pages: staged name and source folder.
    pub(crate) pages: BTreeMap<String, String>,
    /// The npm packages by their staged folders.
    pub(crate) packages: BTreeMap<String, Package>,
}

/// An npm package: what its `package.json` says, and what of the source tree is in it.
#[derive(Debug)]
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) description: String,
    /// Its modules; the first is what it is imported by.
    pub(crate) entries: Vec<String>,
    /// Its types, the first those of the package.
    pub(crate) types: Vec<String>,
    /// What shows its use.
    pub(crate) example: Option<Example>,
}

/// A folder that works by itself, once the modules lie in it.
#[derive(Debug)]
pub(crate) struct Example {
    pub(crate) folder: String,
    /// Files from elsewhere that lie in it too.
    pub(crate) with: Vec<String>,
    /// For each of these it is staged once: its `manifest.<variant>.json` is the manifest there.
    pub(crate) variants: Vec<String>,
}

impl Example {
    fn read(mut fields: Fields) -> Result<Self, Failure> {
        let example = Self {
            folder: fields.text("folder")?,
            with: fields.texts("with")?,
            variants: fields.texts("variants")?,
        };
        fields.finish()?;
        Ok(example)
    }
}

impl Package {
    fn read(mut fields: Fields) -> Result<Self, Failure> {
        let package = Self {
            name: fields.text("name")?,
            description: fields.text("description")?,
            entries: fields.texts("entries")?,
            types: fields.texts("types")?,
            example: if fields.table.contains_key("example") {
                Some(Example::read(fields.table("example")?)?)
            } else {
                None
            },
        };
        fields.finish()?;
        Ok(package)
    }
}

impl Manifest {
    pub(crate) fn read(workspace: &Workspace) -> Result<Self, Failure> {
        Self::parse(&workspace.read(FILE)?)
    }

    /// Those packages of which there is something.
    pub(crate) fn packages_of(&self, workspace: &Workspace) -> impl Iterator<Item = (&String, &Package)> {
        let there =
            |package: &Package| package.entries.iter().all(|path| workspace.root().join(path).is_file());
        self.packages.iter().filter(move |(_, package)| there(package))
    }

    fn parse(text: &str) -> Result<Self, Failure> {
        let table: Table = text.parse().map_err(|error| Failure::new(format!("`{FILE}`: {error}")))?;
        let mut root = Fields::new("", table);
        let mut stage = root.table("stage")?;
        let mut packages = root.table("packages")?;
        let mut pages = stage.table("pages")?;
        let names: Vec<String> = pages.table.keys().cloned().collect();
        let pages = names.into_iter().map(|name| pages.text(&name).map(|folder| (name, folder)));
        let names: Vec<String> = packages.table.keys().cloned().collect();
        let packages =
            names.into_iter().map(|name| Ok((name.clone(), Package::read(packages.table(&name)?)?)));
        let manifest = Self {
            source: root.text("crate")?,
            profile: root.text("profile")?,
            features: root.texts("features")?.join(","),
            budget_gzip: root.size("budget_gzip")?,
            output: stage.text("output")?,
            assets: stage.text("assets")?,
            pages: pages.collect::<Result<_, _>>()?,
            packages: packages.collect::<Result<_, Failure>>()?,
        };
        [root, stage].into_iter().try_for_each(Fields::finish)?;
        if !manifest.packages.contains_key(&manifest.assets) {
            return Err(Failure::new(format!("`{FILE}`: there is no package `{}`", manifest.assets)));
        }
        Ok(manifest)
    }
}

/// A table whose fields are taken out; what is left over at the end is a mistake.
struct Fields {
    name: String,
    table: Table,
}

impl Fields {
    fn new(name: &str, table: Table) -> Self {
        Self { name: name.to_owned(), table }
    }

    fn wrong(&self, field: &str, what: &str) -> Failure {
        Failure::new(format!("`{FILE}`: `{field}` in `[{}]` {what}", self.name))
    }

    fn text(&mut self, field: &str) -> Result<String, Failure> {
        match self.table.remove(field) {
            Some(toml::Value::String(text)) => Ok(text),
            _ => Err(self.wrong(field, "must be a text")),
        }
    }

    fn texts(&mut self, field: &str) -> Result<Vec<String>, Failure> {
        let values = self.table.remove(field).and_then(|value| value.as_array().cloned());
        let texts =
            values.map(|values| values.iter().map(|value| value.as_str().map(str::to_owned)).collect());
        texts.flatten().ok_or_else(|| self.wrong(field, "must be a list of texts"))
    }

    fn size(&mut self, field: &str) -> Result<usize, Failure> {
        let number = self.table.remove(field).and_then(|value| value.as_integer());
        number
            .and_then(|number| usize::try_from(number).ok())
            .ok_or_else(|| self.wrong(field, "must be a size in bytes"))
    }

    fn table(&mut self, field: &str) -> Result<Self, Failure> {
        match self.table.remove(field) {
            Some(toml::Value::Table(table)) => Ok(Self::new(field, table)),
            _ => Err(self.wrong(field, "must be a table")),
        }
    }

    fn finish(self) -> Result<(), Failure> {
        self.table.keys().next().map_or(Ok(()), |field| Err(self.wrong(field, "is not known")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REAL: &str = include_str!("../../../wasm-pack.toml");

    #[test]
    fn reads_its_file() {
        let manifest = Manifest::parse(REAL).unwrap();
        assert_eq!(manifest.source, "crates/web");
        assert_eq!(manifest.budget_gzip, 40 * 1024);
        assert!(manifest.pages.contains_key("dashboard"));
        assert_eq!(manifest.packages[&manifest.assets].entries, ["www/shared/gatepass.js"]);
        assert!(REAL.lines().next().unwrap().contains("wasm-pack does not read this file"));
    }

    #[test]
    fn refuses_what_it_does_not_know() {
        let failure = Manifest::parse(&REAL.replace("budget_gzip", "budget")).unwrap_err();
        assert!(failure.message().contains("budget_gzip"), "{failure}");
        for (instead, expected) in [
            (format!("surprise = 1\n{REAL}"), "surprise"),
            (format!("{REAL}\nsurprise = 1"), "surprise"),
            (REAL.replace("assets = \"web\"", "assets = \"wab\""), "wab"),
        ] {
            let failure = Manifest::parse(&instead).unwrap_err();
            assert!(failure.message().contains(expected), "{failure}");
        }
    }
}
