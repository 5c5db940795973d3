//! Bytes as words that two people, or one person at two screens, can compare: proquints (arXiv:0901.4016).

use alloc::string::String;

const CONSONANTS: &[u8; 16] = b"bdfghjklmnprstvz";
const VOWELS: &[u8; 4] = b"aiou";

/// Three words of five letters, joined by dashes: 48 bits. Big end first, consonants of four bits and vowels of two take
/// turns.
pub fn of(bytes: &[u8; 6]) -> String {
    let mut text = String::with_capacity(17);
    for pair in bytes.as_chunks::<2>().0 {
        if !text.is_empty() {
            text.push('-');
        }
        let bits = usize::from(u16::from_be_bytes(*pair));
        let consonant = |at: usize| char::from(CONSONANTS[bits >> at & 15]);
        let vowel = |at: usize| char::from(VOWELS[bits >> at & 3]);
        text.extend([consonant(12), vowel(10), consonant(6), vowel(4), consonant(0)]);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test;

    /// The first addresses in the list of the proposal; all of their bits in three words each.
    #[test]
    fn the_words_of_the_proposal() {
        for (bytes, expected) in [
            ([127, 0, 0, 1, 63, 84], "lusab-babad-gutih"),
            ([220, 193, 63, 118, 7, 35], "tugad-gutuk-bisog"),
            ([140, 98, 193, 141, 64, 255], "mudof-sakat-haguz"),
            ([6, 200, 128, 30, 52, 45], "biram-mabiv-gibot"),
            ([0, 0, 0, 0, 255, 255], "babab-babab-zuzuz"),
        ] {
            assert_eq!(of(&bytes), expected);
        }
    }
}
