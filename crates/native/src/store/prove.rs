//! Which place a session will have: proved by writing, reading and deleting there, before anybody is asked to sign in.

use gatepass_core::error::Error;
use gatepass_core::secret::Secret;
use gatepass_core::session::record::Part;
use gatepass_core::time::Timestamp;

use crate::random::OsDice;
use crate::settings::{AskPassphrase, Fallback, Keeping, Place};
use crate::store::frame::Kind;
use crate::store::passphrase::Wrapped;
use crate::store::place::Seat;
use crate::store::sealed::Keys;
use crate::store::{Store, file, keeping};

/// The size of a real session: tokens of some providers have thousands of characters. Windows keeps 2560 bytes, and
/// must refuse now rather than after the sign-in.
const SESSION: usize = 8 * 1024;

/// The size of both keys.
const KEYS: usize = 64;

impl Store {
    /// Proves that a session could be kept, and says how it will be. What is proved here is what a first save uses,
    /// whatever becomes of the keyring in between.
    pub(crate) fn prove(&self, now: Timestamp) -> Result<Keeping, Error> {
        let keeping = self.prove_now(now)?;
        self.memory().proved = Some(keeping);
        Ok(keeping)
    }

    fn prove_now(&self, now: Timestamp) -> Result<Keeping, Error> {
        self.ready()?;
        // A session stays where it is: a hiccup must not turn a secret into plain text. One that cannot be read could
        // not be replaced at the end either, so that is said before anybody signs in.
        let pinned = match self.find()? {
            Some((seat, frame)) => {
                self.load(Part::Whole, now)?;
                Some((keeping(&seat, &frame), seat))
            }
            None => None,
        };
        let locks = self.lock()?;
        self.register.probe()?;
        // Locks and marks lie here, wherever the session does.
        file::probe(&self.paths.session)?;
        if let Some((keeping, seat)) = pinned {
            match self.paths.file(&seat) {
                Some(path) => file::probe(path)?,
                None => self.probe_keyring(SESSION)?,
            }
            return Ok(keeping);
        }
        let keyring = match self.storage.place {
            Place::Sealed => self.probe_keyring(KEYS).map(|()| Keeping::Sealed),
            Place::Keyring => self.probe_keyring(SESSION).map(|()| Keeping::Keyring),
            Place::File => Ok(Keeping::Plain),
        };
        // Only where there is none at all. One that is locked, or does not answer, has its own error.
        let keeping = match (keyring, self.storage.fallback) {
            (Err(Error::StoreUnavailable), Fallback::File) => Keeping::Plain,
            (Err(Error::StoreUnavailable), Fallback::Passphrase) => Keeping::Passphrase,
            (keyring, _) => keyring?,
        };
        let seat = self.seat_of(keeping);
        self.vacant(&seat)?;
        if let Some(path) = self.paths.file(&seat) {
            file::probe(path)?;
        }
        // A person thinks, and no lock is held.
        drop(locks);
        if keeping == Keeping::Passphrase {
            self.new_passphrase()?;
        }
        Ok(keeping)
    }

    /// Where a new session goes, and as what.
    pub(super) fn seat_for(&self, keeping: Keeping) -> Result<(Seat, Kind), Error> {
        let kind = match keeping {
            Keeping::Sealed => Kind::Sealed,
            Keeping::Keyring | Keeping::Plain => Kind::Plain,
            Keeping::Passphrase => match &self.memory().opened {
                Some((wrapped, _)) => Kind::Passphrase(wrapped.clone()),
                None => return Err(Error::StoreLocked),
            },
        };
        Ok((self.seat_of(keeping), kind))
    }

    /// A named file that has another account's session stays that one's: nobody could give its grant back any more.
    pub(super) fn vacant(&self, seat: &Seat) -> Result<(), Error> {
        match seat {
            Seat::Named(path) if file::read(path)?.is_some() && self.read(seat)?.is_none() => {
                Err(Error::StoreTaken)
            }
            _ => Ok(()),
        }
    }

    fn seat_of(&self, keeping: Keeping) -> Seat {
        match keeping {
            Keeping::Sealed | Keeping::Passphrase => Seat::Folder,
            Keeping::Keyring => Seat::Keyring,
            Keeping::Plain => self.paths.plain(),
        }
    }

    /// Write, read, delete: as much as will be kept there. It holds no lock when it comes late, as it changes no session.
    fn probe_keyring(&self, size: usize) -> Result<(), Error> {
        let probe = self.keyring.entry(&format!("{}.probe", self.name));
        let written = probe.set(&Secret::new(vec![b'.'; size]), None);
        // What was written and could not be read is removed too.
        let removed = probe.delete(None);
        written.and(removed)
    }

    /// Asks for the passphrase of a new session, and makes the keys that it opens.
    fn new_passphrase(&self) -> Result<(), Error> {
        let asked = self.storage.passphrase.as_ref();
        let passphrase =
            asked.and_then(|asked| asked.ask(AskPassphrase::New)).ok_or(Error::StoreUnavailable)?;
        let keys = Keys::generate(&mut OsDice)?;
        let wrapped = Wrapped::new(&keys, &passphrase, &self.name, self.work, &mut OsDice)?;
        let mut memory = self.memory();
        memory.passphrase = Some(passphrase);
        memory.opened = Some((wrapped, keys));
        Ok(())
    }
}
