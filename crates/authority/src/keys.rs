//! One secret in, every symmetric key out (HKDF, RFC 5869). Changing the secret changes them all at once.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::{digest, hkdf, hmac};
use base64ct::{Base64UrlUnpadded, Encoding};
use gatepass_core::error::Error;
use gatepass_core::secret::Secret;

use crate::random;

/// The symmetric keys of this authority. Each has one job.
pub(crate) struct Keys {
    /// Refresh tokens are derived by it (`grant/refresh.rs`).
    pub(crate) refresh: hmac::Key,
    /// Form tokens against request forgery.
    pub(crate) csrf: hmac::Key,
    /// Short codes that people type: stored by this key, as they can be guessed from a plain hash.
    pub(crate) short_code: hmac::Key,
    /// Server nonces for proofs (RFC 9449 section 8).
    pub(crate) nonce: hmac::Key,
    /// The authorization request that waits for a sign-in travels in forms and mails under this key.
    pub(crate) flow: SealingKey,
    /// The signing keys lie in the database under this key.
    pub(crate) signing: SealingKey,
    /// The name under which signing keys of this secret are stored: another secret sees another set.
    pub(crate) namespace: String,
}

impl Keys {
    /// Derives all keys; each `info` is distinct, so none says anything about another (RFC 5869 section 3.2).
    pub(crate) fn derive(secret: &Secret) -> Result<Self, Error> {
        let root =
            hkdf::Salt::new(hkdf::HKDF_SHA256, b"gatepass authority v1").extract(secret.expose().as_bytes());
        let derive = |info: &str| -> Result<[u8; 32], Error> {
            let mut key = [0; 32];
            let info = [info.as_bytes()];
            let okm = root.expand(&info, hkdf::HKDF_SHA256).map_err(|_| Error::Bug)?;
            okm.fill(&mut key).map_err(|_| Error::Bug)?;
            Ok(key)
        };
        let mac = |info| Ok(hmac::Key::new(hmac::HMAC_SHA256, &derive(info)?));
        Ok(Self {
            refresh: mac("refresh token")?,
            csrf: mac("form token")?,
            short_code: mac("short code")?,
            nonce: mac("proof nonce")?,
            flow: SealingKey::new(&derive("flow")?)?,
            signing: SealingKey::new(&derive("signing keys")?)?,
            namespace: Base64UrlUnpadded::encode_string(&derive("namespace")?[..16]),
        })
    }
}

/// AES-256-GCM with a random nonce in front: a few messages a second for a few years stay far below its limit.
pub(crate) struct SealingKey(LessSafeKey);

impl SealingKey {
    fn new(key: &[u8; 32]) -> Result<Self, Error> {
        UnboundKey::new(&AES_256_GCM, key).map(|key| Self(LessSafeKey::new(key))).map_err(|_| Error::Bug)
    }

    /// Seals; `context` must be the same at opening.
    pub(crate) fn seal(&self, plain: &[u8], context: &str) -> Result<Vec<u8>, Error> {
        let nonce = random::bytes::<NONCE_LEN>()?;
        let mut sealed = plain.to_vec();
        self.0
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(context.as_bytes()),
                &mut sealed,
            )
            .map_err(|_| Error::Bug)?;
        sealed.splice(0..0, nonce);
        Ok(sealed)
    }

    /// Opens what [`Self::seal`] made, or nothing.
    pub(crate) fn open(&self, sealed: &[u8], context: &str) -> Option<Vec<u8>> {
        let (nonce, rest) = sealed.split_at_checked(NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut buffer = rest.to_vec();
        let plain = self.0.open_in_place(nonce, Aad::from(context.as_bytes()), &mut buffer).ok()?;
        Some(plain.to_vec())
    }
}

/// SHA-256, for looking up random secrets without keeping them.
pub(crate) fn sha256(data: impl AsRef<[u8]>) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest::digest(&digest::SHA256, data.as_ref()).as_ref());
    hash
}

/// Base64url without padding, the alphabet of everything here.
pub(crate) fn base64url(data: impl AsRef<[u8]>) -> String {
    Base64UrlUnpadded::encode_string(data.as_ref())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(secret: &str) -> Keys {
        Keys::derive(&Secret::from(secret)).unwrap()
    }

    #[test]
    fn sealing_depends_on_secret_purpose_and_context() {
        let (one, other) = (keys("a"), keys("b"));
        let sealed = one.flow.seal(b"plain", "context").unwrap();
        assert_eq!(one.flow.open(&sealed, "context").as_deref(), Some(&b"plain"[..]));
        assert_eq!(one.flow.open(&sealed, "another"), None);
        assert_eq!(one.signing.open(&sealed, "context"), None);
        assert_eq!(other.flow.open(&sealed, "context"), None);
        assert_eq!(one.flow.open(b"short", "context"), None);
        assert_ne!(one.namespace, other.namespace);
        assert!(!sealed.windows(5).any(|window| window == b"plain"));
    }
}
