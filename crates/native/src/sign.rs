//! The session's key: made, and used to sign proofs (RFC 9449).

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use gatepass_core::error::Error;
use gatepass_core::jwk::PublicKey;
use gatepass_core::kept::Kept;
use gatepass_core::secret::{Secret, SecretBytes};
use gatepass_core::session::record::BoundKey;

/// Makes a new P-256 key; its private half is sealed with the tokens.
pub(crate) fn generate() -> Result<BoundKey, Error> {
    let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new())
        .map_err(|_| Error::NoDice)?;
    let private = Secret::new(document.as_ref().to_vec());
    let pair = key_pair(&private)?;
    // SEC 1 section 2.3.3: 0x04, x, y.
    let point: &[u8; 65] = pair.public_key().as_ref().try_into().map_err(|_| Error::Bug)?;
    let (mut x, mut y) = ([0; 32], [0; 32]);
    x.copy_from_slice(&point[1..33]);
    y.copy_from_slice(&point[33..]);
    Ok(BoundKey { public: Kept::new(PublicKey::P256 { x, y }), private: Some(private) })
}

/// Signs by ES256: the 64 bytes r || s.
pub(crate) fn sign(private: &SecretBytes, input: &[u8]) -> Result<Vec<u8>, Error> {
    let signature = key_pair(private)?.sign(&SystemRandom::new(), input).map_err(|_| Error::NoDice)?;
    Ok(signature.as_ref().to_vec())
}

fn key_pair(private: &SecretBytes) -> Result<EcdsaKeyPair, Error> {
    EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, private.expose()).map_err(|_| Error::KeyLost)
}

#[cfg(test)]
mod tests {
    use gatepass_core::jwk::Algorithm;
    use gatepass_core::protocol::id_token::Check;

    use super::*;
    use crate::verify::verify;

    #[test]
    fn signs_what_its_public_half_verifies() {
        let key = generate().unwrap();
        let signature = sign(key.private.as_ref().unwrap(), b"input").unwrap();
        let check = |signed: &[u8]| Check {
            algorithm: Algorithm::Es256,
            key: key.public.clone(),
            signed: signed.to_vec(),
            signature: signature.clone(),
        };
        assert!(verify(check(b"input")).is_ok());
        assert_eq!(verify(check(b"another input")).err(), Some(Error::BadSignature));
    }
}
