//! The operating system's keyring, never waited for longer than a limit.
//!
//! The crates below have no time-out: a prompt that nobody answers, or a bus that never speaks, hangs for ever. So
//! every call runs on a thread of its own that is left behind when it takes too long, and after that the keyring is
//! not asked again by this process.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread;
use std::time::Duration;

use gatepass_core::error::Error;
use gatepass_core::secret::{Secret, SecretBytes};
use keyring_core::CredentialStore;

use crate::lock::Guard;

/// A healthy keyring answers in 30 ms, one that has to be started in 100.
const LIMIT: Duration = Duration::from_secs(3);

/// How a keyring is opened.
type Open = dyn Fn() -> keyring_core::Result<Arc<CredentialStore>> + Send + Sync;

/// One entry of the keyring.
#[derive(Clone)]
pub(crate) struct Keyring {
    service: String,
    user: String,
    open: Arc<Open>,
    limit: Duration,
    /// The connection, once there is one: making it costs ten times what a call over it costs.
    opened: Arc<Mutex<Option<Arc<CredentialStore>>>>,
    /// Set by the first call that took too long.
    broken: Arc<AtomicBool>,
}

impl Keyring {
    /// An entry of the operating system's keyring.
    pub(crate) fn new(service: &str, user: &str) -> Self {
        Self::of(service, user, Arc::new(open), LIMIT)
    }

    /// An entry of any keyring.
    pub(crate) fn of(service: &str, user: &str, open: Arc<Open>, limit: Duration) -> Self {
        let (service, user) = (service.to_owned(), user.to_owned());
        Self { service, user, open, limit, opened: Arc::default(), broken: Arc::default() }
    }

    /// Another entry of the same keyring.
    pub(crate) fn entry(&self, user: &str) -> Self {
        Self { user: user.to_owned(), ..self.clone() }
    }

    /// Whether a call took too long, so that no other one is made by this process.
    pub(crate) fn is_broken(&self) -> bool {
        self.broken.load(Ordering::Relaxed)
    }

    /// The secret of this entry, if there is one.
    pub(crate) fn get(&self) -> Result<Option<SecretBytes>, Error> {
        self.call(None, get)
    }

    /// Stores the secret and reads it back: a keyring that forgets is found out before anything depends on it.
    ///
    /// `guard` is the lock under which this is done, if it is about a session. The call holds it to its own end, not to
    /// the end of our patience: a write that took too long may still be done by the keyring, and if somebody else could
    /// write meanwhile, the late one would win over a newer one.
    ///
    /// When this process dies, its connection dies too, and what it had handed over before comes before whatever a later
    /// one hands over, as long as the keyring has one queue. Should it have several, the late write stands there with a
    /// generation that no later writer expects: each answers `Moved`, and nobody builds on what they have not seen.
    pub(crate) fn set(&self, secret: &SecretBytes, guard: Option<&Arc<Guard>>) -> Result<(), Error> {
        let copy = secret.duplicate();
        let kept = self.call(guard, move |entry| {
            entry.set_secret(copy.expose())?;
            Ok(get(entry)?.as_ref() == Some(&copy))
        })?;
        if kept { Ok(()) } else { Err(Error::StoreUnavailable) }
    }

    /// Removes the entry, if there is one. A removal that comes late is as bad as a late write, so it holds the lock too.
    pub(crate) fn delete(&self, guard: Option<&Arc<Guard>>) -> Result<(), Error> {
        self.call(guard, |entry| match entry.delete_credential() {
            Ok(()) | Err(keyring_core::Error::NoEntry) => Ok(()),
            Err(error) => Err(error),
        })
    }

