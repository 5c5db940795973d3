//! Which accounts there are, for a program that has several.

use std::fs;
use std::path::Path;

use gatepass_core::error::Error;
use gatepass_core::time::Timestamp;

use crate::settings::{Keeping, Settings};
pub use crate::store::register::Organization;
use crate::store::register::{Entry, Register, timestamp};
use crate::store::{Paths, Store};

/// Somebody who is signed in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Under which name of ours.
    pub profile: String,
    /// Where.
    pub issuer: String,
    /// As which client.
    pub client_id: String,
    /// How the session is kept.
    pub keeping: Keeping,
    /// Since when.
    pub signed_in_at: Timestamp,
    /// Who, if [`Storage::state`](crate::Storage::state) names a file for that.
    pub email: Option<String>,
    /// The same, by the issuer's own name for them.
    pub subject: Option<String>,
    /// The organization that was chosen, if any.
    pub organization: Option<Organization>,
}

/// The accounts of one program on this machine. No keyring is asked, and nobody for a passphrase.
#[derive(Clone, Debug)]
pub struct Accounts {
    settings: Settings,
    register: Register,
}

impl Accounts {
    /// The accounts that share a folder with these settings.
    pub fn of(settings: &Settings) -> Self {
        Self { settings: settings.clone(), register: Register::of(settings) }
    }

    /// Everybody who is signed in: all profiles, at all issuers.
    pub fn list(&self) -> Result<Vec<Account>, Error> {
        let mut accounts = Vec::new();
        for entry in self.register.read()? {
            let name = entry.grant.name();
            // What the settings name is their own session's.
            let named = self.settings.storage.file.as_deref().filter(|_| entry.grant == self.register.own);
            let paths = Paths::new(&self.settings.folder, &name, named);
            if !paths.seats()?.is_empty() {
                accounts.push(account(entry, &paths));
            }
        }
        let own = &self.register.own;
        let is_own = |account: &Account| {
            [&account.profile, &account.issuer, &account.client_id]
                == [&own.profile, &own.issuer, &own.client_id]
        };
        if !accounts.iter().any(is_own) {
            accounts.extend(self.unlisted()?);
        }
        Ok(accounts)
    }

    /// The organization that was chosen for the account of these settings.
    pub fn organization(&self) -> Result<Option<Organization>, Error> {
        let entries = self.register.read()?;
        Ok(entries
            .into_iter()
            .find(|entry| entry.grant == self.register.own)
            .and_then(|entry| entry.organization))
    }

    /// Chooses an organization for the account of these settings, or none. It stays chosen until the sign-out.
    pub fn set_organization(&self, organization: Option<Organization>) -> Result<(), Error> {
        let keeping = Store::new(&self.settings).keeping()?.ok_or(Error::NotSignedIn)?;
        self.register.choose(organization, keeping)
    }

    /// Removes the sessions in the folder that belong to no account, with their keys: after all others were signed
    /// out, nothing is left. Says how many there were. Their issuers cannot be told.
    pub fn forget_strays(&self) -> Result<usize, Error> {
        let known: Vec<String> = self.register.read()?.iter().map(|entry| entry.grant.name()).collect();
        let Ok(files) = fs::read_dir(&self.settings.folder) else { return Ok(0) };
        let mut strays: Vec<String> = files
            .filter_map(|found| stray(&found.ok()?.path()))
            .filter(|name| !known.contains(name) && *name != self.register.own.name())
            .collect();
        strays.sort();
        strays.dedup();
        for name in &strays {
            let mut settings = self.settings.clone();
            // That path is another grant's.
            settings.storage.file = None;
            Store::of_name(&settings, name).forget()?;
        }
        Ok(strays.len())
    }

