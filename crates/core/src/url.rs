//! The three kinds of address that a login meets, read by a strict grammar.
//!
//! There is no general URL parser here on purpose: two parsers that disagree about one string are how tokens leave
//! for the wrong host. What this grammar does not know, it refuses.

use alloc::string::String;
use core::fmt;

use crate::error::Error;
use crate::field::Field;
use crate::kept::Kept;
use crate::text::{cut, pieces};

/// Who issues tokens (RFC 8414 section 2), kept and compared character by character.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issuer(Kept<String>);

impl Issuer {
    /// An `https` address, or `http` on this machine, without query and fragment.
    pub fn new(text: &str) -> Result<Self, Error> {
        let field = Field::Issuer;
        Parts::split(text, field)?;
        if cut(text, b'?').1.is_some() {
            return Err(Error::Configuration { field });
        }
        Ok(Self(Kept::new(String::from(text))))
    }

    /// The issuer exactly as configured: trailing slash, case and all.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Issuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An address to which requests, and with them tokens, are sent: `https`, or `http` on this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint(Kept<String>);

impl Endpoint {
    /// Reads an address found in the message field `field`.
    pub fn new(text: &str, field: Field) -> Result<Self, Error> {
        Parts::split(text, field)?;
        Ok(Self(Kept::new(String::from(text))))
    }

