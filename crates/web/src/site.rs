//! Where a session lives: the client, its place in the store, its lock.

use alloc::string::String;
use core::cell::RefCell;

use gatepass_core::error::Error;
use gatepass_core::protocol::discovery::Provider;
use gatepass_core::session::client::Client;
use gatepass_core::url::RedirectUri;

use crate::store::Store;

/// One client's place in this browser.
#[derive(Debug)]
pub struct Site {
    /// Who we are to which issuer.
    pub client: Client,
    /// Where logins come back to.
    pub redirect_uri: RedirectUri,
    /// The key of the session's row, and all that pages tell each other about it.
    pub session: String,
    /// The name of the session's lock.
    pub lock: String,
    /// The store.
    pub store: Store,
    /// The issuer's metadata, kept while this page lives. It is not stored: endpoints that were changed by hand in a
    /// store would be sent codes and tokens.
    pub provider: RefCell<Option<Provider>>,
}

impl Site {
    /// The place of this client's session called `name`.
    pub fn new(client: Client, redirect_uri: &str, name: &str) -> Result<Self, Error> {
        let session = [client.issuer.as_str(), "|", client.client_id.as_str(), "|", name].concat();
        Ok(Self {
            client,
            redirect_uri: RedirectUri::new(redirect_uri)?,
            lock: ["gatepass:", &session].concat(),
            session,
            store: Store::new("gatepass"),
            provider: RefCell::new(None),
        })
    }
}
