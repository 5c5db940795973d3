//! Demonstrating proof of possession (RFC 9449).

use alloc::string::String;

use sha2::{Digest, Sha256};

use crate::base64url;
use crate::dice::{Dice, identifier};
use crate::error::Error;
use crate::json::Writer;
use crate::jwk::PublicKey;
use crate::jwt::{assemble, signing_input};
use crate::kept::Kept;
use crate::secret::Secret;
use crate::time::Timestamp;

/// A proof that waits for its signature: the private key never comes here.
#[derive(Debug)]
pub struct Unsigned(Kept<String>);

impl Unsigned {
    /// The proof for one request (RFC 9449 section 4.2). `method` is as on the wire, `htu` the address without query and
    /// fragment; `access_token` is named by its hash when the request presents one; `nonce` is what the server's
    /// origin asked for last.
    pub fn new(
        key: &PublicKey,
        method: &str,
        htu: &str,
        nonce: Option<&str>,
        access_token: Option<&Secret>,
        now: Timestamp,
        dice: &mut dyn Dice,
    ) -> Result<Self, Error> {
        let header =
            Writer::new().text("typ", "dpop+jwt").text("alg", "ES256").raw("jwk", &key.to_json()).finish();
        let hash = access_token.map(|token| base64url::encode(&Sha256::digest(token.expose().as_bytes())));
        let claims = Writer::new()
            .text("jti", &identifier(dice)?)
            .text("htm", method)
            .text("htu", htu)
            .number("iat", now.seconds())
            .some("nonce", nonce)
            .some("ath", hash.as_deref())
            .finish();
        Ok(Self(Kept::new(signing_input(&header, &claims))))
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
        Ok(Secret::new(assemble(self.0.into_inner(), signature)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test;
    use crate::testing::SeededDice;

    #[test]
    fn claims_of_section_4_2() {
        let key = PublicKey::P256 { x: [1; 32], y: [2; 32] };
        let htu = "https://server.example.com/token";
        let token = Secret::from("Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU");
        let now = Timestamp::from_seconds(1_562_262_616);
        let proof =
            Unsigned::new(&key, "POST", htu, Some("n"), Some(&token), now, &mut SeededDice::new(1)).unwrap();
        let signed = proof.signed(&[7; 64]).unwrap();
        let part = |number| {
            let part = signed.expose().split('.').nth(number).unwrap();
            String::from_utf8(base64url::decode(part).unwrap()).unwrap()
        };
        let header = [r#"{"typ":"dpop+jwt","alg":"ES256","jwk":"#, &key.to_json(), "}"].concat();
        assert_eq!(part(0), header);
        let claims = part(1);
        // RFC 9449 section 7.1 prints this hash of this token.
        let expected = concat!(
            r#","htm":"POST","htu":"https://server.example.com/token","iat":1562262616,"nonce":"n","#,
            r#""ath":"fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo"}"#
        );
        assert!(claims.starts_with(r#"{"jti":""#) && claims.ends_with(expected), "{claims}");
    }
}
