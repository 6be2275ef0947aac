use std::collections::BTreeSet;

use entra_protocol::admin::{FailedObject, Withheld};

use super::super::tests::{Tenant, counts, edge, group, round, run_guarded};
use super::super::{Decision, SyncError};
use super::*;
use crate::graph::{GroupObject, MemberKind, UserObject};
use crate::store::Store;
use crate::store::fixture::{empty, object, user};
use crate::store::fixture_import::Edge;
use crate::sync::read::Reading;

fn run(store: &Store, staged: Tenant, removals: Removals) -> (Decision, Vec<FailedObject>) {
    let whole = Reading {
        whole: true,
        ..Reading::default()
    };
    run_guarded(store, staged, whole, b"", removals).unwrap()
}

fn guarded(store: &Store, staged: Tenant) -> Decision {
    run(store, staged, Removals::Guarded).0
}

/// People `from` to `to`, called `u` and their number.
fn people(from: u8, to: u8) -> Vec<UserObject> {
    (from..=to)
        .map(|number| user(number, &format!("u{number}")))
        .collect()
}

/// Groups `from` to `to`, called `g` and their number.
fn groups(from: u8, to: u8) -> Vec<GroupObject> {
    (from..=to)
        .map(|number| group(number, &format!("g{number}")))
        .collect()
}

/// Each of these users a direct member of the group.
fn members(parent: u8, from: u8, to: u8) -> Vec<Edge> {
    (from..=to)
        .map(|member| edge(parent, member, MemberKind::User))
        .collect()
}

/// Who is in the group, nested ones included.
fn inside(store: &Store, parent: u8) -> BTreeSet<ObjectId> {
    let known = store.known().unwrap();
    let group = known
        .groups
        .iter()
        .find(|(key, _)| key.object == object(parent));
    group.unwrap().1.members.clone()
}

fn set(from: u8, to: u8) -> BTreeSet<ObjectId> {
    (from..=to).map(object).collect()
}

fn person(store: &Store, name: &str) -> crate::store::Person {
    store.person_by_login(name).unwrap().unwrap()
}

#[test]
fn too_many_leavers_stay_as_they_were_and_all_else_counts() {
    let (_folder, store) = empty();
    let staff = || round(people(1, 20), groups(101, 101), members(101, 1, 20));
    guarded(&store, staff());
    let before = person(&store, "u20");

    // Six of twenty leave; u1 is disabled, u30 is new, g101 has u30.
    let mut left = people(1, 14);
    left[0].enabled = false;
    left.push(user(30, "u30"));
    let shrunk = || {
        let mut edges = members(101, 1, 14);
        edges.extend(members(101, 30, 30));
        round(left.clone(), groups(101, 101), edges)
    };
    for later in [false, true] {
        let decision = guarded(&store, shrunk());
        let expected = if later {
            counts(0, 0, 0, 15, 0)
        } else {
            counts(1, 1, 0, 13, 0)
        };
        assert_eq!(decision.users, expected);
        let expected = Withheld {
            users: 6,
            ..Withheld::default()
        };
        assert_eq!(decision.withheld, expected, "their memberships are theirs");
        let first = &decision.remarks[0];
        assert!(first.starts_with("6 of 2"), "{first}");
        assert!(
            first.ends_with("not removed: u15, u16, u17, u18, u19 and 1 more"),
            "{first}"
        );
        assert!(decision.remarks[1].contains("--accept-removals"));
        assert!(!person(&store, "u1").enabled);
        assert_eq!(person(&store, "u20").uid, before.uid);
        assert_eq!(person(&store, "u20").home, before.home);
        assert!(person(&store, "u20").withheld && !person(&store, "u14").withheld);
        let mut everybody = set(1, 20);
        everybody.insert(object(30));
        assert_eq!(inside(&store, 101), everybody);
        assert_eq!(store.groups().unwrap()[0].direct_users, 21);
    }

    // One comes back: five may go.
    let mut back = shrunk();
    back.users.push(user(15, "u15"));
    let decision = guarded(&store, back);
    assert_eq!(decision.users, counts(0, 0, 5, 16, 0));
    assert!(!person(&store, "u15").withheld);
    assert_eq!(store.person_by_login("u20").unwrap(), None);
}

#[test]
fn removals_that_are_accepted_go() {
    let (_folder, store) = empty();
    let edges = || [members(101, 1, 20), members(102, 1, 20)].concat();
    guarded(&store, round(people(1, 20), groups(101, 109), edges()));
    let shrunk = || round(people(1, 8), groups(101, 102), members(101, 1, 1));
    let decision = guarded(&store, shrunk());
    assert_eq!(
        decision.withheld,
        Withheld {
            users: 12,
            groups: 7,
            memberships: 15
        }
    );
    let (decision, _) = run(&store, shrunk(), Removals::Accepted);
    assert_eq!(decision.withheld, Withheld::default());
    assert_eq!(decision.users, counts(0, 0, 12, 8, 0));
    assert_eq!(decision.groups, counts(0, 2, 7, 0, 0));
    assert_eq!(decision.memberships, 1);
    assert!(decision.remarks.is_empty());
    assert_eq!(inside(&store, 102), BTreeSet::new());
}

