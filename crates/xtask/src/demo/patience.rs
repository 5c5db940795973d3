//! Waiting for what must come: with a limit, and with an ear for Ctrl-C.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

use crate::clock::Stopwatch;
use crate::failure::Failure;

/// Everything that the demo waits for goes through here, so that nothing hangs and everything can be interrupted.
#[derive(Clone, Debug, Default)]
pub(crate) struct Patience {
    interrupted: Arc<AtomicBool>,
}

impl Patience {
    /// From here on, a first signal is only noted, so that the demo can clear up; a second one ends it at once.
    pub(crate) fn with_signals() -> Result<Self, Failure> {
        let interrupted = Arc::new(AtomicBool::new(false));
        #[cfg(unix)]
        let signals = [SIGINT, SIGTERM, signal_hook::consts::SIGHUP];
        #[cfg(not(unix))]
        let signals = [SIGINT, SIGTERM];
        for signal in signals {
            // In this order: the first signal must not see the note that it makes itself.
            flag::register_conditional_shutdown(signal, 128 + signal, Arc::clone(&interrupted))
                .and_then(|_| flag::register(signal, Arc::clone(&interrupted)))
                .map_err(|error| Failure::io("cannot listen to signals", &error))?;
        }
        Ok(Self { interrupted })
    }

    /// Hears no signal: for clearing up.
    pub(crate) fn deaf() -> Self {
        Self::default()
    }

    pub(crate) fn is_interrupted(&self) -> bool {
        self.interrupted.load(Ordering::Relaxed)
    }

    /// Looks until there is something, at most as long as `limit`. `what` completes "waited for".
    pub(crate) fn until<T>(
        &self,
        what: &str,
        limit: Duration,
        mut look: impl FnMut() -> Result<Option<T>, Failure>,
    ) -> Result<T, Failure> {
        let watch = Stopwatch::start();
        let mut pause = Duration::from_millis(2);
        loop {
            if self.is_interrupted() {
                return Err(Failure::new("interrupted"));
            }
            if let Some(found) = look()? {
                return Ok(found);
            }
            if watch.elapsed() > limit {
                return Err(Failure::new(format!("waited {} s in vain for {what}", limit.as_secs())));
            }
            thread::sleep(pause);
            pause = (pause * 2).min(Duration::from_millis(50));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_gives_up_and_is_interrupted() {
        let patience = Patience::deaf();
        let mut looks = 0;
        let found = patience.until("three", Duration::from_secs(10), || {
            looks += 1;
            Ok((looks == 3).then_some(looks))
        });
        assert_eq!(found.unwrap(), 3);
        let nothing = patience.until("nothing", Duration::ZERO, || Ok(None::<()>)).unwrap_err();
        assert_eq!(nothing.message(), "waited 0 s in vain for nothing");
        patience.interrupted.store(true, Ordering::Relaxed);
        assert!(patience.until("anything", Duration::from_secs(10), || Ok(Some(1))).is_err());
    }
}
