//! Who is measured: each prints a secret that it has at hand, in a process of its own.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::bench::desk::{Desk, PEER, PEER_SECRET};
use crate::clock::Stopwatch;
use crate::demo::patience::Patience;
use crate::failure::Failure;
use crate::process::Running;
use crate::{environment, process, talk};

const LIMIT: Duration = Duration::from_secs(30);

/// The name of our own row.
pub(crate) const OURS: &str = "gatepass token";
/// The name of the row that the design's limit is about.
pub(crate) const GIT: &str = "git credential-store get";

/// One program with its words.
#[derive(Debug)]
pub(crate) struct Peer {
    pub(crate) name: &'static str,
    pub(crate) version: String,
    command: Command,
    input: Option<PathBuf>,
    /// What it prints, so that every run is known to have done its job.
    prints: String,
    pub(crate) times: Vec<Duration>,
    /// What must run beside it.
    _beside: Option<Running>,
}

/// All of them, ours first, and the names of those that cannot be had here.
pub(crate) fn all(desk: &Desk, patience: &Patience) -> Result<(Vec<Peer>, Vec<&'static str>), Failure> {
    let ours = Peer::new(desk, OURS, &desk.gatepass, &["token"], None)?;
    // What any call costs that asks for nothing.
    let version = Peer::new(desk, "gatepass --version", &desk.gatepass, &["--version"], None)?;
    let (mut peers, mut missing) = (vec![ours, version], Vec::new());
    for (name, program, make) in [
        (GIT, "git", git as Make),
        ("oidc-token", "oidc-token", oidc_token),
        ("gh auth token", "gh", gh),
        ("true", "true", nothing),
    ] {
        let Some(path) = environment::program(program) else {
            missing.push(name);
            continue;
        };
        match make(desk, name, &path, patience) {
            Ok(peer) => peers.push(peer),
            Err(failure) if patience.is_interrupted() => return Err(failure),
            // Another version may want to be set up in another way.
            Err(failure) => {
                talk::note(&format!("note: without {name}: {failure}"));
                missing.push(name);
            }
        }
    }
    Ok((peers, missing))
}

