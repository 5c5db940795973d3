//! `cargo xtask wasm`: builds and stages what pages load.

use std::fs::{self, File};
use std::process::ExitCode;

use crate::failure::Failure;
use crate::manifest::Manifest;
use crate::scratch::Folder;
use crate::stage::{self, Stage};
use crate::workspace::Workspace;
use crate::{build, talk};

pub(crate) fn command() -> Result<ExitCode, Failure> {
    let workspace = Workspace::find()?;
    let stage = make(&workspace)?;
    talk::note(&format!("staged {} under {}", stage.digest, stage.folder.display()));
    Ok(ExitCode::SUCCESS)
}

/// Builds wasm and facade and replaces the staged folder as a whole.
pub(crate) fn make(workspace: &Workspace) -> Result<Stage, Failure> {
    let manifest = Manifest::read(workspace)?;
    let _alone = alone(workspace)?;
    let folder = Folder::within(workspace.target(), "wasm")?;
    let built = folder.path().join("built");
    build::wasm(workspace, &manifest, &built)?;
    stage::write(workspace, &manifest, &built, folder.path())
}

/// Two of these commands at once would stage into each other's way. The lock ends with the file.
fn alone(workspace: &Workspace) -> Result<File, Failure> {
    let path = workspace.target().join("xtask-wasm.lock");
    fs::create_dir_all(workspace.target())
        .and_then(|()| File::create(&path))
        .and_then(|file| file.lock().map(|()| file))
        .map_err(|error| Failure::io(path.display(), &error))
}
