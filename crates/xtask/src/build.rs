//! What cargo makes for the other commands.

use std::env::consts::EXE_SUFFIX;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::failure::Failure;
use crate::manifest::Manifest;
use crate::workspace::Workspace;
use crate::{environment, install, process};

/// The target of pages and extensions.
pub(crate) const WASM: &str = "wasm32-unknown-unknown";
/// The target that has no `std` at all.
pub(crate) const WASM_WITHOUT_STD: &str = "wasm32v1-none";
/// The features that only tests may have: the clock can be moved.
pub(crate) const TESTING: &str = "gatepass-authority/testing,gatepass-cli/testing";

/// The programs that people run.
pub(crate) const PROGRAMS: [&str; 2] = ["gatepass", "gatepass-authority"];

/// A cold build of everything on two slow cores, with room.
pub(crate) const BUILD_LIMIT: Duration = Duration::from_secs(45 * 60);

/// Builds one program of the workspace and returns its path.
pub(crate) fn tool(workspace: &Workspace, package: &str) -> Result<PathBuf, Failure> {
    process::run(&mut workspace.cargo(&["build", "--quiet", "--locked", "--package", package]), BUILD_LIMIT)?;
    Ok(workspace.binary(package))
}

/// Builds the programs that end-to-end tests drive, with a clock that can be moved, and returns the folder they are in:
/// one of their own, because the next build without these features replaces what lies in cargo's.
///
/// With `--tests`, because then the features are those of `cargo test --workspace` and nothing is built twice.
pub(crate) fn testing_programs(workspace: &Workspace) -> Result<PathBuf, Failure> {
    let folder = end_to_end(workspace, &["--workspace", "--bins", "--tests", "--examples"])?;
    // The library's example is its yardstick.
    let example = executable("whoami");
    keep(&workspace.binary("gatepass").with_file_name("examples").join(example), &folder)?;
    Ok(folder)
}

/// The same, where nothing else is built or tested in the same run.
pub(crate) fn testing_programs_alone(workspace: &Workspace) -> Result<PathBuf, Failure> {
    end_to_end(workspace, &["--package", "gatepass-cli", "--package", "gatepass-authority", "--bins"])
}

fn end_to_end(workspace: &Workspace, which: &[&str]) -> Result<PathBuf, Failure> {
    let words = [&["build", "--locked"], which, &["--features", TESTING]].concat();
    process::run(&mut workspace.cargo(&words), BUILD_LIMIT)?;
    let folder = workspace.target().join("end-to-end");
    for program in PROGRAMS {
        keep(&workspace.binary(program), &folder)?;
    }
    Ok(folder)
}

fn keep(built: &Path, folder: &Path) -> Result<(), Failure> {
    let copy = folder.join(built.file_name().unwrap_or_default());
    // Removed first: one that still runs somewhere cannot be written to.
    fs::create_dir_all(folder)
        .map(|()| drop(fs::remove_file(&copy)))
        .and_then(|()| fs::copy(built, &copy))
        .map(drop)
        .map_err(|error| Failure::io(copy.display(), &error))
}

/// The file name of a program on this system.
pub(crate) fn executable(program: &str) -> String {
    format!("{program}{EXE_SUFFIX}")
}

/// Builds the wasm module, and into a folder of `out` each package's: the module and its entries, each with its modules
/// in one, as pages load them.
pub(crate) fn wasm(workspace: &Workspace, manifest: &Manifest, out: &Path) -> Result<(), Failure> {
    require_target(workspace, WASM)?;
    let source = workspace.root().join(&manifest.source).join("Cargo.toml");
    // As a cdylib alone: beside the rlib that tests link, cargo would do no link-time optimisation.
    let mut cargo =
        workspace.cargo(&["rustc", "--locked", "--lib", "--crate-type", "cdylib", "--target", WASM]);
    cargo
        .args(["--profile", &manifest.profile, "--features", &manifest.features])
        .arg("--manifest-path")
        .arg(source)
        // A page copies the stack each time it wipes the memory; no transaction needs a tenth of it.
        .args(["--", "-C", "link-arg=-zstack-size=131072"])
        // What makes loops quicker and everything larger.
        .args(["-C", "llvm-args=-disable-lsr -disable-machine-licm"]);
    process::run(&mut cargo, BUILD_LIMIT)?;
    let module = workspace.target().join(WASM).join(&manifest.profile).join("gatepass_web.wasm");
    let bindgen = tool(workspace, "gatepass-bindgen")?;
    for (folder, package) in manifest.packages_of(workspace) {
        let entries = package.entries.iter().map(|entry| workspace.root().join(entry));
        let mut command = Command::new(&bindgen);
        command.arg(&module).arg(out.join(folder)).args(entries);
        process::run(&mut command, Duration::from_secs(120))?;
    }
    Ok(())
}

/// Makes sure that a target is installed; toolchains add it only when asked.
pub(crate) fn require_target(workspace: &Workspace, target: &str) -> Result<(), Failure> {
    if install::has_target(workspace, target) {
        return Ok(());
    }
    if environment::program("rustup").is_none() {
        return Err(Failure::new(format!("the target {target} is not installed")).hint(format!(
            "install it the way this toolchain was installed; with rustup: rustup target add {target}"
        )));
    }
    install::permitted(false, &[format!("rustup target add {target}")])
        .then_some(())
        .ok_or_else(|| Failure::new(format!("the target {target} is not installed")))
        .and_then(|()| install::add_target(workspace, target))
        .map_err(|failure| failure.hint(format!("rustup target add {target}")))
}
