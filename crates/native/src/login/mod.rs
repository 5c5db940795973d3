//! The story of a login from a terminal: every way at once, and the first that ends wins.
//!
//! ```text
//! redirect   loopback listener --\
//!            pasted address ------> one Pending -> Exchange --\
//! device     code -> polling ----------------------------------> Unproven -> settle -> kept
//! ```
//!
//! Loopback and paste share one [`Pending`](gatepass_core::session::login::Pending), so that one state decides for both.
//! What loses is dropped: a listener that closes, a device code that nobody asks for any more.

mod device;
mod options;
mod parked;
mod redirect;
mod settle;

use std::pin::Pin;
use std::time::Duration;

use gatepass_core::error::{Error, Refusal};
use gatepass_core::field::Field;
use gatepass_core::protocol::discovery::{self, Provider};
use gatepass_core::secret::Secret;
use gatepass_core::session::client::Client;
use gatepass_core::session::device::Waiting;
use gatepass_core::session::grant::{Unproven, wants_key};
use gatepass_core::session::record::{BoundKey, Record};
use gatepass_core::url::Endpoint;
use tokio::time::Sleep;

pub(crate) use self::options::Tell;
use self::options::Wish;
pub use self::options::{
    Confirm, Control, DeviceCode, Event, FinishOptions, Flow, LoggedIn, LoginOptions, Remote, Started, Way,
    WhyDevice,
};
pub(crate) use self::parked::{finish, start};
use self::redirect::{Judged, Redirect};
use self::settle::{Doubt, settle};
use crate::browser;
use crate::clock;
use crate::detect::Surroundings;
use crate::drive::World;
use crate::loopback::Arrival;
use crate::pages::Page;
use crate::sign;

/// How long the browser may take to show the last page, before the program goes on without it.
const LAST_PAGE: Duration = Duration::from_secs(2);

/// Signs in, up to a session that nobody has stored yet; `keep` stores it.
pub(crate) async fn login<K>(
    client: &Client,
    world: &World,
    mut options: LoginOptions,
    mut tell: Tell,
    keep: impl FnOnce(Record) -> K,
) -> Result<Way, Error>
where
    K: Future<Output = Result<(), Error>>,
{
    let authority = Authority::discover(world, client).await?;
    let doubt = Doubt { confirm: options.confirm.take(), expected_email: options.expected_email.take() };
    let mut race = Race::begin(&authority, world, options, &mut tell).await?;
    let answer = race.run(&mut tell).await;
    // Whatever else was waited for, nobody asks for it any more.
    let redirect = race.redirect.take();
    drop(race);
    let (answer, mut reply) = match answer {
        Err(error) => (Err(error), None),
        Ok(Answer::Device(unproven)) => {
            tell(Event::Finishing);
            (Ok((Way::DeviceCode, unproven)), None)
        }
        Ok(Answer::Redirect(arrived)) => {
            tell(Event::Finishing);
            let redirect::Arrived { exchange, way, reply } = *arrived;
            (redirect::exchanged(world, exchange).await.map(|unproven| (way, unproven)), reply)
        }
    };
    let result = match answer {
        Ok((way, unproven)) => settle(world, unproven, way, doubt, &mut reply, keep).await.map(|()| way),
        Err(error) => Err(error),
    };
    if let Some(Redirect { mut loopback, .. }) = redirect {
        // The page says what really happened, so it waits for the end.
        let page = if result.is_ok() { Page::Success } else { Page::Failure };
        if let Some(reply) = reply {
            let _ = reply.send(page);
        }
        loopback.flush(page, LAST_PAGE).await;
    }
    result
}

/// Who is signed in at, as whom, and what it offers.
#[derive(Debug)]
struct Authority<'a> {
    client: &'a Client,
    provider: Provider,
    device_authorization_endpoint: Option<Endpoint>,
}

