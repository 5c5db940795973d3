//! Gatepass for native programs: a session in the OS keyring's care, and a valid access token in one call.
//!
//! ```no_run
//! use gatepass::{Client, Gatepass, LoginOptions, Settings};
//!
//! # fn main() -> Result<(), gatepass::Error> {
//! let client = Client::new("https://login.acme.example", "acme-cli", "openid offline_access", "ES256", "preferred")?;
//! let gatepass = Gatepass::new(Settings::new(client, "acme", "/home/me/.local/share/acme".into()));
//! gatepass.login(LoginOptions::default(), |event| drop(event)).wait()??;
//! let token = gatepass.access(gatepass::Wanted::default()).wait()??;
//! # drop(token);
//! # Ok(())
//! # }
//! ```
//!
//! What differs from a browser is found by opening the file of the same name in `www/shared` or `crates/web`: `login`,
//! `drive`, `http`, `store`, `lock`, `sign`, `verify`, `clock`, `random`.

mod accounts;
mod browser;
mod clock;
mod detect;
pub mod doctor;
mod drive;
mod handover;
mod hpke;
mod http;
mod lock;
mod login;
mod loopback;
mod metadata;
mod network;
mod pages;
mod peer;
mod random;
mod request;
mod session_link;
mod settings;
mod share;
mod sign;
mod store;
#[cfg(feature = "testing")]
pub mod testing;
mod verify;
mod worker;

use std::sync::Arc;

pub use gatepass_core::error::{Error, Fault, Refusal};
pub use gatepass_core::field::{Field, Message};
pub use gatepass_core::http::{Method, Response};
pub use gatepass_core::jwk::Algorithm;
pub use gatepass_core::name::{Audience, ClientId, Profile, Scopes, Subject};
pub use gatepass_core::protocol::client_auth::{AssertionKey, ClientAuth};
pub use gatepass_core::protocol::id_token::Identity;
pub use gatepass_core::protocol::token_response::TokenType;
pub use gatepass_core::secret::{Secret, SecretBytes};
pub use gatepass_core::session::access::{Handout, Wanted};
pub use gatepass_core::session::client::{Client, Dpop};
pub use gatepass_core::session::freshness::MIN_TTL;
pub use gatepass_core::session::record::{Access, Purpose, Record, View};
pub use gatepass_core::session::sign_out::SignedOut;
pub use gatepass_core::session::transcript::{self, Transcript};
pub use gatepass_core::time::Timestamp;
pub use gatepass_core::url::{Endpoint, Issuer};

use gatepass_core::session::access::GetAccess;
use gatepass_core::session::record::Part;
use gatepass_core::session::sign_out::SignOut;
use gatepass_core::session::transaction::Transaction;
use gatepass_core::session::transcript::TracedAccess;

pub use crate::accounts::{Account, Accounts, Organization};
pub use crate::browser::open_browser;
pub use crate::detect::{NoBrowser, Surroundings};
use crate::drive::World;
pub use crate::handover::HandedOver;
pub use crate::login::{
    Confirm, Control, Dashboard, DeviceCode, Event, FinishOptions, Flow, LoggedIn, LoginOptions, Remote,
    Started, Via, Way, WhyDevice,
};
pub use crate::loopback::RedirectHost;
pub use crate::network::Network;
pub use crate::pages::{Accent, PageWords};
pub use crate::peer::{PeerKey, ProofKey, challenge};
pub use crate::request::{Ask, Body, Origin};
pub use crate::session_link::SessionLink;
pub use crate::settings::{AskPassphrase, Fallback, Keeping, Passphrase, Place, Settings, Storage};
pub use crate::share::{Share, Shared, lent};
pub use crate::worker::Waiting;
use crate::worker::Worker;

/// One account of one client at one issuer.
#[derive(Debug)]
pub struct Gatepass {
    settings: Settings,
    world: Arc<World>,
    worker: Worker,
}

