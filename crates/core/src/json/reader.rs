//! From text to a [`Value`]: RFC 8259, with caps.

use alloc::string::String;
use alloc::vec::Vec;

use super::{Object, Value};
use crate::error::Error;
use crate::field::{Field, Message};
use crate::kept::Kept;
use crate::text::reserve;

const MAX_DEPTH: usize = 32;

/// More members than any message has. Each name is compared with those before it, and a server's choice of a body must
/// not make that minutes.
const MAX_MEMBERS: usize = 1024;

/// Reads one value and nothing behind it.
pub(super) fn read(text: &str, message: Message) -> Result<Value, Error> {
    let mut reader = Reader { text, at: 0, message };
    let value = reader.value(0)?;
    reader.space();
    if reader.at == text.len() { Ok(value) } else { reader.fail(Field::Json) }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    message: Message,
}

impl Reader<'_> {
    const fn fail<T>(&self, field: Field) -> Result<T, Error> {
        Err(Error::Malformed { message: self.message, field })
    }

    fn peek(&self) -> u8 {
        self.text.as_bytes().get(self.at).copied().unwrap_or(0)
    }

    /// What was read since `start`. Where a slice would panic, there is nothing: a panic brings its words with it.
    fn since(&self, start: usize) -> &str {
        self.text.get(start..self.at).unwrap_or_default()
    }

    fn space(&mut self) {
        while matches!(self.peek(), b' ' | b'\t' | b'\n' | b'\r') {
            self.at += 1;
        }
    }

    fn take(&mut self, byte: u8) -> bool {
        let here = self.peek() == byte && self.at < self.text.len();
        self.at += usize::from(here);
        here
    }

    fn word(&mut self, word: &str, value: Value) -> Result<Value, Error> {
        for byte in word.bytes() {
            if !self.take(byte) {
                return self.fail(Field::Json);
            }
        }
        Ok(value)
    }

    fn value(&mut self, depth: usize) -> Result<Value, Error> {
        if depth > MAX_DEPTH {
            return self.fail(Field::Depth);
        }
        self.space();
        match self.peek() {
            b'{' => self.object(depth),
            b'[' => self.array(depth),
            b'"' => self.string().map(Value::Text),
            b't' => self.word("true", Value::Bool(true)),
            b'f' => self.word("false", Value::Bool(false)),
            b'n' => self.word("null", Value::Null),
            _ => self.number(),
        }
    }

    fn object(&mut self, depth: usize) -> Result<Value, Error> {
        self.at += 1;
        let mut members: Kept<Vec<(Kept<String>, Value)>> = Kept::default();
        self.space();
        if !self.take(b'}') {
            loop {
                self.space();
                if self.peek() != b'"' {
                    return self.fail(Field::Json);
                }
                let name = self.string()?;
                if members.len() == MAX_MEMBERS {
                    return self.fail(Field::Size);
                }
                // RFC 7519 section 4: a repeated name must be refused or the last one wins. Refused.
                if members.iter().any(|(known, _)| *known == name) {
                    return self.fail(Field::RepeatedKey);
                }
                self.space();
                if !self.take(b':') {
                    return self.fail(Field::Json);
                }
                let value = self.value(depth + 1)?;
                members.push((name, value));
                self.space();
                if self.take(b'}') {
                    break;
                }
                if !self.take(b',') {
                    return self.fail(Field::Json);
                }
            }
        }
        Ok(Value::Object(Object { message: self.message, members }))
    }

    fn array(&mut self, depth: usize) -> Result<Value, Error> {
        self.at += 1;
        let mut values: Kept<Vec<Value>> = Kept::default();
        self.space();
        if !self.take(b']') {
            loop {
                values.push(self.value(depth + 1)?);
                self.space();
                if self.take(b']') {
                    break;
                }
                if !self.take(b',') {
                    return self.fail(Field::Json);
                }
            }
        }
        Ok(Value::Array(values))
    }

    fn digits(&mut self) -> usize {
        let start = self.at;
        while self.peek().is_ascii_digit() {
            self.at += 1;
        }
        self.at - start
    }

    fn number(&mut self) -> Result<Value, Error> {
        let start = self.at;
        self.take(b'-');
        // RFC 8259 section 6: no leading zero, digits on both sides of the point.
        let sound = if self.take(b'0') { true } else { self.digits() > 0 };
        let sound = sound && (!self.take(b'.') || self.digits() > 0);
        let exponent = sound && (self.take(b'e') || self.take(b'E'));
        if exponent && !self.take(b'+') {
            self.take(b'-');
        }
        if !sound || (exponent && self.digits() == 0) {
            return self.fail(Field::Json);
        }
        Ok(Value::Number(Kept::new(String::from(self.since(start)))))
    }

    fn string(&mut self) -> Result<Kept<String>, Error> {
        self.at += 1;
        let mut text = Kept::<String>::default();
        loop {
            let start = self.at;
            while !matches!(self.peek(), b'"' | b'\\' | 0..=0x1f) {
                self.at += 1;
            }
            let piece = self.since(start);
            // And a character behind it, unescaped.
            reserve(&mut text, piece.len() + 4);
            text.push_str(piece);
            if self.take(b'"') {
                return Ok(text);
            }
            if !self.take(b'\\') {
                // A raw control character, or the end.
                return self.fail(Field::Json);
            }
            let escape = self.peek();
            self.at += 1;
            text.push(match escape {
                b'"' | b'\\' | b'/' => char::from(escape),
                b'b' => '\u{8}',
                b'f' => '\u{c}',
                b'n' => '\n',
                b'r' => '\r',
                b't' => '\t',
                b'u' => self.unicode()?,
                _ => return self.fail(Field::Json),
            });
        }
    }

    fn hex(&mut self) -> Result<u32, Error> {
        let digits = self.text.as_bytes().get(self.at..self.at + 4);
        let Some(digits) = digits.filter(|digits| digits.iter().all(u8::is_ascii_hexdigit)) else {
            return self.fail(Field::Json);
        };
        self.at += 4;
        Ok(digits.iter().fold(0, |sum, digit| sum * 16 + char::from(*digit).to_digit(16).unwrap_or(0)))
    }

    fn unicode(&mut self) -> Result<char, Error> {
        let unit = self.hex()?;
        let code = match unit {
            // A high surrogate needs its low half right behind it.
            0xd800..=0xdbff => {
                if !(self.take(b'\\') && self.take(b'u')) {
                    return self.fail(Field::Json);
                }
                match self.hex()? {
                    low @ 0xdc00..=0xdfff => 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00),
                    _ => return self.fail(Field::Json),
                }
            }
            unit => unit,
        };
        char::from_u32(code).map_or_else(|| self.fail(Field::Json), Ok)
    }
}
