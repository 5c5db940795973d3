//! The parameters of a request, from a query, a form or a flat JSON object, each at most once.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};

use super::refused::Refused;

/// No request here has more to say. Whether one is given twice is asked of each pair of them, by anybody.
const MOST: usize = 64;

/// Names and values in the order in which they came.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Params(Vec<(String, String)>);

impl Params {
    /// Reads `application/x-www-form-urlencoded` (RFC 6749 appendix B).
    pub(crate) fn from_form(text: &str) -> Result<Self, Refused> {
        let mut pairs = Vec::new();
        for pair in text.split('&').filter(|pair| !pair.is_empty()) {
            if pairs.len() == MOST {
                return Err(Refused::TooMany);
            }
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let decode = |part| decode(part).ok_or(Refused::Malformed("encoding"));
            pairs.push((decode(name)?, decode(value)?));
        }
        Ok(Self(pairs))
    }

    /// Reads one flat JSON object of strings; a repeated key is refused, not overwritten.
    pub(crate) fn from_json(body: &[u8]) -> Result<Self, Refused> {
        let pairs: Self = serde_json::from_slice(body).map_err(|_| Refused::Malformed("json"))?;
        if pairs.0.len() > MOST {
            return Err(Refused::TooMany);
        }
        pairs.refuse_repeated()?;
        Ok(pairs)
    }

    /// The value of a parameter. Empty counts as absent, twice is refused (RFC 6749 section 3.1).
    pub(crate) fn one(&self, name: &str) -> Result<Option<&str>, Refused> {
        let mut values = self.0.iter().filter(|(known, _)| known == name);
        let value = values.next().map(|(_, value)| value.as_str()).filter(|value| !value.is_empty());
        if values.next().is_some() {
            return Err(Refused::Repeated);
        }
        Ok(value)
    }

    /// The value of a parameter that must be there.
    pub(crate) fn required(&self, name: &'static str) -> Result<&str, Refused> {
        self.one(name)?.ok_or(Refused::Missing(name))
    }

    /// Refuses the request if any parameter, known or not, is given twice.
    pub(crate) fn refuse_repeated(&self) -> Result<(), Refused> {
        let repeated =
            self.0.iter().enumerate().any(|(at, (name, _))| self.0[..at].iter().any(|(n, _)| n == name));
        if repeated { Err(Refused::Repeated) } else { Ok(()) }
    }

    /// Refuses the request if it has a parameter that is not among these.
    pub(crate) fn only(&self, known: &[&str]) -> Result<(), Refused> {
        if self.0.iter().all(|(name, _)| known.contains(&name.as_str())) {
            Ok(())
        } else {
            Err(Refused::Unknown)
        }
    }

    /// Gives a parameter this value, whatever it had.
    pub(crate) fn set(&mut self, name: &str, value: &str) {
        self.remove(name);
        self.0.push((name.to_owned(), value.to_owned()));
    }

    /// Leaves a parameter out.
    pub(crate) fn remove(&mut self, name: &str) {
        self.0.retain(|(known, _)| known != name);
    }

    /// The same parameters as a query.
    pub(crate) fn to_query(&self) -> String {
        let mut query = String::new();
        for (name, value) in &self.0 {
            push(&mut query, name, value);
        }
        query
    }
}

/// Appends one parameter to a query.
pub(crate) fn push(query: &mut String, name: &str, value: &str) {
    if !query.is_empty() {
        query.push('&');
    }
    encode(query, name);
    query.push('=');
    encode(query, value);
}

/// Percent-decodes, with `+` as a space; bytes that are no text are refused.
pub(crate) fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
                (digit(rest.next())? * 16 + digit(rest.next())?) as u8
            }
            other => other,
        });
    }
    String::from_utf8(bytes).ok()
}

/// Percent-encodes all but the unreserved characters (RFC 3986 section 2.3).
fn encode(out: &mut String, text: &str) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            const HEX: &[u8; 16] = b"0123456789ABCDEF";
            out.push('%');
            out.push(char::from(HEX[usize::from(byte >> 4)]));
            out.push(char::from(HEX[usize::from(byte & 15)]));
        }
    }
}

impl<'de> Deserialize<'de> for Params {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Flat;
        impl<'de> Visitor<'de> for Flat {
            type Value = Params;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a flat object of strings")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Params, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                    // One too many tells enough; the rest is read over.
                    if pairs.len() > MOST {
                        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                    }
                }
                Ok(Params(pairs))
            }
        }
        deserializer.deserialize_map(Flat)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_it_writes() {
        let params = Params::from_form("a=1+2&b=%C3%A4%26&empty=&flag").unwrap();
        assert_eq!(params.one("a"), Ok(Some("1 2")));
        assert_eq!(params.one("b"), Ok(Some("ä&")));
        assert_eq!(params.one("empty"), Ok(None));
        assert_eq!(params.required("flag"), Err(Refused::Missing("flag")));
        assert_eq!(Params::from_form(&params.to_query()).unwrap(), params);
    }

    #[test]
    fn refuses_what_it_cannot_read() {
        for bad in ["a=%", "a=%4", "a=%zz", "a=%ff"] {
            assert_eq!(Params::from_form(bad), Err(Refused::Malformed("encoding")), "{bad}");
        }
        let twice = Params::from_form("a=1&a=1").unwrap();
        assert_eq!(twice.one("a"), Err(Refused::Repeated));
        assert_eq!(twice.refuse_repeated(), Err(Refused::Repeated));
    }

    #[test]
    fn no_more_than_sixty_four() {
        let form = |n: u32| (0..n).map(|n| format!("{n}=x")).collect::<Vec<_>>().join("&");
        let json = |n: u32| {
            let members: Vec<_> = (0..n).map(|n| format!("\"{n}\":\"x\"")).collect();
            format!("{{{}}}", members.join(","))
        };
        assert_eq!(Params::from_form(&form(64)).unwrap().one("63"), Ok(Some("x")));
        assert_eq!(Params::from_json(json(64).as_bytes()).unwrap().one("63"), Ok(Some("x")));
        for many in [65, 66, 10_000] {
            assert_eq!(Params::from_form(&form(many)), Err(Refused::TooMany));
            assert_eq!(Params::from_json(json(many).as_bytes()), Err(Refused::TooMany));
        }
    }

    #[test]
    fn json_is_flat_and_unambiguous() {
        let params = Params::from_json(br#"{"grant_type":"refresh_token","x":"1"}"#).unwrap();
        assert_eq!(params.one("x"), Ok(Some("1")));
        assert_eq!(Params::from_json(br#"{"a":"1","a":"1"}"#), Err(Refused::Repeated));
        for bad in [&br#"{"a":1}"#[..], br#"{"a":["1"]}"#, b"[]", br#"{"a":"1"} x"#, b""] {
            assert_eq!(Params::from_json(bad), Err(Refused::Malformed("json")));
        }
    }
}
