//! What must hold in every state and at every end.

use gatepass_core::testing::server::{FAMILIES, RefreshToken, Server, ServerKind};

use crate::actor::{Job, Node, Outcome, Stored};
use crate::world::{State, World};

/// What does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Broken {
    SentTwice,
    HandsOutUnsaved,
    LostWithoutCause,
    ErasesAnother,
    ErasesTheLiving,
    OverwritesAnother,
    PutsBackOlder,
    OverwritesItself,
    RevokesItself,
    KeepsTheLock,
    Revived,
    NotSignedOut,
    NotRevoked,
    EndsWithoutRefusal,
    StoredWasRevoked,
    SaysEnded,
    SaysLost,
    SaysBusy,
    SaysNotSaved,
    SaysUnreachable,
    SaysMoved,
    SaysNotSignedIn,
    SaysKept,
    Bug,
}

impl Broken {
    /// The check, with the number of the promise that it belongs to.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::SentTwice => "1 a refresh token reached the server again although no answer was lost",
            Self::HandsOutUnsaved => "2 a token was handed out that is not saved",
            Self::LostWithoutCause => "3 a session was lost without a cause",
            Self::ErasesAnother => "4 a record was erased that is not the one that was refused",
            Self::ErasesTheLiving => "4 a record was erased whose session lives",
            Self::OverwritesAnother => "4 a refresh overwrote another session",
            Self::PutsBackOlder => "4 a refresh put back an older refresh token",
            Self::OverwritesItself => "4 a new session overwrote its own successor",
            Self::RevokesItself => "4 a new session revoked itself",
            Self::KeepsTheLock => "5 a transaction ended with the lock in its hand",
            Self::Revived => "6 a session came back after a sign-out",
            Self::NotSignedOut => "6 a sign-out ended well and had erased nothing",
            Self::NotRevoked => "6 a sign-out says revoked and the grant lives",
            Self::EndsWithoutRefusal => "7 a session was ended without a refusal or without looking again",
            Self::StoredWasRevoked => "6 the grant of a stored session was revoked",
            Self::SaysEnded => "8 a transaction says that the session ended, and it did not",
            Self::SaysLost => "8 a transaction says that an answer was lost, and none was",
            Self::SaysBusy => "8 a transaction says busy, and it did not wait in vain, or it sent something",
            Self::SaysNotSaved => "8 a transaction says that it was not saved, and nothing said so",
            Self::SaysUnreachable => "8 a transaction says unreachable, and it was answered",
            Self::SaysMoved => "8 a transaction says moved, and nothing did",
            Self::SaysNotSignedIn => "8 a transaction says that nobody is signed in, and it saw somebody",
            Self::SaysKept => "8 a transaction says that the session is kept, and does not know it",
            Self::Bug => "8 a transaction says bug",
        }
    }
}

/// Why a refresh token may come to the server again, and so why a session may be lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Cause {
    /// A process died when it had the answer and had not saved it.
    Crash,
    /// The answer was lost.
    AnswerLost,
    /// The request arrived when its sender had given it up.
    Late,
    /// What was answered could not be saved.
    SaveFailed,
    /// What was answered was not saved, because the record had moved.
    Moved,
    /// It was sent without the lock, by a session and to an issuer that allow it.
    Unlocked,
    /// The server ended it by itself.
    Server,
}

impl Cause {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Crash => "a process died between the answer and its save",
            Self::AnswerLost => "the answer was lost",
            Self::Late => "the request arrived after it was given up",
            Self::SaveFailed => "the answer could not be saved",
            Self::Moved => "the answer was not saved because the record had moved",
            Self::Unlocked => "it was sent without the lock",
            Self::Server => "the server ended it",
        }
    }
}

/// How many refresh tokens of one sign-in are told apart.
const TOKENS: usize = 4;

/// Some refresh tokens, with a bit for each of a sign-in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
struct Tokens([u8; FAMILIES]);

impl Tokens {
    const fn add(&mut self, token: RefreshToken) {
        self.0[token.family as usize] |= 1 << token.number;
    }

    const fn has(&self, token: RefreshToken) -> bool {
        self.0[token.family as usize] & 1 << token.number != 0
    }
}

