//! One file: written by temp, fsync and rename, so that it is there whole or not at all.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use gatepass_core::error::Error;
use gatepass_core::secret::{Secret, SecretBytes};

use crate::lock::{Guard, try_lock};

/// No session is larger; a file that is was not written here.
const MAX_FILE: u64 = 1024 * 1024;

/// Reads a file; `None` if it is not there.
pub(crate) fn read(path: &Path) -> Result<Option<SecretBytes>, Error> {
    let metadata = match fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(error) => return absent(&error),
    };
    // A pipe would be waited for without end.
    if !metadata.is_file() {
        return Err(Error::StoreUnavailable);
    }
    if metadata.len() > MAX_FILE {
        return Err(Error::StoreCorrupt);
    }
    match fs::read(path) {
        Ok(bytes) => Ok(Some(Secret::new(bytes))),
        Err(error) => absent(&error),
    }
}

/// A file that is not there, in a folder that is not there or where a file stands, is no error.
fn absent<T>(error: &std::io::Error) -> Result<Option<T>, Error> {
    match error.kind() {
        ErrorKind::NotFound | ErrorKind::NotADirectory => Ok(None),
        _ => Err(Error::StoreUnavailable),
    }
}

/// Puts a file in place of what is there, whole or not at all, also when the power goes. Its folder is made if it is
/// not there.
pub(crate) fn write(path: &Path, bytes: &SecretBytes) -> Result<(), Error> {
    // What could not be read again is not written: what is there stays.
    if bytes.expose().len() as u64 > MAX_FILE {
        return Err(Error::StoreUnavailable);
    }
    if let Some(folder) = path.parent() {
        make_folder(folder)?;
    }
    // Only one writer at a time comes here, so one name is enough; what a crash left goes.
    let temporary = temporary(path);
    remove_one(&temporary)?;
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
    // A new file or none: no link is followed, and no owner and mode are taken over from what somebody laid there.
    options.create_new(true).write(true);
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

/// Beside the file, under a name of its own: `refresh-token.work` and `refresh-token.home` are two files.
fn temporary(path: &Path) -> PathBuf {
    beside(path, ".new")
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(ending);
    PathBuf::from(name)
}

fn remove_one(path: &Path) -> Result<(), Error> {
    match fs::remove_file(path) {
        Ok(()) => {
            sync_folder(path);
            Ok(())
        }
        Err(error) => absent(&error).map(|_: Option<()>| ()),
    }
}

/// Proves that a file could be written, read and removed at this path, and leaves what is there alone.
pub(crate) fn probe(path: &Path) -> Result<(), Error> {
    // A folder in the way is found out now.
    if path.is_dir() {
        return Err(Error::StoreUnavailable);
    }
    let probe = beside(path, ".probe");
    let content = Secret::new(b"probe".to_vec());
    write(&probe, &content)?;
    let found = read(&probe)?;
    let own = is_own_folder_of(&probe);
    remove(&probe)?;
    if !own? {
        return Err(Error::StoreExposed);
    }
    if found.as_ref() == Some(&content) { Ok(()) } else { Err(Error::StoreUnavailable) }
}

/// Whether the folder around a file that was written just now belongs to the same person, and nobody else can write in
/// it: whoever can, can put another file in place of it.
#[cfg(unix)]
fn is_own_folder_of(file: &Path) -> Result<bool, Error> {
    use std::os::unix::fs::MetadataExt;
    const OTHERS_WRITE: u32 = 0o022;
    let metadata = |path: &Path| fs::metadata(path).map_err(|_| Error::StoreUnavailable);
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = metadata(folder.unwrap_or_else(|| Path::new(".")))?;
    Ok(folder.uid() == metadata(file)?.uid() && folder.mode() & OTHERS_WRITE == 0)
}

#[cfg(not(unix))]
const fn is_own_folder_of(_file: &Path) -> Result<bool, Error> {
    Ok(true)
}

/// Makes the folder, for its owner alone. One that is there is left as it is.
pub(crate) fn make_folder(folder: &Path) -> Result<(), Error> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder).map_err(|_| Error::StoreUnavailable)
}

/// A short lock around compare and change; nobody holds it over a network or a person.
pub(crate) fn exclusive(path: &Path) -> Result<Guard, Error> {
    if let Some(folder) = path.parent() {
        make_folder(folder)?;
    }
    // The holder may wait for a keyring twice.
    for _ in 0..1000 {
        if let Some(guard) = try_lock(path)? {
            return Ok(guard);
        }
        thread::sleep(Duration::from_millis(10));
    }
    Err(Error::Busy)
}
