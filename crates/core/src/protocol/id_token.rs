//! Who signed in (OpenID Connect Core 1.0 sections 2, 3.1.3.7 and 12.2).
//!
//! The claims are judged here, the signature in a shell: [`Check`] carries what to verify there, [`Vouched`] the
//! verdict back.

use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use sha2::{Digest, Sha256};

use crate::base64url;
use crate::error::Error;
use crate::field::{Field, Message};
use crate::json::Object;
use crate::jwk::{Algorithm, PublicKey};
use crate::jwt::Compact;
use crate::kept::{Kept, Text};
use crate::name::{ClientId, Subject};
use crate::protocol::jwks::Jwks;
use crate::secret::Secret;
use crate::time::{LEEWAY, Timestamp};
use crate::url::Issuer;

const MESSAGE: Message = Message::IdToken;

/// A signature to verify. Only `native/verify.rs` and `web/verify.rs` answer it (`tests/core/lists.rs`).
pub struct Check {
    /// The algorithm, fixed by the client's registration and not by the token.
    pub algorithm: Algorithm,
    /// The issuer's key.
    pub key: Kept<PublicKey>,
    /// What the signature covers.
    pub signed: Vec<u8>,
    /// The signature.
    pub signature: Vec<u8>,
}

impl fmt::Debug for Check {
    /// Without `signed` and `signature`: together they are the token.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Check")
            .field("algorithm", &self.algorithm)
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
}

impl Check {
    /// Records the shell's verdict: `verified` is whether the signature is good.
    pub fn vouch(self, verified: bool) -> Result<Vouched, Error> {
        if verified {
            Ok(Vouched(Sha256::digest(self.signed.as_slice()).into()))
        } else {
            Err(Error::BadSignature)
        }
    }
}

/// Proof that one token's signature was verified; it is worth nothing for another token.
#[derive(Debug)]
pub struct Vouched([u8; 32]);

impl Vouched {
    /// Refuses the verdict for any bytes but those that it was given about.
    pub(super) fn is_about(&self, token: &Compact) -> Result<(), Error> {
        if Sha256::digest(token.signed.as_slice()).as_slice() == self.0 {
            Ok(())
        } else {
            Err(Error::BadSignature)
        }
    }
}

/// What an ID token has to fit.
#[derive(Debug)]
pub struct Expected<'a> {
    /// The issuer of this login.
    pub issuer: &'a Issuer,
    /// The client of this login.
    pub client_id: &'a ClientId,
    /// Other audiences that the client trusts to see the token too.
    pub trusted_audiences: &'a [&'a str],
    /// The nonce of this login; a login without a browser redirect sends none (RFC 8628).
    pub nonce: Option<&'a Secret>,
    /// The access token that came with it, for `at_hash`.
    pub access_token: &'a Secret,
    /// The code that it came for, for `c_hash`.
    pub code: Option<&'a Secret>,
    /// How long ago the person may have signed in, if the request said so.
    pub max_age: Option<Duration>,
    /// The authentication contexts of which the request called one essential.
    pub essential_acr: &'a [&'a str],
    /// How far the issuer's clock may be from ours.
    pub leeway: Duration,
}

impl<'a> Expected<'a> {
    /// What every token has to fit; the rest depends on what was asked for.
    pub const fn new(issuer: &'a Issuer, client_id: &'a ClientId, access_token: &'a Secret) -> Self {
        Self {
            issuer,
            client_id,
            trusted_audiences: &[],
            nonce: None,
            access_token,
            code: None,
            max_age: None,
            essential_acr: &[],
            leeway: LEEWAY,
        }
    }
}

/// Who signed in, proven.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The issuer's name for them.
    pub subject: Subject,
    /// Their e-mail address, if the issuer tells it.
    pub email: Option<Text>,
    /// Their name, if the issuer tells it.
    pub name: Option<Text>,
    /// When they signed in, if the issuer tells it.
    pub auth_time: Option<Timestamp>,
}

/// Finds the key for a token. Where the set has none, the error is one that [`Refetch`](crate::protocol::jwks::Refetch)
/// knows.
pub fn check(id_token: &Secret, jwks: &Jwks, algorithm: Algorithm) -> Result<Check, Error> {
    check_typed(id_token, jwks, algorithm, None, MESSAGE)
}

/// The same for its kin, which may have a `typ` of their own.
pub(super) fn check_typed(
    token: &Secret,
    jwks: &Jwks,
    algorithm: Algorithm,
    own_type: Option<&str>,
    message: Message,
) -> Result<Check, Error> {
    let token = Compact::split(token.expose(), message)?;
    let header = &token.header;
    // RFC 8725 section 3.1: the algorithm is ours to choose; the header may only agree.
    if header.required(Field::Alg)? != algorithm.as_str() {
        return Err(Error::BadSignature);
    }
    // RFC 7515 section 4.1.11: an extension that must be understood is not. Keys that a token brings are not trusted.
    for field in [Field::Crit, Field::Jwk, Field::Jku, Field::X5c, Field::X5u] {
        if header.names(field) {
            return Err(header.blame(field));
        }
    }
    // RFC 8725 section 3.11: access tokens, logout tokens and their kin say what they are.
    let fits = |kind| is_jwt(kind) || own_type.is_some_and(|own| kind.eq_ignore_ascii_case(own));
    if header.text(Field::Typ)?.is_some_and(|kind| !fits(kind)) {
        return Err(header.blame(Field::Typ));
    }
    let key = jwks.find(given(header, Field::Kid)?, algorithm)?;
    Ok(Check { algorithm, key: key.clone(), signed: token.signed, signature: token.signature })
}

