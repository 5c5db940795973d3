//! What a caller says about a login, and what it hears of one.

use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use gatepass_core::error::Error;
use gatepass_core::secret::Secret;
use gatepass_core::session::record::View;
use gatepass_core::time::Timestamp;
use gatepass_core::url::Endpoint;
use tokio::sync::mpsc;

use crate::loopback::{Address, RedirectHost};
use crate::pages::PageWords;
use crate::settings::Keeping;

/// How a person signs in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Flow {
    /// By the browser, and by a device code beside it where that helps.
    #[default]
    Auto,
    /// By a browser that comes back to this machine, or whose last address is pasted.
    Pkce,
    /// By a code that is typed on any device.
    DeviceCode,
}

/// Where a browser is sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Via {
    /// To the issuer.
    #[default]
    Issuer,
    /// To a dashboard, in which the person is signed in already, or will be.
    Dashboard(Dashboard),
}

/// A dashboard that signs this program in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dashboard {
    /// Its page for that, without a fragment.
    pub page: Endpoint,
    /// What it calls this machine: 1 to 64 characters that show.
    pub device: String,
    /// Whether a session that it gives away is taken, where its issuer cannot give this program one of its own.
    pub moves: bool,
}

/// How a person wants to sign in.
#[derive(Debug)]
pub struct LoginOptions {
    /// Which ways are taken.
    pub flow: Flow,
    /// Where the browser is sent. A dashboard is asked for nothing but an organization: no prompt, no hint, no age.
    pub via: Via,
    /// Whether to open a browser, where one is to be expected; otherwise the address is only told.
    pub open_browser: bool,
    /// How long the person may take. A device code that is shown later has as long again.
    pub limit: Duration,
    /// With [`Flow::Auto`], after how long a device code joins the browser.
    pub device_after: Option<Duration>,
    /// `select_account`, `login` (OpenID Connect Core 1.0 section 3.1.2.1).
    pub prompt: Option<String>,
    /// Who will probably sign in.
    pub login_hint: Option<String>,
    /// How long ago they may have shown who they are; without it, whenever the issuer says.
    pub max_age: Option<Duration>,
    /// Parameters that one issuer knows: `domain_hint`, `connection`, `organization`. No secrets.
    pub extra: Vec<(String, String)>,
    /// The ports to listen at, in this order; none means any free one.
    pub ports: Vec<u16>,
    /// The path of the redirect URI.
    pub path: String,
    /// How the redirect URI names this machine.
    pub host: RedirectHost,
    /// Whose pages the browser shows at the end.
    pub page: PageWords,
    /// What the person does meanwhile.
    pub control: Option<Control>,
    /// Who is asked before a session is kept that came by hand, or whose e-mail is another than expected. With nobody
    /// to ask, the second is not kept.
    pub confirm: Option<Confirm>,
    /// Whose session it should be.
    pub expected_email: Option<String>,
}

impl Default for LoginOptions {
    fn default() -> Self {
        Self {
            flow: Flow::Auto,
            via: Via::Issuer,
            open_browser: true,
            limit: LIMIT,
            device_after: None,
            prompt: None,
            login_hint: None,
            max_age: None,
            extra: Vec::new(),
            ports: Vec::new(),
            path: String::from("/callback"),
            host: RedirectHost::default(),
            page: PageWords::default(),
            control: None,
            confirm: None,
            expected_email: None,
        }
    }
}

impl LoginOptions {
    pub(super) fn address(&self) -> Address {
        Address { ports: self.ports.clone(), path: self.path.clone(), host: self.host }
    }
}

/// How a login that was started elsewhere is finished.
#[derive(Debug)]
pub struct FinishOptions {
    /// How long to wait for the person who types a device code; then the login waits on for the next try.
    pub limit: Duration,
    /// As in [`LoginOptions`].
    pub confirm: Option<Confirm>,
    /// As in [`LoginOptions`].
    pub expected_email: Option<String>,
}

impl Default for FinishOptions {
    fn default() -> Self {
        Self { limit: LIMIT, confirm: None, expected_email: None }
    }
}

const LIMIT: Duration = Duration::from_secs(300);

/// The way by which somebody signed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// The browser came back to this machine.
    Loopback,
    /// Its last address was pasted.
    Paste,
    /// A code was typed on some device.
    DeviceCode,
    /// A code that a dashboard showed was typed here.
    TypedCode,
    /// A dashboard gave its own session away.
    Moved,
}

/// How a login ended well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LoggedIn {
    /// How the session is kept.
    pub keeping: Keeping,
    /// The way that was the first to end.
    pub way: Way,
}

