//! What only one place does.

use super::*;

#[test]
fn in_the_keyring_means_nothing_on_the_disk() {
    let folder = tempfile::tempdir().unwrap();
    let settings = settings(folder.path(), Place::Keyring, Fallback::File);
    let store = store_of(&settings, healthy);
    first(&store);
    for file in fs::read_dir(&settings.folder).unwrap().map(|entry| entry.unwrap().path()) {
        let text = fs::read_to_string(&file).unwrap();
        if file.ends_with("accounts.json") {
            assert!(!text.contains("user") && !text.contains("token"), "{text}");
        } else {
            assert_eq!(text, "", "{}", file.display());
        }
    }
    // It is known to be there without asking, also by who cannot ask.
    assert_eq!(hung(&settings).keeping(), Ok(Some(Keeping::Keyring)));
    assert_eq!(whole(&hung(&settings)).err(), Some(Error::StoreLocked));
    assert_eq!(whole(&store_of(&settings, absent)).err(), Some(Error::StoreUnavailable));
    assert_eq!(store_of(&settings, absent).prove(NOW), Err(Error::StoreUnavailable));
}

#[test]
fn a_mark_without_a_session_means_that_nobody_is_signed_in() {
    // A crash between the two, or the person has removed the entry by hand.
    let folder = tempfile::tempdir().unwrap();
    let settings = settings(folder.path(), Place::Keyring, Fallback::Deny);
    let store = store_of(&settings, healthy);
    store.ready().unwrap();
    store.paths.mark(&Seat::Keyring).unwrap();
    assert!(whole(&store).unwrap().is_none());
    // The next sign-in may go elsewhere.
    let plain = store_of(&self::settings(folder.path(), Place::File, Fallback::Deny), healthy);
    first(&plain);
    assert_eq!(whole(&store).unwrap().unwrap().generation, generation(1));
    assert_eq!(store.erase(generation(1)), Ok(Changed::Done));
    assert!(whole(&store).unwrap().is_none());
}