/// A session as it is stored, without its secrets.
#[derive(Debug)]
pub struct Status {
    /// Who is signed in where.
    pub view: View,
    /// Until when the stored access token is good, the one as at sign-in, by this machine's clock.
    pub access_expires_at: Option<Timestamp>,
    /// How the session is kept.
    pub keeping: Keeping,
}

impl Gatepass {
    /// Touches neither network nor store.
    pub fn new(settings: Settings) -> Self {
        let world = World::new(&settings);
        Self { settings, world: Arc::new(world), worker: Worker::default() }
    }

    /// What time this library goes by.
    pub fn now(&self) -> Timestamp {
        clock::now()
    }

    /// Who is signed in; no network, no refresh. `None` means nobody.
    pub fn status(&self) -> Result<Option<Status>, Error> {
        let store = &self.world.store;
        let (Some(keeping), Some(record)) = (store.keeping()?, store.load(Part::Access, clock::now())?)
        else {
            return Ok(None);
        };
        let access_expires_at = record.find(&Purpose::default()).map(|access| access.expires_at);
        Ok(Some(Status { view: record.view.into_inner(), access_expires_at, keeping }))
    }

    /// An access token as it is wanted, refreshed if it must be. A cached one is there at once, without a thread.
    ///
    /// The outer error of the result means that the library's own thread is gone. Of the inner ones, `NotSignedIn`,
    /// `SessionEnded`, `SessionLost` and `KeyLost` mean that somebody has to sign in (again), and those that
    /// [`Error::retryable`] names may be gone a little later. The session stays after all others.
    ///
    /// ```no_run
    /// use gatepass::{Audience, Error, Gatepass, Purpose, Scopes, TokenType, Wanted};
    ///
    /// # fn call(gatepass: &Gatepass) -> Result<(), Error> {
    /// let purpose = Purpose {
    ///     audience: Some(Audience::named("https://api.acme.example")?),
    ///     scopes: Some(Scopes::parse("reports:read")?),
    /// };
    /// match gatepass.access(Wanted { purpose, ..Wanted::default() }).wait()? {
    ///     Ok(handout) => {
    ///         if !handout.saved {
    ///             eprintln!("warning: the session could not be kept; this token is the last one");
    ///         }
    ///         let scheme = handout.access.token_type.as_str();
    ///         let _header = format!("{scheme} {}", handout.access.token.expose());
    ///         assert!(handout.access.token_type != TokenType::Dpop, "which also needs a proof");
    ///     }
    ///     Err(Error::NotSignedIn | Error::SessionEnded | Error::SessionLost | Error::KeyLost) => {
    ///         eprintln!("sign in first");
    ///     }
    ///     Err(error) => return Err(error),
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn access(&self, wanted: Wanted) -> Waiting<Result<Handout, Error>> {
        self.run(GetAccess::new(wanted), GetAccess::finish)
    }

    /// The same as [`Gatepass::access`], with what was asked for and answered on the way: for a report of what went
    /// wrong. A transcript holds no secret, no address and no name.
    pub fn trace(&self, wanted: Wanted) -> Waiting<(Result<Handout, Error>, Transcript)> {
        self.run(TracedAccess::new(wanted), TracedAccess::finish)
    }

    /// Signs out: here first, then at the issuer.
    pub fn sign_out(&self) -> Waiting<Result<SignedOut, Error>> {
        self.run(SignOut::new(), SignOut::finish)
    }

    /// Who is signed in beside this account, and for which organization each acts.
    pub fn accounts(&self) -> Accounts {
        Accounts::of(&self.settings)
    }

    /// Removes what is stored without reading it, for a session that cannot be read any more. The issuer is not told.
    pub fn forget(&self) -> Result<(), Error> {
        self.world.store.forget()
    }

