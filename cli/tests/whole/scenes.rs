//! A scene for every verb: what is typed, what the agent is asked, what it says.
//!
//! Together they show every field of every document at least once: `verbs` holds them against docs/json.md.

use entra_protocol::admin::{
    AccountChange, AuditOutcome, AuditRow, AuthState, Caller, Change, Check, CheckState, Counts,
    Done, Failure, FailureKind, GateMode, GroupRow, IdSpan, ImportSummary, LocalAuthDone, Moment,
    ReleasedName, Reply, Request, Role, RoleSource, Row, RunRow, SignInService, Status,
    TenantStatus, Unlocked, UserDetail, UserRow,
};

use entra_protocol::metrics::{LastSync, Metrics, Runs, SignInCount, TenantMetrics, Throttled};

use crate::documents::{auth, domain, done, failed, group, ran, summary, user};
use crate::{golden, ids};

/// One run of one verb.
pub(crate) struct Scene {
    /// In words.
    pub(crate) verb: &'static str,
    pub(crate) arguments: Vec<String>,
    /// Each question and its answer.
    pub(crate) calls: Vec<(Request, Vec<Reply>)>,
    pub(crate) page: Page,
}

/// What of it is kept as wording.
pub(crate) enum Page {
    /// Text and document.
    Whole,
    /// Neither, since they are about the host on which the test runs; the document's shape is looked at. With
    /// the reason.
    OfThisHost(&'static str),
    /// The help only, and nothing is run. With the reason, and where it is tested.
    HelpOnly(&'static str),
}

fn of_pam(verb: &'static str) -> Scene {
    Scene {
        page: Page::HelpOnly("It changes the host's files; see the behaviour `pam_wiring`."),
        ..scene(verb, &[], vec![])
    }
}

pub(crate) fn scene(verb: &'static str, more: &[&str], calls: Vec<(Request, Vec<Reply>)>) -> Scene {
    Scene {
        verb,
        arguments: verb
            .split(' ')
            .chain(more.iter().copied())
            .map(str::to_owned)
            .collect(),
        calls,
        page: Page::Whole,
    }
}

/// A verb that asks once.
pub(crate) fn one(
    verb: &'static str,
    more: &[&str],
    request: Request,
    replies: Vec<Reply>,
) -> Scene {
    scene(verb, more, vec![(request, replies)])
}

/// Rows and their end.
pub(crate) fn rows(rows: Vec<Row>) -> Vec<Reply> {
    let count = rows.len() as u64;
    let mut replies: Vec<Reply> = rows.into_iter().map(Reply::Row).collect();
    replies.push(done(Done::Rows { count }));
    replies
}

pub(crate) fn scenes() -> Vec<Scene> {
    let mut scenes = imports();
    scenes.extend(schedules());
    scenes.extend(reading());
    scenes.extend(changing());
    scenes.extend(crate::gate_scenes::scenes());
    scenes.extend(crate::role_scenes::scenes());
    scenes.extend(of_ids());
    scenes.extend(of_this_host());
    scenes
}

fn change() -> Change {
    Change {
        kind: "user".into(),
        action: "add".into(),
        name: "erin".into(),
        label: "erin@contoso.example".into(),
        object_id: "1e7b768e-07e2-4810-8459-485f84f8f204".into(),
    }
}

fn imports() -> Vec<Scene> {
    let import = |users: &[&str], groups: &[&str], tenant: Option<&str>, dry_run| Request::Import {
        users: users.iter().map(|name| (*name).to_owned()).collect(),
        groups: groups.iter().map(|name| (*name).to_owned()).collect(),
        accept_removals: false,
        tenant: tenant.map(str::to_owned),
        include: Vec::new(),
        dry_run,
    };
    let dry = ImportSummary {
        dry_run: true,
        more_changes: 7,
        remarks: vec!["the groups A and B are members of each other".into()],
        ..summary()
    };
    let social = GroupRow {
        display_name: "Social".into(),
        object_id: "bbbbbbbb-07e2-4810-8459-485f84f8f204".into(),
        imported: false,
        ..group()
    };
    vec![
        one(
            "import",
            &["--users", "alice,root", "--groups", "Engineering"],
            import(&["alice", "root"], &["Engineering"], None, false),
            vec![
                Reply::Row(Row::Failure(failed())),
                done(Done::Import(summary())),
            ],
        ),
        one(
            "import",
            &["--dry-run"],
            import(&[], &[], None, true),
            vec![
                Reply::Row(Row::Change(change())),
                done(Done::Import(dry.clone())),
            ],
        ),
        one(
            "sync",
            &["--full"],
            Request::Sync {
                tenant: None,
                accept_removals: false,
                full: true,
                dry_run: false,
            },
            vec![done(Done::Import(ImportSummary {
                full: true,
                ..summary()
            }))],
        ),
        scene(
            "groups select",
            &["--add", "Social", "--dry-run"],
            vec![
                (
                    Request::ScheduleShow {},
                    rows(vec![Row::Domain(Box::new(domain()))]),
                ),
                (
                    Request::GroupsFetch { tenant: None },
                    rows(vec![Row::Group(group()), Row::Group(social.clone())]),
                ),
                (
                    import(
                        &["alice"],
                        &[&social.object_id],
                        Some(&domain().tenant_id),
                        true,
                    ),
                    vec![Reply::Row(Row::Change(change())), done(Done::Import(dry))],
                ),
            ],
        ),
    ]
}

fn schedules() -> Vec<Scene> {
    let rows_of = |change: fn(&mut entra_protocol::admin::DomainRow)| {
        let mut row = domain();
        row.next_run = Some("2026-03-02T09:15:00Z".into());
        change(&mut row);
        rows(vec![Row::Domain(Box::new(row))])
    };
    let set = |interval_minutes, paused| Request::ScheduleSet {
        tenant: None,
        interval_minutes,
        paused,
    };
    vec![
        one("schedule", &[], Request::ScheduleShow {}, rows_of(|_| {})),
        one(
            "schedule show",
            &[],
            Request::ScheduleShow {},
            rows_of(|_| {}),
        ),
        one(
            "schedule set",
            &["--every", "1h30m"],
            set(Some(90), None),
            rows_of(|row| row.interval_minutes = 90),
        ),
        one(
            "schedule pause",
            &[],
            set(None, Some(true)),
            rows_of(|row| row.paused = true),
        ),
        one(
            "schedule resume",
            &[],
            set(None, Some(false)),
            rows_of(|_| {}),
        ),
    ]
}

fn failure() -> Failure {
    Failure {
        kind: FailureKind::Tenant,
        message: "the sync registration of contoso.example may not read users".into(),
        hint: Some("grant it User.Read.All, with an administrator's consent".into()),
        reference: Some("request 6e7b768e".into()),
    }
}

fn failed_run() -> RunRow {
    RunRow {
        id: 4,
        summary: None,
        failure: Some(failure()),
        ..ran()
    }
}

fn detail() -> UserDetail {
    UserDetail {
        row: UserRow {
            display_name: "Alice Ängström".into(),
            expires: Some("2027-02-01T00:00:00Z".into()),
            ..user()
        },
        tenant_id: "11111111-2222-3333-4444-555555555555".into(),
        gid: 2_013_265_921,
        home: "/home/alice".into(),
        shell: "/bin/bash".into(),
        groups: vec!["engineering".into()],
        role_source: Some(RoleSource::Own),
        last_sign_in: Some("2026-03-01T18:00:00Z".into()),
        last_sign_in_method: Some("device-code".into()),
        failed_tries: 5,
        passwords_refused_until: Some("2026-03-02T08:15:02Z".into()),
    }
}

fn account(user: &str, blocked: bool, expires: Option<&str>, changed: bool) -> AccountChange {
    AccountChange {
        user: user.into(),
        blocked,
        expires: expires.map(str::to_owned),
        changed,
    }
}

fn status() -> Status {
    Status {
        version: "0.1.0".into(),
        tenants: vec![TenantStatus {
            id: domain().tenant_id,
            domain: domain().domain,
            credential: "secret".into(),
            credential_expires: Some("2026-03-11T00:00:00Z".into()),
            credential_warning: Some("the client secret expires in 9 days: make a new one".into()),
            sign_in_service: Some(SignInService::Unreachable {
                since: "2026-03-02T08:00:00Z".into(),
                last_tried: "2026-03-02T08:14:00Z".into(),
                tried_again_seconds: 60,
                reason: Some("login.microsoftonline.com does not answer".into()),
            }),
        }],
        domains: vec![domain()],
        users: 1,
        groups: 1,
        generation: 1,
        published_at: Some("2026-03-02T08:15:02Z".into()),
        last_import: Some(Box::new(summary())),
        last_error: Some(failure()),
        displaced_ids: 2,
        id_range: Some(IdSpan {
            first: 2_013_265_920,
            last: 2_147_352_575,
        }),
        throttled_users: 1,
        throttled_remote_hosts: 1,
        blocked_users: 1,
        expired_users: 1,
        auth: AuthState {
            local_auth_trial_ends: Some("2026-03-02T08:25:02Z".into()),
            ..auth()
        },
        caller: Caller {
            uid: 2_013_265_921,
            name: "alice".into(),
            role: Some(Role::Administrator),
        },
    }
}

fn metrics() -> Metrics {
    let users = Counts {
        added: 1,
        unchanged: 4,
        ..Counts::default()
    };
    let one = Throttled {
        users: 1,
        remote_hosts: 2,
    };
    Metrics {
        version: "0.1.0".into(),
        now: 1_772_439_600,
        started_at: 1_772_400_000,
        sign_in_enabled: true,
        local_auth: "allow".into(),
        users: 5,
        groups: 2,
        generation: 7,
        published_at: Some(1_772_439_302),
        displaced_ids: 2,
        throttled: one,
        throttle_refusals: one,
        tenants: vec![TenantMetrics {
            domain: domain().domain,
            last_sync: Some(LastSync {
                ended_at: 1_772_439_302,
                duration_ms: 1_500,
                users,
                groups: Counts::default(),
                withheld: 0,
            }),
            last_run_succeeded: Some(true),
            runs: Runs {
                succeeded: 11,
                failed: 1,
                given_up: 0,
            },
            graph_requests: 31,
            graph_throttled: 1,
            sign_ins: vec![SignInCount {
                method: "device-code".into(),
                verdict: "success".into(),
                count: 3,
            }],
            login_service_reachable: Some(true),
            credential_expires_at: Some(1_773_187_200),
        }],
    }
}

fn fetched() -> GroupRow {
    GroupRow {
        direct_groups: Some(2),
        ..group()
    }
}

fn audited() -> [AuditRow; 5] {
    let done = AuditRow {
        id: 7,
        at: "2026-03-02T08:15:00Z".into(),
        uid: 2_013_265_925,
        name: "carol".into(),
        role: Some("administrator".into()),
        verb: "role set".into(),
        object: "alice (6e7b768e-07e2-4810-8459-485f84f8f204)".into(),
        before: Some("user".into()),
        after: Some("auditor".into()),
        outcome: AuditOutcome::Done,
        reason: None,
        count: 1,
    };
    let local = AuditRow {
        uid: 1000,
        name: "local user".into(),
        role: None,
        before: None,
        after: None,
        ..done.clone()
    };
    [
        AuditRow {
            id: 11,
            verb: "any".into(),
            object: "of this uid, in this hour".into(),
            outcome: AuditOutcome::MoreRefused,
            count: 12,
            ..local.clone()
        },
        AuditRow {
            id: 10,
            object: "administrator: mallory".into(),
            outcome: AuditOutcome::Refused,
            reason: Some(
                "`role set` takes the role administrator; uid 1000 is a local user and has no role"
                    .into(),
            ),
            ..local
        },
        AuditRow {
            id: 9,
            uid: 0,
            name: "root".into(),
            role: None,
            verb: "sync".into(),
            object: "contoso.example".into(),
            outcome: AuditOutcome::Failed,
            reason: Some("the client secret has expired".into()),
            before: None,
            after: None,
            ..done.clone()
        },
        AuditRow {
            id: 8,
            uid: 0,
            name: "root".into(),
            role: None,
            verb: "sync".into(),
            object: "contoso.example".into(),
            outcome: AuditOutcome::Begun,
            before: None,
            after: Some("the whole tenant".into()),
            ..done.clone()
        },
        done,
    ]
}

fn reading() -> Vec<Scene> {
    let history = Request::HistoryList {
        tenant: None,
        limit: Some(20),
    };
    vec![
        one(
            "history",
            &[],
            history,
            rows(vec![
                Row::Run(Box::new(failed_run())),
                Row::Run(Box::new(ran())),
            ]),
        ),
        one(
            "history show",
            &["3"],
            Request::HistoryShow { id: 3 },
            vec![
                Reply::Row(Row::Failure(failed())),
                done(Done::Run(Box::new(ran()))),
            ],
        ),
        one(
            "history show",
            &["4"],
            Request::HistoryShow { id: 4 },
            vec![done(Done::Run(Box::new(failed_run())))],
        ),
        one(
            "status",
            &[],
            Request::Status {},
            vec![done(Done::Status(status()))],
        ),
        one(
            "metrics",
            &[],
            Request::Metrics {},
            vec![done(Done::Metrics(Box::new(metrics())))],
        ),
        one(
            "audit",
            &["--since", "2026-03-01"],
            Request::AuditList {
                since: Some(Moment::Day("2026-03-01".into())),
                until: None,
                by: None,
                object: None,
                verb: None,
                refused: false,
                limit: Some(u32::MAX),
            },
            rows(audited().map(|row| Row::Audit(Box::new(row))).into()),
        ),
        one(
            "audit",
            &[
                "--until",
                "90m",
                "--by",
                "lars",
                "--object",
                "alice",
                "--verb",
                "role",
                "--refused",
            ],
            Request::AuditList {
                since: None,
                until: Some(Moment::SecondsAgo(5_400)),
                by: Some("lars".into()),
                object: Some("alice".into()),
                verb: Some("role".into()),
                refused: true,
                limit: Some(50),
            },
            rows(vec![]),
        ),
        one(
            "users list",
            &[],
            Request::UsersList {},
            rows(vec![
                Row::User(user()),
                Row::User(UserRow {
                    name: "bob".into(),
                    upn: "bob@contoso.example".into(),
                    display_name: "Bob".into(),
                    uid: Some(2_013_265_922),
                    expires: Some("2026-02-01T00:00:00Z".into()),
                    expired: true,
                    object_id: "0e7b768e-07e2-4810-8459-485f84f8f204".into(),
                    ..user()
                }),
            ]),
        ),
        one("users list", &[], Request::UsersList {}, rows(vec![])),
        one(
            "users show",
            &["alice"],
            Request::UsersShow {
                user: "alice".into(),
            },
            vec![done(Done::User(detail()))],
        ),
        one(
            "groups fetch",
            &[],
            Request::GroupsFetch { tenant: None },
            rows(vec![Row::Group(fetched())]),
        ),
        one(
            "groups list",
            &[],
            Request::GroupsList {},
            rows(vec![Row::Group(group())]),
        ),
        one("groups list", &[], Request::GroupsList {}, rows(vec![])),
        one(
            "groups show",
            &["engineering"],
            Request::GroupsShow {
                group: "engineering".into(),
            },
            vec![
                Reply::Row(Row::User(user())),
                Reply::Row(Row::Group(group())),
                done(Done::Group(group())),
            ],
        ),
        one(
            "auth status",
            &[],
            Request::AuthStatus {},
            vec![done(Done::Auth(auth()))],
        ),
    ]
}

fn changing() -> Vec<Scene> {
    let off = entra_protocol::admin::AuthState {
        enabled: false,
        ..auth()
    };
    vec![
        Scene {
            page: Page::HelpOnly(
                "It looks at the host; see `commands/auth.rs` and the behaviours.",
            ),
            ..scene("auth enable", &[], vec![])
        },
        one(
            "auth disable",
            &[],
            Request::AuthDisable {},
            vec![done(Done::Auth(off))],
        ),
        one(
            "users block",
            &["alice", "bob"],
            Request::UsersBlock {
                users: vec!["alice".into(), "bob".into()],
                more: false,
            },
            rows(vec![
                Row::Account(account("alice", true, None, true)),
                Row::Account(account("bob", true, Some("2027-02-01T00:00:00Z"), false)),
            ]),
        ),
        one(
            "users unblock",
            &["alice"],
            Request::UsersUnblock {
                users: vec!["alice".into()],
                more: false,
            },
            rows(vec![Row::Account(account("alice", false, None, true))]),
        ),
        one(
            "users expire",
            &["alice", "--until", "2027-01-31"],
            Request::UsersExpire {
                until: Some("2027-01-31".into()),
                users: vec!["alice".into()],
                more: false,
            },
            rows(vec![Row::Account(account(
                "alice",
                false,
                Some("2027-02-01T00:00:00Z"),
                true,
            ))]),
        ),
        one(
            "users unlock",
            &["alice", "bob"],
            Request::UsersUnlock {
                users: vec!["alice".into(), "bob".into()],
                remote_hosts: Vec::new(),
                more: false,
            },
            rows(vec![
                Row::Unlocked(Unlocked {
                    kind: "user".into(),
                    name: "alice".into(),
                    failed_tries: 5,
                    passwords_refused_until: Some("2026-03-02T08:15:02Z".into()),
                }),
                Row::Unlocked(Unlocked {
                    kind: "user".into(),
                    name: "bob".into(),
                    failed_tries: 0,
                    passwords_refused_until: None,
                }),
            ]),
        ),
    ]
}

fn of_ids() -> Vec<Scene> {
    let file = golden::path("id-map.txt");
    let show = || Request::IdsShow {
        object: None,
        displaced: false,
    };
    vec![
        one("ids show", &[], show(), ids::rows()),
        one("ids export", &[], show(), ids::rows()),
        one(
            "ids import",
            &[file.to_str().unwrap()],
            ids::import(false, false),
            ids::compared(false),
        ),
    ]
}

fn of_this_host() -> Vec<Scene> {
    let released = |released| {
        vec![done(Done::Released(ReleasedName {
            name: "nobody-at-all".into(),
            kind: "user".into(),
            tenant_id: ids::TENANT.into(),
            object_id: ids::ALICE.into(),
            id: Some(2_013_265_921),
            home: Some("/nowhere/nobody-at-all".into()),
            renamed_to: Some("alicia".into()),
            released,
        }))]
    };
    let release = |dry_run| Request::UsersRelease {
        name: "nobody-at-all".into(),
        dry_run,
    };
    let check = Check {
        about: "contoso.example".into(),
        name: "sync-permissions".into(),
        state: CheckState::Bad,
        found: "the sync registration may not read users".into(),
        cure: Some("grant it User.Read.All".into()),
        reference: Some("request 6e7b768e".into()),
    };
    vec![
        Scene {
            page: Page::OfThisHost("Of the host that it runs on; see `commands/release.rs`."),
            ..scene(
                "users release",
                &["nobody-at-all"],
                vec![
                    (release(true), released(false)),
                    (release(false), released(true)),
                ],
            )
        },
        Scene {
            page: Page::OfThisHost("Of the host that it runs on; see `commands/explain/tests.rs`."),
            ..scene("explain", &["nobody-at-all"], vec![])
        },
        Scene {
            page: Page::OfThisHost("Of the host that it runs on; see `commands/doctor.rs`."),
            ..scene(
                "doctor",
                &[],
                vec![
                    (Request::Status {}, vec![done(Done::Status(status()))]),
                    (
                        Request::LocalAuthShow {},
                        vec![done(Done::LocalAuth(Box::new(LocalAuthDone {
                            local_auth: crate::gate_scenes::gate(GateMode::Allow),
                            changed: false,
                        })))],
                    ),
                    (
                        Request::Doctor { tenant: None },
                        rows(vec![Row::Check(check)]),
                    ),
                ],
            )
        },
        Scene {
            page: Page::HelpOnly(
                "It asks the tenant and writes the host's files; see the behaviour `setup`.",
            ),
            ..scene("setup", &[], vec![])
        },
        of_pam("pam preview"),
        of_pam("pam enable"),
        of_pam("pam confirm"),
        of_pam("pam disable"),
        Scene {
            page: Page::HelpOnly("It changes the host's files; see `commands/adopt`."),
            ..scene("users adopt", &[], vec![])
        },
        Scene {
            page: Page::OfThisHost(
                "A script for the shell; see `complete.rs` and the behaviour `completions`.",
            ),
            ..scene("completions", &["bash"], vec![])
        },
    ]
}
