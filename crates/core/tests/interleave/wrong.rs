//! Transactions with mistakes. The checks are worth as much as the mistakes they catch.

use gatepass_core::dice::Dice;
use gatepass_core::secret::Secret;
use gatepass_core::session::access::{GetAccess, Wanted};
use gatepass_core::session::record::{Part, Record};
use gatepass_core::session::sign_out::SignOut;
use gatepass_core::session::transaction::{Answer, Effect, Step, Transaction};
use gatepass_core::testing::server::Reply;
use gatepass_core::time::Timestamp;

/// What is done wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Mistake {
    /// Takes what it saw before the lock for what is there under it.
    LooksOnce,
    /// Goes on as if it had the lock when it waited in vain.
    ForgetsTheLock,
    /// Hands out what it got although it could not be saved.
    IgnoresTheSave,
    /// Does not see the mark of a refresh whose answer nobody saved.
    OverlooksTheMark,
    /// Keeps the refresh token that it has just used.
    KeepsTheOldToken,
    /// Erases whatever is there once its own token was refused.
    ErasesAnything,
    /// Takes a server that is down for one that has refused.
    EndsOnServerError,
    /// Saves what it got where nothing is stored any more.
    Revives,
    /// Lets its process keep the lock.
    KeepsTheLock,
    /// Signs out, and takes a record that moved for one that is gone.
    TakesMovedForGone,
    /// Signs out, and takes silence of the server for a yes.
    TakesSilenceForYes,
}

impl Mistake {
    pub(crate) const ALL: [Self; 11] = [
        Self::LooksOnce,
        Self::ForgetsTheLock,
        Self::IgnoresTheSave,
        Self::OverlooksTheMark,
        Self::KeepsTheOldToken,
        Self::ErasesAnything,
        Self::EndsOnServerError,
        Self::Revives,
        Self::KeepsTheLock,
        Self::TakesMovedForGone,
        Self::TakesSilenceForYes,
    ];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::LooksOnce => "looks-once",
            Self::ForgetsTheLock => "forgets-the-lock",
            Self::IgnoresTheSave => "ignores-the-save",
            Self::OverlooksTheMark => "overlooks-the-mark",
            Self::KeepsTheOldToken => "keeps-the-old-token",
            Self::ErasesAnything => "erases-anything",
            Self::EndsOnServerError => "ends-on-server-error",
            Self::Revives => "revives",
            Self::KeepsTheLock => "keeps-the-lock",
            Self::TakesMovedForGone => "takes-moved-for-gone",
            Self::TakesSilenceForYes => "takes-silence-for-yes",
        }
    }

    pub(crate) const fn signs_out(self) -> bool {
        matches!(self, Self::TakesMovedForGone | Self::TakesSilenceForYes)
    }
}

#[derive(Debug)]
enum Inner {
    Access(Box<GetAccess>),
    SignOut(Box<SignOut>),
}

/// A transaction with a mistake: a right one, and somebody between it and the world.
#[derive(Debug)]
pub(crate) struct Wrong {
    mistake: Mistake,
    inner: Inner,
    asked: Asked,
    /// What was seen, or what was to be saved.
    record: Option<Record>,
    refused: bool,
}

/// What was asked of the world last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    Load,
    Save,
    /// An erasure that the transaction does not know of.
    EraseAnyway,
    Else,
}

impl Wrong {
    pub(crate) fn new(mistake: Mistake) -> Self {
        let inner = if mistake.signs_out() {
            Inner::SignOut(Box::new(SignOut::new()))
        } else {
            Inner::Access(Box::new(GetAccess::new(Wanted::default())))
        };
        Self { mistake, inner, asked: Asked::Else, record: None, refused: false }
    }

    pub(crate) fn finish<T>(
        self,
        access: impl FnOnce(GetAccess) -> T,
        sign_out: impl FnOnce(SignOut) -> T,
    ) -> T {
        match self.inner {
            Inner::Access(transaction) => access(*transaction),
            Inner::SignOut(transaction) => sign_out(*transaction),
        }
    }

    fn inner(&mut self) -> &mut dyn Transaction {
        match &mut self.inner {
            Inner::Access(transaction) => transaction.as_mut(),
            Inner::SignOut(transaction) => transaction.as_mut(),
        }
    }

