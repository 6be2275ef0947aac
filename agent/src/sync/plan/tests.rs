use std::cell::Cell;
use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::*;
use crate::clock::{Clock, rfc3339};
use crate::graph::{GroupObject, UserObject};
use crate::names::LocalAccounts;
use crate::publish::tests::configuration;
use crate::store::fixture::{StoppedClock, TENANT, empty, key, object, user};
use crate::store::fixture_import::Edge;
use crate::store::{RoundKind, StagedPage, Store};

/// What the tenant has.
#[derive(Debug, Clone, Default)]
pub(super) struct Tenant {
    pub(super) users: Vec<UserObject>,
    pub(super) groups: Vec<GroupObject>,
    pub(super) edges: Vec<Edge>,
    /// Objects that can't be read.
    pub(super) faults: Vec<(u8, MemberKind)>,
}

/// A second tenant.
const OTHER: TenantId = TenantId::from_bytes([0xEE; 16]);

thread_local! {
    /// What the scope includes; each test has a thread of its own.
    static INCLUDE: Cell<Include> = const { Cell::new(Include {
        guests: false,
        microsoft_365_groups: false,
        distribution_groups: false,
    }) };
}

fn rules() -> Rules {
    let config = configuration();
    Rules::new(&config, config.first_tenant()).unwrap()
}

pub(super) fn group(number: u8, display_name: &str) -> GroupObject {
    GroupObject {
        id: object(number),
        display_name: display_name.to_owned(),
        security: true,
        mail: false,
        unified: false,
        hidden: false,
        created_at: None,
    }
}

pub(super) fn edge(parent: u8, member: u8, kind: MemberKind) -> Edge {
    Edge {
        parent: object(parent),
        member: object(member),
        kind,
    }
}

pub(super) fn round(users: Vec<UserObject>, groups: Vec<GroupObject>, edges: Vec<Edge>) -> Tenant {
    Tenant {
        users,
        groups,
        edges,
        ..Tenant::default()
    }
}

fn user_element(user: &UserObject) -> Value {
    json!({"id": user.id, "userPrincipalName": user.upn, "displayName": user.display_name,
           "accountEnabled": user.enabled, "userType": user.user_type,
           "createdDateTime": user.created_at.map(rfc3339)})
}

fn group_element(group: &GroupObject) -> Value {
    let types = if group.unified {
        vec!["Unified"]
    } else {
        vec![]
    };
    let visibility = group.hidden.then_some("HiddenMembership");
    json!({"id": group.id, "displayName": group.display_name, "securityEnabled": group.security,
           "mailEnabled": group.mail, "groupTypes": types, "visibility": visibility})
}

/// The tenant as Graph would tell it: a page of users, a page of groups, slices of their members.
fn pages(tenant: &Tenant) -> Vec<(MemberKind, Vec<Value>)> {
    let users = tenant.users.iter().map(user_element).collect();
    let groups = tenant.groups.iter().map(group_element).collect();
    let mut slices: BTreeMap<_, Vec<Value>> = BTreeMap::new();
    for edge in &tenant.edges {
        slices.entry(edge.parent).or_default().push(json!({
            "@odata.type": format!("#microsoft.graph.{}", edge.kind.word()), "id": edge.member}));
    }
    let slices = slices
        .into_iter()
        .map(|(parent, members)| json!({"id": parent, "members@delta": members}));
    let mut pages = vec![
        (MemberKind::User, users),
        (MemberKind::Group, groups),
        (MemberKind::Group, slices.collect()),
    ];
    for (number, kind) in &tenant.faults {
        // Neither says whether it counts.
        let element = json!({"id": object(*number), "userPrincipalName": "label",
                             "displayName": "label"});
        pages.push((*kind, vec![element]));
    }
    pages
}

/// Decides on the round and makes it true.
fn run(store: &Store, tenant: Tenant) -> (Decision, Vec<FailedObject>) {
    run_with(
        store,
        tenant,
        Reading {
            whole: true,
            ..Reading::default()
        },
        b"",
    )
    .unwrap()
}

fn run_with(
    store: &Store,
    tenant: Tenant,
    reading: Reading,
    passwd: &[u8],
) -> Result<(Decision, Vec<FailedObject>), SyncError> {
    run_guarded(store, tenant, reading, passwd, Removals::Guarded)
}

pub(super) fn run_guarded(
    store: &Store,
    tenant: Tenant,
    reading: Reading,
    passwd: &[u8],
    removals: Removals,
) -> Result<(Decision, Vec<FailedObject>), SyncError> {
    run_by(store, &rules(), pages(&tenant), reading, passwd, removals)
}

