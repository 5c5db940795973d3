//! Compact JWS (RFC 7515 section 7.1): taken apart, never verified here.

use alloc::string::String;
use alloc::vec::Vec;

use crate::base64url;
use crate::error::Error;
use crate::field::{Field, Message};
use crate::json::Object;
use crate::text::cut;

/// A token taken apart. What it claims is not believed before a shell has checked the signature.
pub struct Compact {
    /// The JOSE header.
    pub header: Object,
    /// The claims.
    pub claims: Object,
    /// What the signature covers.
    pub signed: Vec<u8>,
    /// The signature.
    pub signature: Vec<u8>,
}

impl Compact {
    /// Splits three parts of strict base64url; `message` is what errors call the token.
    pub fn split(token: &str, message: Message) -> Result<Self, Error> {
        let malformed = |field| Error::Malformed { message, field };
        let (header, Some(rest)) = cut(token, b'.') else { return Err(malformed(Field::Parts)) };
        let (claims, Some(signature)) = cut(rest, b'.') else { return Err(malformed(Field::Parts)) };
        let decode = |part, field| base64url::decode(part).ok_or_else(|| malformed(field));
        Ok(Self {
            header: Object::parse(&decode(header, Field::Header)?, message)?,
            claims: Object::parse(&decode(claims, Field::Claims)?, message)?,
            signed: token.as_bytes()[..header.len() + 1 + claims.len()].to_vec(),
            signature: decode(signature, Field::Signature)?,
        })
    }
}

/// What is to be signed: header and claims, encoded and joined (RFC 7515 section 5.1).
pub fn signing_input(header: &str, claims: &str) -> String {
    let mut input = base64url::encode(header.as_bytes());
    input.push('.');
    input.push_str(&base64url::encode(claims.as_bytes()));
    input
}

/// Adds the signature.
pub fn assemble(mut input: String, signature: &[u8]) -> String {
    input.push('.');
    input.push_str(&base64url::encode(signature));
    input
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test;

    #[test]
    fn splits_what_it_assembles() {
        let token = assemble(signing_input(r#"{"alg":"ES256"}"#, r#"{"sub":"1"}"#), &[1, 2, 3]);
        let parts = Compact::split(&token, Message::Record).unwrap();
        assert_eq!(parts.claims.required(Field::Sub).unwrap(), "1");
        assert_eq!(parts.signature, [1, 2, 3]);
        assert!(token.as_bytes().starts_with(&parts.signed));
        for bad in ["", "a.b", "e30.e30.", "e30.e30.AA.AA", "e30=.e30.AA"] {
            assert_eq!(Compact::split(bad, Message::Record).is_ok(), bad == "e30.e30.", "{bad}");
        }
    }
}
