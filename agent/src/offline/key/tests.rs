//! The key as a file and as a credential, whole and spoiled.

use std::os::unix::fs::PermissionsExt;

use super::*;

fn folder() -> (tempfile::TempDir, KeySource) {
    let folder = tempfile::tempdir().unwrap();
    let source = KeySource::new(None, folder.path());
    (folder, source)
}

#[test]
fn a_key_is_made_once_and_for_the_agent_alone() {
    let (folder, source) = folder();
    assert!(source.read().unwrap().is_none());
    assert!(!folder.path().join(FILE).exists(), "reading made one");
    let id = source.read_or_make().unwrap().id();
    assert_eq!(source.read_or_make().unwrap().id(), id);
    assert_eq!(source.read().unwrap().unwrap().id(), id);
    let found = folder.path().join(FILE).metadata().unwrap();
    assert_eq!((found.mode() & 0o7777, found.len()), (0o600, 32));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    let (_other, source) = self::folder();
    assert_ne!(source.read_or_make().unwrap().id(), id);
}

#[test]
fn first_uses_at_once_make_one_key() {
    for _ in 0..20 {
        let (_folder, source) = folder();
        let ids: Vec<[u8; 16]> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8)
                .map(|_| scope.spawn(|| source.read_or_make().unwrap().id()))
                .collect();
            threads.into_iter().map(|one| one.join().unwrap()).collect()
        });
        assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    }
}

#[test]
fn what_a_power_cut_left_is_no_key_and_in_nobodys_way() {
    let (folder, source) = folder();
    fs::write(folder.path().join(UNFINISHED), "half").unwrap();
    assert!(source.read().unwrap().is_none());
    source.read_or_make().unwrap();
    assert!(!folder.path().join(UNFINISHED).exists());
}

#[test]
fn a_file_that_is_not_as_it_was_made_is_an_error_and_stays() {
    type Spoil = fn(&Path);
    let spoils: [(Spoil, &str); 5] = [
        (
            |path| fs::set_permissions(path, fs::Permissions::from_mode(0o640)).unwrap(),
            "mode 0640",
        ),
        (
            |path| fs::set_permissions(path, fs::Permissions::from_mode(0o604)).unwrap(),
            "mode 0604",
        ),
        (|path| fs::write(path, [0; 31]).unwrap(), "has 31 bytes"),
        (|path| fs::write(path, []).unwrap(), "has 0 bytes"),
        (
            |path| {
                fs::rename(path, path.with_extension("other")).unwrap();
                std::os::unix::fs::symlink(path.with_extension("other"), path).unwrap();
            },
            "can't read",
        ),
    ];
    for (spoil, word) in spoils {
        let (folder, source) = folder();
        source.read_or_make().unwrap();
        let path = folder.path().join(FILE);
        spoil(&path);
        let before = fs::read(&path).unwrap();
        for error in [
            source.read().map(drop).unwrap_err(),
            source.read_or_make().map(drop).unwrap_err(),
        ] {
            assert!(error.to_string().contains(word), "{error}");
        }
        assert_eq!(fs::read(&path).unwrap(), before);
    }
}

#[test]
fn a_credential_goes_before_the_file_and_a_bad_one_too() {
    let (folder, without) = folder();
    let own = without.read_or_make().unwrap().id();
    let credentials = tempfile::tempdir().unwrap();
    let source = KeySource::new(Some(credentials.path().to_owned()), folder.path());
    assert_eq!(source.read().unwrap().unwrap().id(), own);
    let path = credentials.path().join(CREDENTIAL);
    fs::write(&path, [7; 40]).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o400)).unwrap();
    let id = source.read().unwrap().unwrap().id();
    assert_ne!(id, own);
    assert_eq!(source.read_or_make().unwrap().id(), id);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    let error = source.read().unwrap_err().to_string();
    assert!(error.contains("everyone may read"), "{error}");
    fs::write(&path, [7; 31]).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    let error = source.read_or_make().unwrap_err().to_string();
    assert!(error.contains("31 bytes"), "{error}");
}
