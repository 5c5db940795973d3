//! What every way of signing in has in common: what is asked for of whom, and how tokens become a session.
//!
//! ```text
//! authorization code (login) --\
//!                               -> Unproven -> check, vouch -> prove -> Record
//! device code (device) --------/
//! ```

use alloc::boxed::Box;
use alloc::vec;
use core::time::Duration;

use crate::dice::Dice;
use crate::error::Error;
use crate::field::{Field, Message};
use crate::http::{Request, Response};
use crate::json::{Object, Writer};
use crate::jwk::Algorithm;
use crate::kept::Kept;
use crate::name::{ClientId, Scopes};
use crate::protocol::discovery::Provider;
use crate::protocol::dpop::Unsigned;
use crate::protocol::id_token::{self, Check, Expected, Vouched};
use crate::protocol::jwks::{self, Jwks};
#[cfg(feature = "full")]
use crate::protocol::revoke;
use crate::protocol::token_response::TokenResponse;
use crate::secret::Secret;
use crate::session::client::{Client, Dpop};
use crate::session::record::{Access, BoundKey, Generation, Purpose, Record, Rest, View};
use crate::time::Timestamp;
use crate::url::{Endpoint, Issuer};

/// Whether this login binds its session to a key, or why it cannot go on.
pub const fn wants_key(client: &Client, provider: &Provider) -> Result<bool, Error> {
    match (client.dpop, provider.binds_keys) {
        (Dpop::Required, false) => Err(Error::Unsupported { feature: Field::DpopBinding }),
        (Dpop::Required | Dpop::Preferred, true) => Ok(true),
        (Dpop::Preferred, false) | (Dpop::Off, _) => Ok(false),
    }
}

/// A grant on its way. What it holds of issuer and client becomes the session's.
#[derive(Debug)]
pub(super) struct Grant {
    pub(super) issuer: Issuer,
    pub(super) client_id: ClientId,
    pub(super) scopes: Scopes,
    id_token_algorithm: Algorithm,
    jwks_uri: Endpoint,
    /// The nonce of the ID token, not of a proof. A device code has none.
    pub(super) nonce: Option<Secret>,
    /// How long ago the person may have shown who they are, if that was asked.
    pub(super) max_age: Option<Duration>,
    pub(super) begun_at: Timestamp,
    pub(super) rest: Kept<Rest>,
}

impl Grant {
    /// A grant to be asked for; `key` is what the session will be bound to.
    pub(super) fn new(
        client: &Client,
        provider: &Provider,
        key: Option<BoundKey>,
        nonce: Option<Secret>,
        now: Timestamp,
    ) -> Result<Box<Self>, Error> {
        if wants_key(client, provider)? != key.is_some() {
            return Err(Error::Bug);
        }
        Ok(Box::new(Self {
            issuer: client.issuer.clone(),
            client_id: client.client_id.clone(),
            scopes: client.scopes.clone(),
            id_token_algorithm: client.id_token_algorithm,
            jwks_uri: provider.jwks_uri.clone(),
            nonce,
            max_age: None,
            begun_at: now,
            rest: Kept::new(Rest {
                refresh_token: None,
                key,
                token_endpoint: provider.token_endpoint.clone(),
                revocation_endpoint: provider.revocation_endpoint.clone(),
                forgives_replay: provider.forgives_replay,
                nonce: None,
                mark: None,
            }),
        }))
    }

    /// Adds these fields to a pending login.
    pub(super) fn write(&self, writer: Writer) -> Writer {
        let rest = Secret::new(self.rest.write(Writer::new()).finish());
        let writer = writer
            .number("v", 1)
            .text("issuer", self.issuer.as_str())
            .text("client_id", self.client_id.as_str())
            .text("scope", self.scopes.as_str())
            .text("id_token_signed_response_alg", self.id_token_algorithm.as_str())
            .text("jwks_uri", self.jwks_uri.as_str())
            .some("nonce", self.nonce.as_ref().map(|nonce| nonce.expose().as_str()))
            .number("begun_at", self.begun_at.seconds())
            .raw("session", rest.expose());
        match self.max_age {
            Some(max_age) => writer.number("max_age", max_age.as_secs()),
            None => writer,
        }
    }

