//! Logins that wait for a second process: each a small file, sealed like a session, that is taken exactly once.

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use gatepass_core::error::Error;
use gatepass_core::secret::{Secret, SecretBytes};
use gatepass_core::session::record::Generation;
use gatepass_core::time::Timestamp;

use super::Store;
use super::file::make_folder;
use super::keyring::Keyring;
use super::sealed::{self, Keys, Section};
use crate::random::OsDice;
use crate::settings::Keeping;

const SEALED: &[u8] = b"gatepass parked sealed 1\n";
const PLAIN: &[u8] = b"gatepass parked plain 1\n";

/// The ending of such a file's name.
const ENDING: &str = "parked";

impl Store {
    /// Parks a login under a handle, which is letters only, as its session will be kept: sealed under a key of its own
    /// in the keyring, or plain where the session is. What has run out by `now` goes.
    ///
    /// Keys that a passphrase opens are made at the end of a sign-in, so there is nothing to seal it under before:
    /// [`Error::StoreUnavailable`].
    pub(crate) fn park(
        &self,
        handle: &str,
        login: &Secret,
        expires_at: Timestamp,
        now: Timestamp,
    ) -> Result<(), Error> {
        let keeping = self.prove(now)?;
        let folder = self.paths.session.parent().ok_or(Error::StoreUnavailable)?;
        make_folder(folder)?;
        let locks = self.lock()?;
        self.sweep(folder, now);
        let (kind, login) = match keeping {
            Keeping::Sealed | Keeping::Keyring => {
                let keys = Keys::generate(&mut OsDice)?;
                self.parked_keys(handle).set(keys.bytes(), Some(&locks.session))?;
                (SEALED, self.seal_parked(&keys, handle, expires_at, login)?)
            }
            Keeping::Plain => (PLAIN, Secret::new(login.expose().clone().into_bytes())),
            Keeping::Passphrase => return Err(Error::StoreUnavailable),
        };
        let end = expires_at.seconds().to_le_bytes();
        let bytes = Secret::new([kind, &end, login.expose()].concat());
        write_new(&self.parked(handle), &bytes).map_err(|_| Error::StoreUnavailable)
    }

    /// Takes a parked login. `read` judges it while nobody else can: its error leaves it there, else it is gone, and is
    /// given with the moment at which it would have run out.
    pub(crate) fn take_parked<T>(
        &self,
        handle: &str,
        now: Timestamp,
        read: impl FnOnce(Secret) -> Result<T, Error>,
    ) -> Result<Option<(T, Timestamp)>, Error> {
        let path = self.parked(handle);
        // No folder, no login: nothing is made here.
        if !path.exists() {
            return Ok(None);
        }
        let _locks = self.lock()?;
        let bytes = match fs::read(&path) {
            Ok(bytes) => Secret::new(bytes),
            // Somebody else was faster.
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(_) => return Err(Error::StoreUnavailable),
        };
        let opened = match split(&bytes) {
            Some((_, expires_at, _)) if expires_at <= now => None,
            Some((false, expires_at, login)) => Some((login.to_vec(), expires_at)),
            Some((true, expires_at, login)) => {
                self.open_parked(handle, expires_at, login)?.map(|login| (login, expires_at))
            }
            None => None,
        };
        let Some((login, expires_at)) = opened else {
            self.remove_parked(handle)?;
            return Ok(None);
        };
        let login = String::from_utf8(login).map(Secret::new).map_err(|_| Error::StoreCorrupt)?;
        let taken = read(login)?;
        // Not before it is gone is it anybody's.
        self.remove_parked(handle)?;
        Ok(Some((taken, expires_at)))
    }

    fn parked(&self, handle: &str) -> PathBuf {
        self.paths.session.with_extension(format!("{handle}.{ENDING}"))
    }

    /// The entry with the key of one parked login.
    fn parked_keys(&self, handle: &str) -> Keyring {
        self.keyring.entry(&format!("{}.{handle}.{ENDING}", self.name))
    }

    fn remove_parked(&self, handle: &str) -> Result<(), Error> {
        let path = self.parked(handle);
        let sealed = fs::read(&path).is_ok_and(|bytes| bytes.starts_with(SEALED));
        fs::remove_file(&path).map_err(|_| Error::StoreUnavailable)?;
        if sealed {
            // A key that stays behind opens nothing.
            let _ = self.parked_keys(handle).delete(None);
        }
        Ok(())
    }

    fn seal_parked(
        &self,
        keys: &Keys,
        handle: &str,
        expires_at: Timestamp,
        login: &Secret,
    ) -> Result<SecretBytes, Error> {
        // The moment stands in the open beside it, and is sealed in as what it is about.
        let about = Generation::from_number(expires_at.seconds());
        sealed::seal(&keys.key(Section::Rest), &self.about(handle), Section::Rest, about, login, &mut OsDice)
    }

