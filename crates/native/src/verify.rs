//! Signatures of ID tokens: the native half of `Check::vouch`, next to `web/verify.rs`.

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256, RSA_PSS_2048_8192_SHA256,
    RsaPublicKeyComponents, UnparsedPublicKey,
};
use gatepass_core::error::Error;
use gatepass_core::jwk::{Algorithm, PublicKey};
use gatepass_core::protocol::id_token::{Check, Vouched};

/// Verifies one signature with the key that core chose for it.
pub(crate) fn verify(check: Check) -> Result<Vouched, Error> {
    let Check { signed, signature, .. } = &check;
    let rsa = |n, e, scheme| RsaPublicKeyComponents { n, e }.verify(scheme, signed, signature).is_ok();
    let verified = match (&check.key, check.algorithm) {
        (PublicKey::Ed25519 { x }, Algorithm::EdDsa) => {
            UnparsedPublicKey::new(&ED25519, x).verify(signed, signature).is_ok()
        }
        (PublicKey::P256 { x, y }, Algorithm::Es256) => {
            let point = [&[4][..], x, y].concat();
            UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(signed, signature).is_ok()
        }
        (PublicKey::Rsa { n, e }, Algorithm::Ps256) => rsa(n, e, &RSA_PSS_2048_8192_SHA256),
        (PublicKey::Rsa { n, e }, Algorithm::Rs256) => rsa(n, e, &RSA_PKCS1_2048_8192_SHA256),
        // Core chose a key that fits; any other verifies nothing.
        (PublicKey::Ed25519 { .. } | PublicKey::P256 { .. } | PublicKey::Rsa { .. }, _) => false,
    };
    check.vouch(verified)
}
