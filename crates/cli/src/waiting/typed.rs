//! What is typed while a login waits, key by key.

use gatepass::Secret;

/// What a byte led to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Key {
    More,
    /// A line: an address, or the code of a dashboard.
    Line(Secret),
    DeviceCode,
    GiveUp,
}

/// What was typed since the last Enter.
#[derive(Default)]
pub(super) struct Typed {
    bytes: Vec<u8>,
    /// Whether each key is part of a line, and `d` asks for a device code only on a line of its own.
    lines: bool,
}

/// No address is longer.
const MOST: usize = 64 * 1024;

/// How long the code of a dashboard is at most, dash and all.
const CODE: usize = 9;

impl Typed {
    pub(super) const fn new(lines: bool) -> Self {
        Self { bytes: Vec::new(), lines }
    }

    /// What may be shown of it: a code that is being typed. It is of use to this login alone; an address is not shown.
    pub(super) fn shown(&self) -> Option<&str> {
        let letters = |byte: &u8| byte.is_ascii_alphabetic() || *byte == b'-';
        let code = self.lines && self.bytes.len() <= CODE && self.bytes.iter().all(letters);
        std::str::from_utf8(&self.bytes).ok().filter(|text| code && !text.is_empty())
    }

    pub(super) fn take(&mut self, byte: u8) -> Key {
        match byte {
            0x03 => Key::GiveUp,
            b'\r' | b'\n' => {
                let bytes = std::mem::take(&mut self.bytes);
                match String::from_utf8(bytes).map(|text| text.trim().to_owned()) {
                    Ok(text) if self.lines && text.eq_ignore_ascii_case("d") => Key::DeviceCode,
                    Ok(text) if !text.is_empty() => Key::Line(Secret::new(text)),
                    _ => Key::More,
                }
            }
            b'd' | b'D' if !self.lines && self.bytes.is_empty() => Key::DeviceCode,
            // Backspace, and taking back the whole line.
            0x08 | 0x7f => {
                self.bytes.pop();
                Key::More
            }
            0x15 | 0x1b => {
                self.bytes.clear();
                Key::More
            }
            byte if byte < 0x20 || self.bytes.len() >= MOST => Key::More,
            byte => {
                self.bytes.push(byte);
                Key::More
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(typed: &str) -> Vec<Key> {
        keys_of(Typed::default(), typed)
    }

    fn keys_of(mut state: Typed, typed: &str) -> Vec<Key> {
        typed.bytes().map(|byte| state.take(byte)).filter(|key| *key != Key::More).collect()
    }

    #[test]
    fn an_address_a_code_and_giving_up() {
        let address = "http://127.0.0.1:1/callback?code=d&state=x";
        assert_eq!(keys(&format!(" {address}\r")), [Key::Line(Secret::from(address))]);
        assert_eq!(keys("d"), [Key::DeviceCode]);
        assert_eq!(keys("http\u{15}D"), [Key::DeviceCode], "the line was taken back");
        assert_eq!(keys("x\u{7f}d"), [Key::DeviceCode]);
        assert_eq!(keys("ab\u{3}"), [Key::GiveUp]);
        assert_eq!(keys("\r\n \r"), []);
    }

    #[test]
    fn a_code_may_begin_with_any_letter() {
        assert_eq!(keys_of(Typed::new(true), "dbcf-ghjk\r"), [Key::Line(Secret::from("dbcf-ghjk"))]);
        assert_eq!(keys_of(Typed::new(true), "D\r"), [Key::DeviceCode]);
        let mut state = Typed::new(true);
        "DBCF-".bytes().for_each(|byte| drop(state.take(byte)));
        assert_eq!(state.shown(), Some("DBCF-"));
        "http://".bytes().for_each(|byte| drop(state.take(byte)));
        assert_eq!(state.shown(), None, "that is an address");
    }
}
