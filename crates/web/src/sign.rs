//! The session's key: made here, able to sign, readable by nobody (WebCrypto, not extractable).

use alloc::vec::Vec;

use gatepass_core::error::Error;
use gatepass_core::jwk::PublicKey;
use js_sys::{Array, Object, Promise, Uint8Array};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::{CryptoKey, CryptoKeyPair, SubtleCrypto};

use crate::js::{global, property, texts};

/// WebCrypto; a page that came neither over https nor from this machine has none.
pub(crate) fn subtle() -> Result<SubtleCrypto, Error> {
    let subtle = property(&global("crypto"), "subtle");
    if subtle.is_undefined() {
        return Err(Error::Configuration { field: "secure_context" });
    }
    Ok(subtle.unchecked_into())
}

/// ES256 (RFC 7518 section 3.4) in the words of WebCrypto: one object for making, reading and using keys.
pub(crate) fn es256() -> Object {
    texts(&[("name", "ECDSA"), ("namedCurve", "P-256"), ("hash", "SHA-256")])
}

/// Waits for what WebCrypto promises; whatever goes wrong there, the key cannot be used.
pub(crate) async fn promised(promise: Result<Promise, JsValue>) -> Result<JsValue, Error> {
    let promise = promise.map_err(|_| Error::KeyLost)?;
    JsFuture::from(promise).await.map_err(|_| Error::KeyLost)
}

/// Makes a key: its public half, and the handle of its private half.
pub async fn generate() -> Result<(PublicKey, CryptoKey), Error> {
    let subtle = subtle()?;
    let usages = Array::of1(&JsValue::from_str("sign"));
    let pair = promised(subtle.generate_key_with_object(&es256(), false, &usages)).await?;
    let pair: CryptoKeyPair = pair.unchecked_into();
    // SEC 1 section 2.3.3: 4, x, y.
    let point = promised(subtle.export_key("raw", &pair.get_public_key())).await?;
    let point = Uint8Array::new(&point).to_vec();
    let (mut x, mut y) = ([0; 32], [0; 32]);
    if point.len() != 65 {
        return Err(Error::Bug);
    }
    x.copy_from_slice(&point[1..33]);
    y.copy_from_slice(&point[33..]);
    Ok((PublicKey::P256 { x, y }, pair.get_private_key()))
}

/// Signs by ES256: the 64 bytes r || s.
pub async fn sign(key: &CryptoKey, input: &[u8]) -> Result<Vec<u8>, Error> {
    let signature = promised(subtle()?.sign_with_object_and_u8_array(&es256(), key, input)).await?;
    Ok(Uint8Array::new(&signature).to_vec())
}
