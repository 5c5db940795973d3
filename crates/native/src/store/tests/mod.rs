//! The store on a real disk with keyrings of every temper. The real keyring is met in `tests/`, end to end.

use std::fs;
use std::path::Path;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use gatepass_core::session::client::Client;
use gatepass_core::testing::record;
use keyring_core::{CredentialStore, mock};

mod cached;
mod places;

use super::*;
use crate::settings::{Fallback, Passphrase};

/// A keyring that answers has as long as this, however busy the machine is.
const PATIENCE: Duration = Duration::from_secs(20);
const NOW: Timestamp = Timestamp::from_seconds(1000);

type Opened = keyring_core::Result<Arc<CredentialStore>>;

fn healthy() -> Opened {
    static STORE: OnceLock<Arc<mock::Store>> = OnceLock::new();
    Ok(Arc::clone(STORE.get_or_init(|| mock::Store::new().expect("a keyring in memory"))) as _)
}

fn absent() -> Opened {
    Err(keyring_core::Error::NoDefaultStore)
}

fn locked() -> Opened {
    Err(keyring_core::Error::NoStorageAccess("locked".into()))
}

/// A prompt that nobody answers.
fn hanging() -> Opened {
    loop {
        std::thread::park();
    }
}

/// Settings whose session is nobody else's, also in a keyring that all tests share.
fn settings(folder: &Path, place: Place, fallback: Fallback) -> Settings {
    let client = Client::new("https://issuer.example", "client", "openid", "ES256", "off").unwrap();
    let mut settings = Settings::new(client, "test", folder.join("sessions"));
    settings.profile = folder.to_str().unwrap().to_owned();
    settings.storage = Storage { place, fallback, cache: false, ..Storage::default() };
    settings
}

fn store_of(settings: &Settings, open: fn() -> Opened) -> Store {
    let mut store = Store::new(settings);
    store.keyring = Keyring::of("test", &store.name, Arc::new(open), PATIENCE);
    store.work = Work { memory: 64, passes: 1, lanes: 1 };
    store
}

/// A store whose keyring never answers.
fn hung(settings: &Settings) -> Store {
    let mut store = store_of(settings, hanging);
    store.keyring = Keyring::of("test", &store.name, Arc::new(hanging), Duration::from_millis(50));
    store
}

fn store(folder: &Path, open: fn() -> Opened, fallback: Fallback) -> Store {
    store_of(&settings(folder, Place::Sealed, fallback), open)
}

fn generation(number: u64) -> Generation {
    Generation::from_number(number)
}

fn session(number: u64) -> Record {
    record(NOW, true, generation(number))
}

fn first(store: &Store) {
    assert_eq!(store.save(&session(1), None, NOW), Ok(Changed::Done));
}

fn whole(store: &Store) -> Result<Option<Record>, Error> {
    store.load(Part::Whole, NOW)
}

/// Somebody who knows a passphrase, and how often they were asked for it.
fn person(known: &'static str) -> (Passphrase, Arc<AtomicUsize>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let ask = move |_| {
        count.fetch_add(1, Ordering::Relaxed);
        Some(Secret::from(known))
    };
    (Passphrase::new(ask), asked)
}

/// A place that a session can have, and how it gets there.
struct Way {
    place: Place,
    open: fn() -> Opened,
    fallback: Fallback,
    keeping: Keeping,
}

const WAYS: [Way; 5] = {
    use {Fallback as F, Keeping as K, Place as P};
    [
        Way { place: P::Sealed, open: healthy, fallback: F::Deny, keeping: K::Sealed },
        Way { place: P::Keyring, open: healthy, fallback: F::Deny, keeping: K::Keyring },
        Way { place: P::File, open: hanging, fallback: F::Deny, keeping: K::Plain },
        Way { place: P::Sealed, open: absent, fallback: F::File, keeping: K::Plain },
        Way { place: P::Keyring, open: absent, fallback: F::Passphrase, keeping: K::Passphrase },
    ]
};

