//! Scenes of `role`.

use entra_protocol::admin::{
    HolderKind, Request, Role, RoleAssignment, RoleChange, RoleHeld, RoleOrder, RoleSource, Row,
};

use crate::scenes::{Page, Scene, one, rows, scene};

pub(crate) fn scenes() -> Vec<Scene> {
    let order = |kind, name: &str, role| RoleOrder {
        kind,
        name: name.into(),
        role,
        expected: None,
    };
    let assign = |orders: Vec<RoleOrder>, dry_run| Request::RoleAssign {
        orders,
        dry_run,
        more: false,
    };
    let change = |user: &str, before, after, source| {
        Row::Role(RoleChange {
            user: user.into(),
            before,
            after,
            source: Some(source),
        })
    };
    let alice = assignment(HolderKind::User, "alice", Role::Auditor);
    let ops = assignment(HolderKind::Group, "linux-operators", Role::Operator);
    let through = RoleSource::Group {
        name: ops.name.clone(),
        object_id: ops.object_id.clone(),
    };
    let held = |user: &str, role, source, counts| {
        Row::RoleHeld(RoleHeld {
            user: user.into(),
            object_id: "1e7b768e-07e2-4810-8459-485f84f8f204".into(),
            role,
            source,
            counts,
        })
    };
    vec![
        one(
            "role set",
            &["auditor", "alice"],
            assign(vec![order(HolderKind::User, "alice", Role::Auditor)], false),
            rows(vec![
                Row::Assignment(RoleAssignment {
                    before: Some(Role::User),
                    ..alice.clone()
                }),
                change("alice", Role::User, Role::Auditor, RoleSource::Own),
            ]),
        ),
        one(
            "role set",
            &["operator", "--group", "linux-operators", "--dry-run"],
            assign(
                vec![order(HolderKind::Group, "linux-operators", Role::Operator)],
                true,
            ),
            rows(vec![
                Row::Assignment(RoleAssignment {
                    before: Some(Role::User),
                    ..ops.clone()
                }),
                change("alice", Role::Auditor, Role::Operator, through.clone()),
                change("bob", Role::User, Role::Operator, through.clone()),
            ]),
        ),
        one(
            "role clear",
            &["alice"],
            assign(vec![order(HolderKind::User, "alice", Role::User)], false),
            rows(vec![
                Row::Assignment(RoleAssignment {
                    role: Role::User,
                    before: Some(Role::Auditor),
                    ..alice.clone()
                }),
                change("alice", Role::Operator, Role::Operator, through.clone()),
            ]),
        ),
        one(
            "role list",
            &[],
            Request::RoleList {},
            rows(vec![
                Row::Assignment(RoleAssignment {
                    given_at: Some("2026-03-02T08:15:00Z".into()),
                    ..ops
                }),
                Row::Assignment(RoleAssignment {
                    name: String::new(),
                    given_at: Some("2026-03-01T08:15:00Z".into()),
                    ..alice
                }),
                held("bob", Role::Operator, through, true),
                held("carol", Role::Administrator, RoleSource::Own, false),
            ]),
        ),
        Scene {
            page: Page::HelpOnly(
                "It asks at a terminal; see the behaviour `roles_in_bulk`. Its answer is that of `role set`.",
            ),
            ..scene("role pick", &[], vec![])
        },
    ]
}

fn assignment(kind: HolderKind, name: &str, role: Role) -> RoleAssignment {
    let is_group = kind == HolderKind::Group;
    RoleAssignment {
        kind,
        name: name.into(),
        display_name: name.to_uppercase(),
        object_id: "6e7b768e-07e2-4810-8459-485f84f8f204".into(),
        role,
        before: None,
        group_kind: is_group.then(|| "security".into()),
        people: is_group.then_some(2),
        given_at: None,
    }
}
