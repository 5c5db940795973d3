//! One session in one file: written by temp, fsync and rename, compared and changed under a short lock.

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use gatepass_core::error::Error;
use gatepass_core::secret::{Secret, SecretBytes};
use gatepass_core::session::record::Generation;

use crate::lock::{Guard, try_lock};

/// The first line of a sealed file and of a plain one. The version is that of the frame, not of the record.
const SEALED: &[u8] = b"gatepass sealed 1\n";
const PLAIN: &[u8] = b"gatepass plain 1\n";

/// No session is larger; a file that is was not written here.
const MAX_FILE: u64 = 1024 * 1024;

/// Both parts of a record as they stand in a file.
pub(crate) struct Frame {
    /// Whether the parts are ciphertext.
    pub(crate) sealed: bool,
    /// The generation, readable without a key.
    pub(crate) generation: Generation,
    /// The part that a cached token needs.
    pub(crate) access: SecretBytes,
    /// The part that gets new ones.
    pub(crate) rest: SecretBytes,
}

/// Reads a file; `None` if it is not there.
pub(crate) fn read(path: &Path) -> Result<Option<Frame>, Error> {
    let length = match fs::metadata(path) {
        Ok(metadata) => metadata.len(),
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(_) => return Err(Error::StoreUnavailable),
    };
    if length > MAX_FILE {
        return Err(Error::StoreCorrupt);
    }
    match fs::read(path) {
        Ok(bytes) => parse(&Secret::new(bytes)).map(Some).ok_or(Error::StoreCorrupt),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(_) => Err(Error::StoreUnavailable),
    }
}

fn parse(bytes: &SecretBytes) -> Option<Frame> {
    let bytes = bytes.expose().as_slice();
    let (sealed, rest) = match bytes.strip_prefix(SEALED) {
        Some(rest) => (true, rest),
        None => (false, bytes.strip_prefix(PLAIN)?),
    };
    let (generation, rest) = rest.split_first_chunk()?;
    let (length, rest) = rest.split_first_chunk()?;
    let (access, rest) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
    Some(Frame {
        sealed,
        generation: Generation::from_number(u64::from_le_bytes(*generation)),
        access: Secret::new(access.to_vec()),
        rest: Secret::new(rest.to_vec()),
    })
}

/// Puts a file in place of what is there, whole or not at all, also when the power goes.
pub(crate) fn write(path: &Path, frame: &Frame) -> Result<(), Error> {
    let access = frame.access.expose();
    let length = u32::try_from(access.len()).map_err(|_| Error::Bug)?;
    let mut bytes = Vec::with_capacity(64 + access.len() + frame.rest.expose().len());
    bytes.extend_from_slice(if frame.sealed { SEALED } else { PLAIN });
    bytes.extend_from_slice(&frame.generation.number().to_le_bytes());
    bytes.extend_from_slice(&length.to_le_bytes());
    bytes.extend_from_slice(access);
    bytes.extend_from_slice(frame.rest.expose());
    let bytes = Secret::new(bytes);
    // What could not be read again is not written: the session that is there stays.
    if bytes.expose().len() as u64 > MAX_FILE {
        return Err(Error::StoreUnavailable);
    }
    // Only one writer at a time comes here, so one name is enough; what a crash left is overwritten.
    let temporary = temporary(path);
    let written = write_durably(&temporary, bytes.expose()).and_then(|()| fs::rename(&temporary, path));
    if written.is_err() {
        drop(fs::remove_file(&temporary));
        return Err(Error::StoreUnavailable);
    }
    sync_folder(path);
    Ok(())
}

fn write_durably(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut options = File::options();
    options.create(true).truncate(true).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Makes the rename itself durable. Some file systems cannot; the file is whole either way.
fn sync_folder(path: &Path) {
    #[cfg(unix)]
    if let Some(folder) = path.parent().and_then(|folder| File::open(folder).ok()) {
        drop(folder.sync_all());
    }
    #[cfg(not(unix))]
    let _ = path;
}

/// Removes a file, if it is there, and first what a crash may have left of writing it.
pub(crate) fn remove(path: &Path) -> Result<(), Error> {
    remove_one(&temporary(path))?;
    remove_one(path)
}

fn temporary(path: &Path) -> PathBuf {
    path.with_extension("new")
}

fn remove_one(path: &Path) -> Result<(), Error> {
    match fs::remove_file(path) {
        Ok(()) => {
            sync_folder(path);
            Ok(())
        }
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(_) => Err(Error::StoreUnavailable),
    }
}

/// Makes the folder, for its owner alone.
pub(crate) fn make_folder(folder: &Path) -> Result<(), Error> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder).map_err(|_| Error::StoreUnavailable)
}

/// The short lock around compare and change; nobody holds it over a network or a person.
pub(crate) fn exclusive(path: &Path) -> Result<Guard, Error> {
    // The holder may wait for a keyring twice.
    for _ in 0..1000 {
        if let Some(guard) = try_lock(path)? {
            return Ok(guard);
        }
        thread::sleep(Duration::from_millis(10));
    }
    Err(Error::Busy)
}

/// The paths of one session.
#[derive(Clone, Debug)]
pub(crate) struct Paths {
    /// The session.
    pub(crate) session: PathBuf,
    /// The lock around a refresh.
    pub(crate) refresh_lock: PathBuf,
    /// The lock around compare and change.
    pub(crate) store_lock: PathBuf,
}

impl Paths {
    pub(crate) fn new(folder: &Path, name: &str) -> Self {
        let path = |ending: &str| folder.join(format!("{name}.{ending}"));
        Self { session: path("session"), refresh_lock: path("lock"), store_lock: path("store-lock") }
    }
}