/// What has happened, as far as the checks ask.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Ledger {
    /// Which refresh tokens have reached a living session at the server.
    arrived: Tokens,
    /// Which refresh tokens were sent, or were about to be, and their senders do not know what came of it.
    doubted: Tokens,
    /// For which refresh tokens a mark was written and left, by one who never sent them.
    given_up: Tokens,
    excuses: [[Option<Cause>; TOKENS]; FAMILIES],
    pub(crate) ended_by: [Option<Cause>; FAMILIES],
    signed_out: bool,
    /// Why a session was lost whose record is gone.
    lost: Option<Cause>,
    /// Somebody was told that an answer was lost, and all that was lost is a mark.
    says_lost: bool,
    broken: Option<Broken>,
}

const fn at(token: RefreshToken) -> (usize, usize) {
    (token.family as usize, token.number as usize)
}

impl Ledger {
    pub(crate) fn breaks(&mut self, broken: Broken) {
        self.broken.get_or_insert(broken);
    }

    pub(crate) fn excuse(&mut self, token: RefreshToken, cause: Cause) {
        let (family, number) = at(token);
        self.excuses[family][number].get_or_insert(cause);
    }

    pub(crate) fn doubt(&mut self, token: RefreshToken) {
        self.doubted.add(token);
    }

    /// A refresh token comes to the server.
    pub(crate) fn arrives(&mut self, token: RefreshToken, forgiven: bool, server: &Server) {
        if forgiven {
            self.excuse(token, Cause::Unlocked);
        }
        if !server.family(token).is_alive() {
            return;
        }
        let (family, number) = at(token);
        if self.arrived.has(token) && self.excuses[family][number].is_none() {
            self.breaks(Broken::SentTwice);
        }
        self.arrived.add(token);
    }

    /// The server has answered it.
    pub(crate) fn answered(&mut self, token: RefreshToken, before: &Server, after: &Server) {
        let (family, number) = at(token);
        if before.family(token).is_alive() && !after.family(token).is_alive() {
            self.ended_by[family] = self.excuses[family][number];
        }
    }

    /// A process dies.
    pub(crate) fn crashed(&mut self, node: &Node) {
        if let Some(owed) = node.facts.owes {
            self.excuse(owed, Cause::Crash);
        }
        if let Some(marked) = node.facts.marks {
            self.doubt(marked);
        }
    }

    /// A record is stored in place of another.
    pub(crate) fn stores(&mut self, job: Job, before: Option<&Stored>, after: &Stored) {
        if let Job::Save(own) = job {
            if before.is_some_and(|before| before.refresh_token.family == own) {
                self.breaks(Broken::OverwritesItself);
            }
            self.signed_out = false;
            return;
        }
        let Some(before) = before.map(|before| before.refresh_token) else {
            return self.breaks(Broken::Revived);
        };
        if before.family != after.refresh_token.family {
            self.breaks(Broken::OverwritesAnother);
        } else if before.number > after.refresh_token.number {
            self.breaks(Broken::PutsBackOlder);
        }
    }

    /// A record is erased.
    pub(crate) fn erases(&mut self, node: &Node, stored: &Stored, server: &Server) {
        if node.job.signs_out() {
            self.signed_out = true;
            return;
        }
        if node.facts.refused.is_none() || !node.facts.looked_since {
            self.breaks(Broken::EndsWithoutRefusal);
        }
        if node.facts.refused != Some(stored.refresh_token) {
            self.breaks(Broken::ErasesAnother);
        }
        if server.family(stored.refresh_token).is_alive() {
            self.breaks(Broken::ErasesTheLiving);
        }
        match self.death(stored.refresh_token.family, server) {
            Ok(cause) => self.lost = cause,
            Err(broken) => self.breaks(broken),
        }
    }

    /// Why the grant of a session that is stored is of no use.
    fn death(&self, family: u8, server: &Server) -> Result<Option<Cause>, Broken> {
        let family = usize::from(family);
        match self.ended_by[family] {
            Some(cause) => Ok(Some(cause)),
            None if !server.families[family].revoked => Err(Broken::LostWithoutCause),
            None => Err(Broken::StoredWasRevoked),
        }
    }

