//! Where a session is kept: in a sealed file whose keys lie in the OS keyring, in that keyring itself, in a plain file
//! for its owner alone, or, where there is no keyring, in a file sealed under a passphrase.
//!
//! All of them change under one lock, by comparing generations, and whole or not at all.

mod cache;
mod file;
mod frame;
mod keyring;
mod parked;
mod passphrase;
mod place;
mod prove;
pub(crate) mod register;
mod sealed;
#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use gatepass_core::error::Error;
use gatepass_core::secret::{Secret, SecretBytes};
use gatepass_core::session::record::{Encoded, Generation, Part, Record};
use gatepass_core::time::Timestamp;

use self::cache::Cache;
use self::file::exclusive;
pub(crate) use self::file::make_folder;
use self::frame::{Frame, Kind};
pub(crate) use self::keyring::Keyring;
use self::passphrase::{Work, Wrapped};
pub(crate) use self::place::Paths;
use self::place::{Seat, hashed};
use self::register::Register;
use self::sealed::{Key, Keys, Section};
use crate::lock::Guard;
use crate::random::OsDice;
use crate::settings::{AskPassphrase, Keeping, Place, Settings, Storage};

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
    storage: Storage,
    keyring: Keyring,
    /// The key of the access part, in the kernel. Whether it is used is the settings' word; it is cleared in any case,
    /// as it may be there from before they said no.
    cache: Cache,
    /// Which accounts there are.
    register: Register,
    memory: Arc<Mutex<Memory>>,
    /// What a passphrase costs to try.
    work: Work,
}

/// What one process knows after it has asked once.
#[derive(Debug, Default)]
struct Memory {
    /// How a session will be kept, as it was proved.
    proved: Option<Keeping>,
    /// What a person has typed.
    passphrase: Option<Secret>,
    /// What it opens.
    opened: Option<(Wrapped, Keys)>,
}

/// Locks on one session, in the order in which they were taken.
struct Locks {
    session: Arc<Guard>,
    _file: Option<Guard>,
}

impl Store {
    /// The store for one account of one client at one issuer. Touches nothing yet.
    pub(crate) fn new(settings: &Settings) -> Self {
        let client = &settings.client;
        let name = name_of([client.issuer.as_str(), client.client_id.as_str(), &settings.profile]);
        Self::of_name(settings, &name)
    }

    /// The store of the session that lies under this name in the same folder.
    pub(crate) fn of_name(settings: &Settings, name: &str) -> Self {
        let Settings { service, folder, storage, .. } = settings;
        // The kernel's keyring is one for all folders of a user.
        let place = [folder.as_os_str().as_encoded_bytes(), service.as_bytes(), name.as_bytes()].join(&0);
        Self {
            paths: Paths::new(folder, name, storage.file.as_deref()),
            storage: storage.clone(),
            keyring: Keyring::new(service, name),
            cache: Cache::new(&hashed(&place)),
            register: Register::of(settings),
            memory: Arc::default(),
            work: Work::USUAL,
            name: name.to_owned(),
        }
    }

    /// How the stored session is kept, if there is one.
    pub(crate) fn keeping(&self) -> Result<Option<Keeping>, Error> {
        // One in the folder is there, and one in a keyring is known by its mark: neither asks the keyring.
        match self.paths.seats()?.as_slice() {
            [] => Ok(None),
            [Seat::Keyring, ..] => Ok(Some(Keeping::Keyring)),
            _ => Ok(self.find()?.map(|(seat, frame)| keeping(&seat, &frame))),
        }
    }

    /// Asks for what only a person knows, while no lock is held.
    pub(crate) fn ready(&self) -> Result<(), Error> {
        if let Some(folder) = self.paths.session.parent() {
            file::make_folder(folder)?;
        }
        match self.read(&Seat::Folder) {
            Ok(Some(frame @ Frame { kind: Kind::Passphrase(_), .. })) => self.keys_of(&frame).map(drop),
            // Whoever loads it next says what is wrong with it.
            _ => Ok(()),
        }
    }

