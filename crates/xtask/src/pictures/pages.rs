//! `cargo xtask pictures pages`: every page of the dashboard, the authority and the terminal, in light, dark and phone width.
//!
//! The walk itself is `tests/pictures.mjs`: it takes the tour that the tests of the pages take.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::time::Duration;

use super::palette;
use crate::failure::Failure;
use crate::scratch::Folder;
use crate::workspace::Workspace;
use crate::{build, environment, install, process, talk, wasm};

const FOLDER: &str = "docs/pages";
const DOCUMENT: &str = "docs/pages.md";

/// What all of them may weigh, in bytes: they are part of every clone.
const BUDGET: usize = 1_500_000;
const LIMIT: Duration = Duration::from_secs(15 * 60);

pub(crate) fn command() -> Result<ExitCode, Failure> {
    let workspace = Workspace::find()?;
    if environment::program("node").is_none() || !install::has_node_packages(&workspace) {
        return Err(Failure::new("node or the packages of tests/ are missing")
            .hint("cargo xtask test --install --only end-to-end"));
    }
    let programs = build::testing_programs_alone(&workspace)?;
    let stage = wasm::make(&workspace)?;
    let taken = Folder::within(workspace.target(), "pages")?;
    let mut node = Command::new("node");
    node.arg("pictures.mjs").arg(taken.path()).current_dir(workspace.root().join("tests"));
    node.env("GATEPASS_WWW", &stage.folder);
    for (variable, program) in
        [("GATEPASS_BIN", "gatepass"), ("GATEPASS_AUTHORITY_BIN", "gatepass-authority")]
    {
        node.env(variable, programs.join(build::executable(program)));
    }
    process::run(&mut node, LIMIT)?;
    let pictures = read(taken.path())?;
    listed(&workspace.read(DOCUMENT)?, &pictures)?;
    keep(&workspace.root().join(FOLDER), &pictures)?;
    Ok(ExitCode::SUCCESS)
}

/// What was taken, by name, with few colours.
fn read(folder: &Path) -> Result<Vec<(String, Vec<u8>)>, Failure> {
    let unreadable = |error| Failure::io(folder.display(), &error);
    let mut pictures = Vec::new();
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
        pictures.push((name, palette::reduce(&fs::read(&path).map_err(unreadable)?)?));
    }
    pictures.sort();
    let weight: usize = pictures.iter().map(|(_, bytes)| bytes.len()).sum();
    if weight > BUDGET {
        return Err(Failure::new(format!("the pictures weigh {weight} bytes, and may weigh {BUDGET}")));
    }
    talk::data(&format!("{} pictures, {} KB", pictures.len(), weight.div_ceil(1024)));
    Ok(pictures)
}

/// Every picture stands in the document, and the document shows no other.
fn listed(document: &str, pictures: &[(String, Vec<u8>)]) -> Result<(), Failure> {
    let shown: BTreeSet<&str> = document
        .split("](pages/")
        .skip(1)
        .filter_map(|rest| rest.split_once(')').map(|(name, _)| name))
        .collect();
    let taken: BTreeSet<&str> = pictures.iter().map(|(name, _)| name.as_str()).collect();
    let odd: Vec<&str> = shown.symmetric_difference(&taken).copied().collect();
    if odd.is_empty() {
        return Ok(());
    }
    Err(Failure::new(format!("{DOCUMENT} and the tour do not agree about {}", odd.join(", "))))
}

/// Replaces them all; what the tour does not visit any more goes away.
fn keep(folder: &Path, pictures: &[(String, Vec<u8>)]) -> Result<(), Failure> {
    let unwritable = |error| Failure::io(folder.display(), &error);
    if folder.exists() {
        fs::remove_dir_all(folder).map_err(unwritable)?;
    }
    fs::create_dir_all(folder).map_err(unwritable)?;
    pictures.iter().try_for_each(|(name, bytes)| fs::write(folder.join(name), bytes).map_err(unwritable))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn document_and_tour_agree() {
        let pictures = [("a.png".to_owned(), Vec::new())];
        assert!(listed("![A](pages/a.png)", &pictures).is_ok());
        assert!(listed("", &pictures).is_err());
        assert!(listed("![A](pages/a.png) ![B](pages/b.png)", &pictures).is_err());
    }
}
