//! Lays out what pages load.
//!
//! ```text
//! target/www/assets/<digest>/   wasm and facade: one digest over both, so that versions never mix
//! target/www/dashboard/         pages, which name that digest
//! target/www/web/               the npm packages
//! target/www/extension-firefox/ what shows the use of one, for one browser, with its modules in it
//! ```
//!
//! Beside each file that pages load lies the same in gzip, which servers send to whoever takes it.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Map, json};
use sha2::{Digest, Sha256};

use crate::failure::Failure;
use crate::manifest::{Example, Manifest, Package};
use crate::talk;
use crate::workspace::Workspace;

/// What pages say in the source tree, where no digest exists.
const PLACEHOLDER: &str = "/assets/dev/";
/// Where an example has the modules.
const EXAMPLE: &str = "gatepass";
/// The wasm, which a page may want to serve from elsewhere.
const MODULE: &str = "gatepass_web_bg.wasm";
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
    let modules = files(&built.join(&manifest.assets))?;
    let digest = digest(&modules);

    let new = scratch.join("www");
    put(&new.join("assets").join(&digest), &with_gzip(modules)?)?;
    for (name, folder) in &manifest.pages {
        let pages = pages(&workspace.root().join(folder), &format!("../assets/{digest}/"))?;
        put(&new.join(name), &with_gzip(pages)?)?;
    }
    for (name, package) in manifest.packages_of(workspace) {
        let modules = files(&built.join(name))?;
        if let Some(example) = &package.example {
            for variant in &example.variants {
                let folder = new.join(format!("{name}-{variant}"));
                put(&folder, &variant_of(workspace, example, variant)?)?;
                put(&folder.join(EXAMPLE), &modules)?;
            }
        }
        put(&new.join(name), &files_of(workspace, package, modules)?)?;
    }
    let folder = workspace.target().join(&manifest.output);
    replace(&new, &folder, &scratch.join("old"))?;
    Ok(Stage { folder, digest })
}

/// The files of one folder and those below it; tests and whatever else is not shipped stay out by their names.
fn files(folder: &Path) -> Result<BTreeMap<String, Vec<u8>>, Failure> {
    if !folder.is_dir() {
        talk::note(&format!("note: {} does not exist yet and is skipped", folder.display()));
        return Ok(BTreeMap::new());
    }
    let mut files = BTreeMap::new();
    gather(folder, "", &mut files)?;
    Ok(files)
}

fn gather(folder: &Path, above: &str, files: &mut BTreeMap<String, Vec<u8>>) -> Result<(), Failure> {
    let unreadable = |error| Failure::io(folder.display(), &error);
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if name.starts_with('.') || name.contains(".test.") {
            continue;
        }
        let name = format!("{above}{name}");
        if path.is_dir() {
            gather(&path, &format!("{name}/"), files)?;
        } else {
            files.insert(name, fs::read(&path).map_err(unreadable)?);
        }
    }
    Ok(())
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
fn pages(folder: &Path, address: &str) -> Result<BTreeMap<String, Vec<u8>>, Failure> {
    let mut pages = files(folder)?;
    for (name, bytes) in &mut pages {
        // What is not text (an icon) has no addresses in it.
        if let Ok(text) = str::from_utf8(bytes) {
            let up = "../".repeat(name.matches('/').count());
            let address =
                if up.is_empty() { address.to_owned() } else { up + address.trim_start_matches("./") };
            *bytes = text.replace(PLACEHOLDER, &address).into_bytes();
        }
    }
    Ok(pages)
}

/// An npm package: modules, types, licences, `package.json`.
fn files_of(
    workspace: &Workspace,
    package: &Package,
    mut files: BTreeMap<String, Vec<u8>>,
) -> Result<BTreeMap<String, Vec<u8>>, Failure> {
    for licence in LICENCES {
        files.insert(licence.to_owned(), workspace.read(licence)?.into_bytes());
    }
    let mut exports = Map::new();
    for path in &package.types {
        // They lie in one folder here.
        let text = workspace.read(path)?.replace("\"../shared/", "\"./");
        files.insert(last(path).to_owned(), text.into_bytes());
    }
    for entry in &package.entries {
        let file = last(entry);
        let stem = file.trim_end_matches(".js");
        let name = if package.entries.len() == 1 { ".".to_owned() } else { format!("./{stem}") };
        exports.insert(name, json!(format!("./{file}")));
        // Every resolver finds the types that lie beside a module under its name.
        if let Some(types) = package.types.first() {
            let all = format!("export * from \"./{}.js\";\n", last(types).trim_end_matches(".d.ts"));
            files.entry(format!("{stem}.d.ts")).or_insert_with(|| all.into_bytes());
        }
    }
    exports.insert(format!("./{MODULE}"), json!(format!("./{MODULE}")));
    let description = json!({
        "name": package.name,
        "version": workspace.version(),
        "description": package.description,
        "license": "MIT OR Apache-2.0",
        "type": "module",
        "types": package.types.first().map(|path| format!("./{}", last(path))),
        "sideEffects": false,
        "exports": exports,
        "files": files.keys().collect::<Vec<_>>(),
    });
    files.insert("package.json".to_owned(), format!("{description:#}\n").into_bytes());
    Ok(files)
}

