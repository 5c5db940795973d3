//! Proving to an API that the session's key is here: one look, one signature, no network.

use gatepass_core::error::Error;
use gatepass_core::kept::Text;
use gatepass_core::protocol::dpop::Unsigned;
use gatepass_core::secret::Secret;
use gatepass_core::session::transaction::Answer;
use gatepass_core::text::cut;
use gatepass_core::time::Timestamp;

use crate::random::BrowserDice;
use crate::view::{self, Settings, View};

/// A proof for one request (RFC 9449 section 7.1), on its way.
#[derive(Debug)]
pub struct Prove {
    method: Text,
    url: Text,
    token: Option<Secret>,
    nonce: Option<Text>,
    unsigned: Option<Unsigned>,
}

impl Prove {
    /// Reads what is to be proven: `method` and `url` of the request, `token` if it presents one, and the `nonce` that
    /// its origin wants.
    pub fn new(form: &str) -> Result<Self, Error> {
        let mut form = Settings::read(form)?;
        Ok(Self {
            method: form.take("method"),
            url: form.take("url"),
            token: form.secret("token"),
            nonce: form.wish("nonce"),
            unsigned: None,
        })
    }

    /// Takes an answer and says what comes next.
    pub fn step(&mut self, answer: Answer, now: Timestamp) -> Result<View, Error> {
        match answer {
            Answer::Begin => Ok(view::load(true)),
            Answer::Loaded(record) => {
                let rest = record.ok_or(Error::NotSignedIn)?.rest;
                let key = rest.and_then(|rest| rest.into_inner().key).ok_or(Error::KeyLost)?;
                // RFC 9449 section 4.2: without query and fragment.
                let htu = cut(cut(&self.url, b'#').0, b'?').0;
                let (nonce, token) = (self.nonce.as_deref(), self.token.as_ref());
                let unsigned =
                    Unsigned::new(&key.public, &self.method, htu, nonce, token, now, &mut BrowserDice)?;
                Ok(view::sign(self.unsigned.insert(unsigned).signing_input()))
            }
            Answer::Signed(signature) => {
                let unsigned = self.unsigned.take().ok_or(Error::Bug)?;
                unsigned.signed(&signature).map(|proof| view::proof(&proof))
            }
            Answer::Failed(error) => Err(error),
            _ => Err(Error::Bug),
        }
    }
}
