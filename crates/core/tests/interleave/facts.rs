//! What the checks ask about an actor's history.

use gatepass_core::testing::server::{Call, RefreshToken, Reply};

use crate::actor::{Asks, Heard, Job, Stored};

/// Everything that they ask, and no more: what differs here is not the same state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Facts {
    /// It waited for the lock in vain.
    pub(crate) unlocked: bool,
    /// The refresh token that it wrote a mark for, until the answer is saved.
    pub(crate) marks: Option<RefreshToken>,
    /// The refresh token that it sent last.
    pub(crate) asked: Option<RefreshToken>,
    /// The refresh token whose successor it got, until that is saved or cannot be.
    pub(crate) owes: Option<RefreshToken>,
    /// The refresh token that was refused.
    pub(crate) refused: Option<RefreshToken>,
    /// It has looked at the store since then.
    pub(crate) looked_since: bool,
    /// It saw an empty store when it looked last.
    pub(crate) nothing: bool,
    /// It has asked for an erasure.
    pub(crate) tried_erasing: bool,
    /// It was told that the record is gone.
    pub(crate) erased: bool,
    /// It was told that its record is durable, or has seen it in the store.
    pub(crate) kept: bool,
    /// It was told that the store moved.
    pub(crate) moved: bool,
    /// It was told that something could not be done.
    pub(crate) failed: bool,
    /// It got no answer of the server that means anything.
    pub(crate) unreached: bool,
    /// For a sign-out: whose session it saw last.
    pub(crate) target: Option<u8>,
}

impl Facts {
    /// An actor hears what became of its effect; `stored` is what it loaded, or what it saved.
    pub(crate) fn learn(&mut self, job: Job, asked: Asks, heard: Heard, stored: Option<&Stored>) {
        match (asked, heard) {
            (Asks::Load, Heard::Loaded(_)) => {
                self.nothing = stored.is_none();
                self.looked_since = self.refused.is_some();
                if let Some(stored) = stored {
                    let family = stored.refresh_token.family;
                    self.kept |= job == Job::Save(family);
                    self.target = job.signs_out().then_some(family);
                }
            }
            (Asks::Lock, Heard::TimedOut) => self.unlocked = true,
            (Asks::Send(Call::Refresh { token, .. }), heard) => {
                self.asked = Some(token);
                match heard {
                    Heard::Sent(Reply::Tokens { .. }) => self.owes = Some(token),
                    Heard::Sent(Reply::InvalidGrant) => self.refused = Some(token),
                    Heard::Sent(Reply::Status(_)) | Heard::Lost => self.unreached = true,
                    _ => {}
                }
            }
            (Asks::Save { .. }, Heard::Saved) => {
                self.kept |= matches!(job, Job::Save(_));
                if stored.is_some_and(|stored| !stored.marked) {
                    self.marks = None;
                    self.owes = None;
                }
            }
            (Asks::Save { .. } | Asks::Erase { .. }, Heard::Moved) => {
                self.moved = true;
                self.owes = None;
            }
            (Asks::Save { .. }, Heard::Failed) => self.owes = None,
            (Asks::Erase { .. }, Heard::Erased) => self.erased = true,
            _ => {}
        }
        self.failed |= heard == Heard::Failed;
    }
}
