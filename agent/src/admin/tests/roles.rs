//! Roles for people and groups: names, frames, expectations, previews and the list.

use entra_protocol::admin::{HolderKind, RoleOrder, RoleSource};

use super::*;
use crate::auth::scripted::ALICE_UID;

fn order(kind: HolderKind, name: &str, role: Role) -> RoleOrder {
    RoleOrder {
        kind,
        name: name.to_owned(),
        role,
        expected: None,
    }
}

fn user(name: &str, role: Role) -> RoleOrder {
    order(HolderKind::User, name, role)
}

fn group(name: &str, role: Role) -> RoleOrder {
    order(HolderKind::Group, name, role)
}

/// A host on which alice is in the group engineering.
fn host_with_a_group() -> Host {
    let host = Host::new();
    let [directory, state] = [crate::store::DIRECTORY_FILE, crate::store::STATE_FILE]
        .map(|file| host.folder.path().join(file));
    let connection = rusqlite::Connection::open(directory).unwrap();
    connection
        .execute("ATTACH ?1 AS state", [state.to_str().unwrap()])
        .unwrap();
    let alice = crate::auth::scripted::key_of(crate::auth::scripted::ALICE);
    let group = crate::identity::ObjectId::from_bytes([9; 16]);
    for statement in [
        "INSERT INTO groups (tenant, object, display_name, kind, name)
         VALUES (?1, ?2, 'Engineering', 'security', 'engineering')",
        "INSERT INTO state.ids (id, tenant, object, attempt, allocated_at)
         VALUES (2013266000, ?1, ?2, 0, 5)",
    ] {
        connection
            .execute(statement, (alice.tenant, group))
            .unwrap();
    }
    connection
        .execute(
            "INSERT INTO memberships (tenant, parent, member) VALUES (?1, ?2, ?3)",
            (alice.tenant, group, alice.object),
        )
        .unwrap();
    host
}

fn assign(orders: &[RoleOrder]) -> Request {
    Request::RoleAssign {
        orders: orders.to_vec(),
        dry_run: false,
        more: false,
    }
}

async fn refused(host: &Host, orders: &[RoleOrder]) -> Failure {
    let before = (roles(host), host.publications.load(Ordering::SeqCst));
    let audits = audited(host, "role set", true);
    let (_, end) = ask(host, 0, assign(orders), vec![]).await;
    assert_eq!(
        (roles(host), host.publications.load(Ordering::SeqCst)),
        before
    );
    assert_eq!(audited(host, "role set", true), audits + 1);
    end.unwrap_err()
}