/// A login that another process finishes.
#[derive(Debug)]
pub struct Started {
    /// Its name, to be typed; it says nothing and opens nothing by itself.
    pub handle: String,
    /// The address to open, whose last address is the answer. A device code has none.
    pub url: Option<Secret>,
    /// The words to compare, where the address is a dashboard's; its answer is the code that it shows.
    pub words: Option<String>,
    /// The code to type on some device, with [`Flow::DeviceCode`].
    pub device: Option<DeviceCode>,
    /// Until when it can be finished.
    pub expires_at: Timestamp,
}

pub use gatepass_core::session::device::Shown as DeviceCode;

/// Why a device code is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhyDevice {
    /// The person asked for it.
    Asked,
    /// [`Flow::DeviceCode`].
    Forced,
    /// No browser can be had here.
    NoBrowser,
    /// The browser's way has taken its time.
    TimeLimit,
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
    /// The person has to go to this page of a dashboard, and to compare the words that it shows.
    Handoff {
        /// The address.
        url: &'a Secret,
        /// The words.
        words: &'a str,
        /// Whether a browser was opened with it.
        opened: bool,
        /// Whether the browser can come back here; otherwise the page shows a code that is typed here.
        comes_back: bool,
        /// How long this waits.
        limit: Duration,
    },
    /// Or there, with this code. Compare it (RFC 8628 section 5.4).
    Device {
        /// The code to type.
        user_code: &'a str,
        /// Where.
        verification_uri: &'a str,
        /// The same with the code in it, for a QR code.
        verification_uri_complete: Option<&'a str>,
        /// How long this waits.
        expires_at: Timestamp,
        /// Why it is shown.
        why: WhyDevice,
    },
    /// There is no device code (any more), for this reason; the browser's way stays open.
    NoDevice(Error),
    /// Something came that belongs to another login, or to none. The wait goes on.
    Stranger(Error),
    /// What was pasted or typed is not this login's. The wait goes on.
    BadPaste(Error),
    /// An answer has come and is being exchanged.
    Finishing,
}

/// Tells the program about a login under way.
pub(crate) type Tell = Box<dyn FnMut(Event<'_>) + Send>;

/// What a person does while a login waits.
#[derive(Debug)]
pub(super) enum Wish {
    /// They paste what stands in the browser's address bar.
    Paste(Secret),
    /// They want a code for another device.
    DeviceCode,
    /// They will not sign in any more.
    GiveUp,
}

/// The login's end of what a person does while it waits.
#[derive(Debug)]
pub struct Control(mpsc::UnboundedReceiver<Wish>);

impl Control {
    /// Both ends.
    pub fn new() -> (Remote, Self) {
        let (sender, receiver) = mpsc::unbounded_channel();
        (Remote(sender), Self(receiver))
    }

    /// The next wish; for ever, once nobody can have one.
    pub(super) async fn next(&mut self) -> Wish {
        match self.0.recv().await {
            Some(wish) => wish,
            None => std::future::pending().await,
        }
    }
}

/// The program's end of it; usable from any thread, without a runtime. Nothing of it fails: a login that is over does
/// not listen any more.
#[derive(Clone, Debug)]
pub struct Remote(mpsc::UnboundedSender<Wish>);

impl Remote {
    /// The whole address at which the browser ended, or the code that a dashboard showed. Another bare code is refused: it
    /// could be anybody's.
    pub fn paste(&self, address: Secret) {
        drop(self.0.send(Wish::Paste(address)));
    }

    /// A code for another device, now.
    pub fn device_code(&self) {
        drop(self.0.send(Wish::DeviceCode));
    }

    /// No sign-in any more: what waits for one stops, and the login ends as one that nobody came to.
    pub fn give_up(&self) {
        drop(self.0.send(Wish::GiveUp));
    }
}

/// Asks whether a session is the one that was meant. It may block: it has a thread of its own.
pub struct Confirm(Mutex<Question>);

type Question = Box<dyn FnMut(&View, Way) -> bool + Send>;

impl Confirm {
    /// Asks by this function.
    pub fn new(ask: impl FnMut(&View, Way) -> bool + Send + 'static) -> Self {
        Self(Mutex::new(Box::new(ask)))
    }

    /// Asks, on this thread.
    pub(super) fn ask(self, view: &View, way: Way) -> bool {
        self.0.into_inner().unwrap_or_else(PoisonError::into_inner)(view, way)
    }
}

impl fmt::Debug for Confirm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Confirm")
    }
}
