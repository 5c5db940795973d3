//! A client's story: the core's chain from discovery to a refreshed token, walked as a shell walks it, against the
//! issuer of paper. Every request it sends is written down there.

use std::time::Duration;

use gatepass_core::error::Error;
use gatepass_core::field::Field;
use gatepass_core::form::Form;
use gatepass_core::http::{Request, Response};
use gatepass_core::jwk::PublicKey;
use gatepass_core::kept::{Kept, Text};
use gatepass_core::name::{ClientId, Scopes};
use gatepass_core::protocol::authorize;
use gatepass_core::protocol::challenge::{self, Complaint};
use gatepass_core::protocol::client_auth::{ClientAuth, Prepared};
use gatepass_core::protocol::discovery::{self, Provider};
use gatepass_core::protocol::dpop::Unsigned;
use gatepass_core::protocol::jwks::{self, Jwks, Refetch};
use gatepass_core::protocol::userinfo::{self, Userinfo};
use gatepass_core::secret::Secret;
use gatepass_core::session::access::{GetAccess, Handout, Wanted};
use gatepass_core::session::client::Client;
use gatepass_core::session::grant::{Unproven, wants_key};
use gatepass_core::session::login::{Authorization, Exchange, Exchanged, Pending, Rejected, Start, begin};
use gatepass_core::session::record::{BoundKey, Purpose, Record};
use gatepass_core::session::transaction::{Answer, Effect, Step, Transaction};
use gatepass_core::testing::{MemoryStore, SeededDice};
use gatepass_core::time::Timestamp;
use gatepass_core::url::{Endpoint, RedirectUri};
use serde_json::{Map, Value};

use crate::issuer::{CLIENT, Issuer, NOW};
use crate::signing::verify;

pub(crate) const REDIRECT_URI: &str = "http://127.0.0.1:4711/callback";

/// How the answer of the issuer travels to the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    Query,
    /// Behind the `#`, which no server is sent.
    Fragment,
    /// A form that the browser posts.
    FormPost,
}

/// One client at one issuer.
pub(crate) struct Story {
    pub(crate) issuer: Issuer,
    pub(crate) client: Client,
    pub(crate) auth: ClientAuth,
    pub(crate) mode: Mode,
    pub(crate) prompt: Option<&'static str>,
    pub(crate) max_age: Option<Duration>,
    pub(crate) login_hint: Option<String>,
    pub(crate) now: Timestamp,
    pub(crate) store: MemoryStore,
    pub(crate) provider: Option<Provider>,
    /// The key set as it was fetched last; a shell may try it before it asks again.
    pub(crate) jwks: Option<Jwks>,
    /// Whether the shell tries a key set that it still has.
    pub(crate) keeps_keys: bool,
    userinfo_endpoint: Option<Endpoint>,
    refetch: Refetch,
    dice: SeededDice,
    resource_nonce: Option<Text>,
}

impl Story {
    pub(crate) fn new(issuer: Issuer) -> Self {
        let dpop = if issuer.binds { "required" } else { "off" };
        // HS256 cannot even be configured.
        let algorithm = if issuer.algorithm == "HS256" { "RS256" } else { issuer.algorithm };
        let scopes = "openid profile email offline_access";
        let client = Client::new(&issuer.url, CLIENT, scopes, algorithm, dpop).expect("a client");
        Self {
            issuer,
            client,
            auth: ClientAuth::None,
            mode: Mode::Query,
            prompt: None,
            max_age: None,
            login_hint: None,
            now: Timestamp::from_seconds(NOW),
            store: MemoryStore::default(),
            provider: None,
            jwks: None,
            keeps_keys: false,
            userinfo_endpoint: None,
            refetch: Refetch::default(),
            dice: SeededDice::new(11),
            resource_nonce: None,
        }
    }

