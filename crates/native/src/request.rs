//! Calling an API with the session's token: who may have it, how it is presented, what a refusal leads to.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use gatepass_core::error::Error;
use gatepass_core::field::Field;
use gatepass_core::form::Form;
use gatepass_core::http::{Method, Request, Response};
use gatepass_core::kept::Text;
use gatepass_core::protocol::dpop::Unsigned;
use gatepass_core::protocol::token_response::TokenType;
use gatepass_core::secret::Secret;
use gatepass_core::session::access::{Handout, Wanted};
use gatepass_core::session::client::Client;
use gatepass_core::session::record::Part;
use gatepass_core::url::{Endpoint, Parts};

use crate::clock;
use crate::drive::World;
use crate::random::OsDice;
use crate::sign::sign;

/// Scheme, host and port (RFC 6454 section 4).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Origin {
    secure: bool,
    host: String,
    port: u16,
}

impl Origin {
    /// Reads `https://api.acme.example`, or `http` on this machine; without a path.
    pub fn new(text: &str) -> Result<Self, Error> {
        let field = Field::Resource;
        let parts = Parts::split(text, field)?;
        if !matches!(parts.path, "" | "/") {
            return Err(Error::Configuration { field });
        }
        Ok(Self::of_parts(&parts))
    }

    /// Of an address with a path.
    pub fn of_url(url: &str) -> Result<Self, Error> {
        Parts::split(url, Field::Resource).map(|parts| Self::of_parts(&parts))
    }

    fn of_parts(parts: &Parts<'_>) -> Self {
        let unsaid = if parts.secure { 443 } else { 80 };
        Self { secure: parts.secure, host: parts.host.to_owned(), port: parts.port.unwrap_or(unsaid) }
    }
}

/// What an API is asked.
#[derive(Debug)]
pub struct Ask {
    /// What is done there.
    pub method: Method,
    /// Where.
    pub url: Endpoint,
    /// What is sent along.
    pub body: Option<Body>,
    /// Which access token.
    pub wanted: Wanted,
}

/// What is sent along.
#[derive(Debug)]
pub enum Body {
    /// A JSON document.
    Json(Secret),
    /// Fields of a form.
    Form(Vec<(String, Secret)>),
}

impl Ask {
    /// Asks for something.
    pub fn get(url: &str) -> Result<Self, Error> {
        Self::new(Method::Get, url, None)
    }

    /// Sends something.
    pub fn post(url: &str, body: Body) -> Result<Self, Error> {
        Self::new(Method::Post, url, Some(body))
    }

    /// Removes something.
    pub fn delete(url: &str) -> Result<Self, Error> {
        Self::new(Method::Delete, url, None)
    }

    fn new(method: Method, url: &str, body: Option<Body>) -> Result<Self, Error> {
        Ok(Self { method, url: Endpoint::new(url, Field::Resource)?, body, wanted: Wanted::default() })
    }

    /// The request, without its token.
    fn request(&self) -> Request {
        let mut request = Request { method: self.method, ..Request::get(self.url.clone()) };
        let (kind, body) = match &self.body {
            None => return request,
            Some(Body::Json(document)) => ("application/json", document.duplicate()),
            Some(Body::Form(fields)) => {
                let form =
                    fields.iter().fold(Form::new(), |form, (name, value)| form.with(name, value.expose()));
                ("application/x-www-form-urlencoded", form.finish())
            }
        };
        request.headers.push(("content-type", Secret::from(kind)));
        request.body = Some(body);
        request
    }
}

/// The nonces that APIs want in the next proof, one for each origin (RFC 9449 section 9).
#[derive(Debug, Default)]
pub(crate) struct Nonces(Mutex<HashMap<Origin, Text>>);

impl Nonces {
    fn of(&self, origin: &Origin) -> Option<Text> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(origin).cloned()
    }

    /// Keeps what a response brought, and says whether it is a new one.
    fn learn(&self, origin: &Origin, response: &Response) -> bool {
        let Some(nonce) = &response.dpop_nonce else { return false };
        let mut nonces = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        nonces.insert(origin.clone(), nonce.clone()).as_ref() != Some(nonce)
    }
}

/// Asks, and once more where that can help.
pub(crate) async fn request(
    client: &Client,
    api: &[Origin],
    world: &World,
    ask: Ask,
) -> Result<Response, Error> {
    let origin = Origin::of_url(ask.url.as_str())?;
    // A token in the wrong hands is a token lost, so this is asked before there is one.
    if Origin::of_url(client.issuer.as_str())? != origin && !api.contains(&origin) {
        return Err(Error::OtherOrigin);
    }
    let mut wanted = ask.wanted.clone();
    loop {
        let handout = world.access(wanted.clone()).await?;
        let mut response = send(world, &origin, &ask, &handout).await?;
        let unbound = handout.access.token_type != TokenType::Dpop;
        // RFC 9449 section 9: a 401 that brings a nonce wants it in the proof. Nothing was done yet, so the request may be
        // repeated.
        if response.status == 401 && world.nonces.learn(&origin, &response) && !unbound {
            response = send(world, &origin, &ask, &handout).await?;
        }
        world.nonces.learn(&origin, &response);
        // RFC 6750 section 3.1: the token is not good any more. A newer one is asked for once.
        if response.status != 401 || wanted.force {
            return Ok(response);
        }
        wanted.force = true;
    }
}

async fn send(world: &World, origin: &Origin, ask: &Ask, handout: &Handout) -> Result<Response, Error> {
    let access = &handout.access;
    let proof = match access.token_type {
        TokenType::Dpop => Some(proof(world, origin, ask, &access.token)?),
        TokenType::Bearer => None,
    };
    let request = ask.request().with_access(access.token_type.as_str(), &access.token).with_proof(proof);
    world.ask(request).await
}

/// The proof that this token's key is here (RFC 9449 section 7.1), with the hash of the token in it.
fn proof(world: &World, origin: &Origin, ask: &Ask, token: &Secret) -> Result<Secret, Error> {
    let record = world.store.load(Part::Whole, clock::now())?.ok_or(Error::NotSignedIn)?;
    let key = record.rest.and_then(|rest| rest.into_inner().key).ok_or(Error::KeyLost)?;
    let nonce = world.nonces.of(origin);
    let (method, htu, now) = (ask.method.as_str(), ask.url.without_query(), clock::now());
    let proof = Unsigned::new(&key.public, method, htu, nonce.as_deref(), Some(token), now, &mut OsDice)?;
    let signature = sign(key.private.as_ref().ok_or(Error::KeyLost)?, proof.signing_input())?;
    proof.signed(&signature)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_compared_whole() {
        let origin = Origin::new("https://api.acme.example").unwrap();
        for same in ["https://api.acme.example/", "https://api.acme.example:443/v1?x=1"] {
            assert_eq!(Origin::of_url(same).unwrap(), origin, "{same}");
        }
        for other in [
            "https://api.acme.example.evil.example/",
            "https://acme.example/",
            "https://api.acme.example:8443/",
            "http://127.0.0.1:443/",
        ] {
            assert_ne!(Origin::of_url(other).unwrap(), origin, "{other}");
        }
        for bad in
            ["https://api.acme.example/v1", "https://a@b.example", "api.acme.example", "http://acme.example"]
        {
            assert!(Origin::new(bad).is_err(), "{bad}");
        }
    }
}
