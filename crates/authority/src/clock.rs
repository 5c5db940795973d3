//! The one place that asks what time it is. Everything else is told.

use std::fmt;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use gatepass_core::time::Timestamp;

/// Where `now` comes from.
///
/// A clock that runs ahead makes fresh proofs look stale; one that runs behind lets expired tokens live.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> Timestamp + Send + Sync>);

impl Clock {
    /// The clock of this machine.
    pub fn system() -> Self {
        Self::from_fn(system_now)
    }

    /// A clock that the embedding program owns: a simulation, or a test that moves time instead of sleeping.
    pub fn from_fn(now: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    /// The clock of this machine, moved by as many seconds as the file says at the moment of asking.
    /// A file that is absent or unreadable moves nothing.
    #[cfg(feature = "testing")]
    pub fn moved_by_file(path: std::path::PathBuf) -> Self {
        Self::from_fn(move || {
            let offset = std::fs::read_to_string(&path).ok().and_then(|text| text.trim().parse::<i64>().ok());
            Timestamp::from_seconds(system_now().seconds().saturating_add_signed(offset.unwrap_or(0)))
        })
    }

    pub(crate) fn now(&self) -> Timestamp {
        (self.0)()
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clock")
    }
}

#[expect(clippy::disallowed_methods, reason = "this file is where time enters")]
fn system_now() -> Timestamp {
    // A machine whose clock stands before 1970 gets 1970: everything expires, nothing is granted for longer.
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_seconds(since.as_secs())
}