    /// Reads them again.
    pub(super) fn read(object: &Object) -> Result<Box<Self>, Error> {
        let algorithm = Algorithm::parse(object.required(Field::IdTokenSignedResponseAlg)?);
        let session = object.object(Field::Session)?;
        let begun_at = object.seconds(Field::BegunAt)?;
        let scopes = Scopes::parse(object.required(Field::Scope)?)?;
        // Of spaces alone; every login asks for `openid`.
        if scopes.is_empty() {
            return Err(object.blame(Field::Scope));
        }
        Ok(Box::new(Self {
            max_age: object.seconds(Field::MaxAge)?.map(Duration::from_secs),
            begun_at: Timestamp::from_seconds(begun_at.ok_or(Error::StoreCorrupt)?),
            id_token_algorithm: algorithm.ok_or(Error::StoreCorrupt)?,
            issuer: Issuer::new(object.required(Field::Issuer)?)?,
            client_id: ClientId::new(object.required(Field::ClientId)?)?,
            scopes,
            jwks_uri: Endpoint::new(object.required(Field::JwksUri)?, Field::JwksUri)?,
            nonce: object.secret(Field::Nonce)?,
            rest: Rest::read(session.ok_or(Error::StoreCorrupt)?)?,
        }))
    }

    /// The proof for the next request to the token endpoint, if the session is to be bound to a key.
    pub(super) fn proof(&self, now: Timestamp, dice: &mut dyn Dice) -> Result<Option<Unsigned>, Error> {
        let Some(key) = &self.rest.key else { return Ok(None) };
        let Rest { token_endpoint, nonce, .. } = &*self.rest;
        let htu = token_endpoint.without_query();
        Unsigned::new(&key.public, "POST", htu, nonce.as_deref(), None, now, dice).map(Some)
    }

    /// Keeps the nonce that a response brings for the next proof (RFC 9449 section 8.2), and says whether it did.
    pub(super) fn learn(&mut self, response: &Response) -> bool {
        let brought = response.dpop_nonce.is_some();
        if brought {
            self.rest.nonce = response.dpop_nonce.clone();
        }
        brought
    }
}

/// Tokens that nobody has vouched for yet.
#[derive(Debug)]
pub struct Unproven {
    grant: Box<Grant>,
    tokens: Kept<TokenResponse>,
    received_at: Timestamp,
}

impl Unproven {
    pub(super) const fn new(grant: Box<Grant>, tokens: Kept<TokenResponse>, received_at: Timestamp) -> Self {
        Self { grant, tokens, received_at }
    }

    /// Where the keys are that the ID token is signed by.
    pub fn jwks_request(&self) -> Request {
        jwks::request(&self.grant.jwks_uri)
    }

    fn id_token(&self) -> Result<&Secret, Error> {
        let missing = Error::Malformed { message: Message::TokenResponse, field: Field::IdToken };
        self.tokens.id_token.as_ref().ok_or(missing)
    }

    /// What a shell has to verify.
    pub fn check(&self, jwks: &Jwks) -> Result<Check, Error> {
        id_token::check(self.id_token()?, jwks, self.grant.id_token_algorithm)
    }

    /// What gives the grant back where no session comes of it (RFC 7009 section 2.1), and whether its issuer tells the
    /// sessions of one person apart.
    #[cfg(feature = "full")]
    pub fn farewell(&self) -> Option<(Request, bool)> {
        let Grant { client_id, rest, .. } = &*self.grant;
        let endpoint = rest.revocation_endpoint.as_ref()?;
        let request = revoke::request(endpoint, client_id, self.tokens.refresh_token.as_ref()?);
        Some((request, rest.forgives_replay))
    }

    /// The only way to a session.
    pub fn prove(self, vouched: &Vouched, now: Timestamp, dice: &mut dyn Dice) -> Result<Record, Error> {
        let Grant { issuer, client_id, nonce, max_age, .. } = &*self.grant;
        let expected = Expected {
            nonce: nonce.as_ref(),
            max_age: *max_age,
            ..Expected::new(issuer, client_id, &self.tokens.access_token)
        };
        let identity = id_token::prove(self.id_token()?, vouched, &expected, now)?;
        let Grant { issuer, client_id, scopes, mut rest, .. } = *self.grant;
        let tokens = self.tokens.into_inner();
        rest.refresh_token = tokens.refresh_token;
        let view = Kept::new(View {
            issuer,
            client_id,
            identity,
            // RFC 6749 section 5.1: unsaid means granted as asked for.
            scopes: tokens.scope.unwrap_or(scopes),
            signed_in_at: now,
            bound: rest.key.is_some(),
            refreshes: rest.refresh_token.is_some(),
        });
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
            access: Kept::new(vec![access]),
            rest: Some(rest),
        })
    }
}
