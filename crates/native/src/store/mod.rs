//! Where a session is kept: in a sealed file whose keys lie in the OS keyring, or, where the platform allows it and
//! there is no keyring, in a plain file for its owner alone.

mod file;
mod keyring;
mod parked;
mod sealed;
#[cfg(test)]
mod tests;

use std::path::Path;

use aws_lc_rs::digest::{SHA256, digest};
use gatepass_core::error::Error;
use gatepass_core::secret::{Secret, SecretBytes};
use gatepass_core::session::record::{Generation, Part, Record};

pub(crate) use self::file::Paths;
use self::file::{Frame, exclusive, make_folder};
pub(crate) use self::keyring::Keyring;
use self::sealed::{Keys, Section};
use crate::random::OsDice;

/// What to do where there is no keyring at all. A keyring that is only locked never leads here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fallback {
    /// Refuse to sign in.
    Deny,
    /// Keep the session in a plain file, readable by its owner alone, and say so.
    File,
}

/// How a session is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keeping {
    /// In a file sealed under keys in the OS keyring.
    Sealed,
    /// In a plain file.
    Plain,
}

impl Keeping {
    /// The name that `status` prints.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sealed => "sealed",
            Self::Plain => "file",
        }
    }
}

/// What a conditional change did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Changed {
    /// It is done and durable.
    Done,
    /// Somebody else was faster; nothing was done.
    Moved,
}

/// The store of one session.
#[derive(Clone, Debug)]
pub(crate) struct Store {
    name: String,
    pub(crate) paths: Paths,
    keyring: Keyring,
}

impl Store {
    /// The store for one account of one client at one issuer. Touches nothing yet.
    pub(crate) fn new(folder: &Path, service: &str, grant: &[&str]) -> Self {
        // A name that any file system and keyring takes, and that tells nothing.
        let hash = digest(&SHA256, grant.join("\n").as_bytes());
        let name: String = hash.as_ref()[..16].iter().map(|byte| format!("{byte:02x}")).collect();
        Self { paths: Paths::new(folder, &name), keyring: Keyring::new(service, &name), name }
    }

    /// How the stored session is kept, if there is one.
    pub(crate) fn keeping(&self) -> Result<Option<Keeping>, Error> {
        Ok(file::read(&self.paths.session)?.map(|frame| keeping(&frame)))
    }

    /// Proves that a session could be kept, before anybody is asked to sign in, and says how it will be.
    pub(crate) fn prove(&self, fallback: Fallback) -> Result<Keeping, Error> {
        if let Some(folder) = self.paths.session.parent() {
            make_folder(folder)?;
        }
        let _guard = exclusive(&self.paths.store_lock)?;
        // A session stays where it is: a hiccup must not turn a secret into plain text. One that cannot be read could
        // not be replaced at the end either, so that is said before anybody signs in.
        if let Some(keeping) = self.keeping()? {
            self.load(Part::Whole)?;
            return Ok(keeping);
        }
        match self.keys() {
            Ok(_) => Ok(Keeping::Sealed),
            Err(Error::StoreUnavailable) if fallback == Fallback::File => {
                // Write, read, delete: the folder must be able to hold a session.
                let frame = Frame {
                    sealed: false,
                    generation: Generation::from_number(0),
                    access: Secret::new(Vec::new()),
                    rest: Secret::new(Vec::new()),
                };
                let probe = self.paths.session.with_extension("probe");
                file::write(&probe, &frame)?;
                file::read(&probe)?.ok_or(Error::StoreUnavailable)?;
                file::remove(&probe)?;
                Ok(Keeping::Plain)
            }
            Err(error) => Err(error),
        }
    }

    /// The keys in the keyring; made, stored and read back if there are none.
    fn keys(&self) -> Result<Keys, Error> {
        if let Some(bytes) = self.keyring.get()? {
            return Keys::read(bytes);
        }
        let keys = Keys::generate(&mut OsDice)?;
        self.keyring.set(keys.bytes())?;
        Ok(keys)
    }

