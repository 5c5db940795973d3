//! The token and session core of Gatepass.
//!
//! No clock, no dice, no socket, no environment: time and randomness are arguments, and what has to happen in the
//! world is asked for. The same code runs in a terminal, in a page and in an extension's worker.
//!
//! Values go one way; no module imports to its right (`tests/core/layers.rs`):
//!
//! ```text
//! words                         formats                protocol              session
//! secret error time dice    ->  http form json jwt ->  one RFC step a file -> flows (chains of storable values)
//! name url phrase kept                                                       transactions (small machines)
//! ```
//!
//! | feature | brings |
//! |---|---|
//! | `full` (default) | the protocol steps that no page takes, and the login by device code |
//! | `testing` | a world for tests, an explorer of interleavings, the bodies of the fuzz targets |
#![no_std]

extern crate alloc;
#[cfg(any(test, feature = "testing"))]
extern crate std;

pub mod base64url;
pub mod dice;
pub mod error;
pub mod field;
pub mod form;
pub mod http;
pub mod json;
pub mod jwk;
pub mod jwt;
pub mod kept;
pub mod name;
pub mod phrase;
pub mod protocol;
pub mod secret;
pub mod session;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
pub mod text;
pub mod time;
pub mod url;

/// What `#[test]` means in this crate: the harness of the target, so that a page's core is tested in a page.
#[cfg(all(test, not(target_arch = "wasm32")))]
use core::prelude::v1::test;
#[cfg(all(test, target_arch = "wasm32"))]
use wasm_bindgen_test::wasm_bindgen_test as test;
