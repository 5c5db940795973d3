//! What is stored: the only reader and writer of it, byte for byte the same in a terminal and in a page.
//!
//! A record has two parts, so that a shell can seal them under two keys: `access` is what a cached token costs to
//! read, `rest` is what can get new ones. Both carry the generation, so parts of two generations never pass for one.

use alloc::vec::Vec;

use crate::base64url;
use crate::dice::Dice;
use crate::error::Error;
use crate::field::{Field, Message};
use crate::http::MAX_BODY;
use crate::json::{Object, Writer, array};
use crate::jwk::PublicKey;
use crate::kept::{Kept, Text};
use crate::name::{Audience, ClientId, Scopes, Subject};
use crate::protocol::id_token::Identity;
use crate::protocol::token_response::TokenType;
use crate::secret::{Secret, SecretBytes};
use crate::time::Timestamp;
use crate::url::{Endpoint, Issuer};

/// The version that is written; each has a snapshot test. Version 1 had one access token, in the place of the list.
const VERSION: u64 = 2;

/// How many bytes of access tokens one session keeps: a quarter of what is read again, as JSON may double them.
const MOST_BYTES: usize = MAX_BODY / 4;

/// How many access tokens one session keeps. Who asks for more kinds of them than this refreshes more often.
const MOST_TOKENS: usize = 16;

const MESSAGE: Message = Message::Record;

/// Counts the states of one session. It starts at a random place, so that a late writer of a session that was signed
/// out never mistakes the next one for its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Generation(u64);

impl Generation {
    /// The first generation of a new session: 52 random bits, exact in a JavaScript number too.
    pub fn first(dice: &mut dyn Dice) -> Result<Self, Error> {
        let mut bytes = [0; 8];
        dice.fill(&mut bytes)?;
        Ok(Self(u64::from_le_bytes(bytes) >> 12))
    }

    /// The one after this.
    #[must_use]
    pub const fn next(self) -> Self {
        Self((self.0 + 1) & ((1 << 53) - 1))
    }

    /// For stores that keep the generation beside the record, to compare it.
    pub const fn number(self) -> u64 {
        self.0
    }

    /// Reads what [`Generation::number`] gave.
    pub const fn from_number(number: u64) -> Self {
        Self(number)
    }
}

/// Which part of a record a transaction wants to see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Who is signed in, and the access tokens.
    Access,
    /// All of it.
    Whole,
}

/// A session as it is stored.
#[derive(Debug)]
pub struct Record {
    /// The state of the session that this is.
    pub generation: Generation,
    /// Who is signed in where. Holds no secret.
    pub view: Kept<View>,
    /// The access tokens, at most one for a [`Purpose`].
    pub access: Kept<Vec<Access>>,
    /// What gets new ones; `None` if only [`Part::Access`] was asked for.
    pub rest: Option<Kept<Rest>>,
}

/// Who is signed in where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct View {
    /// Who issued the tokens, and the only one who will ever be sent the refresh token.
    pub issuer: Issuer,
    /// As which client.
    pub client_id: ClientId,
    /// Who.
    pub identity: Identity,
    /// What was granted.
    pub scopes: Scopes,
    /// Since when.
    pub signed_in_at: Timestamp,
    /// Whether the session is bound to a key (RFC 9449).
    pub bound: bool,
    /// Whether it can outlive its access token.
    pub refreshes: bool,
}

/// What an access token is asked for; nothing of it means as at sign-in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Purpose {
    /// For whom it is meant.
    pub audience: Option<Audience>,
    /// Fewer scopes than the session has (RFC 6749 section 6).
    pub scopes: Option<Scopes>,
}

/// An access token with its times.
#[derive(Debug)]
pub struct Access {
    /// What it was asked for.
    pub purpose: Purpose,
    /// What was granted, if the server said otherwise than it was asked.
    pub granted: Option<Scopes>,
    /// The token.
    pub token: Secret,
    /// How it is presented.
    pub token_type: TokenType,
    /// When it came, by our clock.
    pub received_at: Timestamp,
    /// When it ends, by our clock.
    pub expires_at: Timestamp,
}

impl Access {
    /// A second copy, to be handed out while this one stays stored.
    pub fn duplicate(&self) -> Self {
        Self {
            purpose: self.purpose.clone(),
            granted: self.granted.clone(),
            token: self.token.duplicate(),
            token_type: self.token_type,
            received_at: self.received_at,
            expires_at: self.expires_at,
        }
    }

    /// As an object of its own.
    fn write(&self) -> Secret {
        let mut writer = Writer::new();
        if let Some(audience) = &self.purpose.audience {
            let (parameter, value) = audience.parameter();
            writer = writer.text(parameter, value);
        }
        let writer = writer
            .some("asked_scope", self.purpose.scopes.as_ref().map(Scopes::as_str))
            .some("scope", self.granted.as_ref().map(Scopes::as_str))
            .text("access_token", self.token.expose())
            .text("token_type", self.token_type.as_str())
            .number("received_at", self.received_at.seconds())
            .number("expires_at", self.expires_at.seconds());
        Secret::new(writer.finish())
    }