    /// Reads the session, or the part of it that is asked for.
    pub(crate) fn load(&self, part: Part, now: Timestamp) -> Result<Option<Record>, Error> {
        let mut result = Err(Error::StoreCorrupt);
        // A sign-out and a new sign-in between reading the file and its keys look like corruption: look once more.
        for _ in 0..2 {
            let Some((_, frame)) = self.find()? else { return Ok(None) };
            result = self.open(&frame, part, now).map(Some);
            if result.as_ref().err() != Some(&Error::StoreCorrupt) {
                break;
            }
        }
        result
    }

    /// Stores a record, if what is stored still has the generation `expect`.
    pub(crate) fn save(
        &self,
        record: &Record,
        expect: Option<Generation>,
        now: Timestamp,
    ) -> Result<Changed, Error> {
        let encoded = record.encode()?;
        self.ready()?;
        if expect.is_none() && self.memory().proved.is_none() {
            self.prove(now)?;
        }
        let locks = self.lock()?;
        let stored = self.find()?;
        if stored.as_ref().map(|(_, frame)| frame.generation) != expect {
            return Ok(Changed::Moved);
        }
        // Where it is kept is decided once, at sign-in.
        let (seat, kind, keeping) = match stored {
            Some((seat, frame)) => {
                let keeping = keeping(&seat, &frame);
                (seat, frame.kind, keeping)
            }
            None => {
                let keeping = self.memory().proved.ok_or(Error::Bug)?;
                let (seat, kind) = self.seat_for(keeping)?;
                // Somebody else may have signed in since it was proved.
                self.vacant(&seat)?;
                (seat, kind, keeping)
            }
        };
        let (frame, keys) = self.frame(kind, record.generation, &encoded, &locks)?;
        // The register comes first, and goes last: an account without a session is nobody, a session without its
        // account could not be found. It does not stand in the way of what a refresh has brought.
        let registered = self.register.enter(&record.view, keeping);
        if expect.is_none() {
            registered?;
            self.paths.mark(&seat)?;
        }
        self.write(&seat, &frame, &locks)?;
        if let Some(keys) = keys {
            self.cache_key(&keys, record, now);
        }
        Ok(Changed::Done)
    }

    /// Removes the session and its keys, if it still has the generation `expect`.
    pub(crate) fn erase(&self, expect: Generation) -> Result<Changed, Error> {
        let locks = self.lock()?;
        let Some((seat, frame)) = self.find()? else { return Ok(Changed::Moved) };
        if frame.generation != expect {
            return Ok(Changed::Moved);
        }
        self.cache.clear();
        match self.paths.file(&seat) {
            Some(path) => file::remove(path)?,
            None => self.keyring.delete(Some(&locks.session))?,
        }
        self.paths.unmark(&seat)?;
        if matches!(frame.kind, Kind::Sealed) {
            // The session is gone; keys that stay behind open nothing.
            let _ = self.keyring.delete(Some(&locks.session));
        }
        // As above: an account without a session is nobody.
        let _ = self.register.leave(&self.name);
        Ok(Changed::Done)
    }

    /// Removes whatever is stored without understanding it.
    pub(crate) fn forget(&self) -> Result<(), Error> {
        let locks = self.lock()?;
        self.cache.clear();
        // A plain file, or one under a passphrase, has nothing in the keyring.
        let mut keys = self.storage.place != Place::File;
        for seat in self.paths.seats()? {
            let found = self.read(&seat);
            match self.paths.file(&seat) {
                // Another grant's, or no session at all: the manifest may name whatever it likes.
                Some(_)
                    if matches!(seat, Seat::Named(_))
                        && !matches!(found, Ok(Some(_)) | Err(Error::StoreCorrupt)) => {}
                Some(path) => {
                    keys &= !matches!(&found, Ok(Some(frame)) if !matches!(frame.kind, Kind::Sealed));
                    file::remove(path)?;
                }
                None => self.keyring.delete(Some(&locks.session))?,
            }
        }
        // What a crash may have left.
        file::remove(&self.paths.session)?;
        self.paths.unmark_all()?;
        if keys {
            let _ = self.keyring.delete(Some(&locks.session));
        }
        self.register.leave(&self.name)
    }

