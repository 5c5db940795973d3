//! The store on a real disk with keyrings of every temper. The real keyring is met in `tests/`, end to end.

use std::fs;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use gatepass_core::testing::record;
use gatepass_core::time::Timestamp;
use keyring_core::{CredentialStore, mock};

use super::*;

const SOON: Duration = Duration::from_millis(50);

fn healthy() -> keyring_core::Result<Arc<CredentialStore>> {
    static STORE: OnceLock<Arc<mock::Store>> = OnceLock::new();
    Ok(Arc::clone(STORE.get_or_init(|| mock::Store::new().expect("a keyring in memory"))) as _)
}

fn absent() -> keyring_core::Result<Arc<CredentialStore>> {
    Err(keyring_core::Error::NoDefaultStore)
}

fn locked() -> keyring_core::Result<Arc<CredentialStore>> {
    Err(keyring_core::Error::NoStorageAccess("locked".into()))
}

/// A prompt that nobody answers.
fn hanging() -> keyring_core::Result<Arc<CredentialStore>> {
    loop {
        std::thread::park();
    }
}

fn store(folder: &Path, open: fn() -> keyring_core::Result<Arc<CredentialStore>>, limit: Duration) -> Store {
    let mut store = Store::new(folder, "test", &["issuer", folder.to_str().unwrap()]);
    store.keyring = Keyring::of("test", &store.name, open, limit);
    store
}

fn generation(number: u64) -> Generation {
    Generation::from_number(number)
}

fn session(number: u64) -> Record {
    record(Timestamp::from_seconds(1000), true, generation(number))
}

/// What every store promises, whatever keeps it.
fn story(store: &Store, fallback: Fallback) {
    let save =
        |number, expect: Option<u64>| store.save(&session(number), expect.map(generation), fallback).unwrap();
    assert!(store.load(Part::Whole).unwrap().is_none());
    assert_eq!(store.erase(generation(1)).unwrap(), Changed::Moved);
    assert_eq!(save(1, Some(7)), Changed::Moved, "nothing is there to be replaced");
    assert_eq!(save(1, None), Changed::Done);
    assert_eq!(save(2, None), Changed::Moved, "something is there already");
    assert_eq!(save(2, Some(1)), Changed::Done);
    assert_eq!(save(3, Some(1)), Changed::Moved, "the loser erases nothing");
    assert_eq!(store.load(Part::Whole).unwrap().unwrap().generation, generation(2));
    assert!(store.load(Part::Access).unwrap().unwrap().rest.is_none());
    assert_eq!(store.erase(generation(1)).unwrap(), Changed::Moved);
    assert_eq!(store.erase(generation(2)).unwrap(), Changed::Done);
    assert!(store.load(Part::Whole).unwrap().is_none());
}

#[test]
fn sealed_and_plain_keep_the_same_promises() {
    for (open, fallback, keeping) in
        [(healthy as fn() -> _, Fallback::Deny, Keeping::Sealed), (absent, Fallback::File, Keeping::Plain)]
    {
        let folder = tempfile::tempdir().unwrap();
        let store = store(folder.path(), open, SOON);
        assert_eq!(store.prove(fallback), Ok(keeping));
        story(&store, fallback);
    }
}

#[test]
fn a_sealed_file_holds_no_token_in_plain_and_is_its_owners_alone() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path(), healthy, SOON);
    store.save(&session(1), None, Fallback::Deny).unwrap();
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
    assert_eq!(store(folder.path(), absent, SOON).prove(Fallback::Deny), Err(Error::StoreUnavailable));
    assert_eq!(store(folder.path(), locked, SOON).prove(Fallback::File), Err(Error::StoreLocked));
    assert_eq!(store(folder.path(), hanging, SOON).prove(Fallback::File), Err(Error::StoreLocked));
    let store = store(folder.path(), locked, SOON);
    assert_eq!(store.save(&session(1), None, Fallback::File).err(), Some(Error::StoreLocked));
    assert!(!store.paths.session.exists());
}

#[test]
fn a_sealed_session_stays_sealed_when_its_keyring_goes_away() {
    let folder = tempfile::tempdir().unwrap();
    store(folder.path(), healthy, SOON).save(&session(1), None, Fallback::File).unwrap();
    let away = store(folder.path(), absent, SOON);
    assert_eq!(away.prove(Fallback::File), Err(Error::StoreUnavailable));
    assert_eq!(away.load(Part::Access).err(), Some(Error::StoreUnavailable));
    assert_eq!(
        away.save(&session(2), Some(generation(1)), Fallback::File).err(),
        Some(Error::StoreUnavailable)
    );
    let back = store(folder.path(), healthy, SOON);
    assert_eq!(back.load(Part::Whole).unwrap().unwrap().generation, generation(1), "nothing was lost");
}

