//! A small strict JSON reader (RFC 8259), and a writer.
//!
//! Size and depth are capped and a repeated key is refused, so that two readers cannot take one document for two.
//! `serde_json` would cost 16 KB gzip of wasm; it is the oracle of the tests instead.

use alloc::string::String;
use alloc::vec::Vec;

use zeroize::Zeroize;

use crate::error::Error;
use crate::field::{Field, Message};
use crate::http::MAX_BODY;
use crate::secret::Secret;
use crate::text::cut;
use crate::url::push_decimal;

const MAX_DEPTH: usize = 32;

/// A value of a document. It may hold tokens: it is wiped when dropped and has no `Debug`.
pub enum Value {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number, as it is written: what it means is the reader's business.
    Number(String),
    /// A string, unescaped.
    Text(String),
    /// An array.
    Array(Vec<Self>),
    /// An object.
    Object(Object),
}

impl Drop for Value {
    fn drop(&mut self) {
        if let Self::Text(text) | Self::Number(text) = self {
            text.zeroize();
        }
    }
}

/// An object whose fields are taken out by name; errors name the message that it came in and the field.
pub struct Object {
    message: Message,
    members: Vec<(String, Value)>,
}

impl Object {
    /// Reads a document that must be one object. `message` is what errors call it.
    pub fn parse(bytes: &[u8], message: Message) -> Result<Self, Error> {
        let malformed = |field| Error::Malformed { message, field };
        if bytes.len() > MAX_BODY {
            return Err(malformed(Field::Size));
        }
        let text = core::str::from_utf8(bytes).map_err(|_| malformed(Field::Encoding))?;
        let mut reader = Reader { text, at: 0, message };
        let mut value = reader.value(0)?;
        reader.space();
        if reader.at != text.len() {
            return Err(malformed(Field::Json));
        }
        match &mut value {
            Value::Object(object) => Ok(Self { message, members: core::mem::take(&mut object.members) }),
            _ => Err(malformed(Field::Json)),
        }
    }

    /// The error that blames `field` of this message.
    pub const fn blame(&self, field: Field) -> Error {
        Error::Malformed { message: self.message, field }
    }

    fn find(&self, field: Field) -> Option<&Value> {
        let field = field.as_str();
        // `null` stands for absence, as servers in the field use it.
        self.members
            .iter()
            .find(|(name, value)| name == field && !matches!(value, Value::Null))
            .map(|(_, value)| value)
    }

    /// Whether the field is there and not null.
    pub fn has(&self, field: Field) -> bool {
        self.find(field).is_some()
    }

    /// A text field that may be absent.
    pub fn text(&self, field: Field) -> Result<Option<&str>, Error> {
        match self.find(field) {
            None => Ok(None),
            Some(Value::Text(text)) => Ok(Some(text)),
            Some(_) => Err(self.blame(field)),
        }
    }

    /// A text field that must be there and not empty.
    pub fn required(&self, field: Field) -> Result<&str, Error> {
        self.text(field)?.filter(|text| !text.is_empty()).ok_or_else(|| self.blame(field))
    }

    /// A secret text field that may be absent; an empty one is an error.
    pub fn secret(&self, field: Field) -> Result<Option<Secret>, Error> {
        match self.text(field)? {
            None => Ok(None),
            Some("") => Err(self.blame(field)),
            Some(text) => Ok(Some(Secret::from(text))),
        }
    }

    /// A flag; absent means `false`.
    pub fn flag(&self, field: Field) -> Result<bool, Error> {
        match self.find(field) {
            None => Ok(false),
            Some(Value::Bool(flag)) => Ok(*flag),
            Some(_) => Err(self.blame(field)),
        }
    }

    /// A number of whole seconds (a lifetime or NumericDate, RFC 7519 section 2); a fraction is cut off.
    pub fn seconds(&self, field: Field) -> Result<Option<u64>, Error> {
        match self.find(field) {
            None => Ok(None),
            Some(Value::Number(text)) => whole(text).map(Some).ok_or_else(|| self.blame(field)),
            Some(_) => Err(self.blame(field)),
        }
    }

    /// A list of texts; absent means empty, and other values in it are an error.
    pub fn texts(&self, field: Field) -> Result<Vec<&str>, Error> {
        let Some(value) = self.find(field) else { return Ok(Vec::new()) };
        let Value::Array(values) = value else { return Err(self.blame(field)) };
        values
            .iter()
            .map(|value| match value {
                Value::Text(text) => Ok(text.as_str()),
                _ => Err(self.blame(field)),
            })
            .collect()
    }

    /// One text or a list of texts (`aud`, RFC 7519 section 4.1.3).
    pub fn text_or_texts(&self, field: Field) -> Result<Vec<&str>, Error> {
        match self.find(field) {
            Some(Value::Text(text)) => Ok(alloc::vec![text.as_str()]),
            _ => self.texts(field),
        }
    }