    fn call<T: Send + 'static>(
        &self,
        guard: Option<&Arc<Guard>>,
        work: impl Fn(&keyring_core::Entry) -> keyring_core::Result<T> + Send + 'static,
    ) -> Result<T, Error> {
        if self.is_broken() {
            return Err(Error::StoreLocked);
        }
        let (keyring, guard) = (self.clone(), guard.cloned());
        let (sender, receiver) = mpsc::sync_channel(1);
        let spawned = thread::Builder::new().name(String::from("keyring")).spawn(move || {
            let result = keyring.worked(&work);
            // Before the answer: whoever gets it may want the lock again at once.
            drop(guard);
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

impl Keyring {
    /// Does it over the connection that is there, or over a new one where the old one does not hold any more.
    fn worked<T>(
        &self,
        work: &impl Fn(&keyring_core::Entry) -> keyring_core::Result<T>,
    ) -> keyring_core::Result<T> {
        let over = |store: &CredentialStore| {
            store.build(&self.service, &self.user, None).and_then(|entry| work(&entry))
        };
        let known = self.opened().clone();
        if let Some(store) = known {
            match over(store.as_ref()) {
                // The bus or the keyring was started anew: what this connection led to is gone.
                Err(keyring_core::Error::PlatformFailure(_)) => *self.opened() = None,
                result => return result,
            }
        }
        let store = (self.open)()?;
        let result = over(store.as_ref());
        *self.opened() = Some(store);
        result
    }

    /// Lets go of the connection, so that a test sees the next one made.
    #[cfg(test)]
    pub(crate) fn disconnect(&self) {
        *self.opened() = None;
    }

    fn opened(&self) -> MutexGuard<'_, Option<Arc<CredentialStore>>> {
        self.opened.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keyring").field("service", &self.service).field("user", &self.user).finish()
    }
}

fn get(entry: &keyring_core::Entry) -> keyring_core::Result<Option<SecretBytes>> {
    match entry.get_secret() {
        Ok(bytes) => Ok(Some(Secret::new(bytes))),
        Err(keyring_core::Error::NoEntry) => Ok(None),
        Err(error) => Err(error),
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
        Keyring::NoDefaultStore | Keyring::NotSupportedByStore(_) => Error::StoreUnavailable,
        Keyring::PlatformFailure(error) if is_there(error.as_ref()) => Error::StoreLocked,
        Keyring::PlatformFailure(_) => Error::StoreUnavailable,
        Keyring::NoStorageAccess(_) => Error::StoreLocked,
        // Windows keeps 2560 bytes.
        Keyring::TooLong(..) => Error::NotSaved,
        _ => Error::StoreCorrupt,
    }
}

/// Whether there is a keyring, whatever it says: one that refuses, or breaks off in the middle, must not lead to a
/// plain file. There is none where nobody has its name on the bus and nobody can be started for it, and where there is
/// no bus.
#[cfg(all(unix, not(target_os = "macos")))]
fn is_there(error: &(dyn std::error::Error + Send + Sync + 'static)) -> bool {
    use dbus_secret_service::Error as Service;
    /// What the bus says of a name that nobody has, and what libdbus says when it reaches no bus.
    const ABSENT: [&str; 7] = [
        "org.freedesktop.DBus.Error.ServiceUnknown",
        "org.freedesktop.DBus.Error.NameHasNoOwner",
        "org.freedesktop.DBus.Error.NoServer",
        "org.freedesktop.DBus.Error.FileNotFound",
        "org.freedesktop.DBus.Error.BadAddress",
        // No bus is named and none can be started: without a screen, and without the program for it.
        "org.freedesktop.DBus.Error.NotSupported",
        "org.freedesktop.DBus.Error.Spawn.ExecFailed",
    ];
    match error.downcast_ref() {
        Some(Service::Unavailable) => false,
        Some(Service::Dbus(error)) => !error.name().is_some_and(|name| ABSENT.contains(&name)),
        _ => true,
    }
}

#[cfg(not(all(unix, not(target_os = "macos"))))]
const fn is_there(_error: &(dyn std::error::Error + Send + Sync + 'static)) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use keyring_core::api::CredentialStoreApi;
    use keyring_core::mock;

    use super::*;

    #[test]
    fn a_keyring_that_was_started_anew_is_asked_again() {
        let stores = [mock::Store::new().unwrap(), mock::Store::new().unwrap()];
        let (opens, copies) = (Arc::new(AtomicUsize::new(0)), stores.clone());
        let open = {
            let opens = Arc::clone(&opens);
            move || -> keyring_core::Result<Arc<CredentialStore>> {
                Ok(Arc::clone(&copies[opens.fetch_add(1, Ordering::Relaxed)]) as _)
            }
        };
        let keyring = Keyring::of("service", "user", Arc::new(open), LIMIT);
        let secret = Secret::new(b"first".to_vec());
        keyring.set(&secret, None).unwrap();
        assert_eq!(keyring.get(), Ok(Some(secret)));
        assert_eq!(opens.load(Ordering::Relaxed), 1, "one connection for all calls");

        let entry = stores[0].build("service", "user", None).unwrap();
        let credential: &mock::Cred = entry.as_any().downcast_ref().unwrap();
        credential.set_error(keyring_core::Error::PlatformFailure("the bus is gone".into()));
        assert_eq!(keyring.get(), Ok(None), "what the new one knows");
        assert_eq!(opens.load(Ordering::Relaxed), 2);

        // Locked is an answer, and no reason to ask anew.
        let entry = stores[1].build("service", "user", None).unwrap();
        let credential: &mock::Cred = entry.as_any().downcast_ref().unwrap();
        credential.set_error(keyring_core::Error::NoStorageAccess("locked".into()));
        assert_eq!(keyring.get(), Err(Error::StoreLocked));
        assert_eq!(opens.load(Ordering::Relaxed), 2);
    }

    #[cfg(all(unix, not(target_os = "macos")))]
    #[test]
    fn a_keyring_that_refuses_is_there() {
        let said = |name: &str| {
            let error = dbus_secret_service::Error::from(dbus::Error::new_custom(name, "no"));
            meaning(&keyring_core::Error::PlatformFailure(Box::new(error)))
        };
        let of_bus = |name| said(&format!("org.freedesktop.DBus.Error.{name}"));
        for name in
            ["LimitsExceeded", "AccessDenied", "NoReply", "NoMemory", "Disconnected", "Spawn.ChildExited"]
        {
            assert_eq!(of_bus(name), Error::StoreLocked, "{name}");
        }
        assert_eq!(said("org.freedesktop.Secret.Error.IsLocked"), Error::StoreLocked);
        for name in ["ServiceUnknown", "NameHasNoOwner", "NoServer", "FileNotFound", "NotSupported"] {
            assert_eq!(of_bus(name), Error::StoreUnavailable, "{name}");
        }
        let other = |error: dbus_secret_service::Error| {
            meaning(&keyring_core::Error::PlatformFailure(Box::new(error)))
        };
        assert_eq!(other(dbus_secret_service::Error::Unavailable), Error::StoreUnavailable);
        assert_eq!(other(dbus_secret_service::Error::Parse), Error::StoreLocked);
    }
}
