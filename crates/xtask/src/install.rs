//! What the test command installs, and whom it asks first. It works in the background from the first second.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::thread::{self, JoinHandle};
use std::time::Duration;
use std::{env, fs};

use crate::build::{WASM, WASM_WITHOUT_STD};
use crate::failure::Failure;
use crate::workspace::Workspace;
use crate::{build, environment, process, talk};

const LIMIT: Duration = Duration::from_secs(15 * 60);

/// Debian's package, and a program that shows that it is there.
const PACKAGES: [(&str, &[&str]); 12] = [
    ("chromium", CHROMIUM),
    ("chromium-driver", &["chromedriver"]),
    ("firefox-esr", FIREFOX),
    ("gnome-keyring", &["gnome-keyring-daemon"]),
    ("libsecret-tools", &["secret-tool"]),
    ("dbus", &["dbus-run-session"]),
    ("tmux", &["tmux"]),
    // The programs that `credential` hands tokens to; kubectl is there too old for its tests.
    ("awscli", &["aws"]),
    ("docker.io", &["docker"]),
    ("git", &["git"]),
    ("openssl", &["openssl"]),
    ("python3-pip", &["pip"]),
];

/// The names under which the browser goes.
pub(crate) const CHROMIUM: &[&str] = &["chromium", "chromium-browser", "google-chrome", "chrome"];

/// The names under which the other browser goes.
pub(crate) const FIREFOX: &[&str] = &["firefox-esr", "firefox"];

/// Debian has no package of Firefox's driver; cargo has it. Kept in `target/tools`, so that it is built once.
const GECKODRIVER: [&str; 5] = ["install", "geckodriver", "--version", "0.37.0", "--locked"];

/// Whether these may be installed: by `--install`, in an automatic run, or because the person here says so.
pub(crate) fn permitted(install: bool, what: &[String]) -> bool {
    if install || environment::is_automatic() {
        talk::note(&format!("installing: {}", what.join(", ")));
        return true;
    }
    if !environment::has_person() {
        talk::note(&format!("not installed without `--install`: {}", what.join(", ")));
        return false;
    }
    talk::note("This would be installed on this machine:");
    what.iter().for_each(|one| talk::note(&format!("  {one}")));
    talk::confirm("Install?")
}

/// Whether the toolchain can compile for a target.
pub(crate) fn has_target(workspace: &Workspace, target: &str) -> bool {
    let mut rustc = Command::new("rustc");
    rustc.args(["--print", "target-libdir", "--target", target]).current_dir(workspace.root());
    process::capture(&mut rustc, Duration::from_secs(60))
        .is_ok_and(|folder| Path::new(folder.trim()).is_dir())
}

/// Adds a target to the toolchain that the workspace names.
pub(crate) fn add_target(workspace: &Workspace, target: &str) -> Result<(), Failure> {
    let mut rustup = Command::new("rustup");
    rustup.args(["target", "add", target]).current_dir(workspace.root());
    process::run_logged(&mut rustup, &workspace.log("rustup"), LIMIT)
}

/// What can be installed for a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Browser, keyring and their kin, by the system's packages.
    System,
    /// The compiler's targets.
    Targets,
    /// The packages of `tests/`.
    Node,
    /// Programs that cargo builds.
    Tools,
}

/// What is being installed beside the first steps; a step that needs it waits for it.
#[derive(Debug, Default)]
pub(crate) struct Background {
    system: Task,
    targets: Task,
    node: Task,
    tools: Task,
}

impl Background {
    /// Sees what is missing of what is needed, asks, and starts.
    pub(crate) fn start(workspace: &Workspace, needed: &[Kind], install: bool) -> Self {
        let packages = if needed.contains(&Kind::System) { missing_packages() } else { Vec::new() };
        let targets: Vec<&str> =
            [WASM, WASM_WITHOUT_STD].into_iter().filter(|target| !has_target(workspace, target)).collect();
        let rustup = needed.contains(&Kind::Targets) && environment::program("rustup").is_some();
        let targets = if rustup { targets } else { Vec::new() };
        let node = needed.contains(&Kind::Node) && node_is_stale(workspace);
        let tools = needed.contains(&Kind::Tools) && geckodriver(workspace).is_none();

        let mut what = Vec::new();
        if !packages.is_empty() {
            what.push(format!("apt-get install {}", packages.join(" ")));
        }
        what.extend(targets.iter().map(|target| format!("rustup target add {target}")));
        if node {
            what.push("npm ci (inside tests/)".to_owned());
        }
        if tools {
            what.push(format!("cargo {} (into target/tools)", GECKODRIVER.join(" ")));
        }
        if what.is_empty() || !permitted(install, &what) {
            return Self::default();
        }
        let mut background = Self::default();
        if !packages.is_empty() {
            let log = workspace.log("apt");
            background.system = Task::start(move || system_packages(&packages, &log));
        }
        if !targets.is_empty() {
            let (root, log) = (workspace.root().to_owned(), workspace.log("rustup"));
            background.targets = Task::start(move || {
                let mut rustup = Command::new("rustup");
                process::run_logged(
                    rustup.args(["target", "add"]).args(targets).current_dir(root),
                    &log,
                    LIMIT,
                )
            });
        }
        if node {
            let (tests, log) = (workspace.root().join("tests"), workspace.log("npm"));
            background.node = Task::start(move || node_packages(&tests, &log));
        }
        if tools {
            let (folder, log) = (tools_folder(workspace), workspace.log("geckodriver"));
            // In a target folder of its own, as cargo does by itself: it must not wait for the other builds.
            let mut cargo = workspace.cargo(&GECKODRIVER);
            cargo.arg("--root").arg(folder).env_remove("CARGO_TARGET_DIR");
            background.tools = Task::start(move || process::run_logged(&mut cargo, &log, LIMIT));
        }
        background
    }

