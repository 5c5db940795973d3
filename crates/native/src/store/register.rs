//! Which accounts there are: a small file beside the sessions, so that they can be listed without any keyring.
//!
//! The store enters an account before it keeps its first session, and takes it out after the last. So an account here
//! may have no session, which is not shown; a session without an account is made up for by what is known.

use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use gatepass_core::error::Error;
use gatepass_core::secret::Secret;
use gatepass_core::session::record::View;
use gatepass_core::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::lock::Guard;
use crate::settings::{Keeping, Settings};
use crate::store::{file, name_of};

/// An organization that somebody has chosen to act for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Organization {
    /// Its identifier, for machines.
    pub id: String,
    /// Its name, for people.
    pub name: String,
}

/// The file of the accounts.
#[derive(Clone, Debug)]
pub(crate) struct Register {
    path: PathBuf,
    lock: PathBuf,
    /// Whether the file was named for saying who it is.
    with_person: bool,
    /// The account that this is about.
    pub(crate) own: Grant,
}

impl Register {
    pub(crate) fn of(settings: &Settings) -> Self {
        let named = settings.storage.state.clone();
        let client = &settings.client;
        Self {
            with_person: named.is_some(),
            path: named.unwrap_or_else(|| settings.folder.join("accounts.json")),
            lock: settings.folder.join("accounts.lock"),
            own: Grant {
                profile: settings.profile.clone(),
                issuer: client.issuer.as_str().to_owned(),
                client_id: client.client_id.as_str().to_owned(),
            },
        }
    }

    /// Enters the account of these settings, or what has changed about it.
    pub(crate) fn enter(&self, view: &View, keeping: Keeping) -> Result<(), Error> {
        let person = |text: &str| self.with_person.then(|| text.to_owned());
        let entry = Entry {
            email: view.identity.email.as_deref().and_then(person),
            subject: person(view.identity.subject.as_str()),
            ..self.entry(keeping, Some(view.signed_in_at))
        };
        let same_session = |other: &Entry| Entry { organization: None, ..other.clone() } == entry;
        if self.read()?.iter().any(same_session) {
            return Ok(());
        }
        self.change(|entries| {
            let own = entries.iter().position(|other| other.grant == self.own);
            let previous = own.map(|at| entries.remove(at));
            // Whoever signs in again chooses again; whom nobody had entered has only been refreshed.
            let same = |previous: &Entry| previous.login_at.is_none() || previous.login_at == entry.login_at;
            let organization = previous.filter(same).and_then(|previous| previous.organization);
            entries.push(Entry { organization, ..entry });
        })
    }

    /// Chooses an organization for the account of these settings, which is entered if it was not.
    pub(crate) fn choose(&self, organization: Option<Organization>, keeping: Keeping) -> Result<(), Error> {
        self.change(|entries| {
            let at = entries.iter().position(|entry| entry.grant == self.own).unwrap_or_else(|| {
                entries.push(self.entry(keeping, None));
                entries.len() - 1
            });
            entries[at].organization = organization;
        })
    }

    /// Takes the account of the session of this name out.
    pub(crate) fn leave(&self, name: &str) -> Result<(), Error> {
        if self.read()?.iter().all(|entry| entry.grant.name() != name) {
            return Ok(());
        }
        self.change(|entries| entries.retain(|entry| entry.grant.name() != name))
    }

    /// Proves that it could be written.
    pub(crate) fn probe(&self) -> Result<(), Error> {
        let _guard = self.exclusive()?;
        file::probe(&self.path)
    }

    /// What stands there. What cannot be read is no reason to refuse a session: it is written anew, and sessions are
    /// found without it.
    pub(crate) fn read(&self) -> Result<Vec<Entry>, Error> {
        let Some(bytes) = file::read(&self.path)? else { return Ok(Vec::new()) };
        let document = serde_json::from_slice(bytes.expose());
        Ok(document.map(|Document { accounts }| accounts).unwrap_or_default())
    }

    fn change(&self, change: impl FnOnce(&mut Vec<Entry>)) -> Result<(), Error> {
        let _guard = self.exclusive()?;
        let mut entries = self.read()?;
        change(&mut entries);
        if entries.is_empty() {
            return file::remove(&self.path);
        }
        let mut bytes = serde_json::to_vec_pretty(&Document { accounts: entries }).map_err(|_| Error::Bug)?;
        bytes.push(b'\n');
        file::write(&self.path, &Secret::new(bytes))
    }

    fn entry(&self, keeping: Keeping, signed_in_at: Option<Timestamp>) -> Entry {
        Entry {
            grant: self.own.clone(),
            storage: keeping.as_str().to_owned(),
            login_at: signed_in_at.map(written),
            email: None,
            subject: None,
            organization: None,
        }
    }

    fn exclusive(&self) -> Result<Guard, Error> {
        file::exclusive(&self.lock)
    }
}

#[derive(Serialize, Deserialize)]
struct Document {
    accounts: Vec<Entry>,
}

/// Which session an account has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Grant {
    pub(crate) profile: String,
    pub(crate) issuer: String,
    pub(crate) client_id: String,
}

impl Grant {
    /// The name of its session.
    pub(crate) fn name(&self) -> String {
        name_of([&self.issuer, &self.client_id, &self.profile])
    }
}

/// One account, as it is written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Entry {
    #[serde(flatten)]
    pub(crate) grant: Grant,
    /// By the name of its [`Keeping`].
    pub(crate) storage: String,
    /// RFC 3339, UTC; nothing while nobody knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    login_at: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) email: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) subject: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) organization: Option<Organization>,
}

impl Entry {
    /// Since when somebody is signed in, if it is known.
    pub(crate) fn signed_in_at(&self) -> Option<Timestamp> {
        humantime::parse_rfc3339(self.login_at.as_deref()?).ok().map(timestamp)
    }
}

/// A moment as RFC 3339 writes it.
fn written(moment: Timestamp) -> String {
    // The last second that has four digits for its year: a server's clock is no reason to panic.
    const LAST: u64 = 253_402_300_799;
    let moment = UNIX_EPOCH + Duration::from_secs(moment.seconds().min(LAST));
    humantime::format_rfc3339_seconds(moment).to_string()
}

/// A file system's moment as ours.
pub(crate) fn timestamp(moment: SystemTime) -> Timestamp {
    Timestamp::from_seconds(moment.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs())
}
