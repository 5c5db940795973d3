//! The one place that draws randomness.

use gatepass_core::dice::{self, Dice};
use gatepass_core::error::Error;
use gatepass_core::secret::Secret;

/// The randomness of the operating system.
pub(crate) struct SystemDice;

impl Dice for SystemDice {
    #[expect(clippy::disallowed_methods, reason = "this file is where randomness enters")]
    fn fill(&mut self, buffer: &mut [u8]) -> Result<(), Error> {
        getrandom::fill(buffer).map_err(|_| Error::NoDice)
    }
}

/// 256 fresh bits as text.
pub(crate) fn token() -> Result<Secret, Error> {
    dice::token(&mut SystemDice)
}

/// 128 fresh bits as text, for what must be unique and need not be secret.
pub(crate) fn identifier() -> Result<String, Error> {
    dice::identifier(&mut SystemDice)
}

/// Fresh bytes.
pub(crate) fn bytes<const N: usize>() -> Result<[u8; N], Error> {
    let mut buffer = [0; N];
    SystemDice.fill(&mut buffer)?;
    Ok(buffer)
}
