//! Giving out an access token, with at most one refresh between all who ask.
//!
//! Look; lock; look again; send; save; only then hand out. What was seen before the lock is dropped with the lock's
//! coming: only what `LookingAgain` loaded owns a refresh token.

use alloc::boxed::Box;
use core::mem;
use core::time::Duration;

use crate::dice::Dice;
use crate::error::{Error, Refusal};
use crate::field::Field;
use crate::http::{Request, Response};
use crate::kept::Kept;
use crate::name::Scopes;
use crate::protocol::dpop::Unsigned;
use crate::protocol::token_response::TokenResponse;
use crate::protocol::{id_token, refresh, token_response};
use crate::secret::Secret;
use crate::session::freshness::{MIN_TTL, is_fresh};
use crate::session::record::{Access, Part, Purpose, Record, Rest, View};
use crate::session::transaction::{Answer, Effect, Step, Transaction};
use crate::time::Timestamp;

/// How soon after it was sent a refresh whose answer was lost is sent once more. Issuers that forgive a replay do so for
/// seconds; and whoever waits for the lock waits longer than two requests of which the first was this short.
const RETRY_WINDOW: Duration = Duration::from_secs(5);

/// What a caller wants; the default is a token as at sign-in.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// For whom, and with how much of the session's scopes.
    pub purpose: Purpose,
    /// How long it has to live still, if the issuer gives such tokens at all.
    pub min_ttl: Duration,
    /// Whether to refresh even if the stored one lives long enough.
    pub force: bool,
}

impl Default for Wanted {
    fn default() -> Self {
        Self { purpose: Purpose::default(), min_ttl: MIN_TTL, force: false }
    }
}

/// What a caller gets: the token and whose it is.
#[derive(Debug)]
pub struct Handout {
    /// The token, with its times.
    pub access: Access,
    /// Who is signed in where.
    pub view: Kept<View>,
    /// Whether it took a refresh.
    pub refreshed: bool,
    /// Whether the store keeps what this token came with. If not, the session's next refresh token is nowhere, and
    /// whoever hands this one on has to say so.
    pub saved: bool,
}

impl Handout {
    /// What the token is good for.
    pub fn scopes(&self) -> &Scopes {
        let Access { granted, purpose, .. } = &self.access;
        granted.as_ref().or(purpose.scopes.as_ref()).unwrap_or(&self.view.scopes)
    }
}

/// The transaction.
#[derive(Debug)]
pub struct GetAccess {
    wanted: Wanted,
    state: State,
    locked: bool,
    /// Whether an earlier refresh was sent whose answer nobody saved.
    answer_lost: bool,
    /// Whether the one refresh with what somebody else saved in the meantime is spent.
    moved_on: bool,
    /// What is handed out if a refresh fails for a reason that is nobody's fault: still valid, though not for long.
    spare: Option<Box<Handout>>,
    /// What time it was at the last step.
    now: Timestamp,
    result: Result<Box<Handout>, Error>,
}

// What is large lies in a box: every step moves it, and a page pays for each way.
#[derive(Debug)]
enum State {
    Looking,
    Locking,
    LookingAgain,
    Marking(Record),
    Refreshing(Box<Refreshing>),
    /// After `invalid_grant`: has somebody else refreshed in the meantime?
    LookingAfterRefusal(Record),
    Saving(Box<Handout>),
    /// The record moved while we refreshed: take what is there now.
    Adopting,
    Erasing,
    Unlocking,
    Done,
}

/// A record whose refresh token is on its way.
#[derive(Debug)]
struct Refreshing {
    record: Record,
    proof: Option<Unsigned>,
    /// Whether the one retry with the server's nonce is spent (RFC 9449 section 8).
    retried: bool,
    /// Whether the one retry after a lost answer is spent.
    repeated: bool,
    sent_at: Timestamp,
}

impl Refreshing {
    fn new(record: Record, now: Timestamp) -> Box<Self> {
        Box::new(Self { record, proof: None, retried: false, repeated: false, sent_at: now })
    }
}

impl GetAccess {
    /// Asks for a token.
    pub const fn new(wanted: Wanted) -> Self {
        Self {
            wanted,
            state: State::Looking,
            locked: false,
            answer_lost: false,
            moved_on: false,
            spare: None,
            now: Timestamp::from_seconds(0),
            result: Err(Error::Bug),
        }
    }

