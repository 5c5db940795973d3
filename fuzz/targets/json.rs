#![no_main]

use serde_json::{Value, from_slice};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    gatepass_core::testing::fuzz::json(bytes, &|bytes| match from_slice::<Value>(bytes) {
        Err(error) if error.to_string().contains("number out of range") => None,
        verdict => Some(verdict.is_ok()),
    });
});
