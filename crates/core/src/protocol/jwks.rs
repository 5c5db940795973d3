//! The issuer's keys (RFC 7517 section 5).

use alloc::vec::Vec;
use core::time::Duration;

use crate::error::Error;
use crate::field::{Field, Message};
use crate::http::{Request, Response};
use crate::json::Object;
use crate::jwk::{Algorithm, PublicKey};
use crate::kept::{Kept, Text};
use crate::protocol::error_body;
use crate::time::Timestamp;
use crate::url::Endpoint;

const MESSAGE: Message = Message::Jwks;

/// A key set, reduced to the keys that may verify signatures and are understood.
#[derive(Debug)]
pub struct Jwks(Kept<Vec<Entry>>);

#[derive(Debug)]
struct Entry {
    kid: Option<Text>,
    /// What the key is for, if the set says so.
    algorithm: Option<Algorithm>,
    key: Kept<PublicKey>,
}

/// Asks for the keys.
pub fn request(jwks_uri: &Endpoint) -> Request {
    Request::get(jwks_uri.clone())
}

/// Reads the keys; those for encryption, of other kinds, too weak or broken are left out, so that one odd key hurts
/// nobody.
pub fn parse(response: &Response) -> Result<Jwks, Error> {
    if response.status != 200 {
        return Err(error_body::parse(response, MESSAGE));
    }
    let body = Object::parse(response.body.expose(), MESSAGE)?;
    if !body.has(Field::Keys) {
        return Err(body.blame(Field::Keys));
    }
    let mut keys: Kept<Vec<Entry>> = Kept::default();
    for jwk in body.objects(Field::Keys)? {
        if let Ok(Some(entry)) = read(jwk) {
            keys.push(entry);
        }
    }
    Ok(Jwks(keys))
}

fn read(jwk: &Object) -> Result<Option<Entry>, Error> {
    // RFC 7517 sections 4.2 and 4.3: what a key is for.
    let signs = jwk.text(Field::Use)?.is_none_or(|usage| usage == "sig");
    let operations = jwk.texts(Field::KeyOps)?;
    let verifies = operations.is_empty() || operations.contains(&"verify");
    // Whoever publishes the private half has no secret left to sign with.
    if !signs || !verifies || jwk.has(Field::D) {
        return Ok(None);
    }
    // Section 4.4: a key that names another algorithm than ours is not for ours.
    let algorithm = match jwk.text(Field::Alg)?.map(Algorithm::parse) {
        Some(None) => return Ok(None),
        named => named.flatten(),
    };
    let kid = jwk.text(Field::Kid)?.map(Text::from);
    Ok(match PublicKey::read(jwk)? {
        Some(key) if key.is_strong() => Some(Entry { kid, algorithm, key }),
        _ => None,
    })
}

impl Jwks {
    /// The key of this name, or, where the token names none, the only one of its kind
    /// (OpenID Connect Core 1.0 section 10.1). Two of one name are none: nobody could say which is meant.
    pub(crate) fn find(&self, kid: Option<&str>, algorithm: Algorithm) -> Result<&Kept<PublicKey>, Error> {
        let mut fitting = self.0.iter().filter(|entry| {
            entry.key.fits(algorithm)
                && entry.algorithm.is_none_or(|named| named == algorithm)
                && (kid.is_none() || entry.kid.as_deref() == kid)
        });
        match (fitting.next(), fitting.next()) {
            (Some(entry), None) => Ok(&entry.key),
            _ => Err(UNKNOWN_KEY),
        }
    }
}

/// No key of the set fits a token. Issuers change keys between two answers (OpenID Connect Core 1.0 section 10.1.1), so
/// this and no other failure is a reason to ask for the set again: see [`Refetch`].
const UNKNOWN_KEY: Error = Error::Malformed { message: MESSAGE, field: Field::Kid };

/// How long a set that was asked for again is believed to be the newest. Whoever makes up key names in tokens gets no
/// more requests out of us than this.
const REFETCH_PAUSE: Duration = Duration::from_secs(60);

/// From when on the keys may be asked for once more.
#[derive(Debug)]
pub struct Refetch(Timestamp);

impl Refetch {
    /// Nobody has asked again yet.
    pub const fn new() -> Self {
        Self(Timestamp::from_seconds(0))
    }

    /// Whether `error` is one that a newer set may cure, and the last time that this was tried is long enough ago.
    pub fn helps(&mut self, error: Error, now: Timestamp) -> bool {
        let again = error == UNKNOWN_KEY && now >= self.0;
        if again {
            self.0 = now.plus(REFETCH_PAUSE);
        }
        again
    }
}

impl Default for Refetch {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test;

    #[test]
    fn asks_again_for_unknown_keys_alone_and_not_too_often() {
        let at = Timestamp::from_seconds;
        let mut refetch = Refetch::new();
        assert!(!refetch.helps(Error::BadSignature, at(1000)));
        let unknown = Jwks(Kept::default()).find(Some("k"), Algorithm::Es256).unwrap_err();
        assert!(refetch.helps(unknown, at(1000)));
        assert!(!refetch.helps(unknown, at(1059)));
        assert!(refetch.helps(unknown, at(1060)));
        // A clock that was set back does not open the door.
        assert!(!refetch.helps(unknown, at(10)));
    }
}