    /// The result, after [`Step::Done`].
    pub fn finish(self) -> Result<Handout, Error> {
        self.result.map(|handout| *handout)
    }

    /// Hands out what a record holds, if it lives long enough. What lives at all is kept as a spare.
    fn take(&mut self, record: &Record, now: Timestamp, refreshed: bool) -> Option<Box<Handout>> {
        self.spare = None;
        let access = record.find(&self.wanted.purpose)?;
        let handout = || {
            let view = record.view.clone();
            Box::new(Handout { access: access.duplicate(), view, refreshed, saved: true })
        };
        if is_fresh(access, now, self.wanted.min_ttl) {
            return Some(handout());
        }
        self.spare = is_fresh(access, now, Duration::ZERO).then(handout);
        None
    }

    fn end(&mut self, result: Result<Box<Handout>, Error>) -> Step {
        self.result = result;
        if self.locked {
            self.state = State::Unlocking;
            return Step::Need(Effect::Unlock);
        }
        self.state = State::Done;
        Step::Done
    }

    /// Ends a refresh that did not happen through nobody's fault: what still lives is handed out.
    fn end_unrefreshed(&mut self, error: Error) -> Step {
        let result = match self.spare.take() {
            // The lock and a lost answer may have taken longer than it had.
            Some(spare) if !self.wanted.force && is_fresh(&spare.access, self.now, Duration::ZERO) => {
                Ok(spare)
            }
            _ => Err(error),
        };
        self.end(result)
    }

    fn need(&mut self, state: State, effect: Effect) -> Step {
        self.state = state;
        Step::Need(effect)
    }

    fn looked(&mut self, record: Option<Record>, now: Timestamp) -> Step {
        let Some(record) = record else { return self.end(Err(Error::NotSignedIn)) };
        if let Some(handout) = self.take(&record, now, false)
            && !self.wanted.force
        {
            return self.end(Ok(handout));
        }
        if !record.view.refreshes {
            return self.end_unrefreshed(Error::SessionEnded);
        }
        // RFC 6749 section 6: a refresh asks for nothing that was not granted.
        if self.wanted.purpose.scopes.as_ref().is_some_and(|scopes| !record.view.scopes.contains_all(scopes))
        {
            return self.end(Err(Error::Configuration { field: Field::Scope }));
        }
        self.need(State::Locking, Effect::Lock)
    }

    fn looked_again(&mut self, record: Option<Record>, now: Timestamp, dice: &mut dyn Dice) -> Step {
        // Signed out while we waited.
        let Some(mut record) = record else { return self.end(Err(Error::NotSignedIn)) };
        if let Some(handout) = self.take(&record, now, false)
            && !self.wanted.force
        {
            return self.end(Ok(handout));
        }
        let Some(rest) = &mut record.rest else { return self.end(Err(Error::Bug)) };
        if rest.refresh_token.is_none() {
            return self.end_unrefreshed(Error::SessionEnded);
        }
        // A key alone promises nothing: RFC 9449 leaves it to the issuer what a replay means. Ours forgives it for as
        // long as it takes where the key is proven, and for seconds where nothing is.
        let forgiving = rest.key.is_some() && rest.forgives_replay;
        if !self.locked && !forgiving {
            // Without the lock a second sender is possible, and a strict issuer would end the session for it.
            return self.end_unrefreshed(Error::Busy);
        }
        if forgiving {
            return self.send(Refreshing::new(record, now), now, dice);
        }
        // Written ahead: whoever comes after a crash can say that an answer was lost, should the issuer refuse.
        self.answer_lost = rest.mark.is_some();
        rest.mark = Some(now);
        let expect = Some(record.generation);
        record.generation = record.generation.next();
        match record.duplicate() {
            Ok(marked) => self.need(State::Marking(record), Effect::Save { record: marked, expect }),
            Err(error) => self.end(Err(error)),
        }
    }

