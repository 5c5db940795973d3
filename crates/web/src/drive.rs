//! The shell's whole part in a transaction: do what it says, answer, until it is done.

use gatepass_core::error::Error;
use gatepass_core::session::transaction::{Answer, Effect, Step, Transaction};
use web_sys::CryptoKey;

use crate::random::BrowserDice;
use crate::site::Site;
use crate::store::Outcome;
use crate::{clock, http, lock, sign};

/// Which key lies beside the record that a transaction saves.
#[derive(Debug)]
pub enum Key {
    /// The one that lay beside the record last loaded: the session stays, so its key does.
    Loaded(Option<CryptoKey>),
    /// The one that a login brings; whatever belonged to the session before it goes.
    Brought(Option<CryptoKey>),
}

impl Key {
    const fn get(&self) -> Option<&CryptoKey> {
        match self {
            Self::Loaded(key) | Self::Brought(key) => key.as_ref(),
        }
    }
}

/// Drives a transaction to its end. The lock goes with the guard, on every path out of here.
pub async fn drive(transaction: &mut dyn Transaction, site: &Site, mut key: Key) {
    let mut guard = None;
    let mut answer = Answer::Begin;
    while let Step::Need(effect) = transaction.step(answer, clock::now(), &mut BrowserDice) {
        answer = match effect {
            Effect::Lock => {
                guard = lock::take(&site.lock, lock::LIMIT).await;
                if guard.is_some() { Answer::Locked } else { Answer::LockTimedOut }
            }
            Effect::Unlock => {
                guard = None;
                Answer::Unlocked
            }
            effect => answer_to(effect, site, &mut key).await.unwrap_or_else(Answer::Failed),
        };
    }
    drop(guard);
}

async fn answer_to(effect: Effect, site: &Site, key: &mut Key) -> Result<Answer, Error> {
    let Site { store, session, .. } = site;
    let outcome = match effect {
        Effect::Load(part) => {
            let found = store.load(session, part).await?;
            return Ok(Answer::Loaded(found.map(|(record, beside)| {
                if let Key::Loaded(loaded) = key {
                    *loaded = beside;
                }
                record
            })));
        }
        Effect::Sign { input, .. } => {
            let key = key.get().ok_or(Error::KeyLost)?;
            return sign::sign(key, &input).await.map(Answer::Signed);
        }
        Effect::Send(request) => return Ok(http::send(&request).await.map_or(Answer::Lost, Answer::Sent)),
        Effect::Save { record, expect } => store.save(session, &record, key.get(), expect).await?,
        Effect::Erase { expect } => match store.erase(session, expect).await? {
            Outcome::Done => return Ok(Answer::Erased),
            Outcome::Moved => Outcome::Moved,
        },
        Effect::Lock | Effect::Unlock => return Err(Error::Bug),
    };
    Ok(match outcome {
        Outcome::Done => Answer::Saved,
        Outcome::Moved => Answer::Moved,
    })
}
