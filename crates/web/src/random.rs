//! The only place that draws randomness.

use gatepass_core::dice::Dice;
use gatepass_core::error::Error;

/// The browser's generator (`crypto.getRandomValues`).
#[derive(Debug)]
pub struct BrowserDice;

impl Dice for BrowserDice {
    #[expect(clippy::disallowed_methods, reason = "this is the file that owns randomness")]
    fn fill(&mut self, buffer: &mut [u8]) -> Result<(), Error> {
        getrandom::fill(buffer).map_err(|_| Error::NoDice)
    }
}