    /// Waits until the system's packages are there, or have failed to come (which has been said).
    pub(crate) fn system(&self) {
        self.system.wait();
    }

    /// Waits for the compiler's targets.
    pub(crate) fn targets(&self) {
        self.targets.wait();
    }

    /// Waits for the packages of `tests/`.
    pub(crate) fn node(&self) {
        self.node.wait();
    }

    /// Waits for the programs that cargo builds.
    pub(crate) fn tools(&self) {
        self.tools.wait();
    }
}

/// One installation; waited for by whoever comes first.
#[derive(Debug, Default)]
struct Task(Mutex<Option<JoinHandle<Result<(), Failure>>>>);

impl Task {
    fn start(work: impl FnOnce() -> Result<(), Failure> + Send + 'static) -> Self {
        Self(Mutex::new(Some(thread::spawn(work))))
    }

    fn wait(&self) {
        let handle = self.0.lock().ok().and_then(|mut handle| handle.take());
        match handle.map(JoinHandle::join) {
            Some(Ok(Err(failure))) => talk::failure(&failure),
            Some(Err(_)) => talk::note("error: an installation panicked"),
            Some(Ok(Ok(()))) | None => {}
        }
    }
}

/// What Debian could bring, if this is a Debian.
fn missing_packages() -> Vec<&'static str> {
    if environment::program("apt-get").is_none() {
        return Vec::new();
    }
    let missing = PACKAGES.iter().filter(|(_, programs)| environment::any_program(programs).is_none());
    missing.map(|(package, _)| *package).collect()
}

fn system_packages(packages: &[&str], log: &Path) -> Result<(), Failure> {
    // Lists that are there may do; where they are too old or missing, they are fetched and it is tried again.
    let install = || {
        let words = ["install", "-y", "--no-install-recommends"];
        process::run_logged(apt_get().args(words).args(packages), log, LIMIT)
    };
    install().or_else(|_| {
        process::run_logged(apt_get().arg("update"), log, LIMIT)?;
        install()
    })
}

fn tools_folder(workspace: &Workspace) -> PathBuf {
    workspace.target().join("tools")
}

/// Firefox's driver: our own, or this machine's.
pub(crate) fn geckodriver(workspace: &Workspace) -> Option<PathBuf> {
    let own = tools_folder(workspace).join("bin").join(build::executable("geckodriver"));
    if own.is_file() { Some(own) } else { environment::program("geckodriver") }
}

/// As root, or through `sudo` where that asks no password: a question in the background would hang.
fn apt_get() -> Command {
    let is_root = process::capture(Command::new("id").arg("-u"), Duration::from_secs(10))
        .is_ok_and(|id| id.trim() == "0");
    let mut command = if is_root { Command::new("apt-get") } else { Command::new("sudo") };
    if !is_root {
        command.args(["-n", "apt-get"]);
    }
    command.env("DEBIAN_FRONTEND", "noninteractive");
    command
}

/// Beside the installed packages lies the lock file that they came from: an unchanged one needs no second `npm ci`.
const STAMP: &str = "node_modules/.installed-lock.json";

fn node_is_stale(workspace: &Workspace) -> bool {
    let tests = workspace.root().join("tests");
    let lock = fs::read(tests.join("package-lock.json")).ok();
    environment::program("npm").is_some() && lock.is_some() && lock != fs::read(tests.join(STAMP)).ok()
}

fn node_packages(tests: &Path, log: &Path) -> Result<(), Failure> {
    let npm = environment::program(if env::consts::FAMILY == "windows" { "npm.cmd" } else { "npm" });
    let mut command = Command::new(npm.unwrap_or_else(|| "npm".into()));
    process::run_logged(command.arg("ci").current_dir(tests), log, LIMIT)?;
    let stamp = tests.join(STAMP);
    fs::copy(tests.join("package-lock.json"), &stamp)
        .map_err(|error| Failure::io(stamp.display(), &error))?;
    Ok(())
}

/// Whether `npm ci` has been done for the lock file as it stands.
pub(crate) fn has_node_packages(workspace: &Workspace) -> bool {
    environment::program("npm").is_some() && !node_is_stale(workspace)
}