    /// The whole address.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The address without its query: `htu` (RFC 9449 section 4.2).
    pub fn without_query(&self) -> &str {
        cut(&self.0, b'?').0
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Where the authorization response comes back (RFC 6749 section 3.1.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RedirectUri(Kept<String>);

impl RedirectUri {
    /// An `https` address, or over `http` a listener on this machine; without fragment.
    pub fn new(text: &str) -> Result<Self, Error> {
        let field = Field::RedirectUri;
        // It goes through servers and browsers that are not ours: no character that one of them would have to mend.
        if !is_path_and_query(Parts::split(text, field)?.path) {
            return Err(Error::Configuration { field });
        }
        Ok(Self(Kept::new(String::from(text))))
    }

    /// Whether this is a listener on this machine (RFC 8252 sections 7.3 and 8.3), which alone may do without TLS.
    pub fn is_loopback(&self) -> bool {
        self.0.starts_with("http://")
    }

    /// `http://127.0.0.1:port` and the path: a native client's own listener (RFC 8252 section 7.3).
    pub fn loopback(port: u16, path: &str) -> Self {
        let mut text = String::from("http://127.0.0.1:");
        push_decimal(&mut text, u64::from(port));
        text.push_str(path);
        Self(Kept::new(text))
    }

    /// The address as it was given and as it is compared (RFC 9700 section 4.1.3).
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The pieces into which a trusted address splits. Borrowed, so that nothing is rebuilt from them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parts<'a> {
    /// Whether the scheme is `https`; otherwise it is `http`.
    pub secure: bool,
    /// A lower-case host name, an IPv4 address, or an IPv6 address in its brackets.
    pub host: &'a str,
    /// The port, if one is written.
    pub port: Option<u16>,
    /// The path and the query, with the leading slash; empty if there is none.
    pub path: &'a str,
}

impl<'a> Parts<'a> {
    /// Splits an address, or says which `field` holds one that cannot be trusted: another scheme, user information,
    /// a fragment, a character that browsers and servers read differently, plain `http` to another machine.
    pub fn split(text: &'a str, field: Field) -> Result<Self, Error> {
        Self::parse(text).ok_or(Error::Configuration { field })
    }

    fn parse(text: &'a str) -> Option<Self> {
        let (secure, rest) = match text.strip_prefix("https://") {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix("http://")?),
        };
        // Backslash, tab and their kin are read as slashes or skipped by some parsers; fragments have no place here.
        let strange = |byte: u8| {
            !byte.is_ascii_graphic()
                || matches!(byte, b'\\' | b'#' | b'<' | b'>' | b'"' | b'^' | b'`' | b'{' | b'|' | b'}')
        };
        if text.len() > 2048 || rest.bytes().any(strange) {
            return None;
        }
        let end = rest.bytes().position(|byte| byte == b'/' || byte == b'?').unwrap_or(rest.len());
        let (authority, path) = rest.split_at_checked(end)?;
        // An IPv6 address has its colons in brackets; the port comes behind them.
        let (host, port) = match authority.strip_prefix('[') {
            Some(_) => {
                let end = authority.bytes().position(|byte| byte == b']')? + 1;
                let (host, port) = authority.split_at_checked(end)?;
                let inner = host.get(1..end - 1)?;
                if !inner.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b':') {
                    return None;
                }
                (host, if port.is_empty() { None } else { Some(port.strip_prefix(':')?) })
            }
            None => {
                let (host, port) = cut(authority, b':');
                let known = |byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.');
                if !host.bytes().all(known) || !is_name_or_ipv4(host) {
                    return None;
                }
                (host, port)
            }
        };
        let port = match port {
            Some(text) => Some(decimal(text)?),
            None => None,
        };
        let parts = Self { secure, host, port, path };
        (!host.is_empty() && (secure || parts.on_this_machine())).then_some(parts)
    }

    /// Whether the host is this machine, by a literal address or by the name `localhost` (RFC 6761 section 6.3).
    pub fn on_this_machine(&self) -> bool {
        self.is_loopback_literal() || self.host == "localhost"
    }

    /// Whether the host is one of the two loopback literals of RFC 8252 section 7.3; a name is not enough (8.3).
    pub fn is_loopback_literal(&self) -> bool {
        self.host == "127.0.0.1" || self.host == "[::1]"
    }
}

/// Whether all of it is `*( pchar / "/" / "?" )`, every percent sign followed by two hex digits (RFC 3986 sections 2.1,
/// 3.3 and 3.4).
fn is_path_and_query(text: &str) -> bool {
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        let known = match byte {
            b'%' => {
                bytes.next().is_some_and(|high| high.is_ascii_hexdigit())
                    && bytes.next().is_some_and(|low| low.is_ascii_hexdigit())
            }
            b'[' | b']' => false,
            // Whitespace, controls and the strange were refused with the address.
            _ => true,
        };
        if !known {
            return false;
        }
    }
    true
}

/// Whatever ends in a number is an IPv4 address to browsers, in any of its old spellings: `127.1`, `0x7f.1` and
/// `2130706433` are this machine (WHATWG URL, "ends in a number"). Here it is four decimal numbers or nothing.
fn is_name_or_ipv4(host: &str) -> bool {
    let last = pieces(host, b'.').last().unwrap_or_default();
    let byte = |text: &str| text == "0" || decimal(text).is_some_and(|number| number < 256);
    let dots = host.bytes().filter(|byte| *byte == b'.').count();
    last.as_bytes().first().is_some_and(u8::is_ascii_lowercase)
        || (dots == 3 && pieces(host, b'.').filter(|text| byte(text)).count() == 4)
}

/// Digits without sign or leading zero, up to 65535.
fn decimal(text: &str) -> Option<u16> {
    if text.is_empty() || text.starts_with('0') {
        return None;
    }
    text.bytes().try_fold(0_u16, |sum, byte| {
        let digit = byte.is_ascii_digit().then(|| u16::from(byte - b'0'))?;
        sum.checked_mul(10)?.checked_add(digit)
    })
}

/// Appends a number without the formatting machinery, which costs more in wasm than all of this file.
pub(crate) fn push_decimal(text: &mut String, number: u64) {
    if number >= 10 {
        push_decimal(text, number / 10);
    }
    text.push(char::from(b'0' + (number % 10) as u8));
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::*;
    use crate::test;

    #[test]
    fn endpoints_are_https_or_on_this_machine() {
        for good in [
            "https://a.example/token",
            "http://127.0.0.1:9400/token?x=1",
            "http://[::1]:8080",
            "http://localhost/",
            "https://10.0.255.1/",
            "https://1.example.",
        ] {
            assert!(Endpoint::new(good, Field::X).is_ok(), "{good}");
        }
        for bad in [
            "http://a.example/",
            "https://user@a.example/",
            "https://a.example/#f",
            "https://A.example",
            "http://127.0.0.1.evil.example",
            "http://localhost.evil.example",
            "https://a.example\\@b.example",
            "https://a.example:0/",
            "https://a.example:99999/",
            "ftp://a.example",
            "https://",
            "https://a.example/ b",
            "https://0x7f.1/",
            "https://127.1/",
            "https://127.0.0.01/",
            "https://127.0.0.1./",
            "https://2130706433/",
            "https://a.example.256/",
            "https://../",
        ] {
            assert_eq!(Endpoint::new(bad, Field::X), Err(Error::Configuration { field: Field::X }), "{bad}");
        }
    }

    #[test]
    fn leaves_the_query_out() {
        let endpoint = Endpoint::new("http://127.0.0.1:9400/oauth/token?tenant=1", Field::Issuer).unwrap();
        assert_eq!(endpoint.without_query(), "http://127.0.0.1:9400/oauth/token");
    }

    #[test]
    fn numbers_without_format() {
        for number in [0, 7, 10, 65535, u64::MAX] {
            let mut text = String::new();
            push_decimal(&mut text, number);
            assert_eq!(text, number.to_string());
        }
    }
}
