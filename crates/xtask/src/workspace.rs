//! Where the project lies and where cargo puts what it makes.

use std::env::consts::EXE_SUFFIX;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use crate::environment::variable;
use crate::failure::Failure;
use crate::process;

/// The checkout.
#[derive(Debug)]
pub(crate) struct Workspace {
    root: PathBuf,
    target: PathBuf,
    version: String,
}

impl Workspace {
    /// Asks cargo, from wherever the command was called.
    pub(crate) fn find() -> Result<Self, Failure> {
        let mut command = Command::new(cargo());
        command.args(["metadata", "--format-version", "1", "--no-deps", "--offline"]);
        if let Some(folder) = variable("CARGO_MANIFEST_DIR") {
            command.current_dir(folder);
        }
        let metadata = json(&process::capture(&mut command, Duration::from_secs(60))?)?;
        let text = |field: &str| metadata[field].as_str().map(PathBuf::from);
        let version =
            metadata["packages"].as_array().into_iter().flatten().find(|one| one["name"] == "gatepass-web");
        match (
            text("workspace_root"),
            text("target_directory"),
            version.and_then(|one| one["version"].as_str()),
        ) {
            (Some(root), Some(target), Some(version)) => {
                Ok(Self { root, target, version: version.to_owned() })
            }
            _ => Err(Failure::new("cargo does not say where the workspace is")),
        }
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// The folder that cargo fills, usually `target`.
    pub(crate) fn target(&self) -> &Path {
        &self.target
    }

    /// The version that all packages share.
    pub(crate) fn version(&self) -> &str {
        &self.version
    }

    /// Cargo at the root of the workspace.
    pub(crate) fn cargo(&self, words: &[&str]) -> Command {
        let mut command = Command::new(cargo());
        command.args(words).current_dir(&self.root);
        command
    }

    /// A program of this workspace, built for tests.
    pub(crate) fn binary(&self, name: &str) -> PathBuf {
        self.target.join("debug").join(format!("{name}{EXE_SUFFIX}"))
    }

    /// What a step said, for whoever looks for it.
    pub(crate) fn log(&self, name: &str) -> PathBuf {
        self.target.join("xtask-logs").join(format!("{name}.log"))
    }

    /// A file of the checkout as text.
    pub(crate) fn read(&self, path: &str) -> Result<String, Failure> {
        fs::read_to_string(self.root.join(path))
            .map_err(|error| Failure::io(format!("cannot read `{path}`"), &error))
    }
}

/// What cargo says about itself.
pub(crate) fn json(text: &str) -> Result<Value, Failure> {
    serde_json::from_str(text).map_err(|error| Failure::new(format!("cargo's answer is not JSON: {error}")))
}

/// The cargo that runs this command, so that one toolchain does all of the work.
fn cargo() -> OsString {
    OsString::from(variable("CARGO").unwrap_or_else(|| "cargo".to_owned()))
}
