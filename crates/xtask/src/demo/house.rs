//! What the demo starts: an authority of its own and a terminal, in folders that are gone afterwards.

use std::env::temp_dir;
use std::ffi::OsString;
use std::fs::{self, File};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::path::{Path, PathBuf};
use std::process;
use std::time::Duration;

use crate::build::{BUILD_LIMIT, PROGRAMS, executable};
use crate::demo::http::{self, Address};
use crate::demo::patience::Patience;
use crate::demo::story;
use crate::demo::terminal::{Terminal, clean};
use crate::failure::Failure;
use crate::process::{Running, run};
use crate::scratch::Folder;
use crate::talk;
use crate::workspace::{self, Workspace};

const LIMIT: Duration = Duration::from_secs(30);

/// Builds the programs as people get them, and gives them a folder of their own: whoever builds in this checkout while
/// the demo runs replaces what lies in cargo's.
pub(crate) fn programs(workspace: &Workspace) -> Result<Folder, Failure> {
    let words =
        ["build", "--locked", "--package", "gatepass-cli", "--package", "gatepass-authority", "--bins"];
    run(&mut workspace.cargo(&words), BUILD_LIMIT)?;
    let folder = Folder::within(workspace.target(), "demo")?;
    for program in PROGRAMS {
        let (from, to) = (workspace.binary(program), in_folder(&folder, program));
        fs::hard_link(&from, &to)
            .or_else(|_| fs::copy(&from, &to).map(drop))
            .map_err(|error| Failure::io(from.display(), &error))?;
    }
    Ok(folder)
}

fn in_folder(folder: &Folder, program: &str) -> PathBuf {
    folder.path().join(executable(program))
}

/// The authority and the terminal. Dropped, everything is gone.
#[derive(Debug)]
pub(crate) struct House {
    pub(crate) issuer: String,
    pub(crate) terminal: Terminal,
    patience: Patience,
    // Dropped in this order: what runs ends before its folder is removed.
    authority: Running,
    place: Folder,
    _programs: Folder,
}

impl House {
    /// Starts the authority; `www` is what it serves to browsers.
    pub(crate) fn open(programs: Folder, www: Option<&Path>, patience: &Patience) -> Result<Self, Failure> {
        let www = www.map(|www| ["--www".into(), www.into()]);
        Self::open_with(programs, www.as_ref().map_or(&[], |words| &words[..]), patience)
    }

    /// Starts the authority with words of its own.
    pub(crate) fn open_with(
        programs: Folder,
        words: &[OsString],
        patience: &Patience,
    ) -> Result<Self, Failure> {
        let place = Folder::within(&temp_dir(), "demo")?;
        let file = |name: &str| {
            let path = place.path().join(name);
            File::create(&path).map_err(|error| Failure::io(path.display(), &error))
        };
        let mut command = clean(&in_folder(&programs, "gatepass-authority"));
        command
            .args(["--dev", "--json", "--listen", "127.0.0.1:0", "--db"])
            .arg(place.path().join("gatepass.sqlite"))
            .args(words);
        let mut authority =
            Running::spawn(command.stdout(file("authority.json")?).stderr(file("authority.log")?))?;
        let issuer = patience.until("the authority", LIMIT, || ready(&mut authority, place.path()))?;
        let program = in_folder(&programs, "gatepass");
        let terminal = Terminal::new(program, place.path(), &issuer, &service(), patience)?;
        let patience = patience.clone();
        Ok(Self { issuer, terminal, patience, authority, place, _programs: programs })
    }

    /// The authority's process number.
    pub(crate) fn authority(&mut self) -> u32 {
        self.authority.child().id()
    }

    /// Where everything lies.
    pub(crate) fn place(&self) -> &Path {
        self.place.path()
    }

    /// The link in the newest letter to somebody, once it has come.
    pub(crate) fn link(&self, to: &str) -> Result<String, Failure> {
        let mailbox = Address::parse(&format!("{}/dev/mailbox.json", self.issuer))?;
        self.patience.until("the letter with the link", LIMIT, || {
            let letters = workspace::json(&http::ask(&mailbox, None, "")?.body)?;
            let newest = letters.as_array().into_iter().flatten().find(|letter| letter["to"] == to);
            Ok(newest.and_then(|letter| letter["link"].as_str()).map(str::to_owned))
        })
    }

    /// Adds what the authority said last: a page that went wrong is explained there.
    pub(crate) fn explain(&self, failure: Failure) -> Failure {
        let said = fs::read_to_string(self.place().join("authority.log")).unwrap_or_default();
        if said.is_empty() || self.patience.is_interrupted() {
            return failure;
        }
        story::explained(&failure, &format!("\nthe authority said last:{}", story::last_lines(&said)), None)
    }
}

impl Drop for House {
    fn drop(&mut self) {
        // While the authority still runs: it is told.
        if let Err(failure) = self.terminal.clear() {
            talk::note(&format!("note: the demo's keyring entry may be left behind: {failure}"));
        }
    }
}

/// The issuer, once the authority says that it is ready.
fn ready(authority: &mut Running, place: &Path) -> Result<Option<String>, Failure> {
    let said = |name| fs::read_to_string(place.join(name)).unwrap_or_default();
    if let Some(status) = authority.ended()? {
        return Err(story::of_program(format!("the authority ended with {status}:"), &said("authority.log")));
    }
    // A line that is not whole yet is looked at again.
    let said = said("authority.json");
    let Some(line) = said.split_inclusive('\n').next().filter(|line| line.ends_with('\n')) else {
        return Ok(None);
    };
    let event = workspace::json(line)?;
    event["issuer"]
        .as_str()
        .map(|issuer| Some(issuer.to_owned()))
        .ok_or_else(|| Failure::new("the authority names no issuer"))
}

/// A name in the keyring that is nobody else's. (Unlike any other, not secret: what std shuffles its maps with will do.)
fn service() -> String {
    format!("gatepass-demo-{}-{:08x}", process::id(), RandomState::new().build_hasher().finish() >> 32)
}
