//! What is stored: the only reader and writer of it, byte for byte the same in a terminal and in a page.
//!
//! A record has two parts, so that a shell can seal them under two keys: `access` is what a cached token costs to
//! read, `rest` is what can get new ones. Both carry the generation, so parts of two generations never pass for one.

use alloc::borrow::ToOwned;
use alloc::string::String;

use base64ct::{Base64UrlUnpadded, Encoding};

use crate::dice::Dice;
use crate::error::Error;
use crate::json::{Object, Writer};
use crate::jwk::PublicKey;
use crate::name::{ClientId, Scopes, Subject};
use crate::protocol::id_token::Identity;
use crate::protocol::token_response::TokenType;
use crate::secret::{Secret, SecretBytes};
use crate::time::Timestamp;
use crate::url::{Endpoint, Issuer};

/// The version of the stored form; each has a snapshot test.
const VERSION: u64 = 1;

const MESSAGE: &str = "record";

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
    /// Who is signed in, and the access token.
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
    pub view: View,
    /// The access token, unless it was dropped.
    pub access: Option<Access>,
    /// What gets new ones; `None` if only [`Part::Access`] was asked for.
    pub rest: Option<Rest>,
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

/// An access token with its times.
#[derive(Debug)]
pub struct Access {
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
            token: self.token.duplicate(),
            token_type: self.token_type,
            received_at: self.received_at,
            expires_at: self.expires_at,
        }
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
    pub nonce: Option<String>,
    /// Since when a refresh is under way whose answer nobody has saved yet.
    pub mark: Option<Timestamp>,
}

/// A session's key.
#[derive(Debug)]
pub struct BoundKey {
    /// The public half.
    pub public: PublicKey,
    /// The private half, sealed with the tokens; `None` where the store itself keeps it (a browser's `CryptoKey`).
    pub private: Option<SecretBytes>,
}

impl BoundKey {
    pub(super) fn duplicate(&self) -> Self {
        Self { public: self.public.clone(), private: self.private.as_ref().map(Secret::duplicate) }
    }

    pub(super) fn write(&self, writer: Writer) -> Writer {
        let private = self.private.as_ref().map(|bytes| Base64UrlUnpadded::encode_string(bytes.expose()));
        writer.raw("key", &self.public.to_json()).some("private_key", private.as_deref())
    }

    pub(super) fn read(object: &Object) -> Result<Option<Self>, Error> {
        let Some(jwk) = object.object("key")? else { return Ok(None) };
        let public = PublicKey::read(jwk)?.ok_or_else(|| object.blame("key"))?;
        let private = match object.text("private_key")? {
            None => None,
            Some(text) => Some(Secret::new(
                Base64UrlUnpadded::decode_vec(text).map_err(|_| object.blame("private_key"))?,
            )),
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
            .text("scope", &view.scopes.to_text())
            .number("signed_in_at", view.signed_in_at.seconds())
            .flag("bound", view.bound)
            .flag("refreshes", view.refreshes);
        if let Some(auth_time) = view.identity.auth_time {
            access = access.number("auth_time", auth_time.seconds());
        }
        if let Some(token) = &self.access {
            access = access
                .text("access_token", token.token.expose())
                .text("token_type", token.token_type.as_str())
                .number("received_at", token.received_at.seconds())
                .number("expires_at", token.expires_at.seconds());
        }
        let mut tail = head()
            .some("refresh_token", rest.refresh_token.as_ref().map(|token| token.expose().as_str()))
            .text("token_endpoint", rest.token_endpoint.as_str())
            .some("revocation_endpoint", rest.revocation_endpoint.as_ref().map(Endpoint::as_str))
            .flag("forgives_replay", rest.forgives_replay)
            .some("nonce", rest.nonce.as_deref());
        if let Some(key) = &rest.key {
            tail = key.write(tail);
        }
        if let Some(mark) = rest.mark {
            tail = tail.number("mark", mark.seconds());
        }
        Ok(Encoded { access: Secret::new(access.finish()), rest: Secret::new(tail.finish()) })
    }

    /// A second record with the same content, by way of its stored form: there is no `Clone` on purpose.
    pub(super) fn duplicate(&self) -> Result<Self, Error> {
        let encoded = self.encode()?;
        Self::decode(encoded.access.expose().as_bytes(), Some(encoded.rest.expose().as_bytes()))
    }

    /// Reads the stored form; without `rest`, what [`Part::Access`] shows. Anything unexpected is
    /// [`Error::StoreCorrupt`]: nothing is guessed and nothing is erased.
    pub fn decode(access: &[u8], rest: Option<&[u8]>) -> Result<Self, Error> {
        read(access, rest).map_err(|_| Error::StoreCorrupt)
    }
}

fn read(access: &[u8], rest: Option<&[u8]>) -> Result<Record, Error> {
    let object = Object::parse(access, MESSAGE)?;
    let generation = generation(&object)?;
    let view = View {
        issuer: Issuer::new(object.required("issuer")?)?,
        client_id: ClientId::new(object.required("client_id")?)?,
        identity: Identity {
            subject: Subject::new(object.required("sub")?)?,
            email: object.text("email")?.map(ToOwned::to_owned),
            name: object.text("name")?.map(ToOwned::to_owned),
            auth_time: object.seconds("auth_time")?.map(Timestamp::from_seconds),
        },
        scopes: Scopes::parse(object.text("scope")?.unwrap_or_default())?,
        signed_in_at: moment(&object, "signed_in_at")?,
        bound: object.flag("bound")?,
        refreshes: object.flag("refreshes")?,
    };
    let token = match object.secret("access_token")? {
        None => None,
        Some(token) => Some(Access {
            token,
            token_type: TokenType::parse(object.required("token_type")?)
                .ok_or_else(|| object.blame("token_type"))?,
            received_at: moment(&object, "received_at")?,
            expires_at: moment(&object, "expires_at")?,
        }),
    };
    let rest = rest.map(|bytes| read_rest(bytes, generation)).transpose()?;
    Ok(Record { generation, view, access: token, rest })
}

fn read_rest(bytes: &[u8], expected: Generation) -> Result<Rest, Error> {
    let object = Object::parse(bytes, MESSAGE)?;
    if generation(&object)? != expected {
        return Err(object.blame("generation"));
    }
    Ok(Rest {
        refresh_token: object.secret("refresh_token")?,
        key: BoundKey::read(&object)?,
        token_endpoint: Endpoint::new(object.required("token_endpoint")?, "token_endpoint")?,
        revocation_endpoint: object
            .text("revocation_endpoint")?
            .map(|url| Endpoint::new(url, "revocation_endpoint"))
            .transpose()?,
        forgives_replay: object.flag("forgives_replay")?,
        nonce: object.text("nonce")?.map(ToOwned::to_owned),
        mark: object.seconds("mark")?.map(Timestamp::from_seconds),
    })
}

fn generation(object: &Object) -> Result<Generation, Error> {
    if object.seconds("v")? != Some(VERSION) {
        return Err(object.blame("v"));
    }
    object.seconds("generation")?.map(Generation).ok_or_else(|| object.blame("generation"))
}

fn moment(object: &Object, field: &'static str) -> Result<Timestamp, Error> {
    object.seconds(field)?.map(Timestamp::from_seconds).ok_or_else(|| object.blame(field))
}