    /// Reads the session, or the part of it that is asked for.
    pub(crate) fn load(&self, part: Part) -> Result<Option<Record>, Error> {
        let mut result = Err(Error::StoreCorrupt);
        // A sign-out and a new sign-in between reading the file and its keys look like corruption: look once more.
        for _ in 0..2 {
            let Some(frame) = file::read(&self.paths.session)? else { return Ok(None) };
            result = self.open(&frame, part).map(Some);
            if result.as_ref().err() != Some(&Error::StoreCorrupt) {
                break;
            }
        }
        result
    }

    fn open(&self, frame: &Frame, part: Part) -> Result<Record, Error> {
        if !frame.sealed {
            let rest = (part == Part::Whole).then(|| frame.rest.expose().as_slice());
            return Record::decode(frame.access.expose(), rest);
        }
        let keys = Keys::read(self.keyring.get()?.ok_or(Error::StoreCorrupt)?)?;
        let open =
            |section, bytes: &SecretBytes| sealed::open(&keys, &self.name, section, frame.generation, bytes);
        let access = open(Section::Access, &frame.access)?;
        let rest = match part {
            Part::Access => None,
            Part::Whole => Some(open(Section::Rest, &frame.rest)?),
        };
        Record::decode(access.expose(), rest.as_ref().map(|rest| rest.expose().as_slice()))
    }

    /// Stores a record, if what is stored still has the generation `expect`.
    pub(crate) fn save(
        &self,
        record: &Record,
        expect: Option<Generation>,
        fallback: Fallback,
    ) -> Result<Changed, Error> {
        let encoded = record.encode()?;
        let _guard = exclusive(&self.paths.store_lock)?;
        let stored = file::read(&self.paths.session)?;
        if stored.as_ref().map(|frame| frame.generation) != expect {
            return Ok(Changed::Moved);
        }
        // Where it is kept is decided once, at sign-in.
        let sealed = match &stored {
            Some(frame) => frame.sealed,
            None => match self.keys() {
                Ok(_) => true,
                Err(Error::StoreUnavailable) if fallback == Fallback::File => false,
                Err(error) => return Err(error),
            },
        };
        let generation = record.generation;
        let frame = if sealed {
            let keys = self.keys()?;
            let seal = |section, text: &Secret| {
                sealed::seal(&keys, &self.name, section, generation, text, &mut OsDice)
            };
            let access = seal(Section::Access, &encoded.access)?;
            Frame { sealed, generation, access, rest: seal(Section::Rest, &encoded.rest)? }
        } else {
            let bytes = |text: &Secret| Secret::new(text.expose().clone().into_bytes());
            Frame { sealed, generation, access: bytes(&encoded.access), rest: bytes(&encoded.rest) }
        };
        file::write(&self.paths.session, &frame)?;
        Ok(Changed::Done)
    }

    /// Removes the session and its keys, if it still has the generation `expect`.
    pub(crate) fn erase(&self, expect: Generation) -> Result<Changed, Error> {
        let _guard = exclusive(&self.paths.store_lock)?;
        let Some(stored) = file::read(&self.paths.session)? else { return Ok(Changed::Moved) };
        if stored.generation != expect {
            return Ok(Changed::Moved);
        }
        file::remove(&self.paths.session)?;
        if stored.sealed {
            // The session is gone; keys that stay behind open nothing.
            let _ = self.keyring.delete();
        }
        Ok(Changed::Done)
    }

    /// Removes the session and its keys without reading them.
    pub(crate) fn forget(&self) -> Result<(), Error> {
        let _guard = exclusive(&self.paths.store_lock)?;
        file::remove(&self.paths.session)?;
        let _ = self.keyring.delete();
        Ok(())
    }
}

fn keeping(frame: &Frame) -> Keeping {
    if frame.sealed { Keeping::Sealed } else { Keeping::Plain }
}