/// A run of the tenant that `rules` are about, of these pages.
fn run_by(
    store: &Store,
    rules: &Rules,
    pages: Vec<(MemberKind, Vec<Value>)>,
    reading: Reading,
    passwd: &[u8],
    removals: Removals,
) -> Result<(Decision, Vec<FailedObject>), SyncError> {
    let round = store
        .begin_round(rules.tenant, RoundKind::Full, "test")
        .unwrap();
    for (number, (kind, elements)) in pages.into_iter().enumerate() {
        store
            .stage(&StagedPage {
                round: round.id,
                stream: "all",
                label: &format!("page {number}"),
                kind,
                select: &match kind {
                    MemberKind::User => rules.user_select(),
                    MemberKind::Group => rules.group_select(),
                },
                elements: &elements,
                next_link: None,
                delta_link: Some("delta"),
            })
            .unwrap();
    }
    let decision = decide(
        store,
        &Inputs {
            rules,
            configured: &[TENANT, OTHER],
            local: &LocalAccounts::parse(passwd, b""),
            round: round.id,
            reading: &reading,
            include: INCLUDE.with(Cell::get),
            removals,
            dry_run: false,
            now: StoppedClock.now(),
        },
    )?;
    store.adopt_round(rules.tenant, &round).unwrap();
    Ok((decision, store.failures().unwrap()))
}

pub(super) fn counts(
    added: u64,
    changed: u64,
    removed: u64,
    unchanged: u64,
    failed: u64,
) -> Counts {
    Counts {
        added,
        changed,
        removed,
        unchanged,
        failed,
    }
}

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

