//! The key of a program, and its proofs: written from RFC 9449 and RFC 7638 alone.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use base64ct::{Base64UrlUnpadded, Encoding};
use serde_json::{Value, json};

use crate::world::{World, hash};

/// A program's key for proofs.
pub(crate) struct Key(EcdsaKeyPair);

impl Key {
    pub(crate) fn new() -> Self {
        Self(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap())
    }

    fn coordinates(&self) -> (String, String) {
        let point = self.0.public_key().as_ref();
        (Base64UrlUnpadded::encode_string(&point[1..33]), Base64UrlUnpadded::encode_string(&point[33..]))
    }

    pub(crate) fn jkt(&self) -> String {
        let (x, y) = self.coordinates();
        hash(&format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#))
    }

    /// A proof; `more` replaces or adds claims.
    pub(crate) fn prove(&self, world: &World, method: &str, endpoint: &str, more: Value) -> String {
        let header = json!({"typ": "dpop+jwt", "alg": "ES256", "jwk": self.jwk()});
        let mut unique = [0; 16];
        aws_lc_rs::rand::fill(&mut unique).unwrap();
        let mut claims = json!({
            "jti": Base64UrlUnpadded::encode_string(&unique),
            "htm": method,
            "htu": format!("{}{endpoint}", world.base),
            "iat": world.now(),
        });
        for (name, value) in more.as_object().unwrap() {
            claims[name] = value.clone();
        }
        self.sign(&header, &claims)
    }

    /// The public half.
    pub(crate) fn jwk(&self) -> Value {
        let (x, y) = self.coordinates();
        json!({"kty": "EC", "crv": "P-256", "x": x, "y": y})
    }

    /// A compact JWS, whatever its header says.
    pub(crate) fn sign(&self, header: &Value, claims: &Value) -> String {
        let encode = |value: &Value| Base64UrlUnpadded::encode_string(value.to_string().as_bytes());
        let input = format!("{}.{}", encode(header), encode(claims));
        let signature = self.0.sign(&SystemRandom::new(), input.as_bytes()).unwrap();
        format!("{input}.{}", Base64UrlUnpadded::encode_string(signature.as_ref()))
    }
}
