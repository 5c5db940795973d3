//! The story of a login from a terminal: every way at once, and the first that ends wins.
//!
//! ```text
//! redirect   loopback listener --\
//!            pasted address ------> one Pending -> Exchange --\
//! dashboard  typed code ----------/                             \
//! device     code -> polling -------------------------------------> Unproven -> settle -> kept
//! ```
//!
//! Loopback, paste and typed code share one [`Pending`](gatepass_core::session::login::Pending), so that one login
//! decides for all.
//! What loses is dropped: a listener that closes, a device code that nobody asks for any more.

mod dashboard;
mod device;
mod options;
mod parked;
mod race;
mod redirect;
mod settle;

use std::time::Duration;

use gatepass_core::error::{Error, Refusal};
use gatepass_core::field::Field;
use gatepass_core::protocol::discovery::{self, Provider};
use gatepass_core::session::client::Client;
use gatepass_core::session::grant::wants_key;
use gatepass_core::session::record::{BoundKey, Record};
use gatepass_core::url::Endpoint;

pub(crate) use self::options::Tell;
pub use self::options::{
    Confirm, Control, Dashboard, DeviceCode, Event, FinishOptions, Flow, LoggedIn, LoginOptions, Remote,
    Started, Via, Way, WhyDevice,
};
pub(crate) use self::parked::{finish, start};
use self::race::Race;
use self::redirect::{Brought, Redirect, exchanged};
use self::settle::{Doubt, proven, settle};
use crate::drive::World;
use crate::metadata;
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
        Ok(arrived) => {
            tell(Event::Finishing);
            let redirect::Arrived { brought, way, reply } = *arrived;
            (session(world, brought).await.map(|record| (way, record)), reply)
        }
    };
    let result = match answer {
        Ok((way, record)) => settle(world, record, way, doubt, &mut reply, keep).await.map(|()| way),
        Err(error) => Err(error),
    };
    if let Some(Redirect { loopback: Some(mut loopback), .. }) = redirect {
        // The page says what really happened, so it waits for the end.
        let page = Page::of(&result);
        if let Some(reply) = reply {
            let _ = reply.send(page);
        }
        loopback.flush(page, LAST_PAGE).await;
    }
    result
}

/// What was brought, as a session.
async fn session(world: &World, brought: Brought) -> Result<Record, Error> {
    match brought {
        Brought::Session(record) => Ok(record),
        Brought::Tokens(unproven) => proven(world, unproven).await,
        Brought::Code(exchange) => proven(world, exchanged(world, exchange).await?).await,
    }
}

impl Page {
    /// The one that says how it ended.
    const fn of<T>(result: &Result<T, Error>) -> Self {
        match result {
            Ok(_) => Self::Success,
            Err(Error::Refused(Refusal::AccessDenied)) => Self::Denied,
            Err(_) => Self::Failure,
        }
    }
}

/// Who is signed in at, as whom, and what it offers.
#[derive(Debug)]
struct Authority<'a> {
    client: &'a Client,
    provider: Provider,
    device_authorization_endpoint: Option<Endpoint>,
    /// Whether a dashboard can have a grant made for us.
    delegates: bool,
}

impl<'a> Authority<'a> {
    /// Asks for the metadata.
    async fn discover(world: &World, client: &'a Client) -> Result<Self, Error> {
        let response = metadata::fetch(world, &client.issuer).await?;
        let metadata = discovery::read(&response, &client.issuer)?;
        Ok(Self {
            client,
            provider: metadata.provider()?,
            // One that cannot be read is as good as none: the browser's way may still be open.
            device_authorization_endpoint: metadata
                .endpoint(Field::DeviceAuthorizationEndpoint)
                .unwrap_or(None),
            delegates: metadata
                .endpoint(Field::GatepassHandoffEndpoint)
                .is_ok_and(|endpoint| endpoint.is_some()),
        })
    }

    /// Whether the session is to be bound to a key.
    fn binds(&self) -> Result<bool, Error> {
        wants_key(self.client, &self.provider)
    }

    /// A key of its own for each way: what was bound to the loser's is good for nothing.
    fn key(&self) -> Result<Option<BoundKey>, Error> {
        if self.binds()? { sign::generate().map(Some) } else { Ok(None) }
    }

    fn device_endpoint(&self) -> Result<&Endpoint, Error> {
        let feature = Field::DeviceAuthorizationEndpoint;
        self.device_authorization_endpoint.as_ref().ok_or(Error::Unsupported { feature })
    }
}