#[tokio::test]
async fn people_and_groups_are_given_roles_in_one_request() {
    let host = host_with_a_group();
    let orders = [
        group("Engineering", Role::Auditor),
        user("mallory", Role::Operator),
    ];
    let (rows, end) = ask(&host, 0, assign(&orders), vec![]).await;
    assert!(matches!(end, Ok(Done::Rows { count: 4 })), "{end:?}");
    let [
        Reply::Row(Row::Assignment(person)),
        Reply::Row(Row::Assignment(members)),
        Reply::Row(Row::Role(alice)),
        Reply::Row(Row::Role(mallory)),
    ] = &rows[..]
    else {
        panic!("{rows:?}")
    };
    assert_eq!(
        (person.name.as_str(), members.name.as_str(), members.people),
        ("mallory", "engineering", Some(1))
    );
    assert_eq!((alice.user.as_str(), alice.after), ("alice", Role::Auditor));
    assert!(matches!(&alice.source, Some(RoleSource::Group { name, .. }) if name == "engineering"));
    assert_eq!(mallory.source, Some(RoleSource::Own));
    assert_eq!(host.publications.load(Ordering::SeqCst), 1);

    // It counts at once, for what she may ask as well.
    let (rows, end) = ask(&host, ALICE_UID, Request::RoleList {}, vec![]).await;
    assert!(end.is_ok(), "{end:?}");
    let shown: Vec<String> = rows
        .iter()
        .map(|row| match row {
            Reply::Row(Row::Assignment(one)) => format!("{} {}", one.role, one.name),
            Reply::Row(Row::RoleHeld(one)) => format!("{} is {}", one.user, one.role),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(
        shown,
        [
            "administrator carol",
            "operator mallory",
            "auditor engineering",
            "alice is auditor",
            "carol is administrator",
            "mallory is operator",
        ]
    );
    let show = Request::UsersShow {
        user: "alice".to_owned(),
    };
    let (_, end) = ask(&host, 0, show, vec![]).await;
    let Ok(Done::User(detail)) = end else {
        panic!("{end:?}")
    };
    assert_eq!(detail.row.role, Role::Auditor);
    assert!(detail.groups.contains(&"entra-auditors".to_owned()));
    assert!(matches!(
        detail.role_source,
        Some(RoleSource::Group { name, .. }) if name == "engineering"
    ));
}

#[tokio::test]
async fn a_name_that_means_no_group_changes_nothing() {
    let host = host_with_a_group();
    let failure = refused(
        &host,
        &[
            user("alice", Role::Operator),
            group("enginering", Role::Auditor),
        ],
    )
    .await;
    assert_eq!(failure.kind, FailureKind::NotFound);
    assert!(failure.message.contains("\"enginering\""), "{failure:?}");
    let hint = failure.hint.unwrap();
    assert!(hint.contains("engineering"), "{hint}");
    // A person is no group, and a group no person.
    for orders in [
        [group("alice", Role::Auditor)],
        [user("engineering", Role::Auditor)],
    ] {
        assert_eq!(refused(&host, &orders).await.kind, FailureKind::NotFound);
    }
}

#[tokio::test]
async fn a_list_of_strangers_is_not_looked_through() {
    let host = Host::new();
    let strangers: Vec<RoleOrder> = (0..200)
        .map(|number| user(&format!("stranger{number}"), Role::Auditor))
        .collect();
    let failure = refused(&host, &strangers).await;
    assert_eq!(failure.kind, FailureKind::NotFound);
    assert!(
        failure.message.contains("\"stranger9\", and others;"),
        "{failure:?}"
    );
    assert!(!failure.message.contains("stranger10\""), "{failure:?}");
}

#[tokio::test]
async fn one_person_under_two_names_is_one_or_a_contradiction() {
    let host = Host::new();
    let failure = refused(
        &host,
        &[
            user("alice", Role::Operator),
            user("Alice@contoso.example", Role::Auditor),
        ],
    )
    .await;
    assert_eq!(failure.kind, FailureKind::BadRequest);
    assert!(failure.message.contains("are the same"), "{failure:?}");
    let twice = [
        user("alice", Role::Operator),
        user("Alice@contoso.example", Role::Operator),
    ];
    let (_, end) = ask(&host, 0, assign(&twice), vec![]).await;
    assert!(matches!(end, Ok(Done::Rows { count: 2 })), "{end:?}");
}

#[tokio::test]
async fn of_two_administrators_the_later_one_is_told() {
    let host = Host::new();
    let expecting = |role, expected| RoleOrder {
        expected: Some(expected),
        ..user("alice", role)
    };
    let first = [expecting(Role::Operator, Role::User)];
    let (_, end) = ask(&host, CAROL_UID, assign(&first), vec![]).await;
    assert!(end.is_ok(), "{end:?}");
    let second = [
        user("mallory", Role::Auditor),
        expecting(Role::Auditor, Role::User),
    ];
    let failure = refused(&host, &second).await;
    assert_eq!(failure.kind, FailureKind::Precondition);
    assert!(
        failure
            .message
            .contains("has become operator meanwhile, where it was user"),
        "{failure:?}"
    );
}

#[tokio::test]
async fn a_preview_publishes_nothing_and_frames_agree_on_it() {
    let host = Host::new();
    let before = roles(&host);
    let preview = |more| Request::RoleAssign {
        orders: vec![user("alice", Role::Operator)],
        dry_run: true,
        more,
    };
    let (rows, end) = ask(&host, 0, preview(false), vec![]).await;
    assert!(matches!(end, Ok(Done::Rows { count: 2 })), "{end:?}");
    assert!(matches!(
        &rows[1],
        Reply::Row(Row::Role(change)) if change.after == Role::Operator
    ));
    assert_eq!(roles(&host), before);
    assert_eq!(host.publications.load(Ordering::SeqCst), 0);
    assert_eq!(audited(&host, "role set", true), 0);

    // One frame that is none must not turn the others into a change.
    let mixed = vec![assign(&[user("mallory", Role::Operator)])];
    let (_, end) = ask(&host, 0, preview(true), mixed).await;
    assert_eq!(end.unwrap_err().kind, FailureKind::BadRequest);
    assert_eq!(roles(&host), before);
}

#[tokio::test]
async fn the_last_administrator_stays_and_the_attempt_is_kept() {
    let host = Host::new();
    let failure = refused(&host, &[user("carol", Role::User)]).await;
    assert_eq!(failure.kind, FailureKind::Precondition);
    assert!(failure.message.contains("no administrator"), "{failure:?}");
}
