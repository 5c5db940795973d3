//! The issuer's keys (RFC 7517 section 5).

use alloc::string::String;
use alloc::vec::Vec;

use crate::error::Error;
use crate::field::{Field, Message};
use crate::http::{Request, Response};
use crate::json::Object;
use crate::jwk::{Algorithm, PublicKey};
use crate::protocol::error_body;
use crate::url::Endpoint;

const MESSAGE: Message = Message::Jwks;

/// A key set, reduced to the keys that may verify signatures and are understood.
#[derive(Debug)]
pub struct Jwks(Vec<(Option<String>, PublicKey)>);

/// Asks for the keys.
pub fn request(jwks_uri: &Endpoint) -> Request {
    Request::get(jwks_uri.clone())
}

/// Reads the keys; those for encryption, of other kinds or broken are left out, so that one odd key hurts nobody.
pub fn parse(response: &Response) -> Result<Jwks, Error> {
    if response.status != 200 {
        return Err(error_body::parse(response, MESSAGE));
    }
    let body = Object::parse(response.body.expose(), MESSAGE)?;
    if !body.has(Field::Keys) {
        return Err(body.blame(Field::Keys));
    }
    let mut keys = Vec::new();
    for jwk in body.objects(Field::Keys)? {
        // RFC 7517 section 4.2: `use` says what a key is for.
        if jwk.text(Field::Use).is_ok_and(|usage| usage.is_none_or(|usage| usage == "sig"))
            && let (Ok(kid), Ok(Some(key))) = (jwk.text(Field::Kid), PublicKey::read(jwk))
        {
            keys.push((kid.map(String::from), key));
        }
    }
    Ok(Jwks(keys))
}

impl Jwks {
    /// The key of this name, or, where the token names none, the only one of its kind
    /// (OpenID Connect Core 1.0 section 10.1).
    pub(crate) fn find(&self, kid: Option<&str>, algorithm: Algorithm) -> Option<&PublicKey> {
        let mut fitting = self
            .0
            .iter()
            .filter(|(name, key)| key.fits(algorithm) && (kid.is_none() || name.as_deref() == kid));
        let (_, first) = fitting.next()?;
        fitting.next().is_none().then_some(first)
    }
}
