//! Lays out what pages load.
//!
//! ```text
//! target/www/assets/<digest>/   wasm and facade: one digest over both, so that versions never mix
//! target/www/dashboard/         pages, which name that digest
//! target/www/web/               the npm package
//! ```

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::json;
use sha2::{Digest, Sha256};

use crate::failure::Failure;
use crate::manifest::Manifest;
use crate::talk;
use crate::workspace::Workspace;

/// What pages say in the source tree, where no digest exists.
const PLACEHOLDER: &str = "/assets/dev/";
const LICENCES: [&str; 2] = ["LICENSE-APACHE", "LICENSE-MIT"];

/// The staged folder.
#[derive(Debug)]
pub(crate) struct Stage {
    pub(crate) folder: PathBuf,
    pub(crate) digest: String,
}

/// Writes everything beside the old folder and then takes its place.
pub(crate) fn write(
    workspace: &Workspace,
    manifest: &Manifest,
    built: &Path,
    scratch: &Path,
) -> Result<Stage, Failure> {
    let modules = files(built)?;
    let package = package(workspace, manifest, &modules)?;
    let digest = digest(&modules);

    let new = scratch.join("www");
    put(&new.join("assets").join(&digest), &modules)?;
    put(&new.join(&manifest.package.folder), &package)?;
    for (name, folder) in &manifest.pages {
        put(&new.join(name), &pages(&workspace.root().join(folder), &digest)?)?;
    }
    let folder = workspace.target().join(&manifest.output);
    replace(&new, &folder, &scratch.join("old"))?;
    Ok(Stage { folder, digest })
}

/// The files of one folder; tests and whatever else is not shipped stay out by their names.
fn files(folder: &Path) -> Result<BTreeMap<String, Vec<u8>>, Failure> {
    if !folder.is_dir() {
        talk::note(&format!("note: {} does not exist yet and is skipped", folder.display()));
        return Ok(BTreeMap::new());
    }
    let unreadable = |error| Failure::io(folder.display(), &error);
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if path.is_file() && !name.starts_with('.') && !name.contains(".test.") {
            files.insert(name.to_owned(), fs::read(&path).map_err(unreadable)?);
        }
    }
    Ok(files)
}

/// The first half of SHA-256 over names and bytes, each with its length in front, so that nothing can move between them.
fn digest(files: &BTreeMap<String, Vec<u8>>) -> String {
    let mut hash = Sha256::new();
    for part in files.iter().flat_map(|(name, bytes)| [name.as_bytes(), bytes]) {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

/// Pages with the modules' address in them: relative, because an issuer may have a path.
fn pages(folder: &Path, digest: &str) -> Result<BTreeMap<String, Vec<u8>>, Failure> {
    let address = format!("../assets/{digest}/");
    let mut pages = files(folder)?;
    for bytes in pages.values_mut() {
        // What is not text (an icon) has no addresses in it.
        if let Ok(text) = str::from_utf8(bytes) {
            *bytes = text.replace(PLACEHOLDER, &address).into_bytes();
        }
    }
    Ok(pages)
}

/// The npm package: modules, licences, `package.json`.
fn package(
    workspace: &Workspace,
    manifest: &Manifest,
    modules: &BTreeMap<String, Vec<u8>>,
) -> Result<BTreeMap<String, Vec<u8>>, Failure> {
    let mut files = modules.clone();
    for licence in LICENCES {
        files.insert(licence.to_owned(), workspace.read(licence)?.into_bytes());
    }
    let entry = &manifest.package.entry;
    let description = json!({
        "name": manifest.package.name,
        "version": workspace.version(),
        "description": manifest.package.description,
        "license": "MIT OR Apache-2.0",
        "type": "module",
        "sideEffects": false,
        "exports": { ".": format!("./{entry}"), "./gatepass_web_bg.wasm": "./gatepass_web_bg.wasm" },
        "files": files.keys().collect::<Vec<_>>(),
    });
    files.insert("package.json".to_owned(), format!("{description:#}\n").into_bytes());
    Ok(files)
}

fn put(folder: &Path, files: &BTreeMap<String, Vec<u8>>) -> Result<(), Failure> {
    fs::create_dir_all(folder).map_err(|error| Failure::io(folder.display(), &error))?;
    files.iter().try_for_each(|(name, bytes)| {
        fs::write(folder.join(name), bytes).map_err(|error| Failure::io(folder.join(name).display(), &error))
    })
}

/// Two renames; what was there before goes away with the scratch folder, and nothing stale stays behind.
fn replace(new: &Path, folder: &Path, old: &Path) -> Result<(), Failure> {
    let moved = if folder.exists() { fs::rename(folder, old) } else { Ok(()) };
    moved.and_then(|()| fs::rename(new, folder)).map_err(|error| Failure::io(folder.display(), &error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scratch::Folder;

    fn of(pairs: &[(&str, &str)]) -> BTreeMap<String, Vec<u8>> {
        pairs.iter().map(|(name, text)| ((*name).to_owned(), text.as_bytes().to_vec())).collect()
    }

    #[test]
    fn digest_depends_on_every_name_and_byte() {
        let one = digest(&of(&[("a.js", "1"), ("b.js", "2")]));
        assert_eq!(one.len(), 16);
        assert_eq!(one, digest(&of(&[("b.js", "2"), ("a.js", "1")])));
        for other in [
            &[("a.js", "1"), ("b.js", "3")][..],
            &[("a.js", "12"), ("b.js", "")],
            &[("a.js", "1"), ("c.js", "2")],
        ] {
            assert_ne!(one, digest(&of(other)));
        }
    }

    #[test]
    fn pages_name_the_digest_relatively() {
        let folder = Folder::within(&std::env::temp_dir(), "stage").unwrap();
        put(folder.path(), &of(&[("a.js", "import \"/assets/dev/x.js\";"), ("a.test.js", "")])).unwrap();
        let pages = pages(folder.path(), "00ff").unwrap();
        assert_eq!(pages, of(&[("a.js", "import \"../assets/00ff/x.js\";")]));
    }

    #[test]
    fn replaces_the_whole_folder() {
        let folder = Folder::within(&std::env::temp_dir(), "stage").unwrap();
        let (new, old, kept) =
            (folder.path().join("new"), folder.path().join("old"), folder.path().join("www"));
        put(&kept, &of(&[("stale.js", "")])).unwrap();
        put(&new, &of(&[("fresh.js", "")])).unwrap();
        replace(&new, &kept, &old).unwrap();
        assert!(kept.join("fresh.js").exists() && !kept.join("stale.js").exists());
    }
}
