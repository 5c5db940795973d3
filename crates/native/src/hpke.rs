//! The terminal's end of a session that a dashboard gives away: sealed to a key of this process, and to the one-time secret
//! of the handoff, so that nobody else can open it or put another in its place (RFC 9180, mode_psk).

use gatepass_core::dice::Dice;
use gatepass_core::error::Error;
use gatepass_core::field::{Field, Message};
use gatepass_core::secret::{Secret, SecretBytes};
use hpke::aead::{Aead, AesGcm256};
use hpke::kdf::HkdfSha256;
use hpke::kem::DhP256HkdfSha256;
use hpke::{Deserializable, Kem, OpModeR, PskBundle, Serializable, single_shot_open};
use zeroize::Zeroize;

use crate::random::OsDice;

type PrivateKey = <DhP256HkdfSha256 as Kem>::PrivateKey;

/// A key pair for one handoff. It lives as long as the login waits, and no longer.
pub(crate) struct Receiver {
    private: PrivateKey,
    public: Vec<u8>,
}

/// What a message was sealed with beside the key.
#[derive(Debug)]
pub(crate) struct Context<'a> {
    pub(crate) psk: &'a SecretBytes,
    pub(crate) psk_id: &'a [u8],
    pub(crate) info: &'a [u8],
    pub(crate) aad: &'a [u8],
}

impl Receiver {
    /// A fresh one.
    pub(crate) fn generate() -> Result<Self, Error> {
        let mut seed = [0; 32];
        OsDice.fill(&mut seed)?;
        let receiver = Self::derive(&seed);
        seed.zeroize();
        Ok(receiver)
    }

    /// DeriveKeyPair (RFC 9180 section 7.1.3).
    fn derive(seed: &[u8; 32]) -> Self {
        let (private, public) = DhP256HkdfSha256::derive_keypair(seed);
        Self { private, public: public.to_bytes().to_vec() }
    }

    /// The point, uncompressed (RFC 9180 section 7.1.1).
    pub(crate) fn public(&self) -> &[u8] {
        &self.public
    }

    /// Opens what was sealed to this key (RFC 9180 section 6.1).
    pub(crate) fn open(
        &self,
        context: &Context<'_>,
        enc: &[u8],
        sealed: &[u8],
    ) -> Result<SecretBytes, Error> {
        self.open_by::<AesGcm256>(context, enc, sealed)
    }

    fn open_by<A: Aead>(
        &self,
        context: &Context<'_>,
        enc: &[u8],
        sealed: &[u8],
    ) -> Result<SecretBytes, Error> {
        let malformed = Error::Malformed { message: Message::AuthorizationResponse, field: Field::Sealed };
        let Context { psk, psk_id, info, aad } = context;
        let enc = <DhP256HkdfSha256 as Kem>::EncappedKey::from_bytes(enc).map_err(|_| malformed)?;
        let bundle = PskBundle::new(psk.expose(), psk_id).map_err(|_| Error::Bug)?;
        let mode = OpModeR::Psk(bundle);
        single_shot_open::<A, HkdfSha256, DhP256HkdfSha256>(&mode, &self.private, &enc, info, sealed, aad)
            .map(Secret::new)
            .map_err(|_| malformed)
    }
}

impl std::fmt::Debug for Receiver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Receiver")
    }
}

#[cfg(test)]
mod tests {
    use hpke::aead::AesGcm128;
    use serde_json::Value;

    use super::*;

    fn bytes(value: &Value) -> Vec<u8> {
        let text = value.as_str().unwrap();
        (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
    }

    /// The vectors of RFC 9180 have this mode on this curve with AES-128-GCM alone, so that one is opened here.
    #[test]
    fn opens_what_rfc_9180_prints() {
        let vectors = include_str!("../../../tests/corpora/09-hpke-p256-psk.jsonl");
        for line in vectors.lines() {
            let vector: Value = serde_json::from_str(line).unwrap();
            let private = <DhP256HkdfSha256 as Kem>::PrivateKey::from_bytes(&bytes(&vector["skRm"])).unwrap();
            let receiver = Receiver { private, public: bytes(&vector["pkRm"]) };
            let (psk, psk_id) = (Secret::new(bytes(&vector["psk"])), bytes(&vector["psk_id"]));
            let (info, enc) = (bytes(&vector["info"]), bytes(&vector["enc"]));
            let first = &vector["encryptions"][0];
            let (sealed, aad) = (bytes(&first["ct"]), bytes(&first["aad"]));
            let context = Context { psk: &psk, psk_id: &psk_id, info: &info, aad: &aad };
            let plain = receiver.open_by::<AesGcm128>(&context, &enc, &sealed).unwrap();
            assert_eq!(plain.expose(), &bytes(&first["pt"]));
            let other = Context { aad: b"other", ..context };
            assert!(receiver.open_by::<AesGcm128>(&other, &enc, &sealed).is_err());
            assert!(receiver.open(&other, &enc, &sealed).is_err(), "and by no other algorithm");
            assert!(receiver.open(&other, &enc[1..], &sealed).is_err(), "nor from what is no point");
        }
    }

    #[test]
    fn a_key_is_derived_as_rfc_9180_does() {
        let vectors = include_str!("../../../tests/corpora/09-hpke-p256-psk.jsonl");
        let vector: Value = serde_json::from_str(vectors.lines().next().unwrap()).unwrap();
        let seed = bytes(&vector["ikmR"]).try_into().unwrap();
        assert_eq!(Receiver::derive(&seed).public(), bytes(&vector["pkRm"]));
    }
}
