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
    let verified = match (&*check.key, check.algorithm) {
        (PublicKey::Ed25519 { x }, Algorithm::EdDsa) => {
            UnparsedPublicKey::new(&ED25519, x).verify(signed, signature).is_ok()
        }
        (key @ PublicKey::P256 { .. }, Algorithm::Es256) => es256(key, signed, signature),
        (PublicKey::Rsa { n, e }, Algorithm::Ps256) => rsa(n, e, &RSA_PSS_2048_8192_SHA256),
        (PublicKey::Rsa { n, e }, Algorithm::Rs256) => rsa(n, e, &RSA_PKCS1_2048_8192_SHA256),
        // Core chose a key that fits; any other verifies nothing.
        (PublicKey::Ed25519 { .. } | PublicKey::P256 { .. } | PublicKey::Rsa { .. }, _) => false,
    };
    check.vouch(verified)
}

/// Whether this key has signed that by ES256 (RFC 7518 section 3.4); a key of another kind has not.
pub(crate) fn es256(key: &PublicKey, signed: &[u8], signature: &[u8]) -> bool {
    let PublicKey::P256 { x, y } = key else { return false };
    // SEC 1 section 2.3.3: 0x04, x, y.
    let point = [&[4][..], x, y].concat();
    UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(signed, signature).is_ok()
}
