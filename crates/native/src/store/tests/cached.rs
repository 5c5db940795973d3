//! What the kernel keeps, and for how long.
#![cfg(target_os = "linux")]

use linux_keyutils::{KeyRing, KeyRingIdentifier};

use super::*;

/// A store that lets the kernel keep its key, where this machine has a kernel's keyring for us.
fn cached(folder: &Path, opens: &Arc<AtomicUsize>) -> Option<Store> {
    let mut settings = settings(folder, Place::Sealed, Fallback::Deny);
    settings.storage.cache = true;
    let mut store = Store::new(&settings);
    let opens = Arc::clone(opens);
    let open = move || {
        opens.fetch_add(1, Ordering::Relaxed);
        healthy()
    };
    store.keyring = Keyring::of("test", &store.name, Arc::new(open), PATIENCE);
    let cache = &store.cache;
    cache.put(&Keys::generate(&mut OsDice).unwrap().key(Section::Access), Duration::from_secs(60));
    if cache.get().is_none() {
        #[expect(clippy::print_stderr, reason = "says that a test did not test")]
        {
            eprintln!("skipped: this kernel keeps no keys for us");
        }
        return None;
    }
    Some(store)
}

#[test]
fn a_cached_token_asks_no_keyring_and_everything_else_does() {
    let (folder, opens) = (tempfile::tempdir().unwrap(), Arc::new(AtomicUsize::new(0)));
    let Some(store) = cached(folder.path(), &opens) else { return };
    first(&store);
    // The connection stays open after a call, so each question begins without one.
    let asked = || {
        store.keyring.disconnect();
        opens.swap(0, Ordering::Relaxed)
    };
    asked();
    let access = |store: &Store| store.load(Part::Access, NOW).unwrap().unwrap().access[0].token.duplicate();
    assert_eq!(access(&store).expose(), "access-0");
    assert_eq!(asked(), 0, "what the kernel had of an earlier session was replaced by the sign-in");
    whole(&store).unwrap().unwrap();
    assert_eq!(asked(), 1, "what opens the rest is not in the kernel");

    let cache = &store.cache;
    let kept = cache.get().unwrap().0;
    let keys = store.keyring.get().unwrap().unwrap();
    assert_eq!(kept.expose().as_slice(), &keys.expose()[..32], "the access key and nothing else");
    asked();

    // A key that does not fit is passed over, and replaced.
    cache.put(&Keys::generate(&mut OsDice).unwrap().key(Section::Access), Duration::from_secs(60));
    access(&store);
    assert_eq!(asked(), 1);
    access(&store);
    assert_eq!(asked(), 0);

    assert_eq!(store.erase(generation(1)), Ok(Changed::Done));
    assert!(cache.get().is_none(), "gone with the session");
    first(&store);
    assert!(cache.get().is_some());
    store.forget().unwrap();
    assert!(cache.get().is_none());
}

#[test]
fn the_kernel_forgets_the_key_with_the_token_that_it_opens() {
    let (folder, opens) = (tempfile::tempdir().unwrap(), Arc::new(AtomicUsize::new(0)));
    let Some(store) = cached(folder.path(), &opens) else { return };
    let end = session(1).access.iter().map(|access| access.expires_at).max().unwrap();
    assert_eq!(store.save(&session(1), None, NOW), Ok(Changed::Done));
    let cache = &store.cache;
    // What the kernel says of it, by its number: one that was replaced may be listed for a moment longer.
    let limit = || {
        let user = KeyRing::from_special_id(KeyRingIdentifier::User, false).unwrap();
        let id = format!("{:08x} ", user.search(&cache.description).ok()?.get_id().as_raw_id());
        let keys = fs::read_to_string("/proc/keys").unwrap();
        let line = keys.lines().find(|line| line.starts_with(&id))?;
        line.split_whitespace().nth(3).map(str::to_owned)
    };
    assert!(matches!(limit().unwrap().as_str(), "1h" | "59m"));
    // Read two seconds before the end, it is kept for two seconds; after that not at all.
    cache.clear();
    store.load(Part::Access, end.minus(Duration::from_secs(2))).unwrap();
    assert!(matches!(limit().as_deref(), None | Some("2s" | "1s" | "0s" | "expd")));
    store.load(Part::Whole, end).unwrap();
    assert!(cache.get().is_none());
}

#[test]
fn a_key_from_before_the_cache_was_forbidden_goes_with_the_session() {
    for forget in [false, true] {
        let (folder, opens) = (tempfile::tempdir().unwrap(), Arc::new(AtomicUsize::new(0)));
        let Some(store) = cached(folder.path(), &opens) else { return };
        first(&store);
        let mut later = store.clone();
        later.storage.cache = false;
        if forget {
            later.forget().unwrap();
        } else {
            assert_eq!(later.erase(generation(1)), Ok(Changed::Done));
        }
        assert!(store.cache.get().is_none());
    }
}
