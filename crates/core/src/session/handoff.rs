//! Signing in by a dashboard: the same chain as [`login`](super::login), begun by a fragment and ended by a code that the
//! browser brings or a person types, or by a whole session that the dashboard gives away.

use alloc::boxed::Box;
use alloc::string::String;

use crate::base64url;
use crate::dice::{Dice, token};
use crate::error::{Error, Refusal};
use crate::field::{Field, Message};
use crate::http::Response;
use crate::protocol::discovery::Provider;
use crate::protocol::handoff::{self, Ask, Moved};
use crate::protocol::token_response;
use crate::secret::{Secret, SecretBytes};
use crate::session::client::Client;
use crate::session::grant::{Grant, Unproven};
use crate::session::login::{Exchange, Exchanged, Pending, Rejected};
use crate::session::record::{BoundKey, Generation, Record};
use crate::time::Timestamp;
use crate::url::RedirectUri;

/// How it starts.
#[derive(Debug)]
pub struct Start {
    /// Where the answer comes back; without one, a person carries it.
    pub redirect_uri: Option<RedirectUri>,
    /// The key that the session is to be bound to, if `grant::wants_key` says that one is needed.
    pub key: Option<BoundKey>,
    /// How this machine is called: 1 to 64 characters that show.
    pub device: String,
    /// For which organization.
    pub organization: Option<String>,
}

/// A login that its person has to take to the dashboard.
#[derive(Debug)]
pub struct Begun {
    /// What stands behind the `#` of the page's address.
    pub fragment: Secret,
    /// The three words that the page has to show too.
    pub words: String,
    /// What waits for the answer.
    pub pending: Pending,
    /// What a session that is sent back is sealed with (RFC 9180 section 5.1: `info`).
    pub transcript: Secret,
}

/// Begins it; `receiver` is the public key under which a whole session may be sent.
pub fn begin(
    client: &Client,
    provider: &Provider,
    start: Start,
    receiver: Option<&[u8]>,
    now: Timestamp,
    dice: &mut dyn Dice,
) -> Result<Begun, Error> {
    let (nonce, state, verifier) = (token(dice)?, token(dice)?, token(dice)?);
    let thumbprint = start.key.as_ref().map(|key| key.public.thumbprint());
    let ask = Ask {
        issuer: &client.issuer,
        client_id: &client.client_id,
        redirect_uri: start.redirect_uri.as_ref(),
        scopes: &client.scopes,
        audience: client.audience.as_ref(),
        organization: start.organization.as_deref(),
        state: &state,
        nonce: &nonce,
        verifier: &verifier,
        thumbprint: thumbprint.as_deref(),
        device: &start.device,
        receiver,
    };
    let (fragment, transcript) = (ask.fragment()?, ask.transcript());
    let words = handoff::words(&transcript);
    let grant = Grant::new(client, provider, start.key, Some(nonce), now)?;
    // Whoever answers a handoff always says which issuer it is (RFC 9207).
    let pending = Pending { grant, redirect_uri: start.redirect_uri, names_itself: true, state, verifier };
    Ok(Begun { fragment, words, pending, transcript })
}

impl Pending {
    /// Takes a code that a person typed, as [`handoff::typed_code`] reads it. It brings no state: what ties it to this login
    /// is the verifier, without which the issuer does not find it.
    pub fn typed(self, code: Secret) -> Typed {
        Typed(Exchange { pending: Box::new(self), code, retried: false })
    }

    /// Takes a session that came back sealed. Nothing of it counts before the state shows that it is ours.
    pub fn moved(self, moved: Moved) -> Result<Sealed, Rejected> {
        // In constant time.
        if moved.state.as_ref() != Some(&self.state) {
            return Err(Rejected::Stranger(Box::new(self), Error::StateMismatch));
        }
        if moved.iss.as_deref() != Some(self.grant.issuer.as_str()) {
            return Err(Rejected::Over(Error::IssuerMismatch));
        }
        Ok(Sealed { pending: Box::new(self), moved })
    }
}

/// A login whose code a person typed, and may have typed wrong.
#[derive(Debug)]
pub struct Typed(Exchange);

/// What a typed code led to.
#[derive(Debug)]
pub enum Tried {
    /// The server wants its nonce in the proof: ask once more (RFC 9449 section 8).
    Again(Typed),
    /// Tokens, not yet believed.
    Tokens(Unproven),
    /// There is no such code: the login waits for the right one.
    Mistyped(Box<Pending>),
}

impl Typed {
    /// What is asked, as of any code.
    pub const fn exchange(&self) -> &Exchange {
        &self.0
    }

    /// Reads the answer.
    pub fn parse(mut self, response: &Response, now: Timestamp) -> Result<Tried, Error> {
        let grant = &mut self.0.pending.grant;
        let read = token_response::parse(response, grant.rest.key.is_some());
        if read.err() == Some(Error::Refused(Refusal::InvalidGrant)) {
            grant.learn(response);
            return Ok(Tried::Mistyped(self.0.pending));
        }
        Ok(match self.0.parse(response, now)? {
            Exchanged::Again(exchange) => Tried::Again(Self(exchange)),
            Exchanged::Tokens(unproven) => Tried::Tokens(unproven),
        })
    }
}

/// A session that waits to be opened.
#[derive(Debug)]
pub struct Sealed {
    pending: Box<Pending>,
    moved: Moved,
}

const MESSAGE: Message = Message::Record;

impl Sealed {
    /// The encapsulated key (RFC 9180 section 4.1).
    pub fn enc(&self) -> &[u8] {
        &self.moved.enc
    }

    /// The ciphertext.
    pub fn ciphertext(&self) -> &[u8] {
        &self.moved.sealed
    }

    /// The pre-shared key: what only this terminal and the page know (RFC 9180 section 5.1.2).
    pub fn psk(&self) -> Result<SecretBytes, Error> {
        base64url::decode(self.pending.state.expose()).map(Secret::new).ok_or(Error::Bug)
    }

    /// What the ciphertext is about.
    pub fn aad(&self) -> &str {
        self.pending.redirect_uri.as_ref().map_or("", RedirectUri::as_str)
    }

    /// Reads the session in it. It has to be this client's at this issuer, and bound to no key: such a key stays where it
    /// is. Where it is refreshed is what the issuer says, and not what the page says.
    pub fn opened(self, plain: &SecretBytes, dice: &mut dyn Dice) -> Result<Record, Error> {
        let malformed = |field| Error::Malformed { message: MESSAGE, field };
        let text = plain.expose().as_slice();
        let cut = text.iter().position(|byte| *byte == b'\n').ok_or_else(|| malformed(Field::Parts))?;
        let (access, rest) = text.split_at(cut);
        let record = Record::decode(access, rest.get(1..)).map_err(|_| malformed(Field::Session))?;
        let Record { view, access, rest, .. } = record;
        let Grant { issuer, client_id, rest: ours, .. } = *self.pending.grant;
        let ours = ours.into_inner();
        let mut rest = rest.ok_or(Error::Bug)?;
        if view.issuer != issuer {
            return Err(Error::IssuerMismatch);
        }
        if view.client_id != client_id {
            return Err(malformed(Field::ClientId));
        }
        if view.bound || rest.key.is_some() {
            return Err(malformed(Field::Bound));
        }
        rest.token_endpoint = ours.token_endpoint;
        rest.revocation_endpoint = ours.revocation_endpoint;
        rest.forgives_replay = ours.forgives_replay;
        // A session of this store from now on.
        Ok(Record { generation: Generation::first(dice)?, view, access, rest: Some(rest) })
    }
}
