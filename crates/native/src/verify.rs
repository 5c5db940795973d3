//! Signatures of ID tokens: the native half of `Check::vouch`, next to `web/verify.rs`.

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey,
};
use gatepass_core::error::Error;
use gatepass_core::jwk::{Algorithm, PublicKey};
use gatepass_core::protocol::id_token::{Check, Vouched};

/// Verifies one signature with the key that core chose for it.
pub(crate) fn verify(check: Check) -> Result<Vouched, Error> {
    let verified = match (&check.key, check.algorithm) {
        (PublicKey::P256 { x, y }, Algorithm::Es256) => {
            let point = [&[4][..], x, y].concat();
            UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point)
                .verify(&check.signed, &check.signature)
                .is_ok()
        }
        // Keys under 2048 bits are refused here (RFC 7518 section 3.3).
        (PublicKey::Rsa { n, e }, Algorithm::Rs256) => RsaPublicKeyComponents { n, e }
            .verify(&RSA_PKCS1_2048_8192_SHA256, &check.signed, &check.signature)
            .is_ok(),
        (PublicKey::P256 { .. }, Algorithm::Rs256) | (PublicKey::Rsa { .. }, Algorithm::Es256) => false,
    };
    check.vouch(verified)
}
