//! The keys of a sealed file wrapped under a passphrase, where there is no keyring.
//!
//! The key that wraps them is made by Argon2id (RFC 9106), which costs whoever tries passphrases 64 MiB of memory for
//! each; the keys themselves are random, so a session under a weak passphrase is as weak as that, and no weaker.

use argon2::{Algorithm, Argon2, Params, Version};
use aws_lc_rs::aead::Aad;
use gatepass_core::dice::Dice;
use gatepass_core::error::Error;
use gatepass_core::secret::{Secret, SecretBytes};

use crate::store::sealed::{Key, Keys, open_bytes, seal_bytes};

const SALT: usize = 16;

/// Nonce, both keys, tag.
const SEALED: usize = 12 + 64 + 16;

/// What deriving the key costs. It stands beside the keys, so that it can grow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Work {
    /// KiB of memory.
    pub(crate) memory: u32,
    /// Passes over it.
    pub(crate) passes: u32,
    /// Lanes, of which this machine computes one after the other.
    pub(crate) lanes: u32,
}

impl Work {
    /// RFC 9106 section 4, the second choice: 64 MiB, three passes, four lanes.
    pub(crate) const USUAL: Self = Self { memory: 64 * 1024, passes: 3, lanes: 4 };

    /// More than this was not written here, and would keep a machine busy for minutes.
    const MOST: Self = Self { memory: 1024 * 1024, passes: 64, lanes: 64 };

    fn numbers(self) -> [u32; 3] {
        [self.memory, self.passes, self.lanes]
    }

    fn is_sane(self) -> bool {
        self.numbers().iter().zip(Self::MOST.numbers()).all(|(number, most)| *number <= most)
    }
}

/// The wrapped keys, as they stand in a session's file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wrapped {
    work: Work,
    salt: [u8; SALT],
    sealed: [u8; SEALED],
}

impl Wrapped {
    const LENGTH: usize = 3 * 4 + SALT + SEALED;

    /// Wraps keys for the session of this name.
    pub(crate) fn new(
        keys: &Keys,
        passphrase: &Secret,
        name: &str,
        work: Work,
        dice: &mut dyn Dice,
    ) -> Result<Self, Error> {
        let mut salt = [0; SALT];
        dice.fill(&mut salt)?;
        let key = derive(passphrase, &salt, work)?;
        let sealed = seal_bytes(&key, about(name, work, &salt), keys.bytes().expose(), dice)?;
        let sealed = sealed.expose().as_slice().try_into().map_err(|_| Error::Bug)?;
        Ok(Self { work, salt, sealed })
    }

    /// Unwraps them; a wrong passphrase is [`Error::StoreLocked`]: the right one opens it.
    pub(crate) fn open(&self, passphrase: &Secret, name: &str) -> Result<Keys, Error> {
        let key = derive(passphrase, &self.salt, self.work)?;
        let keys = open_bytes(&key, about(name, self.work, &self.salt), &self.sealed);
        Keys::read(keys.map_err(|_| Error::StoreLocked)?)
    }

    pub(crate) fn write(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(Self::LENGTH);
        for number in self.work.numbers() {
            bytes.extend_from_slice(&number.to_le_bytes());
        }
        bytes.extend_from_slice(&self.salt);
        bytes.extend_from_slice(&self.sealed);
        bytes
    }

    /// Reads it from the start of `bytes`; gives what follows.
    pub(crate) fn parse(bytes: &[u8]) -> Option<(Self, &[u8])> {
        let (memory, bytes) = bytes.split_first_chunk()?;
        let (passes, bytes) = bytes.split_first_chunk()?;
        let (lanes, bytes) = bytes.split_first_chunk()?;
        let (salt, bytes) = bytes.split_first_chunk()?;
        let (sealed, bytes) = bytes.split_first_chunk()?;
        let [memory, passes, lanes] = [memory, passes, lanes].map(|number| u32::from_le_bytes(*number));
        let work = Work { memory, passes, lanes };
        work.is_sane().then_some((Self { work, salt: *salt, sealed: *sealed }, bytes))
    }
}

/// The wrapped keys of one session cannot pass for those of another, nor be made cheaper to try.
fn about(name: &str, work: Work, salt: &[u8]) -> Aad<Vec<u8>> {
    let mut bytes = format!("gatepass passphrase 1|{name}|").into_bytes();
    for number in work.numbers() {
        bytes.extend_from_slice(&number.to_le_bytes());
    }
    bytes.extend_from_slice(salt);
    Aad::from(bytes)
}

fn derive(passphrase: &Secret, salt: &[u8], work: Work) -> Result<Key, Error> {
    let params = Params::new(work.memory, work.passes, work.lanes, None).map_err(|_| Error::StoreCorrupt)?;
    let mut key = vec![0; 32];
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(passphrase.expose().as_bytes(), salt, &mut key)
        .map_err(|_| Error::StoreCorrupt)?;
    let key: SecretBytes = Secret::new(key);
    Ok(Key(key))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::OsDice;

    const CHEAP: Work = Work { memory: 64, passes: 1, lanes: 1 };

    #[test]
    fn only_the_same_passphrase_opens_the_same_sessions_keys() {
        let keys = Keys::generate(&mut OsDice).unwrap();
        let (right, wrong) = (Secret::from("correct horse"), Secret::from("correct horsf"));
        let wrapped = Wrapped::new(&keys, &right, "a", CHEAP, &mut OsDice).unwrap();
        let bytes = wrapped.write();
        assert_eq!(bytes.len(), Wrapped::LENGTH);
        let (read, rest) = Wrapped::parse(&bytes).unwrap();
        assert!(read == wrapped && rest.is_empty());
        assert_eq!(read.open(&right, "a").unwrap().bytes(), keys.bytes());
        assert_eq!(read.open(&wrong, "a").err(), Some(Error::StoreLocked));
        assert_eq!(read.open(&right, "b").err(), Some(Error::StoreLocked));
        // Cheaper to try, it is not the same any more.
        let cheaper = Wrapped { work: Work { memory: 32, ..CHEAP }, ..wrapped };
        assert_eq!(cheaper.open(&right, "a").err(), Some(Error::StoreLocked));
    }

    #[test]
    fn a_price_that_nobody_asked_for_is_not_paid() {
        let keys = Keys::generate(&mut OsDice).unwrap();
        let mut bytes = Wrapped::new(&keys, &Secret::from("p"), "a", CHEAP, &mut OsDice).unwrap().write();
        bytes[..4].copy_from_slice(&u32::MAX.to_le_bytes());
        assert!(Wrapped::parse(&bytes).is_none());
    }
}
