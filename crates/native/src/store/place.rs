//! Where the session of one grant may lie, and where it does.
//!
//! A session stays where its sign-in put it, whatever a manifest says later, so what cannot be found by its name alone
//! leaves a mark: an empty file for one that lies in the keyring, a file with a path for one that a manifest named.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use aws_lc_rs::digest::{SHA256, digest};
use gatepass_core::error::Error;
use gatepass_core::secret::{Secret, SecretBytes};

use crate::store::file;

/// The place of one session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Seat {
    /// The session's own file in the folder.
    Folder,
    /// A file that a manifest named.
    Named(PathBuf),
    /// The keyring's entry.
    Keyring,
}

/// The paths of one session.
#[derive(Clone, Debug)]
pub(crate) struct Paths {
    /// The session, if it lies in the folder.
    pub(crate) session: PathBuf,
    /// The lock around a refresh.
    pub(crate) refresh_lock: PathBuf,
    /// The lock around compare and change.
    pub(crate) store_lock: PathBuf,
    in_keyring: PathBuf,
    in_file: PathBuf,
    /// What the manifest names today.
    named: Option<PathBuf>,
}

impl Paths {
    pub(crate) fn new(folder: &Path, name: &str, named: Option<&Path>) -> Self {
        let path = |ending: &str| folder.join(format!("{name}.{ending}"));
        Self {
            session: path("session"),
            refresh_lock: path("lock"),
            store_lock: path("store-lock"),
            in_keyring: path("keyring"),
            in_file: path("file"),
            named: named.map(Path::to_owned),
        }
    }

    /// Where a session is looked for, in this order. Finding out asks no keyring.
    pub(crate) fn seats(&self) -> Result<Vec<Seat>, Error> {
        let mut seats = Vec::new();
        if self.session.exists() {
            seats.push(Seat::Folder);
        }
        let marked = file::read(&self.in_file)?.map(|bytes| path(&bytes)).filter(|marked| marked.exists());
        seats.extend(marked.clone().map(Seat::Named));
        if self.in_keyring.exists() {
            seats.push(Seat::Keyring);
        }
        // One that came without its mark: copied from another machine, or the folder was cleared.
        let named = self.named.as_ref().filter(|named| marked.as_ref() != Some(named) && named.exists());
        seats.extend(named.cloned().map(Seat::Named));
        Ok(seats)
    }

    /// Where a plain session goes.
    pub(crate) fn plain(&self) -> Seat {
        self.named.clone().map_or(Seat::Folder, Seat::Named)
    }

    /// The file of a seat; `None` for the keyring.
    pub(crate) fn file<'a>(&'a self, seat: &'a Seat) -> Option<&'a Path> {
        match seat {
            Seat::Folder => Some(&self.session),
            Seat::Named(path) => Some(path),
            Seat::Keyring => None,
        }
    }

    /// Says where a session is going to lie. It comes before the session: a mark without one means that nobody is
    /// signed in, a session without its mark would be lost.
    pub(crate) fn mark(&self, seat: &Seat) -> Result<(), Error> {
        match seat {
            Seat::Folder => Ok(()),
            Seat::Named(path) => file::write(&self.in_file, &Secret::new(bytes(path))),
            Seat::Keyring => file::write(&self.in_keyring, &Secret::new(Vec::new())),
        }
    }

    /// Takes the mark of a seat away again, after its session.
    pub(crate) fn unmark(&self, seat: &Seat) -> Result<(), Error> {
        match seat {
            Seat::Folder => Ok(()),
            Seat::Named(_) => file::remove(&self.in_file),
            Seat::Keyring => file::remove(&self.in_keyring),
        }
    }

    /// Takes away every mark.
    pub(crate) fn unmark_all(&self) -> Result<(), Error> {
        file::remove(&self.in_file)?;
        file::remove(&self.in_keyring)
    }

    /// The lock around changes of a named file, which several grants may share.
    pub(crate) fn lock_of(&self, named: &Path) -> PathBuf {
        let name = hashed(&bytes(named));
        self.store_lock.with_file_name(format!("{name}.store-lock"))
    }

    /// When this session's file or mark was last changed, by its file system.
    pub(crate) fn changed_at(&self) -> Option<std::time::SystemTime> {
        let files = [&self.session, &self.in_file, &self.in_keyring];
        files.into_iter().chain(&self.named).find_map(|path| fs::metadata(path).ok()?.modified().ok())
    }
}

/// A name that any file system and keyring takes, and that tells nothing.
pub(crate) fn hashed(bytes: &[u8]) -> String {
    let hash = digest(&SHA256, bytes);
    hash.as_ref()[..16].iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A path as bytes that the same system reads again.
fn bytes(path: &Path) -> Vec<u8> {
    path.as_os_str().as_encoded_bytes().to_vec()
}

#[cfg(unix)]
fn path(bytes: &SecretBytes) -> PathBuf {
    PathBuf::from(<OsString as std::os::unix::ffi::OsStringExt>::from_vec(bytes.expose().clone()))
}

#[cfg(not(unix))]
fn path(bytes: &SecretBytes) -> PathBuf {
    // A path that is no text does not come out of a manifest.
    PathBuf::from(OsString::from(String::from_utf8_lossy(bytes.expose()).into_owned()))
}