fn run_pages(
    store: &Store,
    rules: &Rules,
    users: Vec<Value>,
    groups: Vec<Value>,
) -> (Decision, Vec<FailedObject>) {
    let pages = vec![(MemberKind::User, users), (MemberKind::Group, groups)];
    let whole = Reading {
        whole: true,
        ..Reading::default()
    };
    run_by(
        store,
        rules,
        pages,
        whole,
        b"local:x:4000:4001::/:/x\n",
        Removals::Guarded,
    )
    .unwrap()
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
fn what_the_scope_includes_is_imported() {
    let guest = UserObject {
        user_type: Some("Guest".to_owned()),
        upn: "gast_gmail.com#EXT#@contoso.example".to_owned(),
        ..user(5, "gast")
    };
    let list = GroupObject {
        security: false,
        mail: true,
        ..group(12, "Mailers")
    };
    let team = GroupObject {
        unified: true,
        ..group(13, "Team")
    };
    let tenant = || {
        round(
            vec![user(1, "alice"), guest.clone()],
            vec![list.clone(), team.clone()],
            vec![],
        )
    };
    let (_folder, store) = empty();
    let (decision, _) = run(&store, tenant());
    assert_eq!((decision.users.added, decision.groups.added), (1, 0));
    assert_eq!(decision.remarks.len(), 3, "{:?}", decision.remarks);
    INCLUDE.set(Include {
        guests: true,
        microsoft_365_groups: true,
        distribution_groups: true,
    });
    let (decision, _) = run(&store, tenant());
    assert_eq!((decision.users.added, decision.groups.added), (1, 2));
    assert!(decision.remarks.is_empty());
    assert!(store.person_by_login("gast_gmail.com").unwrap().is_some());
}

#[test]
fn a_second_tenants_people_have_long_names_and_outlive_the_firsts_imports() {
    let (_folder, store) = empty();
    let other = Rules {
        tenant: OTHER,
        group_domain: Some("fabrikam.example".to_owned()),
        names: crate::config::Names {
            attribute: crate::config::NameAttribute::WholeUserPrincipalName,
            ..Default::default()
        },
        ..rules()
    };
    run(
        &store,
        round(vec![user(1, "alice")], vec![group(11, "Sales")], vec![]),
    );
    let mut second = user(2, "alice");
    second.upn = "alice@Fabrikam.example".to_owned();
    let (decision, failures) = run_pages(
        &store,
        &other,
        vec![user_element(&second)],
        vec![group_element(&group(12, "Sales"))],
    );
    assert!(failures.is_empty(), "{failures:?}");
    assert_eq!((decision.users.added, decision.users.removed), (1, 0));
    let names: Vec<_> = store
        .people()
        .unwrap()
        .into_iter()
        .map(|one| one.name)
        .collect();
    assert_eq!(names, ["alice", "alice@fabrikam.example"]);
    let names: Vec<_> = store
        .groups()
        .unwrap()
        .into_iter()
        .map(|one| one.name)
        .collect();
    assert_eq!(names, ["sales", "sales@fabrikam.example"]);

    // Each tenant's run is about its own; one that is no longer configured goes with the next run.
    let (decision, _) = run(&store, round(vec![user(1, "alice")], vec![], vec![]));
    assert_eq!((decision.users.unchanged, decision.groups.removed), (1, 1));
    assert_eq!(store.people().unwrap().len(), 2);
    let rules = rules();
    let round = store.begin_round(TENANT, RoundKind::Full, "test").unwrap();
    let elements = [user_element(&user(1, "alice"))];
    store
        .stage(&StagedPage {
            round: round.id,
            stream: "users",
            label: "users",
            kind: MemberKind::User,
            select: &rules.user_select(),
            elements: &elements,
            next_link: None,
            delta_link: None,
        })
        .unwrap();
    let alone = Inputs {
        rules: &rules,
        configured: &[TENANT],
        local: &LocalAccounts::default(),
        round: round.id,
        reading: &Reading::default(),
        include: Include::default(),
        removals: Removals::Guarded,
        dry_run: false,
        now: StoppedClock.now(),
    };
    let decision = decide(&store, &alone).unwrap();
    assert_eq!((decision.users.removed, decision.groups.removed), (1, 1));
    assert_eq!(store.people().unwrap().len(), 1);
}

fn posix_rules() -> Rules {
    let property = |name: &str| format!("extension_1_{name}");
    let id = |name| Some(crate::config::IdSource::Property(property(name)));
    let sources = crate::config::PosixSources {
        uid_number: id("uidNumber"),
        group_gid_number: id("gidNumber"),
        gid_number: Some(property("gidNumber")),
        login_shell: Some(property("loginShell")),
        unix_home_directory: Some(property("unixHomeDirectory")),
    };
    Rules {
        posix: Some(crate::sync::posix::Attributes::new(sources)),
        shells: ["/bin/zsh".to_owned()].into(),
        ..rules()
    }
}

fn posix_user(number: u8, name: &str, attributes: &[(&str, Value)]) -> Value {
    let mut element = user_element(&user(number, name));
    for (attribute, value) in attributes {
        element[format!("extension_1_{attribute}")] = value.clone();
    }
    element
}

#[test]
fn posix_attributes_of_the_tenant_win_when_they_are_valid_and_unique() {
    let (_folder, store) = empty();
    let mut staff = group_element(&group(11, "Crew"));
    staff["extension_1_gidNumber"] = json!("5100");
    let (decision, failures) = run_pages(
        &store,
        &posix_rules(),
        vec![
            posix_user(
                1,
                "alice",
                &[
                    ("uidNumber", json!(5001)),
                    ("gidNumber", json!("5100")),
                    ("loginShell", json!("/bin/zsh")),
                    ("unixHomeDirectory", json!("/home/a/alice")),
                ],
            ),
            posix_user(2, "bob", &[("loginShell", json!("/bin/false"))]),
            // Each of these must not be what it asks to be.
            posix_user(3, "carol", &[("uidNumber", json!(5001))]),
            posix_user(4, "dan", &[("uidNumber", json!(999))]),
            posix_user(5, "eve", &[("uidNumber", json!("x"))]),
            posix_user(6, "fay", &[("uidNumber", json!(4000))]),
            posix_user(10, "local", &[("uidNumber", json!(4000))]),
            posix_user(7, "gus", &[("gidNumber", json!(7777))]),
            posix_user(8, "hal", &[("unixHomeDirectory", json!("/etc"))]),
            posix_user(9, "ida", &[("unixHomeDirectory", json!("/home/a/../b"))]),
        ],
        vec![staff],
    );
    assert_eq!(decision.users, counts(2, 0, 0, 0, 8));
    let alice = store.person_by_login("alice").unwrap().unwrap();
    assert_eq!((alice.uid, alice.home.as_str()), (5001, "/home/a/alice"));
    assert_eq!(alice.gid, 5100);
    assert_eq!(store.groups().unwrap()[0].gid, 5100);
    let reasons: BTreeMap<_, _> = failures
        .iter()
        .map(|row| (row.label.split('@').next().unwrap(), row.reason.as_str()))
        .collect();
    for (name, part) in [
        ("carol", "5001, which is another object's"),
        ("dan", "the id 999"),
        ("eve", "extension_1_uidNumber: \"x\" is no number"),
        ("fay", "the id 4000, which is in /etc/passwd"),
        ("local", "the name \"local\" is in /etc/passwd"),
        (
            "gus",
            "no group of this import or of this host has the gid 7777",
        ),
        ("hal", "outside of [homes] roots"),
        ("ida", "unixHomeDirectory"),
    ] {
        assert!(reasons[name].contains(part), "{name}: {reasons:?}");
    }
    assert!(decision.remarks[0].contains("bob@Contoso.example (/bin/false)"));
    // An id that failed over a clash is still to be had under the right number.
    let (decision, _) = run_pages(
        &store,
        &posix_rules(),
        vec![
            posix_user(1, "alice", &[("uidNumber", json!(6001))]),
            posix_user(2, "bob", &[]),
            posix_user(3, "carol", &[("uidNumber", json!(5003))]),
        ],
        vec![],
    );
    assert_eq!(decision.users.added, 1);
    assert_eq!(store.person_by_login("carol").unwrap().unwrap().uid, 5003);
    let alice = store.person_by_login("alice").unwrap().unwrap();
    assert_eq!(
        (alice.uid, alice.home.as_str()),
        (5001, "/home/a/alice"),
        "never moves"
    );
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
