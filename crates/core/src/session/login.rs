//! Signing in by an authorization code: a chain of values, each arrow consuming what stands left of it.
//!
//! ```text
//! begin -> Pending -> redirected -> Exchange -> parse -> Unproven -> prove -> Record
//!      \-> Pushing -> pushed (only where the server wants the request first)
//! ```
//!
//! [`Pending`] is storable, because between it and its redirect a page is unloaded or a worker killed. A store gives
//! it back exactly once.

use alloc::boxed::Box;
#[cfg(feature = "full")]
use alloc::string::String;
use core::time::Duration;

use crate::dice::{Dice, token};
use crate::error::{Error, Refusal};
use crate::field::{Field, Message};
use crate::form::Form;
use crate::http::{Request, Response};
use crate::json::{Object, Writer};
use crate::kept::Text;
use crate::name::ClientId;
use crate::protocol::authorize::{self, Ask, Callback};
use crate::protocol::discovery::Provider;
use crate::protocol::dpop::Unsigned;
use crate::protocol::{exchange, par, token_response};
use crate::secret::Secret;
use crate::session::client::Client;
use crate::session::grant::{Grant, Unproven};
use crate::session::record::BoundKey;
use crate::time::Timestamp;
use crate::url::{Endpoint, RedirectUri};

/// How a login starts.
#[derive(Debug)]
pub struct Start {
    /// Where the answer comes back.
    pub redirect_uri: RedirectUri,
    /// The key that the session is to be bound to, if `grant::wants_key` says that one is needed.
    pub key: Option<BoundKey>,
    /// `login`, `select_account`, `none` (OpenID Connect Core 1.0 section 3.1.2.1).
    pub prompt: Option<Text>,
    /// Who will probably sign in.
    pub login_hint: Option<Text>,
    /// How long ago they may have shown who they are (OpenID Connect Core 1.0 section 3.1.2.1); the ID token has to say
    /// when they did.
    pub max_age: Option<Duration>,
}

/// The authorization request, and whether it has to be handed in first.
#[derive(Debug)]
pub enum Authorization {
    /// Open this address in the person's browser.
    Open(Secret),
    /// Send the request to the server itself first.
    Push(Pushing),
}

/// An authorization request that goes to the server before the person does (RFC 9126).
#[derive(Debug)]
pub struct Pushing {
    request: Option<Request>,
    authorization_endpoint: Endpoint,
    client_id: ClientId,
}

impl Pushing {
    /// The request to send, once.
    pub fn request(&mut self) -> Result<Request, Error> {
        self.request.take().ok_or(Error::Bug)
    }

    /// Reads the answer: the address to open in the person's browser.
    pub fn pushed(self, response: &Response) -> Result<Secret, Error> {
        let request_uri = par::parse(response)?;
        Ok(par::url(&self.authorization_endpoint, &self.client_id, &request_uri))
    }
}

/// A login that waits for its redirect.
#[derive(Debug)]
pub struct Pending {
    pub(super) grant: Box<Grant>,
    /// A page always has one; a terminal may do without, where a person carries the answer.
    pub(super) redirect_uri: Option<RedirectUri>,
    pub(super) names_itself: bool,
    pub(super) state: Secret,
    pub(super) verifier: Secret,
}

/// Why a redirect did not move a login on.
#[derive(Debug)]
pub enum Rejected {
    /// It belongs to no login of ours; this one waits on.
    Stranger(Box<Pending>, Error),
    /// It was ours, and the login is over.
    Over(Error),
}

/// Begins a login: the request for its person, and what waits for its answer.
pub fn begin(
    client: &Client,
    provider: &Provider,
    start: Start,
    now: Timestamp,
    dice: &mut dyn Dice,
) -> Result<(Authorization, Pending), Error> {
    begin_asking(client, provider, start, now, dice, Ok)
}

/// The same, with parameters that one issuer knows.
#[cfg(feature = "full")]
pub fn begin_with(
    client: &Client,
    provider: &Provider,
    start: Start,
    extra: &[(String, String)],
    now: Timestamp,
    dice: &mut dyn Dice,
) -> Result<(Authorization, Pending), Error> {
    begin_asking(client, provider, start, now, dice, |form| authorize::with_extra(form, extra))
}

fn begin_asking(
    client: &Client,
    provider: &Provider,
    start: Start,
    now: Timestamp,
    dice: &mut dyn Dice,
    more: impl FnOnce(Form) -> Result<Form, Error>,
) -> Result<(Authorization, Pending), Error> {
    let nonce = token(dice)?;
    let (state, verifier) = (token(dice)?, token(dice)?);
    let ask = Ask {
        client_id: &client.client_id,
        redirect_uri: &start.redirect_uri,
        scopes: &client.scopes,
        audience: client.audience.as_ref(),
        state: &state,
        nonce: &nonce,
        verifier: &verifier,
        thumbprint: start.key.as_ref().map(|key| key.public.thumbprint()),
        prompt: start.prompt.as_deref(),
        login_hint: start.login_hint.as_deref(),
        max_age: start.max_age,
    };
    let form = more(ask.form())?;
    let authorization = match &provider.pushed_authorization_request_endpoint {
        // RFC 9126 section 5: the server takes no other.
        Some(endpoint) if provider.requires_push => Authorization::Push(Pushing {
            request: Some(par::request(endpoint, form)),
            authorization_endpoint: provider.authorization_endpoint.clone(),
            client_id: client.client_id.clone(),
        }),
        _ => Authorization::Open(authorize::url(&provider.authorization_endpoint, form)),
    };
    let mut grant = Grant::new(client, provider, start.key, Some(nonce), now)?;
    grant.max_age = start.max_age;
    let pending = Pending {
        grant,
        redirect_uri: Some(start.redirect_uri),
        names_itself: provider.names_itself,
        state,
        verifier,
    };
    Ok((authorization, pending))
}

