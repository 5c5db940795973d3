//! Randomness is an argument too.

use alloc::string::String;

use zeroize::Zeroize;

use crate::base64url;
use crate::error::Error;
use crate::kept::WIPED;
use crate::secret::Secret;

/// A source of unpredictable bytes, brought by the shell.
///
/// A predictable implementation gives away every login: state, nonce, PKCE verifier and proof identifiers come from it.
pub trait Dice {
    /// Fills the whole buffer, or says [`Error::NoDice`] and promises nothing about it.
    fn fill(&mut self, buffer: &mut [u8]) -> Result<(), Error>;
}

/// 256 fresh bits as 43 characters of base64url: the form of states, nonces and verifiers (RFC 7636 section 4.1).
pub fn token(dice: &mut dyn Dice) -> Result<Secret, Error> {
    let mut bytes = [0; 32];
    dice.fill(&mut bytes)?;
    let text = base64url::encode(&bytes);
    if !WIPED {
        bytes.zeroize();
    }
    Ok(Secret::new(text))
}

/// 128 fresh bits as text, where uniqueness is meant and secrecy is not (`jti`).
pub fn identifier(dice: &mut dyn Dice) -> Result<String, Error> {
    let mut bytes = [0; 16];
    dice.fill(&mut bytes)?;
    Ok(base64url::encode(&bytes))
}