/// A store on each of them, with and without a file that the manifest names.
fn everywhere(test: impl Fn(&Store, &Settings, Keeping)) {
    for Way { place, open, fallback, keeping } in WAYS {
        for named in [false, true] {
            let folder = tempfile::tempdir().unwrap();
            let mut settings = settings(folder.path(), place, fallback);
            settings.storage.file = named.then(|| folder.path().join("acme/credentials.json"));
            settings.storage.passphrase = Some(person("correct horse").0);
            test(&store_of(&settings, open), &settings, keeping);
        }
    }
}

/// What every store promises, whatever keeps it.
#[test]
fn every_place_keeps_the_same_promises() {
    everywhere(|store, _, keeping| {
        let save =
            |number, expect: Option<u64>| store.save(&session(number), expect.map(generation), NOW).unwrap();
        assert_eq!(store.prove(NOW), Ok(keeping));
        assert!(whole(store).unwrap().is_none() && store.keeping().unwrap().is_none());
        assert_eq!(store.erase(generation(1)).unwrap(), Changed::Moved);
        assert_eq!(save(1, Some(7)), Changed::Moved, "nothing is there to be replaced");
        assert_eq!(save(1, None), Changed::Done);
        assert_eq!(store.keeping(), Ok(Some(keeping)));
        assert_eq!(store.prove(NOW), Ok(keeping), "a second sign-in goes where the first one is");
        assert_eq!(save(2, None), Changed::Moved, "something is there already");
        assert_eq!(save(2, Some(1)), Changed::Done);
        assert_eq!(save(3, Some(1)), Changed::Moved, "the loser erases nothing");
        assert_eq!(whole(store).unwrap().unwrap().generation, generation(2));
        assert!(store.load(Part::Access, NOW).unwrap().unwrap().rest.is_none());
        assert_eq!(store.erase(generation(1)).unwrap(), Changed::Moved);
        assert_eq!(store.erase(generation(2)).unwrap(), Changed::Done);
        assert!(whole(store).unwrap().is_none() && store.keeping().unwrap().is_none());
        assert_eq!(save(5, None), Changed::Done, "and again from the start");
        store.forget().unwrap();
        assert!(whole(store).unwrap().is_none() && store.keeping().unwrap().is_none());
    });
}

#[test]
fn a_session_stays_where_it_was_put_whatever_the_manifest_says_later() {
    everywhere(|store, settings, keeping| {
        first(store);
        for place in [Place::Sealed, Place::Keyring, Place::File] {
            let mut later = settings.clone();
            later.storage = Storage {
                place,
                cache: false,
                passphrase: settings.storage.passphrase.clone(),
                ..Storage::default()
            };
            let mut later = Store { keyring: store.keyring.clone(), ..Store::new(&later) };
            later.work = store.work;
            assert_eq!(later.prove(NOW), Ok(keeping));
            assert_eq!(later.save(&session(2), Some(generation(1)), NOW), Ok(Changed::Done));
            assert_eq!(whole(store).unwrap().unwrap().generation, generation(2));
            assert_eq!(later.save(&session(1), Some(generation(2)), NOW), Ok(Changed::Done));
        }
    });
}

#[test]
fn what_was_proved_is_what_is_used_though_the_keyring_goes_away_in_between() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = store(folder.path(), healthy, Fallback::File);
    assert_eq!(store.prove(NOW), Ok(Keeping::Sealed));
    store.keyring = Keyring::of("test", &store.name, Arc::new(absent), PATIENCE);
    assert_eq!(store.save(&session(1), None, NOW), Err(Error::StoreUnavailable));
    assert!(whole(&store).unwrap().is_none(), "nothing in plain text");
}

#[test]
fn proving_leaves_nothing_behind() {
    everywhere(|store, settings, _| {
        store.prove(NOW).unwrap();
        let left = |folder: &Path| -> Vec<_> {
            let files = fs::read_dir(folder).into_iter().flatten().map(|entry| entry.unwrap().path());
            files.filter(|file| fs::metadata(file).unwrap().len() > 0 && !file.is_dir()).collect()
        };
        assert_eq!(left(&settings.folder), [] as [std::path::PathBuf; 0]);
        assert_eq!(
            settings.storage.file.as_deref().and_then(Path::parent).map(left).unwrap_or_default(),
            [] as [std::path::PathBuf; 0]
        );
        if !matches!(settings.storage.place, Place::File) && store.keyring.get().is_ok() {
            assert!(store.keyring.get().unwrap().is_none());
            assert!(store.keyring.entry(&format!("{}.probe", store.name)).get().unwrap().is_none());
        }
    });
}

