//! `application/x-www-form-urlencoded`: forms and queries, both ways.

use alloc::string::String;
use alloc::vec::Vec;

use zeroize::Zeroize;

use crate::error::Error;
use crate::field::{Field, Message};
use crate::kept::{Kept, WIPED};
use crate::name::Audience;
use crate::secret::Secret;
use crate::text::{cut, pieces, reserve, utf8};

/// A form or query under construction; it holds secrets, so it leaves as one.
pub struct Form(Kept<String>);

impl Form {
    /// An empty form.
    pub fn new() -> Self {
        Self(Kept::new(String::with_capacity(1024)))
    }

    /// Adds a parameter.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        reserve(&mut self.0, 3 * (name.len() + value.len()) + 2);
        if !self.0.is_empty() {
            self.0.push('&');
        }
        encode(&mut self.0, name);
        self.0.push('=');
        encode(&mut self.0, value);
        self
    }

    /// Adds a parameter that may be absent.
    #[must_use]
    pub fn with_some(self, name: &str, value: Option<&str>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    /// Adds for whom a token is meant, if that is said.
    #[must_use]
    pub fn for_audience(self, audience: Option<&Audience>) -> Self {
        match audience.map(Audience::parameter) {
            Some((parameter, value)) => self.with(parameter, value),
            None => self,
        }
    }

    /// The encoded text.
    pub fn finish(self) -> Secret {
        Secret::from(self.0)
    }
}

impl Default for Form {
    fn default() -> Self {
        Self::new()
    }
}

const HEX: &[u8; 16] = b"0123456789ABCDEF";

/// Appends `text` percent-encoded; a space becomes `+` (WHATWG URL, application/x-www-form-urlencoded).
pub fn encode(into: &mut String, text: &str) {
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'*' | b'-' | b'.' | b'_' => {
                into.push(char::from(byte))
            }
            b' ' => into.push('+'),
            _ => {
                into.push('%');
                into.push(char::from(HEX[usize::from(byte >> 4)]));
                into.push(char::from(HEX[usize::from(byte & 15)]));
            }
        }
    }
}

/// The parameters of a query, decoded. A repeated one is an error (RFC 6749 section 3.1).
pub struct Query(Kept<Vec<(String, Secret)>>);

impl Query {
    /// Reads a query without its question mark; `message` is what an error calls it.
    pub fn parse(text: &str, message: Message) -> Result<Self, Error> {
        Self::parse_long(text, 16 * 1024, message)
    }

    /// The same, of at most so many bytes.
    pub fn parse_long(text: &str, most: usize, message: Message) -> Result<Self, Error> {
        let malformed = |field| Error::Malformed { message, field };
        if text.len() > most {
            return Err(malformed(Field::Size));
        }
        let mut pairs: Kept<Vec<(String, Secret)>> = Kept::default();
        for pair in pieces(text, b'&') {
            let (name, value) = cut(pair, b'=');
            let name = decode(name).ok_or_else(|| malformed(Field::Encoding))?;
            let value = decode(value.unwrap_or_default()).ok_or_else(|| malformed(Field::Encoding))?;
            if pairs.iter().any(|(known, _)| *known == name) {
                return Err(malformed(Field::RepeatedParameter));
            }
            pairs.push((name, Secret::new(value)));
        }
        Ok(Self(pairs))
    }

    /// Takes a parameter out; an empty one counts as absent (RFC 6749 section 3.1).
    pub fn take(&mut self, name: &str) -> Option<Secret> {
        let at = self.0.iter().position(|(known, value)| known == name && !value.expose().is_empty())?;
        Some(self.0.swap_remove(at).1)
    }
}

fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let high = char::from(rest.next()?).to_digit(16)?;
                let low = char::from(rest.next()?).to_digit(16)?;
                (high * 16 + low) as u8
            }
            _ => byte,
        });
    }
    let text = utf8(&bytes).map(String::from);
    if !WIPED {
        bytes.zeroize();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test;

    #[test]
    fn encodes_and_decodes() {
        let form = Form::new().with("scope", "openid e-mail").with("uri", "http://[::1]/ä?x=1&y").finish();
        assert_eq!(form.expose(), "scope=openid+e-mail&uri=http%3A%2F%2F%5B%3A%3A1%5D%2F%C3%A4%3Fx%3D1%26y");
        let mut query = Query::parse(form.expose(), Message::AuthorizationResponse).unwrap();
        assert!(query.take("uri") == Some(Secret::from("http://[::1]/ä?x=1&y")));
        assert!(query.take("uri").is_none());
    }

    #[test]
    fn refuses_what_two_readers_would_read_differently() {
        for (text, field) in [
            ("a=1&a=2", Field::RepeatedParameter),
            ("a=%zz", Field::Encoding),
            ("a=%ff", Field::Encoding),
            ("a=%4", Field::Encoding),
        ] {
            assert_eq!(
                Query::parse(text, Message::Record).err(),
                Some(Error::Malformed { message: Message::Record, field }),
                "{text}"
            );
        }
    }
}
