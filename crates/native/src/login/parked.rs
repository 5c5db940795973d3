//! A login in two processes: one starts it and ends, another brings the answer.
//!
//! What waits in between lies sealed in the store, under a handle that says nothing, and is taken exactly once. An
//! answer that does not belong to it leaves it there; from the moment when the answer fits, it is gone, whatever
//! becomes of the exchange: a code is good only once.

use gatepass_core::dice::Dice;
use gatepass_core::error::{Error, Refusal};
use gatepass_core::protocol::{authorize, handoff};
use gatepass_core::secret::Secret;
use gatepass_core::session::client::Client;
use gatepass_core::session::device::{Polled, Waiting};
use gatepass_core::session::grant::Unproven;
use gatepass_core::session::handoff::Typed;
use gatepass_core::session::login::{Exchange, Pending, Rejected};
use gatepass_core::session::record::Record;
use gatepass_core::time::Timestamp;

use super::options::Tell;
use super::settle::{Doubt, proven, settle};
use super::{Authority, Event, FinishOptions, Flow, LoginOptions, Started, Way, dashboard, device, redirect};
use crate::clock;
use crate::drive::World;
use crate::random::OsDice;

/// Starts a login and parks it.
pub(crate) async fn start(client: &Client, world: &World, options: LoginOptions) -> Result<Started, Error> {
    let authority = Authority::discover(world, client).await?;
    let limit = clock::now().plus(options.limit);
    let mut words = None;
    let (url, shown, parked) = if options.flow == Flow::DeviceCode {
        let endpoint = authority.device_endpoint()?;
        let (shown, waiting) = device::code(world, &authority, endpoint, options.extra.clone()).await?;
        (None, Some(shown), Parked::Device(waiting))
    } else if let Some(dashboard) = options.dashboard() {
        let (page, pending) = dashboard::unattended(&authority, &options, dashboard)?;
        words = Some(page.words);
        (Some(page.url), None, Parked::Redirect(Box::new(pending)))
    } else {
        let redirect_uri = options.address().unattended().await?;
        let (url, pending) = redirect::ask(&authority, world, &options, redirect_uri).await?;
        (Some(url), None, Parked::Redirect(Box::new(pending)))
    };
    let expires_at = shown.as_ref().map_or(limit, |shown| shown.expires_at.min(limit));
    let handle = Handle::draw()?;
    world.store.park(&handle.0, &parked.encode(), expires_at, clock::now())?;
    Ok(Started { handle: handle.shown(), url, words, device: shown, expires_at })
}

/// Finishes it.
pub(crate) async fn finish<K>(
    world: &World,
    handle: &str,
    answer: Option<&Secret>,
    options: FinishOptions,
    tell: &mut Tell,
    keep: impl FnOnce(Record) -> K,
) -> Result<Way, Error>
where
    K: Future<Output = Result<(), Error>>,
{
    let handle = Handle::read(handle).ok_or(Error::NoSuchLogin)?;
    let taken = world.store.take_parked(&handle.0, clock::now(), |bytes| Taken::read(&bytes, answer))?;
    let FinishOptions { limit, confirm, expected_email } = options;
    let (way, unproven) = match taken.ok_or(Error::NoSuchLogin)? {
        (Taken::Over(error), _) => return Err(error),
        (Taken::Answered(exchange), _) => {
            tell(Event::Finishing);
            (Way::Paste, redirect::exchanged(world, *exchange).await?)
        }
        (Taken::Typed(typed), expires_at) => {
            tell(Event::Finishing);
            match dashboard::tried(world, *typed).await? {
                Ok(unproven) => (Way::TypedCode, unproven),
                // It waits on for the right one.
                Err(pending) => {
                    let bytes = Parked::Redirect(pending).encode();
                    world.store.park(&handle.0, &bytes, expires_at, clock::now())?;
                    return Err(dashboard::MISTYPED);
                }
            }
        }
        (Taken::Device(waiting), expires_at) => {
            let ends = tokio::time::sleep(limit);
            let waited = Waited { world, handle: &handle, expires_at };
            let unproven = waited.signed(waiting, ends).await?;
            tell(Event::Finishing);
            (Way::DeviceCode, unproven)
        }
    };
    let record = proven(world, unproven).await?;
    settle(world, record, way, Doubt { confirm, expected_email }, &mut None, keep).await?;
    Ok(way)
}

/// A device code on behalf of which this process asks.
struct Waited<'a> {
    world: &'a World,
    handle: &'a Handle,
    expires_at: Timestamp,
}

