mod harness;
mod posix;
mod tenants;

use super::*;
use crate::graph::{GroupObject, UserObject};
use crate::store::fixture::{empty, key, object, user};

pub(super) use harness::*;

#[test]
fn every_object_is_counted_once() {
    use MemberKind::{Group, User};
    let (_folder, store) = empty();
    let users = || {
        vec![
            user(1, "alice"),
            user(2, "bob"),
            user(3, "root"),
            user(4, "Alice"),
        ]
    };
    let groups = || vec![group(11, "Sales"), group(12, "a:b"), group(13, "North")];
    let edges = || {
        vec![
            edge(11, 1, User),
            edge(11, 13, Group),
            edge(13, 2, User),
            edge(13, 3, User),
        ]
    };
    let (decision, failures) = run(&store, round(users(), groups(), edges()));
    assert_eq!(decision.users, counts(2, 0, 0, 0, 2));
    assert_eq!(decision.groups, counts(2, 0, 0, 0, 1));
    // alice and bob in sales, bob in north; root has no name here.
    assert_eq!(decision.memberships, 3);
    let failed: Vec<_> = failures
        .iter()
        .map(|failure| failure.label.as_str())
        .collect();
    assert_eq!(
        failed,
        ["Alice@Contoso.example", "root@Contoso.example", "ab"]
    );

    let (decision, _) = run(&store, round(users(), groups(), edges()));
    assert_eq!(decision.users, counts(0, 0, 0, 2, 2));
    assert_eq!(decision.groups, counts(0, 0, 0, 2, 1));

    // bob is disabled, alice left, north lost bob: both groups change.
    let mut later = vec![user(2, "bob"), user(3, "root")];
    later[0].enabled = false;
    let edges = vec![edge(11, 13, Group), edge(13, 3, User)];
    let (decision, failures) = run(&store, round(later, groups(), edges));
    assert_eq!(decision.users, counts(0, 1, 1, 0, 1));
    assert_eq!(decision.groups, counts(0, 2, 0, 0, 1));
    assert_eq!(failures.len(), 2);
}

#[test]
fn a_removed_persons_name_is_not_given_to_the_next() {
    let (_folder, store) = empty();
    run(
        &store,
        round(vec![user(1, "alice"), user(2, "bob")], vec![], vec![]),
    );
    let uid = store.person_by_login("alice").unwrap().unwrap().uid;
    run(&store, round(vec![user(2, "bob")], vec![], vec![]));
    let (decision, failures) = run(
        &store,
        round(vec![user(2, "bob"), user(3, "alice")], vec![], vec![]),
    );
    assert_eq!(decision.users, counts(0, 0, 0, 1, 1));
    assert!(failures[0].reason.contains("retired"), "{failures:?}");
    // The person who comes back is the same person.
    run(
        &store,
        round(vec![user(1, "alice"), user(2, "bob")], vec![], vec![]),
    );
    assert_eq!(store.person_by_login("alice").unwrap().unwrap().uid, uid);
}

#[test]
fn a_rename_moves_neither_uid_nor_home() {
    let (_folder, store) = empty();
    run(&store, round(vec![user(1, "alice")], vec![], vec![]));
    let before = store.person_by_login("alice").unwrap().unwrap();
    let (decision, _) = run(&store, round(vec![user(1, "alicia")], vec![], vec![]));
    assert_eq!(decision.users, counts(0, 1, 0, 0, 0));
    let after = store.person_by_login("alicia").unwrap().unwrap();
    assert_eq!(
        (after.uid, after.home.as_str()),
        (before.uid, "/home/alice")
    );
    assert_eq!(store.person_by_login("alice").unwrap(), None);
}

#[test]
fn who_cannot_be_read_is_kept_as_before() {
    let (_folder, store) = empty();
    let edges = vec![edge(11, 1, MemberKind::User)];
    run(
        &store,
        round(
            vec![user(1, "alice"), user(2, "bob")],
            vec![group(11, "Sales")],
            edges,
        ),
    );
    let mut staged = round(vec![user(2, "bob")], vec![], vec![]);
    staged.faults = vec![
        (1, MemberKind::User),
        (5, MemberKind::User),
        (11, MemberKind::Group),
    ];
    let (decision, failures) = run(&store, staged);
    assert_eq!(decision.users, counts(0, 0, 0, 1, 2));
    assert_eq!(decision.groups, counts(0, 0, 0, 0, 1));
    assert_eq!(
        failures[0].reason,
        "page 3: value[0]: accountEnabled: missing"
    );
    assert!(store.person_by_login("alice").unwrap().is_some());
    assert_eq!(store.groups().unwrap()[0].users, 1);
}

