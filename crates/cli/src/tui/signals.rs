//! Signals that would end or stop the program: they become news, so that the terminal is given back first.

use std::thread;

use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP};
use signal_hook::iterator::Signals;
use signal_hook::low_level::emulate_default_handler;

/// Tells of each signal that asks this program to end or to stop.
pub(crate) fn listen(tell: impl Fn(i32) + Send + 'static) -> std::io::Result<()> {
    let mut signals = Signals::new([SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP])?;
    thread::spawn(move || signals.forever().for_each(tell));
    Ok(())
}

/// Whether the program only stops, until it is told to go on.
pub(crate) const fn stops(signal: i32) -> bool {
    signal == SIGTSTP
}

/// Ends as the signal would have done, so that whoever sent it sees that.
pub(crate) fn end(signal: i32) {
    // Only an unknown signal is an error, and these are known.
    let _ = emulate_default_handler(signal);
}

/// Stops until the shell goes on with us.
pub(crate) fn stop() {
    let _ = emulate_default_handler(SIGTSTP);
}
