//! Folders that are gone afterwards.

use std::fs::{self, DirBuilder};
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::failure::Failure;
use crate::guardian;

/// A folder for this process alone (0700). Dropped, it is removed; so it is when this process is killed.
#[derive(Debug)]
pub(crate) struct Folder(PathBuf);

impl Folder {
    /// Makes one inside `parent`: on the same file system, so that renaming out of it is one step.
    /// (`std::env::temp_dir()` where that does not matter.)
    pub(crate) fn within(parent: &Path, name: &str) -> Result<Self, Failure> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = parent.join(format!("gatepass-{name}-{}-{count}", process::id()));
        let mut builder = DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        // Not recursive: a folder that somebody else prepared under this name is refused.
        fs::create_dir_all(parent)
            .and_then(|()| builder.create(&path))
            .map_err(|error| Failure::io(format!("cannot make {}", path.display()), &error))?;
        guardian::watch_folder(&path);
        Ok(Self(path))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
