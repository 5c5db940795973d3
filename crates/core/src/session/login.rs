//! Signing in: a chain of values, each arrow consuming what stands left of it.
//!
//! ```text
//! begin -> Pending -> redirected -> Exchange -> parse -> Unproven -> prove -> Record
//! ```
//!
//! [`Pending`] is storable, because between it and its redirect a page is unloaded or a worker killed. A store gives
//! it back exactly once.

use alloc::boxed::Box;
use alloc::string::String;

use crate::dice::{Dice, token};
use crate::error::{Error, Refusal};
use crate::field::{Field, Message};
use crate::http::{Method, Request, Response};
use crate::json::{Object, Writer};
use crate::jwk::Algorithm;
use crate::name::{ClientId, Scopes};
use crate::protocol::authorize::{self, Ask, Callback};
use crate::protocol::discovery::Provider;
use crate::protocol::dpop::Unsigned;
use crate::protocol::exchange;
use crate::protocol::id_token::{self, Check, Expected, Vouched};
use crate::protocol::jwks::{self, Jwks};
use crate::protocol::token_response::{self, TokenResponse};
use crate::secret::Secret;
use crate::session::client::{Client, Dpop};
use crate::session::record::{Access, BoundKey, Generation, Purpose, Record, Rest, View};
use crate::time::Timestamp;
use crate::url::{Endpoint, Issuer, RedirectUri};

/// How a login starts.
#[derive(Debug)]
pub struct Start {
    /// Where the answer comes back.
    pub redirect_uri: RedirectUri,
    /// The key that the session is to be bound to, if [`wants_key`] says that one is needed.
    pub key: Option<BoundKey>,
    /// `login`, `select_account`, `none` (OpenID Connect Core 1.0 section 3.1.2.1).
    pub prompt: Option<String>,
    /// Who will probably sign in.
    pub login_hint: Option<String>,
}

/// Whether this login binds its session to a key, or why it cannot go on.
pub const fn wants_key(client: &Client, provider: &Provider) -> Result<bool, Error> {
    match (client.dpop, provider.binds_keys) {
        (Dpop::Required, false) => Err(Error::Unsupported { feature: Field::DpopBinding }),
        (Dpop::Required | Dpop::Preferred, true) => Ok(true),
        (Dpop::Preferred, false) | (Dpop::Off, _) => Ok(false),
    }
}

/// A login that waits for its redirect. What it holds of issuer and client becomes the session's.
#[derive(Debug)]
pub struct Pending {
    issuer: Issuer,
    client_id: ClientId,
    scopes: Scopes,
    id_token_algorithm: Algorithm,
    redirect_uri: RedirectUri,
    jwks_uri: Endpoint,
    names_itself: bool,
    state: Secret,
    /// The nonce of the ID token, not of a proof.
    nonce: Secret,
    verifier: Secret,
    begun_at: Timestamp,
    rest: Rest,
}

/// Why a redirect did not move a login on.
#[derive(Debug)]
pub enum Rejected {
    /// It belongs to no login of ours; this one waits on.
    Stranger(Box<Pending>, Error),
    /// It was ours, and the login is over.
    Over(Error),
}

/// Begins a login: the address to open, and what waits for its answer.
pub fn begin(
    client: &Client,
    provider: &Provider,
    start: Start,
    now: Timestamp,
    dice: &mut dyn Dice,
) -> Result<(Secret, Pending), Error> {
    if wants_key(client, provider)? != start.key.is_some() {
        return Err(Error::Bug);
    }
    let pending = Pending {
        issuer: client.issuer.clone(),
        client_id: client.client_id.clone(),
        scopes: client.scopes.clone(),
        id_token_algorithm: client.id_token_algorithm,
        redirect_uri: start.redirect_uri,
        jwks_uri: provider.jwks_uri.clone(),
        names_itself: provider.names_itself,
        state: token(dice)?,
        nonce: token(dice)?,
        verifier: token(dice)?,
        begun_at: now,
        rest: Rest {
            refresh_token: None,
            key: start.key,
            token_endpoint: provider.token_endpoint.clone(),
            revocation_endpoint: provider.revocation_endpoint.clone(),
            forgives_replay: provider.forgives_replay,
            nonce: None,
            mark: None,
        },
    };
    let ask = Ask {
        client_id: &pending.client_id,
        redirect_uri: &pending.redirect_uri,
        scopes: &pending.scopes,
        audience: client.audience.as_ref(),
        state: &pending.state,
        nonce: &pending.nonce,
        verifier: &pending.verifier,
        thumbprint: pending.rest.key.as_ref().map(|key| key.public.thumbprint()),
        prompt: start.prompt.as_deref(),
        login_hint: start.login_hint.as_deref(),
    };
    let url = authorize::url(provider, &ask);
    Ok((url, pending))
}

const MESSAGE: Message = Message::PendingLogin;

impl Pending {
    /// What names this login in a store: the state, of which a callback brings the other copy.
    pub const fn state(&self) -> &Secret {
        &self.state
    }

    /// When it began; a shell forgets logins that nobody comes back to.
    pub const fn begun_at(&self) -> Timestamp {
        self.begun_at
    }

    /// The stored form.
    pub fn encode(&self) -> Secret {
        let rest = self.rest.write(Writer::new()).finish();
        let writer = Writer::new()
            .number("v", 1)
            .text("issuer", self.issuer.as_str())
            .text("client_id", self.client_id.as_str())
            .text("scope", self.scopes.as_str())
            .text("id_token_signed_response_alg", self.id_token_algorithm.as_str())
            .text("redirect_uri", self.redirect_uri.as_str())
            .text("jwks_uri", self.jwks_uri.as_str())
            .flag("authorization_response_iss_parameter_supported", self.names_itself)
            .text("state", self.state.expose())
            .text("nonce", self.nonce.expose())
            .text("verifier", self.verifier.expose())
            .number("begun_at", self.begun_at.seconds())
            .raw("session", &rest);
        Secret::new(writer.finish())
    }