impl<'a> Authority<'a> {
    /// Asks for the metadata at one place after the other, as long as nothing is there.
    async fn discover(world: &World, client: &'a Client) -> Result<Self, Error> {
        let [appended, inserted] = discovery::requests(&client.issuer)?;
        let mut response = world.ask(appended).await?;
        if discovery::is_absent(&response) {
            response = world.ask(inserted).await?;
        }
        let metadata = discovery::read(&response, &client.issuer)?;
        Ok(Self {
            client,
            provider: metadata.provider()?,
            // One that cannot be read is as good as none: the browser's way may still be open.
            device_authorization_endpoint: metadata
                .endpoint(Field::DeviceAuthorizationEndpoint)
                .unwrap_or(None),
        })
    }

    /// A key of its own for each way: what was bound to the loser's is good for nothing.
    fn key(&self) -> Result<Option<BoundKey>, Error> {
        if wants_key(self.client, &self.provider)? { sign::generate().map(Some) } else { Ok(None) }
    }

    fn device_endpoint(&self) -> Result<&Endpoint, Error> {
        let feature = Field::DeviceAuthorizationEndpoint;
        self.device_authorization_endpoint.as_ref().ok_or(Error::Unsupported { feature })
    }
}

/// What came first.
enum Answer {
    Redirect(Box<redirect::Arrived>),
    Device(Unproven),
}

/// Where the device's way is.
enum Step {
    Shown(DeviceCode, Waiting, WhyDevice),
    Signed(Unproven),
}

type DeviceWay<'a> = Pin<Box<dyn Future<Output = Result<Step, Error>> + Send + 'a>>;

/// All ways of one login.
struct Race<'a> {
    authority: &'a Authority<'a>,
    world: &'a World,
    options: LoginOptions,
    redirect: Option<Redirect>,
    device: Option<DeviceWay<'a>>,
    /// When the device's way joins by itself.
    joins: Option<Pin<Box<Sleep>>>,
    ends: Pin<Box<Sleep>>,
}

impl<'a> Race<'a> {
    /// Opens the ways that are open from the start.
    async fn begin(
        authority: &'a Authority<'a>,
        world: &'a World,
        options: LoginOptions,
        tell: &mut Tell,
    ) -> Result<Self, Error> {
        let ends = Box::pin(tokio::time::sleep(options.limit));
        let mut race = Self { authority, world, options, redirect: None, device: None, joins: None, ends };
        let flow = race.options.flow;
        if flow == Flow::DeviceCode {
            authority.device_endpoint()?;
            race.join(WhyDevice::Forced, tell);
            return Ok(race);
        }
        let (redirect, url) = Redirect::begin(authority, world, &race.options).await?;
        race.redirect = Some(redirect);
        let surroundings = Surroundings::of_this_process();
        // Detection only orders the ways: whoever forces the browser gets it tried.
        let browser = flow == Flow::Pkce || surroundings.browser().is_ok();
        let opened = race.options.open_browser && browser && browser::open(&url, &surroundings);
        tell(Event::Waiting { url: &url, opened, limit: race.options.limit });
        if flow == Flow::Auto && authority.device_authorization_endpoint.is_some() {
            if !browser || (race.options.open_browser && !opened) {
                race.join(WhyDevice::NoBrowser, tell);
            } else {
                race.joins = race.options.device_after.map(|after| Box::pin(tokio::time::sleep(after)));
            }
        }
        Ok(race)
    }

    /// Waits for the first answer.
    async fn run(&mut self, tell: &mut Tell) -> Result<Answer, Error> {
        loop {
            let Self { redirect, device, joins, ends, options, .. } = self;
            tokio::select! {
                arrival = next(redirect.as_mut().map(|redirect| redirect.loopback.next())) => {
                    if let Some(arrived) = self.arrived(arrival?, tell).await? {
                        return Ok(Answer::Redirect(Box::new(arrived)));
                    }
                }
                wish = next(options.control.as_mut().map(options::Control::next)) => match wish {
                    Wish::Paste(address) => {
                        if let Some(arrived) = self.pasted(&address, tell)? {
                            return Ok(Answer::Redirect(Box::new(arrived)));
                        }
                    }
                    Wish::DeviceCode => self.join(WhyDevice::Asked, tell),
                    Wish::GiveUp => return Err(Error::LoginExpired),
                },
                step = next(device.as_mut()) => {
                    if let Some(unproven) = self.stepped(step, tell)? {
                        return Ok(Answer::Device(unproven));
                    }
                }
                () = next(joins.as_mut()) => {
                    self.joins = None;
                    self.join(WhyDevice::TimeLimit, tell);
                }
                // Whoever allows a code after a while means that one be tried before it is given up.
                () = ends => match self.joins.take() {
                    Some(_) => {
                        self.ends.set(tokio::time::sleep(self.options.limit));
                        self.join(WhyDevice::TimeLimit, tell);
                    }
                    None => return Err(Error::LoginExpired),
                },
            }
        }
    }

