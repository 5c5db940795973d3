//! The terminal while a login waits: a line with the time left, and the person's keys.
//!
//! Nothing of an address that is typed is echoed, as it holds a code. The terminal is put back when this is dropped,
//! and before Ctrl-C ends the process.

mod typed;

use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use gatepass::Remote;

use self::typed::{Key, Typed};

/// How often the line moves.
const TICK: Duration = Duration::from_millis(100);

const FRAMES: [char; 10] = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];

/// The line on the screen, shared by the thread that moves it and by whoever has something to say.
#[derive(Clone, Debug, Default)]
pub(crate) struct Line(Arc<Mutex<Option<String>>>);

impl Line {
    /// Says something above the line.
    pub(crate) fn say(&self, words: &str) {
        let line = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut err = io::stderr().lock();
        // A closed stderr is no reason to stop.
        let _ = match line.as_ref() {
            None => writeln!(err, "{words}"),
            Some(line) => write!(err, "\r\u{1b}[K{words}\n{line}").and_then(|()| err.flush()),
        };
    }

    fn draw(&self, text: String) {
        let mut line = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut err = io::stderr().lock();
        let _ = write!(err, "\r\u{1b}[K{text}").and_then(|()| err.flush());
        *line = Some(text);
    }

    fn clear(&self) {
        let mut line = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if line.take().is_some() {
            let mut err = io::stderr().lock();
            let _ = write!(err, "\r\u{1b}[K").and_then(|()| err.flush());
        }
    }
}

/// What the person may type beside Ctrl-C.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keys {
    /// Nothing: the way was forced.
    None,
    /// The address at which the browser ended.
    Paste,
    /// That, or `d` for a device code.
    PasteOrCode,
    /// The code that a dashboard shows.
    Typed,
    /// That, or a line with `d` for a device code.
    TypedOrCode,
}

/// What the thread hears of the login.
#[derive(Debug, Default)]
struct Shared {
    stop: AtomicBool,
    /// A device code is on the screen.
    coded: AtomicBool,
}

/// The thread that moves the line and reads the keys; dropping it ends both.
#[derive(Debug)]
pub(crate) struct Watch {
    shared: Arc<Shared>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Watch {
    /// Starts it, where there is a terminal to do it at.
    pub(crate) fn start(
        line: &Line,
        remote: Remote,
        mut keys: Keys,
        limit: Duration,
        width: usize,
    ) -> Option<Self> {
        let terminal = Quiet::keys()?;
        let shared = Arc::new(Shared::default());
        let (line, heard) = (line.clone(), Arc::clone(&shared));
        let thread = thread::Builder::new().name(String::from("keys")).spawn(move || {
            let mut typed = Typed::new(keys.are_lines());
            let mut ticks = 0_u32;
            while !heard.stop.load(Ordering::Relaxed) {
                if heard.coded.swap(false, Ordering::Relaxed) {
                    // There is a code already, and all the time for it.
                    (keys, ticks) = (keys.without_code(), 0);
                }
                let words = typed
                    .shown()
                    .map_or_else(|| keys.words().to_owned(), |code| format!("; code: {code}, Enter: send"));
                line.draw(text(ticks, limit.saturating_sub(TICK * ticks), &words, width));
                match terminal.read(TICK) {
                    Read::Nothing => ticks = ticks.saturating_add(1),
                    Read::Bytes(bytes) => {
                        for byte in bytes {
                            match typed.take(byte) {
                                Key::More => {}
                                Key::Line(line) if keys != Keys::None => remote.paste(line),
                                Key::DeviceCode if keys.offer_code() => remote.device_code(),
                                Key::Line(_) | Key::DeviceCode => {}
                                Key::GiveUp => {
                                    line.clear();
                                    terminal.give_up();
                                }
                            }
                        }
                    }
                    Read::Closed => break,
                }
            }
            line.clear();
        });
        Some(Self { shared, thread: thread.ok() })
    }

    /// Takes the offer of a device code back, and begins the countdown again: a code was shown.
    pub(crate) fn code_is_shown(&self) {
        self.shared.coded.store(true, Ordering::Relaxed);
    }
}

impl Keys {
    const fn without_code(self) -> Self {
        match self {
            Self::PasteOrCode => Self::Paste,
            Self::TypedOrCode => Self::Typed,
            other => other,
        }
    }

    const fn offer_code(self) -> bool {
        matches!(self, Self::PasteOrCode | Self::TypedOrCode)
    }

    const fn are_lines(self) -> bool {
        matches!(self, Self::Typed | Self::TypedOrCode)
    }

