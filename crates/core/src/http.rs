//! Requests and responses as plain values: what the shells send and what came back.

use alloc::string::String;
use alloc::vec::Vec;
#[cfg(feature = "full")]
use core::time::Duration;

use crate::form::Form;
use crate::kept::{Kept, Text};
use crate::secret::{Secret, SecretBytes};
#[cfg(feature = "full")]
use crate::text::{cut, pieces};
#[cfg(feature = "full")]
use crate::time::Timestamp;
use crate::url::Endpoint;

/// The most that a shell reads of any response body, in bytes. What is longer is cut off and then refused as
/// `size`: real answers are a hundred times smaller, and memory is not the server's to spend.
pub const MAX_BODY: usize = 256 * 1024;

/// The methods in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// GET
    Get,
    /// POST
    Post,
    /// DELETE
    #[cfg(feature = "full")]
    Delete,
}

impl Method {
    /// As it is written on the wire and in `htm` (RFC 9449 section 4.2).
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            #[cfg(feature = "full")]
            Self::Delete => "DELETE",
        }
    }
}

/// A request to send. Redirects are not followed: a body with a token goes where it was addressed or nowhere.
#[derive(Debug)]
pub struct Request {
    /// What is done there.
    pub method: Method,
    /// Where to.
    pub url: Endpoint,
    /// Header names in lower case with their values.
    pub headers: Kept<Vec<(&'static str, Secret)>>,
    /// The body, if there is one; its `content-type` is among the headers.
    pub body: Option<Secret>,
    /// Whether the endpoint wants to know whose request it is: then a client that has credentials shows them
    /// (`protocol::client_auth`).
    pub by_client: bool,
}

impl Request {
    /// Asks for a JSON document.
    pub fn get(url: Endpoint) -> Self {
        Self { method: Method::Get, url, headers: accept_json(), body: None, by_client: false }
    }

    /// Posts a form of a client's, and asks for JSON (RFC 6749 section 4.1.3 and its kin).
    pub fn post(url: Endpoint, form: Form) -> Self {
        let request = Self::post_as(url, "application/x-www-form-urlencoded", form.finish());
        Self { by_client: true, ..request }
    }

    /// Posts a JSON document and asks for one (RFC 7591 section 3.1).
    pub fn post_json(url: Endpoint, document: String) -> Self {
        Self::post_as(url, "application/json", Secret::new(document))
    }

    fn post_as(url: Endpoint, kind: &str, body: Secret) -> Self {
        let mut headers = accept_json();
        headers.push(("content-type", Secret::from(kind)));
        Self { method: Method::Post, url, headers, body: Some(body), by_client: false }
    }

    /// Presents an access token by its scheme (RFC 6750 section 2.1, RFC 9449 section 7.1).
    #[must_use]
    pub fn with_access(mut self, scheme: &str, access_token: &Secret) -> Self {
        let token = access_token.expose();
        let mut value = String::with_capacity(scheme.len() + 1 + token.len());
        value.push_str(scheme);
        value.push(' ');
        value.push_str(token);
        self.headers.push(("authorization", Secret::new(value)));
        self
    }

    /// Adds a DPoP proof (RFC 9449 section 4.1), if there is one.
    #[must_use]
    pub fn with_proof(mut self, proof: Option<Secret>) -> Self {
        if let Some(proof) = proof {
            self.headers.push(("dpop", proof));
        }
        self
    }
}

fn accept_json() -> Kept<Vec<(&'static str, Secret)>> {
    let mut headers = Vec::with_capacity(3);
    headers.push(("accept", Secret::from("application/json")));
    Kept::new(headers)
}

/// What came back: the status, the body, and those headers that mean something here.
#[derive(Debug)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// A nonce for the next proof to this origin (RFC 9449 section 8).
    pub dpop_nonce: Option<Text>,
    /// When to come back, as it was written; [`Response::retry_after`] reads it. No step that pages take asks.
    #[cfg(feature = "full")]
    pub retry_after: Option<String>,
    /// The body, at most [`MAX_BODY`] bytes and one more.
    pub body: SecretBytes,
}