    /// Reads it again.
    fn read(object: &Object) -> Result<Self, Error> {
        let scopes = |field| object.text(field)?.map(Scopes::parse).transpose();
        Ok(Self {
            token_type: TokenType::parse(object.required(Field::TokenType)?)
                .ok_or_else(|| object.blame(Field::TokenType))?,
            received_at: moment(object, Field::ReceivedAt)?,
            expires_at: moment(object, Field::ExpiresAt)?,
            token: object.required(Field::AccessToken).map(Secret::from)?,
            purpose: Purpose { audience: audience(object)?, scopes: scopes(Field::AskedScope)? },
            granted: scopes(Field::Scope)?,
        })
    }
}

/// What gets new access tokens.
#[derive(Debug)]
pub struct Rest {
    /// The refresh token, if the server gave one.
    pub refresh_token: Option<Secret>,
    /// The key that the session is bound to.
    pub key: Option<BoundKey>,
    /// Where to refresh: no discovery under a lock.
    pub token_endpoint: Endpoint,
    /// Where to give the grant back.
    pub revocation_endpoint: Option<Endpoint>,
    /// Whether the issuer answers a refresh token that was already used with the same successor.
    pub forgives_replay: bool,
    /// What the token endpoint's origin wants in the next proof (RFC 9449 section 8).
    pub nonce: Option<Text>,
    /// Since when a refresh is under way whose answer nobody has saved yet.
    pub mark: Option<Timestamp>,
}

impl Rest {
    /// Adds these fields to an object.
    pub(super) fn write(&self, writer: Writer) -> Writer {
        let mut writer = writer
            .some("refresh_token", self.refresh_token.as_ref().map(|token| token.expose().as_str()))
            .text("token_endpoint", self.token_endpoint.as_str())
            .some("revocation_endpoint", self.revocation_endpoint.as_ref().map(Endpoint::as_str))
            .flag("forgives_replay", self.forgives_replay)
            .some("nonce", self.nonce.as_deref());
        if let Some(key) = &self.key {
            writer = key.write(writer);
        }
        match self.mark {
            Some(mark) => writer.number("mark", mark.seconds()),
            None => writer,
        }
    }

    /// Reads them again.
    pub(super) fn read(object: &Object) -> Result<Kept<Self>, Error> {
        let endpoint = |field| -> Result<Option<Endpoint>, Error> {
            object.text(field)?.map(|url| Endpoint::new(url, field)).transpose()
        };
        Ok(Kept::new(Self {
            forgives_replay: object.flag(Field::ForgivesReplay)?,
            mark: object.seconds(Field::Mark)?.map(Timestamp::from_seconds),
            refresh_token: object.secret(Field::RefreshToken)?,
            nonce: object.text(Field::Nonce)?.map(Text::from),
            key: BoundKey::read(object)?,
            token_endpoint: endpoint(Field::TokenEndpoint)?
                .ok_or_else(|| object.blame(Field::TokenEndpoint))?,
            revocation_endpoint: endpoint(Field::RevocationEndpoint)?,
        }))
    }
}

/// A session's key.
#[derive(Debug)]
pub struct BoundKey {
    /// The public half.
    pub public: Kept<PublicKey>,
    /// The private half, sealed with the tokens; `None` where the store itself keeps it (a browser's `CryptoKey`).
    pub private: Option<SecretBytes>,
}

impl BoundKey {
    fn write(&self, writer: Writer) -> Writer {
        let private = self.private.as_ref().map(|bytes| Secret::new(base64url::encode(bytes.expose())));
        let private = private.as_ref().map(|text| text.expose().as_str());
        writer.raw("key", &self.public.to_json()).some("private_key", private)
    }

    fn read(object: &Object) -> Result<Option<Self>, Error> {
        let Some(jwk) = object.object(Field::Key)? else { return Ok(None) };
        let public = PublicKey::read(jwk)?.ok_or_else(|| object.blame(Field::Key))?;
        let private = match object.text(Field::PrivateKey)? {
            None => None,
            Some(text) => {
                Some(Secret::new(base64url::decode(text).ok_or_else(|| object.blame(Field::PrivateKey))?))
            }
        };
        Ok(Some(Self { public, private }))
    }
}

/// The stored form of a record.
#[derive(Debug)]
pub struct Encoded {
    /// The part that a cached token needs.
    pub access: Secret,
    /// The part that gets new ones.
    pub rest: Secret,
}

impl Record {
    /// The access token that was asked for this.
    pub fn find(&self, purpose: &Purpose) -> Option<&Access> {
        self.access.iter().find(|access| access.purpose == *purpose)
    }

    /// Puts a new token in the place of the one for the same purpose. What has ended by `now` goes, and if there are
    /// too many or too long, the one that ends first.
    pub fn put(&mut self, access: Access, now: Timestamp) {
        self.access.retain(|other| other.purpose != access.purpose && other.expires_at > now);
        let long = |access: &Access| access.token.expose().len();
        while self.access.len() >= MOST_TOKENS
            || (!self.access.is_empty()
                && self.access.iter().map(long).sum::<usize>() + long(&access) > MOST_BYTES)
        {
            let first = (0..self.access.len()).min_by_key(|at| self.access[*at].expires_at);
            self.access.swap_remove(first.unwrap_or_default());
        }
        self.access.push(access);
    }