    const fn words(self) -> &'static str {
        match self {
            Self::None => "",
            Self::Paste => "; paste the last address here",
            Self::PasteOrCode => "; paste the last address here, d: device code",
            Self::Typed => "; type the page's code here",
            Self::TypedOrCode => "; type the page's code, d and Enter: device code",
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// The line, cut to the width of the screen: one that wraps could not be taken back.
fn text(ticks: u32, left: Duration, words: &str, width: usize) -> String {
    let frame = FRAMES[ticks as usize % FRAMES.len()];
    let (minutes, seconds) = (left.as_secs() / 60, left.as_secs() % 60);
    let line = format!("{frame} {minutes}:{seconds:02} left{words}, Ctrl-C: give up");
    line.chars().take(width.saturating_sub(1)).collect()
}

enum Read {
    Nothing,
    Bytes(Vec<u8>),
    Closed,
}

/// A terminal that shows nothing of what is typed, until this is dropped.
#[cfg(unix)]
#[derive(Debug)]
pub(crate) struct Quiet(());

#[cfg(unix)]
impl Quiet {
    /// Takes echo, line editing and signals from the terminal, if there is one: each key counts.
    fn keys() -> Option<Self> {
        use rustix::termios::LocalModes;
        Self::without(LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG)
    }

    /// Takes echo alone: a line is typed unseen.
    pub(crate) fn lines() -> Option<Self> {
        Self::without(rustix::termios::LocalModes::ECHO)
    }

    fn without(modes: rustix::termios::LocalModes) -> Option<Self> {
        use rustix::termios::{OptionalActions, tcgetattr, tcsetattr};
        let stdin = rustix::stdio::stdin();
        let before = tcgetattr(stdin).ok()?;
        let mut quiet = before.clone();
        quiet.local_modes.remove(modes);
        // A signal that ends the process gives the terminal back first.
        signals::restore_first(before);
        tcsetattr(stdin, OptionalActions::Now, &quiet).ok()?;
        Some(Self(()))
    }

    fn read(&self, limit: Duration) -> Read {
        use rustix::event::{PollFd, PollFlags, Timespec, poll};
        let stdin = rustix::stdio::stdin();
        let mut fds = [PollFd::new(&stdin, PollFlags::IN)];
        let limit = Timespec { tv_sec: 0, tv_nsec: i64::from(limit.subsec_nanos()) };
        match poll(&mut fds, Some(&limit)) {
            Ok(0) | Err(_) => return Read::Nothing,
            Ok(_) => {}
        }
        let mut bytes = vec![0; 4096];
        match rustix::io::read(stdin, &mut bytes) {
            Ok(0) | Err(rustix::io::Errno::IO) => Read::Closed,
            Ok(length) => {
                bytes.truncate(length);
                Read::Bytes(bytes)
            }
            Err(_) => Read::Nothing,
        }
    }

    /// Ends the process as Ctrl-C does, with the terminal as it was.
    fn give_up(&self) {
        signals::end(signal_hook::consts::SIGINT);
    }
}

#[cfg(unix)]
impl Drop for Quiet {
    fn drop(&mut self) {
        signals::restore();
    }
}

/// The terminal as it was, for whatever ends the process while it is quiet.
#[cfg(unix)]
mod signals {
    use std::sync::{Mutex, Once, PoisonError};
    use std::thread;

    use rustix::termios::{OptionalActions, Termios, tcsetattr};
    use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};
    use signal_hook::iterator::Signals;
    use signal_hook::low_level::emulate_default_handler;

    static BEFORE: Mutex<Option<Termios>> = Mutex::new(None);

    /// Keeps what the terminal was, and listens from now on: the first signal ends the process as it would have, after
    /// the terminal is given back.
    pub(super) fn restore_first(before: Termios) {
        static LISTENS: Once = Once::new();
        *BEFORE.lock().unwrap_or_else(PoisonError::into_inner) = Some(before);
        LISTENS.call_once(|| {
            if let Ok(mut signals) = Signals::new([SIGHUP, SIGINT, SIGQUIT, SIGTERM]) {
                thread::spawn(move || signals.forever().for_each(end));
            }
        });
    }

    /// Gives the terminal back, if it was taken.
    pub(super) fn restore() {
        if let Some(before) = BEFORE.lock().unwrap_or_else(PoisonError::into_inner).take() {
            // What was typed ahead stays unread: it may be half an address. Flushed, it cannot end up in a shell.
            let _ = tcsetattr(rustix::stdio::stdin(), OptionalActions::Flush, &before);
        }
    }

    pub(super) fn end(signal: i32) {
        restore();
        // Only an unknown signal is an error, and these are known.
        let _ = emulate_default_handler(signal);
    }
}

/// Elsewhere the address is brought by `login --finish`.
#[cfg(not(unix))]
#[derive(Debug)]
pub(crate) struct Quiet;

#[cfg(not(unix))]
impl Quiet {
    fn keys() -> Option<Self> {
        None
    }

    pub(crate) fn lines() -> Option<Self> {
        None
    }

    fn read(&self, _limit: Duration) -> Read {
        Read::Closed
    }

    fn give_up(&self) {}
}

/// How wide the screen behind stderr is.
pub(crate) fn width() -> usize {
    #[cfg(unix)]
    if let Ok(size) = rustix::termios::tcgetwinsize(rustix::stdio::stderr())
        && size.ws_col > 0
    {
        return usize::from(size.ws_col);
    }
    80
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_fits() {
        let left = Duration::from_secs(299);
        assert!(text(3, left, Keys::Paste.words(), 80).starts_with("⠸ 4:59 left"));
        assert_eq!(text(0, left, Keys::PasteOrCode.words(), 20).chars().count(), 19);
        for keys in [Keys::PasteOrCode, Keys::TypedOrCode] {
            assert!(text(0, left, keys.words(), 120).chars().count() <= 80, "{keys:?}");
        }
    }

    #[test]
    fn a_code_that_is_there_is_not_offered() {
        assert!(Keys::PasteOrCode.words().contains("d: device code"));
        let after = Keys::PasteOrCode.without_code();
        assert!(after.words().contains("paste") && !after.words().contains("d: device code"));
    }
}
