//! The person's terminal: the command `gatepass`, with a home and a keyring service of the demo's own.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::demo::patience::Patience;
use crate::demo::story;
use crate::failure::Failure;
use crate::process::Running;

/// The command asks its keyring for seconds at most, and the server is on this machine.
const LIMIT: Duration = Duration::from_secs(60);
/// How long a person may take to sign in.
const PERSON: Duration = Duration::from_secs(15 * 60);

/// Variables that would lead the programs elsewhere.
const FOREIGN: [&str; 6] = [
    "GATEPASS_APP",
    "GATEPASS_ISSUER",
    "GATEPASS_CLIENT_ID",
    "GATEPASS_PROFILE",
    "GATEPASS_JWT_SECRET",
    "TOWER_JWT_SECRET",
];

/// A program that sees nothing of this machine's own sessions, and asks no proxy for this machine.
pub(crate) fn clean(program: &Path) -> Command {
    let mut command = Command::new(program);
    for name in FOREIGN {
        command.env_remove(name);
    }
    command.env("NO_PROXY", "127.0.0.1,localhost").env("no_proxy", "127.0.0.1,localhost");
    command.stdin(Stdio::null());
    command
}

/// Where `gatepass` runs.
#[derive(Debug)]
pub(crate) struct Terminal {
    program: PathBuf,
    place: PathBuf,
    /// Beyond what every command gets.
    variables: Vec<(&'static str, String)>,
    patience: Patience,
}

/// What the command said in the end.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Said {
    /// What the command warns of, for the person to see.
    pub(crate) fn warnings(&self) -> String {
        warnings(&self.stderr)
    }
}

fn warnings(stderr: &str) -> String {
    stderr.lines().filter(|line| line.starts_with("warning:")).collect::<Vec<_>>().join("\n")
}

impl Terminal {
    /// Makes the manifest of the demo's app inside `place`.
    pub(crate) fn new(
        program: PathBuf,
        place: &Path,
        issuer: &str,
        service: &str,
        patience: &Patience,
    ) -> Result<Self, Failure> {
        let manifest = place.join("app.toml");
        let text = format!(
            "name = \"gatepass\"\nissuer = \"{issuer}\"\nclient_id = \"gatepass-cli\"\n\
             id_token_signed_response_alg = \"ES256\"\n\n[storage]\nservice = \"{service}\"\nfallback = \"file\"\n"
        );
        fs::write(&manifest, text).map_err(|error| Failure::io(manifest.display(), &error))?;
        let variables = Vec::new();
        Ok(Self { program, place: place.to_owned(), variables, patience: patience.clone() })
    }

    /// From here on, every command sees this variable.
    pub(crate) fn set(&mut self, name: &'static str, value: String) {
        self.variables.push((name, value));
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = clean(&self.program);
        command
            .args(words)
            .env("GATEPASS_APP", self.place.join("app.toml"))
            .env("GATEPASS_HOME", self.place.join("home"))
            .envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Runs the command to its end.
    pub(crate) fn run(&self, words: &[&str]) -> Result<Said, Failure> {
        self.run_with(words, &self.patience, LIMIT)
    }

    fn run_with(&self, words: &[&str], patience: &Patience, limit: Duration) -> Result<Said, Failure> {
        let name = format!("`gatepass {}`", words.join(" "));
        let mut command = self.command(words);
        let mut running = Running::spawn(command.stdout(Stdio::piped()).stderr(Stdio::piped()))?;
        // What it says fits into a pipe, so it is read at the end.
        let ended = patience.until(&format!("the end of {name}"), limit, || running.ended());
        let (mut stdout, mut stderr) = (String::new(), String::new());
        let child = running.child();
        let pipes = (child.stdout.take(), child.stderr.take());
        // Ended first, where it hangs: its pipes would stay open.
        drop(running);
        let (out, err) = pipes;
        let _ = out.map(|mut pipe| pipe.read_to_string(&mut stdout));
        let _ = err.map(|mut pipe| pipe.read_to_string(&mut stderr));
        match ended {
            Ok(status) if status.success() => Ok(Said { stdout, stderr }),
            Ok(status) => {
                Err(story::of_program(format!("{name} ended with {status}:"), &complaint(&stdout, &stderr)))
            }
            Err(failure) => Err(story::of_program(failure, &stderr)),
        }
    }

    /// Runs the command with `--json`.
    pub(crate) fn json(&self, words: &[&str]) -> Result<Value, Failure> {
        object(&self.run(&[&["--json"], words].concat())?)
    }

    /// The access token, and whether it took a refresh to get it.
    pub(crate) fn token(&self, words: &[&str]) -> Result<(String, bool), Failure> {
        let answer = self.json(&[&["token"], words].concat())?;
        let token =
            answer["access_token"].as_str().ok_or_else(|| Failure::new("there is no access token"))?;
        Ok((token.to_owned(), answer["refreshed"] == true))
    }

    /// Starts a sign-in that shows its address.
    pub(crate) fn login(&self) -> Result<Login<'_>, Failure> {
        self.login_with(&["--no-browser"])
    }

