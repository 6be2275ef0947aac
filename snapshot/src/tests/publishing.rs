//! What the writer refuses, and that the published name always stands for a
//! whole file.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::{PUBLISHED_AT, SEED, group, id, policy, small, user, write};
use crate::{FILE_NAME, Name, Snapshot, Upn, WriteError, Writer};

fn open(folder: &Path) -> Snapshot {
    Snapshot::open(folder.join(FILE_NAME)).unwrap()
}

fn files(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn taken(result: Result<(), WriteError>) -> &'static str {
    match result {
        Err(WriteError::Duplicate { what, .. }) => what,
        other => panic!("expected a duplicate, got {other:?}"),
    }
}

#[test]
fn a_second_entry_with_a_taken_key_is_refused_and_the_rest_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = Writer::create(folder.path(), policy(), 1, PUBLISHED_AT, SEED).unwrap();
    let alice = user("alice", 70_000, &[]);
    writer.add_user(&alice).unwrap();
    writer.add_group(&group("staff", 70_100, &[])).unwrap();

    let mut other = user("alice", 70_001, &[]);
    other.upn = None;
    assert_eq!(taken(writer.add_user(&other)), "user name");
    assert_eq!(taken(writer.add_user(&user("bob", 70_000, &[]))), "uid");
    let mut other = user("bob", 70_001, &[]);
    other.upn = alice.upn.clone();
    assert_eq!(taken(writer.add_user(&other)), "user principal name");
    // A name that is another user's principal name.
    let mut other = user("bob", 70_001, &[]);
    other.name = Name::new("alice@contoso.example").unwrap();
    assert_eq!(taken(writer.add_user(&other)), "user name");

    assert_eq!(
        taken(writer.add_group(&group("staff", 70_101, &[]))),
        "group name"
    );
    assert_eq!(taken(writer.add_group(&group("other", 70_100, &[]))), "gid");
    // Private groups on either side.
    assert_eq!(
        taken(writer.add_group(&group("alice", 70_101, &[]))),
        "group name"
    );
    assert_eq!(taken(writer.add_group(&group("other", 70_000, &[]))), "gid");
    assert_eq!(
        taken(writer.add_user(&user("staff", 70_001, &[]))),
        "group name"
    );
    assert_eq!(taken(writer.add_user(&user("bob", 70_100, &[]))), "gid");

    // Nothing of a refused entry stays: its free keys can still be used.
    writer.add_user(&user("bob", 70_001, &[])).unwrap();
    let published = writer.publish().unwrap();
    assert_eq!((published.users, published.groups), (2, 1));
    assert_eq!(
        open(folder.path()).user_by_name(b"alice").unwrap(),
        Some(alice)
    );
}

#[test]
fn a_name_that_is_its_own_upn_is_no_duplicate() {
    let folder = tempfile::tempdir().unwrap();
    let mut alice = user("alice", 70_000, &[]);
    alice.name = Name::new("alice@contoso.example").unwrap();
    write(folder.path(), 1, SEED, std::slice::from_ref(&alice), &[]).unwrap();
    let found = open(folder.path())
        .user_by_name(b"Alice@contoso.example")
        .unwrap();
    assert_eq!(found, Some(alice));
}

#[test]
fn long_member_lists_are_published_empty_but_for_role_groups() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = Writer::create(folder.path(), policy(), 1, PUBLISHED_AT, SEED)
        .unwrap()
        .with_members_max(2);
    writer
        .add_group(&group("two", 70_100, &["a", "b"]))
        .unwrap();
    writer
        .add_group(&group("three", 70_101, &["a", "b", "c"]))
        .unwrap();
    let mut role = group("entra-users", 70_102, &["a", "b", "c"]);
    role.always_whole = true;
    writer.add_group(&role).unwrap();
    writer.publish().unwrap();
    let snapshot = open(folder.path());
    let members = |gid| snapshot.group_by_gid(gid).unwrap().unwrap().members.len();
    assert_eq!(
        (members(70_100), members(70_101), members(70_102)),
        (2, 0, 3)
    );
}

#[test]
fn illegal_strings_and_oversized_entries_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = Writer::create(folder.path(), policy(), 1, PUBLISHED_AT, SEED).unwrap();
    for service in ["", "a/b", "new\nline", "ünicode"] {
        let mut alice = user("alice", 70_000, &[]);
        alice.account.services.push(service.into());
        assert!(
            matches!(writer.add_user(&alice), Err(WriteError::Illegal(_))),
            "{service:?}"
        );
    }
    let mut alice = user("alice", 70_000, &[]);
    alice.gids = vec![id(70_100); 300_000];
    let refused = writer.add_user(&alice);
    assert!(matches!(
        refused,
        Err(WriteError::TooLarge {
            what: "user record",
            ..
        })
    ));
    writer.add_user(&user("alice", 70_000, &[])).unwrap();
    assert_eq!(writer.publish().unwrap().users, 1);

    let mut bad = policy();
    bad.break_glass = vec!["a:b".into()];
    let refused = Writer::create(folder.path(), bad, 1, PUBLISHED_AT, SEED);
    assert!(matches!(refused, Err(WriteError::Illegal(_))));
    let mut large = policy();
    large.break_glass = vec!["x".repeat(32); 200];
    let refused = Writer::create(folder.path(), large, 1, PUBLISHED_AT, SEED);
    assert!(matches!(
        refused,
        Err(WriteError::TooLarge { what: "policy", .. })
    ));
}

