//! Core from outside, and the order of the house.
//!
//! What reads no files runs as wasm too: `#[test]` is the harness of the target, and the step `browser` of
//! `cargo xtask test` compares the names.

#[cfg(not(target_arch = "wasm32"))]
mod canary;
mod device;
mod hostile;
#[cfg(not(target_arch = "wasm32"))]
mod layers;
#[cfg(not(target_arch = "wasm32"))]
mod lists;
mod login;
mod record;
#[cfg(not(target_arch = "wasm32"))]
mod reports;
#[cfg(not(target_arch = "wasm32"))]
mod seeds;
mod session;
mod transcript;

#[cfg(not(target_arch = "wasm32"))]
use core::prelude::v1::test;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;
