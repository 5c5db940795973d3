//! What a caller says and what it is told: either may hold a token, so neither is left behind in memory.

use std::io::{self, BufRead, Read, Write};

use gatepass::Secret;

use crate::words::Trouble;

/// No caller has more to say at a time.
const MOST: u64 = 64 * 1024;

/// Reads all that the caller says.
pub(super) fn read<T>(reader: impl FnOnce(&str) -> T) -> Result<T, Trouble> {
    let mut text = String::new();
    let read = io::stdin().lock().take(MOST).read_to_string(&mut text);
    let text = Secret::new(text);
    read.map_err(|error| unreadable(&error))?;
    Ok(reader(text.expose()))
}

/// Reads one line of what the caller says; `None` at the end.
pub(super) fn read_line<T>(reader: impl FnOnce(&str) -> T) -> Result<Option<T>, Trouble> {
    let mut text = String::new();
    let read = io::stdin().lock().take(MOST).read_line(&mut text);
    let text = Secret::new(text);
    let length = read.map_err(|error| unreadable(&error))?;
    Ok((length > 0).then(|| reader(text.expose())))
}

/// Prints an answer.
pub(super) fn print(answer: String) {
    let answer = Secret::new(answer);
    let mut out = io::stdout().lock();
    // A caller that has gone away is no reason to complain.
    let _ = out.write_all(answer.expose().as_bytes()).and_then(|()| out.flush());
}

fn unreadable(error: &io::Error) -> Trouble {
    Trouble::Usage(format!("cannot read what the caller says: {error}"))
}
