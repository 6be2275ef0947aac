//! `--json`: every verb asks its own question and prints one document with the promised fields.

use entra_protocol::admin::{
    AccountChange, AuthState, Caller, Change, Counts, DomainRow, Done, FailedObject, GroupRow,
    HolderKind, ImportSummary, Progress, Reply, Request, Role, RoleChange, RoleOrder, RoleSource,
    Row, RunRow, Status, Unlocked, UserDetail, UserRow, Withheld,
};
use serde_json::{Value, json};

use crate::scripted::{run, run_asking};

pub(crate) fn user() -> UserRow {
    UserRow {
        name: "alice".into(),
        upn: "alice@contoso.example".into(),
        display_name: "Alice \u{9b}31m\u{202e}".into(),
        uid: Some(2_013_265_921),
        role: Role::User,
        enabled: true,
        withheld: false,
        blocked: false,
        expires: None,
        expired: false,
        object_id: "6e7b768e-07e2-4810-8459-485f84f8f204".into(),
    }
}

pub(crate) fn group() -> GroupRow {
    GroupRow {
        name: "engineering".into(),
        display_name: "Engineering".into(),
        gid: Some(2_013_300_000),
        kind: "security".into(),
        direct_users: Some(1),
        direct_groups: None,
        users: Some(1),
        imported: true,
        object_id: "aaaaaaaa-07e2-4810-8459-485f84f8f204".into(),
    }
}

pub(crate) fn auth() -> AuthState {
    AuthState {
        enabled: true,
        local_auth: "allow".into(),
        local_auth_trial_ends: None,
        administrators: 1,
    }
}

pub(crate) fn summary() -> ImportSummary {
    ImportSummary {
        started_at: "2026-03-02T08:15:00Z".into(),
        duration_ms: 2_345,
        scope: "the whole tenant".into(),
        users: Counts {
            added: 1,
            failed: 1,
            ..Counts::default()
        },
        groups: Counts::default(),
        memberships: 0,
        withheld: Withheld {
            users: 26,
            ..Withheld::default()
        },
        requests: 3,
        generation: 1,
        ..ImportSummary::default()
    }
}

pub(crate) fn failed() -> FailedObject {
    FailedObject {
        kind: "user".into(),
        object_id: "0e7b768e-07e2-4810-8459-485f84f8f204".into(),
        label: "root@contoso.example".into(),
        reason: "the name root is taken in /etc/passwd".into(),
        cure: "give it another name".into(),
    }
}

pub(crate) fn done(done: Done) -> Reply {
    Reply::Done(Box::new(done))
}

/// Runs one verb with `--json` and gives back its document.
fn document(arguments: &[&str], request: Request, replies: Vec<Reply>) -> Value {
    let outcome = run(&[arguments, &["--json"]].concat(), vec![request], replies);
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    assert_eq!(outcome.stderr, "", "{outcome:?}");
    assert!(
        !outcome.stdout.contains(['\u{9b}', '\u{202e}']),
        "{outcome:?}"
    );
    outcome.json()
}

#[test]
fn import() {
    let progress = Progress {
        stage: "reading users".into(),
        done: 1,
        total: None,
    };
    let document = document(
        &[
            "import",
            "--users",
            "alice,bob",
            "--groups",
            "Engineering",
            "--accept-removals",
            "--tenant",
            "contoso.example",
            "--guests",
            "--microsoft-365-groups",
            "--distribution-groups",
        ],
        Request::Import {
            users: vec!["alice".into(), "bob".into()],
            groups: vec!["Engineering".into()],
            accept_removals: true,
            tenant: Some("contoso.example".into()),
            include: vec![
                "guests".into(),
                "microsoft-365-groups".into(),
                "distribution-groups".into(),
            ],
            dry_run: false,
        },
        vec![
            Reply::Progress(progress),
            Reply::Row(Row::Failure(failed())),
            done(Done::Import(summary())),
        ],
    );
    assert_eq!(document["import"]["users"]["added"], 1);
    assert_eq!(
        document["import"]["withheld"],
        json!({ "users": 26, "groups": 0, "memberships": 0 })
    );
    assert_eq!(document["failures"], json!([failed()]));
    assert_eq!(document.get("changes"), None);
}

#[test]
fn a_sync_and_its_dry_run() {
    let change = Change {
        kind: "user".into(),
        action: "add".into(),
        name: "erin".into(),
        label: "erin@contoso.example".into(),
        object_id: "1e7b768e-07e2-4810-8459-485f84f8f204".into(),
    };
    let document = document(
        &["sync", "--full", "--dry-run", "--tenant", "contoso.example"],
        Request::Sync {
            tenant: Some("contoso.example".into()),
            accept_removals: false,
            full: true,
            dry_run: true,
        },
        vec![
            Reply::Row(Row::Failure(failed())),
            Reply::Row(Row::Change(change.clone())),
            done(Done::Import(ImportSummary {
                dry_run: true,
                ..summary()
            })),
        ],
    );
    assert_eq!(document["changes"], json!([change]));
    assert_eq!(document["failures"], json!([failed()]));
    assert_eq!(document["import"]["dry_run"], true);
}