const MESSAGE: Message = Message::PendingLogin;

impl Pending {
    /// What names this login in a store: the state, of which a callback brings the other copy.
    pub const fn state(&self) -> &Secret {
        &self.state
    }

    /// Where its answer comes; a shell compares an address that was carried there by hand.
    #[cfg(feature = "full")]
    pub const fn redirect_uri(&self) -> Option<&RedirectUri> {
        self.redirect_uri.as_ref()
    }

    /// When it began; a shell forgets logins that nobody comes back to.
    pub const fn begun_at(&self) -> Timestamp {
        self.grant.begun_at
    }

    /// The stored form.
    pub fn encode(&self) -> Secret {
        let writer = self
            .grant
            .write(Writer::new())
            .some("redirect_uri", self.redirect_uri.as_ref().map(RedirectUri::as_str))
            .flag("authorization_response_iss_parameter_supported", self.names_itself)
            .text("state", self.state.expose())
            .text("verifier", self.verifier.expose());
        Secret::new(writer.finish())
    }

    /// Reads the stored form.
    pub fn decode(bytes: &[u8]) -> Result<Self, Error> {
        Self::read(bytes).map_err(|_| Error::StoreCorrupt)
    }

    fn read(bytes: &[u8]) -> Result<Self, Error> {
        let object = Object::parse(bytes, MESSAGE)?;
        let secret = |field| object.required(field).map(Secret::from);
        // A redirect is always answered by an ID token with the nonce of its request.
        object.required(Field::Nonce)?;
        Ok(Self {
            names_itself: object.flag(Field::AuthorizationResponseIssParameterSupported)?,
            redirect_uri: object.text(Field::RedirectUri)?.map(RedirectUri::new).transpose()?,
            state: secret(Field::State)?,
            verifier: secret(Field::Verifier)?,
            grant: Grant::read(&object)?,
        })
    }

    /// Takes what came back. Nothing of it counts, not even an error, before the state shows that it is ours.
    pub fn redirected(self, callback: Callback) -> Result<Exchange, Rejected> {
        // RFC 6749 section 10.12, in constant time.
        if callback.state.as_ref() != Some(&self.state) {
            return Err(Rejected::Stranger(Box::new(self), Error::StateMismatch));
        }
        // RFC 9207 section 2.4: absent counts as wrong where the issuer promised to name itself.
        match callback.iss {
            Some(iss) if *iss != *self.grant.issuer.as_str() => {
                return Err(Rejected::Over(Error::IssuerMismatch));
            }
            None if self.names_itself => return Err(Rejected::Over(Error::IssuerMismatch)),
            _ => {}
        }
        match callback.result {
            Ok(code) => Ok(Exchange { pending: Box::new(self), code, retried: false }),
            Err(refusal) => Err(Rejected::Over(Error::Refused(refusal))),
        }
    }
}

/// A login whose code waits to be exchanged.
#[derive(Debug)]
pub struct Exchange {
    pub(super) pending: Box<Pending>,
    pub(super) code: Secret,
    pub(super) retried: bool,
}

/// What an exchange led to.
#[derive(Debug)]
pub enum Exchanged {
    /// The server wants its nonce in the proof: ask once more (RFC 9449 section 8).
    Again(Exchange),
    /// Tokens, not yet believed.
    Tokens(Unproven),
}

impl Exchange {
    /// The proof to sign with the session's key, if it is bound to one.
    pub fn proof(&self, now: Timestamp, dice: &mut dyn Dice) -> Result<Option<Unsigned>, Error> {
        self.pending.grant.proof(now, dice)
    }

    /// The key that signs it.
    pub fn key(&self) -> Option<&BoundKey> {
        self.pending.grant.rest.key.as_ref()
    }

    /// The request, with the signed proof.
    pub fn request(&self, proof: Option<Secret>) -> Request {
        let Pending { grant, redirect_uri, verifier, .. } = &*self.pending;
        let redirect_uri = redirect_uri.as_ref();
        exchange::request(&grant.rest.token_endpoint, &grant.client_id, redirect_uri, &self.code, verifier)
            .with_proof(proof)
    }

    /// Reads the answer. The tokens in it are revoked by nobody if the next step fails: the code is spent, and the
    /// server ends an unused grant by itself.
    pub fn parse(mut self, response: &Response, now: Timestamp) -> Result<Exchanged, Error> {
        let grant = &mut self.pending.grant;
        let asked = grant.learn(response);
        match token_response::parse(response, grant.rest.key.is_some()) {
            Ok(tokens) => Ok(Exchanged::Tokens(Unproven::new(self.pending.grant, tokens, now))),
            Err(Error::Refused(Refusal::UseDpopNonce)) if asked && !self.retried => {
                self.retried = true;
                Ok(Exchanged::Again(self))
            }
            Err(error) => Err(error),
        }
    }
}