    /// The account of these settings as far as it is known without the register.
    fn unlisted(&self) -> Result<Option<Account>, Error> {
        let Some(keeping) = Store::new(&self.settings).keeping()? else { return Ok(None) };
        let grant = self.register.own.clone();
        let paths = Paths::new(&self.settings.folder, &grant.name(), self.settings.storage.file.as_deref());
        Ok(Some(Account {
            profile: grant.profile,
            issuer: grant.issuer,
            client_id: grant.client_id,
            keeping,
            signed_in_at: changed_at(&paths),
            email: None,
            subject: None,
            organization: None,
        }))
    }
}

fn account(entry: Entry, paths: &Paths) -> Account {
    Account {
        signed_in_at: entry.signed_in_at().unwrap_or_else(|| changed_at(paths)),
        // Written by a later version: what most of them are.
        keeping: Keeping::parse(&entry.storage).unwrap_or(Keeping::Sealed),
        profile: entry.grant.profile,
        issuer: entry.grant.issuer,
        client_id: entry.grant.client_id,
        email: entry.email,
        subject: entry.subject,
        organization: entry.organization,
    }
}

/// When a session was last written: as near to the sign-in as it gets; the next refresh knows better.
fn changed_at(paths: &Paths) -> Timestamp {
    paths.changed_at().map_or(Timestamp::from_seconds(0), timestamp)
}

