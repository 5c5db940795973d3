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
use crate::http::{Method, Request, Response};
use crate::json::{Object, Writer};
use crate::name::Scopes;
use crate::protocol::authorize::{self, Ask, Callback};
use crate::protocol::discovery::Provider;
use crate::protocol::dpop::Unsigned;
use crate::protocol::exchange;
use crate::protocol::id_token::{self, Check, Expected, Vouched};
use crate::protocol::jwks::Jwks;
use crate::protocol::token_response::{self, TokenResponse};
use crate::secret::Secret;
use crate::session::client::{Client, Dpop};
use crate::session::record::{Access, BoundKey, Generation, Record, Rest, View};
use crate::time::Timestamp;
use crate::url::RedirectUri;

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
        (Dpop::Required, false) => Err(Error::Unsupported { feature: "DPoP" }),
        (Dpop::Required | Dpop::Preferred, true) => Ok(true),
        (Dpop::Preferred, false) | (Dpop::Off, _) => Ok(false),
    }
}

/// A login that waits for its redirect.
#[derive(Debug)]
pub struct Pending {
    client: Client,
    provider: Provider,
    redirect_uri: RedirectUri,
    key: Option<BoundKey>,
    state: Secret,
    nonce: Secret,
    verifier: Secret,
    begun_at: Timestamp,
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
        client: client.clone(),
        provider: provider.clone(),
        redirect_uri: start.redirect_uri,
        key: start.key,
        state: token(dice)?,
        nonce: token(dice)?,
        verifier: token(dice)?,
        begun_at: now,
    };
    let ask = Ask {
        client_id: &client.client_id,
        redirect_uri: &pending.redirect_uri,
        scopes: &client.scopes,
        state: &pending.state,
        nonce: &pending.nonce,
        verifier: &pending.verifier,
        thumbprint: pending.key.as_ref().map(|key| key.public.thumbprint()),
        prompt: start.prompt.as_deref(),
        login_hint: start.login_hint.as_deref(),
    };
    let url = authorize::url(provider, &ask);
    Ok((url, pending))
}

const MESSAGE: &str = "pending login";

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
        let writer = Writer::new()
            .number("v", 1)
            .raw("client", &self.client.to_json())
            .raw("provider", &self.provider.to_json())
            .text("redirect_uri", self.redirect_uri.as_str())
            .text("state", self.state.expose())
            .text("nonce", self.nonce.expose())
            .text("verifier", self.verifier.expose())
            .number("begun_at", self.begun_at.seconds());
        let writer = match &self.key {
            Some(key) => key.write(writer),
            None => writer,
        };
        Secret::new(writer.finish())
    }

    /// Reads the stored form.
    pub fn decode(bytes: &[u8]) -> Result<Self, Error> {
        let read = || -> Result<Self, Error> {
            let object = Object::parse(bytes, MESSAGE)?;
            let secret = |field| object.secret(field)?.ok_or_else(|| object.blame(field));
            Ok(Self {
                client: Client::from_json(object.object("client")?.ok_or_else(|| object.blame("client"))?)?,
                provider: Provider::from_json(
                    object.object("provider")?.ok_or_else(|| object.blame("provider"))?,
                )?,
                redirect_uri: RedirectUri::new(object.required("redirect_uri")?)?,
                key: BoundKey::read(&object)?,
                state: secret("state")?,
                nonce: secret("nonce")?,
                verifier: secret("verifier")?,
                begun_at: object
                    .seconds("begun_at")?
                    .map(Timestamp::from_seconds)
                    .ok_or_else(|| object.blame("begun_at"))?,
            })
        };
        read().map_err(|_| Error::StoreCorrupt)
    }

    /// Takes what came back. Nothing of it counts, not even an error, before the state shows that it is ours.
    pub fn redirected(self, callback: Callback) -> Result<Exchange, Rejected> {
        // RFC 6749 section 10.12, in constant time.
        if callback.state.as_ref() != Some(&self.state) {
            return Err(Rejected::Stranger(Box::new(self), Error::StateMismatch));
        }
        // RFC 9207 section 2.4: absent counts as wrong where the issuer promised to name itself.
        match callback.iss {
            Some(iss) if iss != self.provider.issuer.as_str() => {
                return Err(Rejected::Over(Error::IssuerMismatch));
            }
            None if self.provider.names_itself => return Err(Rejected::Over(Error::IssuerMismatch)),
            _ => {}
        }
        match callback.result {
            Ok(code) => Ok(Exchange { pending: self, code, dpop_nonce: None, retried: false }),
            Err(refusal) => Err(Rejected::Over(Error::Refused(refusal))),
        }
    }
}

