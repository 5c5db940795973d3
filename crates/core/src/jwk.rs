//! Public keys as JSON (RFC 7517), and their thumbprints (RFC 7638).

use alloc::string::String;
use alloc::vec::Vec;

use sha2::{Digest, Sha256};

use crate::base64url;
use crate::error::Error;
use crate::field::Field;
use crate::json::{Object, Writer};
use crate::kept::Kept;

/// The signature algorithms that are understood. There is no `none` and no HMAC to be confused with (RFC 8725 3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// Ed25519 (RFC 8037 section 3.1).
    EdDsa,
    /// ECDSA on P-256 with SHA-256 (RFC 7518 section 3.4).
    Es256,
    /// RSASSA-PSS with SHA-256 (RFC 7518 section 3.5).
    Ps256,
    /// RSASSA-PKCS1-v1_5 with SHA-256 (RFC 7518 section 3.3).
    Rs256,
}

impl Algorithm {
    /// Reads the `alg` of a header or of metadata.
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "EdDSA" => Some(Self::EdDsa),
            "ES256" => Some(Self::Es256),
            "PS256" => Some(Self::Ps256),
            "RS256" => Some(Self::Rs256),
            _ => None,
        }
    }

    /// The registered name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::EdDsa => "EdDSA",
            Self::Es256 => "ES256",
            Self::Ps256 => "PS256",
            Self::Rs256 => "RS256",
        }
    }
}

/// A public key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PublicKey {
    /// A point on Ed25519 (RFC 8037 section 2).
    Ed25519 {
        /// The point, as it is encoded there.
        x: [u8; 32],
    },
    /// A point on P-256: both coordinates, 32 bytes each (RFC 7518 section 6.2.1).
    P256 {
        /// The x coordinate, big-endian.
        x: [u8; 32],
        /// The y coordinate, big-endian.
        y: [u8; 32],
    },
    /// An RSA key: modulus and exponent, big-endian (RFC 7518 section 6.3.1).
    Rsa {
        /// The modulus.
        n: Vec<u8>,
        /// The exponent.
        e: Vec<u8>,
    },
}

impl PublicKey {
    /// Reads a JWK. A kind that is not understood is `None`: key sets may hold any. A symmetric key (`oct`) is none that
    /// is understood.
    pub fn read(jwk: &Object) -> Result<Option<Kept<Self>>, Error> {
        let bytes = |field| -> Result<Vec<u8>, Error> {
            base64url::decode(jwk.required(field)?).ok_or_else(|| jwk.blame(field))
        };
        let coordinate = |field| bytes(field)?.try_into().map_err(|_| jwk.blame(field));
        Ok(Some(Kept::new(match (jwk.required(Field::Kty)?, jwk.text(Field::Crv)?) {
            ("EC", Some("P-256")) => Self::P256 { x: coordinate(Field::X)?, y: coordinate(Field::Y)? },
            ("OKP", Some("Ed25519")) => Self::Ed25519 { x: coordinate(Field::X)? },
            ("RSA", _) => Self::Rsa { n: bytes(Field::N)?, e: bytes(Field::E)? },
            _ => return Ok(None),
        })))
    }

    /// The JWK with its required members in the order of RFC 7638 section 3.2, so that it is also what is hashed.
    pub fn to_json(&self) -> String {
        match self {
            Self::Ed25519 { x } => Writer::new()
                .text("crv", "Ed25519")
                .text("kty", "OKP")
                .text("x", &base64url::encode(x))
                .finish(),
            Self::P256 { x, y } => Writer::new()
                .text("crv", "P-256")
                .text("kty", "EC")
                .text("x", &base64url::encode(x))
                .text("y", &base64url::encode(y))
                .finish(),
            Self::Rsa { n, e } => Writer::new()
                .text("e", &base64url::encode(e))
                .text("kty", "RSA")
                .text("n", &base64url::encode(n))
                .finish(),
        }
    }

    /// The SHA-256 thumbprint (RFC 7638), as it stands in `jkt` and `dpop_jkt` (RFC 9449 sections 6.1 and 10).
    pub fn thumbprint(&self) -> String {
        base64url::encode(&Sha256::digest(self.to_json().as_bytes()))
    }

    /// Whether this key is as strong as its algorithm demands. Not every shell looks: WebCrypto verifies by any.
    pub fn is_strong(&self) -> bool {
        let Self::Rsa { n, e } = self else { return true };
        // RFC 7518 section 3.3: 2048 bits or more; and not so many that one signature keeps a page busy. Numbers have no
        // leading zeros (section 6.3.1), so that their length says how large they are.
        let least = if n.len() > 256 { 1 } else { 128 };
        let long = (256..=1024).contains(&n.len()) && n.first() >= Some(&least);
        // By an exponent of 1, a signature is its own message; no sound one is even, and those in use are short.
        long && e.first() > Some(&0)
            && e.len() <= 8
            && *e != [1]
            && e.last().is_some_and(|last| last % 2 == 1)
    }

    /// Whether this key is of the kind that `algorithm` needs.
    pub const fn fits(&self, algorithm: Algorithm) -> bool {
        matches!(
            (self, algorithm),
            (Self::Ed25519 { .. }, Algorithm::EdDsa)
                | (Self::P256 { .. }, Algorithm::Es256)
                | (Self::Rsa { .. }, Algorithm::Ps256 | Algorithm::Rs256)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::field::Message;
    use crate::test;

    #[test]
    fn thumbprint_of_rfc_7638() {
        // RFC 7638 section 3.1.
        let n = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw";
        let json =
            Writer::new().text("kty", "RSA").text("n", n).text("e", "AQAB").text("alg", "RS256").finish();
        let key = PublicKey::read(&Object::parse(json.as_bytes(), Message::Jwks).unwrap()).unwrap().unwrap();
        assert_eq!(key.thumbprint(), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
        assert!(key.fits(Algorithm::Rs256) && !key.fits(Algorithm::Es256));
    }
}
