//! Sealing the two parts of a record, each under a key of its own (AES-256-GCM, random 96-bit nonces).

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use gatepass_core::dice::Dice;
use gatepass_core::error::Error;
use gatepass_core::secret::{Secret, SecretBytes};
use gatepass_core::session::record::Generation;

/// Both keys as they lie in the keyring: 32 bytes for the access part, 32 for the rest.
pub(crate) struct Keys(SecretBytes);

impl Keys {
    const LENGTH: usize = 64;

    /// New keys.
    pub(crate) fn generate(dice: &mut dyn Dice) -> Result<Self, Error> {
        let mut bytes = vec![0; Self::LENGTH];
        dice.fill(&mut bytes)?;
        Ok(Self(Secret::new(bytes)))
    }

    /// Keys out of the keyring.
    pub(crate) fn read(bytes: SecretBytes) -> Result<Self, Error> {
        if bytes.expose().len() == Self::LENGTH { Ok(Self(bytes)) } else { Err(Error::StoreCorrupt) }
    }

    /// What goes into the keyring.
    pub(crate) const fn bytes(&self) -> &SecretBytes {
        &self.0
    }

    fn key(&self, section: Section) -> Result<LessSafeKey, Error> {
        let bytes = match section {
            Section::Access => &self.0.expose()[..32],
            Section::Rest => &self.0.expose()[32..],
        };
        UnboundKey::new(&AES_256_GCM, bytes).map(LessSafeKey::new).map_err(|_| Error::Bug)
    }
}

/// Which part is sealed.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Section {
    /// The part that a cached token needs.
    Access,
    /// The part that gets new ones.
    Rest,
}

/// What the seal is about: a part of one session cannot pass for another part, session or generation.
fn about(name: &str, section: Section, generation: Generation) -> Aad<Vec<u8>> {
    let section = match section {
        Section::Access => "access",
        Section::Rest => "rest",
    };
    let mut bytes = format!("gatepass sealed 1|{name}|{section}|").into_bytes();
    bytes.extend_from_slice(&generation.number().to_le_bytes());
    Aad::from(bytes)
}

/// Seals one part: nonce, then ciphertext with its tag.
pub(crate) fn seal(
    keys: &Keys,
    name: &str,
    section: Section,
    generation: Generation,
    plain: &Secret,
    dice: &mut dyn Dice,
) -> Result<SecretBytes, Error> {
    let mut nonce = [0; NONCE_LEN];
    dice.fill(&mut nonce)?;
    let mut text = plain.expose().clone().into_bytes();
    keys.key(section)?
        .seal_in_place_append_tag(
            Nonce::assume_unique_for_key(nonce),
            about(name, section, generation),
            &mut text,
        )
        .map_err(|_| Error::Bug)?;
    Ok(Secret::new([&nonce[..], &text].concat()))
}

/// Opens one part; anything but what was sealed under these keys is [`Error::StoreCorrupt`].
pub(crate) fn open(
    keys: &Keys,
    name: &str,
    section: Section,
    generation: Generation,
    sealed: &SecretBytes,
) -> Result<SecretBytes, Error> {
    let (nonce, text) = sealed.expose().split_first_chunk::<NONCE_LEN>().ok_or(Error::StoreCorrupt)?;
    let mut text = text.to_vec();
    let plain = keys
        .key(section)?
        .open_in_place(Nonce::assume_unique_for_key(*nonce), about(name, section, generation), &mut text)
        .map_err(|_| Error::StoreCorrupt)?;
    Ok(Secret::new(plain.to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::OsDice;

    #[test]
    fn opens_only_what_it_is_about() {
        let keys = Keys::generate(&mut OsDice).unwrap();
        let first = Generation::from_number(1);
        let sealed = seal(&keys, "a", Section::Rest, first, &Secret::from("token"), &mut OsDice).unwrap();
        let text = |keys: &Keys, name, section, generation| open(keys, name, section, generation, &sealed);
        assert_eq!(text(&keys, "a", Section::Rest, first).unwrap().expose(), b"token");
        let other = Keys::generate(&mut OsDice).unwrap();
        for wrong in [
            text(&keys, "b", Section::Rest, first),
            text(&keys, "a", Section::Access, first),
            text(&keys, "a", Section::Rest, first.next()),
            text(&other, "a", Section::Rest, first),
        ] {
            assert_eq!(wrong.err(), Some(Error::StoreCorrupt));
        }
    }
}
