//! Signing in, in two page loads: [`SignIn`] ends where the page is left, [`Callback`] starts where it is come back to.
//!
//! Both walk the chain of `gatepass_core::session::login` and ask for effects on the way, like any transaction.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::mem;

use gatepass_core::error::Error;
use gatepass_core::http::Response;
use gatepass_core::jwk::PublicKey;
use gatepass_core::kept::{Kept, Text};
use gatepass_core::protocol::authorize;
use gatepass_core::protocol::discovery::{self, Provider};
use gatepass_core::protocol::dpop::Unsigned;
use gatepass_core::protocol::id_token::Check;
use gatepass_core::protocol::jwks::{self, Refetch};
use gatepass_core::secret::Secret;
use gatepass_core::session::client::Client;
use gatepass_core::session::grant::{Unproven, wants_key};
use gatepass_core::session::login::{self, Authorization, Exchange, Exchanged, Rejected, Start};
use gatepass_core::session::record::{BoundKey, Record};
use gatepass_core::session::transaction::Answer as Plain;
use gatepass_core::time::Timestamp;
use gatepass_core::url::RedirectUri;

use crate::random::BrowserDice;
use crate::verify::vouch;
use crate::view::{self, Settings, View};

/// What became of an effect.
#[derive(Debug)]
pub enum Answer {
    /// What every transaction is answered.
    Plain(Plain),
    /// A key was made; this is its public half (SEC 1 section 2.3.3: 4, x, y).
    Made(Vec<u8>),
    /// The pending login is durable.
    Kept,
    /// The pending login, if there was one.
    Taken(Option<Secret>),
    /// Whether the signature is good.
    Judged(bool),
}

impl Answer {
    /// What an answer that does not lead on means.
    const fn error(&self) -> Error {
        match self {
            Self::Plain(Plain::Failed(error)) => *error,
            Self::Plain(Plain::Lost) => Error::Unreachable,
            _ => Error::Bug,
        }
    }
}

/// The way out.
#[derive(Debug)]
pub struct SignIn {
    client: Client,
    redirect_uri: RedirectUri,
    prompt: Option<Text>,
    login_hint: Option<Text>,
    /// The issuer's metadata, kept for this login alone. It is not stored: endpoints that were changed by hand in a
    /// store would be sent codes and tokens.
    provider: Option<Box<Provider>>,
    /// What the person is sent to once the login is kept.
    authorization: Option<Authorization>,
}

impl SignIn {
    /// Reads the settings and wishes; asks for nothing yet.
    pub fn new(form: &str) -> Result<Self, Error> {
        let mut form = Settings::read(form)?;
        Ok(Self {
            client: Client::new(
                &form.take("issuer"),
                &form.take("client_id"),
                &form.take("scope"),
                &form.take("id_token_alg"),
                &form.take("dpop"),
            )?,
            redirect_uri: RedirectUri::new(&form.take("redirect_uri"))?,
            prompt: form.wish("prompt"),
            login_hint: form.wish("login_hint"),
            provider: None,
            authorization: None,
        })
    }

    /// Takes an answer and says what comes next.
    pub fn step(&mut self, answer: Answer, now: Timestamp) -> Result<View, Error> {
        match answer {
            Answer::Plain(Plain::Begin) => {
                discovery::request(&self.client.issuer).map(|request| view::send(&request))
            }
            Answer::Plain(Plain::Sent(response)) => {
                if let Some(Authorization::Push(pushing)) = self.authorization.take() {
                    return pushing.pushed(&response).map(|url| view::go(&url));
                }
                let provider = Box::new(discovery::parse(&response, &self.client.issuer)?);
                if wants_key(&self.client, &provider)? {
                    self.provider = Some(provider);
                    return Ok(view::make());
                }
                self.begin(&provider, None, now)
            }
            Answer::Made(point) => {
                let provider = self.provider.take().ok_or(Error::Bug)?;
                let key = BoundKey { public: public(&point)?, private: None };
                self.begin(&provider, Some(key), now)
            }
            Answer::Kept => match &mut self.authorization {
                Some(Authorization::Open(url)) => Ok(view::go(url)),
                Some(Authorization::Push(pushing)) => pushing.request().map(|request| view::send(&request)),
                None => Err(Error::Bug),
            },
            answer => Err(answer.error()),
        }
    }

    fn begin(&mut self, provider: &Provider, key: Option<BoundKey>, now: Timestamp) -> Result<View, Error> {
        let (prompt, login_hint) = (self.prompt.take(), self.login_hint.take());
        let start = Start { redirect_uri: self.redirect_uri.clone(), key, prompt, login_hint, max_age: None };
        let (authorization, pending) = login::begin(&self.client, provider, start, now, &mut BrowserDice)?;
        self.authorization = Some(authorization);
        Ok(view::keep(&pending))
    }
}

