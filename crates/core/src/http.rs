//! Requests and responses as plain values: what the shells send and what came back.

use alloc::string::String;
use alloc::vec::Vec;

use crate::form::Form;
use crate::secret::{Secret, SecretBytes};
use crate::text::cut;
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
}

impl Method {
    /// As it is written on the wire and in `htm` (RFC 9449 section 4.2).
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
        }
    }
}

/// A request to send. Redirects are not followed: a body with a token goes where it was addressed or nowhere.
#[derive(Debug)]
pub struct Request {
    /// GET or POST.
    pub method: Method,
    /// Where to.
    pub url: Endpoint,
    /// Header names in lower case with their values.
    pub headers: Vec<(&'static str, Secret)>,
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
        let mut headers = accept_json();
        headers.push(("content-type", Secret::from("application/x-www-form-urlencoded")));
        Self { method: Method::Post, url, headers, body: Some(form.finish()), by_client: true }
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

fn accept_json() -> Vec<(&'static str, Secret)> {
    let mut headers = Vec::with_capacity(3);
    headers.push(("accept", Secret::from("application/json")));
    headers
}

/// What came back: the status, the body, and those headers that mean something here.
#[derive(Debug)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// Whether the body says that it is JSON (`application/json` or a `+json` type).
    pub json: bool,
    /// A nonce for the next proof to this origin (RFC 9449 section 8).
    pub dpop_nonce: Option<String>,
    /// The body, at most [`MAX_BODY`] bytes and one more.
    pub body: SecretBytes,
}

impl Response {
    /// Takes a response apart; `header` looks up one header by its lower-case name.
    pub fn new(status: u16, header: &dyn Fn(&str) -> Option<String>, body: Vec<u8>) -> Self {
        let json = header("content-type").is_some_and(|value| {
            let kind = cut(&value, b';').0.trim_ascii();
            kind.eq_ignore_ascii_case("application/json") || kind.ends_with("+json")
        });
        Self { status, json, dpop_nonce: header("dpop-nonce"), body: Secret::new(body) }
    }

    /// Whether the server was not able to answer, so that the answer says nothing about the session.
    pub const fn is_transient(&self) -> bool {
        self.status >= 500 || self.status == 429 || self.status == 408
    }
}