#[test]
fn guests_and_other_groups_are_left_out_with_a_remark_or_a_row() {
    let guest = UserObject {
        user_type: Some("Guest".to_owned()),
        ..user(5, "gast")
    };
    let list = GroupObject {
        security: false,
        mail: true,
        ..group(12, "List")
    };
    let secret = GroupObject {
        hidden: true,
        ..group(13, "Secret")
    };
    // People behind a group that is left out still belong to the group that holds it.
    let staged = || {
        round(
            vec![user(1, "alice"), guest.clone()],
            vec![group(11, "Sales"), list.clone(), secret.clone()],
            vec![
                edge(11, 12, MemberKind::Group),
                edge(12, 1, MemberKind::User),
            ],
        )
    };
    let (_folder, store) = empty();
    let (decision, failures) = run(&store, staged());
    assert!(failures.is_empty(), "{failures:?}");
    assert_eq!(
        decision.remarks,
        [
            "1 guest was left out",
            "1 group that is not a security group was left out",
            "1 group with hidden membership was left out"
        ]
    );
    assert_eq!(store.groups().unwrap().len(), 1);
    assert_eq!(store.groups().unwrap()[0].users, 1);

    let named = [object(5), object(12), object(13)].into();
    let reading = Reading {
        named,
        ..Reading::default()
    };
    let (decision, failures) = run_with(&store, staged(), reading, b"").unwrap();
    assert_eq!((decision.users.failed, decision.groups.failed), (1, 2));
    assert!(
        failures
            .iter()
            .any(|failure| failure.reason.starts_with("userType: Guest"))
    );
    assert!(decision.remarks.is_empty());
}

#[test]
fn circles_are_a_remark() {
    let (_folder, store) = empty();
    let edges = vec![
        edge(11, 12, MemberKind::Group),
        edge(12, 11, MemberKind::Group),
        edge(12, 1, MemberKind::User),
    ];
    let groups = vec![group(11, "Chicken"), group(12, "Egg")];
    let (decision, _) = run(&store, round(vec![user(1, "alice")], groups, edges));
    assert_eq!(decision.memberships, 2);
    assert_eq!(
        decision.remarks,
        ["groups that contain themselves, which is harmless: Chicken, Egg"]
    );
}

#[test]
fn nobody_is_never_an_answer() {
    let (_folder, store) = empty();
    let whole = || Reading {
        whole: true,
        ..Reading::default()
    };
    let error = run_with(&store, Tenant::default(), whole(), b"").unwrap_err();
    assert!(matches!(error, SyncError::Empty { guests: 0 }), "{error}");
    let groups = || vec![group(11, "Empty")];
    run_with(
        &store,
        round(vec![], groups(), vec![]),
        Reading::default(),
        b"",
    )
    .unwrap();
    run(&store, round(vec![user(1, "alice")], vec![], vec![]));
    let error = run_with(
        &store,
        round(vec![], groups(), vec![]),
        Reading::default(),
        b"",
    );
    assert!(matches!(error, Err(SyncError::Empty { .. })));
    assert!(store.person_by_login("alice").unwrap().is_some());
}

#[test]
fn soft_deleted_members_are_not_members() {
    let (_folder, store) = empty();
    let edges = vec![edge(11, 1, MemberKind::User), edge(11, 2, MemberKind::User)];
    let (decision, _) = run(
        &store,
        round(vec![user(1, "alice")], vec![group(11, "Sales")], edges),
    );
    assert_eq!(decision.memberships, 1);
    assert_eq!(store.groups().unwrap()[0].direct_users, 1);
}

#[test]
fn local_names_fail_but_keep_their_id_for_later() {
    let (_folder, store) = empty();
    let staged = || round(vec![user(1, "alice"), user(2, "bob")], vec![], vec![]);
    let whole = || Reading {
        whole: true,
        ..Reading::default()
    };
    let passwd = b"alice:x:1000:1000::/:/x\n";
    let (decision, failures) = run_with(&store, staged(), whole(), passwd).unwrap();
    assert_eq!(decision.users, counts(1, 0, 0, 0, 1));
    assert!(failures[0].reason.contains("/etc/passwd"));
    let id = store.known().unwrap().ids[&key(1)];
    let (decision, _) = run_with(&store, staged(), whole(), b"").unwrap();
    assert_eq!(decision.users, counts(1, 0, 0, 1, 0));
    assert_eq!(store.person_by_login("alice").unwrap().unwrap().uid, id);
}

