//! Keys and signatures of paper. Core verifies no signature, so any function of key and text will do; the test's own
//! shell makes it again.

use gatepass_core::base64url;
use gatepass_core::error::Error;
use gatepass_core::protocol::id_token::{Check, Vouched};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// What a key is called.
pub(crate) fn kid(algorithm: &str, number: u8) -> String {
    format!("{algorithm}-{number}")
}

/// A public key that looks as one of its kind does. Nothing here computes with it.
pub(crate) fn public(algorithm: &str, number: u8) -> Value {
    let part = |byte: u8| base64url::encode(&[byte; 32]);
    match algorithm {
        "ES256" => json!({ "kty": "EC", "crv": "P-256", "x": part(number), "y": part(number + 100) }),
        "ES256K" => json!({ "kty": "EC", "crv": "secp256k1", "x": part(number), "y": part(number + 100) }),
        "EdDSA" => json!({ "kty": "OKP", "crv": "Ed25519", "x": part(number) }),
        _ => json!({ "kty": "RSA", "n": base64url::encode(&[128 + number; 256]), "e": "AQAB" }),
    }
}

/// A signature for tests: whoever has the public key can make it, and it fits nothing else.
pub(crate) fn signature(key: &Value, input: &[u8]) -> Vec<u8> {
    let mut hash = Sha256::new();
    for member in ["kty", "crv", "x", "n"] {
        hash.update(key[member].as_str().unwrap_or_default());
    }
    hash.update(input);
    hash.finalize().repeat(2)
}

/// The shell's part: the verdict about a signature.
pub(crate) fn verify(check: Check) -> Result<Vouched, Error> {
    let key: Value = serde_json::from_str(&check.key.to_json()).expect("a key is JSON");
    let good = signature(&key, &check.signed) == check.signature;
    check.vouch(good)
}