    /// A transaction has its result.
    pub(crate) fn over(&mut self, node: &Node, outcome: Outcome, cancelled: bool, server: &Server) {
        let facts = &node.facts;
        let refused = |set: &Tokens| facts.refused.is_some_and(|token| set.has(token));
        let came_before = refused(&self.arrived);
        let (doubted, given_up) = (refused(&self.doubted), refused(&self.given_up));
        let cause = facts.refused.and_then(|token| self.ended_by[usize::from(token.family)]);
        let replayed = cause.is_some_and(|cause| cause != Cause::Server);
        let dead = facts.refused.is_some_and(|token| !server.family(token).is_alive());
        let lives = facts.target.is_some_and(|family| server.families[usize::from(family)].is_alive());
        let broken = match outcome {
            Outcome::Token { saved } => (!saved && !cancelled).then_some(Broken::HandsOutUnsaved),
            Outcome::Kept => (!facts.kept).then_some(Broken::SaysKept),
            Outcome::SignedOut { .. } if !(facts.erased || facts.tried_erasing && facts.nothing) => {
                Some(Broken::NotSignedOut)
            }
            Outcome::SignedOut { revoked } => (revoked && lives).then_some(Broken::NotRevoked),
            // Did the server end it because this very token was there before? Then an answer was lost.
            Outcome::Error("session_ended") => {
                (!facts.erased || !dead || (came_before && replayed)).then_some(Broken::SaysEnded)
            }
            Outcome::Error("session_lost") => {
                self.says_lost |= !came_before && !doubted;
                (!facts.erased || !dead || !(came_before || doubted || given_up)).then_some(Broken::SaysLost)
            }
            Outcome::Error("busy") => (!facts.unlocked || facts.asked.is_some()).then_some(Broken::SaysBusy),
            Outcome::Error("not_saved") => (!facts.failed).then_some(Broken::SaysNotSaved),
            Outcome::Error("unreachable") => (!facts.unreached).then_some(Broken::SaysUnreachable),
            Outcome::Error("moved") => (!facts.moved && !facts.looked_since).then_some(Broken::SaysMoved),
            Outcome::Error("not_signed_in") => (!facts.nothing).then_some(Broken::SaysNotSignedIn),
            Outcome::Error("bug") => Some(Broken::Bug),
            Outcome::Error(_) => None,
        };
        if let Some(broken) = broken {
            self.breaks(broken);
        }
        if let Some(marked) = facts.marks {
            self.given_up.add(marked);
        }
    }
}

impl World {
    /// Whether everything holds.
    pub(crate) fn check(&self, state: &State, end: bool) -> Result<(), Broken> {
        if let Some(broken) = state.ledger.broken {
            return Err(broken);
        }
        if state.ledger.signed_out && state.disk.is_some() {
            return Err(Broken::Revived);
        }
        if end && state.holder.is_some() {
            return Err(Broken::KeepsTheLock);
        }
        if end { self.lost(state).map(drop) } else { Ok(()) }
    }

    /// Why nobody can use the stored session any more, if that is so.
    fn lost(&self, state: &State) -> Result<Option<Cause>, Broken> {
        let Some(content) = state.disk else {
            return Ok(state.ledger.lost);
        };
        let family = self.stored(content).refresh_token.family;
        let mut later = state.clone();
        let outcome = self.later(&mut later);
        if let Some(broken) = later.ledger.broken {
            return Err(broken);
        }
        if matches!(outcome, Outcome::Token { saved: true }) {
            return Ok(None);
        }
        later.ledger.death(family, &later.server)
    }

    /// What is to be counted about an end.
    pub(crate) fn notes(&self, end: &State) -> Vec<String> {
        let lost = self.lost(end).ok().flatten();
        let forgiven = |cause| self.scenario.kind == ServerKind::Forgiving && cause != Cause::Server;
        let lost = lost.map(|cause| match cause {
            _ if forgiven(cause) => format!("lost: it came back after two more refreshes, {}", cause.name()),
            _ => format!("lost: {}", cause.name()),
        });
        let says_lost = "says that an answer was lost, and it was a mark that was left".to_owned();
        lost.into_iter().chain(end.ledger.says_lost.then_some(says_lost)).collect()
    }
}
