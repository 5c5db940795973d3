//! The names by which other programs call their helpers: `docker-credential-acme get` is `acme credential docker get`.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::Path;

use crate::manifest::OWN;

/// What a link's name begins with, and the helper that it means.
const PREFIXES: [(&str, &str); 3] =
    [("docker-credential-", "docker"), ("git-credential-", "git"), ("cargo-credential-", "cargo")];

/// The words that a person would type instead, and the program's name; `None` where nothing else was meant.
pub(crate) fn unlinked(words: &[OsString], path: Option<&OsStr>) -> Option<(String, Vec<OsString>)> {
    let called = Path::new(words.first()?);
    let name = called.file_stem()?.to_str()?;
    let rest = words.get(1..).unwrap_or_default();
    let prefixed = PREFIXES
        .iter()
        .find_map(|(prefix, helper)| Some((name.strip_prefix(prefix)?, *helper)))
        .filter(|(program, _)| !program.is_empty());
    let (program, helper) = match prefixed {
        Some((program, helper)) => (program.to_owned(), helper),
        // pip looks for a program of this very name; whose it is, the link says.
        None if name == "keyring" => (target(called, path).unwrap_or_else(|| OWN.to_owned()), "pip"),
        // Cargo starts a provider by its path and this one word, whatever else its configuration says.
        None if rest.first().is_some_and(|word| word == CARGO) => (name.to_owned(), "cargo"),
        None => return None,
    };
    let rest = rest.iter().filter(|word| *word != CARGO).cloned();
    let words = [OsString::from(&program), "credential".into(), helper.into()].into_iter().chain(rest);
    Some((program.clone(), words.collect()))
}

/// The name of the program that a link leads to. Who calls it by its name alone has found it on the path.
fn target(called: &Path, path: Option<&OsStr>) -> Option<String> {
    let bare = called.components().count() == 1;
    let folders = std::env::split_paths(path.filter(|_| bare).unwrap_or_default());
    let link = folders.map(|folder| folder.join(called)).find(|place| place.is_file());
    let link = if bare { link? } else { called.to_owned() };
    fs::read_link(link).ok()?.file_stem().and_then(OsStr::to_str).map(str::to_owned)
}

const CARGO: &str = "--cargo-plugin";

#[cfg(test)]
mod tests {
    use super::*;

    fn line(words: &str) -> Option<String> {
        let words: Vec<OsString> = words.split(' ').map(OsString::from).collect();
        let (program, words) = unlinked(&words, None)?;
        assert_eq!(words.first().and_then(|word| word.to_str()), Some(program.as_str()));
        Some(words.join(OsStr::new(" ")).into_string().unwrap())
    }

    #[test]
    fn a_links_name_is_a_command() {
        for (called, meant) in [
            ("/usr/bin/docker-credential-acme get", "acme credential docker get"),
            ("git-credential-acme store", "acme credential git store"),
            ("cargo-credential-acme --cargo-plugin", "acme credential cargo"),
            ("/opt/acme --cargo-plugin", "acme credential cargo"),
            ("keyring get https://a.example u", "gatepass credential pip get https://a.example u"),
        ] {
            assert_eq!(line(called).as_deref(), Some(meant), "{called}");
        }
        for called in ["gatepass login", "acme", "docker-credential- get", "gatepass login --cargo-plugin"] {
            assert_eq!(line(called), None, "{called}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_keyring_is_whose_it_leads_to() {
        let folder = tempfile::tempdir().unwrap();
        let (program, link) = (folder.path().join("acme"), folder.path().join("keyring"));
        fs::write(&program, "").unwrap();
        std::os::unix::fs::symlink(&program, &link).unwrap();
        let path = format!("/nowhere:{}", folder.path().display());
        for called in [link.into_os_string(), OsString::from("keyring")] {
            let (program, _) = unlinked(&[called, "get".into()], Some(OsStr::new(&path))).unwrap();
            assert_eq!(program, "acme");
        }
    }
}