/// Whether a `typ` says no more than that this is a JWT (RFC 7519 section 5.1).
fn is_jwt(kind: &str) -> bool {
    kind.eq_ignore_ascii_case("JWT") || kind.eq_ignore_ascii_case("application/jwt")
}

/// Judges the claims of a token whose signature was verified (OpenID Connect Core 1.0 section 3.1.3.7).
// Into its one caller, where what was not asked for is known and drops out: 150 bytes of the wasm.
#[inline(always)]
pub fn prove(
    id_token: &Secret,
    vouched: &Vouched,
    expected: &Expected<'_>,
    now: Timestamp,
) -> Result<Identity, Error> {
    let token = Compact::split(id_token.expose(), MESSAGE)?;
    vouched.is_about(&token)?;
    let claims = &token.claims;
    let bad = |claim| Error::BadClaim { claim };
    let moment = |claim| claims.seconds(claim).map(|seconds| seconds.map(Timestamp::from_seconds));
    if claims.required(Field::Iss)? != expected.issuer.as_str() {
        return Err(Error::IssuerMismatch);
    }
    audience(claims, expected.client_id, expected.trusted_audiences)?;
    let latest = now.plus(expected.leeway);
    if moment(Field::Exp)?.ok_or_else(|| bad(Field::Exp))?.plus(expected.leeway) <= now {
        return Err(bad(Field::Exp));
    }
    if moment(Field::Iat)?.ok_or_else(|| bad(Field::Iat))? > latest {
        return Err(bad(Field::Iat));
    }
    // RFC 7519 section 4.1.5.
    if claims.names(Field::Nbf) && moment(Field::Nbf)?.is_none_or(|nbf| nbf > latest) {
        return Err(bad(Field::Nbf));
    }
    // Also one that we did not send is wrong: the token belongs to another login.
    if claims.secret(Field::Nonce)?.as_ref() != expected.nonce {
        return Err(bad(Field::Nonce));
    }
    let auth_time = moment(Field::AuthTime)?;
    if let Some(max_age) = expected.max_age {
        let signed_in_at = auth_time.ok_or_else(|| bad(Field::AuthTime))?;
        if signed_in_at > latest || signed_in_at.plus(max_age).plus(expected.leeway) < now {
            return Err(bad(Field::AuthTime));
        }
    }
    // Section 5.5.1.1.
    if !expected.essential_acr.is_empty()
        && !claims.text(Field::Acr)?.is_some_and(|acr| expected.essential_acr.contains(&acr))
    {
        return Err(bad(Field::Acr));
    }
    // Sections 3.1.3.6 and 3.3.2.11.
    if !is_hash(&token, Field::AtHash, expected.access_token)? {
        return Err(bad(Field::AtHash));
    }
    if let Some(code) = expected.code
        && !is_hash(&token, Field::CHash, code)?
    {
        return Err(bad(Field::CHash));
    }
    Ok(Identity {
        subject: Subject::new(claims.required(Field::Sub)?).map_err(|_| bad(Field::Sub))?,
        email: printable(claims, Field::Email),
        name: printable(claims, Field::Name),
        auth_time,
    })
}

/// A text that is judged if it is there; one that is null says nothing that could be.
fn given(object: &Object, field: Field) -> Result<Option<&str>, Error> {
    let text = object.text(field)?;
    if text.is_none() && object.names(field) { Err(object.blame(field)) } else { Ok(text) }
}

/// Whether a claim, if it is there, is half of the hash of `value`. Of the algorithms in use, EdDSA alone names no hash
/// (RFC 8032 leaves SHA-512 to its inside): what an issuer put there is not judged.
fn is_hash(token: &Compact, claim: Field, value: &Secret) -> Result<bool, Error> {
    let Some(half) = given(&token.claims, claim)? else { return Ok(true) };
    let hash = Sha256::digest(value.expose().as_bytes());
    Ok(half == base64url::encode(&hash[..16])
        || token.header.required(Field::Alg)? == Algorithm::EdDsa.as_str())
}

/// A claim that people are shown. One that would steer a terminal, or is no text at all, is left out.
pub(super) fn printable(claims: &Object, claim: Field) -> Option<Text> {
    let text = claims.text(claim).ok().flatten()?;
    (!text.chars().any(char::is_control)).then(|| Text::from(text))
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
    audience(&token.claims, client_id, &[])
}

/// `aud` and `azp` (section 3.1.3.7, steps 3 to 5).
pub(super) fn audience(claims: &Object, client_id: &ClientId, trusted: &[&str]) -> Result<(), Error> {
    let us = client_id.as_str();
    let (mut named, mut alone) = (false, true);
    for audience in claims.text_or_texts(Field::Aud)? {
        if audience == us {
            named = true;
        } else if trusted.contains(&audience) {
            alone = false;
        } else {
            return Err(Error::BadClaim { claim: Field::Aud });
        }
    }
    if !named {
        return Err(Error::BadClaim { claim: Field::Aud });
    }
    match given(claims, Field::Azp)? {
        Some(azp) if azp != us => Err(Error::BadClaim { claim: Field::Azp }),
        // A token for several audiences must name us as the one it was issued to.
        None if !alone => Err(Error::BadClaim { claim: Field::Azp }),
        _ => Ok(()),
    }
}
