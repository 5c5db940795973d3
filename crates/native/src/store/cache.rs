//! The key of the access tokens in the kernel's keyring of this user (Linux), so that a cached token asks no bus.
//!
//! The kernel forgets it when the last token that it opens has ended. What opens the rest of a session, with its
//! refresh token, is never here. Where there is no such keyring (other systems, containers without `keyctl`), it is
//! only slower: nothing here fails.

#[cfg(target_os = "linux")]
pub(crate) use self::linux::Cache;
#[cfg(not(target_os = "linux"))]
pub(crate) use self::nowhere::Cache;

#[cfg(target_os = "linux")]
mod linux {
    use std::time::Duration;

    use gatepass_core::secret::Secret;
    use linux_keyutils::{KeyError, KeyRing, KeyRingIdentifier};

    use crate::store::sealed::Key;

    /// One entry of the kernel's keyring.
    #[derive(Clone, Debug)]
    pub(crate) struct Cache {
        /// By which it is found. Every process of the user can read it, so it is a hash.
        pub(crate) description: String,
    }

    impl Cache {
        pub(crate) fn new(name: &str) -> Self {
            Self { description: format!("gatepass:{name}") }
        }

        /// The key, if the kernel still has it.
        pub(crate) fn get(&self) -> Option<Key> {
            let (_, user) = rings().ok()?;
            let mut bytes = vec![0; 64];
            let length = user.search(&self.description).ok()?.read(&mut bytes).ok()?;
            bytes.truncate(length);
            Some(Key(Secret::new(bytes)))
        }

        /// Keeps the key for so long.
        pub(crate) fn put(&self, key: &Key, life: Duration) {
            if life.as_secs() == 0 || self.try_put(key, life).is_err() {
                // What is there may be another session's.
                self.clear();
            }
        }

        fn try_put(&self, key: &Key, life: Duration) -> Result<(), KeyError> {
            let (process, user) = rings()?;
            // It gets its time limit before others can see it: killed in between, this process leaves nothing behind.
            let entry = process.add_key(&self.description, key.0.expose())?;
            let seconds = usize::try_from(life.as_secs()).unwrap_or(usize::MAX);
            let linked = entry.set_timeout(seconds).and_then(|()| user.link_key(entry));
            process.unlink_key(entry)?;
            linked
        }

        /// Forgets the key.
        pub(crate) fn clear(&self) {
            if let Ok((_, user)) = rings()
                && let Ok(entry) = user.search(&self.description)
            {
                // At once for everybody, or, on kernels that cannot do that, for whoever looks here.
                let _ = entry.invalidate();
                let _ = user.unlink_key(entry);
            }
        }
    }

    /// The keyrings of this process and of its user. The second hangs in the first, because the kernel lets a process
    /// read only what it reaches by its own keyrings; not every way to start a process sees to that.
    fn rings() -> Result<(KeyRing, KeyRing), KeyError> {
        let process = KeyRing::from_special_id(KeyRingIdentifier::Process, true)?;
        let user = KeyRing::from_special_id(KeyRingIdentifier::User, true)?;
        process.link_keyring(user)?;
        Ok((process, user))
    }
}

#[cfg(not(target_os = "linux"))]
mod nowhere {
    use std::time::Duration;

    use crate::store::sealed::Key;

    /// No cache.
    #[derive(Clone, Debug)]
    pub(crate) struct Cache;

    impl Cache {
        pub(crate) const fn new(_name: &str) -> Self {
            Self
        }

        pub(crate) const fn get(&self) -> Option<Key> {
            None
        }

        pub(crate) const fn put(&self, _key: &Key, _life: Duration) {}

        pub(crate) const fn clear(&self) {}
    }
}