    pub(crate) fn login_with(&self, words: &[&str]) -> Result<Login<'_>, Failure> {
        let log = self.place.join("login.log");
        let file = File::create(&log).map_err(|error| Failure::io(log.display(), &error))?;
        let mut command = self.command(&[&["login"], words].concat());
        let running = Running::spawn(command.stdout(Stdio::null()).stderr(file))?;
        Ok(Login { running, log, patience: &self.patience })
    }

    /// A sign-in by the person here, who sees what the command says.
    pub(crate) fn login_by_hand(&self) -> Result<(), Failure> {
        let mut command = self.command(&["login", "--timeout", &PERSON.as_secs().to_string()]);
        let mut login = Attached::spawn(&mut command)?;
        let ended = || login.0.try_wait().map_err(|error| Failure::io("gatepass login", &error));
        let status = self.patience.until("you to sign in", PERSON + LIMIT, ended)?;
        if status.success() {
            return Ok(());
        }
        Err(Failure::new(format!("`gatepass login` ended with {status}")).hint("what it said stands above"))
    }

    /// Leaves nothing behind: neither a session, nor keys in a keyring.
    pub(crate) fn clear(&self) -> Result<(), Failure> {
        let limit = Duration::from_secs(15);
        let run = |words: &[&str]| self.run_with(words, &Patience::deaf(), limit);
        let signed_out = run(&["--json", "logout"]).and_then(|said| object(&said));
        // A sign-in that was given up has put keys into the keyring already.
        match signed_out {
            Ok(answer) if answer["was_signed_in"] == true => Ok(()),
            _ => run(&["logout", "--forget"]).map(drop),
        }
    }
}

/// A command that may start the person's browser. Dropped, it ends, but alone: the browser belongs to the person.
#[derive(Debug)]
struct Attached(Child);

impl Attached {
    fn spawn(command: &mut Command) -> Result<Self, Failure> {
        // Nor does Ctrl-C reach the browser.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(command, 0);
        command.spawn().map(Self).map_err(|error| Failure::io("cannot run gatepass", &error))
    }
}

impl Drop for Attached {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What went wrong: in words on stderr or, with `--json`, in an object on stdout.
fn complaint(stdout: &str, stderr: &str) -> String {
    let object: Value = serde_json::from_str(stdout).unwrap_or_default();
    let line = |name: &str, field: &str| object[field].as_str().map(|text| format!("{name}: {text}\n"));
    let said = [line("error", "message"), line("hint", "hint")].into_iter().flatten();
    [stderr.to_owned()].into_iter().chain(said).collect()
}

fn object(said: &Said) -> Result<Value, Failure> {
    serde_json::from_str(&said.stdout)
        .map_err(|error| Failure::new(format!("what gatepass says is not JSON: {error}")))
}

/// A sign-in that waits for the browser.
#[derive(Debug)]
pub(crate) struct Login<'a> {
    running: Running,
    log: PathBuf,
    patience: &'a Patience,
}

impl Login<'_> {
    /// The address to open in a browser.
    pub(crate) fn address(&mut self) -> Result<String, Failure> {
        let patience = self.patience;
        patience.until("the address of `gatepass login`", LIMIT, || {
            // Asked first, so that the last words are read as well.
            let ended = self.running.ended()?;
            let said = self.said();
            // Whole lines only: the log is read while it is written.
            let lines = said.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n'));
            let address =
                lines.filter_map(|line| line.strip_prefix("  ")).find(|text| text.starts_with("http"));
            match (address, ended) {
                (Some(address), _) => Ok(Some(address.to_owned())),
                (None, Some(status)) => {
                    Err(story::of_program(format!("`gatepass login` ended with {status}:"), &said))
                }
                (None, None) => Ok(None),
            }
        })
    }

    /// Waits for the end; gives the last line and what was warned of.
    pub(crate) fn finish(self) -> Result<(String, String), Failure> {
        let said = self.transcript()?;
        Ok((said.lines().last().unwrap_or_default().to_owned(), warnings(&said)))
    }

    /// Waits for the end; gives everything that was said.
    pub(crate) fn transcript(mut self) -> Result<String, Failure> {
        let patience = self.patience;
        let status = patience.until("the end of `gatepass login`", LIMIT, || self.running.ended());
        let said = self.said();
        let failed = |what: String| story::of_program(what, &said);
        match status {
            Ok(status) if status.success() => Ok(said),
            Ok(status) => Err(failed(format!("`gatepass login` ended with {status}:"))),
            Err(failure) => Err(failed(failure.to_string())),
        }
    }

    fn said(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_complaint_wherever_it_is() {
        let object = r#"{"error":"busy","message":"another process","hint":"try again"}"#;
        assert_eq!(complaint(object, ""), "error: another process\nhint: try again\n");
        assert_eq!(complaint("", "error: no\n"), "error: no\n");
    }
}