    /// A nested object that may be absent.
    pub fn object(&self, field: Field) -> Result<Option<&Self>, Error> {
        match self.find(field) {
            None => Ok(None),
            Some(Value::Object(object)) => Ok(Some(object)),
            Some(_) => Err(self.blame(field)),
        }
    }

    /// A list of objects; absent means empty. What is not an object is left out.
    pub fn objects(&self, field: Field) -> Result<Vec<&Self>, Error> {
        let Some(value) = self.find(field) else { return Ok(Vec::new()) };
        let Value::Array(values) = value else { return Err(self.blame(field)) };
        Ok(values
            .iter()
            .filter_map(|value| if let Value::Object(object) = value { Some(object) } else { None })
            .collect())
    }
}

/// The whole part of a non-negative number, without a float parser; exponents have no place in a time.
fn whole(text: &str) -> Option<u64> {
    let (whole, fraction) = cut(text, b'.');
    let plain = |digits: &str| digits.bytes().all(|byte| byte.is_ascii_digit());
    if plain(whole) && fraction.is_none_or(plain) { whole.parse().ok() } else { None }
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
        if !self.text[self.at..].starts_with(word) {
            return self.fail(Field::Json);
        }
        self.at += word.len();
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
        let mut members: Vec<(String, Value)> = Vec::new();
        self.space();
        if !self.take(b'}') {
            loop {
                self.space();
                if self.peek() != b'"' {
                    return self.fail(Field::Json);
                }
                let name = self.string()?;
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
        let mut values = Vec::new();
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
        Ok(Value::Number(String::from(&self.text[start..self.at])))
    }

    fn string(&mut self) -> Result<String, Error> {
        self.at += 1;
        let mut text = String::new();
        loop {
            let start = self.at;
            while !matches!(self.peek(), b'"' | b'\\' | 0..=0x1f) {
                self.at += 1;
            }
            text.push_str(&self.text[start..self.at]);
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

/// Writes one object, field by field.
pub struct Writer(String);

impl Writer {
    /// An object without fields so far.
    pub fn new() -> Self {
        Self(String::from("{"))
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
        self.0.push_str(json);
        self
    }

    /// The document.
    pub fn finish(mut self) -> String {
        self.0.push('}');
        self.0
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

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::*;

    fn blame(text: &str) -> Option<Field> {
        Object::parse(text.as_bytes(), Message::Record).err().and_then(Error::detail)
    }

    #[test]
    fn reads_what_it_writes() {
        let text = Writer::new()
            .text("nonce", "x\"\\\n\u{1}ä😀")
            .number("exp", 3600)
            .flag("bound", true)
            .raw("aud", "[\"1\",\"2\"]")
            .finish();
        let object = Object::parse(text.as_bytes(), Message::Record).unwrap();
        assert_eq!(object.required(Field::Nonce).unwrap(), "x\"\\\n\u{1}ä😀");
        assert_eq!(object.seconds(Field::Exp).unwrap(), Some(3600));
        assert!(object.flag(Field::Bound).unwrap());
        assert_eq!(object.texts(Field::Aud).unwrap(), ["1", "2"]);
        assert_eq!(object.text(Field::Sub).unwrap(), None);
    }

    #[test]
    fn unescapes_surrogates() {
        let object = Object::parse(br#"{"nonce":"\ud83d\ude00\u00e4\/"}"#, Message::Record).unwrap();
        assert_eq!(object.required(Field::Nonce).unwrap(), "😀ä/");
    }

    #[test]
    fn names_what_is_wrong() {
        assert_eq!(blame(r#"{"a":1,"a":2}"#), Some(Field::RepeatedKey));
        assert_eq!(blame(&("[".repeat(100).to_string())), Some(Field::Depth));
        for text in [
            "",
            "[]",
            "{",
            "{\"a\"}",
            "{\"a\":01}",
            "{\"a\":1.}",
            "{\"a\":.5}",
            "{} x",
            "{\"a\":\"\\ud800\"}",
            "{\"a\":+1}",
            "{'a':1}",
            "{\"a\":\"\t\"}",
            "{\"a\":\"\0\"}",
            "{\"a\":tru}",
            "{\"a\":1,}",
        ] {
            assert_eq!(blame(text), Some(Field::Json), "{text}");
        }
    }

    #[test]
    fn times_are_whole_seconds() {
        for (text, expected) in [
            ("1", Ok(Some(1))),
            ("1.9", Ok(Some(1))),
            ("-1", Err(())),
            ("1e3", Err(())),
            ("\"1\"", Err(())),
            ("null", Ok(None)),
        ] {
            let document = alloc::format!("{{\"exp\":{text}}}");
            let object = Object::parse(document.as_bytes(), Message::Record).unwrap();
            assert_eq!(object.seconds(Field::Exp).map_err(|_| ()), expected, "{text}");
        }
    }
}