impl Response {
    /// Takes a response apart; `header` looks up one header by its lower-case name.
    pub fn new(status: u16, header: &dyn Fn(&str) -> Option<String>, body: Vec<u8>) -> Self {
        Self {
            status,
            dpop_nonce: header("dpop-nonce").map(Text::from),
            #[cfg(feature = "full")]
            retry_after: header("retry-after"),
            body: Secret::new(body),
        }
    }

    /// Whether the server was not able to answer, so that the answer says nothing about the session.
    pub const fn is_transient(&self) -> bool {
        self.status >= 500 || matches!(self.status, 408 | 425 | 429)
    }

    /// How long the server asks to be left alone: seconds or a date (RFC 9110 section 10.2.3). Anything else counts
    /// as unsaid.
    #[cfg(feature = "full")]
    pub fn retry_after(&self, now: Timestamp) -> Option<Duration> {
        let text = self.retry_after.as_deref()?;
        number(text).map(Duration::from_secs).or_else(|| Some(http_date(text)?.since(now)))
    }
}

#[cfg(feature = "full")]
fn number(text: &str) -> Option<u64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

/// Reads `Sun, 06 Nov 1994 08:49:37 GMT`, the one form that is still generated (RFC 9110 section 5.6.7).
#[cfg(feature = "full")]
pub fn http_date(text: &str) -> Option<Timestamp> {
    const BEFORE: [(&str, u64); 12] = [
        ("Jan", 0),
        ("Feb", 31),
        ("Mar", 59),
        ("Apr", 90),
        ("May", 120),
        ("Jun", 151),
        ("Jul", 181),
        ("Aug", 212),
        ("Sep", 243),
        ("Oct", 273),
        ("Nov", 304),
        ("Dec", 334),
    ];
    let mut words = pieces(cut(text, b',').1?, b' ');
    let (day, month, year) = (number(words.next()?)?, words.next()?, number(words.next()?)?);
    let mut clock = pieces(words.next()?, b':').map(number);
    let (hour, minute, second) = (clock.next()??, clock.next()??, clock.next()??);
    let utc = words.next() == Some("GMT") && words.next().is_none() && clock.next().is_none();
    let sound = (1..=31).contains(&day) && (1970..=9999).contains(&year);
    if !utc || !sound || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let before = BEFORE.iter().find(|(name, _)| *name == month)?.1;
    // The leap days that are over: this year's counts from March on.
    let past = if before < 59 { year - 1 } else { year };
    let leap_days = past / 4 - past / 100 + past / 400 - (1969 / 4 - 1969 / 100 + 1969 / 400);
    let days = (year - 1970) * 365 + leap_days + before + day - 1;
    Some(Timestamp::from_seconds(days * 86400 + hour * 3600 + minute * 60 + second))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test;

    #[test]
    fn reads_when_to_come_back() {
        let now = Timestamp::from_seconds(784_111_777);
        for (text, expected) in [
            ("120", Some(120)),
            ("0", Some(0)),
            // The date of RFC 9110 section 5.6.7 is this moment.
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(0)),
            ("Sun, 06 Nov 1994 08:50:07 GMT", Some(30)),
            ("Thu, 29 Feb 1996 00:00:00 GMT", Some(825_552_000 - 784_111_777)),
            ("Fri, 01 Mar 1996 00:00:00 GMT", Some(825_638_400 - 784_111_777)),
            ("Fri, 01 Mar 2100 00:00:00 GMT", Some(4_107_542_400 - 784_111_777)),
            ("Thu, 01 Jan 1970 00:00:00 GMT", Some(0)),
            ("-5", None),
            ("", None),
            ("soon", None),
            ("1.5", None),
            ("99999999999999999999", None),
            ("Sun, 06 Nov 1994 08:49:37 CET", None),
            ("Sun, 06 Nov 1994 24:49:37 GMT", None),
            ("Sunday, 06-Nov-94 08:49:37 GMT", None),
        ] {
            let header = |name: &str| (name == "retry-after").then(|| String::from(text));
            let response = Response::new(429, &header, Vec::new());
            assert_eq!(response.retry_after(now), expected.map(Duration::from_secs), "{text}");
        }
    }
}
