//! `role set` of many: several frames, one operation.

use entra_protocol::admin::{
    Done, Failure, FailureKind, HolderKind, Reply, Request, Role, RoleChange, RoleOrder, Row,
};
use entra_protocol::limits::NAMES_PER_FRAME;

use crate::scripted::{Place, expect, run};

fn names(count: usize) -> Vec<String> {
    (0..count).map(|n| format!("user{n}")).collect()
}

fn role_set(names: &[String]) -> Vec<&str> {
    let mut arguments = vec!["role", "set", "operator"];
    arguments.extend(names.iter().map(String::as_str));
    arguments
}

fn frame(users: &[String], more: bool) -> Request {
    let order = |name: &String| RoleOrder {
        kind: HolderKind::User,
        name: name.clone(),
        role: Role::Operator,
        expected: None,
    };
    Request::RoleAssign {
        orders: users.iter().map(order).collect(),
        dry_run: false,
        more,
    }
}

#[test]
fn two_hundred_names_a_frame_and_only_the_last_says_so() {
    let names = names(2 * NAMES_PER_FRAME + 1);
    let mut replies: Vec<Reply> = names
        .iter()
        .map(|user| {
            Reply::Row(Row::Role(RoleChange {
                user: user.clone(),
                before: Role::User,
                after: Role::Operator,
                source: None,
            }))
        })
        .collect();
    replies.push(Reply::Done(Box::new(Done::Rows { count: 401 })));
    let outcome = run(
        &role_set(&names),
        vec![
            frame(&names[..NAMES_PER_FRAME], true),
            frame(&names[NAMES_PER_FRAME..2 * NAMES_PER_FRAME], true),
            frame(&names[2 * NAMES_PER_FRAME..], false),
        ],
        replies,
    );
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    assert_eq!(outcome.stdout.lines().count(), 402);
    assert_eq!(outcome.stderr, "401 changed.\n");
}

#[test]
fn a_refusal_of_the_first_frame_is_heard_over_the_broken_pipe() {
    // More than a socket's buffer holds, so that the program is still sending when the agent hangs up.
    let names = names(40_000);
    let first = frame(&names[..NAMES_PER_FRAME], true);
    let place = Place::new();
    let outcome = place.with_agent(
        move |stream| {
            expect(stream, &[first]);
            let failure = Failure {
                kind: FailureKind::Forbidden,
                message: "only an administrator gives roles".into(),
                hint: None,
                reference: None,
            };
            entra_protocol::write(stream, &Reply::Failed(failure)).unwrap();
        },
        || place.run(&role_set(&names)),
    );
    assert_eq!(outcome.code, Some(1));
    assert!(
        outcome
            .stderr
            .starts_with("error: only an administrator gives roles\nhint: "),
        "{outcome:?}"
    );
}