pub(crate) fn domain() -> DomainRow {
    DomainRow {
        tenant_id: "11111111-2222-3333-4444-555555555555".into(),
        domain: "contoso.example".into(),
        scope: Some("users alice".into()),
        scope_users: vec!["alice".into()],
        scope_groups: Vec::new(),
        scope_include: Vec::new(),
        interval_minutes: 60,
        interval_is_configured: false,
        paused: false,
        running: false,
        next_run: None,
        last_run: Some(ran()),
    }
}

pub(crate) fn ran() -> RunRow {
    RunRow {
        id: 3,
        tenant_id: "11111111-2222-3333-4444-555555555555".into(),
        begun_by: "schedule".into(),
        started_at: "2026-03-02T08:15:00Z".into(),
        ended_at: Some("2026-03-02T08:15:02Z".into()),
        scope: "users alice".into(),
        summary: Some(summary()),
        failure: None,
        failures: 1,
    }
}

#[test]
fn schedules() {
    let set = |interval_minutes, paused| Request::ScheduleSet {
        tenant: None,
        interval_minutes,
        paused,
    };
    let cases: [(&[&str], Request); 5] = [
        (&["schedule"], Request::ScheduleShow {}),
        (&["schedule", "show"], Request::ScheduleShow {}),
        (&["schedule", "set", "--every", "30m"], set(Some(30), None)),
        (&["schedule", "pause"], set(None, Some(true))),
        (&["schedule", "resume"], set(None, Some(false))),
    ];
    for (arguments, request) in cases {
        let replies = vec![
            Reply::Row(Row::Domain(Box::new(domain()))),
            done(Done::Rows { count: 1 }),
        ];
        let document = document(arguments, request, replies);
        assert_eq!(document, json!({ "domains": [domain()] }));
    }
}

#[test]
fn runs() {
    let listed = document(
        &["history", "--limit", "5"],
        Request::HistoryList {
            tenant: None,
            limit: Some(5),
        },
        vec![
            Reply::Row(Row::Run(Box::new(ran()))),
            done(Done::Rows { count: 1 }),
        ],
    );
    assert_eq!(listed, json!({ "runs": [ran()] }));
    let shown = document(
        &["history", "show", "3"],
        Request::HistoryShow { id: 3 },
        vec![
            Reply::Row(Row::Failure(failed())),
            done(Done::Run(Box::new(ran()))),
        ],
    );
    assert_eq!(shown, json!({ "run": ran(), "failures": [failed()] }));
}

#[test]
fn status() {
    let status = Status {
        version: "0.1.0".into(),
        tenants: Vec::new(),
        domains: vec![domain()],
        users: 1,
        groups: 1,
        generation: 1,
        published_at: None,
        last_import: None,
        last_error: None,
        displaced_ids: 0,
        throttled_users: 1,
        throttled_remote_hosts: 0,
        blocked_users: 1,
        expired_users: 1,
        id_range: None,
        auth: auth(),
        caller: Caller {
            uid: 0,
            name: "root".into(),
            role: Some(Role::Administrator),
        },
    };
    let document = document(
        &["status"],
        Request::Status {},
        vec![done(Done::Status(status.clone()))],
    );
    assert_eq!(document, json!({ "status": status }));
}

#[test]
fn users() {
    let listed = document(
        &["users", "list"],
        Request::UsersList {},
        vec![Reply::Row(Row::User(user())), done(Done::Rows { count: 1 })],
    );
    assert_eq!(listed, json!({ "users": [user()] }));
    let detail = UserDetail {
        row: user(),
        tenant_id: "11111111-2222-3333-4444-555555555555".into(),
        gid: 2_013_265_921,
        home: "/home/alice".into(),
        shell: "/bin/bash".into(),
        groups: vec!["engineering".into()],
        role_source: Some(RoleSource::Nothing),
        last_sign_in: None,
        last_sign_in_method: None,
        failed_tries: 5,
        passwords_refused_until: Some("2026-03-02T08:15:02Z".into()),
    };
    let shown = document(
        &["users", "show", "Alice"],
        Request::UsersShow {
            user: "Alice".into(),
        },
        vec![done(Done::User(detail.clone()))],
    );
    assert_eq!(shown, json!({ "user": detail }));
}

#[test]
fn users_unlock() {
    let unlocked = Unlocked {
        kind: "user".into(),
        name: "alice".into(),
        failed_tries: 5,
        passwords_refused_until: Some("2026-03-02T08:15:02Z".into()),
    };
    let said = document(
        &["users", "unlock", "Alice", "--remote-host", "192.0.2.7"],
        Request::UsersUnlock {
            users: vec!["Alice".into()],
            remote_hosts: vec!["192.0.2.7".into()],
            more: false,
        },
        vec![
            Reply::Row(Row::Unlocked(unlocked.clone())),
            done(Done::Rows { count: 1 }),
        ],
    );
    assert_eq!(said, json!({ "unlocked": [unlocked] }));
}

