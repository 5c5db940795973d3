//! Keys between two programs of one person: the one that a peer proves itself by, and the one that a token from it is
//! bound to.

use aws_lc_rs::digest::{SHA256, digest};
use gatepass_core::base64url;
use gatepass_core::dice;
use gatepass_core::error::Error;
use gatepass_core::field::{Field, Message};
use gatepass_core::json::Object;
use gatepass_core::jwk::{Algorithm, PublicKey};
use gatepass_core::jwt::Compact;
use gatepass_core::kept::Kept;
use gatepass_core::phrase;
use gatepass_core::protocol::dpop::Unsigned;
use gatepass_core::secret::Secret;
use gatepass_core::session::record::BoundKey;
use gatepass_core::url::Endpoint;

use crate::clock;
use crate::random::OsDice;
use crate::sign::{generate, sign};
use crate::verify::es256;

/// The public key of a peer.
#[derive(Clone, Debug)]
pub struct PeerKey(Kept<PublicKey>);

impl PeerKey {
    /// Reads a JWK of P-256; any other kind is refused.
    pub fn read(jwk: &str) -> Result<Self, Error> {
        let malformed = Error::Malformed { message: Message::PeerToken, field: Field::Key };
        match PublicKey::read(&Object::parse(jwk.as_bytes(), Message::PeerToken)?)? {
            Some(key) if key.fits(Algorithm::Es256) => Ok(Self(key)),
            _ => Err(malformed),
        }
    }

    /// Its name (RFC 7638).
    pub fn thumbprint(&self) -> String {
        self.0.thumbprint()
    }

    /// The claims of a token of this type that this key has signed by ES256, as JSON.
    pub fn claims(&self, token: &str, typ: &str) -> Result<String, Error> {
        let malformed = |field| Error::Malformed { message: Message::PeerToken, field };
        let compact = Compact::split(token, Message::PeerToken)?;
        for (field, wanted) in [(Field::Alg, "ES256"), (Field::Typ, typ)] {
            if compact.header.required(field)? != wanted {
                return Err(malformed(field));
            }
        }
        if !es256(&self.0, &compact.signed, &compact.signature) {
            return Err(Error::BadSignature);
        }
        let claims = token.split('.').nth(1).and_then(base64url::decode);
        claims.and_then(|claims| String::from_utf8(claims).ok()).ok_or_else(|| malformed(Field::Claims))
    }

    /// The words that a person compares before this key is believed: they name it, whose it is and this one occasion.
    pub fn phrase(&self, origin: &str, challenge: &str) -> String {
        let text = ["gatepass-pairing-v1", origin, &self.thumbprint(), challenge].join("\n");
        let hash = digest(&SHA256, text.as_bytes());
        let mut first = [0; 6];
        first.copy_from_slice(&hash.as_ref()[..6]);
        phrase::of(&first)
    }
}

/// A key for one token from a peer; it ends with this value.
#[derive(Debug)]
pub struct ProofKey(BoundKey);

impl ProofKey {
    /// Makes one.
    pub fn generate() -> Result<Self, Error> {
        generate().map(Self)
    }

    /// By which a token is bound to it.
    pub fn thumbprint(&self) -> String {
        self.0.public.thumbprint()
    }

    /// The proof for one request (RFC 9449 section 7.1).
    pub fn proof(&self, method: &str, url: &Endpoint, token: &Secret) -> Result<Secret, Error> {
        let proof = Unsigned::new(
            &self.0.public,
            method,
            url.without_query(),
            None,
            Some(token),
            clock::now(),
            &mut OsDice,
        )?;
        let private = self.0.private.as_ref().ok_or(Error::KeyLost)?;
        let signature = sign(private, proof.signing_input())?;
        proof.signed(&signature)
    }
}

/// What a peer has to sign, so that what it signed before is of no use: 256 bits.
pub fn challenge() -> Result<Secret, Error> {
    dice::token(&mut OsDice)
}

#[cfg(test)]
mod tests {
    use gatepass_core::jwt::{assemble, signing_input};

    use super::*;

    fn signed(key: &ProofKey, header: &str, claims: &str) -> String {
        let input = signing_input(header, claims);
        let signature = sign(key.0.private.as_ref().unwrap(), input.as_bytes()).unwrap();
        assemble(input, &signature)
    }

    const HEADER: &str = r#"{"alg":"ES256","typ":"gatepass-link+jwt"}"#;

    #[test]
    fn a_peer_is_believed_by_its_own_key_alone() {
        let key = ProofKey::generate().unwrap();
        let peer = PeerKey::read(&key.0.public.to_json()).unwrap();
        assert_eq!(peer.thumbprint(), key.thumbprint());
        let typ = "gatepass-link+jwt";
        let token = signed(&key, HEADER, r#"{"id":1}"#);
        assert_eq!(peer.claims(&token, typ).unwrap(), r#"{"id":1}"#);
        let other = signed(&ProofKey::generate().unwrap(), HEADER, r#"{"id":1}"#);
        assert_eq!(peer.claims(&other, typ), Err(Error::BadSignature));
        let (head, tail) = token.rsplit_once('.').unwrap();
        let moved = format!("{}.{tail}", head.replace("eyJpZCI6MX0", "eyJpZCI6Mn0"));
        assert_ne!(moved, token);
        assert_eq!(peer.claims(&moved, typ), Err(Error::BadSignature));
        for header in [r#"{"alg":"none","typ":"gatepass-link+jwt"}"#, r#"{"alg":"ES256","typ":"dpop+jwt"}"#] {
            assert!(peer.claims(&signed(&key, header, "{}"), typ).is_err(), "{header}");
        }
    }

    #[test]
    fn only_p256_is_a_peers_key() {
        for jwk in [
            "{}",
            r#"{"kty":"oct","k":"AA"}"#,
            r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#,
            r#"{"kty":"EC","crv":"P-256","x":"AA","y":"AA"}"#,
        ] {
            assert!(PeerKey::read(jwk).is_err(), "{jwk}");
        }
    }

    #[test]
    fn the_words_change_with_all_that_they_name() {
        let (one, two) = (ProofKey::generate().unwrap(), ProofKey::generate().unwrap());
        let peer = |key: &ProofKey| PeerKey::read(&key.0.public.to_json()).unwrap();
        let words = peer(&one).phrase("chrome-extension://a/", "c");
        assert_eq!(words, peer(&one).phrase("chrome-extension://a/", "c"));
        assert_ne!(words, peer(&two).phrase("chrome-extension://a/", "c"));
        assert_ne!(words, peer(&one).phrase("chrome-extension://b/", "c"));
        assert_ne!(words, peer(&one).phrase("chrome-extension://a/", "d"));
    }
}
