//! What the writer refuses, and that the published name always stands for a
//! whole file.

use std::fs::OpenOptions;
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::Path;

use super::{PUBLISHED_AT, SEED, group, id, name, policy, small, user, write};
use crate::{FILE_NAME, Group, Name, Snapshot, Upn, User, WriteError, Writer};

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

/// What two entries are said to have in common.
fn shared(users: &[User], groups: &[Group]) -> &'static str {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), 1, SEED, &[user("before", 71_000, &[])], &[]).unwrap();
    let what = match write(folder.path(), 2, SEED + 1, users, groups) {
        Err(WriteError::Duplicate { what, entries }) => {
            assert_eq!(entries, ["one", "two"], "{what}");
            what
        }
        other => panic!("expected a duplicate, got {other:?}"),
    };
    assert_eq!(open(folder.path()).generation(), 1);
    assert_eq!(files(folder.path()), [FILE_NAME]);
    what
}

#[test]
fn two_entries_with_one_key_are_never_published() {
    let one = user("one", 70_000, &[]);
    let two = user("two", 70_001, &[]);
    let staff = group("two", 70_001, &[]);

    let mut same = two.clone();
    same.uid = one.uid;
    assert_eq!(shared(&[one.clone(), same], &[]), "uid");
    let mut same = two.clone();
    same.upn = one.upn.clone();
    let names = "user name or user principal name";
    assert_eq!(shared(&[one.clone(), same], &[]), names);
    // A principal name that is another user's name, whoever comes first.
    let mut upn = one.clone();
    upn.upn = Some(Upn::new("two@b.example").unwrap());
    let mut name = two.clone();
    name.name = Name::new("two@b.example").unwrap();
    for users in [[upn.clone(), name.clone()], [name, upn]] {
        let folder = tempfile::tempdir().unwrap();
        let refused = write(folder.path(), 1, SEED, &users, &[]);
        assert!(matches!(refused, Err(WriteError::Duplicate { what, .. }) if what == names));
    }

    let first = group("one", 70_000, &[]);
    let mut same = staff.clone();
    same.gid = first.gid;
    assert_eq!(shared(&[], &[first, same]), "gid");
    // Private groups.
    let mut same = staff.clone();
    same.gid = one.gid;
    assert_eq!(shared(std::slice::from_ref(&one), &[same]), "gid");

    // Two entries of one name, private groups included.
    let same = |users: &[User], groups: &[Group]| {
        let folder = tempfile::tempdir().unwrap();
        match write(folder.path(), 1, SEED, users, groups) {
            Err(WriteError::Duplicate { what, entries }) if entries == ["two", "two"] => what,
            other => panic!("expected a duplicate, got {other:?}"),
        }
    };
    let mut renamed = one.clone();
    renamed.name = two.name.clone();
    assert_eq!(same(&[renamed, two.clone()], &[]), names);
    let mut other = staff.clone();
    other.gid = id(70_100);
    assert_eq!(
        same(std::slice::from_ref(&two), std::slice::from_ref(&other)),
        "group name"
    );
    assert_eq!(same(&[], &[other.clone(), staff]), "group name");

    // Without a private group nothing of theirs is a group's.
    let mut primary = two;
    primary.gid = other.gid;
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), 1, SEED, &[primary.clone()], &[other.clone()]).unwrap();
    let snapshot = open(folder.path());
    assert_eq!(snapshot.user_by_name(b"two").unwrap(), Some(primary));
    assert_eq!(snapshot.group_by_name(b"two").unwrap(), Some(other));
    assert_eq!(snapshot.group_by_gid(70_001).unwrap(), None);
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
fn a_list_that_does_not_fit_into_memory_comes_back_whole() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = Writer::create(folder.path(), policy(), 1, PUBLISHED_AT, SEED).unwrap();
    let mut members = writer.members();
    // The second group takes the list that the first one left.
    let mut role = group("entra-users", 70_102, &[]);
    role.always_whole = true;
    let names: Vec<Name> = (0..30_000)
        .map(|number| name(&format!("person.number{number}")))
        .collect();
    for (gid, count) in [(70_100, 30_000), (70_101, 7), (70_102, 9_000)] {
        members.clear();
        for name in &names[..count] {
            members.push(name).unwrap();
        }
        assert_eq!(members.count(), count as u32);
        role.gid = id(gid);
        role.name = name(&format!("role-{gid}"));
        writer.add_group_of(&role, &members).unwrap();
    }
    // Longer than what is listed.
    let mut ordinary = group("ordinary", 70_103, &[]);
    writer.add_group_of(&ordinary, &members).unwrap();
    ordinary.always_whole = true;
    ordinary.gid = id(70_104);
    ordinary.name = name("listed");
    ordinary.members = names.clone();
    writer.add_group(&ordinary).unwrap();
    assert_eq!(files(folder.path()).len(), 1, "scratch files have no name");
    writer.publish().unwrap();

    let snapshot = open(folder.path());
    let members = |gid| snapshot.group_by_gid(gid).unwrap().unwrap().members;
    assert_eq!(members(70_100), names);
    assert_eq!(members(70_101), names[..7]);
    assert_eq!(members(70_102), names[..9_000]);
    assert_eq!(members(70_103), []);
    assert_eq!(members(70_104), names);
}

#[test]
fn a_list_too_long_for_a_record_is_refused_and_the_rest_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = Writer::create(folder.path(), policy(), 1, PUBLISHED_AT, SEED).unwrap();
    let mut members = writer.members();
    let long = name(&"x".repeat(64));
    // 64 MiB and a little.
    for _ in 0..=(64 << 20) / 66 {
        members.push(&long).unwrap();
    }
    let mut role = group("entra-users", 70_102, &[]);
    role.always_whole = true;
    let refused = writer.add_group_of(&role, &members);
    assert!(
        matches!(refused, Err(WriteError::TooLarge { what: "group record", size, limit })
            if size > limit && limit == 64 << 20)
    );
    writer.add_group(&role).unwrap();
    assert_eq!(writer.publish().unwrap().groups, 1);
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
    flip_a_bit(folder.path(), 4096 + 40);

    assert!(matches!(writer.publish(), Err(WriteError::Unverified(_))));
    assert_eq!(files(folder.path()), [FILE_NAME]);
    assert_eq!(open(folder.path()).generation(), 1);
}

#[test]
fn a_long_list_damaged_before_the_rename_is_not_published() {
    // Its first byte of all, in the first and in the third piece that is read back.
    for position in [4096, 4096 + 60_000, 4096 + 140_000] {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = Writer::create(folder.path(), policy(), 1, PUBLISHED_AT, SEED).unwrap();
        let mut role = group("entra-users", 70_102, &[]);
        role.always_whole = true;
        role.members = vec![name("somebody"); 40_000];
        writer.add_group(&role).unwrap();
        flip_a_bit(folder.path(), position);
        let refused = writer.publish();
        assert!(
            matches!(refused, Err(WriteError::Unverified(_))),
            "{position}: {refused:?}"
        );
        assert_eq!(files(folder.path()), [""; 0]);
    }
}

/// Of the unfinished file in this folder.
fn flip_a_bit(folder: &Path, position: u64) {
    let temporary = files(folder)
        .into_iter()
        .find(|name| name != FILE_NAME)
        .unwrap();
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .open(folder.join(temporary))
        .unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, position).unwrap();
    file.write_all_at(&[byte[0] ^ 1], position).unwrap();
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
