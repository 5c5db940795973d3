//! The only clock of this crate.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use gatepass_core::time::Timestamp;

/// What time it is; 1970 if the machine's clock stands before it.
pub(crate) fn now() -> Timestamp {
    #[expect(clippy::disallowed_methods, reason = "this is the file that owns the clock")]
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    moved(Timestamp::from_seconds(since.as_secs()))
}

/// Does something and says how long it took.
pub(crate) fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    #[expect(clippy::disallowed_methods, reason = "this is the file that owns the clock")]
    let begun = Instant::now();
    let done = work();
    (done, begun.elapsed())
}

#[cfg(not(feature = "testing"))]
const fn moved(now: Timestamp) -> Timestamp {
    now
}

/// Lets a test make tokens expire: the file named by `GATEPASS_TEST_CLOCK_FILE` holds seconds to add.
#[cfg(feature = "testing")]
fn moved(now: Timestamp) -> Timestamp {
    #[expect(clippy::disallowed_methods, reason = "a switch for tests, absent from what is shipped")]
    let offset =
        std::env::var_os("GATEPASS_TEST_CLOCK_FILE").and_then(|file| std::fs::read_to_string(file).ok());
    let seconds = offset.and_then(|text| text.trim().parse().ok()).unwrap_or(0);
    now.plus(Duration::from_secs(seconds))
}
