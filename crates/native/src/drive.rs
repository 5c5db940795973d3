//! The loop that answers a transaction: it does what core asks for and has no opinion.

use std::sync::Arc;

use gatepass_core::error::Error;
use gatepass_core::http::{Request, Response};
use gatepass_core::protocol::client_auth::{ClientAuth, Prepared};
use gatepass_core::session::access::{GetAccess, Handout, Wanted};
use gatepass_core::session::client::Client;
use gatepass_core::session::record::Record;
use gatepass_core::session::save::SaveSession;
use gatepass_core::session::transaction::{Answer, Effect, Step, Transaction};

use crate::clock;
use crate::http::Http;
use crate::lock::{self, Guard};
use crate::random::OsDice;
use crate::request::Nonces;
use crate::settings::Settings;
use crate::sign::sign;
use crate::store::{Changed, Store};

/// Everything that effects touch.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) store: Store,
    http: Http,
    /// What APIs want in the next proof.
    pub(crate) nonces: Nonces,
    client: Client,
    client_auth: Arc<ClientAuth>,
}

impl World {
    pub(crate) fn new(settings: &Settings) -> Self {
        let Settings { client, client_auth, ca_file, .. } = settings;
        Self {
            store: Store::new(settings),
            http: Http::trusting(ca_file.clone()),
            nonces: Nonces::default(),
            client: client.clone(),
            client_auth: Arc::clone(client_auth),
        }
    }

    /// Sends a request, with the client's credentials where they are wanted; `None` if no whole answer came.
    pub(crate) async fn send(&self, request: Request) -> Result<Option<Response>, Error> {
        let Client { client_id, issuer, .. } = &self.client;
        let request = match self.client_auth.prepare(client_id, issuer, request, clock::now(), &mut OsDice)? {
            Prepared::Ready(request) => request,
            Prepared::Sign(assertion) => {
                let ClientAuth::PrivateKeyJwt(key) = &*self.client_auth else { return Err(Error::Bug) };
                let signature = sign(&key.private, assertion.signing_input())?;
                assertion.signed(&signature)?
            }
        };
        self.http.send(&request).await
    }

    /// The same, where a lost answer has only one meaning.
    pub(crate) async fn ask(&self, request: Request) -> Result<Response, Error> {
        self.send(request).await?.ok_or(Error::Unreachable)
    }

    /// Runs a transaction as far as the store alone carries it: a cached token needs neither thread nor runtime.
    /// Gives the effect that needs more, or `None` if it is over.
    pub(crate) fn begin(&self, transaction: &mut dyn Transaction) -> Option<Effect> {
        let mut answer = Answer::Begin;
        loop {
            match transaction.step(answer, clock::now(), &mut OsDice) {
                Step::Done => return None,
                Step::Need(Effect::Load(part)) => answer = loaded(self.store.load(part, clock::now())),
                Step::Need(effect) => return Some(effect),
            }
        }
    }

    /// A token as it is wanted, refreshed if it must be.
    pub(crate) async fn access(&self, wanted: Wanted) -> Result<Handout, Error> {
        let mut transaction = GetAccess::new(wanted);
        if let Some(effect) = self.begin(&mut transaction) {
            self.go_on(&mut transaction, effect).await;
        }
        transaction.finish()
    }

    /// Keeps a session that has just begun.
    pub(crate) async fn keep(&self, record: Record) -> Result<(), Error> {
        let mut save = SaveSession::new(record);
        if let Some(effect) = self.begin(&mut save) {
            self.go_on(&mut save, effect).await;
        }
        save.finish()
    }

    /// Runs the rest of it.
    pub(crate) async fn go_on(&self, transaction: &mut (dyn Transaction + Send), mut effect: Effect) {
        let mut guard = None;
        loop {
            let answer = self.perform(effect, &mut guard).await;
            match transaction.step(answer, clock::now(), &mut OsDice) {
                // The guard goes with this function, whatever the transaction forgot.
                Step::Done => return,
                Step::Need(next) => effect = next,
            }
        }
    }

    async fn perform(&self, effect: Effect, guard: &mut Option<Guard>) -> Answer {
        match effect {
            Effect::Load(part) => loaded(self.store.load(part, clock::now())),
            Effect::Lock => match self.lock().await {
                Ok(Some(held)) => {
                    *guard = Some(held);
                    Answer::Locked
                }
                Ok(None) => Answer::LockTimedOut,
                Err(error) => Answer::Failed(error),
            },
            Effect::Sign { input, private: Some(private) } => {
                sign(&private, &input).map_or_else(Answer::Failed, Answer::Signed)
            }
            // Natively the key is always sealed with the tokens.
            Effect::Sign { private: None, .. } => Answer::Failed(Error::KeyLost),
            Effect::Send(request) => match self.send(request).await {
                Ok(response) => response.map_or(Answer::Lost, Answer::Sent),
                Err(error) => Answer::Failed(error),
            },
            Effect::Save { record, expect } => {
                pause_for_test();
                changed(self.store.save(&record, expect, clock::now()), Answer::Saved)
            }
            Effect::Erase { expect } => changed(self.store.erase(expect), Answer::Erased),
            Effect::Unlock => {
                *guard = None;
                Answer::Unlocked
            }
        }
    }