#[test]
fn an_empty_directory_can_be_published() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), 1, SEED, &[], &[]).unwrap();
    let snapshot = open(folder.path());
    assert_eq!(snapshot.user_by_name(b"alice").unwrap(), None);
    assert_eq!(snapshot.users().count(), 0);
    assert_eq!(*snapshot.policy(), policy());
}

#[test]
fn the_file_is_readable_by_all_and_alone_in_its_folder() {
    let folder = tempfile::tempdir().unwrap();
    let (users, groups) = small();
    write(folder.path(), 1, SEED, &users, &groups).unwrap();
    let metadata = std::fs::metadata(folder.path().join(FILE_NAME)).unwrap();
    assert_eq!(metadata.permissions().mode() & 0o7777, 0o644);
    assert_eq!(files(folder.path()), [FILE_NAME]);
}

#[test]
fn a_writer_killed_before_the_rename_leaves_the_old_directory() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), 1, SEED, &[user("alice", 70_000, &[])], &[]).unwrap();

    // What a killed agent leaves: a temporary file that no one removes.
    let mut killed = Writer::create(folder.path(), policy(), 2, PUBLISHED_AT, SEED + 1).unwrap();
    killed.add_user(&user("bob", 70_001, &[])).unwrap();
    std::mem::forget(killed);
    assert_eq!(files(folder.path()).len(), 2);
    assert_eq!(open(folder.path()).generation(), 1);
    assert!(
        open(folder.path())
            .user_by_name(b"alice")
            .unwrap()
            .is_some()
    );

    write(folder.path(), 3, SEED + 2, &[user("bob", 70_001, &[])], &[]).unwrap();
    assert_eq!(files(folder.path()), [FILE_NAME]);
    assert_eq!(open(folder.path()).generation(), 3);
}

#[test]
fn a_dropped_writer_removes_its_temporary_file() {
    let folder = tempfile::tempdir().unwrap();
    let writer = Writer::create(folder.path(), policy(), 1, PUBLISHED_AT, SEED).unwrap();
    assert_eq!(files(folder.path()).len(), 1);
    drop(writer);
    assert!(files(folder.path()).is_empty());
}

#[test]
fn a_file_damaged_before_the_rename_is_not_published() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), 1, SEED, &[user("alice", 70_000, &[])], &[]).unwrap();
    let mut writer = Writer::create(folder.path(), policy(), 2, PUBLISHED_AT, SEED + 1).unwrap();
    // More than the writer's buffer, so that records are on disk before the end.
    for index in 0..3_000 {
        writer
            .add_user(&user(&format!("u{index}"), 80_000 + index, &[]))
            .unwrap();
    }
    let temporary = files(folder.path())
        .into_iter()
        .find(|name| name != FILE_NAME)
        .unwrap();
    let path = folder.path().join(temporary);
    let mut content = std::fs::read(&path).unwrap();
    content[4096 + 40] ^= 1;
    std::fs::write(&path, content).unwrap();

    assert!(matches!(writer.publish(), Err(WriteError::Unverified(_))));
    assert_eq!(files(folder.path()), [FILE_NAME]);
    assert_eq!(open(folder.path()).generation(), 1);
}

#[test]
fn of_two_writers_at_once_only_whole_files_are_published() {
    let folder = tempfile::tempdir().unwrap();
    let mut first = Writer::create(folder.path(), policy(), 1, PUBLISHED_AT, SEED).unwrap();
    first.add_user(&user("alice", 70_000, &[])).unwrap();
    let second = Writer::create(folder.path(), policy(), 2, PUBLISHED_AT, SEED + 1).unwrap();
    assert!(first.publish().is_err());
    second.publish().unwrap();
    assert_eq!(open(folder.path()).generation(), 2);
}

#[test]
fn an_open_snapshot_stays_its_generation() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), 1, SEED, &[user("alice", 70_000, &[])], &[]).unwrap();
    let old = open(folder.path());
    let mut renamed = user("alison", 70_000, &[]);
    renamed.upn = Some(Upn::new("alison@contoso.example").unwrap());
    write(folder.path(), 2, SEED + 1, &[renamed], &[]).unwrap();
    assert!(old.user_by_name(b"alice").unwrap().is_some());
    assert!(
        open(folder.path())
            .user_by_name(b"alice")
            .unwrap()
            .is_none()
    );
}