#[test]
fn a_late_write_holds_the_lock_until_it_is_done() {
    let folder = tempfile::tempdir().unwrap();
    let store = hung(&settings(folder.path(), Place::Sealed, Fallback::Deny));
    let guard = Arc::new(exclusive(&store.paths.store_lock).unwrap());
    assert_eq!(
        store.keyring.set(&Secret::new(b"late".to_vec()), Some(&guard)).err(),
        Some(Error::StoreLocked)
    );
    drop(guard);
    let free = || crate::lock::try_lock(&store.paths.store_lock).unwrap().is_some();
    assert!(!free(), "the write may still be done");
    // And nobody in this process waits for what it knows to hang.
    assert_eq!(store.erase(generation(1)).err(), Some(Error::StoreLocked));
    assert_eq!(store.prove(NOW).err(), Some(Error::StoreLocked));
}

#[test]
fn a_sealed_file_holds_no_token_in_plain_and_is_its_owners_alone() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path(), healthy, Fallback::Deny);
    first(&store);
    let bytes = fs::read(&store.paths.session).unwrap();
    for secret in ["access-0", "refresh-0", "private-key", "user@example.com"] {
        assert!(!bytes.windows(secret.len()).any(|window| window == secret.as_bytes()), "{secret}");
    }
    #[cfg(unix)]
    {
        let mode = std::os::unix::fs::PermissionsExt::mode(
            &fs::metadata(&store.paths.session).unwrap().permissions(),
        );
        assert_eq!(mode & 0o777, 0o600);
    }
}

#[test]
fn only_an_absent_keyring_leads_to_a_plain_file() {
    let folder = tempfile::tempdir().unwrap();
    let denied = store(folder.path(), absent, Fallback::Deny);
    assert_eq!(denied.prove(NOW), Err(Error::StoreUnavailable));
    for place in [Place::Sealed, Place::Keyring] {
        for fallback in [Fallback::File, Fallback::Passphrase] {
            let mut settings = settings(folder.path(), place, fallback);
            settings.storage.passphrase = Some(person("correct horse").0);
            for store in [hung as fn(&Settings) -> Store, |settings| store_of(settings, locked)] {
                assert_eq!(store(&settings).prove(NOW), Err(Error::StoreLocked));
                let store = store(&settings);
                assert_eq!(store.save(&session(1), None, NOW).err(), Some(Error::StoreLocked));
                assert!(!store.paths.session.exists());
            }
        }
    }
}

#[test]
fn a_sealed_session_stays_sealed_when_its_keyring_goes_away() {
    let folder = tempfile::tempdir().unwrap();
    first(&store(folder.path(), healthy, Fallback::File));
    let away = store(folder.path(), absent, Fallback::File);
    assert_eq!(away.prove(NOW), Err(Error::StoreUnavailable));
    assert_eq!(away.load(Part::Access, NOW).err(), Some(Error::StoreUnavailable));
    assert_eq!(away.save(&session(2), Some(generation(1)), NOW).err(), Some(Error::StoreUnavailable));
    let back = store(folder.path(), healthy, Fallback::Deny);
    assert_eq!(whole(&back).unwrap().unwrap().generation, generation(1), "nothing was lost");
}

#[test]
fn torn_and_foreign_files_are_corrupt_and_stay() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path(), healthy, Fallback::Deny);
    first(&store);
    let content = fs::read(&store.paths.session).unwrap();
    for torn in [&content[..content.len() - 1], &content[..30], b"", b"{}"] {
        fs::write(&store.paths.session, torn).unwrap();
        assert_eq!(whole(&store).err(), Some(Error::StoreCorrupt));
        assert_eq!(store.prove(NOW), Err(Error::StoreCorrupt), "said before anybody signs in");
    }
    fs::write(&store.paths.session, &content).unwrap();
    assert!(whole(&store).is_ok());
    store.forget().unwrap();
    assert!(whole(&store).unwrap().is_none());
}