    /// Sends a request as a shell does: with the client's credentials where they are asked for.
    pub(crate) fn send(&mut self, request: Request) -> Result<Response, Error> {
        let Self { auth, client, now, dice, issuer, .. } = self;
        let request = match auth.prepare(&client.client_id, &client.issuer, request, *now, dice)? {
            Prepared::Ready(request) => request,
            Prepared::Sign(assertion) => assertion.signed(&[5; 64])?,
        };
        Ok(issuer.answer(&request))
    }

    fn key(&self) -> BoundKey {
        BoundKey {
            public: Kept::new(PublicKey::P256 { x: [77; 32], y: [78; 32] }),
            private: Some(Secret::new(vec![1; 32])),
        }
    }

    pub(crate) fn discover(&mut self) -> Result<Provider, Error> {
        let response = self.send(discovery::request(&self.client.issuer)?)?;
        let metadata = discovery::read(&response, &self.client.issuer)?;
        let provider = metadata.provider()?;
        self.userinfo_endpoint = metadata.endpoint(Field::UserinfoEndpoint)?;
        self.provider = Some(provider.clone());
        Ok(provider)
    }

    /// From discovery to a stored session.
    pub(crate) fn login(&mut self) -> Result<(), Error> {
        let provider = self.discover()?;
        let key = wants_key(&self.client, &provider)?.then(|| self.key());
        let start = Start {
            redirect_uri: RedirectUri::new(REDIRECT_URI)?,
            key,
            prompt: self.prompt.map(Text::from),
            login_hint: self.login_hint.as_deref().map(Text::from),
            max_age: self.max_age,
        };
        let (authorization, pending) = begin(&self.client, &provider, start, self.now, &mut self.dice)?;
        let url = match authorization {
            Authorization::Open(url) => url,
            Authorization::Push(mut pushing) => {
                let response = self.send(pushing.request()?)?;
                pushing.pushed(&response)?
            }
        };
        // Between here and the redirect, a page is unloaded.
        let stored = pending.encode();
        let answer = self.issuer.authorize(url.expose());
        let exchange = self.redirected(Pending::decode(stored.expose().as_bytes())?, &answer)?;
        let unproven = self.exchange(exchange)?;
        let record = self.prove(unproven)?;
        assert!(self.store.save(&record, self.store.load().map(|record| record.generation)), "it is saved");
        Ok(())
    }

    fn redirected(&self, pending: Pending, answer: &Map<String, Value>) -> Result<Exchange, Error> {
        let form = answer
            .iter()
            .fold(Form::new(), |form, (name, value)| form.with(name, value.as_str().unwrap_or_default()));
        let arrives = match self.mode {
            // A form reads as a query does.
            Mode::Query | Mode::FormPost => form.finish(),
            Mode::Fragment => Secret::from(""),
        };
        let callback = authorize::parse(arrives.expose())?;
        pending.redirected(callback).map_err(|rejected| match rejected {
            Rejected::Stranger(_, error) | Rejected::Over(error) => error,
        })
    }

    fn exchange(&mut self, exchange: Exchange) -> Result<Unproven, Error> {
        let mut exchange = exchange;
        loop {
            let proof = exchange.proof(self.now, &mut self.dice)?;
            let proof = proof.map(|proof| proof.signed(&[6; 64])).transpose()?;
            let response = self.send(exchange.request(proof))?;
            match exchange.parse(&response, self.now)? {
                Exchanged::Again(again) => exchange = again,
                Exchanged::Tokens(unproven) => return Ok(unproven),
            }
        }
    }

    fn prove(&mut self, unproven: Unproven) -> Result<Record, Error> {
        if self.jwks.is_none() || !self.keeps_keys {
            self.jwks = Some(jwks::parse(&self.send(unproven.jwks_request())?)?);
        }
        let check = |keys: &Option<Jwks>| unproven.check(keys.as_ref().expect("a key set"));
        let checked = match check(&self.jwks) {
            Err(error) if self.refetch.helps(error, self.now) => {
                let response = self.issuer.answer(&unproven.jwks_request());
                self.jwks = Some(jwks::parse(&response)?);
                check(&self.jwks)
            }
            checked => checked,
        };
        let vouched = verify(checked?)?;
        unproven.prove(&vouched, self.now, &mut self.dice)
    }