    /// Writes both parts. A record without its rest cannot be written: it would erase the refresh token.
    pub fn encode(&self) -> Result<Encoded, Error> {
        let rest = self.rest.as_ref().ok_or(Error::Bug)?;
        let head = || Writer::new().number("v", VERSION).number("generation", self.generation.0);
        let view = &self.view;
        let mut access = head()
            .text("issuer", view.issuer.as_str())
            .text("client_id", view.client_id.as_str())
            .text("sub", view.identity.subject.as_str())
            .some("email", view.identity.email.as_deref())
            .some("name", view.identity.name.as_deref())
            .text("scope", view.scopes.as_str())
            .number("signed_in_at", view.signed_in_at.seconds())
            .flag("bound", view.bound)
            .flag("refreshes", view.refreshes);
        if let Some(auth_time) = view.identity.auth_time {
            access = access.number("auth_time", auth_time.seconds());
        }
        if !self.access.is_empty() {
            let tokens: Vec<Secret> = self.access.iter().map(Access::write).collect();
            access = access.raw("access_tokens", &array(tokens.iter().map(|token| token.expose().as_str())));
        }
        let tail = rest.write(head());
        let (access, rest) = (Secret::new(access.finish()), Secret::new(tail.finish()));
        // What could not be read again is not written.
        if access.expose().len().max(rest.expose().len()) > MAX_BODY {
            return Err(Error::NotSaved);
        }
        Ok(Encoded { access, rest })
    }

    /// A second record with the same content, by way of its stored form: there is no `Clone` on purpose.
    pub(super) fn duplicate(&self) -> Result<Self, Error> {
        let encoded = self.encode()?;
        Self::decode(encoded.access.expose().as_bytes(), Some(encoded.rest.expose().as_bytes()))
    }

    /// Reads the stored form; without `rest`, what [`Part::Access`] shows. Anything unexpected is
    /// [`Error::StoreCorrupt`]: nothing is guessed and nothing is erased. Only what is no object among the access tokens
    /// is passed over, as it costs no more than a refresh.
    pub fn decode(access: &[u8], rest: Option<&[u8]>) -> Result<Self, Error> {
        read(access, rest).map_err(|_| Error::StoreCorrupt)
    }
}

fn audience(object: &Object) -> Result<Option<Audience>, Error> {
    match object.text(Field::Audience)? {
        Some(name) => Audience::named(name).map(Some),
        None => object.text(Field::Resource)?.map(Audience::resource).transpose(),
    }
}

fn read(access: &[u8], rest: Option<&[u8]>) -> Result<Record, Error> {
    let object = Object::parse(access, MESSAGE)?;
    let generation = generation(&object)?;
    let view = Kept::new(View {
        signed_in_at: moment(&object, Field::SignedInAt)?,
        bound: object.flag(Field::Bound)?,
        refreshes: object.flag(Field::Refreshes)?,
        issuer: Issuer::new(object.required(Field::Issuer)?)?,
        client_id: ClientId::new(object.required(Field::ClientId)?)?,
        identity: Identity {
            auth_time: object.seconds(Field::AuthTime)?.map(Timestamp::from_seconds),
            subject: Subject::new(object.required(Field::Sub)?)?,
            email: object.text(Field::Email)?.map(Text::from),
            name: object.text(Field::Name)?.map(Text::from),
        },
        scopes: Scopes::parse(object.text(Field::Scope)?.unwrap_or_default())?,
    });
    let mut tokens = Vec::new();
    for token in object.objects(Field::AccessTokens)? {
        tokens.push(Access::read(token)?);
    }
    if object.has(Field::AccessToken) {
        // Version 1: the one token stood among the fields of the session, whose scopes were its own.
        tokens.push(Access { granted: None, ..Access::read(&object)? });
    }
    let rest = rest.map(|bytes| read_rest(bytes, generation)).transpose()?;
    Ok(Record { generation, view, access: Kept::new(tokens), rest })
}

fn read_rest(bytes: &[u8], expected: Generation) -> Result<Kept<Rest>, Error> {
    let object = Object::parse(bytes, MESSAGE)?;
    if generation(&object)? != expected {
        return Err(object.blame(Field::Generation));
    }
    Rest::read(&object)
}

fn generation(object: &Object) -> Result<Generation, Error> {
    if !matches!(object.seconds(Field::V)?, Some(1..=VERSION)) {
        return Err(object.blame(Field::V));
    }
    object.seconds(Field::Generation)?.map(Generation).ok_or_else(|| object.blame(Field::Generation))
}

fn moment(object: &Object, field: Field) -> Result<Timestamp, Error> {
    object.seconds(field)?.map(Timestamp::from_seconds).ok_or_else(|| object.blame(field))
}
