//! A terminal window with a shell in it: tmux draws what programs write, and types what a person would.

use std::env::temp_dir;
use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use regex_lite::Regex;

use super::grid::{self, Line};
use super::svg::COLUMNS;
use crate::demo::patience::Patience;
use crate::failure::Failure;
use crate::process::{self, Running};
use crate::scratch::Folder;

const LIMIT: Duration = Duration::from_secs(30);

/// What the shell shows when it waits.
pub(super) const PROMPT: &str = "$";

/// Dropped, everything in it ends.
#[derive(Debug)]
pub(super) struct Window {
    socket: PathBuf,
    variables: Vec<(&'static str, String)>,
    patience: Patience,
    // Dropped in this order: what runs ends before its folder is removed.
    _server: Running,
    _place: Folder,
}

impl Window {
    /// Opens one whose programs see these variables and no others, and waits for the shell.
    pub(super) fn open(
        rows: usize,
        variables: &[(&'static str, String)],
        patience: &Patience,
    ) -> Result<Self, Failure> {
        let place = Folder::within(&temp_dir(), "window")?;
        let socket = place.path().join("tmux");
        // A shell of root's would not take another prompt from its variables.
        let settings = place.path().join("settings");
        fs::write(&settings, format!("PS1='\u{1b}[32m{PROMPT}\u{1b}[0m '\n"))
            .map_err(|error| Failure::io(settings.display(), &error))?;
        let log = place.path().join("log");
        let log = File::create(&log).map_err(|error| Failure::io(log.display(), &error))?;
        let mut command = Command::new("tmux");
        // In the foreground, so that it stays in the process group that is ended; without a person's own settings.
        command.args(["-D", "-u", "-f", "/dev/null", "-S"]).arg(&socket).env_clear();
        command.env("ENV", &settings).envs(variables.iter().map(|(name, value)| (name, value)));
        let server = Running::spawn(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log))?;
        let window = Self {
            socket,
            variables: variables.to_vec(),
            patience: patience.clone(),
            _server: server,
            _place: place,
        };
        patience.until("tmux", LIMIT, || Ok(window.socket.exists().then_some(())))?;
        let (columns, rows) = (COLUMNS.to_string(), rows.to_string());
        window.tmux(&["new-session", "-d", "-x", &columns, "-y", &rows, "exec sh -i"])?;
        window.until("the shell", |lines| lines.last().is_some_and(|line| line.text() == PROMPT))?;
        Ok(window)
    }

    /// Types a command.
    pub(super) fn enter(&self, command: &str) -> Result<(), Failure> {
        self.tmux(&["send-keys", "-l", command])?;
        self.press("Enter")
    }

    /// Presses a key by tmux's name for it.
    pub(super) fn press(&self, key: &str) -> Result<(), Failure> {
        self.tmux(&["send-keys", key]).map(drop)
    }

    /// Waits until the window shows something; gives all that it shows then.
    pub(super) fn shows(&self, pattern: &Regex) -> Result<Vec<Line>, Failure> {
        self.until(&format!("/{pattern}/ in the terminal"), |lines| pattern.is_match(&text(lines)))
    }

    /// Types a command and waits for its end; gives all that the window shows then.
    pub(super) fn run(&self, command: &str) -> Result<Vec<Line>, Failure> {
        self.enter(command)?;
        self.ended(command)
    }

    /// Waits for the end of a command: the shell waits again, in another line than the one with the command.
    pub(super) fn ended(&self, command: &str) -> Result<Vec<Line>, Failure> {
        self.until(&format!("the end of `{command}`"), |lines| {
            lines.len() > 1 && lines.last().is_some_and(|line| line.text() == PROMPT)
        })
    }

    fn until(&self, what: &str, is_there: impl Fn(&[Line]) -> bool) -> Result<Vec<Line>, Failure> {
        let found = self
            .patience
            .until(what, LIMIT, || self.lines().map(|lines| Some(lines).filter(|lines| is_there(lines))));
        found.map_err(|failure| match self.lines() {
            Ok(lines) if !self.patience.is_interrupted() => {
                Failure::new(format!("{failure}; it shows:\n{}", text(&lines)))
            }
            _ => failure,
        })
    }

    /// What stands in the window, rows that were wrapped put together.
    fn lines(&self) -> Result<Vec<Line>, Failure> {
        grid::read(&self.tmux(&["capture-pane", "-e", "-J", "-p"])?)
    }

    fn tmux(&self, words: &[&str]) -> Result<String, Failure> {
        let mut command = Command::new("tmux");
        command.arg("-S").arg(&self.socket).args(words);
        // The search path of a new window is that of whoever asks for it.
        command.env_clear().envs(self.variables.iter().map(|(name, value)| (name, value)));
        process::capture(&mut command, LIMIT)
    }
}

impl Drop for Window {
    fn drop(&mut self) {
        // The shell and its programs are no children of ours: tmux ends them.
        let _ = self.tmux(&["kill-server"]);
    }
}

/// What a person reads.
pub(super) fn text(lines: &[Line]) -> String {
    lines.iter().map(Line::text).collect::<Vec<_>>().join("\n")
}
