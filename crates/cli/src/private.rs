//! Small files of this program: their owner's alone, written whole or not at all, changed by one process at a time.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::words::Trouble;

/// Reads a document (JSON); one that is not there is empty, one that cannot be read is not.
pub(crate) fn read<T: DeserializeOwned + Default>(path: &Path) -> Result<T, Trouble> {
    match fs::read(path) {
        Ok(bytes) => serde_json::from_slice(&bytes)
            .map_err(|_| Trouble::Usage(format!("`{}` cannot be read: mend or remove it", path.display()))),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(T::default()),
        Err(error) => Err(Trouble::Usage(format!("cannot read `{}`: {error}", path.display()))),
    }
}

/// Reads a document, changes it and writes it. Who changes it at the same time waits.
pub(crate) fn change<T, R>(path: &Path, change: impl FnOnce(&mut T) -> R) -> Result<R, Trouble>
where
    T: Serialize + DeserializeOwned + Default,
{
    let failed = |error| Trouble::Usage(format!("cannot write `{}`: {error}", path.display()));
    path.parent().map_or(Ok(()), folder).map_err(failed)?;
    // Freed when it is closed, whatever becomes of this process.
    let lock = open(&path.with_extension("lock"), 0o600, File::options().create(true).truncate(false));
    let lock = lock.map_err(failed)?;
    lock.lock().map_err(failed)?;
    let mut document = read(path)?;
    let changed = change(&mut document);
    let text = serde_json::to_string_pretty(&document).map_err(|error| failed(error.into()))?;
    write(path, &text, 0o600).map_err(failed)?;
    Ok(changed)
}

/// Makes a folder and those above it, whoever comes first.
pub(crate) fn folder(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.recursive(true).create(folder)
}

/// Writes a file, whole or not at all. What a process left that died is in nobody's way.
pub(crate) fn write(path: &Path, text: &str, mode: u32) -> io::Result<()> {
    let mut new = path.as_os_str().to_owned();
    new.push(".new");
    match fs::remove_file(&new) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    open(Path::new(&new), mode, File::options().create_new(true))?.write_all(text.as_bytes())?;
    fs::rename(&new, path)
}

/// Opens a file to write; one that is made has this mode.
fn open(path: &Path, mode: u32, options: &mut OpenOptions) -> io::Result<File> {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, mode);
    #[cfg(not(unix))]
    let _ = mode;
    options.write(true).open(path)
}
