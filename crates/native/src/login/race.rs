//! All ways of one login, at once.

use std::pin::Pin;

use gatepass_core::error::{Error, Refusal};
use gatepass_core::secret::Secret;
use gatepass_core::session::device::Waiting;
use gatepass_core::session::grant::Unproven;
use gatepass_core::url::Endpoint;
use tokio::time::Sleep;

use super::dashboard::{self, Page};
use super::options::{self, Wish};
use super::redirect::{self, Arrived, Brought, Judged, Redirect};
use super::{Authority, DeviceCode, Event, Flow, LoginOptions, Tell, Way, WhyDevice, device};
use crate::browser;
use crate::clock;
use crate::detect::Surroundings;
use crate::drive::World;
use crate::loopback::{Arrival, Loopback};
use crate::pages::Page as Last;

/// Where the device's way is.
enum Step {
    Shown(DeviceCode, Waiting, WhyDevice),
    Signed(Unproven),
}

type DeviceWay<'a> = Pin<Box<dyn Future<Output = Result<Step, Error>> + Send + 'a>>;

/// All ways of one login.
pub(super) struct Race<'a> {
    authority: &'a Authority<'a>,
    world: &'a World,
    options: LoginOptions,
    pub(super) redirect: Option<Redirect>,
    device: Option<DeviceWay<'a>>,
    /// When the device's way joins by itself.
    joins: Option<Pin<Box<Sleep>>>,
    ends: Pin<Box<Sleep>>,
}

impl<'a> Race<'a> {
    /// Opens the ways that are open from the start.
    pub(super) async fn begin(
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
        let surroundings = Surroundings::of_this_process();
        // Detection only orders the ways: whoever forces the browser gets it tried.
        let browser = flow == Flow::Pkce || surroundings.browser().is_ok();
        let limit = race.options.limit;
        let open = |url: &Secret, options: &LoginOptions| {
            options.open_browser && browser && browser::open(url, &surroundings)
        };
        let opened;
        if let Some(dashboard) = race.options.dashboard() {
            // A browser on another machine would bring the answer to whoever listens there.
            let (redirect, page) = dashboard::begin(authority, &race.options, dashboard, browser).await?;
            race.redirect = Some(redirect);
            opened = open(&page.url, &race.options);
            let Page { url, words } = &page;
            tell(Event::Handoff { url, words, opened, comes_back: browser, limit });
        } else {
            let (redirect, url) = Redirect::begin(authority, world, &race.options).await?;
            race.redirect = Some(redirect);
            opened = open(&url, &race.options);
            tell(Event::Waiting { url: &url, opened, limit });
        }
        if flow == Flow::Auto && authority.device_authorization_endpoint.is_some() {
            // A code that the dashboard shows is safer than one that anybody can send a link to (RFC 8628 section 5.4).
            let stuck = !browser || (race.options.open_browser && !opened);
            if stuck && race.options.dashboard().is_none() {
                race.join(WhyDevice::NoBrowser, tell);
            } else {
                race.joins = race.options.device_after.map(|after| Box::pin(tokio::time::sleep(after)));
            }
        }
        Ok(race)
    }

    /// Waits for the first answer.
    pub(super) async fn run(&mut self, tell: &mut Tell) -> Result<Box<Arrived>, Error> {
        loop {
            let Self { redirect, device, joins, ends, options, .. } = self;
            tokio::select! {
                arrival = next(listener(redirect).map(Loopback::next)) => {
                    if let Some(arrived) = self.arrived(arrival?, tell).await? {
                        return Ok(Box::new(arrived));
                    }
                }
                wish = next(options.control.as_mut().map(options::Control::next)) => match wish {
                    Wish::Paste(address) => {
                        if let Some(arrived) = self.pasted(&address, tell).await? {
                            return Ok(Box::new(arrived));
                        }
                    }
                    Wish::DeviceCode => self.join(WhyDevice::Asked, tell),
                    Wish::GiveUp => return Err(Error::LoginExpired),
                },
                step = next(device.as_mut()) => {
                    if let Some(unproven) = self.stepped(step, tell)? {
                        let brought = Brought::Tokens(unproven);
                        return Ok(Box::new(Arrived { brought, way: Way::DeviceCode, reply: None }));
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

    async fn arrived(&mut self, arrival: Arrival, tell: &mut Tell) -> Result<Option<Arrived>, Error> {
        let redirect = self.redirect.as_mut().ok_or(Error::Bug)?;
        let judged = if arrival.posted {
            redirect.judge_form(&arrival.query)?
        } else {
            redirect.judge(arrival.query.expose())?
        };
        match judged {
            Judged::Ours(brought) => {
                let way = if matches!(brought, Brought::Session(_)) { Way::Moved } else { Way::Loopback };
                Ok(Some(Arrived { brought, way, reply: Some(arrival.reply) }))
            }
            Judged::Stranger(error) => {
                let _ = arrival.reply.send(Last::Stranger);
                tell(Event::Stranger(error));
                Ok(None)
            }
            Judged::Over(error) => {
                let end = Err::<(), _>(error);
                let _ = arrival.reply.send(Last::of(&end));
                Err(error)
            }
        }
    }

    async fn pasted(&mut self, address: &Secret, tell: &mut Tell) -> Result<Option<Arrived>, Error> {
        let Some(redirect) = self.redirect.as_mut() else {
            tell(Event::BadPaste(Error::NotTheCallback));
            return Ok(None);
        };
        match redirect.typed(self.world, address).await? {
            Some(Ok(brought)) => return Ok(Some(Arrived { brought, way: Way::TypedCode, reply: None })),
            Some(Err(error)) => {
                tell(Event::BadPaste(error));
                return Ok(None);
            }
            None => {}
        }
        let query = redirect.redirect_uri().ok_or(Error::NotTheCallback);
        let query = match query.and_then(|redirect_uri| redirect::query(address, redirect_uri)) {
            Ok(query) => query,
            Err(error) => {
                tell(Event::BadPaste(error));
                return Ok(None);
            }
        };
        match redirect.judge(query.expose())? {
            Judged::Ours(brought) => Ok(Some(Arrived { brought, way: Way::Paste, reply: None })),
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

fn listener(redirect: &mut Option<Redirect>) -> Option<&mut Loopback> {
    redirect.as_mut()?.loopback.as_mut()
}

/// What comes of something that may not be under way: nothing, for ever.
async fn next<T>(coming: Option<impl Future<Output = T>>) -> T {
    match coming {
        Some(coming) => coming.await,
        None => std::future::pending().await,
    }
}
