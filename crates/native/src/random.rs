//! The only dice of this crate.

use gatepass_core::dice::Dice;
use gatepass_core::error::Error;

/// The operating system's randomness.
#[derive(Debug)]
pub(crate) struct OsDice;

impl Dice for OsDice {
    fn fill(&mut self, buffer: &mut [u8]) -> Result<(), Error> {
        #[expect(clippy::disallowed_methods, reason = "this is the file that owns the dice")]
        getrandom::fill(buffer).map_err(|_| Error::NoDice)
    }
}
