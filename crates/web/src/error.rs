//! Errors as JavaScript sees them: codes. The words for people are in `www/shared/errors.js`.

use gatepass_core::error::{Error, Fault};
use wasm_bindgen::JsValue;

use crate::js::object;

/// The object that a promise is rejected with.
pub fn to_js(error: Error) -> JsValue {
    let fault = match error.fault() {
        Fault::Caller => "caller",
        Fault::Server => "server",
        Fault::World => "world",
        Fault::Machine => "machine",
        Fault::Gatepass => "gatepass",
    };
    object(&[
        ("code", &JsValue::from_str(error.code())),
        ("detail", &error.detail().map_or(JsValue::UNDEFINED, JsValue::from_str)),
        ("retryable", &JsValue::from_bool(error.retryable())),
        ("fault", &JsValue::from_str(fault)),
    ])
    .into()
}