/// A login whose code waits to be exchanged.
#[derive(Debug)]
pub struct Exchange {
    pending: Pending,
    code: Secret,
    dpop_nonce: Option<String>,
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
        let Some(key) = &self.pending.key else { return Ok(None) };
        let url = &self.pending.provider.token_endpoint;
        Unsigned::new(&key.public, Method::Post, url, self.dpop_nonce.as_deref(), None, now, dice).map(Some)
    }

    /// The key that signs it.
    pub const fn key(&self) -> Option<&BoundKey> {
        self.pending.key.as_ref()
    }

    /// The request, with the signed proof.
    pub fn request(&self, proof: Option<Secret>) -> Request {
        let pending = &self.pending;
        exchange::request(
            &pending.provider.token_endpoint,
            &pending.client.client_id,
            &pending.redirect_uri,
            &self.code,
            &pending.verifier,
        )
        .with_proof(proof)
    }

    /// Reads the answer. The tokens in it are revoked by nobody if the next step fails: the code is spent, and the
    /// server ends an unused grant by itself.
    pub fn parse(mut self, response: &Response, now: Timestamp) -> Result<Exchanged, Error> {
        let bound = self.pending.key.is_some();
        match token_response::parse(response, bound) {
            Ok(tokens) => {
                let nonce = response.dpop_nonce.clone().or(self.dpop_nonce);
                Ok(Exchanged::Tokens(Unproven {
                    pending: self.pending,
                    tokens,
                    dpop_nonce: nonce,
                    received_at: now,
                }))
            }
            Err(Error::Refused(Refusal::UseDpopNonce)) if response.dpop_nonce.is_some() && !self.retried => {
                self.dpop_nonce.clone_from(&response.dpop_nonce);
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
    pending: Pending,
    tokens: TokenResponse,
    dpop_nonce: Option<String>,
    received_at: Timestamp,
}

impl Unproven {
    /// Where the keys are that the ID token is signed by.
    pub fn jwks_request(&self) -> Request {
        crate::protocol::jwks::request(&self.pending.provider.jwks_uri)
    }

    fn id_token(&self) -> Result<&Secret, Error> {
        let missing = Error::Malformed { message: "token response", field: "id_token" };
        self.tokens.id_token.as_ref().ok_or(missing)
    }

    /// What a shell has to verify.
    pub fn check(&self, jwks: &Jwks) -> Result<Check, Error> {
        id_token::check(self.id_token()?, jwks, self.pending.client.id_token_algorithm)
    }

    /// The only way to a session.
    pub fn prove(self, vouched: &Vouched, now: Timestamp, dice: &mut dyn Dice) -> Result<Record, Error> {
        let Pending { client, provider, nonce, key, .. } = &self.pending;
        let expected = Expected {
            issuer: &provider.issuer,
            client_id: &client.client_id,
            algorithm: client.id_token_algorithm,
            nonce,
            access_token: &self.tokens.access_token,
        };
        let identity = id_token::prove(self.id_token()?, vouched, &expected, now)?;
        // RFC 6749 section 5.1: unsaid means granted as asked for.
        let scopes: Scopes = self.tokens.scope.unwrap_or_else(|| client.scopes.clone());
        let view = View {
            issuer: provider.issuer.clone(),
            client_id: client.client_id.clone(),
            identity,
            scopes,
            signed_in_at: now,
            bound: key.is_some(),
            refreshes: self.tokens.refresh_token.is_some(),
        };
        let access = Access {
            token: self.tokens.access_token,
            token_type: self.tokens.token_type,
            received_at: self.received_at,
            expires_at: self.received_at.plus(self.tokens.expires_in),
        };
        let rest = Rest {
            refresh_token: self.tokens.refresh_token,
            key: key.as_ref().map(BoundKey::duplicate),
            token_endpoint: provider.token_endpoint.clone(),
            revocation_endpoint: provider.revocation_endpoint.clone(),
            forgives_replay: provider.forgives_replay,
            nonce: self.dpop_nonce,
            mark: None,
        };
        Ok(Record { generation: Generation::first(dice)?, view, access: Some(access), rest: Some(rest) })
    }
}