    /// Reads the stored form.
    pub fn decode(bytes: &[u8]) -> Result<Self, Error> {
        Self::read(bytes).map_err(|_| Error::StoreCorrupt)
    }

    fn read(bytes: &[u8]) -> Result<Self, Error> {
        let object = Object::parse(bytes, MESSAGE)?;
        let secret = |field| object.required(field).map(Secret::from);
        let algorithm = Algorithm::parse(object.required(Field::IdTokenSignedResponseAlg)?);
        let session = object.object(Field::Session)?;
        let begun_at = object.seconds(Field::BegunAt)?;
        Ok(Self {
            issuer: Issuer::new(object.required(Field::Issuer)?)?,
            client_id: ClientId::new(object.required(Field::ClientId)?)?,
            scopes: Scopes::parse(object.required(Field::Scope)?)?,
            id_token_algorithm: algorithm.ok_or(Error::StoreCorrupt)?,
            redirect_uri: RedirectUri::new(object.required(Field::RedirectUri)?)?,
            jwks_uri: Endpoint::new(object.required(Field::JwksUri)?, Field::JwksUri)?,
            names_itself: object.flag(Field::AuthorizationResponseIssParameterSupported)?,
            state: secret(Field::State)?,
            nonce: secret(Field::Nonce)?,
            verifier: secret(Field::Verifier)?,
            begun_at: Timestamp::from_seconds(begun_at.ok_or(Error::StoreCorrupt)?),
            rest: Rest::read(session.ok_or(Error::StoreCorrupt)?)?,
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
            Some(iss) if iss != self.issuer.as_str() => {
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
    pending: Box<Pending>,
    code: Secret,
    retried: bool,
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
        let rest = &self.pending.rest;
        let Some(key) = &rest.key else { return Ok(None) };
        let nonce = rest.nonce.as_deref();
        Unsigned::new(&key.public, Method::Post, &rest.token_endpoint, nonce, None, now, dice).map(Some)
    }

    /// The key that signs it.
    pub const fn key(&self) -> Option<&BoundKey> {
        self.pending.rest.key.as_ref()
    }

    /// The request, with the signed proof.
    pub fn request(&self, proof: Option<Secret>) -> Request {
        let Pending { rest, client_id, redirect_uri, verifier, .. } = &*self.pending;
        exchange::request(&rest.token_endpoint, client_id, redirect_uri, &self.code, verifier)
            .with_proof(proof)
    }

    /// Reads the answer. The tokens in it are revoked by nobody if the next step fails: the code is spent, and the
    /// server ends an unused grant by itself.
    pub fn parse(mut self, response: &Response, now: Timestamp) -> Result<Exchanged, Error> {
        let rest = &mut self.pending.rest;
        // RFC 9449 section 8.2: every response may bring the nonce for the next request.
        let asked = response.dpop_nonce.is_some();
        if asked {
            rest.nonce.clone_from(&response.dpop_nonce);
        }
        match token_response::parse(response, rest.key.is_some()) {
            Ok(tokens) => Ok(Exchanged::Tokens(Unproven { pending: self.pending, tokens, received_at: now })),
            Err(Error::Refused(Refusal::UseDpopNonce)) if asked && !self.retried => {
                self.retried = true;
                Ok(Exchanged::Again(self))
            }
            Err(error) => Err(error),
        }
    }
}

/// Tokens that nobody has vouched for yet.
#[derive(Debug)]
pub struct Unproven {
    pending: Box<Pending>,
    tokens: TokenResponse,
    received_at: Timestamp,
}

impl Unproven {
    /// Where the keys are that the ID token is signed by.
    pub fn jwks_request(&self) -> Request {
        jwks::request(&self.pending.jwks_uri)
    }

    fn id_token(&self) -> Result<&Secret, Error> {
        let missing = Error::Malformed { message: Message::TokenResponse, field: Field::IdToken };
        self.tokens.id_token.as_ref().ok_or(missing)
    }

    /// What a shell has to verify.
    pub fn check(&self, jwks: &Jwks) -> Result<Check, Error> {
        id_token::check(self.id_token()?, jwks, self.pending.id_token_algorithm)
    }

    /// The only way to a session.
    pub fn prove(self, vouched: &Vouched, now: Timestamp, dice: &mut dyn Dice) -> Result<Record, Error> {
        let expected = Expected {
            issuer: &self.pending.issuer,
            client_id: &self.pending.client_id,
            nonce: &self.pending.nonce,
            access_token: &self.tokens.access_token,
        };
        let identity = id_token::prove(self.id_token()?, vouched, &expected, now)?;
        let Pending { issuer, client_id, scopes, mut rest, .. } = *self.pending;
        let tokens = self.tokens;
        rest.refresh_token = tokens.refresh_token;
        let view = View {
            issuer,
            client_id,
            identity,
            // RFC 6749 section 5.1: unsaid means granted as asked for.
            scopes: tokens.scope.unwrap_or(scopes),
            signed_in_at: now,
            bound: rest.key.is_some(),
            refreshes: rest.refresh_token.is_some(),
        };
        let access = Access {
            purpose: Purpose::default(),
            granted: None,
            token: tokens.access_token,
            token_type: tokens.token_type,
            received_at: self.received_at,
            expires_at: self.received_at.plus(tokens.expires_in),
        };
        Ok(Record {
            generation: Generation::first(dice)?,
            view,
            access: alloc::vec![access],
            rest: Some(rest),
        })
    }
}
