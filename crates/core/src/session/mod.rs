//! Sessions: how one begins, how it gives out access tokens, how it ends.
//!
//! A **flow** is a chain of storable values, because a page navigation or a dead worker kills any future. There are two,
//! by an authorization code (`login`) and by a device code (`device`), and they end alike (`grant`):
//!
//! ```text
//! login   begin -> Pending -> redirected -> Exchange -> parse --\
//!                                                                -> Unproven -> prove -> Record
//! device  begin -> Asking -> parse -> Waiting -> parse ---------/
//! ```
//!
//! A **transaction** (`access`, `save`, `sign_out`) is a small machine that asks for effects and is answered, so that
//! the order look, lock, look again, send, save, hand out is written once and can be tested in every interleaving:
//!
//! ```text
//! Looking -> Locking -> LookingAgain -> Marking? -> Refreshing -> Saving -> Unlocking -> done
//! ```

pub mod access;
pub mod client;
#[cfg(feature = "full")]
pub mod device;
pub mod freshness;
pub mod grant;
#[cfg(feature = "full")]
pub mod handoff;
pub mod login;
pub mod record;
pub mod save;
pub mod sign_out;
pub mod transaction;
#[cfg(feature = "full")]
pub mod transcript;
