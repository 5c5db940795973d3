//! The verdict on a signature, which WebCrypto gives (`www/shared/verify.js`): the one place here that vouches for a
//! token.

use gatepass_core::error::Error;
use gatepass_core::protocol::id_token::{Check, Vouched};

/// Takes the verdict on this check; nobody else's.
pub fn vouch(check: Check, verified: bool) -> Result<Vouched, Error> {
    check.vouch(verified)
}
