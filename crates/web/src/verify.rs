//! Judging a signature by WebCrypto: the one place here that vouches for a token.

use gatepass_core::error::Error;
use gatepass_core::jwk::Algorithm;
use gatepass_core::protocol::id_token::{Check, Vouched};
use js_sys::{Array, JSON};
use wasm_bindgen::prelude::*;
use web_sys::CryptoKey;

use crate::js::texts;
use crate::sign::{es256, promised, subtle};

/// Checks the signature; a key that cannot be read verifies nothing.
pub async fn verify(check: Check) -> Result<Vouched, Error> {
    let subtle = subtle()?;
    let algorithm = match check.algorithm {
        Algorithm::Es256 => es256(),
        // RFC 7518 section 3.3.
        Algorithm::Rs256 => texts(&[("name", "RSASSA-PKCS1-v1_5"), ("hash", "SHA-256")]),
    };
    let jwk = JSON::parse(&check.key.to_json()).map_err(|_| Error::Bug)?;
    let usages = Array::of1(&JsValue::from_str("verify"));
    let import = subtle.import_key_with_object("jwk", jwk.unchecked_ref(), &algorithm, false, &usages);
    let key: CryptoKey = promised(import).await.map_err(|_| Error::BadSignature)?.unchecked_into();
    let verdict = subtle.verify_with_object_and_u8_array_and_u8_array(
        &algorithm,
        &key,
        &check.signature,
        &check.signed,
    );
    let verified = promised(verdict).await?.is_truthy();
    check.vouch(verified)
}
