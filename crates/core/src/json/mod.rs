//! A small strict JSON reader (RFC 8259), and a writer.
//!
//! Size and depth are capped and a repeated key is refused, so that two readers cannot take one document for two.
//! `serde_json` would cost 16 KB gzip of wasm; it is the oracle of the tests instead.

mod reader;
mod writer;

use alloc::string::String;
use alloc::vec::Vec;

#[cfg(not(all(target_arch = "wasm32", feature = "wiped")))]
use zeroize::Zeroize;

use crate::error::Error;
use crate::field::{Field, Message};
use crate::http::MAX_BODY;
use crate::kept::Kept;
use crate::secret::Secret;
use crate::text::{cut, utf8};

use self::reader::read;
pub use self::writer::{Writer, array, quote};

/// A value of a document. It may hold tokens: it is wiped when dropped and has no `Debug`.
enum Value {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number, as it is written: what it means is the reader's business.
    Number(Kept<String>),
    /// A string, unescaped.
    Text(Kept<String>),
    /// An array.
    Array(Kept<Vec<Self>>),
    /// An object.
    Object(Object),
}

// A page wipes the whole memory of a transaction instead (www/shared/instance.js).
#[cfg(not(all(target_arch = "wasm32", feature = "wiped")))]
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
    members: Kept<Vec<(Kept<String>, Value)>>,
}

impl Object {
    /// Reads a document that must be one object. `message` is what errors call it.
    pub fn parse(bytes: &[u8], message: Message) -> Result<Self, Error> {
        let malformed = |field| Error::Malformed { message, field };
        if bytes.len() > MAX_BODY {
            return Err(malformed(Field::Size));
        }
        let text = utf8(bytes).ok_or_else(|| malformed(Field::Encoding))?;
        match &mut read(text, message)? {
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
            .find(|(name, value)| name.as_str() == field && !matches!(value, Value::Null))
            .map(|(_, value)| value)
    }

    /// Whether the field is there and not null.
    pub fn has(&self, field: Field) -> bool {
        self.find(field).is_some()
    }

    /// Whether the field is named at all, if only to be null.
    pub fn names(&self, field: Field) -> bool {
        self.members.iter().any(|(name, _)| name.as_str() == field.as_str())
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

    /// A number as it is written, or the text that stands in its place: servers in the field quote their lifetimes.
    pub fn numeral(&self, field: Field) -> Result<Option<&str>, Error> {
        match self.find(field) {
            None => Ok(None),
            Some(Value::Number(text) | Value::Text(text)) => Ok(Some(text)),
            Some(_) => Err(self.blame(field)),
        }
    }

    /// A list of texts; absent means empty, and other values in it are an error.
    pub fn texts(&self, field: Field) -> Result<Vec<&str>, Error> {
        let Some(value) = self.find(field) else { return Ok(Vec::new()) };
        let Value::Array(values) = value else { return Err(self.blame(field)) };
        let mut texts = Vec::with_capacity(values.len());
        for value in values.iter() {
            let Value::Text(text) = value else { return Err(self.blame(field)) };
            texts.push(text.as_str());
        }
        Ok(texts)
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

/// The whole part of a non-negative number, without a float parser.
pub(crate) fn whole(text: &str) -> Option<u64> {
    // By hand: to see an overflow, `parse` multiplies in 128 bits.
    let add = |sum: u64, digit: u8| {
        (digit.is_ascii_digit() && sum < u64::MAX / 10).then(|| sum * 10 + u64::from(digit - b'0'))
    };
    let at = text.bytes().position(|byte| byte | 0x20 == b'e').unwrap_or(text.len());
    let (digits, exponent) = text.split_at_checked(at)?;
    let (whole, fraction) = cut(digits, b'.');
    // Some writers put every number as 1.8e9 (RFC 8259 section 6). What makes a number smaller, no writer of times has.
    let places = exponent.bytes().skip(1).filter(|byte| *byte != b'+').try_fold(0, add)?;
    let mut fraction = fraction.unwrap_or_default().bytes();
    // All digits that there are, and then as many zeros as no number survives.
    let moved = (0..places.min(text.len() as u64 + 20)).map(|_| fraction.next().unwrap_or(b'0'));
    whole.bytes().chain(moved).try_fold(0, add)
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::*;
    use crate::test;

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
            ("1.2345e3", Ok(Some(1234))),
            ("1E+3", Ok(Some(1000))),
            ("1844674407370955160", Ok(Some(1_844_674_407_370_955_160))),
            ("18446744073709551616", Err(())),
            ("1e300", Err(())),
            ("0.01e20", Ok(Some(1_000_000_000_000_000_000))),
            ("0.01e22", Err(())),
            ("1e-3", Err(())),
            ("\"1\"", Err(())),
            ("null", Ok(None)),
        ] {
            let document = alloc::format!("{{\"exp\":{text}}}");
            let object = Object::parse(document.as_bytes(), Message::Record).unwrap();
            assert_eq!(object.seconds(Field::Exp).map_err(|_| ()), expected, "{text}");
        }
    }
}
