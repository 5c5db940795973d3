//! The lock around one session's refresh: a file beside the store, never the store's own file.

use std::fs::{File, TryLockError};
use std::path::Path;
use std::time::Duration;

use gatepass_core::error::Error;

/// How long a transaction waits for another process: longer than that one may hold the lock, with two requests of 20
/// seconds (the second with the server's nonce) and a keyring that takes its time.
pub(crate) const WAIT: Duration = Duration::from_secs(60);

/// The lock, held until dropped; the operating system releases it for a process that dies.
#[derive(Debug)]
pub(crate) struct Guard(#[expect(dead_code, reason = "held for its drop")] File);

/// Waits for the lock for at most `limit`; `None` if somebody else held it for all of that time.
///
/// std's `File::lock` has no limit, so this asks again and again, at growing distances.
pub(crate) async fn lock(path: &Path, limit: Duration) -> Result<Option<Guard>, Error> {
    let mut pause = Duration::from_millis(2);
    let mut waited = Duration::ZERO;
    loop {
        if let Some(guard) = try_lock(path)? {
            return Ok(Some(guard));
        }
        if waited >= limit {
            return Ok(None);
        }
        tokio::time::sleep(pause).await;
        waited += pause;
        pause = (pause * 2).min(Duration::from_millis(50));
    }
}

/// Takes the lock if it is free.
pub(crate) fn try_lock(path: &Path) -> Result<Option<Guard>, Error> {
    let mut options = File::options();
    options.create(true).truncate(false).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(path).map_err(|_| Error::StoreUnavailable)?;
    match file.try_lock() {
        Ok(()) => Ok(Some(Guard(file))),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(_)) => Err(Error::StoreUnavailable),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(flavor = "current_thread")]
    async fn waits_no_longer_than_its_limit() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.lock");
        let first = lock(&path, Duration::ZERO).await.unwrap();
        assert!(first.is_some());
        assert!(lock(&path, Duration::from_millis(20)).await.unwrap().is_none());
        drop(first);
        assert!(lock(&path, Duration::ZERO).await.unwrap().is_some());
    }
}
