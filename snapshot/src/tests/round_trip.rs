//! What the writer was given is what the reader answers, for every key and in
//! any case, and nothing for any other key.

use super::{Numbers, SEED, bytes, group, id, name, small, user};
use crate::{AbsolutePath, Account, Group, Id, Snapshot, Text, Upn, User};

#[test]
fn name_and_upn_in_any_case_reach_one_account() {
    let (users, groups) = small();
    let file = bytes(7, SEED, &users, &groups);
    let snapshot = Snapshot::from_source(file.as_slice()).unwrap();
    for key in [
        "alice",
        "Alice",
        "ALICE",
        "alice@contoso.example",
        "Alice@CONTOSO.example",
    ] {
        assert_eq!(
            snapshot.user_by_name(key.as_bytes()).unwrap().as_ref(),
            users.first(),
            "{key}"
        );
    }
    for key in [
        "",
        "alic",
        "alicee",
        "alice@",
        "@contoso.example",
        "alice\0",
        "alice:",
    ] {
        assert_eq!(
            snapshot.user_by_name(key.as_bytes()).unwrap(),
            None,
            "{key:?}"
        );
    }
    assert_eq!(
        snapshot.group_by_name(b"Finance-Team").unwrap().as_ref(),
        groups.get(1)
    );
}

#[test]
fn the_groups_of_a_user_are_told_by_their_objects() {
    let (mut users, groups) = small();
    // One gid that no group has, as when it could not be published.
    users[0].gids.push(id(70_109));
    let file = bytes(7, SEED, &users, &groups);
    let snapshot = Snapshot::from_source(file.as_slice()).unwrap();
    for (user, objects) in [
        (&users[0], vec![groups[0].object_id, groups[1].object_id]),
        (&users[1], vec![groups[0].object_id]),
        (&users[2], vec![]),
    ] {
        assert_eq!(snapshot.objects_of(user).unwrap(), objects);
    }
}

/// A slot has 32 bits of its key's hash: what they lead to may be another's.
#[test]
fn keys_that_share_a_tag_are_told_apart_by_their_records() {
    let mut seen = std::collections::HashMap::new();
    let (there, other) = (0x7800_0000_u32..0x7900_0000)
        .find_map(|number| {
            let tag = crate::table::key_hash(SEED, &number.to_le_bytes()) as u32;
            seen.insert(tag, number).map(|before| (before, number))
        })
        .unwrap();
    let mut alice = user("alice", 70_000, &[there]);
    let file = bytes(7, SEED, &[user("bob", there, &[])], &[]);
    let snapshot = Snapshot::from_source(file.as_slice()).unwrap();
    assert!(snapshot.user_by_uid(there).unwrap().is_some());
    assert_eq!(snapshot.user_by_uid(other).unwrap(), None);

    let group = group("staff", there, &["alice"]);
    let file = bytes(7, SEED, &[alice.clone()], std::slice::from_ref(&group));
    let snapshot = Snapshot::from_source(file.as_slice()).unwrap();
    assert_eq!(snapshot.group_by_gid(there).unwrap().as_ref(), Some(&group));
    assert_eq!(snapshot.objects_of(&alice).unwrap(), [group.object_id]);
    assert_eq!(snapshot.group_by_gid(other).unwrap(), None);
    alice.gids = vec![id(other)];
    assert_eq!(snapshot.objects_of(&alice).unwrap(), [[0; 16]; 0]);
}

#[test]
fn a_private_group_is_answered_from_its_user() {
    let (users, groups) = small();
    let file = bytes(7, SEED, &users, &groups);
    let snapshot = Snapshot::from_source(file.as_slice()).unwrap();
    let alice = users[0].private_group().unwrap();
    assert_eq!(
        snapshot.group_by_name(b"alice").unwrap(),
        Some(alice.clone())
    );
    assert_eq!(snapshot.group_by_gid(70_000).unwrap(), Some(alice));
    // Carol's primary group is `staff`: no group has her name or her uid. A user
    // principal name is no group either.
    assert_eq!(snapshot.group_by_name(b"carol").unwrap(), None);
    assert_eq!(snapshot.group_by_gid(70_002).unwrap(), None);
    assert_eq!(
        snapshot.group_by_name(b"alice@contoso.example").unwrap(),
        None
    );
    let listed: Vec<String> = snapshot
        .groups()
        .map(|group| group.unwrap().name.as_str().to_owned())
        .collect();
    assert_eq!(listed, ["alice", "bob.builder", "staff", "finance-team"]);
}

