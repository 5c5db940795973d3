//! Errors as they cross the border: codes. The words for people are in `www/shared/errors.js`.

use gatepass_core::error::{Error, Fault};
use gatepass_core::field::Field;

use crate::view::{self, View};

/// It is over, and this is why: `{do: "fail", code, detail?, retryable?, fault}`.
pub fn to_js(error: Error) -> View {
    let fault = match error.fault() {
        Fault::Caller => "caller",
        Fault::Server => "server",
        Fault::World => "world",
        Fault::Machine => "machine",
        Fault::Gatepass => "gatepass",
    };
    view::need("fail")
        .text("code", error.code())
        .some("detail", error.detail().map(Field::as_str))
        .flag("retryable", error.retryable())
        .text("fault", fault)
        .into()
}

/// What the shell says went wrong with an effect; it knows these codes and no others.
pub fn from_js(code: &str) -> Error {
    match code {
        "store_unavailable" => Error::StoreUnavailable,
        "store_corrupt" => Error::StoreCorrupt,
        "key_lost" => Error::KeyLost,
        _ => Error::Bug,
    }
}
