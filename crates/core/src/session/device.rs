//! Signing in by a device code: a chain of values, each arrow consuming what stands left of it.
//!
//! ```text
//! begin -> Asking -> parse -> Waiting -> parse -> Unproven -> prove -> Record
//! ```
//!
//! [`Waiting`] is storable, because its person may take minutes and a process that asked need not live so long.

use alloc::boxed::Box;
use alloc::string::String;

use crate::dice::Dice;
use crate::error::Error;
use crate::field::{Field, Message};
use crate::http::{Request, Response};
use crate::json::{Object, Writer};
use crate::protocol::authorize;
use crate::protocol::device::{self, Polled as Answered, Polling};
use crate::protocol::discovery::Provider;
use crate::protocol::dpop::Unsigned;
use crate::secret::Secret;
use crate::session::client::Client;
use crate::session::grant::{Grant, Unproven};
use crate::session::record::BoundKey;
use crate::time::Timestamp;
use crate::url::Endpoint;

/// A login whose code has to be asked for.
#[derive(Debug)]
pub struct Asking(Box<Grant>);

/// Begins a login at the provider's device authorization endpoint (RFC 8628 section 3.1). `key` is what the session is
/// to be bound to, if `grant::wants_key` says that one is needed; `extra` are parameters that one issuer knows.
pub fn begin(
    client: &Client,
    provider: &Provider,
    device_authorization_endpoint: &Endpoint,
    key: Option<BoundKey>,
    extra: &[(String, String)],
    now: Timestamp,
) -> Result<(Request, Asking), Error> {
    let Client { client_id, scopes, audience, .. } = client;
    let form = authorize::with_extra(device::form(client_id, scopes, audience.as_ref()), extra)?;
    let request = Request::post(device_authorization_endpoint.clone(), form);
    Ok((request, Asking(Grant::new(client, provider, key, None, now)?)))
}

/// What the person is shown.
#[derive(Clone, Debug)]
pub struct Shown {
    /// The code to type; they have to compare it (RFC 8628 section 5.4).
    pub user_code: String,
    /// Where to type it.
    pub verification_uri: Endpoint,
    /// The same with the code in it, for a QR code or a browser at hand.
    pub verification_uri_complete: Option<Endpoint>,
    /// Until when.
    pub expires_at: Timestamp,
}

impl Asking {
    /// Reads the answer (RFC 8628 section 3.2).
    pub fn parse(self, response: &Response, now: Timestamp) -> Result<(Shown, Waiting), Error> {
        let answer = device::parse(response, now)?;
        let shown = Shown {
            user_code: answer.user_code,
            verification_uri: answer.verification_uri,
            verification_uri_complete: answer.verification_uri_complete,
            expires_at: answer.polling.expires_at(),
        };
        Ok((shown, Waiting { grant: self.0, polling: answer.polling }))
    }
}

/// A login that waits for its person. Two processes must not wait with the same one: the server would tell both to slow
/// down, and one of them that the code is spent.
#[derive(Debug)]
pub struct Waiting {
    grant: Box<Grant>,
    polling: Polling,
}

/// What an answer led to.
#[derive(Debug)]
pub enum Polled {
    /// Nobody has decided yet: ask again when it is time.
    Again(Waiting),
    /// Tokens, not yet believed.
    Tokens(Unproven),
}

const MESSAGE: Message = Message::PendingLogin;

impl Waiting {
    /// How long to wait before the next request. A code that ran out is [`Error::LoginExpired`].
    pub fn wait(&self, now: Timestamp) -> Result<core::time::Duration, Error> {
        self.polling.wait(now)
    }

    /// The proof to sign with the session's key, if it is to be bound to one (RFC 9449 section 5).
    pub fn proof(&self, now: Timestamp, dice: &mut dyn Dice) -> Result<Option<Unsigned>, Error> {
        self.grant.proof(now, dice)
    }

    /// The key that signs it.
    pub fn key(&self) -> Option<&BoundKey> {
        self.grant.rest.key.as_ref()
    }

    /// The request, with the signed proof.
    pub fn request(&self, proof: Option<Secret>) -> Request {
        self.polling.request(&self.grant.rest.token_endpoint, &self.grant.client_id).with_proof(proof)
    }

    /// Takes the answer, or `None` where none came.
    pub fn parse(mut self, response: Option<&Response>, now: Timestamp) -> Result<Polled, Error> {
        if let Some(response) = response {
            self.grant.learn(response);
        }
        let bound = self.grant.rest.key.is_some();
        match self.polling.answered(response, bound, now) {
            Answered::Again(polling) => Ok(Polled::Again(Self { grant: self.grant, polling })),
            Answered::Tokens(tokens) => Ok(Polled::Tokens(Unproven::new(self.grant, tokens, now))),
            Answered::Over(error) => Err(error),
        }
    }

    /// The stored form.
    pub fn encode(&self) -> Secret {
        let polling = Secret::new(self.polling.write(Writer::new()).finish());
        Secret::new(self.grant.write(Writer::new()).raw("polling", polling.expose()).finish())
    }

    /// Reads the stored form.
    pub fn decode(bytes: &[u8]) -> Result<Self, Error> {
        let read = || -> Result<Self, Error> {
            let object = Object::parse(bytes, MESSAGE)?;
            let polling = object.object(Field::Polling)?.ok_or_else(|| object.blame(Field::Polling))?;
            Ok(Self { grant: Grant::read(&object)?, polling: Polling::read(polling)? })
        };
        read().map_err(|_| Error::StoreCorrupt)
    }
}
