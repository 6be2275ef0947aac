//! Text: data on stdout, talk on stderr, and what the tenant wrote moves no cursor.

use entra_protocol::admin::{Done, HolderKind, Reply, Request, Role, RoleChange, RoleOrder, Row};

use crate::documents::{failed, summary, user};
use crate::scripted::{Place, run};

#[test]
fn an_import_with_failed_rows_is_done_and_shows_reason_and_cure() {
    let outcome = run(
        &["import"],
        vec![Request::Import {
            users: Vec::new(),
            groups: Vec::new(),
            accept_removals: false,
            tenant: None,
            include: Vec::new(),
            dry_run: false,
        }],
        vec![
            Reply::Row(Row::Failure(failed())),
            Reply::Done(Box::new(Done::Import(summary()))),
        ],
    );
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    assert_eq!(outcome.stderr, "");
    for wanted in ["UNCHANGED  FAILED", &failed().reason, &failed().cure] {
        assert!(outcome.stdout.contains(wanted), "{outcome:?}");
    }
}

#[test]
fn a_display_name_cannot_drive_the_terminal() {
    let outcome = run(
        &["users", "list"],
        vec![Request::UsersList {}],
        vec![
            Reply::Row(Row::User(user())),
            Reply::Done(Box::new(Done::Rows { count: 1 })),
        ],
    );
    assert_eq!(
        outcome.stdout,
        "NAME          UID  ROLE  STATE    UPN                    DISPLAY NAME\n\
         alice  2013265921  user  enabled  alice@contoso.example  Alice \\u{9b}31m\\u{202e}\n"
    );
}

#[test]
fn talk_is_not_in_the_data() {
    let change = RoleChange {
        user: "alice".into(),
        before: Role::User,
        after: Role::Auditor,
        source: None,
    };
    let outcome = run(
        &["role", "set", "AUDITOR", "alice"],
        vec![Request::RoleAssign {
            orders: vec![RoleOrder {
                kind: HolderKind::User,
                name: "alice".into(),
                role: Role::Auditor,
                expected: None,
            }],
            dry_run: false,
            more: false,
        }],
        vec![
            Reply::Row(Row::Role(change)),
            Reply::Done(Box::new(Done::Rows { count: 1 })),
        ],
    );
    assert_eq!(
        outcome.stdout,
        "USER   BEFORE  AFTER\nalice  user    auditor\n"
    );
    assert_eq!(outcome.stderr, "1 changed.\n");
}

#[test]
fn help_and_version_are_data() {
    let place = Place::new();
    for flag in ["--help", "-h", "--version", "help"] {
        let outcome = place.run(&[flag]);
        assert_eq!(outcome.code, Some(0), "{outcome:?}");
        assert!(outcome.stdout.contains("entractl"), "{outcome:?}");
        assert!(outcome.stdout.ends_with("\n"), "{outcome:?}");
        assert_eq!(outcome.stderr, "");
    }
}