    /// The lock around a refresh. Whoever has to be asked for a passphrase is asked before.
    async fn lock(&self) -> Result<Option<Guard>, Error> {
        self.store.ready()?;
        lock::lock(&self.store.paths.refresh_lock, lock::WAIT).await
    }
}

fn loaded(result: Result<Option<Record>, Error>) -> Answer {
    result.map_or_else(Answer::Failed, Answer::Loaded)
}

fn changed(result: Result<Changed, Error>, done: Answer) -> Answer {
    match result {
        Ok(Changed::Done) => done,
        Ok(Changed::Moved) => Answer::Moved,
        Err(error) => Answer::Failed(error),
    }
}

#[cfg(not(feature = "testing"))]
const fn pause_for_test() {}

/// Stops for ever before a save, so that a test can kill this process there: it makes the file that is named by
/// `GATEPASS_TEST_STOP_BEFORE_SAVE` and waits. `GATEPASS_TEST_STOP_AFTER` lets so many saves pass first.
#[cfg(feature = "testing")]
fn pause_for_test() {
    use std::sync::atomic::{AtomicU32, Ordering};

    static PASSED: AtomicU32 = AtomicU32::new(0);
    #[expect(clippy::disallowed_methods, reason = "a switch for tests, absent from what is shipped")]
    let (file, after) =
        (std::env::var_os("GATEPASS_TEST_STOP_BEFORE_SAVE"), std::env::var("GATEPASS_TEST_STOP_AFTER"));
    let after = after.ok().and_then(|text| text.parse().ok()).unwrap_or(0);
    if let Some(file) = file
        && PASSED.fetch_add(1, Ordering::Relaxed) >= after
    {
        drop(std::fs::write(file, ""));
        loop {
            std::thread::park();
        }
    }
}

#[cfg(test)]
mod tests {
    use gatepass_core::field::Field;
    use gatepass_core::form::Form;
    use gatepass_core::secret::Secret;
    use gatepass_core::url::Endpoint;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    /// Asks a server for something and gives what arrived there.
    async fn arrived(request: impl FnOnce(Endpoint) -> Request, client_auth: ClientAuth) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/token", listener.local_addr().unwrap());
        let client = Client::new("https://issuer.example", "client", "openid", "ES256", "off").unwrap();
        let folder = tempfile::tempdir().unwrap();
        let mut settings = Settings::new(client, "gatepass-test", folder.path().to_owned());
        settings.client_auth = Arc::new(client_auth);
        let world = World::new(&settings);
        let served = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut bytes = vec![0; 4096];
            let length = stream.read(&mut bytes).await.unwrap();
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await.unwrap();
            String::from_utf8_lossy(&bytes[..length]).into_owned()
        };
        let endpoint = Endpoint::new(&url, Field::TokenEndpoint).unwrap();
        let (answer, arrived) = tokio::join!(world.ask(request(endpoint)), served);
        assert_eq!(answer.unwrap().status, 200);
        arrived
    }

    #[tokio::test(flavor = "current_thread")]
    async fn credentials_go_where_the_client_is_asked_for_and_nowhere_else() {
        let auth = || ClientAuth::SecretBasic(Secret::from("the-secret"));
        let form = || Form::new().with("client_id", "client");
        let asked = arrived(|url| Request::post(url, form()), auth()).await;
        // client:the-secret
        assert!(asked.contains("authorization: Basic Y2xpZW50OnRoZS1zZWNyZXQ="), "{asked}");
        let asked = arrived(Request::get, auth()).await;
        assert!(!asked.contains("authorization"), "{asked}");
    }

    #[tokio::test(flavor = "current_thread")]
    async fn an_assertion_is_signed_by_the_clients_own_key() {
        let key = crate::sign::generate().unwrap();
        let auth = ClientAuth::PrivateKeyJwt(gatepass_core::protocol::client_auth::AssertionKey {
            kid: None,
            private: key.private.unwrap(),
        });
        let asked = arrived(|url| Request::post(url, Form::new()), auth).await;
        assert!(asked.contains("client_assertion=eyJ") && asked.contains("jwt-bearer"), "{asked}");
    }
}