/// The name of the session that a file belongs to.
fn stray(path: &Path) -> Option<String> {
    let (name, ending) = path.file_name()?.to_str()?.split_once('.')?;
    let is_name = name.len() == 32 && name.bytes().all(|byte| byte.is_ascii_hexdigit());
    (is_name && ["session", "keyring", "file"].contains(&ending)).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use gatepass_core::session::client::Client;
    use gatepass_core::session::record::Generation;
    use gatepass_core::testing::record;

    use super::*;
    use crate::settings::{Place, Storage};
    use crate::store::Changed;

    const NOW: Timestamp = Timestamp::from_seconds(1_765_895_400);

    fn settings(folder: &Path, profile: &str, issuer: &str) -> Settings {
        let client = Client::new(issuer, "client", "openid", "ES256", "off").unwrap();
        let mut settings = Settings::new(client, "test", folder.to_owned());
        settings.profile = profile.to_owned();
        settings.storage = Storage { place: Place::File, ..Storage::default() };
        settings
    }

    fn save(settings: &Settings, number: u64, expect: Option<u64>, now: Timestamp) {
        let record = record(now, true, Generation::from_number(number));
        let expect = expect.map(Generation::from_number);
        assert_eq!(Store::new(settings).save(&record, expect, now), Ok(Changed::Done));
    }

    fn profiles(settings: &Settings) -> Vec<String> {
        Accounts::of(settings).list().unwrap().into_iter().map(|account| account.profile).collect()
    }

    #[test]
    fn lists_who_is_signed_in_and_nobody_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let work = settings(folder.path(), "work", "https://a.example");
        let home = settings(folder.path(), "home", "https://b.example");
        assert_eq!(Accounts::of(&work).list(), Ok(Vec::new()));
        save(&work, 1, None, NOW);
        save(&home, 1, None, NOW);
        let accounts = Accounts::of(&work).list().unwrap();
        let found: Vec<_> = accounts.iter().map(|account| (&*account.profile, &*account.issuer)).collect();
        assert_eq!(found, [("work", "https://a.example"), ("home", "https://b.example")]);
        assert_eq!((accounts[0].keeping, accounts[0].signed_in_at), (Keeping::Plain, NOW));
        assert_eq!((&accounts[0].email, &accounts[0].subject), (&None, &None));
        let text = fs::read_to_string(folder.path().join("accounts.json")).unwrap();
        assert!(!text.contains("user"), "{text}");

        assert_eq!(Store::new(&work).erase(Generation::from_number(1)), Ok(Changed::Done));
        assert_eq!(profiles(&work), ["home"]);
        Store::new(&home).forget().unwrap();
        assert_eq!(profiles(&work), [] as [&str; 0]);
        assert!(!folder.path().join("accounts.json").exists());
    }

    #[test]
    fn a_named_file_says_who_it_is_and_since_when() {
        let folder = tempfile::tempdir().unwrap();
        let mut settings = settings(folder.path(), "default", "https://a.example");
        let state = folder.path().join("config/auth-state.json");
        settings.storage.state = Some(state.clone());
        save(&settings, 1, None, NOW);
        let object: serde_json::Value = serde_json::from_slice(&fs::read(&state).unwrap()).unwrap();
        let account = &object["accounts"][0];
        assert_eq!([&account["profile"], &account["email"]], ["default", "user@example.com"]);
        assert_eq!(account["login_at"], "2025-12-16T14:30:00Z");
        #[cfg(unix)]
        {
            let mode = std::os::unix::fs::PermissionsExt::mode(&fs::metadata(&state).unwrap().permissions());
            assert_eq!(mode & 0o777, 0o600);
        }
        assert_eq!(Accounts::of(&settings).list().unwrap()[0].email.as_deref(), Some("user@example.com"));
        // What an earlier program of that name wrote is no reason to refuse anything.
        fs::write(&state, r#"{"email":"user@example.com"}"#).unwrap();
        save(&settings, 2, Some(1), NOW);
        assert_eq!(profiles(&settings), ["default"]);
        Store::new(&settings).forget().unwrap();
        assert!(!state.exists());
    }

    #[test]
    fn an_organization_stays_chosen_until_the_sign_out() {
        let folder = tempfile::tempdir().unwrap();
        let settings = settings(folder.path(), "default", "https://a.example");
        let accounts = Accounts::of(&settings);
        let acme = || Some(Organization { id: "550e8400".into(), name: "Acme".into() });
        assert_eq!(accounts.set_organization(acme()), Err(Error::NotSignedIn));
        save(&settings, 1, None, NOW);
        accounts.set_organization(acme()).unwrap();
        save(&settings, 2, Some(1), NOW);
        assert_eq!(accounts.organization(), Ok(acme()), "a refresh");
        assert_eq!(accounts.list().unwrap()[0].organization, acme());
        accounts.set_organization(None).unwrap();
        assert_eq!(accounts.organization(), Ok(None));
        accounts.set_organization(acme()).unwrap();
        assert_eq!(Store::new(&settings).erase(Generation::from_number(2)), Ok(Changed::Done));
        save(&settings, 3, None, NOW);
        assert_eq!(accounts.organization(), Ok(None), "another session");
    }

    #[test]
    fn a_session_is_found_without_its_entry() {
        let folder = tempfile::tempdir().unwrap();
        let [own, other] =
            ["own", "other"].map(|profile| settings(folder.path(), profile, "https://a.example"));
        save(&own, 1, None, NOW);
        save(&other, 1, None, NOW);
        fs::remove_file(folder.path().join("accounts.json")).unwrap();
        assert_eq!(profiles(&own), ["own"], "by its own settings");
        let organization = Some(Organization { id: "1".into(), name: "Acme".into() });
        Accounts::of(&own).set_organization(organization.clone()).unwrap();
        save(&own, 2, Some(1), NOW);
        let account = Accounts::of(&own).list().unwrap().remove(0);
        assert_eq!((account.signed_in_at, account.organization), (NOW, organization));

        // Nobody knows any more who the other one is, and it can be removed all the same.
        assert_eq!(Accounts::of(&own).forget_strays(), Ok(1));
        assert_eq!(Accounts::of(&own).forget_strays(), Ok(0));
        assert_eq!(Store::new(&other).keeping(), Ok(None));
        assert_eq!(Store::new(&own).keeping(), Ok(Some(Keeping::Plain)));
    }

    #[test]
    fn an_entry_without_a_session_is_nobody() {
        let folder = tempfile::tempdir().unwrap();
        let settings = settings(folder.path(), "default", "https://a.example");
        save(&settings, 1, None, NOW);
        let store = Store::new(&settings);
        fs::remove_file(&store.paths.session).unwrap();
        assert_eq!(profiles(&settings), [] as [&str; 0]);
    }
}