    /// Signs the proof, if the session is bound, or sends at once.
    fn send(&mut self, mut refreshing: Box<Refreshing>, now: Timestamp, dice: &mut dyn Dice) -> Step {
        let Some(rest) = &refreshing.record.rest else { return self.end(Err(Error::Bug)) };
        let Some(key) = &rest.key else {
            return match request(rest, &refreshing.record.view, &self.wanted.purpose) {
                Ok(request) => self.need(State::Refreshing(refreshing), Effect::Send(request)),
                Err(error) => self.end(Err(error)),
            };
        };
        let nonce = rest.nonce.as_deref();
        let proof = match Unsigned::new(
            &key.public,
            "POST",
            rest.token_endpoint.without_query(),
            nonce,
            None,
            now,
            dice,
        ) {
            Ok(proof) => proof,
            Err(error) => return self.end(Err(error)),
        };
        let effect = Effect::Sign {
            input: proof.signing_input().to_vec(),
            private: key.private.as_ref().map(Secret::duplicate),
        };
        refreshing.proof = Some(proof);
        self.need(State::Refreshing(refreshing), effect)
    }

    fn signed(&mut self, mut refreshing: Box<Refreshing>, signature: &[u8]) -> Step {
        let (Some(rest), Some(proof)) = (&refreshing.record.rest, refreshing.proof.take()) else {
            return self.end(Err(Error::Bug));
        };
        let request = proof.signed(signature).and_then(|proof| {
            request(rest, &refreshing.record.view, &self.wanted.purpose)
                .map(|request| request.with_proof(Some(proof)))
        });
        match request {
            Ok(request) => self.need(State::Refreshing(refreshing), Effect::Send(request)),
            Err(error) => self.end(Err(error)),
        }
    }

    fn answered(
        &mut self,
        mut refreshing: Box<Refreshing>,
        response: &Response,
        now: Timestamp,
        dice: &mut dyn Dice,
    ) -> Step {
        let Some(rest) = &mut refreshing.record.rest else { return self.end(Err(Error::Bug)) };
        let bound = rest.key.is_some();
        // RFC 9449 section 8.2: every response may bring the nonce for the next request.
        let new_nonce = response.dpop_nonce.is_some() && response.dpop_nonce != rest.nonce;
        if response.dpop_nonce.is_some() {
            rest.nonce = response.dpop_nonce.clone();
        }
        match token_response::parse(response, bound) {
            Ok(tokens) => self.refreshed(refreshing.record, tokens, now),
            // RFC 9449 section 8: once more with the nonce that the server asked for, and only once.
            Err(Error::Refused(Refusal::UseDpopNonce)) if new_nonce && !refreshing.retried => {
                refreshing.retried = true;
                self.send(refreshing, now, dice)
            }
            Err(Error::Refused(Refusal::InvalidGrant)) => {
                self.need(State::LookingAfterRefusal(refreshing.record), Effect::Load(Part::Whole))
            }
            // Everything else says nothing about the grant: the session stays.
            Err(error) => self.end_unrefreshed(error),
        }
    }

    /// No answer came. It may have been given all the same, so the same token is shown once more while that can help.
    fn lost(&mut self, mut refreshing: Box<Refreshing>, now: Timestamp, dice: &mut dyn Dice) -> Step {
        if refreshing.repeated || now.since(refreshing.sent_at) > RETRY_WINDOW {
            return self.end_unrefreshed(Error::Unreachable);
        }
        refreshing.repeated = true;
        self.answer_lost = true;
        self.send(refreshing, now, dice)
    }

    fn refreshed(&mut self, mut record: Record, tokens: Kept<TokenResponse>, now: Timestamp) -> Step {
        let tokens = tokens.into_inner();
        let view = &record.view;
        let same = tokens.id_token.as_ref().map_or(Ok(()), |id_token| {
            id_token::unchanged(id_token, &view.issuer, &view.client_id, &view.identity.subject)
        });
        if let Err(error) = same {
            return self.end(Err(error));
        }
        let expect = Some(record.generation);
        record.generation = record.generation.next();
        let purpose = self.wanted.purpose.clone();
        let mut granted = tokens.scope;
        if purpose == Purpose::default()
            && let Some(scopes) = granted.take()
        {
            record.view.scopes = scopes;
        }
        let access = Access {
            purpose,
            granted,
            token: tokens.access_token,
            token_type: tokens.token_type,
            received_at: now,
            expires_at: now.plus(tokens.expires_in),
        };
        let view = record.view.clone();
        let handout = Box::new(Handout { access: access.duplicate(), view, refreshed: true, saved: true });
        record.put(access, now);
        if let Some(rest) = &mut record.rest {
            rest.mark = None;
            // RFC 6749 section 6: no new refresh token means that the old one stays.
            if let Some(refresh_token) = tokens.refresh_token {
                rest.refresh_token = Some(refresh_token);
            }
        }
        self.need(State::Saving(handout), Effect::Save { record, expect })
    }

