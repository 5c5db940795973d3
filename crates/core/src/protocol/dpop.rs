//! Demonstrating proof of possession (RFC 9449).

use alloc::string::String;

use base64ct::{Base64UrlUnpadded, Encoding};
use sha2::{Digest, Sha256};

use crate::dice::{Dice, identifier};
use crate::error::Error;
use crate::http::Method;
use crate::json::Writer;
use crate::jwk::PublicKey;
use crate::jwt::{assemble, signing_input};
use crate::secret::Secret;
use crate::time::Timestamp;
use crate::url::Endpoint;

/// A proof that waits for its signature: the private key never comes here.
#[derive(Debug)]
pub struct Unsigned(String);

impl Unsigned {
    /// The proof for one request (RFC 9449 section 4.2). `access_token` is named by its hash when the request
    /// presents one; `nonce` is what the server's origin asked for last.
    pub fn new(
        key: &PublicKey,
        method: Method,
        url: &Endpoint,
        nonce: Option<&str>,
        access_token: Option<&Secret>,
        now: Timestamp,
        dice: &mut dyn Dice,
    ) -> Result<Self, Error> {
        let header =
            Writer::new().text("typ", "dpop+jwt").text("alg", "ES256").raw("jwk", &key.to_json()).finish();
        let hash = access_token
            .map(|token| Base64UrlUnpadded::encode_string(&Sha256::digest(token.expose().as_bytes())));
        let claims = Writer::new()
            .text("jti", &identifier(dice)?)
            .text("htm", method.as_str())
            .text("htu", url.without_query())
            .number("iat", now.seconds())
            .some("nonce", nonce)
            .some("ath", hash.as_deref())
            .finish();
        Ok(Self(signing_input(&header, &claims)))
    }

    /// What the session's key has to sign, by ES256.
    pub fn signing_input(&self) -> &[u8] {
        self.0.as_bytes()
    }

    /// The value of the `DPoP` header, given the 64 bytes r || s (RFC 7518 section 3.4).
    pub fn signed(self, signature: &[u8]) -> Result<Secret, Error> {
        if signature.len() != 64 {
            return Err(Error::Bug);
        }
        Ok(Secret::new(assemble(self.0, signature)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jwt::Compact;
    use crate::testing::SeededDice;

    #[test]
    fn claims_of_section_4_2() {
        let key = PublicKey::P256 { x: [1; 32], y: [2; 32] };
        let url = Endpoint::new("https://server.example.com/token?x=1", "x").unwrap();
        let token = Secret::from("Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU");
        let now = Timestamp::from_seconds(1_562_262_616);
        let proof =
            Unsigned::new(&key, Method::Post, &url, Some("n"), Some(&token), now, &mut SeededDice::new(1))
                .unwrap();
        let parts = Compact::split(proof.signed(&[7; 64]).unwrap().expose(), "proof").unwrap();
        assert_eq!(parts.header.required("typ").unwrap(), "dpop+jwt");
        assert_eq!(parts.claims.required("htm").unwrap(), "POST");
        assert_eq!(parts.claims.required("htu").unwrap(), "https://server.example.com/token");
        // RFC 9449 section 7.1 prints this hash of this token.
        assert_eq!(parts.claims.required("ath").unwrap(), "fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo");
        assert_eq!(parts.claims.seconds("iat").unwrap(), Some(now.seconds()));
    }
}
