//! Who signs in where, and where a session is kept.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use gatepass_core::protocol::client_auth::ClientAuth;
use gatepass_core::secret::Secret;
use gatepass_core::session::client::Client;

use crate::request::Origin;

/// Who signs in where, and where the session is kept.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The client and its issuer.
    pub client: Client,
    /// What the client shows of itself; most programs on people's machines can keep no secret and show nothing:
    /// `settings.client_auth = Arc::new(ClientAuth::SecretPost(Secret::from(..)))`.
    pub client_auth: Arc<ClientAuth>,
    /// The service name in the OS keyring.
    pub service: String,
    /// Which of the person's accounts.
    pub profile: String,
    /// The folder for sealed files and locks.
    pub folder: PathBuf,
    /// Where the session is kept.
    pub storage: Storage,
    /// Certificates to trust beside those of this machine (PEM).
    pub ca_file: Option<PathBuf>,
    /// Whose APIs may have this session's token, beside the issuer's own: see [`Gatepass::request`](crate::Gatepass::request).
    pub api: Vec<Origin>,
}

impl Settings {
    /// Settings for the `default` profile that refuse to work without a keyring.
    pub fn new(client: Client, service: &str, folder: PathBuf) -> Self {
        let profile = String::from("default");
        let (service, client_auth) = (service.to_owned(), Arc::new(ClientAuth::None));
        let (storage, ca_file, api) = (Storage::default(), None, Vec::new());
        Self { client, client_auth, service, profile, folder, storage, ca_file, api }
    }
}

/// Where a session is kept. It counts at sign-in: a session stays where it was put, whatever is said later.
#[derive(Clone, Debug)]
pub struct Storage {
    /// The place.
    pub place: Place,
    /// What to do where that place needs a keyring and there is none. One that is only locked never leads here.
    pub fallback: Fallback,
    /// Where a plain session lies; without it, in the folder of the settings.
    pub file: Option<PathBuf>,
    /// A file that says who is signed in, with e-mail addresses; without it, `accounts.json` in the folder of the
    /// settings, which names profiles, issuers and clients and no person.
    pub state: Option<PathBuf>,
    /// Who knows the passphrase, for [`Fallback::Passphrase`].
    pub passphrase: Option<Passphrase>,
    /// Whether the kernel may keep the key of the access tokens for as long as one of them lives (Linux), so that a
    /// cached token asks neither keyring nor person. A session that lies in the keyring itself has no such key.
    pub cache: bool,
}

impl Default for Storage {
    fn default() -> Self {
        Self {
            place: Place::Sealed,
            fallback: Fallback::Deny,
            file: None,
            state: None,
            passphrase: None,
            cache: true,
        }
    }
}

/// Where a session is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Place {
    /// In a file sealed under keys that lie in the OS keyring: of any size, and never in plain text.
    #[default]
    Sealed,
    /// In the OS keyring itself, and nothing of it on the disk. Windows keeps 2560 bytes at most, which is less than
    /// most sessions: there a sign-in is refused before it begins, with [`Error::NotSaved`](crate::Error::NotSaved).
    Keyring,
    /// In a plain file for its owner alone.
    File,
}

/// What to do where there is no keyring at all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fallback {
    /// Refuse to sign in.
    #[default]
    Deny,
    /// Keep the session in a plain file, readable by its owner alone, and say so.
    File,
    /// Keep the session in a file sealed under a passphrase.
    Passphrase,
}

/// How a session is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keeping {
    /// In a file sealed under keys in the OS keyring.
    Sealed,
    /// In the OS keyring.
    Keyring,
    /// In a plain file.
    Plain,
    /// In a file sealed under a passphrase.
    Passphrase,
}

impl Keeping {
    /// The name that `status` prints.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sealed => "sealed",
            Self::Keyring => "keyring",
            Self::Plain => "file",
            Self::Passphrase => "passphrase",
        }
    }

    /// Reads what [`Keeping::as_str`] gave.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        [Self::Sealed, Self::Keyring, Self::Plain, Self::Passphrase]
            .into_iter()
            .find(|keeping| keeping.as_str() == name)
    }
}

/// Why somebody is asked for a passphrase.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AskPassphrase {
    /// A new session is going to be sealed; ask twice, as a typing error would lose it.
    New,
    /// A session is sealed under it.
    Known,
    /// The last one was wrong.
    Again,
}

/// Asks a person for a passphrase; `None` means that there is nobody to ask. What it gives is kept until the process
/// ends, so that nobody is asked twice for the same one. No lock is held meanwhile.
#[derive(Clone)]
pub struct Passphrase(Arc<dyn Fn(AskPassphrase) -> Option<Secret> + Send + Sync>);

impl Passphrase {
    /// Asks by this function.
    pub fn new(ask: impl Fn(AskPassphrase) -> Option<Secret> + Send + Sync + 'static) -> Self {
        Self(Arc::new(ask))
    }

    pub(crate) fn ask(&self, why: AskPassphrase) -> Option<Secret> {
        (self.0)(why)
    }
}

impl fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Passphrase")
    }
}