#[test]
fn users_block_and_expire() {
    let change = AccountChange {
        user: "alice".into(),
        blocked: true,
        expires: Some("2027-02-01T00:00:00Z".into()),
        changed: true,
    };
    let users = || vec!["alice".to_owned()];
    let cases: [(&[&str], Request); 4] = [
        (
            &["users", "block", "alice"],
            Request::UsersBlock {
                users: users(),
                more: false,
            },
        ),
        (
            &["users", "unblock", "alice"],
            Request::UsersUnblock {
                users: users(),
                more: false,
            },
        ),
        (
            &["users", "expire", "alice", "--until", "2027-01-31"],
            Request::UsersExpire {
                until: Some("2027-01-31".into()),
                users: users(),
                more: false,
            },
        ),
        (
            &["users", "expire", "alice", "--never"],
            Request::UsersExpire {
                until: None,
                users: users(),
                more: false,
            },
        ),
    ];
    for (line, request) in cases {
        let said = document(
            line,
            request,
            vec![
                Reply::Row(Row::Account(change.clone())),
                done(Done::Rows { count: 1 }),
            ],
        );
        assert_eq!(said, json!({ "accounts": [change] }));
    }
}

#[test]
fn an_empty_list_is_a_document_too() {
    let listed = document(
        &["users", "list"],
        Request::UsersList {},
        vec![done(Done::Rows { count: 0 })],
    );
    assert_eq!(listed, json!({ "users": [] }));
}

#[test]
fn groups() {
    for (verb, request) in [
        ("fetch", Request::GroupsFetch { tenant: None }),
        ("list", Request::GroupsList {}),
    ] {
        let replies = vec![
            Reply::Row(Row::Group(group())),
            done(Done::Rows { count: 1 }),
        ];
        assert_eq!(
            document(&["groups", verb], request, replies),
            json!({ "groups": [group()] })
        );
    }
    let shown = document(
        &["groups", "show", "engineering"],
        Request::GroupsShow {
            group: "engineering".into(),
        },
        vec![
            Reply::Row(Row::User(user())),
            Reply::Row(Row::Group(group())),
            done(Done::Group(group())),
        ],
    );
    assert_eq!(
        shown,
        json!({ "group": group(), "members": { "users": [user()], "groups": [group()] } })
    );
}

#[test]
fn groups_select_in_a_script() {
    let social = GroupRow {
        display_name: "Social".into(),
        object_id: "bbbbbbbb-07e2-4810-8459-485f84f8f204".into(),
        imported: false,
        ..group()
    };
    let dry = ImportSummary {
        dry_run: true,
        ..summary()
    };
    let outcome = run_asking(
        &["groups", "select", "--add", "Social", "--dry-run", "--json"],
        vec![
            (
                Request::ScheduleShow {},
                vec![
                    Reply::Row(Row::Domain(Box::new(domain()))),
                    done(Done::Rows { count: 1 }),
                ],
            ),
            (
                Request::GroupsFetch { tenant: None },
                vec![
                    Reply::Row(Row::Group(group())),
                    Reply::Row(Row::Group(social.clone())),
                    done(Done::Rows { count: 2 }),
                ],
            ),
            (
                Request::Import {
                    users: vec!["alice".into()],
                    groups: vec![social.object_id],
                    accept_removals: false,
                    tenant: Some(domain().tenant_id),
                    include: Vec::new(),
                    dry_run: true,
                },
                vec![done(Done::Import(dry.clone()))],
            ),
        ],
    );
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    let expected = json!({ "import": dry, "failures": [], "changes": [] });
    assert_eq!(outcome.json(), expected);
}

#[test]
fn role_set() {
    let change = RoleChange {
        user: "alice".into(),
        before: Role::User,
        after: Role::Auditor,
        source: None,
    };
    let document = document(
        &["role", "set", "auditor", "alice"],
        Request::RoleAssign {
            orders: vec![RoleOrder {
                kind: HolderKind::User,
                name: "alice".into(),
                role: Role::Auditor,
                expected: None,
            }],
            dry_run: false,
            more: false,
        },
        vec![
            Reply::Row(Row::Role(change.clone())),
            done(Done::Rows { count: 1 }),
        ],
    );
    assert_eq!(
        document,
        json!({ "roles": [change], "assignments": [], "dry_run": false })
    );
}

#[test]
fn enablement() {
    for (verb, request) in [
        ("disable", Request::AuthDisable {}),
        ("status", Request::AuthStatus {}),
    ] {
        assert_eq!(
            document(&["auth", verb], request, vec![done(Done::Auth(auth()))]),
            json!({ "auth": auth() })
        );
    }
}
