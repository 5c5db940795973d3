//! The story of a login from a terminal, one line a step.

use std::time::Duration;

use gatepass_core::error::Error;
use gatepass_core::protocol::discovery::Provider;
use gatepass_core::protocol::jwks::Refetch;
use gatepass_core::protocol::{authorize, discovery, jwks};
use gatepass_core::secret::Secret;
use gatepass_core::session::client::Client;
use gatepass_core::session::grant::{Unproven, wants_key};
use gatepass_core::session::login::{Authorization, Exchange, Exchanged, Pending, Rejected, Start, begin};
use gatepass_core::session::record::Record;
use gatepass_core::url::Issuer;
use tokio::sync::oneshot;

use crate::browser;
use crate::clock;
use crate::drive::World;
use crate::loopback::{Loopback, Page};
use crate::random::OsDice;
use crate::sign;
use crate::verify::verify;

/// The path of the redirect URI; native clients register it without a port (RFC 8252 section 7.3).
const PATH: &str = "/callback";

/// How long the browser may take to show the last page, before the program goes on without it.
const LAST_PAGE: Duration = Duration::from_secs(2);

/// How a person wants to sign in.
#[derive(Clone, Debug)]
pub struct LoginOptions {
    /// Whether to open a browser; otherwise the address is only told.
    pub open_browser: bool,
    /// How long the person may take.
    pub limit: Duration,
    /// `select_account`, `login` (OpenID Connect Core 1.0 section 3.1.2.1).
    pub prompt: Option<String>,
    /// Who will probably sign in.
    pub login_hint: Option<String>,
    /// How long ago they may have shown who they are; without it, whenever the issuer says.
    pub max_age: Option<Duration>,
}

impl Default for LoginOptions {
    fn default() -> Self {
        let limit = Duration::from_secs(300);
        Self { open_browser: true, limit, prompt: None, login_hint: None, max_age: None }
    }
}

/// What happens while a login waits for its person.
#[derive(Debug)]
pub enum Event<'a> {
    /// The person has to sign in here.
    Waiting {
        /// The address.
        url: &'a Secret,
        /// Whether a browser was opened with it.
        opened: bool,
        /// How long this waits.
        limit: Duration,
    },
    /// Something came that belongs to another login, or to none. The wait goes on.
    Stranger(Error),
}

/// Tells the program about a login under way.
pub(crate) type Tell = Box<dyn FnMut(Event<'_>) + Send>;

/// The redirect that moved a login on, and the browser that waits for its page.
struct Arrived {
    exchange: Exchange,
    reply: oneshot::Sender<Page>,
}

/// Signs in, up to a session that nobody has stored yet; `keep` stores it.
pub(crate) async fn login<K>(
    client: &Client,
    world: &World,
    options: LoginOptions,
    mut tell: Tell,
    keep: impl FnOnce(Record) -> K,
) -> Result<(), Error>
where
    K: Future<Output = Result<(), Error>>,
{
    let provider = discover(world, &client.issuer).await?;
    let key = if wants_key(client, &provider)? { Some(sign::generate()?) } else { None };
    let mut loopback = Loopback::bind(PATH).await?;
    let redirect_uri = loopback.redirect_uri().clone();
    let LoginOptions { prompt, login_hint, max_age, .. } = options;
    let start = Start { redirect_uri, key, prompt, login_hint, max_age };
    let (authorization, pending) = begin(client, &provider, start, clock::now(), &mut OsDice)?;
    let url = match authorization {
        Authorization::Open(url) => url,
        Authorization::Push(mut pushing) => {
            let response = world.ask(pushing.request()?).await?;
            pushing.pushed(&response)?
        }
    };
    let opened = options.open_browser && browser::open(url.expose());
    tell(Event::Waiting { url: &url, opened, limit: options.limit });
    let wait = tokio::time::timeout(options.limit, redirected(&mut loopback, pending, &mut tell));
    let Arrived { exchange, reply } = wait.await.map_err(|_| Error::LoginExpired)??;
    let result = finish(world, exchange, keep).await;
    // The page says what really happened, so it waits for the end.
    let page = if result.is_ok() { Page::Success } else { Page::Failure };
    let _ = reply.send(page);
    loopback.flush(page, LAST_PAGE).await;
    result
}

/// Asks for the metadata at one place after the other, as long as nothing is there.
async fn discover(world: &World, issuer: &Issuer) -> Result<Provider, Error> {
    let [appended, inserted] = discovery::requests(issuer)?;
    let mut response = world.ask(appended).await?;
    if discovery::is_absent(&response) {
        response = world.ask(inserted).await?;
    }
    discovery::parse(&response, issuer)
}

/// Waits for the answer to this login; others are answered and waited out.
async fn redirected(
    loopback: &mut Loopback,
    mut pending: Pending,
    tell: &mut Tell,
) -> Result<Arrived, Error> {
    loop {
        let arrival = loopback.next().await?;
        let callback = match authorize::parse(arrival.query.expose()) {
            Ok(callback) => callback,
            Err(error) => {
                let _ = arrival.reply.send(Page::Stranger);
                tell(Event::Stranger(error));
                continue;
            }
        };
        match pending.redirected(callback) {
            Ok(exchange) => return Ok(Arrived { exchange, reply: arrival.reply }),
            Err(Rejected::Stranger(still_pending, error)) => {
                let _ = arrival.reply.send(Page::Stranger);
                tell(Event::Stranger(error));
                pending = *still_pending;
            }
            Err(Rejected::Over(error)) => {
                let _ = arrival.reply.send(Page::Failure);
                loopback.flush(Page::Failure, LAST_PAGE).await;
                return Err(error);
            }
        }
    }
}

async fn finish<K>(world: &World, exchange: Exchange, keep: impl FnOnce(Record) -> K) -> Result<(), Error>
where
    K: Future<Output = Result<(), Error>>,
{
    let unproven = exchanged(world, exchange).await?;
    let mut refetch = Refetch::new();
    let check = loop {
        let keys = jwks::parse(&world.ask(unproven.jwks_request()).await?)?;
        match unproven.check(&keys) {
            // The key may be newer than what a cache in between had; this is asked once.
            Err(error) if refetch.helps(error, clock::now()) => {}
            checked => break checked?,
        }
    };
    let vouched = verify(check)?;
    keep(unproven.prove(&vouched, clock::now(), &mut OsDice)?).await
}

async fn exchanged(world: &World, mut exchange: Exchange) -> Result<Unproven, Error> {
    loop {
        let proof = match exchange.proof(clock::now(), &mut OsDice)? {
            None => None,
            Some(proof) => {
                let private = exchange.key().and_then(|key| key.private.as_ref()).ok_or(Error::KeyLost)?;
                let signature = sign::sign(private, proof.signing_input())?;
                Some(proof.signed(&signature)?)
            }
        };
        let response = world.ask(exchange.request(proof)).await?;
        match exchange.parse(&response, clock::now())? {
            Exchanged::Tokens(unproven) => return Ok(unproven),
            Exchanged::Again(again) => exchange = again,
        }
    }
}