type Make = fn(&Desk, &'static str, &Path, &Patience) -> Result<Peer, Failure>;

impl Peer {
    /// Runs it once to learn what it prints.
    fn new(
        desk: &Desk,
        name: &'static str,
        program: &Path,
        words: &[&str],
        input: Option<PathBuf>,
    ) -> Result<Self, Failure> {
        let version = process::capture(desk.command(program).arg("--version"), LIMIT)?;
        let mut command = desk.command(program);
        command.args(words).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let version = version.lines().next().unwrap_or_default().to_owned();
        let mut peer =
            Self { name, version, command, input, prints: String::new(), times: Vec::new(), _beside: None };
        peer.prints = peer.once()?.1;
        Ok(peer)
    }

    /// Runs it once more; the time from before its start until it is gone.
    pub(crate) fn run(&mut self) -> Result<Duration, Failure> {
        let (time, printed) = self.once()?;
        if printed == self.prints {
            return Ok(time);
        }
        Err(Failure::new(format!("`{}` printed something else than before", self.name)))
    }

    fn once(&mut self) -> Result<(Duration, String), Failure> {
        let failed = |error| Failure::io(format!("`{}`", self.name), &error);
        if let Some(path) = &self.input {
            self.command.stdin(File::open(path).map_err(failed)?);
        }
        let mut printed = String::new();
        let watch = Stopwatch::start();
        let mut child = self.command.spawn().map_err(failed)?;
        child.stdout.take().map_or(Ok(0), |mut pipe| pipe.read_to_string(&mut printed)).map_err(failed)?;
        let status = child.wait().map_err(failed)?;
        let time = watch.elapsed();
        if status.success() {
            return Ok((time, printed));
        }
        Err(Failure::new(format!("`{}` ended with {status}", self.name)))
    }
}

fn nothing(desk: &Desk, name: &'static str, program: &Path, _: &Patience) -> Result<Peer, Failure> {
    Peer::new(desk, name, program, &[], None)
}

/// A credential in git's own plain file.
fn git(desk: &Desk, name: &'static str, program: &Path, _: &Patience) -> Result<Peer, Failure> {
    let file = desk.place().join("git-credentials");
    let question = desk.place().join("git-question");
    write(&file, "https://person:a-token-of-usual-length-0123456789@git.example\n")?;
    write(&question, "protocol=https\nhost=git.example\n\n")?;
    let file = file.display().to_string();
    Peer::new(desk, name, program, &["credential-store", "--file", &file, "get"], Some(question))
}

/// A token in gh's own plain file; nothing of it is asked of GitHub.
fn gh(desk: &Desk, name: &'static str, program: &Path, _: &Patience) -> Result<Peer, Failure> {
    let folder = desk.place().join("gh");
    fs::create_dir_all(&folder).map_err(|error| Failure::io(folder.display(), &error))?;
    write(&folder.join("config.yml"), "version: \"1\"\n")?;
    write(
        &folder.join("hosts.yml"),
        "github.com:\n    user: person\n    oauth_token: gho_0123456789abcdefghijABCDEFGHIJ012345\n    git_protocol: https\n",
    )?;
    Peer::new(desk, name, program, &["auth", "token"], None)
}

/// An agent that is signed in at the same authority, and holds the token in its memory.
fn oidc_token(desk: &Desk, name: &'static str, program: &Path, patience: &Patience) -> Result<Peer, Failure> {
    let place = desk.place();
    let folder = place.join("oidc-agent");
    fs::create_dir_all(&folder).map_err(|error| Failure::io(folder.display(), &error))?;
    let socket = place.join("agent.sock");
    let beside = |name: &str| program.with_file_name(name);

    let mut agent = desk.command(&beside("oidc-agent"));
    agent.args(["--console", "--no-autoload", "--socket-path"]).arg(&socket);
    let mut agent = Running::spawn(agent.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()))?;
    patience.until("oidc-agent", LIMIT, || match agent.ended()? {
        Some(status) => Err(Failure::new(format!("oidc-agent ended with {status}"))),
        None => Ok(socket.exists().then_some(())),
    })?;

    let log = place.join("oidc-gen.log");
    let file = File::create(&log).map_err(|error| Failure::io(log.display(), &error))?;
    let mut sign_in = desk.command(&beside("oidc-gen"));
    sign_in
        .args(["--flow=code", "--no-url-call", "--no-scheme", "--confirm-yes", "--prompt=none", "--pw-env"])
        .args(["--iss", &desk.house.issuer, "--client-id", PEER, "--client-secret", PEER_SECRET])
        .args(["--redirect-uri", &format!("http://localhost:{}", desk.port)])
        .args(["--scope", "openid offline_access", PEER])
        .env("OIDC_ENCRYPTION_PW", PEER_SECRET)
        .stdin(Stdio::null())
        .stderr(file.try_clone().map_err(|error| Failure::io(log.display(), &error))?)
        .stdout(file);
    let mut sign_in = Running::spawn(&mut sign_in)?;
    let said = || fs::read_to_string(&log).unwrap_or_default();
    let failed = |what: &str| Failure::new(format!("{what}; oidc-gen said:\n{}", said()));
    let address = patience.until("the address of oidc-gen", LIMIT, || {
        let address = said()
            .split_inclusive('\n')
            .find(|line| line.starts_with("http") && line.ends_with('\n'))
            .map(|line| line.trim_end().to_owned());
        match (address, sign_in.ended()?) {
            (None, Some(status)) => Err(failed(&format!("`oidc-gen` ended with {status}"))),
            (address, _) => Ok(address),
        }
    })?;
    desk.approve(&address, "agent@example.com", "Success")?;
    let status = patience.until("the end of oidc-gen", LIMIT, || sign_in.ended())?;
    if !status.success() {
        return Err(failed(&format!("`oidc-gen` ended with {status}")));
    }
    let peer = Peer::new(desk, name, program, &[PEER], None)?;
    Ok(Peer { _beside: Some(agent), ..peer })
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    fs::write(path, text).map_err(|error| Failure::io(path.display(), &error))
}
