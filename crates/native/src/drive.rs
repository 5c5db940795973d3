//! The loop that answers a transaction: it does what core asks for and has no opinion.

use gatepass_core::error::Error;
use gatepass_core::session::transaction::{Answer, Effect, Step, Transaction};

use crate::clock;
use crate::http::Http;
use crate::lock::{self, Guard};
use crate::random::OsDice;
use crate::sign::sign;
use crate::store::{Changed, Fallback, Store};

/// Everything that effects touch.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) store: Store,
    pub(crate) fallback: Fallback,
    pub(crate) http: Http,
}

impl World {
    pub(crate) fn new(store: Store, fallback: Fallback) -> Self {
        Self { store, fallback, http: Http::default() }
    }

    /// Runs a transaction as far as the store alone carries it: a cached token needs neither thread nor runtime.
    /// Gives the effect that needs more, or `None` if it is over.
    pub(crate) fn begin(&self, transaction: &mut dyn Transaction) -> Option<Effect> {
        let mut answer = Answer::Begin;
        loop {
            match transaction.step(answer, clock::now(), &mut OsDice) {
                Step::Done => return None,
                Step::Need(Effect::Load(part)) => answer = loaded(self.store.load(part)),
                Step::Need(effect) => return Some(effect),
            }
        }
    }

    /// Runs the rest of it.
    pub(crate) async fn go_on(&self, transaction: &mut (dyn Transaction + Send), mut effect: Effect) {
        let mut guard = None;
        loop {
            let answer = self.perform(effect, &mut guard).await;
            match transaction.step(answer, clock::now(), &mut OsDice) {
                // The guard goes with this function, whatever the transaction forgot.
                Step::Done => return,
                Step::Need(next) => effect = next,
            }
        }
    }

    async fn perform(&self, effect: Effect, guard: &mut Option<Guard>) -> Answer {
        match effect {
            Effect::Load(part) => loaded(self.store.load(part)),
            Effect::Lock => match lock::lock(&self.store.paths.refresh_lock, lock::WAIT).await {
                Ok(Some(held)) => {
                    *guard = Some(held);
                    Answer::Locked
                }
                Ok(None) => Answer::LockTimedOut,
                Err(error) => Answer::Failed(error),
            },
            Effect::Sign { input, private: Some(private) } => {
                sign(&private, &input).map_or_else(Answer::Failed, Answer::Signed)
            }
            // Natively the key is always sealed with the tokens.
            Effect::Sign { private: None, .. } => Answer::Failed(Error::KeyLost),
            Effect::Send(request) => self.http.send(&request).await.map_or(Answer::Lost, Answer::Sent),
            Effect::Save { record, expect } => {
                pause_for_test();
                changed(self.store.save(&record, expect, self.fallback), Answer::Saved)
            }
            Effect::Erase { expect } => changed(self.store.erase(expect), Answer::Erased),
            Effect::Unlock => {
                *guard = None;
                Answer::Unlocked
            }
        }
    }
}

fn loaded(result: Result<Option<gatepass_core::session::record::Record>, Error>) -> Answer {
    result.map_or_else(Answer::Failed, Answer::Loaded)
}

fn changed(result: Result<Changed, Error>, done: Answer) -> Answer {
    match result {
        Ok(Changed::Done) => done,
        Ok(Changed::Moved) => Answer::Moved,
        Err(error) => Answer::Failed(error),
    }
}

#[cfg(not(feature = "testing"))]
const fn pause_for_test() {}

/// Stops for ever before a save, so that a test can kill this process there: it makes the file that is named by
/// `GATEPASS_TEST_STOP_BEFORE_SAVE` and waits. `GATEPASS_TEST_STOP_AFTER` lets so many saves pass first.
#[cfg(feature = "testing")]
fn pause_for_test() {
    use std::sync::atomic::{AtomicU32, Ordering};

    static PASSED: AtomicU32 = AtomicU32::new(0);
    #[expect(clippy::disallowed_methods, reason = "a switch for tests, absent from what is shipped")]
    let (file, after) =
        (std::env::var_os("GATEPASS_TEST_STOP_BEFORE_SAVE"), std::env::var("GATEPASS_TEST_STOP_AFTER"));
    let after = after.ok().and_then(|text| text.parse().ok()).unwrap_or(0);
    if let Some(file) = file
        && PASSED.fetch_add(1, Ordering::Relaxed) >= after
    {
        drop(std::fs::write(file, ""));
        loop {
            std::thread::park();
        }
    }
}