    /// Signs in: by a browser that comes back to a port of this machine, by its last address pasted, or by a code typed
    /// on another device, whichever ends first. `tell` hears what a person must know.
    pub fn login(
        &self,
        options: LoginOptions,
        tell: impl FnMut(Event<'_>) + Send + 'static,
    ) -> Waiting<Result<LoggedIn, Error>> {
        let (client, world) = (self.settings.client.clone(), Arc::clone(&self.world));
        self.worker.run(async move {
            // A sign-in that could not be kept is not begun.
            let keeping = world.store.prove(clock::now())?;
            let keep = |record| world.keep(record);
            let way = login::login(&client, &world, options, Box::new(tell), keep).await?;
            Ok(LoggedIn { keeping, way })
        })
    }

    /// Starts a login that another process finishes. Nothing listens meanwhile: the browser ends at an address that it
    /// cannot open, and that address is the answer.
    pub fn start(&self, options: LoginOptions) -> Waiting<Result<Started, Error>> {
        let (client, world) = (self.settings.client.clone(), Arc::clone(&self.world));
        self.worker.run(async move {
            world.store.prove(clock::now())?;
            login::start(&client, &world, options).await
        })
    }

    /// Finishes it, once: with the whole address at which the browser ended, or with nothing for a device code.
    ///
    /// An answer that does not fit leaves the login waiting. So does the end of `options.limit` before a device code was
    /// typed, which is said by [`Refusal::AuthorizationPending`].
    pub fn finish(
        &self,
        handle: &str,
        answer: Option<Secret>,
        options: FinishOptions,
        tell: impl FnMut(Event<'_>) + Send + 'static,
    ) -> Waiting<Result<LoggedIn, Error>> {
        let (handle, world) = (handle.to_owned(), Arc::clone(&self.world));
        self.worker.run(async move {
            let keeping = world.store.prove(clock::now())?;
            let keep = |record| world.keep(record);
            let tell = &mut (Box::new(tell) as login::Tell);
            let way = login::finish(&world, &handle, answer.as_ref(), options, tell, keep).await?;
            Ok(LoggedIn { keeping, way })
        })
    }

    /// Asks an API with this session's token, and with the proof of its key where it is bound to one (RFC 9449
    /// section 7). A token that is refused is refreshed once.
    ///
    /// Only the issuer's own origin and those of `Settings::api` get the token; any other is [`Error::OtherOrigin`].
    pub fn request(&self, ask: Ask) -> Waiting<Result<Response, Error>> {
        let (settings, world) = (self.settings.clone(), Arc::clone(&self.world));
        self.worker.run(async move { request::request(&settings.client, &settings.api, &world, ask).await })
    }

    /// Makes a token for the key of another program of this person: some of what the session may, for a few minutes.
    pub fn share(&self, share: Share) -> Waiting<Result<Shared, Error>> {
        let world = Arc::clone(&self.world);
        self.worker.run(async move { share::share(&world, &share).await })
    }

    /// An address that signs a browser in as this session is, once, after it has asked; it leads to `return_to` then.
    /// `None` where the issuer makes none; a session that may not is refused with [`Refusal::UnauthorizedClient`].
    pub fn session_link(&self, return_to: Option<&str>) -> Waiting<Result<Option<SessionLink>, Error>> {
        let (settings, world) = (self.settings.clone(), Arc::clone(&self.world));
        let return_to = return_to.map(str::to_owned);
        self.worker.run(async move {
            session_link::ask(&settings.client, &settings.api, &world, return_to.as_deref()).await
        })
    }

    /// Opens a browser by such an address, which stands in no command line and no file.
    pub fn hand_over(&self, link: SessionLink) -> Waiting<Result<HandedOver, Error>> {
        let folder = self.settings.folder.clone();
        self.worker.run(async move { handover::hand_over(&folder, &link.url, link.expires_in).await })
    }

    fn run<M, T>(&self, mut transaction: M, finish: fn(M) -> T) -> Waiting<T>
    where
        M: Transaction + Send + 'static,
        T: Send + 'static,
    {
        match self.world.begin(&mut transaction) {
            None => Waiting::ready(finish(transaction)),
            Some(effect) => {
                let world = Arc::clone(&self.world);
                self.worker.run(async move {
                    world.go_on(&mut transaction, effect).await;
                    finish(transaction)
                })
            }
        }
    }
}
