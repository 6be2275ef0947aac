//! Tests of the file as a whole: what goes in comes out, and nothing else ever
//! does. Tests of a single part stand in that part's file.

mod damage;
mod golden;
mod memory;
mod publishing;
mod round_trip;

use std::path::Path;

use crate::{
    AbsolutePath, Account, Gate, Group, Id, Name, Policy, Published, Snapshot, Text, Upn, User,
    WriteError, Writer,
};

pub(super) const SEED: u64 = 0x0123_4567_89ab_cdef;
pub(super) const PUBLISHED_AT: u64 = 1_800_000_000;

pub(super) fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

pub(super) fn id(value: u32) -> Id {
    Id::new(value).unwrap()
}

pub(super) fn user(short: &str, uid: u32, gids: &[u32]) -> User {
    User {
        name: name(short),
        upn: Some(Upn::new(&format!("{short}@contoso.example")).unwrap()),
        uid: id(uid),
        gid: id(uid),
        display_name: Text::cleaned(&format!("Person {short}")),
        home: AbsolutePath::new(&format!("/home/{short}")).unwrap(),
        shell: AbsolutePath::new("/bin/bash").unwrap(),
        tenant_id: [0x11; 16],
        object_id: [uid as u8; 16],
        account: Account {
            enabled: true,
            blocked: false,
            expires: None,
            services: Vec::new(),
        },
        gids: gids.iter().copied().map(id).collect(),
    }
}

pub(super) fn group(short: &str, gid: u32, members: &[&str]) -> Group {
    Group {
        name: name(short),
        gid: id(gid),
        object_id: [gid as u8; 16],
        members: members.iter().copied().map(name).collect(),
        always_whole: false,
    }
}

pub(super) fn policy() -> Policy {
    Policy {
        sign_in_enabled: true,
        enumerate: false,
        gate: Gate::Fallback,
        gate_set_at: Some(PUBLISHED_AT),
        gate_trial_ends: Some(PUBLISHED_AT + 600),
        offline_maximum_age: 14 * 24 * 3600,
        break_glass: vec!["root".into(), "Rescue$".into()],
    }
}

pub(super) fn write(
    folder: &Path,
    generation: u64,
    seed: u64,
    users: &[User],
    groups: &[Group],
) -> Result<Published, WriteError> {
    let mut writer = Writer::create(folder, policy(), generation, PUBLISHED_AT, seed)?;
    for user in users {
        writer.add_user(user)?;
    }
    for group in groups {
        writer.add_group(group)?;
    }
    writer.publish()
}

/// The bytes of a published file with these entries.
pub(super) fn bytes(generation: u64, seed: u64, users: &[User], groups: &[Group]) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), generation, seed, users, groups).unwrap();
    std::fs::read(folder.path().join(crate::FILE_NAME)).unwrap()
}

/// Three people and two groups: one person without a private group, one blocked
/// and limited.
pub(super) fn small() -> (Vec<User>, Vec<Group>) {
    let mut bob = user("bob.builder", 70_001, &[70_100]);
    bob.upn = None;
    bob.account = Account {
        enabled: false,
        blocked: true,
        expires: Some(PUBLISHED_AT + 5),
        services: vec!["sshd".into(), "sudo".into()],
    };
    let mut carol = user("carol", 70_002, &[]);
    carol.gid = id(70_100);
    let users = vec![user("alice", 70_000, &[70_100, 70_101]), bob, carol];
    let groups = vec![
        group("staff", 70_100, &["alice", "bob.builder"]),
        group("finance-team", 70_101, &["alice"]),
    ];
    (users, groups)
}

/// Every answer of a snapshot to the keys of `small` and to some others.
pub(super) fn answers<R: crate::ReadAt>(
    snapshot: &Snapshot<R>,
) -> Vec<(String, Result<String, crate::ReadError>)> {
    let mut answers = Vec::new();
    for key in [
        "alice",
        "ALICE@contoso.example",
        "bob.builder",
        "carol",
        "nobody.here",
        "staff",
    ] {
        let found = snapshot
            .user_by_name(key.as_bytes())
            .map(|user| format!("{user:?}"));
        answers.push((format!("user {key}"), found));
        let found = snapshot
            .group_by_name(key.as_bytes())
            .map(|group| format!("{group:?}"));
        answers.push((format!("group {key}"), found));
    }
    for id in [70_000, 70_001, 70_002, 70_003, 70_100, 70_101] {
        let found = snapshot.user_by_uid(id).map(|user| format!("{user:?}"));
        answers.push((format!("uid {id}"), found));
        let found = snapshot.group_by_gid(id).map(|group| format!("{group:?}"));
        answers.push((format!("gid {id}"), found));
    }
    for user in small().0 {
        let found = snapshot.objects_of(&user);
        let found = found.map(|objects| format!("{objects:?}"));
        answers.push((format!("objects of {}", user.name.as_str()), found));
    }
    for (index, user) in snapshot.users().enumerate() {
        answers.push((
            format!("user number {index}"),
            user.map(|user| format!("{user:?}")),
        ));
    }
    for (index, group) in snapshot.groups().enumerate() {
        answers.push((
            format!("group number {index}"),
            group.map(|group| format!("{group:?}")),
        ));
    }
    let header = format!(
        "{} {} {} {} {:?}",
        snapshot.generation(),
        snapshot.known_at(),
        snapshot.user_count(),
        snapshot.group_count(),
        snapshot.policy()
    );
    answers.push(("header".into(), Ok(header)));
    answers
}

/// A small generator of numbers (xorshift64), so that a failing case can be had
/// again by its seed.
pub(super) struct Numbers(pub(super) u64);

impl Numbers {
    pub(super) fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    pub(super) fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }
}