fn public(point: &[u8]) -> Result<Kept<PublicKey>, Error> {
    let (mut x, mut y) = ([0; 32], [0; 32]);
    if point.len() != 65 {
        return Err(Error::Bug);
    }
    x.copy_from_slice(&point[1..33]);
    y.copy_from_slice(&point[33..]);
    Ok(Kept::new(PublicKey::P256 { x, y }))
}

/// What a step of the way back leads to.
#[derive(Debug)]
pub enum Next {
    /// Something is to be done.
    Need(View),
    /// This is the session; it waits to be saved.
    Save(Record),
}

/// The way back.
#[derive(Debug)]
pub struct Callback(Stage);

#[derive(Debug)]
enum Stage {
    Arriving(Secret),
    Taking(authorize::Callback),
    Signing(Exchange, Unsigned),
    Exchanging(Exchange),
    ReadingKeys(Box<Unproven>, Refetch),
    Judging(Box<Unproven>, Box<Check>),
    Over,
}

impl Callback {
    /// Finishes the login that `url` is the callback of.
    pub const fn new(url: Secret) -> Self {
        Self(Stage::Arriving(url))
    }

    /// Takes an answer and says what comes next.
    pub fn step(&mut self, answer: Answer, now: Timestamp) -> Result<Next, Error> {
        let (stage, view) = match (mem::replace(&mut self.0, Stage::Over), answer) {
            (Stage::Arriving(url), Answer::Plain(Plain::Begin)) => {
                let callback = authorize::parse(view::query(&url))?;
                let take = view::take(callback.state.as_ref().ok_or(Error::StateMismatch)?);
                (Stage::Taking(callback), take)
            }
            // Taken is taken: whatever happens below, this state and this code are spent.
            (Stage::Taking(callback), Answer::Taken(taken)) => {
                let pending = view::pending(&taken.ok_or(Error::StateMismatch)?)?;
                let exchange = pending.redirected(callback).map_err(|rejected| match rejected {
                    Rejected::Stranger(_, error) | Rejected::Over(error) => error,
                })?;
                exchanging(exchange, now)?
            }
            (Stage::Signing(exchange, unsigned), Answer::Plain(Plain::Signed(signature))) => {
                send(exchange, Some(unsigned.signed(&signature)?))
            }
            (Stage::Exchanging(exchange), Answer::Plain(Plain::Sent(response))) => {
                match exchange.parse(&response, now)? {
                    Exchanged::Again(again) => exchanging(again, now)?,
                    Exchanged::Tokens(unproven) => reading_keys(Box::new(unproven), Refetch::new()),
                }
            }
            (Stage::ReadingKeys(unproven, refetch), Answer::Plain(Plain::Sent(response))) => {
                judging(unproven, refetch, &response, now)?
            }
            (Stage::Judging(unproven, check), Answer::Judged(verified)) => {
                let vouched = vouch(*check, verified)?;
                return unproven.prove(&vouched, now, &mut BrowserDice).map(Next::Save);
            }
            (_, answer) => return Err(answer.error()),
        };
        self.0 = stage;
        Ok(Next::Need(view))
    }
}

/// Code for tokens; once more if the server wants its nonce in the proof (RFC 9449 section 8).
fn exchanging(exchange: Exchange, now: Timestamp) -> Result<(Stage, View), Error> {
    Ok(match exchange.proof(now, &mut BrowserDice)? {
        None => send(exchange, None),
        Some(unsigned) => {
            let sign = view::sign(unsigned.signing_input());
            (Stage::Signing(exchange, unsigned), sign)
        }
    })
}

fn send(exchange: Exchange, proof: Option<Secret>) -> (Stage, View) {
    let request = view::send(&exchange.request(proof));
    (Stage::Exchanging(exchange), request)
}

fn reading_keys(unproven: Box<Unproven>, refetch: Refetch) -> (Stage, View) {
    let request = view::send(&unproven.jwks_request());
    (Stage::ReadingKeys(unproven, refetch), request)
}

fn judging(
    unproven: Box<Unproven>,
    mut refetch: Refetch,
    response: &Response,
    now: Timestamp,
) -> Result<(Stage, View), Error> {
    match unproven.check(&jwks::parse(response)?) {
        Err(error) if refetch.helps(error, now) => Ok(reading_keys(unproven, refetch)),
        Err(error) => Err(error),
        Ok(check) => {
            let verify = view::verify(&check);
            Ok((Stage::Judging(unproven, Box::new(check)), verify))
        }
    }
}
