//! The whole contract between the core and its shells: a transaction asks for effects, a shell answers.
//!
//! A shell is a loop without opinions: `step`, do what it says, `step` with the answer, until `Done`. It runs to the
//! end even when its caller is gone, and it drops the lock on every exit.

use alloc::vec::Vec;

use crate::dice::Dice;
use crate::error::Error;
use crate::http::{Request, Response};
use crate::secret::SecretBytes;
use crate::session::record::{Generation, Part, Record};
use crate::time::Timestamp;

/// What a transaction needs done.
#[derive(Debug)]
pub enum Effect {
    /// Read the record. Answer: `Loaded`.
    Load(Part),
    /// Take the session's lock, waiting no longer than the shell's limit. Answer: `Locked` or `LockTimedOut`.
    Lock,
    /// Sign by ES256. Answer: `Signed`, with the 64 bytes r || s.
    Sign {
        /// What to sign.
        input: Vec<u8>,
        /// The private key; `None` means the one that the store keeps beside the record last loaded.
        private: Option<SecretBytes>,
    },
    /// Send a request. Answer: `Sent`, or `Lost` if there was no answer.
    Send(Request),
    /// Store the record if the stored generation is still `expect` (`None`: nothing is stored). Answer: `Saved`,
    /// or `Moved` if it is not.
    Save {
        /// What to store.
        record: Record,
        /// What has to be there now.
        expect: Option<Generation>,
    },
    /// Remove the record if its generation is still `expect`. Answer: `Erased` or `Moved`.
    Erase {
        /// What has to be there now.
        expect: Generation,
    },
    /// Release the lock. Answer: `Unlocked`.
    Unlock,
}

/// What became of an [`Effect`].
#[derive(Debug)]
pub enum Answer {
    /// Nothing was asked yet: the first step.
    Begin,
    /// What the store holds.
    Loaded(Option<Record>),
    /// The lock is ours.
    Locked,
    /// Somebody else held the lock for all of the limit.
    LockTimedOut,
    /// The signature.
    Signed(Vec<u8>),
    /// The response.
    Sent(Response),
    /// No response came; the request may or may not have arrived.
    Lost,
    /// The record is durable.
    Saved,
    /// The record is gone.
    Erased,
    /// Somebody else changed the record first; nothing was done.
    Moved,
    /// The lock is free.
    Unlocked,
    /// The effect could not be done.
    Failed(Error),
}

/// What comes next.
#[derive(Debug)]
pub enum Step {
    /// Do this and answer.
    Need(Effect),
    /// It is over; the transaction's `finish` has the result.
    Done,
}

/// A machine that a shell drives.
pub trait Transaction {
    /// Takes the answer to the last effect ([`Answer::Begin`] at first) and says what comes next.
    fn step(&mut self, answer: Answer, now: Timestamp, dice: &mut dyn Dice) -> Step;
}