    /// What is asked instead of an effect.
    fn ask(&mut self, effect: Effect) -> Effect {
        self.asked = match &effect {
            Effect::Load(_) => Asked::Load,
            Effect::Save { record, .. } => {
                if self.mistake == Mistake::Revives {
                    self.record = Some(copy(record));
                }
                Asked::Save
            }
            _ => Asked::Else,
        };
        match effect {
            Effect::Load(_) if self.mistake == Mistake::LooksOnce => Effect::Load(Part::Whole),
            Effect::Save { mut record, expect } if self.mistake == Mistake::KeepsTheOldToken => {
                let old = self.record.as_ref().and_then(|seen| seen.rest.as_ref());
                if let (Some(rest), Some(old)) = (&mut record.rest, old) {
                    rest.refresh_token = old.refresh_token.as_ref().map(Secret::duplicate);
                }
                Effect::Save { record, expect }
            }
            effect => effect,
        }
    }
}

impl Transaction for Wrong {
    fn step(&mut self, answer: Answer, now: Timestamp, dice: &mut dyn Dice) -> Step {
        let answer = match (self.mistake, self.asked, answer) {
            (Mistake::ForgetsTheLock, _, Answer::LockTimedOut) => Answer::Locked,
            (Mistake::IgnoresTheSave, Asked::Save, Answer::Failed(_)) => Answer::Saved,
            (Mistake::EndsOnServerError, _, Answer::Sent(response)) if response.is_transient() => {
                Answer::Sent(Reply::InvalidGrant.response(None))
            }
            (Mistake::TakesMovedForGone, _, Answer::Moved) => Answer::Erased,
            (Mistake::TakesSilenceForYes, _, Answer::Lost) => Answer::Sent(Reply::Revoked.response(None)),
            (Mistake::Revives, Asked::Save, Answer::Moved) => {
                self.asked = Asked::Else;
                let record = self.record.as_ref().map(copy).expect("it was saved");
                return Step::Need(Effect::Save { record, expect: None });
            }
            (Mistake::ErasesAnything, Asked::Load, Answer::Loaded(Some(found))) if self.refused => {
                self.asked = Asked::EraseAnyway;
                return Step::Need(Effect::Erase { expect: found.generation });
            }
            (Mistake::ErasesAnything, Asked::EraseAnyway, _) => Answer::Loaded(None),
            (Mistake::OverlooksTheMark, Asked::Load, Answer::Loaded(Some(mut found))) => {
                if let Some(rest) = &mut found.rest {
                    rest.mark = None;
                }
                Answer::Loaded(Some(found))
            }
            (Mistake::LooksOnce, Asked::Load, Answer::Loaded(found)) => {
                self.record = found.as_ref().map(copy);
                Answer::Loaded(found)
            }
            (Mistake::KeepsTheOldToken, Asked::Load, Answer::Loaded(Some(found))) if found.rest.is_some() => {
                self.record = Some(copy(&found));
                Answer::Loaded(Some(found))
            }
            (_, _, answer) => answer,
        };
        self.refused |= matches!(&answer, Answer::Sent(response) if response.status == 400);
        let took_the_lock = matches!(answer, Answer::Locked | Answer::LockTimedOut);
        match self.inner().step(answer, now, dice) {
            Step::Need(Effect::Load(_)) if took_the_lock && self.mistake == Mistake::LooksOnce => {
                let seen = self.record.as_ref().map(copy);
                match self.inner().step(Answer::Loaded(seen), now, dice) {
                    Step::Need(effect) => Step::Need(self.ask(effect)),
                    Step::Done => Step::Done,
                }
            }
            Step::Need(Effect::Unlock) if self.mistake == Mistake::KeepsTheLock => {
                self.inner().step(Answer::Unlocked, now, dice)
            }
            Step::Need(effect) => Step::Need(self.ask(effect)),
            Step::Done => Step::Done,
        }
    }
}

fn copy(record: &Record) -> Record {
    let encoded = record.encode().expect("it is whole");
    let rest = encoded.rest.expose().as_bytes();
    Record::decode(encoded.access.expose().as_bytes(), Some(rest)).expect("core reads what it wrote")
}