#[test]
fn torn_and_foreign_files_are_corrupt_and_stay() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path(), healthy, SOON);
    store.save(&session(1), None, Fallback::Deny).unwrap();
    let whole = fs::read(&store.paths.session).unwrap();
    for torn in [&whole[..whole.len() - 1], &whole[..30], b"", b"{}"] {
        fs::write(&store.paths.session, torn).unwrap();
        assert_eq!(store.load(Part::Whole).err(), Some(Error::StoreCorrupt));
        assert_eq!(store.prove(Fallback::File), Err(Error::StoreCorrupt), "said before anybody signs in");
    }
    fs::write(&store.paths.session, &whole).unwrap();
    assert!(store.load(Part::Whole).is_ok());
    store.forget().unwrap();
    assert!(store.load(Part::Whole).unwrap().is_none());
}

#[test]
fn of_many_writers_of_one_generation_one_wins() {
    let folder = tempfile::tempdir().unwrap();
    let first = store(folder.path(), absent, SOON);
    first.save(&session(1), None, Fallback::File).unwrap();
    let writers = (0..8).map(|number| {
        let store = first.clone();
        std::thread::spawn(move || {
            store.save(&session(100 + number), Some(generation(1)), Fallback::File).unwrap() == Changed::Done
        })
    });
    let writers: Vec<_> = writers.collect();
    let winners = writers.into_iter().map(|writer| writer.join().unwrap()).filter(|won| *won).count();
    assert_eq!(winners, 1);
}

#[test]
fn what_a_crash_left_of_a_write_goes_with_the_session() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path(), absent, SOON);
    store.save(&session(1), None, Fallback::File).unwrap();
    let left = store.paths.session.with_extension("new");
    fs::copy(&store.paths.session, &left).unwrap();
    assert_eq!(store.erase(generation(1)).unwrap(), Changed::Done);
    assert!(!left.exists());
}

#[test]
fn a_write_that_fails_leaves_what_was_there() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path(), healthy, SOON);
    store.save(&session(1), None, Fallback::Deny).unwrap();
    // As on a full disk, nothing can be written beside the file: a folder stands where it would be.
    let temporary = store.paths.session.with_extension("new");
    fs::create_dir(&temporary).unwrap();
    let failed = store.save(&session(2), Some(generation(1)), Fallback::Deny);
    assert_eq!(failed.err(), Some(Error::StoreUnavailable));
    let kept = store.load(Part::Whole).unwrap().unwrap();
    assert_eq!(kept.generation, generation(1));
    assert_eq!(kept.rest.unwrap().refresh_token.unwrap().expose(), "refresh-0");
    fs::remove_dir(&temporary).unwrap();
    assert_eq!(store.save(&session(2), Some(generation(1)), Fallback::Deny), Ok(Changed::Done));
}

#[test]
fn a_session_of_any_size_is_kept_whole_or_refused() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path(), healthy, SOON);
    let of_size = |number, size: usize| {
        let mut record = session(number);
        record.access[0].token = Secret::new("t".repeat(size));
        record
    };
    // Keyrings stop at some thousand characters; only keys are kept there.
    store.save(&of_size(1, 100_000), None, Fallback::Deny).unwrap();
    for part in [Part::Access, Part::Whole] {
        assert_eq!(store.load(part).unwrap().unwrap().access[0].token.expose().len(), 100_000);
    }
    // Around what core reads again, around what a file may hold, and beyond.
    for size in [262_000, 300_000, 700_000, 2_000_000] {
        let refused = store.save(&of_size(2, size), Some(generation(1)), Fallback::Deny);
        assert_eq!(refused.err(), Some(Error::NotSaved), "{size}");
    }
    assert_eq!(store.load(Part::Whole).unwrap().unwrap().generation, generation(1), "no half of it");
}

#[test]
fn each_grant_has_a_session_and_a_lock_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let grants = [
        ["https://a.example", "client", "default"],
        ["https://b.example", "client", "default"],
        ["https://a.example", "other", "default"],
        ["https://a.example", "client", "work"],
    ];
    let stores = grants.map(|grant| {
        let mut store = Store::new(folder.path(), "test", &grant);
        store.keyring = Keyring::of("test", &store.name, absent, SOON);
        store
    });
    make_folder(stores[0].paths.session.parent().unwrap()).unwrap();
    let guards = stores.each_ref().map(|store| crate::lock::try_lock(&store.paths.refresh_lock).unwrap());
    assert!(guards.iter().all(Option::is_some), "none waits for another");
    for (at, store) in stores.iter().enumerate() {
        store.save(&session(10 + at as u64), None, Fallback::File).unwrap();
    }
    for (at, store) in stores.iter().enumerate() {
        assert_eq!(store.load(Part::Access).unwrap().unwrap().generation, generation(10 + at as u64));
    }
}
