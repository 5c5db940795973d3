//! Who signed in (OpenID Connect Core 1.0 sections 2, 3.1.3.7 and 12.2).
//!
//! The claims are judged here, the signature in a shell: [`Check`] carries what to verify there, [`Vouched`] the
//! verdict back.

use alloc::string::String;
use alloc::vec::Vec;

use sha2::{Digest, Sha256};

use crate::base64url;
use crate::error::Error;
use crate::field::{Field, Message};
use crate::jwk::{Algorithm, PublicKey};
use crate::jwt::Compact;
use crate::name::{ClientId, Subject};
use crate::protocol::jwks::Jwks;
use crate::secret::Secret;
use crate::time::{LEEWAY, Timestamp};
use crate::url::Issuer;

const MESSAGE: Message = Message::IdToken;

/// A signature to verify. Only `native/verify.rs` and `web/verify.rs` answer it (`tests/core/lists.rs`).
#[derive(Debug)]
pub struct Check {
    /// The algorithm, fixed by the client's registration and not by the token.
    pub algorithm: Algorithm,
    /// The issuer's key.
    pub key: PublicKey,
    /// What the signature covers.
    pub signed: Vec<u8>,
    /// The signature.
    pub signature: Vec<u8>,
}

impl Check {
    /// Records the shell's verdict: `verified` is whether the signature is good.
    pub fn vouch(self, verified: bool) -> Result<Vouched, Error> {
        if verified { Ok(Vouched(Sha256::digest(&self.signed).into())) } else { Err(Error::BadSignature) }
    }
}

/// Proof that one token's signature was verified; it is worth nothing for another token.
#[derive(Debug)]
pub struct Vouched([u8; 32]);

/// What an ID token has to fit.
#[derive(Debug)]
pub struct Expected<'a> {
    /// The issuer of this login.
    pub issuer: &'a Issuer,
    /// The client of this login.
    pub client_id: &'a ClientId,
    /// The nonce of this login; a device code has none.
    pub nonce: Option<&'a Secret>,
    /// The access token that came with it, for `at_hash`.
    pub access_token: &'a Secret,
}

/// Who signed in, proven.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The issuer's name for them.
    pub subject: Subject,
    /// Their e-mail address, if the issuer tells it.
    pub email: Option<String>,
    /// Their name, if the issuer tells it.
    pub name: Option<String>,
    /// When they signed in, if the issuer tells it.
    pub auth_time: Option<Timestamp>,
}

/// Finds the key for a token. A key that is not in the set is [`Error::BadSignature`]: the shell may fetch the set
/// once more.
pub fn check(id_token: &Secret, jwks: &Jwks, algorithm: Algorithm) -> Result<Check, Error> {
    let token = Compact::split(id_token.expose(), MESSAGE)?;
    // RFC 8725 section 3.1: the algorithm is ours to choose; the header may only agree.
    if token.header.required(Field::Alg)? != algorithm.as_str() {
        return Err(Error::BadSignature);
    }
    // RFC 7515 section 4.1.11: an extension that must be understood is not. Keys that a token brings are not trusted.
    for field in [Field::Crit, Field::Jwk, Field::Jku, Field::X5c, Field::X5u] {
        if token.header.has(field) {
            return Err(token.header.blame(field));
        }
    }
    let key = jwks.find(token.header.text(Field::Kid)?, algorithm).ok_or(Error::BadSignature)?;
    Ok(Check { algorithm, key: key.clone(), signed: token.signed, signature: token.signature })
}

/// Judges the claims of a token whose signature was verified (OpenID Connect Core 1.0 section 3.1.3.7).
pub fn prove(
    id_token: &Secret,
    vouched: &Vouched,
    expected: &Expected<'_>,
    now: Timestamp,
) -> Result<Identity, Error> {
    let token = Compact::split(id_token.expose(), MESSAGE)?;
    // The verdict must be about these very bytes.
    if Sha256::digest(&token.signed).as_slice() != vouched.0 {
        return Err(Error::BadSignature);
    }
    let claims = &token.claims;
    let bad = |claim| Error::BadClaim { claim };
    if claims.required(Field::Iss)? != expected.issuer.as_str() {
        return Err(Error::IssuerMismatch);
    }
    audience(&token, expected.client_id)?;
    let exp = claims.seconds(Field::Exp)?.map(Timestamp::from_seconds).ok_or_else(|| bad(Field::Exp))?;
    if exp.plus(LEEWAY) <= now {
        return Err(bad(Field::Exp));
    }
    let iat = claims.seconds(Field::Iat)?.map(Timestamp::from_seconds).ok_or_else(|| bad(Field::Iat))?;
    if iat > now.plus(LEEWAY) {
        return Err(bad(Field::Iat));
    }
    if expected.nonce.is_some() && claims.secret(Field::Nonce)?.as_ref() != expected.nonce {
        return Err(bad(Field::Nonce));
    }
    // Section 3.1.3.6: half of the hash of the access token; SHA-256 belongs to both algorithms in use.
    if let Some(at_hash) = claims.text(Field::AtHash)? {
        let hash = Sha256::digest(expected.access_token.expose().as_bytes());
        if at_hash != base64url::encode(&hash[..16]) {
            return Err(bad(Field::AtHash));
        }
    }
    Ok(Identity {
        subject: Subject::new(claims.required(Field::Sub)?).map_err(|_| bad(Field::Sub))?,
        email: printable(claims.text(Field::Email)?),
        name: printable(claims.text(Field::Name)?),
        auth_time: claims.seconds(Field::AuthTime)?.map(Timestamp::from_seconds),
    })
}

/// A claim that people are shown. One that would steer a terminal instead is left out.
pub(super) fn printable(claim: Option<&str>) -> Option<String> {
    claim.filter(|text| !text.chars().any(char::is_control)).map(String::from)
}

/// A token that comes with a refresh must speak of the same person, issuer and client (section 12.2). Nothing else in
/// it is used, so nothing else is judged.
pub fn unchanged(
    id_token: &Secret,
    issuer: &Issuer,
    client_id: &ClientId,
    subject: &Subject,
) -> Result<(), Error> {
    let token = Compact::split(id_token.expose(), MESSAGE)?;
    if token.claims.required(Field::Iss)? != issuer.as_str() {
        return Err(Error::IssuerMismatch);
    }
    if token.claims.required(Field::Sub)? != subject.as_str() {
        return Err(Error::BadClaim { claim: Field::Sub });
    }
    audience(&token, client_id)
}

/// `aud` and `azp` (section 3.1.3.7, steps 3 to 5).
fn audience(token: &Compact, client_id: &ClientId) -> Result<(), Error> {
    let audiences = token.claims.text_or_texts(Field::Aud)?;
    if !audiences.contains(&client_id.as_str()) {
        return Err(Error::BadClaim { claim: Field::Aud });
    }
    match token.claims.text(Field::Azp)? {
        Some(azp) if azp != client_id.as_str() => Err(Error::BadClaim { claim: Field::Azp }),
        // A token for several audiences must name us as the one it was issued to.
        None if audiences.len() > 1 => Err(Error::BadClaim { claim: Field::Azp }),
        _ => Ok(()),
    }
}