    /// What is stored, and where.
    fn find(&self) -> Result<Option<(Seat, Frame)>, Error> {
        for seat in self.paths.seats()? {
            if let Some(frame) = self.read(&seat)? {
                return Ok(Some((seat, frame)));
            }
        }
        Ok(None)
    }

    /// What lies at one place, if it is this session. A keyring that knows no entry says that nobody is signed in.
    fn read(&self, seat: &Seat) -> Result<Option<Frame>, Error> {
        let bytes = match (seat, self.paths.file(seat)) {
            // Larger than anything of ours.
            (Seat::Named(_), Some(path)) => file::read(path).map_err(|error| match error {
                Error::StoreCorrupt => Error::StoreTaken,
                error => error,
            })?,
            (_, Some(path)) => file::read(path)?,
            (_, None) => self.keyring.get()?,
        };
        let Some(bytes) = bytes else { return Ok(None) };
        match (Frame::parse(&bytes, &self.name), seat) {
            (Err(Error::StoreCorrupt), Seat::Named(_)) if !Frame::is_remnant(&bytes, &self.name) => {
                Err(Error::StoreTaken)
            }
            (frame, _) => frame,
        }
    }

    fn write(&self, seat: &Seat, frame: &Frame, locks: &Locks) -> Result<(), Error> {
        let bytes = frame.write(&self.name)?;
        match self.paths.file(seat) {
            Some(path) => file::write(path, &bytes),
            None => self.keyring.set(&bytes, Some(&locks.session)),
        }
    }

    fn open(&self, frame: &Frame, part: Part, now: Timestamp) -> Result<Record, Error> {
        if matches!(frame.kind, Kind::Plain) {
            let rest = (part == Part::Whole).then(|| frame.rest.expose().as_slice());
            return Record::decode(frame.access.expose(), rest);
        }
        let open = |key: &Key, section, bytes: &SecretBytes| {
            sealed::open(key, &self.name, section, frame.generation, bytes)
        };
        // A key that does not fit is one of an earlier session: the keyring knows better.
        if part == Part::Access
            && self.storage.cache
            && let Some(key) = self.cache.get()
            && let Ok(access) = open(&key, Section::Access, &frame.access)
        {
            return Record::decode(access.expose(), None);
        }
        let keys = self.keys_of(frame)?;
        let access = open(&keys.key(Section::Access), Section::Access, &frame.access)?;
        let rest = match part {
            Part::Access => None,
            Part::Whole => Some(open(&keys.key(Section::Rest), Section::Rest, &frame.rest)?),
        };
        let record = Record::decode(access.expose(), rest.as_ref().map(|rest| rest.expose().as_slice()))?;
        self.cache_key(&keys, &record, now);
        Ok(record)
    }

    /// The keys of a sealed session.
    fn keys_of(&self, frame: &Frame) -> Result<Keys, Error> {
        match &frame.kind {
            Kind::Passphrase(wrapped) => self.unwrapped(wrapped),
            _ => Keys::read(self.keyring.get()?.ok_or(Error::StoreCorrupt)?),
        }
    }