    async fn arrived(
        &mut self,
        arrival: Arrival,
        tell: &mut Tell,
    ) -> Result<Option<redirect::Arrived>, Error> {
        let redirect = self.redirect.as_mut().ok_or(Error::Bug)?;
        match redirect.judge(arrival.query.expose())? {
            Judged::Ours(exchange) => {
                Ok(Some(redirect::Arrived { exchange, way: Way::Loopback, reply: Some(arrival.reply) }))
            }
            Judged::Stranger(error) => {
                let _ = arrival.reply.send(Page::Stranger);
                tell(Event::Stranger(error));
                Ok(None)
            }
            Judged::Over(error) => {
                let _ = arrival.reply.send(Page::Failure);
                Err(error)
            }
        }
    }

    fn pasted(&mut self, address: &Secret, tell: &mut Tell) -> Result<Option<redirect::Arrived>, Error> {
        let Some(redirect) = self.redirect.as_mut() else {
            tell(Event::BadPaste(Error::NotTheCallback));
            return Ok(None);
        };
        let query = match redirect::query(address, redirect.loopback.redirect_uri()) {
            Ok(query) => query,
            Err(error) => {
                tell(Event::BadPaste(error));
                return Ok(None);
            }
        };
        match redirect.judge(query.expose())? {
            Judged::Ours(exchange) => Ok(Some(redirect::Arrived { exchange, way: Way::Paste, reply: None })),
            Judged::Stranger(error) => {
                tell(Event::BadPaste(error));
                Ok(None)
            }
            Judged::Over(error) => Err(error),
        }
    }

    /// Opens the device's way, unless it is open or the caller wants the browser's alone.
    fn join(&mut self, why: WhyDevice, tell: &mut Tell) {
        if self.device.is_some() || self.options.flow == Flow::Pkce {
            return;
        }
        match self.authority.device_endpoint() {
            Ok(endpoint) => {
                let code = device::code(self.world, self.authority, endpoint, self.options.extra.clone());
                self.device = Some(Box::pin(async move {
                    let (shown, waiting) = code.await?;
                    Ok(Step::Shown(shown, waiting, why))
                }));
            }
            Err(error) => tell(Event::NoDevice(error)),
        }
    }

    fn stepped(&mut self, step: Result<Step, Error>, tell: &mut Tell) -> Result<Option<Unproven>, Error> {
        self.device = None;
        match step {
            Ok(Step::Signed(unproven)) => return Ok(Some(unproven)),
            Ok(Step::Shown(shown, waiting, why)) => {
                // Whoever is shown a code has all the time for it.
                let limit = self.options.limit;
                self.ends.set(tokio::time::sleep(limit));
                tell(Event::Device {
                    user_code: &shown.user_code,
                    verification_uri: shown.verification_uri.as_str(),
                    verification_uri_complete: shown.verification_uri_complete.as_ref().map(Endpoint::as_str),
                    expires_at: shown.expires_at.min(clock::now().plus(limit)),
                    why,
                });
                let world = self.world;
                self.device =
                    Some(Box::pin(async move { device::signed(world, waiting).await.map(Step::Signed) }));
            }
            // Who refuses on the other device refuses the login.
            Err(error @ Error::Refused(Refusal::AccessDenied)) => return Err(error),
            Err(error) if self.redirect.is_some() => tell(Event::NoDevice(error)),
            Err(error) => return Err(error),
        }
        Ok(None)
    }
}

/// What comes of something that may not be under way: nothing, for ever.
async fn next<T>(coming: Option<impl Future<Output = T>>) -> T {
    match coming {
        Some(coming) => coming.await,
        None => std::future::pending().await,
    }
}
