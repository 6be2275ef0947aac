//! Frames, tables and ticks, against an agent that is played.

use entra_protocol::admin::{GroupRow, RoleAssignment, RoleChange, RoleHeld, RoleSource, UserRow};

use super::*;
use crate::agent::Answer;
use crate::commands::users::tests::alice;
use crate::output::ticks::Entry;
use crate::output::{Screen, Shown};

fn rows(rows: Vec<Row>) -> Answer {
    let count = rows.len() as u64;
    Answer {
        rows,
        done: Done::Rows { count },
    }
}

fn change(user: &str, before: Role, after: Role, source: Option<RoleSource>) -> RoleChange {
    RoleChange {
        user: user.into(),
        before,
        after,
        source,
    }
}

fn through(name: &str) -> RoleSource {
    RoleSource::Group {
        name: name.into(),
        object_id: format!("id-of-{name}"),
    }
}

fn assignment(kind: HolderKind, name: &str, before: Role, role: Role) -> RoleAssignment {
    RoleAssignment {
        kind,
        name: name.into(),
        display_name: name.to_uppercase(),
        object_id: format!("id-of-{name}"),
        role,
        before: Some(before),
        group_kind: (kind == HolderKind::Group).then(|| "security".into()),
        people: (kind == HolderKind::Group).then_some(2),
        given_at: None,
    }
}

