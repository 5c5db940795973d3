//! The token and session core of Gatepass.
//!
//! No clock, no dice, no socket, no environment: time and randomness are arguments, and what has to happen in the
//! world is asked for. The same code runs in a terminal, in a page and in an extension's worker.
//!
//! Values go one way; no module imports to its right (`tests/layers.rs`):
//!
//! ```text
//! words                         formats                protocol              session
//! secret error time dice    ->  http form json jwt ->  one RFC step a file -> login (a chain of storable values)
//! name url                                                                   transaction (a small machine)
//! ```
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
pub mod name;
pub mod protocol;
pub mod secret;
pub mod session;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
pub mod text;
pub mod time;
pub mod url;
