//! What must hold for any bytes: one function for each parser of what others wrote, and one for the transactions.
//!
//! `fuzz/` calls them with what libFuzzer thinks of, `tests/core/seeds.rs` with what was found before. Each panics
//! where something does not hold. Where bytes alone would never get through a lock, they hold the place of the key:
//! `STATE` stands for the state of the login that waits, `NONCE` for the nonce of an ID token.

mod others;
mod parsers;
mod transactions;

pub use self::others::metadata_others;
pub use self::parsers::{
    callback, device_response, discovery, id_token, json, jwks, record, token_response, url,
};
pub use self::transactions::transaction_answers;

/// Decisions read off bytes; zero, when they are used up.
struct Choices<'a>(&'a [u8]);

impl<'a> Choices<'a> {
    const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    fn flag(&mut self) -> bool {
        self.byte() & 1 != 0
    }

    fn below(&mut self, end: u8) -> u8 {
        self.byte() % end
    }

    /// Some bytes together: as many as a first one says.
    fn piece(&mut self) -> &'a [u8] {
        let length = usize::from(self.byte()).min(self.0.len());
        let (piece, rest) = self.0.split_at(length);
        self.0 = rest;
        piece
    }
}