    /// Opens wrapped keys by the passphrase; asks for it if nobody has.
    fn unwrapped(&self, wrapped: &Wrapped) -> Result<Keys, Error> {
        /// How often somebody may be mistaken.
        const TRIES: u8 = 3;

        let known = {
            let memory = self.memory();
            if let Some((opened, keys)) = &memory.opened
                && opened == wrapped
            {
                return Ok(keys.duplicate());
            }
            memory.passphrase.as_ref().map(Secret::duplicate)
        };
        let ask = |why| self.storage.passphrase.as_ref().and_then(|passphrase| passphrase.ask(why));
        let mut passphrase = known.or_else(|| ask(AskPassphrase::Known)).ok_or(Error::StoreLocked)?;
        let mut tries = 1;
        let keys = loop {
            match wrapped.open(&passphrase, &self.name) {
                Err(Error::StoreLocked) if tries < TRIES => {
                    passphrase = ask(AskPassphrase::Again).ok_or(Error::StoreLocked)?;
                    tries += 1;
                }
                opened => break opened?,
            }
        };
        let mut memory = self.memory();
        memory.passphrase = Some(passphrase);
        memory.opened = Some((wrapped.clone(), keys.duplicate()));
        drop(memory);
        Ok(keys)
    }

    /// The keys in the keyring; made, stored and read back if there are none.
    fn keyring_keys(&self, locks: &Locks) -> Result<Keys, Error> {
        if let Some(bytes) = self.keyring.get()? {
            return Keys::read(bytes);
        }
        let keys = Keys::generate(&mut OsDice)?;
        self.keyring.set(keys.bytes(), Some(&locks.session))?;
        Ok(keys)
    }

    fn frame(
        &self,
        kind: Kind,
        generation: Generation,
        encoded: &Encoded,
        locks: &Locks,
    ) -> Result<(Frame, Option<Keys>), Error> {
        let keys = match &kind {
            Kind::Plain => return Ok((Frame::plain(generation, encoded), None)),
            Kind::Sealed => self.keyring_keys(locks)?,
            Kind::Passphrase(wrapped) => self.unwrapped(wrapped)?,
        };
        let seal = |section, text: &Secret| {
            sealed::seal(&keys.key(section), &self.name, section, generation, text, &mut OsDice)
        };
        let (access, rest) = (seal(Section::Access, &encoded.access)?, seal(Section::Rest, &encoded.rest)?);
        Ok((Frame { kind, generation, access, rest }, Some(keys)))
    }

    /// Lets the kernel keep the key of the access part, in place of the one that it may have.
    fn cache_key(&self, keys: &Keys, record: &Record, now: Timestamp) {
        if !self.storage.cache {
            return;
        }
        // Until the last token that it opens is worth nothing.
        let end = record.access.iter().map(|access| access.expires_at).max();
        let life = end.map(|end| end.since(now)).unwrap_or_default();
        self.cache.put(&keys.key(Section::Access), life);
    }

    /// The lock on this session, and on the file that others may share with it.
    fn lock(&self) -> Result<Locks, Error> {
        // A call of this process that took too long still holds it.
        if self.keyring.is_broken() {
            return Err(Error::StoreLocked);
        }
        let session = Arc::new(exclusive(&self.paths.store_lock)?);
        let seats = self.paths.seats()?.into_iter().chain([self.paths.plain()]);
        let named = seats.into_iter().find_map(|seat| match seat {
            Seat::Named(path) => Some(path),
            Seat::Folder | Seat::Keyring => None,
        });
        let file = named.map(|path| exclusive(&self.paths.lock_of(&path))).transpose()?;
        Ok(Locks { session, _file: file })
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The name of a grant: its issuer, its client, its profile.
pub(crate) fn name_of(grant: [&str; 3]) -> String {
    hashed(grant.join("\n").as_bytes())
}

fn keeping(seat: &Seat, frame: &Frame) -> Keeping {
    match (seat, &frame.kind) {
        (Seat::Keyring, _) => Keeping::Keyring,
        (_, Kind::Sealed) => Keeping::Sealed,
        (_, Kind::Passphrase(_)) => Keeping::Passphrase,
        (_, Kind::Plain) => Keeping::Plain,
    }
}
