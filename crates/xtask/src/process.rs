//! Children that end: in time, with their own children, and with their exit code read.

use std::ffi::OsStr;
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;
use std::{fs, thread};

use crate::clock::Stopwatch;
use crate::failure::Failure;
use crate::guardian;

/// Runs a command to its end; its output goes where this process's goes.
pub(crate) fn run(command: &mut Command, limit: Duration) -> Result<(), Failure> {
    command.stdin(Stdio::null());
    let status = Running::spawn(command)?.wait(limit)?;
    judge(command, status)
}

/// Runs a command and keeps what it says in a file; only a failure shows the end of it.
pub(crate) fn run_logged(command: &mut Command, log: &Path, limit: Duration) -> Result<(), Failure> {
    if let Some(folder) = log.parent() {
        fs::create_dir_all(folder).map_err(|error| Failure::io(folder.display(), &error))?;
    }
    let unwritable = |error| Failure::io(log.display(), &error);
    let file = File::create(log).map_err(unwritable)?;
    command.stdin(Stdio::null()).stderr(file.try_clone().map_err(unwritable)?).stdout(file);
    let outcome = Running::spawn(command).and_then(|running| running.wait(limit));
    outcome.and_then(|status| judge(command, status)).map_err(|failure| {
        let said = fs::read_to_string(log).unwrap_or_default();
        let lines: Vec<&str> = said.lines().collect();
        let end = lines[lines.len().saturating_sub(15)..].join("\n");
        Failure::new(format!("{failure}; it said:\n{end}"))
    })
}

/// Runs a command and returns its stdout; its stderr goes where this process's goes.
pub(crate) fn capture(command: &mut Command, limit: Duration) -> Result<String, Failure> {
    command.stdin(Stdio::null()).stdout(Stdio::piped());
    let mut running = Running::spawn(command)?;
    let mut pipe = running.child.stdout.take();
    // Read beside the wait: a full pipe would stop the child for good.
    let reader = thread::spawn(move || {
        let mut text = String::new();
        pipe.as_mut().map_or(Ok(0), |pipe| pipe.read_to_string(&mut text)).map(|_| text)
    });
    let status = running.wait(limit)?;
    judge(command, status)?;
    match reader.join() {
        Ok(Ok(text)) => Ok(text),
        _ => Err(Failure::new(format!("the output of {} is not readable text", describe(command)))),
    }
}

/// A child in a process group of its own. Dropped, it ends with everything that it started.
#[derive(Debug)]
pub(crate) struct Running {
    child: Child,
    name: String,
}

impl Running {
    /// Starts a command; stdin, stdout and stderr are as the caller set them.
    pub(crate) fn spawn(command: &mut Command) -> Result<Self, Failure> {
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(command, 0);
        let name = describe(command);
        let child = command.spawn().map_err(|error| Failure::io(format!("cannot run {name}"), &error))?;
        guardian::watch_group(child.id());
        Ok(Self { child, name })
    }

    /// The child itself: its number and its pipes.
    pub(crate) fn child(&mut self) -> &mut Child {
        &mut self.child
    }

    /// How it ended, if it has.
    pub(crate) fn ended(&mut self) -> Result<Option<ExitStatus>, Failure> {
        self.child.try_wait().map_err(|error| Failure::io(&self.name, &error))
    }

    /// Waits for the end, at most as long as `limit`.
    pub(crate) fn wait(mut self, limit: Duration) -> Result<ExitStatus, Failure> {
        let watch = Stopwatch::start();
        // Quick commands are answered quickly, long ones cost nothing.
        let mut pause = Duration::from_millis(2);
        loop {
            match self.child.try_wait() {
                Ok(Some(status)) => return Ok(status),
                Ok(None) if watch.elapsed() < limit => thread::sleep(pause),
                Ok(None) => {
                    return Err(Failure::new(format!(
                        "{} took longer than {} s",
                        self.name,
                        limit.as_secs()
                    )));
                }
                Err(error) => return Err(Failure::io(&self.name, &error)),
            }
            pause = (pause * 2).min(Duration::from_millis(100));
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let id = self.child.id();
        end_group(id);
        // Also when it has ended already: then this only asks for the status that is known.
        let _ = self.child.kill();
        let _ = self.child.wait();
        guardian::release_group(id);
    }
}

/// Ends a whole process group by its number. (The shell's own `kill`: no package is needed for it.)
fn end_group(id: u32) {
    if cfg!(unix) {
        let mut shell = Command::new("sh");
        shell.args(["-c", r#"kill -s KILL -- "-$1""#, "sh", &id.to_string()]);
        let _ = shell.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
    } else {
        let mut taskkill = Command::new("taskkill");
        taskkill.args(["/T", "/F", "/PID", &id.to_string()]);
        let _ = taskkill.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
    }
}

fn judge(command: &Command, status: ExitStatus) -> Result<(), Failure> {
    if status.success() {
        return Ok(());
    }
    Err(Failure::new(format!("{} ended with {status}", describe(command))))
}

/// The program's name and its first words, as a person would type them.
fn describe(command: &Command) -> String {
    let program = Path::new(command.get_program()).file_name().unwrap_or_else(|| command.get_program());
    let words = command.get_args().take(4).map(OsStr::to_string_lossy);
    format!("`{}`", [program.to_string_lossy()].into_iter().chain(words).collect::<Vec<_>>().join(" "))
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut shell = Command::new("sh");
        shell.args(["-c", script]);
        shell
    }

    #[test]
    fn reads_the_exit_code() {
        let limit = Duration::from_secs(10);
        assert!(run(&mut shell("exit 0"), limit).is_ok());
        assert!(run(&mut shell("exit 3"), limit).unwrap_err().message().contains('3'));
        assert_eq!(capture(&mut shell("echo word"), limit).unwrap(), "word\n");
    }

    #[test]
    fn ends_what_takes_too_long_and_its_children() {
        let folder = crate::scratch::Folder::within(&std::env::temp_dir(), "process").unwrap();
        let marker = folder.path().join("child");
        let script = format!("sh -c 'echo $$ > {}; sleep 60' & sleep 60", marker.display());
        assert!(run(&mut shell(&script), Duration::from_millis(400)).is_err());
        let child = fs::read_to_string(&marker).unwrap();
        let watch = Stopwatch::start();
        while run(&mut shell(&format!("kill -0 {} 2>/dev/null", child.trim())), limit()).is_ok() {
            assert!(watch.elapsed() < limit(), "the grandchild lives on");
            thread::sleep(Duration::from_millis(20));
        }
    }

    fn limit() -> Duration {
        Duration::from_secs(10)
    }
}