#[test]
fn only_the_last_frame_says_that_it_is_the_last() {
    for (count, expected) in [
        (1, vec![(1, false)]),
        (NAMES_PER_FRAME, vec![(NAMES_PER_FRAME, false)]),
        (
            2 * NAMES_PER_FRAME + 1,
            vec![(NAMES_PER_FRAME, true), (NAMES_PER_FRAME, true), (1, false)],
        ),
    ] {
        let orders: Vec<RoleOrder> = (0..count)
            .map(|n| order(HolderKind::User, &format!("user{n}"), Role::Auditor))
            .collect();
        let mut sent = Vec::new();
        let shape: Vec<(usize, bool)> = frames(&orders, true)
            .into_iter()
            .map(|frame| match frame {
                Request::RoleAssign {
                    orders,
                    dry_run: true,
                    more,
                } => {
                    let length = orders.len();
                    sent.extend(orders);
                    (length, more)
                }
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(shape, expected);
        assert_eq!(sent, orders);
    }
}

#[test]
fn changes_show_before_and_after() {
    let mut changes = Changes::nothing(false);
    changes.roles = vec![
        change("alice", Role::User, Role::Operator, None),
        change("bob", Role::Operator, Role::Operator, None),
    ];
    let text = changes.text(Screen::Plain);
    assert_eq!(
        text.data,
        "USER   BEFORE    AFTER\n\
         alice  user      operator\n\
         bob    operator  operator\n"
    );
    assert_eq!(text.talk, ["1 changed, 1 had the role already."]);
    let nothing = Changes::nothing(false).text(Screen::Plain);
    assert_eq!(nothing.data, "");
    assert_eq!(
        nothing.talk,
        ["No role changed: everybody named has it already."]
    );
}

#[test]
fn what_comes_through_groups_is_said() {
    let mut changes = Changes::nothing(true);
    changes.assignments = vec![
        assignment(HolderKind::User, "bob", Role::Operator, Role::User),
        assignment(HolderKind::Group, "ops", Role::User, Role::Administrator),
        RoleAssignment {
            group_kind: Some("microsoft-365".into()),
            ..assignment(HolderKind::Group, "social", Role::User, Role::Auditor)
        },
    ];
    changes.roles = vec![
        change(
            "alice",
            Role::User,
            Role::Administrator,
            Some(through("ops")),
        ),
        change(
            "bob",
            Role::Operator,
            Role::Auditor,
            Some(through("social")),
        ),
    ];
    let text = changes.text(Screen::Plain);
    assert_eq!(
        text.data,
        "GROUP   BEFORE  AFTER          PEOPLE\n\
         ops     user    administrator       2\n\
         social  user    auditor             2\n\
         \n\
         USER   BEFORE    AFTER          THROUGH\n\
         alice  user      administrator  ops\n\
         bob    operator  auditor        social\n"
    );
    assert_eq!(
        text.talk,
        [
            "2 would change.",
            "bob is an auditor through the group social.",
            "Whoever may change the members of ops in Entra ID decides who is an administrator here.",
            "social is a Microsoft 365 group: if it is public, everybody in the tenant can become an auditor.",
            "Nothing was changed.",
        ]
    );
}

#[test]
fn a_list_is_tried_first_and_done_with_what_was_there() {
    let folder = std::env::temp_dir().join(format!("entractl-roles-{}", std::process::id()));
    std::fs::write(&folder, "alice,operator\ngroup:ops,auditor\n").unwrap();
    let asked = RoleSet {
        role: None,
        holders: Holders {
            from: Some(folder.to_str().unwrap().to_owned()),
            ..Holders::default()
        },
    };
    let mut sent = Vec::new();
    let answer = set(
        &mut |requests| {
            sent.extend_from_slice(requests);
            Ok(rows(vec![
                Row::Assignment(assignment(
                    HolderKind::User,
                    "alice",
                    Role::Auditor,
                    Role::Operator,
                )),
                Row::Assignment(assignment(
                    HolderKind::Group,
                    "ops",
                    Role::User,
                    Role::Auditor,
                )),
            ]))
        },
        &asked,
    );
    std::fs::remove_file(&folder).unwrap();
    assert!(answer.is_ok());
    let expecting = |kind, name: &str, role, expected| RoleOrder {
        expected: Some(expected),
        ..order(kind, name, role)
    };
    assert_eq!(
        sent,
        [
            Request::RoleAssign {
                orders: vec![
                    order(HolderKind::User, "alice", Role::Operator),
                    order(HolderKind::Group, "ops", Role::Auditor),
                ],
                dry_run: true,
                more: false,
            },
            Request::RoleAssign {
                orders: vec![
                    expecting(
                        HolderKind::User,
                        "id-of-alice",
                        Role::Operator,
                        Role::Auditor
                    ),
                    expecting(HolderKind::Group, "id-of-ops", Role::Auditor, Role::User),
                ],
                dry_run: false,
                more: false,
            },
        ]
    );
}

/// alice is an operator herself, bob through ops, carol an auditor, dave nothing; the group night is nothing.
fn host(request: &Request) -> Answer {
    let user = |name: &str| UserRow {
        name: name.into(),
        display_name: name.to_uppercase(),
        object_id: format!("id-of-{name}"),
        ..alice()
    };
    let group = |name: &str| GroupRow {
        name: name.into(),
        display_name: name.to_uppercase(),
        gid: Some(1),
        kind: "security".into(),
        direct_users: Some(1),
        direct_groups: Some(0),
        users: Some(1),
        imported: true,
        object_id: format!("id-of-{name}"),
    };
    let held = |user: &str, role, source| {
        Row::RoleHeld(RoleHeld {
            user: user.into(),
            object_id: format!("id-of-{user}"),
            role,
            source,
            counts: true,
        })
    };
    let own = |kind, name, role| Row::Assignment(assignment(kind, name, role, role));
    match request {
        Request::RoleList {} => rows(vec![
            own(HolderKind::User, "alice", Role::Operator),
            own(HolderKind::Group, "ops", Role::Operator),
            own(HolderKind::User, "carol", Role::Auditor),
            held("alice", Role::Operator, RoleSource::Own),
            held("bob", Role::Operator, through("ops")),
            held("carol", Role::Auditor, RoleSource::Own),
        ]),
        Request::UsersList {} => rows(
            ["alice", "bob", "carol", "dave"]
                .map(user)
                .map(Row::User)
                .into(),
        ),
        Request::GroupsList {} => rows(["night", "ops"].map(group).map(Row::Group).into()),
        Request::RoleAssign { .. } => rows(Vec::new()),
        other => panic!("{other:?}"),
    }
}

/// What is sent if these of the list are ticked at the end.
fn picked(ticked: &[&str]) -> Result<Vec<RoleOrder>, Trouble> {
    let mut sent = Vec::new();
    let mut choose = |question: &str, entries: &[Entry]| {
        assert_eq!(question, "Who has the role operator:");
        let shown: Vec<String> = entries
            .iter()
            .map(|entry| {
                let mark = if entry.ticked { "x" } else { " " };
                format!("[{mark}] {}", entry.text)
            })
            .collect();
        assert_eq!(
            shown,
            [
                "[x] alice (ALICE), operator",
                "[x] bob (BOB), operator through ops",
                "[x] group ops (OPS, 1 person), operator",
                "[ ] carol (CAROL), auditor",
                "[ ] dave (DAVE)",
                "[ ] group night (NIGHT, 1 person)",
            ]
        );
        let names = ["alice", "bob", "ops", "carol", "dave", "night"];
        Ok((0..names.len())
            .filter(|position| ticked.contains(&names[*position]))
            .collect())
    };
    pick(
        &mut |requests| {
            if let [Request::RoleAssign { orders, .. }] = requests {
                sent.clone_from(orders);
            }
            Ok(host(&requests[0]))
        },
        Some(&mut choose),
        Role::Operator,
    )?;
    Ok(sent)
}

#[test]
fn what_is_ticked_goes_along_with_what_was_there() {
    let order = |kind, name: &str, role, expected| RoleOrder {
        expected: Some(expected),
        ..order(kind, &format!("id-of-{name}"), role)
    };
    assert_eq!(picked(&["ops", "alice", "bob"]).unwrap(), []);
    assert_eq!(
        picked(&["ops", "bob", "carol", "night"]).unwrap(),
        [
            order(HolderKind::User, "alice", Role::User, Role::Operator),
            order(HolderKind::User, "carol", Role::Operator, Role::Auditor),
            order(HolderKind::Group, "night", Role::Operator, Role::User),
        ]
    );
    // Bob goes with his group, and not without it.
    assert_eq!(
        picked(&["alice"]).unwrap(),
        [order(HolderKind::Group, "ops", Role::User, Role::Operator)]
    );
    let error = picked(&["ops", "alice"]).unwrap_err();
    let Trouble::Unmet { message, .. } = &error else {
        panic!("{error:?}")
    };
    assert!(
        message.starts_with("bob has the role through the group ops"),
        "{message}"
    );
    let refused = pick(&mut |_| panic!("asked"), None, Role::Auditor);
    assert!(matches!(refused, Err(Trouble::Unmet { .. })));
}

#[test]
fn a_list_shows_what_was_given_and_who_has_it() {
    let text = list(&mut |requests| Ok(host(&requests[0])))
        .unwrap()
        .text(Screen::Plain);
    assert_eq!(
        text.data,
        "ROLE      GIVEN TO  NAME   PEOPLE  SINCE\n\
         operator  user      alice       -  -\n\
         operator  group     ops         2  -\n\
         auditor   user      carol       -  -\n\
         \n\
         USER   ROLE      THROUGH  COUNTS\n\
         alice  operator  -        yes\n\
         bob    operator  ops      yes\n\
         carol  auditor   -        yes\n"
    );
    assert!(text.talk.is_empty());
    let nothing = list(&mut |_| Ok(rows(Vec::new()))).unwrap();
    assert_eq!(
        nothing.text(Screen::Plain).talk,
        ["No role was given: everybody is a user."]
    );
}
