//! Errors as they cross the border: codes. The words for people are in `www/shared/errors.js`.

use gatepass_core::error::{Error, Fault};
use gatepass_core::field::Field;
use gatepass_core::json::Writer;
use wasm_bindgen::JsValue;

/// What is thrown: `{code, detail?, retryable?, fault}` as JSON.
pub fn to_js(error: Error) -> JsValue {
    let fault = match error.fault() {
        Fault::Caller => "caller",
        Fault::Server => "server",
        Fault::World => "world",
        Fault::Machine => "machine",
        Fault::Gatepass => "gatepass",
    };
    let json = Writer::new()
        .text("code", error.code())
        .some("detail", error.detail().map(Field::as_str))
        .flag("retryable", error.retryable())
        .text("fault", fault)
        .finish();
    JsValue::from_str(&json)
}

/// What the shell says went wrong with an effect; it knows these codes and no others.
pub fn from_js(code: Option<&str>) -> Error {
    match code {
        Some("store_unavailable") => Error::StoreUnavailable,
        Some("store_corrupt") => Error::StoreCorrupt,
        Some("key_lost") => Error::KeyLost,
        _ => Error::Bug,
    }
}
