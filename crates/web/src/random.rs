//! The only place that draws randomness.

use gatepass_core::dice::Dice;
use gatepass_core::error::Error;
use wasm_bindgen::prelude::wasm_bindgen;

#[wasm_bindgen]
extern "C" {
    // It fails over more than 64 KB at once, and over nothing else (Web Cryptography section 10.1.1).
    #[wasm_bindgen(js_namespace = crypto, js_name = getRandomValues)]
    fn get_random_values(buffer: &mut [u8]);
}

/// The browser's generator (`crypto.getRandomValues`).
#[derive(Debug)]
pub struct BrowserDice;

impl Dice for BrowserDice {
    fn fill(&mut self, buffer: &mut [u8]) -> Result<(), Error> {
        get_random_values(buffer);
        Ok(())
    }
}