#[test]
fn a_keyring_that_keeps_too_little_is_found_out_before_the_sign_in() {
    /// As on Windows.
    #[derive(Debug)]
    struct Small;
    impl keyring_core::api::CredentialApi for Small {
        fn set_secret(&self, secret: &[u8]) -> keyring_core::Result<()> {
            if secret.len() > 2560 {
                Err(keyring_core::Error::TooLong("secret".into(), 2560))
            } else {
                Ok(())
            }
        }
        fn get_secret(&self) -> keyring_core::Result<Vec<u8>> {
            Err(keyring_core::Error::NoEntry)
        }
        fn delete_credential(&self) -> keyring_core::Result<()> {
            Ok(())
        }
        fn get_credential(&self) -> keyring_core::Result<Option<Arc<keyring_core::Credential>>> {
            Ok(None)
        }
        fn get_specifiers(&self) -> Option<(String, String)> {
            None
        }
        fn as_any(&self) -> &dyn std::any::Any {
            self
        }
    }
    impl keyring_core::api::CredentialStoreApi for Small {
        fn vendor(&self) -> String {
            String::from("small")
        }
        fn id(&self) -> String {
            String::from("small")
        }
        fn build(
            &self,
            _service: &str,
            _user: &str,
            _modifiers: Option<&std::collections::HashMap<&str, &str>>,
        ) -> keyring_core::Result<keyring_core::Entry> {
            Ok(keyring_core::Entry::new_with_credential(Arc::new(Self)))
        }
        fn as_any(&self) -> &dyn std::any::Any {
            self
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let settings = settings(folder.path(), Place::Keyring, Fallback::File);
    let store = store_of(&settings, || Ok(Arc::new(Small)));
    assert_eq!(store.prove(NOW), Err(Error::NotSaved));
}

#[test]
fn a_plain_session_is_json_for_its_owner_alone() {
    let folder = tempfile::tempdir().unwrap();
    let mut settings = settings(folder.path(), Place::File, Fallback::Deny);
    let file = folder.path().join("acme/deep/credentials.json");
    settings.storage.file = Some(file.clone());
    let store = store_of(&settings, hanging);
    first(&store);
    let mut object: serde_json::Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    assert_eq!([&object["version"], &object["generation"]], [1, 1]);
    assert_eq!(object["rest"]["refresh_token"], "refresh-0");
    #[cfg(unix)]
    {
        let mode = |path: &Path| {
            std::os::unix::fs::PermissionsExt::mode(&fs::metadata(path).unwrap().permissions()) & 0o777
        };
        assert_eq!((mode(&file), mode(file.parent().unwrap())), (0o600, 0o700));
    }
    // Somebody has looked at it with an editor that formats.
    fs::write(&file, serde_json::to_vec_pretty(&object).unwrap()).unwrap();
    assert_eq!(whole(&store).unwrap().unwrap().generation, generation(1));
    // Carried to another machine, it is found without any mark.
    fs::remove_dir_all(&settings.folder).unwrap();
    assert_eq!(whole(&store).unwrap().unwrap().generation, generation(1));
    // The file is the store: without it nobody is signed in.
    fs::remove_file(&file).unwrap();
    assert!(whole(&store).unwrap().is_none() && store.keeping().unwrap().is_none());
    object["version"] = 2.into();
    fs::write(&file, object.to_string()).unwrap();
    assert_eq!(whole(&store).err(), Some(Error::StoreCorrupt), "a later version is not guessed at");
}

#[test]
fn a_file_that_two_accounts_share_stays_with_the_first() {
    let folder = tempfile::tempdir().unwrap();
    let stores = ["one", "two"].map(|profile| {
        let mut settings = settings(folder.path(), Place::File, Fallback::Deny);
        settings.profile = profile.to_owned();
        settings.storage.file = Some(folder.path().join("credentials.json"));
        store_of(&settings, hanging)
    });
    let [one, two] = &stores;
    assert_eq!(two.prove(NOW), Ok(Keeping::Plain));
    first(one);
    assert!(whole(two).unwrap().is_none(), "the other is somebody else");
    assert_eq!(two.save(&session(1), None, NOW).err(), Some(Error::StoreTaken), "taken since it was proved");
    assert_eq!(two.prove(NOW), Err(Error::StoreTaken), "said before anybody signs in");
    two.forget().unwrap();
    assert!(whole(one).unwrap().is_some());
    assert_eq!(one.prove(NOW), Ok(Keeping::Plain), "the same account again");
    assert_eq!(one.erase(generation(1)), Ok(Changed::Done));
    first(two);
    assert!(whole(one).unwrap().is_none() && whole(two).unwrap().is_some());
}

#[test]
fn reads_what_earlier_versions_wrote() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path(), absent, Fallback::File);
    let encoded = session(7).encode().unwrap();
    let (access, rest) = (encoded.access.expose(), encoded.rest.expose());
    let length = u32::try_from(access.len()).unwrap().to_le_bytes();
    let old = [b"gatepass plain 1\n", &7_u64.to_le_bytes()[..], &length, access.as_bytes(), rest.as_bytes()];
    fs::create_dir_all(store.paths.session.parent().unwrap()).unwrap();
    fs::write(&store.paths.session, old.concat()).unwrap();
    assert_eq!(
        whole(&store).unwrap().unwrap().rest.unwrap().into_inner().refresh_token.unwrap().expose(),
        "refresh-0"
    );
    assert_eq!(store.keeping(), Ok(Some(Keeping::Plain)));
    assert_eq!(store.save(&session(8), Some(generation(7)), NOW), Ok(Changed::Done));
    assert!(fs::read(&store.paths.session).unwrap().starts_with(b"{\"version\":1,"));
}

#[test]
fn a_passphrase_is_asked_for_once_and_opens_nothing_when_it_is_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let mut settings = settings(folder.path(), Place::Sealed, Fallback::Passphrase);
    assert_eq!(store_of(&settings, absent).prove(NOW), Err(Error::StoreUnavailable), "nobody to ask");
    let (passphrase, asked) = person("correct horse");
    settings.storage.passphrase = Some(passphrase);
    let store = store_of(&settings, absent);
    assert_eq!(store.prove(NOW), Ok(Keeping::Passphrase));
    first(&store);
    assert_eq!(store.save(&session(2), Some(generation(1)), NOW), Ok(Changed::Done));
    whole(&store).unwrap().unwrap();
    assert_eq!(asked.load(Ordering::Relaxed), 1, "once in this process");
    let text = String::from_utf8_lossy(&fs::read(&store.paths.session).unwrap()).into_owned();
    assert!(!text.contains("refresh-0") && !text.contains("correct horse"));

    let next = store_of(&settings, absent);
    whole(&next).unwrap().unwrap();
    assert_eq!(next.save(&session(3), Some(generation(2)), NOW), Ok(Changed::Done));
    assert_eq!(asked.load(Ordering::Relaxed), 2, "once in the next one");

    let (wrong, asked) = person("battery staple");
    settings.storage.passphrase = Some(wrong);
    let stranger = store_of(&settings, absent);
    assert_eq!(whole(&stranger).err(), Some(Error::StoreLocked));
    assert_eq!(asked.load(Ordering::Relaxed), 3, "three tries");
    assert_eq!(stranger.save(&session(9), Some(generation(3)), NOW).err(), Some(Error::StoreLocked));
    settings.storage.passphrase = None;
    assert_eq!(whole(&store_of(&settings, absent)).err(), Some(Error::StoreLocked));
    // A keyring that has come since changes nothing: the session stays where it is.
    assert_eq!(store_of(&settings, healthy).keeping(), Ok(Some(Keeping::Passphrase)));
}