    /// `None` if its key is gone.
    fn open_parked(
        &self,
        handle: &str,
        expires_at: Timestamp,
        login: &[u8],
    ) -> Result<Option<Vec<u8>>, Error> {
        let Some(bytes) = self.parked_keys(handle).get()? else { return Ok(None) };
        let keys = Keys::read(bytes)?;
        let about = Generation::from_number(expires_at.seconds());
        let sealed = Secret::new(login.to_vec());
        match sealed::open(&keys.key(Section::Rest), &self.about(handle), Section::Rest, about, &sealed) {
            Ok(login) => Ok(Some(login.expose().clone())),
            Err(Error::StoreCorrupt) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn about(&self, handle: &str) -> String {
        format!("{}|parked|{handle}", self.name)
    }

    /// Removes what has run out. Nothing depends on it, so nothing fails by it.
    fn sweep(&self, folder: &Path, now: Timestamp) {
        let Ok(entries) = fs::read_dir(folder) else { return };
        for path in entries.filter_map(|entry| Some(entry.ok()?.path())) {
            let Some(handle) = self.handle_of(&path) else { continue };
            let over = fs::read(&path).is_ok_and(|bytes| {
                split(&Secret::new(bytes)).is_none_or(|(_, expires_at, _)| expires_at <= now)
            });
            if over {
                let _ = self.remove_parked(&handle);
            }
        }
    }

    /// The handle of a parked login of this session, by its file.
    fn handle_of(&self, path: &Path) -> Option<String> {
        let name = path.file_name()?.to_str()?.strip_prefix(&self.name)?;
        Some(name.strip_prefix('.')?.strip_suffix(ENDING)?.strip_suffix('.')?.to_owned())
    }
}

/// Whether it is sealed, until when it waits, and the login.
fn split(bytes: &SecretBytes) -> Option<(bool, Timestamp, &[u8])> {
    let bytes = bytes.expose().as_slice();
    let (sealed, rest) = match bytes.strip_prefix(SEALED) {
        Some(rest) => (true, rest),
        None => (false, bytes.strip_prefix(PLAIN)?),
    };
    let (end, login) = rest.split_first_chunk()?;
    Some((sealed, Timestamp::from_seconds(u64::from_le_bytes(*end)), login))
}

fn write_new(path: &Path, bytes: &SecretBytes) -> std::io::Result<()> {
    let mut options = File::options();
    options.create_new(true).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    let written = file.write_all(bytes.expose()).and_then(|()| file.sync_all());
    if written.is_err() {
        drop(fs::remove_file(path));
    }
    written
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, OnceLock};
    use std::time::Duration;

    use gatepass_core::session::client::Client;
    use keyring_core::{CredentialStore, mock};

    use super::*;
    use crate::settings::Settings;

    fn healthy() -> keyring_core::Result<Arc<CredentialStore>> {
        static STORE: OnceLock<Arc<mock::Store>> = OnceLock::new();
        Ok(Arc::clone(STORE.get_or_init(|| mock::Store::new().expect("a keyring in memory"))) as _)
    }

    fn locked() -> keyring_core::Result<Arc<CredentialStore>> {
        Err(keyring_core::Error::NoStorageAccess("locked".into()))
    }

    fn store(folder: &Path) -> Store {
        let client = Client::new("https://issuer.example", "client", "openid", "ES256", "off").unwrap();
        let mut settings = Settings::new(client, "test", folder.to_owned());
        settings.storage.cache = false;
        settings.profile = folder.to_str().unwrap().replace('/', "-");
        let mut store = Store::new(&settings);
        store.keyring = Keyring::of("test", &store.name, Arc::new(healthy), Duration::from_secs(3));
        store
    }

    const NOW: Timestamp = Timestamp::from_seconds(1000);
    const END: Timestamp = Timestamp::from_seconds(1300);
    const HANDLE: &str = "bcdfghjk";

    fn parked(store: &Store) {
        store.park(HANDLE, &Secret::from("the login"), END, NOW).unwrap();
    }

    fn take(store: &Store, now: Timestamp) -> Result<Option<String>, Error> {
        let taken = store.take_parked(HANDLE, now, |login| Ok(login.expose().clone()))?;
        Ok(taken.map(|(login, _)| login))
    }

    #[test]
    fn is_sealed_and_taken_once() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(folder.path());
        assert_eq!(take(&store, NOW), Ok(None));
        parked(&store);
        let bytes = fs::read(store.parked(HANDLE)).unwrap();
        assert!(!bytes.windows(9).any(|part| part == b"the login"));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(fs::metadata(store.parked(HANDLE)).unwrap().permissions().mode() & 0o777, 0o600);
        }
        let refused: Result<Option<((), _)>, _> =
            store.take_parked(HANDLE, NOW, |_| Err(Error::NotTheCallback));
        assert_eq!(refused.err(), Some(Error::NotTheCallback), "it stays");
        assert_eq!(take(&store, NOW), Ok(Some(String::from("the login"))));
        assert_eq!(take(&store, NOW), Ok(None));
    }

    #[test]
    fn ends_when_its_time_is_over() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(folder.path());
        parked(&store);
        assert_eq!(take(&store, END), Ok(None));
        assert!(!store.parked(HANDLE).exists());
        // One that nobody asks for goes with the next that is parked.
        parked(&store);
        store.park("ccccdddd", &Secret::from("x"), END, END).unwrap();
        assert!(!store.parked(HANDLE).exists());
    }

    #[test]
    fn cannot_be_made_to_live_longer_or_under_another_name() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(folder.path());
        parked(&store);
        let mut bytes = fs::read(store.parked(HANDLE)).unwrap();
        bytes[SEALED.len() + 2] = 1;
        fs::write(store.parked(HANDLE), &bytes).unwrap();
        assert_eq!(take(&store, NOW), Ok(None), "its end is sealed in");
        parked(&store);
        fs::rename(store.parked(HANDLE), store.parked("ccccdddd")).unwrap();
        let other = store.take_parked("ccccdddd", NOW, Ok);
        assert!(other.unwrap().is_none(), "and so is its name");
    }

    #[test]
    fn a_locked_keyring_loses_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = store(folder.path());
        parked(&store);
        let unlocked = std::mem::replace(
            &mut store.keyring,
            Keyring::of("test", "x", Arc::new(locked), Duration::from_secs(3)),
        );
        assert_eq!(take(&store, NOW), Err(Error::StoreLocked));
        store.keyring = unlocked;
        assert_eq!(take(&store, NOW), Ok(Some(String::from("the login"))));
    }
}