#[test]
fn five_may_go_and_so_may_a_tenth() {
    for (of, gone, held) in [
        (6, 5, 0),
        (7, 6, 6),
        (60, 6, 0),
        (60, 7, 7),
        (80, 8, 0),
        (80, 9, 9),
    ] {
        let (_folder, store) = empty();
        guarded(&store, round(people(1, of), vec![], vec![]));
        let decision = guarded(&store, round(people(1, of - gone), vec![], vec![]));
        assert_eq!(decision.withheld.users, held, "{gone} of {of}");
        assert_eq!(decision.users.removed + held, u64::from(gone));
    }
}

#[test]
fn memberships_are_guarded_where_both_ends_stay() {
    let (_folder, store) = empty();
    let all = || [members(101, 1, 10), members(102, 1, 10)].concat();
    guarded(&store, round(people(1, 20), groups(101, 102), all()));

    // u1 and u2 leave with two memberships each: no loss of memberships. Five others go.
    let few = || [members(101, 3, 5), members(102, 3, 10)].concat();
    let decision = guarded(&store, round(people(3, 20), groups(101, 102), few()));
    assert_eq!(decision.withheld, Withheld::default());
    assert_eq!(inside(&store, 101), set(3, 5));

    // g102 loses all eight, g101 gains one.
    let shrunk = || round(people(3, 20), groups(101, 102), members(101, 3, 6));
    let decision = guarded(&store, shrunk());
    assert_eq!(decision.withheld.memberships, 8);
    assert_eq!(decision.memberships, 12);
    assert_eq!(inside(&store, 101), set(3, 6));
    assert_eq!(inside(&store, 102), set(3, 10));
    assert_eq!(store.groups().unwrap()[1].direct_users, 8);
    assert_eq!(
        decision.remarks[0],
        "8 of 11 memberships are gone from the tenant and were not removed"
    );
}

/// Those who were in the outer group through the inner one stay, but whoever joins the inner one now gets
/// nothing by a nesting that the tenant has ended.
#[test]
fn what_is_held_back_grants_nothing_new() {
    let (_folder, store) = empty();
    let mut edges = members(102, 1, 8);
    edges.push(edge(101, 102, MemberKind::Group));
    guarded(&store, round(people(1, 9), groups(101, 102), edges));
    assert_eq!(inside(&store, 101), set(1, 8));
    let unnested = round(people(1, 9), groups(101, 102), members(102, 1, 9));
    let decision = guarded(&store, unnested);
    assert_eq!(decision.withheld.memberships, 8);
    assert_eq!(inside(&store, 102), set(1, 9));
    assert_eq!(inside(&store, 101), set(1, 8));
}

#[test]
fn groups_held_back_keep_their_members_and_their_place() {
    let (_folder, store) = empty();
    // g101 holds g102, which holds g103; four further groups; all are gone but g101.
    let before = || {
        let mut edges = [members(103, 1, 3), members(101, 4, 4)].concat();
        edges.push(edge(101, 102, MemberKind::Group));
        edges.push(edge(102, 103, MemberKind::Group));
        round(people(1, 9), groups(101, 107), edges)
    };
    guarded(&store, before());
    let after = || round(people(1, 9), groups(101, 101), members(101, 4, 5));
    let decision = guarded(&store, after());
    assert_eq!(decision.groups, counts(0, 1, 0, 0, 0));
    assert_eq!(
        decision.withheld,
        Withheld {
            groups: 6,
            ..Withheld::default()
        }
    );
    assert_eq!(inside(&store, 103), set(1, 3));
    assert_eq!(inside(&store, 102), set(1, 3));
    assert_eq!(inside(&store, 101), set(1, 5));
    let outer = &store.groups().unwrap()[0];
    assert_eq!((outer.direct_users, outer.direct_groups), (2, 1));

    let (decision, _) = run(&store, after(), Removals::Accepted);
    assert_eq!(decision.groups.removed, 6);
    assert_eq!(inside(&store, 101), set(4, 5));
}

#[test]
fn who_became_a_disabled_guest_is_disabled_though_held_back() {
    let (_folder, store) = empty();
    guarded(&store, round(people(1, 10), vec![], vec![]));
    let mut now = people(1, 10);
    for guest in &mut now[3..] {
        guest.user_type = Some("Guest".to_owned());
    }
    now[9].enabled = false;
    let decision = guarded(&store, round(now, vec![], vec![]));
    assert_eq!(decision.withheld.users, 7);
    assert!(person(&store, "u9").enabled);
    assert!(!person(&store, "u10").enabled);
}

#[test]
fn a_name_that_is_held_back_is_nobody_elses() {
    let (_folder, store) = empty();
    guarded(&store, round(people(1, 10), vec![], vec![]));
    let mut now = people(1, 3);
    now.push(user(40, "u10"));
    let (decision, failures) = run(&store, round(now, vec![], vec![]), Removals::Guarded);
    assert_eq!(
        (decision.withheld.users, decision.users),
        (7, counts(0, 0, 0, 3, 1))
    );
    assert_eq!(failures[0].object_id, object(40).to_string());
    assert_eq!(person(&store, "u10").key.object, object(10));
}

#[test]
fn nobody_at_all_is_refused_even_if_removals_are_accepted() {
    let (_folder, store) = empty();
    guarded(&store, round(people(1, 10), vec![], vec![]));
    let nobody = round(vec![], vec![], vec![]);
    let reading = Reading::default();
    let error = run_guarded(&store, nobody, reading, b"", Removals::Accepted).unwrap_err();
    assert!(matches!(error, SyncError::Empty { .. }), "{error}");
    assert_eq!(store.people().unwrap().len(), 10);
}
