//! Sealing the two parts of a record, each under a key of its own (AES-256-GCM, random 96-bit nonces).

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use gatepass_core::dice::Dice;
use gatepass_core::error::Error;
use gatepass_core::secret::{Secret, SecretBytes};
use gatepass_core::session::record::Generation;

/// The length of one key, AES-256.
const KEY: usize = 32;

/// Both keys as they lie in the keyring: 32 bytes for the access part, 32 for the rest.
#[derive(Debug)]
pub(crate) struct Keys(SecretBytes);

impl Keys {
    const LENGTH: usize = 2 * KEY;

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

    /// A second copy.
    pub(crate) fn duplicate(&self) -> Self {
        Self(self.0.duplicate())
    }

    /// The key of one part.
    pub(crate) fn key(&self, section: Section) -> Key {
        let (access, rest) = self.0.expose().split_at(KEY);
        let bytes = match section {
            Section::Access => access,
            Section::Rest => rest,
        };
        Key(Secret::new(bytes.to_vec()))
    }
}

/// The key of one part.
#[derive(Debug)]
pub(crate) struct Key(pub(crate) SecretBytes);

impl Key {
    fn cipher(&self) -> Result<LessSafeKey, Error> {
        // Not of that length: it was made by somebody else.
        UnboundKey::new(&AES_256_GCM, self.0.expose()).map(LessSafeKey::new).map_err(|_| Error::StoreCorrupt)
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
    key: &Key,
    name: &str,
    section: Section,
    generation: Generation,
    plain: &Secret,
    dice: &mut dyn Dice,
) -> Result<SecretBytes, Error> {
    seal_bytes(key, about(name, section, generation), plain.expose().as_bytes(), dice)
}

/// Seals bytes together with what they are about: nonce, then ciphertext with its tag.
pub(crate) fn seal_bytes(
    key: &Key,
    about: Aad<Vec<u8>>,
    plain: &[u8],
    dice: &mut dyn Dice,
) -> Result<SecretBytes, Error> {
    let mut nonce = [0; NONCE_LEN];
    dice.fill(&mut nonce)?;
    // With room for the tag: text that grows leaves a copy behind.
    let mut text = Vec::with_capacity(plain.len() + AES_256_GCM.tag_len());
    text.extend_from_slice(plain);
    key.cipher()?
        .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), about, &mut text)
        .map_err(|_| Error::Bug)?;
    Ok(Secret::new([&nonce[..], &text].concat()))
}

/// Opens one part; anything but what was sealed under this key is [`Error::StoreCorrupt`].
pub(crate) fn open(
    key: &Key,
    name: &str,
    section: Section,
    generation: Generation,
    sealed: &SecretBytes,
) -> Result<SecretBytes, Error> {
    open_bytes(key, about(name, section, generation), sealed.expose())
}

/// Opens what [`seal_bytes`] sealed.
pub(crate) fn open_bytes(key: &Key, about: Aad<Vec<u8>>, sealed: &[u8]) -> Result<SecretBytes, Error> {
    let (nonce, text) = sealed.split_first_chunk::<NONCE_LEN>().ok_or(Error::StoreCorrupt)?;
    let mut text = text.to_vec();
    let length = key
        .cipher()?
        .open_in_place(Nonce::assume_unique_for_key(*nonce), about, &mut text)
        .map_err(|_| Error::StoreCorrupt)?
        .len();
    // What stands behind the text is the rest of the tag.
    text.truncate(length);
    Ok(Secret::new(text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::OsDice;

    #[test]
    fn opens_only_what_it_is_about() {
        let keys = Keys::generate(&mut OsDice).unwrap();
        let first = Generation::from_number(1);
        let sealed =
            seal(&keys.key(Section::Rest), "a", Section::Rest, first, &Secret::from("token"), &mut OsDice)
                .unwrap();
        let text = |keys: &Keys, name, section, generation| {
            open(&keys.key(section), name, section, generation, &sealed)
        };
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