    fn looked_after_refusal(
        &mut self,
        refused: &Record,
        found: Option<Record>,
        now: Timestamp,
        dice: &mut dyn Dice,
    ) -> Step {
        let Some(found) = found else { return self.end(Err(Error::NotSignedIn)) };
        if found.generation == refused.generation {
            // Some issuers refuse one audience like this, for want of consent, while the grant is good for others. Only
            // who asks for what was granted at sign-in learns that it is over.
            if self.wanted.purpose != Purpose::default() {
                return self.end_unrefreshed(Error::Refused(Refusal::InvalidGrant));
            }
            // Nobody was faster: the grant is over. Erased is only the record that failed.
            return self.need(State::Erasing, Effect::Erase { expect: refused.generation });
        }
        match self.take(&found, now, false) {
            Some(handout) => self.end(Ok(handout)),
            // What they saved is spent already. Its refresh token was never refused: once with that one.
            None if !self.moved_on => {
                self.moved_on = true;
                self.looked_again(Some(found), now, dice)
            }
            None => self.end_unrefreshed(Error::Moved),
        }
    }
}

impl Transaction for GetAccess {
    fn step(&mut self, answer: Answer, now: Timestamp, dice: &mut dyn Dice) -> Step {
        self.now = now;
        match (mem::replace(&mut self.state, State::Done), answer) {
            (State::Looking, Answer::Begin) => self.need(State::Looking, Effect::Load(Part::Access)),
            (State::Looking, Answer::Loaded(record)) => self.looked(record, now),
            (State::Locking, Answer::Locked) => {
                self.locked = true;
                self.need(State::LookingAgain, Effect::Load(Part::Whole))
            }
            (State::Locking, Answer::LockTimedOut) => {
                self.need(State::LookingAgain, Effect::Load(Part::Whole))
            }
            (State::LookingAgain, Answer::Loaded(record)) => self.looked_again(record, now, dice),
            (State::Marking(record), Answer::Saved) => self.send(Refreshing::new(record, now), now, dice),
            (State::Refreshing(refreshing), Answer::Signed(signature)) => self.signed(refreshing, &signature),
            (State::Refreshing(refreshing), Answer::Sent(response)) => {
                self.answered(refreshing, &response, now, dice)
            }
            (State::Refreshing(refreshing), Answer::Lost) => self.lost(refreshing, now, dice),
            (State::LookingAfterRefusal(refused), Answer::Loaded(found)) => {
                self.looked_after_refusal(&refused, found, now, dice)
            }
            (State::Saving(handout), Answer::Saved) => self.end(Ok(handout)),
            // Somebody without the lock was faster, or signed out. What is stored is what counts.
            (State::Saving(_) | State::Marking(_) | State::Erasing, Answer::Moved) => {
                self.need(State::Adopting, Effect::Load(Part::Access))
            }
            // The server has moved on, the store has not: what came is still good while it lives.
            (State::Saving(mut handout), Answer::Failed(_)) => {
                handout.saved = false;
                self.end(Ok(handout))
            }
            (State::Adopting, Answer::Loaded(None)) => self.end(Err(Error::NotSignedIn)),
            (State::Adopting, Answer::Loaded(Some(record))) => match self.take(&record, now, false) {
                Some(handout) => self.end(Ok(handout)),
                None => self.end_unrefreshed(Error::Moved),
            },
            (State::Erasing, Answer::Erased) => {
                self.end(Err(if self.answer_lost { Error::SessionLost } else { Error::SessionEnded }))
            }
            (State::Unlocking, _) => Step::Done,
            (State::Done, _) => Step::Done,
            (State::Looking, Answer::Failed(error)) => self.end(Err(error)),
            (_, Answer::Failed(error)) => self.end_unrefreshed(error),
            _ => self.end(Err(Error::Bug)),
        }
    }
}

fn request(rest: &Rest, view: &View, purpose: &Purpose) -> Result<Request, Error> {
    let refresh_token = rest.refresh_token.as_ref().ok_or(Error::Bug)?;
    let Purpose { audience, scopes } = purpose;
    Ok(refresh::request(
        &rest.token_endpoint,
        &view.client_id,
        refresh_token,
        audience.as_ref(),
        scopes.as_ref(),
    ))
}