#[test]
fn of_many_writers_of_one_generation_one_wins() {
    let folder = tempfile::tempdir().unwrap();
    let first = store(folder.path(), absent, Fallback::File);
    first.save(&session(1), None, NOW).unwrap();
    let writers = (0..8).map(|number| {
        let store = first.clone();
        std::thread::spawn(move || {
            store.save(&session(100 + number), Some(generation(1)), NOW).unwrap() == Changed::Done
        })
    });
    let writers: Vec<_> = writers.collect();
    let winners = writers.into_iter().map(|writer| writer.join().unwrap()).filter(|won| *won).count();
    assert_eq!(winners, 1);
}

#[test]
fn what_a_crash_left_of_a_write_goes_with_the_session() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path(), absent, Fallback::File);
    first(&store);
    let left = store.paths.session.with_extension("session.new");
    fs::copy(&store.paths.session, &left).unwrap();
    assert_eq!(store.erase(generation(1)).unwrap(), Changed::Done);
    assert!(!left.exists());
}

#[test]
fn a_write_that_fails_leaves_what_was_there() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path(), healthy, Fallback::Deny);
    first(&store);
    // As on a full disk, nothing can be written beside the file: a folder stands where it would be.
    let temporary = store.paths.session.with_extension("session.new");
    fs::create_dir(&temporary).unwrap();
    let failed = store.save(&session(2), Some(generation(1)), NOW);
    assert_eq!(failed.err(), Some(Error::StoreUnavailable));
    let kept = whole(&store).unwrap().unwrap();
    assert_eq!(kept.generation, generation(1));
    assert_eq!(kept.rest.unwrap().into_inner().refresh_token.unwrap().expose(), "refresh-0");
    fs::remove_dir(&temporary).unwrap();
    assert_eq!(store.save(&session(2), Some(generation(1)), NOW), Ok(Changed::Done));
}

#[test]
fn a_session_of_any_size_is_kept_whole_or_refused() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path(), healthy, Fallback::Deny);
    let of_size = |number, size: usize| {
        let mut record = session(number);
        record.access[0].token = Secret::new("t".repeat(size));
        record
    };
    // Keyrings stop at some thousand characters; only keys are kept there.
    store.save(&of_size(1, 100_000), None, NOW).unwrap();
    for part in [Part::Access, Part::Whole] {
        assert_eq!(store.load(part, NOW).unwrap().unwrap().access[0].token.expose().len(), 100_000);
    }
    // Around what core reads again, around what a file may hold, and beyond.
    for size in [262_000, 300_000, 700_000, 2_000_000] {
        let refused = store.save(&of_size(2, size), Some(generation(1)), NOW);
        assert_eq!(refused.err(), Some(Error::NotSaved), "{size}");
    }
    assert_eq!(whole(&store).unwrap().unwrap().generation, generation(1), "no half of it");
}

#[test]
fn each_grant_has_a_session_and_a_lock_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let stores = [
        ("https://a.example", "client", "default"),
        ("https://b.example", "client", "default"),
        ("https://a.example", "other", "default"),
        ("https://a.example", "client", "work"),
    ]
    .map(|(issuer, client, profile)| {
        let mut settings = settings(folder.path(), Place::Sealed, Fallback::File);
        settings.client = Client::new(issuer, client, "openid", "ES256", "off").unwrap();
        settings.profile = profile.to_owned();
        store_of(&settings, absent)
    });
    stores[0].ready().unwrap();
    let guards = stores.each_ref().map(|store| crate::lock::try_lock(&store.paths.refresh_lock).unwrap());
    assert!(guards.iter().all(Option::is_some), "none waits for another");
    for (at, store) in stores.iter().enumerate() {
        store.save(&session(10 + at as u64), None, NOW).unwrap();
    }
    for (at, store) in stores.iter().enumerate() {
        assert_eq!(store.load(Part::Access, NOW).unwrap().unwrap().generation, generation(10 + at as u64));
    }
}