fn last(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// An example for one browser: of all manifests it has that browser's.
fn variant_of(
    workspace: &Workspace,
    example: &Example,
    variant: &str,
) -> Result<BTreeMap<String, Vec<u8>>, Failure> {
    let mut files = pages(&workspace.root().join(&example.folder), &format!("./{EXAMPLE}/"))?;
    let own = format!("manifest.{variant}.json");
    let manifest =
        files.remove(&own).ok_or_else(|| Failure::new(format!("{}/{own} is missing", example.folder)))?;
    files.retain(|name, _| !name.starts_with("manifest."));
    files.insert("manifest.json".to_owned(), manifest);
    for path in &example.with {
        files.insert(last(path).to_owned(), workspace.read(path)?.into_bytes());
    }
    Ok(files)
}

/// Each file, and itself in gzip with `.gz` behind its name.
fn with_gzip(files: BTreeMap<String, Vec<u8>>) -> Result<BTreeMap<String, Vec<u8>>, Failure> {
    let mut all = BTreeMap::new();
    for (name, bytes) in files {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        let packed = encoder.write_all(&bytes).and_then(|()| encoder.finish());
        let packed = packed.map_err(|error| Failure::io(format!("{name} in gzip"), &error))?;
        all.insert(format!("{name}.gz"), packed);
        all.insert(name, bytes);
    }
    Ok(all)
}

fn put(folder: &Path, files: &BTreeMap<String, Vec<u8>>) -> Result<(), Failure> {
    fs::create_dir_all(folder).map_err(|error| Failure::io(folder.display(), &error))?;
    files.iter().try_for_each(|(name, bytes)| {
        let path = folder.join(name);
        path.parent()
            .map_or(Ok(()), fs::create_dir_all)
            .and_then(|()| fs::write(&path, bytes))
            .map_err(|error| Failure::io(path.display(), &error))
    })
}

/// Two renames; what was there before goes away with the scratch folder, and nothing stale stays behind.
fn replace(new: &Path, folder: &Path, old: &Path) -> Result<(), Failure> {
    let moved = if folder.exists() { fs::rename(folder, old) } else { Ok(()) };
    moved.and_then(|()| fs::rename(new, folder)).map_err(|error| Failure::io(folder.display(), &error))
}

#[cfg(test)]
mod tests {
    use std::io::Read;

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
        let page = "import \"/assets/dev/x.js\";";
        put(folder.path(), &of(&[("a.js", page), ("b/c/a.js", page), ("a.test.js", ""), (".b/a.js", "")]))
            .unwrap();
        let staged = |address: &str| pages(folder.path(), address).unwrap();
        let [one, two] = ["import \"../assets/00ff/x.js\";", "import \"../../../assets/00ff/x.js\";"];
        assert_eq!(staged("../assets/00ff/"), of(&[("a.js", one), ("b/c/a.js", two)]));
        let [one, two] = ["import \"./gatepass/x.js\";", "import \"../../gatepass/x.js\";"];
        assert_eq!(staged("./gatepass/"), of(&[("a.js", one), ("b/c/a.js", two)]));
    }

    #[test]
    fn packs_every_file_once() {
        let files = with_gzip(of(&[("a.js", "1"), ("b.css", "2")])).unwrap();
        assert_eq!(files.keys().collect::<Vec<_>>(), ["a.js", "a.js.gz", "b.css", "b.css.gz"]);
        let mut text = String::new();
        flate2::read::GzDecoder::new(&*files["b.css.gz"]).read_to_string(&mut text).unwrap();
        assert_eq!(text, "2");
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
