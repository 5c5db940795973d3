//! Keeping a new session: in place of what was there, and only then is the old grant given back.

use alloc::boxed::Box;
use core::mem;

use crate::dice::Dice;
use crate::error::Error;
use crate::http::Request;
use crate::protocol::revoke;
use crate::session::record::{Generation, Part, Record};
use crate::session::transaction::{Answer, Effect, Step, Transaction};
use crate::time::Timestamp;

/// How often the store may move under us before we give up. Each time, somebody else was successful.
const TRIES: u8 = 3;

/// The transaction.
#[derive(Debug)]
pub struct SaveSession {
    state: State,
    locked: bool,
    tries: u8,
    result: Result<(), Error>,
}

#[derive(Debug)]
enum State {
    Locking(Record),
    Looking {
        record: Record,
        /// The save that was answered by `Moved`.
        attempt: Option<Box<Attempt>>,
    },
    Saving {
        /// The session again, should the store move.
        record: Record,
        attempt: Box<Attempt>,
    },
    Revoking,
    Unlocking,
    Done,
}

/// A save of which nobody knows yet whether it was done.
#[derive(Debug)]
struct Attempt {
    /// What was there before.
    replaced: Option<Generation>,
    /// What gives the replaced grant back.
    farewell: Option<Request>,
}

impl SaveSession {
    /// Keeps `record`, which a login has just proven.
    pub const fn new(record: Record) -> Self {
        Self { state: State::Locking(record), locked: false, tries: 0, result: Err(Error::Bug) }
    }

    /// The result, after [`Step::Done`].
    pub fn finish(self) -> Result<(), Error> {
        self.result
    }

    fn end(&mut self, result: Result<(), Error>) -> Step {
        self.result = result;
        if self.locked {
            self.state = State::Unlocking;
            return Step::Need(Effect::Unlock);
        }
        self.state = State::Done;
        Step::Done
    }

    fn look(&mut self, record: Record, attempt: Option<Box<Attempt>>) -> Step {
        self.state = State::Looking { record, attempt };
        Step::Need(Effect::Load(Part::Whole))
    }

    fn looked(&mut self, record: Record, attempt: Option<Box<Attempt>>, found: Option<Record>) -> Step {
        let found_after = |earlier| found.as_ref().is_some_and(|found| comes_from(found.generation, earlier));
        if found_after(record.generation) {
            // Our own, or what a refresh has made of it: the save was done, and only its answer was lost.
            return self.saved(attempt.and_then(|attempt| attempt.farewell));
        }
        match attempt {
            // Not a refresh of the old session that was faster: ours may have been there, and somebody has ended it
            // since. Saved again, it would stand there after a sign-out, with a grant that was given back.
            Some(attempt) if !attempt.replaced.is_some_and(found_after) => self.end(Err(Error::Moved)),
            _ => self.save(record, found.as_ref()),
        }
    }

    fn saved(&mut self, farewell: Option<Request>) -> Step {
        match farewell {
            Some(farewell) => {
                self.state = State::Revoking;
                Step::Need(Effect::Send(farewell))
            }
            None => self.end(Ok(())),
        }
    }

    fn save(&mut self, record: Record, replaced: Option<&Record>) -> Step {
        let expect = replaced.map(|record| record.generation);
        // RFC 7009 section 2.1 lets a server end with a token the whole grant of person and client, to which the new
        // session may belong. Only an issuer that tells sessions apart is told, or when somebody else was signed in.
        let apart = |old: &&Record| {
            old.rest.as_ref().is_some_and(|rest| rest.forgives_replay)
                || old.view.identity.subject != record.view.identity.subject
        };
        let farewell = replaced.filter(apart).and_then(farewell);
        let attempt = Box::new(Attempt { replaced: expect, farewell });
        match record.duplicate() {
            Ok(stored) => {
                self.state = State::Saving { record, attempt };
                Step::Need(Effect::Save { record: stored, expect })
            }
            Err(error) => self.end(Err(error)),
        }
    }
}

/// Whether `later` is `earlier` or a state of the same session after it. Sessions begin at random places, so that
/// another one stands this close by a chance of one in billions.
const fn comes_from(later: Generation, earlier: Generation) -> bool {
    later.number().wrapping_sub(earlier.number()) < 1 << 20
}

/// What gives the grant of a replaced session back, if its server can take it.
pub(super) fn farewell(record: &Record) -> Option<Request> {
    let rest = record.rest.as_ref()?;
    let endpoint = rest.revocation_endpoint.as_ref()?;
    Some(revoke::request(endpoint, &record.view.client_id, rest.refresh_token.as_ref()?))
}

impl Transaction for SaveSession {
    fn step(&mut self, answer: Answer, _now: Timestamp, _dice: &mut dyn Dice) -> Step {
        match (mem::replace(&mut self.state, State::Done), answer) {
            (State::Locking(record), Answer::Begin) => {
                self.state = State::Locking(record);
                Step::Need(Effect::Lock)
            }
            // Without the lock the comparison still holds: a refresh under way notices that its record has moved.
            (State::Locking(record), answer @ (Answer::Locked | Answer::LockTimedOut)) => {
                self.locked = matches!(answer, Answer::Locked);
                self.look(record, None)
            }
            (State::Looking { record, attempt }, Answer::Loaded(found)) => {
                self.looked(record, attempt, found)
            }
            (State::Saving { attempt, .. }, Answer::Saved) => self.saved(attempt.farewell),
            (State::Saving { record, attempt }, Answer::Moved) if self.tries < TRIES => {
                self.tries += 1;
                self.look(record, Some(attempt))
            }
            (State::Saving { .. }, Answer::Moved) => self.end(Err(Error::Moved)),
            (State::Saving { .. }, Answer::Failed(_)) => self.end(Err(Error::NotSaved)),
            // The new session is kept whatever becomes of the old grant: it ends by itself.
            (State::Revoking, _) => self.end(Ok(())),
            (State::Unlocking | State::Done, _) => Step::Done,
            (_, Answer::Failed(error)) => self.end(Err(error)),
            _ => self.end(Err(Error::Bug)),
        }
    }
}
