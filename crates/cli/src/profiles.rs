//! Which account: by a flag, a variable or the folder one works in, never only by a global switch.
//!
//! A global switch would make another terminal act as the wrong person. A rule for a folder holds there and below; the
//! person makes it, and a file in a repository never does.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::args::Options;
use crate::context::Source;
use crate::environment::Environment;
use crate::manifest::App;
use crate::private;
use crate::words::Trouble;

/// The profile of who names none.
pub(crate) const DEFAULT: &str = "default";

/// The file of the rules for folders.
pub(crate) const FILE: &str = "directories.json";

/// A profile and why it is this one.
#[derive(Clone, Debug)]
pub(crate) struct Chosen {
    pub(crate) name: String,
    pub(crate) why: Why,
}

/// Why a profile is in effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Why {
    /// A flag or a variable says so.
    Said(Source),
    /// A rule for this folder says so.
    Folder(PathBuf),
    /// Nothing says otherwise.
    Default,
}

impl Why {
    /// As a person reads it, after the profile's name.
    pub(crate) fn words(&self) -> String {
        match self {
            Self::Said(source) => format!("by {}", source.words()),
            Self::Folder(folder) => format!("by the rule for {}", folder.display()),
            Self::Default => String::from("as nothing says otherwise"),
        }
    }
}

/// Chooses the profile.
pub(crate) fn choose(
    app: &App,
    options: &Options,
    environment: &Environment,
    folder: &Path,
) -> Result<Chosen, Trouble> {
    let variable = app.variables.profile.as_ref();
    let chosen = if let Some(name) = &options.profile {
        Chosen { name: name.clone(), why: Why::Said(Source::Flag("--profile")) }
    } else if let Some((variable, name)) =
        variable.and_then(|variable| Some((variable, environment.text(variable)?)))
    {
        Chosen { name, why: Why::Said(Source::Variable(variable.clone())) }
    } else if let Some((place, name)) = rule(environment, folder)? {
        Chosen { name, why: Why::Folder(place) }
    } else {
        Chosen { name: DEFAULT.to_owned(), why: Why::Default }
    };
    check(&chosen.name).map_err(|trouble| {
        Trouble::Usage(format!("the profile {} cannot be used: {}", chosen.why.words(), trouble.message()))
    })?;
    Ok(chosen)
}

/// Whether a name can be a profile's. It becomes part of a file's name where the manifest says so.
pub(crate) fn check(name: &str) -> Result<(), Trouble> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.@".contains(&b);
    if !name.is_empty() && name.len() <= 64 && !name.starts_with('.') && name.bytes().all(plain) {
        return Ok(());
    }
    Err(Trouble::Usage(String::from(
        "the name of a profile may hold letters, digits, `-`, `_`, `@` and `.` only, and 64 of them at most",
    )))
}

/// The rule for the folder that one is in, or for the nearest one above.
fn rule(environment: &Environment, folder: &Path) -> Result<Option<(PathBuf, String)>, Trouble> {
    let Some(here) = &environment.directory else { return Ok(None) };
    let rules = Rules::read(folder)?;
    let found = here.ancestors().find_map(|place| Some((place, rules.0.get(place)?)));
    Ok(found.map(|(place, name)| (place.to_owned(), name.clone())))
}

/// The rules for folders.
#[derive(Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub(crate) struct Rules(pub(crate) BTreeMap<PathBuf, String>);

impl Rules {
    /// Reads the rules of a program.
    pub(crate) fn read(folder: &Path) -> Result<Self, Trouble> {
        private::read(&path(folder))
    }

    /// Reads them, changes them and writes them.
    pub(crate) fn change<T>(folder: &Path, change: impl FnOnce(&mut Self) -> T) -> Result<T, Trouble> {
        private::change(&path(folder), change)
    }
}

fn path(folder: &Path) -> PathBuf {
    folder.join(FILE)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn flag_then_variable_then_folder_then_default() {
        let folder = tempfile::tempdir().unwrap();
        let app = App::from_toml("[variables]\nprofile = 'ACME_PROFILE'").unwrap();
        let rules = [("/src", "above"), ("/src/acme", "work")]
            .map(|(path, name)| (PathBuf::from(path), name.to_owned()));
        Rules::change(folder.path(), |known| known.0.extend(rules)).unwrap();
        let choose = |flag: Option<&str>, variables: &[(&str, &str)], directory: &str| {
            let options = Options { profile: flag.map(str::to_owned), ..Options::default() };
            let mut environment = Environment::of(variables);
            environment.directory = Some(PathBuf::from(directory));
            choose(&app, &options, &environment, folder.path())
                .map(|chosen| (chosen.name.clone(), chosen.why.words()))
        };
        let set = [("ACME_PROFILE", "home")];
        for (flag, variables, directory, name, why) in [
            (Some("x"), &set[..], "/src/acme", "x", "by --profile"),
            (None, &set[..], "/src/acme", "home", "by ACME_PROFILE"),
            (None, &[], "/src/acme/deep", "work", "by the rule for /src/acme"),
            (None, &[], "/src/other", "above", "by the rule for /src"),
            (None, &[], "/srcs", DEFAULT, "as nothing says otherwise"),
        ] {
            assert_eq!(choose(flag, variables, directory).unwrap(), (name.to_owned(), why.to_owned()));
        }
        assert!(choose(Some("../x"), &[], "/").unwrap_err().message().contains("--profile"));
    }

    #[test]
    fn rules_that_are_made_at_once_are_all_kept() {
        let folder = tempfile::tempdir().unwrap();
        std::thread::scope(|scope| {
            for number in 0..30 {
                let place = folder.path();
                scope.spawn(move || {
                    let rule = (PathBuf::from(format!("/src/{number}")), "work".to_owned());
                    Rules::change(place, |rules| rules.0.extend([rule])).unwrap();
                });
            }
        });
        assert_eq!(Rules::read(folder.path()).unwrap().0.len(), 30);
    }

    #[cfg(unix)]
    #[test]
    fn folder_and_file_are_their_owners_alone() {
        use std::os::unix::fs::PermissionsExt;
        let outer = tempfile::tempdir().unwrap();
        let folder = outer.path().join("gatepass/acme");
        Rules::change(&folder, |_| ()).unwrap();
        for (path, mode) in [(folder.parent().unwrap(), 0o700), (&folder, 0o700), (&path(&folder), 0o600)] {
            assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o777, mode, "{}", path.display());
        }
    }

    #[test]
    fn rules_that_cannot_be_read_are_not_ignored() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(path(folder.path()), "{").unwrap();
        assert!(Rules::read(folder.path()).unwrap_err().message().contains("directories.json"));
    }
}
