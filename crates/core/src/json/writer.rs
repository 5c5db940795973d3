//! From fields to text.

use alloc::boxed::Box;
use alloc::string::String;

use crate::text::reserve;
use crate::url::push_decimal;

/// Writes one object, field by field.
#[expect(
    clippy::box_collection,
    reason = "each link of a chain takes and gives a register: 0.3 KB of the wasm"
)]
pub struct Writer(Box<String>);

impl Writer {
    /// An object without fields so far.
    pub fn new() -> Self {
        Self(Box::new(String::from("{")))
    }

    fn name(&mut self, name: &str) {
        if self.0.len() > 1 {
            self.0.push(',');
        }
        quote(&mut self.0, name);
        self.0.push(':');
    }

    /// Adds a text.
    #[must_use]
    pub fn text(mut self, name: &str, value: &str) -> Self {
        self.name(name);
        quote(&mut self.0, value);
        self
    }

    /// Adds a text that may be absent.
    #[must_use]
    pub fn some(self, name: &str, value: Option<&str>) -> Self {
        match value {
            Some(value) => self.text(name, value),
            None => self,
        }
    }

    /// Adds a whole number.
    #[must_use]
    pub fn number(mut self, name: &str, value: u64) -> Self {
        self.name(name);
        push_decimal(&mut self.0, value);
        self
    }

    /// Adds a flag, if it is set.
    #[must_use]
    pub fn flag(mut self, name: &str, value: bool) -> Self {
        if value {
            self.name(name);
            self.0.push_str("true");
        }
        self
    }

    /// Adds what is JSON already.
    #[must_use]
    pub fn raw(mut self, name: &str, json: &str) -> Self {
        self.name(name);
        reserve(&mut self.0, json.len() + 32);
        self.0.push_str(json);
        self
    }

    /// The document.
    pub fn finish(mut self) -> String {
        self.0.push('}');
        *self.0
    }
}

impl Default for Writer {
    fn default() -> Self {
        Self::new()
    }
}

/// Appends a JSON array of documents that are JSON already.
pub fn array<'a>(documents: impl Iterator<Item = &'a str>) -> String {
    let mut text = String::from("[");
    for document in documents {
        reserve(&mut text, document.len() + 2);
        if text.len() > 1 {
            text.push(',');
        }
        text.push_str(document);
    }
    text.push(']');
    text
}

/// Appends a quoted and escaped string.
pub fn quote(into: &mut String, text: &str) {
    // At most `\u0000` for each byte; and room for what a writer puts behind: a colon, a number, a brace.
    reserve(into, 6 * text.len() + 32);
    into.push('"');
    for character in text.chars() {
        match character {
            '"' => into.push_str("\\\""),
            '\\' => into.push_str("\\\\"),
            '\0'..='\x1f' => {
                const HEX: &[u8; 16] = b"0123456789abcdef";
                into.push_str("\\u00");
                into.push(char::from(HEX[character as usize >> 4]));
                into.push(char::from(HEX[character as usize & 15]));
            }
            _ => into.push(character),
        }
    }
    into.push('"');
}
