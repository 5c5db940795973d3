//! The operating system's keyring, never waited for longer than a limit.
//!
//! The crates below have no time-out: a prompt that nobody answers, or a bus that never speaks, hangs for ever. So
//! every call runs on a thread of its own that is left behind when it takes too long, and after that the keyring is
//! not asked again by this process.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use gatepass_core::error::Error;
use gatepass_core::secret::{Secret, SecretBytes};
use keyring_core::CredentialStore;

/// A healthy keyring answers in 30 ms, one that has to be started in 100.
const LIMIT: Duration = Duration::from_secs(3);

/// How a keyring is opened.
type Open = fn() -> keyring_core::Result<Arc<CredentialStore>>;

/// One entry of the keyring.
#[derive(Clone, Debug)]
pub(crate) struct Keyring {
    service: String,
    user: String,
    open: Open,
    limit: Duration,
    /// Set by the first call that took too long.
    broken: Arc<AtomicBool>,
}

impl Keyring {
    /// An entry of the operating system's keyring.
    pub(crate) fn new(service: &str, user: &str) -> Self {
        Self::of(service, user, open, LIMIT)
    }

    /// An entry of any keyring.
    pub(crate) fn of(service: &str, user: &str, open: Open, limit: Duration) -> Self {
        Self { service: service.to_owned(), user: user.to_owned(), open, limit, broken: Arc::default() }
    }

    /// The secret of this entry, if there is one.
    pub(crate) fn get(&self) -> Result<Option<SecretBytes>, Error> {
        self.call(|entry| match entry.get_secret() {
            Ok(bytes) => Ok(Some(Secret::new(bytes))),
            Err(keyring_core::Error::NoEntry) => Ok(None),
            Err(error) => Err(error),
        })
    }

    /// Stores the secret and reads it back: a keyring that forgets is found out before anything depends on it.
    pub(crate) fn set(&self, secret: &SecretBytes) -> Result<(), Error> {
        let copy = secret.duplicate();
        self.call(move |entry| entry.set_secret(copy.expose()))?;
        if self.get()?.as_ref() == Some(secret) { Ok(()) } else { Err(Error::StoreUnavailable) }
    }

    /// Removes the entry, if there is one.
    pub(crate) fn delete(&self) -> Result<(), Error> {
        self.call(|entry| match entry.delete_credential() {
            Ok(()) | Err(keyring_core::Error::NoEntry) => Ok(()),
            Err(error) => Err(error),
        })
    }

    fn call<T: Send + 'static>(
        &self,
        work: impl FnOnce(&keyring_core::Entry) -> keyring_core::Result<T> + Send + 'static,
    ) -> Result<T, Error> {
        if self.broken.load(Ordering::Relaxed) {
            return Err(Error::StoreLocked);
        }
        let Self { service, user, open, .. } = self.clone();
        let (sender, receiver) = mpsc::sync_channel(1);
        let spawned = thread::Builder::new().name(String::from("keyring")).spawn(move || {
            let result =
                open().and_then(|store| store.build(&service, &user, None)).and_then(|entry| work(&entry));
            // Nobody listens any more when this took too long.
            drop(sender.send(result.map_err(|error| meaning(&error))));
        });
        spawned.map_err(|_| Error::StoreUnavailable)?;
        receiver.recv_timeout(self.limit).unwrap_or_else(|_| {
            self.broken.store(true, Ordering::Relaxed);
            Err(Error::StoreLocked)
        })
    }
}

#[cfg(all(unix, not(target_os = "macos")))]
fn open() -> keyring_core::Result<Arc<CredentialStore>> {
    Ok(dbus_secret_service_keyring_store::Store::new()?)
}

#[cfg(target_os = "macos")]
fn open() -> keyring_core::Result<Arc<CredentialStore>> {
    Ok(apple_native_keyring_store::keychain::Store::new()?)
}

#[cfg(windows)]
fn open() -> keyring_core::Result<Arc<CredentialStore>> {
    Ok(windows_native_keyring_store::Store::new()?)
}

/// *Unavailable* may lead to another store; *locked* and everything else never does.
fn meaning(error: &keyring_core::Error) -> Error {
    use keyring_core::Error as Keyring;
    match error {
        Keyring::NoDefaultStore | Keyring::PlatformFailure(_) | Keyring::NotSupportedByStore(_) => {
            Error::StoreUnavailable
        }
        Keyring::NoStorageAccess(_) => Error::StoreLocked,
        _ => Error::StoreCorrupt,
    }
}