#[test]
fn random_directories_come_back_whole() {
    for seed in 1..200 {
        let mut numbers = Numbers(seed);
        let (users, groups) = random_directory(&mut numbers);
        let file = bytes(seed, numbers.next(), &users, &groups);
        let snapshot = Snapshot::from_source(file.as_slice()).unwrap();
        for user in &users {
            let found = snapshot
                .user_by_name(user.name.as_str().as_bytes())
                .unwrap();
            assert_eq!(found.as_ref(), Some(user), "seed {seed}");
            let found = snapshot.user_by_uid(user.uid.value()).unwrap();
            assert_eq!(found.as_ref(), Some(user), "seed {seed}");
            if let Some(upn) = &user.upn {
                let key = upn.as_str().to_ascii_uppercase();
                let found = snapshot.user_by_name(key.as_bytes()).unwrap();
                assert_eq!(found.as_ref(), Some(user), "seed {seed}");
            }
        }
        for group in &groups {
            let found = snapshot
                .group_by_name(group.name.as_str().as_bytes())
                .unwrap();
            assert_eq!(found.as_ref(), Some(group), "seed {seed}");
            let found = snapshot.group_by_gid(group.gid.value()).unwrap();
            assert_eq!(found.as_ref(), Some(group), "seed {seed}");
        }
        let listed: Vec<User> = snapshot.users().map(Result::unwrap).collect();
        assert_eq!(listed, users, "seed {seed}");
        for other in 0..50 {
            let key = format!("absent{other}");
            assert_eq!(
                snapshot.user_by_name(key.as_bytes()).unwrap(),
                None,
                "seed {seed}"
            );
            assert_eq!(
                snapshot.user_by_uid(60_000 - other).unwrap(),
                None,
                "seed {seed}"
            );
        }
    }
}

#[test]
fn twenty_thousand_users_are_all_found() {
    let mut numbers = Numbers(4);
    let users: Vec<User> = (0..20_000)
        .map(|index| random_user(&mut numbers, index))
        .collect();
    // Publishing looks every key up.
    let file = bytes(1, SEED, &users, &[]);
    assert_eq!(
        Snapshot::from_source(file.as_slice()).unwrap().user_count(),
        20_000
    );
}

fn random_directory(numbers: &mut Numbers) -> (Vec<User>, Vec<Group>) {
    let users: Vec<User> = (0..numbers.below(80) as u32)
        .map(|index| random_user(numbers, index))
        .collect();
    let groups = (0..numbers.below(20) as u32)
        .map(|index| Group {
            name: name(&format!("group-{index}")),
            gid: id(80_000 + index),
            object_id: random_guid(numbers),
            members: users
                .iter()
                .filter(|_| numbers.below(2) == 0)
                .map(|user| user.name.clone())
                .collect(),
            always_whole: numbers.below(2) == 0,
        })
        .collect();
    (users, groups)
}

fn random_user(numbers: &mut Numbers, index: u32) -> User {
    let uid = id(0x7800_0000 + index);
    let short = format!(
        "_u{index}{}",
        ".x-_9".get(..numbers.below(6) as usize).unwrap()
    );
    let gids: Vec<Id> = (0..numbers.below(30))
        .map(|step| id(80_000 + step as u32))
        .collect();
    User {
        upn: (numbers.below(4) != 0)
            .then(|| Upn::new(&format!("o'{short}#ext#@contoso.example")).unwrap()),
        name: name(&if numbers.below(5) == 0 {
            format!("{short}@b.example")
        } else {
            short
        }),
        uid,
        gid: if numbers.below(3) == 0 {
            id(80_000)
        } else {
            uid
        },
        display_name: Text::cleaned(&"Zoë 😀, ".repeat(numbers.below(40) as usize)),
        home: AbsolutePath::new(&format!("/home/{index}")).unwrap(),
        shell: AbsolutePath::new("/bin/sh").unwrap(),
        tenant_id: random_guid(numbers),
        object_id: random_guid(numbers),
        account: Account {
            enabled: numbers.below(2) == 0,
            blocked: numbers.below(2) == 0,
            expires: (numbers.below(2) == 0).then(|| numbers.next()),
            services: (0..numbers.below(4))
                .map(|step| format!("service-{step}"))
                .collect(),
        },
        gids,
    }
}

fn random_guid(numbers: &mut Numbers) -> [u8; 16] {
    let (first, second) = (numbers.next(), numbers.next());
    (u128::from(first) << 64 | u128::from(second)).to_le_bytes()
}