    /// A proof for a request to a resource.
    fn resource_proof(
        &mut self,
        record: &Record,
        url: &Endpoint,
        nonce: Option<&str>,
    ) -> Result<Option<Secret>, Error> {
        let (Some(key), access) = (self.bound_to(record), &record.access[0]) else { return Ok(None) };
        let htu = url.without_query();
        let proof = Unsigned::new(&key, "GET", htu, nonce, Some(&access.token), self.now, &mut self.dice)?;
        proof.signed(&[6; 64]).map(Some)
    }

    fn bound_to(&self, record: &Record) -> Option<Kept<PublicKey>> {
        record.rest.as_ref()?.key.as_ref().map(|key| key.public.clone())
    }

    /// Asks about the person, with what the store holds.
    pub(crate) fn userinfo(&mut self) -> Result<Userinfo, Error> {
        let record = self.store.load().ok_or(Error::NotSignedIn)?;
        let endpoint =
            self.userinfo_endpoint.clone().ok_or(Error::Unsupported { feature: Field::UserinfoEndpoint })?;
        let access = record.find(&Purpose::default()).expect("a token as at sign-in");
        let mut retried = false;
        let response = loop {
            let nonce = self.resource_nonce.clone();
            let proof = self.resource_proof(&record, &endpoint, nonce.as_deref())?;
            let request = userinfo::request(&endpoint, access.token_type, &access.token, proof);
            let response = self.send(request)?;
            let wants_nonce = response.status == 401
                && challenge::parse(self.issuer.challenge())?
                    .iter()
                    .any(|challenge| challenge.error == Some(Complaint::UseDpopNonce));
            if !wants_nonce || retried {
                break response;
            }
            retried = true;
            self.resource_nonce.clone_from(&response.dpop_nonce);
        };
        let subject = &record.view.identity.subject;
        if !self.issuer.signs_userinfo {
            return userinfo::parse(&response, subject);
        }
        let signed = userinfo::signed(&response)?;
        let keys = self.jwks.as_ref().expect("a key set");
        let vouched = verify(userinfo::check(&signed, keys, self.client.id_token_algorithm)?)?;
        userinfo::prove(&signed, &vouched, &record.view.issuer, &record.view.client_id, subject)
    }

    /// Gets a new access token, whatever the store holds.
    pub(crate) fn refresh(&mut self, scopes: Option<&str>) -> Result<Handout, Error> {
        let scopes = scopes.map(Scopes::parse).transpose()?;
        let purpose = Purpose { audience: None, scopes };
        let mut transaction = GetAccess::new(Wanted { purpose, force: true, ..Wanted::default() });
        let mut answer = Answer::Begin;
        while let Step::Need(effect) = transaction.step(answer, self.now, &mut self.dice) {
            answer = match effect {
                Effect::Load(_) => Answer::Loaded(self.store.load()),
                Effect::Lock => Answer::Locked,
                Effect::Sign { .. } => Answer::Signed(vec![6; 64]),
                Effect::Send(request) => Answer::Sent(self.send(request)?),
                Effect::Save { record, expect } if self.store.save(&record, expect) => Answer::Saved,
                Effect::Erase { expect } if self.store.erase(expect) => Answer::Erased,
                Effect::Save { .. } | Effect::Erase { .. } => Answer::Moved,
                Effect::Unlock => Answer::Unlocked,
            };
        }
        transaction.finish()
    }

    /// Login and userinfo: what the suite's modules expect at least.
    pub(crate) fn tell(&mut self) -> Result<Userinfo, Error> {
        self.login()?;
        self.userinfo()
    }

    pub(crate) fn client_id(&self) -> &ClientId {
        &self.client.client_id
    }
}
