//! The socket by which a terminal reaches a host: a file in a folder that is its owner's alone.

use std::fs;
use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process;
use std::sync::mpsc::{self, Sender};
use std::thread;
use std::time::Duration;

use serde_json::Value;

use super::host::{Event, Question, error};
use crate::private;

/// How long a terminal may take over its question.
const QUESTION: Duration = Duration::from_secs(5);

/// How long the extension may take over the answer: it may have to refresh first.
const ANSWER: Duration = Duration::from_secs(60);

/// More than a question or an answer has.
const LONGEST: u64 = 64 * 1024;

/// An open line; the socket's file goes with it.
pub(super) struct Line(PathBuf);

impl Drop for Line {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// Opens the line of this host. Without one the extension is served all the same.
pub(super) fn open(folder: &Path, tell: Sender<Event>) -> io::Result<Line> {
    private::folder(folder)?;
    let path = folder.join(format!("{}.sock", process::id()));
    // Of a process that had this number before.
    let _ = fs::remove_file(&path);
    let listener = UnixListener::bind(&path)?;
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let tell = tell.clone();
            thread::spawn(move || serve(stream, &tell));
        }
    });
    Ok(Line(path))
}

fn serve(mut stream: UnixStream, tell: &Sender<Event>) -> Option<()> {
    stream.set_read_timeout(Some(QUESTION)).ok()?;
    let question: Question = serde_json::from_str(&read_line(&stream).ok()?).ok()?;
    let (reply, answer) = mpsc::channel();
    tell.send(Event::Terminal(question, reply)).ok()?;
    let answer = answer.recv_timeout(ANSWER).unwrap_or_else(|_| error(0, "unreachable"));
    writeln!(stream, "{answer}").ok()
}

/// Asks every host that is there until one has a token; `None` if there is no host.
pub(super) fn ask(folder: &Path, question: &Question) -> io::Result<Option<Value>> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut last = None;
    for path in entries.flatten().map(|entry| entry.path()) {
        if path.extension().is_none_or(|ending| ending != "sock") {
            continue;
        }
        match ask_one(&path, question) {
            Ok(answer) if answer.get("access_token").is_some() => return Ok(Some(answer)),
            Ok(answer) => last = Some(answer),
            // Its host is gone.
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => drop(fs::remove_file(&path)),
            Err(_) => {}
        }
    }
    Ok(last)
}

fn ask_one(path: &Path, question: &Question) -> io::Result<Value> {
    let mut stream = UnixStream::connect(path)?;
    stream.set_read_timeout(Some(ANSWER + QUESTION))?;
    writeln!(stream, "{}", serde_json::to_string(question)?)?;
    Ok(serde_json::from_str(&read_line(&stream)?)?)
}

fn read_line(stream: &UnixStream) -> io::Result<String> {
    let mut line = String::new();
    BufReader::new(stream.take(LONGEST)).read_line(&mut line)?;
    Ok(line)
}