impl Waited<'_> {
    /// Asks until the person has decided, or `ends`: then the code is parked again for whoever asks next.
    async fn signed(&self, mut waiting: Waiting, ends: tokio::time::Sleep) -> Result<Unproven, Error> {
        let mut ends = std::pin::pin!(ends);
        loop {
            tokio::select! {
                // A request under way is never cut off: its answer may be the one with the tokens.
                paused = device::pause(&waiting) => paused?,
                () = &mut ends => {
                    let Self { world, handle, expires_at } = self;
                    let bytes = Parked::Device(waiting).encode();
                    world.store.park(&handle.0, &bytes, *expires_at, clock::now())?;
                    return Err(Error::Refused(Refusal::AuthorizationPending));
                }
            }
            match device::ask(self.world, waiting).await? {
                Polled::Tokens(unproven) => return Ok(unproven),
                Polled::Again(again) => waiting = again,
            }
        }
    }
}

/// A login that waits in the store.
enum Parked {
    Redirect(Box<Pending>),
    Device(Waiting),
}

const REDIRECT: &str = "redirect 1\n";
const DEVICE: &str = "device 1\n";

impl Parked {
    fn encode(&self) -> Secret {
        let (kind, stored) = match self {
            Self::Redirect(pending) => (REDIRECT, pending.encode()),
            Self::Device(waiting) => (DEVICE, waiting.encode()),
        };
        let mut text = String::with_capacity(kind.len() + stored.expose().len());
        text.push_str(kind);
        text.push_str(stored.expose());
        Secret::new(text)
    }

    fn decode(text: &str) -> Result<Self, Error> {
        if let Some(stored) = text.strip_prefix(REDIRECT) {
            return Ok(Self::Redirect(Box::new(Pending::decode(stored.as_bytes())?)));
        }
        let stored = text.strip_prefix(DEVICE).ok_or(Error::StoreCorrupt)?;
        Waiting::decode(stored.as_bytes()).map(Self::Device)
    }
}

/// A parked login together with its answer.
enum Taken {
    Answered(Box<Exchange>),
    Typed(Box<Typed>),
    Over(Error),
    Device(Waiting),
}

impl Taken {
    /// Puts both together. An error leaves the login where it is.
    fn read(stored: &Secret, answer: Option<&Secret>) -> Result<Self, Error> {
        match (Parked::decode(stored.expose())?, answer) {
            (Parked::Device(waiting), None) => Ok(Self::Device(waiting)),
            (Parked::Redirect(pending), Some(address)) => {
                let Some(redirect_uri) = pending.redirect_uri() else {
                    let code = handoff::typed_code(address.expose()).ok_or(Error::NotTheCallback)?;
                    return Ok(Self::Typed(Box::new(pending.typed(code))));
                };
                let query = redirect::query(address, redirect_uri)?;
                match pending.redirected(authorize::parse(query.expose())?) {
                    Ok(exchange) => Ok(Self::Answered(Box::new(exchange))),
                    Err(Rejected::Stranger(_, error)) => Err(error),
                    Err(Rejected::Over(error)) => Ok(Self::Over(error)),
                }
            }
            // One kind of answer for the other kind of login.
            (Parked::Device(_), Some(_)) | (Parked::Redirect(_), None) => Err(Error::NotTheCallback),
        }
    }
}

/// Names a parked login: eight letters that are read aloud and typed without mistakes.
struct Handle(String);

impl Handle {
    const LETTERS: &[u8; 16] = b"bcdfghjklmnprstw";
    const LENGTH: usize = 8;

    fn draw() -> Result<Self, Error> {
        let mut bytes = [0; Self::LENGTH];
        OsDice.fill(&mut bytes)?;
        Ok(Self(bytes.iter().map(|byte| char::from(Self::LETTERS[usize::from(byte % 16)])).collect()))
    }

    /// Case, blanks and dashes do not matter. Nothing else comes into a file's name.
    fn read(text: &str) -> Option<Self> {
        let letters: String = text
            .chars()
            .filter(|letter| *letter != '-' && !letter.is_whitespace())
            .map(|letter| letter.to_ascii_lowercase())
            .collect();
        let known = letters.bytes().all(|letter| Self::LETTERS.contains(&letter));
        (known && letters.len() == Self::LENGTH).then_some(Self(letters))
    }

    fn shown(&self) -> String {
        let (first, second) = self.0.split_at(Self::LENGTH / 2);
        format!("{first}-{second}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn handles_are_read_as_people_type_them() {
        let handle = Handle::draw().unwrap();
        for typed in [handle.shown(), handle.shown().to_uppercase(), format!(" {} ", handle.0)] {
            assert_eq!(Handle::read(&typed).unwrap().0, handle.0, "{typed}");
        }
        for other in ["", "bcdf", "bcdf-ghj", "bcdf-ghjkl", "../../etc", "bcdf-ghja", "bcdf-ghj\u{e9}"] {
            assert!(Handle::read(other).is_none(), "{other}");
        }
    }
}
