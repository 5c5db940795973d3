//! Signing out: first here, then at the server, so that it works offline too and says what it could not do.

use core::mem;

use crate::dice::Dice;
use crate::error::Error;
use crate::field::Field;
use crate::http::Request;
use crate::kept::Kept;
use crate::protocol::revoke;
use crate::session::record::{Part, Record, View};
use crate::session::save::farewell;
use crate::session::transaction::{Answer, Effect, Step, Transaction};
use crate::time::Timestamp;

/// How often the record may move under us. Each time, a refresh was successful.
const TRIES: u8 = 5;

/// What signing out did.
#[derive(Debug)]
pub struct SignedOut {
    /// Who was signed in.
    pub view: Kept<View>,
    /// Whether the server revoked the grant; if not, why.
    pub revoked: Result<(), Error>,
}

/// The transaction.
#[derive(Debug)]
pub struct SignOut {
    state: State,
    locked: bool,
    tries: u8,
    result: Result<SignedOut, Error>,
}

#[derive(Debug)]
enum State {
    Locking,
    /// With what an erasure that was answered by `Moved` was going to say.
    Looking(Option<(Kept<View>, Option<Request>)>),
    Erasing {
        view: Kept<View>,
        farewell: Option<Request>,
    },
    Revoking(Kept<View>),
    Unlocking,
    Done,
}

impl SignOut {
    /// Ends whatever session is stored.
    pub const fn new() -> Self {
        Self { state: State::Locking, locked: false, tries: 0, result: Err(Error::Bug) }
    }

    /// The result, after [`Step::Done`].
    pub fn finish(self) -> Result<SignedOut, Error> {
        self.result
    }

    fn end(&mut self, result: Result<SignedOut, Error>) -> Step {
        self.result = result;
        if self.locked {
            self.state = State::Unlocking;
            return Step::Need(Effect::Unlock);
        }
        self.state = State::Done;
        Step::Done
    }

    fn look(&mut self, left: Option<(Kept<View>, Option<Request>)>) -> Step {
        self.state = State::Looking(left);
        Step::Need(Effect::Load(Part::Whole))
    }

    fn erased(&mut self, view: Kept<View>, farewell: Option<Request>) -> Step {
        match farewell {
            Some(farewell) => {
                self.state = State::Revoking(view);
                Step::Need(Effect::Send(farewell))
            }
            None => {
                let revoked = Err(Error::Unsupported { feature: Field::RevocationEndpoint });
                self.end(Ok(SignedOut { view, revoked }))
            }
        }
    }

    fn erase(&mut self, record: &Record) -> Step {
        self.state = State::Erasing { view: record.view.clone(), farewell: farewell(record) };
        Step::Need(Effect::Erase { expect: record.generation })
    }
}

impl Default for SignOut {
    fn default() -> Self {
        Self::new()
    }
}

impl Transaction for SignOut {
    fn step(&mut self, answer: Answer, _now: Timestamp, _dice: &mut dyn Dice) -> Step {
        match (mem::replace(&mut self.state, State::Done), answer) {
            (State::Locking, Answer::Begin) => {
                self.state = State::Locking;
                Step::Need(Effect::Lock)
            }
            (State::Locking, answer @ (Answer::Locked | Answer::LockTimedOut)) => {
                self.locked = matches!(answer, Answer::Locked);
                self.look(None)
            }
            (State::Looking(None), Answer::Loaded(None)) => self.end(Err(Error::NotSignedIn)),
            // It is gone, by our own erasure whose answer was lost or by somebody else's: the server is told either way.
            (State::Looking(Some((view, farewell))), Answer::Loaded(None)) => self.erased(view, farewell),
            (State::Looking(_), Answer::Loaded(Some(record))) => self.erase(&record),
            // A refresh was faster: its new refresh token is the one to revoke.
            (State::Erasing { view, farewell }, Answer::Moved) if self.tries < TRIES => {
                self.tries += 1;
                self.look(Some((view, farewell)))
            }
            (State::Erasing { .. }, Answer::Moved) => self.end(Err(Error::Moved)),
            (State::Erasing { view, farewell }, Answer::Erased) => self.erased(view, farewell),
            (State::Revoking(view), answer) => {
                let revoked = match answer {
                    Answer::Sent(response) => revoke::parse(&response),
                    _ => Err(Error::Unreachable),
                };
                self.end(Ok(SignedOut { view, revoked }))
            }
            (State::Unlocking | State::Done, _) => Step::Done,
            (_, Answer::Failed(error)) => self.end(Err(error)),
            _ => self.end(Err(Error::Bug)),
        }
    }
}