#[test]
fn members_of_a_group_that_never_came_are_a_failed_row() {
    let (_folder, store) = empty();
    let edges = vec![edge(11, 1, MemberKind::User)];
    let (decision, failures) = run(&store, round(vec![user(1, "alice")], vec![], edges));
    assert_eq!(decision.groups, counts(0, 0, 0, 0, 1));
    assert_eq!(failures[0].reason, "page 2: value[0]: displayName: missing");
}

#[test]
fn two_people_may_swap_their_names() {
    let (_folder, store) = empty();
    run(
        &store,
        round(vec![user(1, "alice"), user(2, "bob")], vec![], vec![]),
    );
    // Names are never handed on: both keep what is theirs, under a failed row.
    let (decision, failures) = run(
        &store,
        round(vec![user(1, "bob"), user(2, "alice")], vec![], vec![]),
    );
    assert_eq!(decision.users, counts(0, 0, 0, 0, 2));
    assert!(failures[0].reason.contains("taken by"), "{failures:?}");
    // Back again, and an unrelated change of both in one run.
    let mut both = vec![user(2, "bob"), user(1, "alice")];
    both[0].display_name = "B".to_owned();
    both[1].display_name = "A".to_owned();
    let (decision, _) = run(&store, round(both, vec![], vec![]));
    assert_eq!(decision.users, counts(2, 0, 0, 0, 0));
}

#[test]
fn ids_follow_age_and_not_the_order_of_arrival() {
    let ids = |order: &[u8]| {
        let (_folder, store) = empty();
        let users = order.iter().map(|n| user(*n, &format!("u{n}"))).collect();
        run(&store, round(users, vec![], vec![]));
        store.known().unwrap().ids
    };
    assert_eq!(ids(&[1, 2, 3, 4, 5]), ids(&[5, 3, 1, 4, 2]));
}

/// What is not written because it looks unchanged would be wrong for ever.
#[test]
fn every_property_that_changes_is_a_change_and_is_written() {
    use serde_json::json;
    let (_folder, store) = empty();
    let mut alice = json!({"id": object(1), "userPrincipalName": "alice@contoso.example",
        "displayName": "Alice", "accountEnabled": true, "userType": "Member", "mailNickname": "a",
        "onPremisesSamAccountName": "a", "createdDateTime": "2024-01-01T00:00:00Z",
        "lastPasswordChangeDateTime": "2024-01-01T00:00:00Z",
        "signInSessionsValidFromDateTime": "2024-01-01T00:00:00Z"});
    run_pages(&store, &rules(), vec![alice.clone()], vec![]);
    for (property, value) in [
        ("userPrincipalName", json!("Alice@contoso.example")),
        ("displayName", json!("Alicia")),
        ("accountEnabled", json!(false)),
        ("userType", json!(null)),
        ("mailNickname", json!("b")),
        ("onPremisesSamAccountName", json!("b")),
        ("createdDateTime", json!("2024-01-02T00:00:00Z")),
        ("lastPasswordChangeDateTime", json!("2024-01-02T00:00:00Z")),
        (
            "signInSessionsValidFromDateTime",
            json!("2024-01-02T00:00:00Z"),
        ),
    ] {
        alice[property] = value;
        for expected in [counts(0, 1, 0, 0, 0), counts(0, 0, 0, 1, 0)] {
            let (decision, _) = run_pages(&store, &rules(), vec![alice.clone()], vec![]);
            assert_eq!(decision.users, expected, "{property}");
        }
    }
    let person = store.person_by_login("alice").unwrap().unwrap();
    assert_eq!(person.upn, "Alice@contoso.example");
    assert_eq!(
        (person.display_name.as_str(), person.enabled),
        ("Alicia", false)
    );
    assert_eq!(person.password_changed_at, person.sessions_valid_from);
    let changed = person.sessions_valid_from.map(|at| at.to_string());
    assert_eq!(changed.as_deref(), Some("2024-01-02T00:00:00Z"));
}
