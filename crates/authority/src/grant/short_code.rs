//! Codes that people type: eight letters that cannot be mistaken for each other (RFC 8628 section 6.1).

use aws_lc_rs::hmac;
use gatepass_core::dice::Dice;
use gatepass_core::error::Error;

const ALPHABET: &[u8; 20] = b"BCDFGHJKLMNPQRSTVWXZ";
const LENGTH: usize = 8;

/// How often a code may be tried before it is dead.
pub(crate) const ATTEMPTS: u32 = 5;

/// A fresh code, as shown: `BCDF-GHJK`.
pub(crate) fn draw(dice: &mut dyn Dice) -> Result<String, Error> {
    let mut code = String::with_capacity(LENGTH + 1);
    while code.len() <= LENGTH {
        let mut byte = [0];
        dice.fill(&mut byte)?;
        // 240 is the largest multiple of 20 in a byte: anything above would make the first letters likelier.
        if byte[0] < 240 {
            if code.len() == LENGTH / 2 {
                code.push('-');
            }
            code.push(char::from(ALPHABET[usize::from(byte[0] % 20)]));
        }
    }
    Ok(code)
}

/// A typed code as it is shown, if it can be one at all.
pub(crate) fn normal(typed: &str) -> Option<String> {
    let mut code: String =
        typed.chars().filter(char::is_ascii_alphanumeric).map(|letter| letter.to_ascii_uppercase()).collect();
    if code.len() != LENGTH || !code.bytes().all(|letter| ALPHABET.contains(&letter)) {
        return None;
    }
    code.insert(LENGTH / 2, '-');
    Some(code)
}

/// The form in which a code is stored and compared: by key, since twenty to the eighth can be searched. `context`
/// ties it to the one question it answers.
pub(crate) fn mac(key: &hmac::Key, context: &[u8], typed: &str) -> Vec<u8> {
    let mut message = context.to_vec();
    message.push(0);
    // Case, dashes and spaces are the typist's own.
    message.extend(typed.bytes().filter(u8::is_ascii_alphanumeric).map(|byte| byte.to_ascii_uppercase()));
    hmac::sign(key, &message).as_ref().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Counting(u8);

    impl Dice for Counting {
        fn fill(&mut self, buffer: &mut [u8]) -> Result<(), Error> {
            for byte in buffer {
                *byte = self.0;
                self.0 = self.0.wrapping_add(1);
            }
            Ok(())
        }
    }

    #[test]
    fn draws_without_bias() {
        assert_eq!(draw(&mut Counting(0)).unwrap(), "BCDF-GHJK");
        // 240 to 255 are thrown away.
        assert_eq!(draw(&mut Counting(240)).unwrap(), "BCDF-GHJK");
    }

    #[test]
    fn what_cannot_be_a_code_is_told_apart() {
        for typed in ["BCDF-GHJK", " bcdf ghjk ", "b-c-d-f-g-h-j-k"] {
            assert_eq!(normal(typed).as_deref(), Some("BCDF-GHJK"));
        }
        for typed in ["", "BCDF-GHJ", "BCDF-GHJKL", "BCDF-GHJA", "BCDF-GHJ1"] {
            assert_eq!(normal(typed), None, "{typed}");
        }
    }

    #[test]
    fn typing_is_forgiven_guessing_is_not() {
        let key = hmac::Key::new(hmac::HMAC_SHA256, b"key");
        let stored = mac(&key, b"link", "BCDF-GHJK");
        assert_eq!(stored, mac(&key, b"link", " bcdf ghjk "));
        assert_ne!(stored, mac(&key, b"link", "BCDF-GHJL"));
        assert_ne!(stored, mac(&key, b"other", "BCDF-GHJK"));
    }
}