#[cfg(unix)]
#[test]
fn a_folder_that_others_write_in_is_refused_before_the_sign_in() {
    use std::os::unix::fs::PermissionsExt;
    let mode = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    everywhere(|store, settings, keeping| {
        store.ready().unwrap();
        let named = settings.storage.file.as_deref().and_then(Path::parent);
        let named = named.filter(|_| keeping == Keeping::Plain);
        for folder in [&*settings.folder].into_iter().chain(named) {
            fs::create_dir_all(folder).unwrap();
            mode(folder, 0o755);
            assert_eq!(store.prove(NOW), Ok(keeping));
            for open in [0o775, 0o757, 0o1777] {
                mode(folder, open);
                assert_eq!(store.prove(NOW), Err(Error::StoreExposed), "{open:o}");
            }
            mode(folder, 0o700);
        }
    });
}

#[cfg(unix)]
#[test]
fn what_somebody_laid_in_the_way_of_a_write_is_not_written_to() {
    use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
    let folder = tempfile::tempdir().unwrap();
    let store = store_of(&settings(folder.path(), Place::File, Fallback::Deny), hanging);
    first(&store);
    let laid = store.paths.session.with_extension("session.new");
    let theirs = folder.path().join("theirs");
    fs::write(&theirs, "theirs").unwrap();
    symlink(&theirs, &laid).unwrap();
    assert_eq!(store.save(&session(2), Some(generation(1)), NOW), Ok(Changed::Done));
    assert_eq!(fs::read(&theirs).unwrap(), b"theirs");
    let written = || fs::symlink_metadata(&store.paths.session).unwrap();
    assert!(written().is_file());

    fs::write(&laid, "").unwrap();
    fs::set_permissions(&laid, fs::Permissions::from_mode(0o666)).unwrap();
    let number = fs::metadata(&laid).unwrap().ino();
    let _held = fs::File::open(&laid).unwrap();
    assert_eq!(store.save(&session(3), Some(generation(2)), NOW), Ok(Changed::Done));
    assert_eq!(written().permissions().mode() & 0o777, 0o600);
    assert_ne!(written().ino(), number);
}

#[test]
fn a_foreign_file_at_the_named_path_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let mut settings = settings(folder.path(), Place::File, Fallback::Deny);
    let file = folder.path().join("credentials.json");
    settings.storage.file = Some(file.clone());
    let store = store_of(&settings, hanging);
    let large = "x".repeat(2 * 1024 * 1024);
    for foreign in ["[default]\nkey = 1\n", r#"{"token":"theirs"}"#, &large] {
        fs::write(&file, foreign).unwrap();
        assert_eq!(whole(&store).err(), Some(Error::StoreTaken));
        assert_eq!(store.prove(NOW), Err(Error::StoreTaken));
        store.forget().unwrap();
        assert!(fs::read_to_string(&file).unwrap() == foreign);
    }
    fs::remove_file(&file).unwrap();
    first(&store);
    let own = fs::read(&file).unwrap();
    for torn in [&own[..own.len() / 2], b""] {
        fs::write(&file, torn).unwrap();
        assert_eq!(whole(&store).err(), Some(Error::StoreCorrupt));
        store.forget().unwrap();
        assert!(!file.exists());
    }
    // A socket stands for all that is no file; a pipe would hang the test that fails.
    #[cfg(unix)]
    {
        let _listener = std::os::unix::net::UnixListener::bind(&file).unwrap();
        assert_eq!(whole(&store).err(), Some(Error::StoreUnavailable));
        store.forget().unwrap();
        assert!(file.exists());
    }
}
