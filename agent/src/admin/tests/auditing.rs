//! Every verb of the table keeps what it declares: whoever changes something or is refused is in the audit
//! log, and whoever reads is not.

use entra_protocol::admin::{
    AdoptStep, AuditOutcome, AuditRow, GateMode, HolderKind, IdMapRow, LocalAccount, Moment,
    NameKind, RoleOrder,
};

use super::super::verbs::Effect;
use super::*;
use crate::auth::scripted::{ALICE, NOW, key_of};
use crate::names::local_reason;
use crate::store::{AuditFilter, ThrottleLeft, ThrottleSubject};

const GONE: &str = "b0000000-0000-4000-8000-000000000009";

fn names(users: &[&str]) -> Vec<String> {
    users.iter().map(|user| (*user).to_owned()).collect()
}

/// What asks for the verb; of a verb that changes something, a request that does on [`prepared`] hosts.
pub(super) fn request(verb: Verb) -> Request {
    let account = LocalAccount {
        name: "lars".to_owned(),
        uid: 1000,
        gid: 1000,
        home: "/home/lars".to_owned(),
        shell: "/bin/sh".to_owned(),
    };
    let (users, more) = (names(&["mallory"]), false);
    match verb {
        Verb::Import => Request::Import {
            users: Vec::new(),
            groups: Vec::new(),
            accept_removals: false,
            tenant: None,
            include: Vec::new(),
            dry_run: false,
        },
        Verb::Sync => Request::Sync {
            tenant: None,
            accept_removals: false,
            full: false,
            dry_run: false,
        },
        Verb::ScheduleShow => Request::ScheduleShow {},
        Verb::ScheduleSet => Request::ScheduleSet {
            tenant: None,
            interval_minutes: Some(30),
            paused: None,
        },
        Verb::HistoryList => Request::HistoryList {
            tenant: None,
            limit: None,
        },
        Verb::HistoryShow => Request::HistoryShow { id: 1 },
        Verb::Status => Request::Status {},
        Verb::UsersList => Request::UsersList {},
        Verb::UsersShow => Request::UsersShow {
            user: "mallory".to_owned(),
        },
        Verb::GroupsFetch => Request::GroupsFetch { tenant: None },
        Verb::GroupsList => Request::GroupsList {},
        Verb::GroupsShow => Request::GroupsShow {
            group: "engineering".to_owned(),
        },
        Verb::RoleSet => Request::RoleSet {
            role: Role::Auditor,
            users,
            more,
        },
        Verb::AuthEnable => Request::AuthEnable {},
        Verb::AuthDisable => Request::AuthDisable {},
        Verb::AuthStatus => Request::AuthStatus {},
        Verb::IdsShow => Request::IdsShow {
            object: None,
            displaced: false,
        },
        Verb::IdsImport => Request::IdsImport {
            rows: vec![IdMapRow {
                tenant_id: TENANT.to_owned(),
                object_id: GONE.to_owned(),
                id: 100_600,
            }],
            dry_run: false,
            skip_conflicts: false,
            more,
        },
        Verb::UsersRelease => Request::UsersRelease {
            name: "ghost".to_owned(),
            dry_run: false,
        },
        Verb::UsersUnlock => Request::UsersUnlock {
            users: names(&["alice"]),
            remote_hosts: Vec::new(),
            more,
        },
        Verb::UsersBlock => Request::UsersBlock { users, more },
        Verb::UsersUnblock => Request::UsersUnblock {
            users: names(&["alice"]),
            more,
        },
        Verb::UsersExpire => Request::UsersExpire {
            until: Some("2027-01-31".to_owned()),
            users,
            more,
        },
        Verb::UsersAdopt => Request::UsersAdopt {
            account,
            object: None,
            step: AdoptStep::Pin,
        },
        Verb::UsersUnadopt => Request::UsersUnadopt {
            name: "olga".to_owned(),
            dry_run: false,
        },
        Verb::Doctor => Request::Doctor { tenant: None },
        Verb::Names => Request::Names {
            of: NameKind::Users,
            prefix: String::new(),
        },
        Verb::Metrics => Request::Metrics {},
        Verb::Audit => all(),
        Verb::Explain => Request::Explain {
            user: "mallory".to_owned(),
            service: "sshd".to_owned(),
            offline: false,
        },
        Verb::RoleList => Request::RoleList {},
        Verb::AuthPreflight => Request::AuthPreflight {},
        Verb::LocalAuthShow => Request::LocalAuthShow {},
        Verb::LocalAuthSet => Request::LocalAuthSet {
            gate: GateMode::Allow,
            try_seconds: None,
            dry_run: false,
        },
        Verb::LocalAuthConfirm => Request::LocalAuthConfirm {},
        Verb::LocalAuthProve => Request::LocalAuthProve {
            name: "root".to_owned(),
        },
        Verb::LocalAuthExempt => Request::LocalAuthExempt {
            name: "ghost".to_owned(),
            exempt: false,
        },
    }
}

/// What asks for a verb that another request asks for, too.
pub(super) fn another_request() -> (Verb, Request) {
    let order = RoleOrder {
        kind: HolderKind::User,
        name: "mallory".to_owned(),
        role: Role::Auditor,
        expected: None,
    };
    let request = Request::RoleAssign {
        orders: vec![order],
        dry_run: false,
        more: false,
    };
    (Verb::RoleSet, request)
}

fn all() -> Request {
    Request::AuditList {
        since: None,
        until: None,
        by: None,
        object: None,
        verb: None,
        refused: false,
        limit: None,
    }
}

/// A host with something to change for every verb, and nothing in its audit log: failed tries and a block of
/// Alice's, a name of somebody gone, a local account of somebody's name, another that was adopted.
fn prepared_for(verb: Verb) -> Host {
    let host = prepared();
    let state = state_of(&host);
    match verb {
        Verb::AuthEnable => {
            let off = "UPDATE settings SET value = 'off' WHERE key = 'sign_in_enabled'";
            state.execute(off, []).unwrap();
        }
        // Shut, and tried; with all that it takes to keep it so.
        Verb::LocalAuthSet | Verb::LocalAuthConfirm => {
            super::gate::carol_signed_in(&host);
            state
                .execute_batch(&format!(
                    "UPDATE break_glass SET proven_at = {NOW}, proof = 'password';
                     INSERT INTO settings (key, value) VALUES
                     ('gate', 'fallback'), ('gate_set_at', '{NOW}'), ('gate_trial', '{} allow')",
                    NOW + 600
                ))
                .unwrap();
        }
        Verb::LocalAuthExempt => state
            .execute_batch(&format!(
                "UPDATE break_glass SET proven_at = {NOW}, proof = 'password';
                 INSERT INTO break_glass (name, added_at) VALUES ('ghost', 1)"
            ))
            .unwrap(),
        _ => {}
    }
    host
}

fn state_of(host: &Host) -> rusqlite::Connection {
    rusqlite::Connection::open(host.folder.path().join(crate::store::STATE_FILE)).unwrap()
}

fn prepared() -> Host {
    let host = Host::new();
    let left = ThrottleLeft {
        owed: std::time::Duration::from_secs(600),
        refused: std::time::Duration::ZERO,
    };
    let alice = ThrottleSubject::Person(key_of(ALICE));
    host.store
        .keep_throttle(|| vec![(alice, Some(left))])
        .unwrap();
    let folder = host.folder.path();
    let state = state_of(&host);
    let tenant: crate::identity::TenantId = TENANT.parse().unwrap();
    let [lars, olga] = [1, 2].map(|number| crate::identity::ObjectId::from_bytes([number; 16]));
    state
        .execute_batch("DELETE FROM audit; DELETE FROM sqlite_sequence WHERE name = 'audit'")
        .unwrap();
    state
        .execute(
            "INSERT INTO restrictions (tenant, object, blocked) VALUES (?1, ?2, 1)",
            rusqlite::params![tenant, key_of(ALICE).object],
        )
        .unwrap();
    for (name, object) in [("ghost", GONE.parse().unwrap()), ("olga", olga)] {
        state
            .execute(
                "INSERT INTO names (name, tenant, object, kind, held, since)
                 VALUES (?1, ?2, ?3, 'user', 0, 1)",
                rusqlite::params![name, tenant, object],
            )
            .unwrap();
    }
    state
        .execute(
            "INSERT INTO adoptions (name, tenant, object, uid, adopted_at)
             VALUES ('olga', ?1, ?2, 1001, 1)",
            rusqlite::params![tenant, olga],
        )
        .unwrap();
    state
        .execute(
            "INSERT INTO ids (id, tenant, object, attempt, allocated_at) VALUES (1001, ?1, ?2, 0, 1)",
            rusqlite::params![tenant, olga],
        )
        .unwrap();
    let directory = rusqlite::Connection::open(folder.join(crate::store::DIRECTORY_FILE)).unwrap();
    for (name, object) in [("lars", lars), ("olga", olga)] {
        directory
            .execute(
                "INSERT INTO users (tenant, object, upn, upn_key, display_name, enabled)
                 VALUES (?1, ?2, ?3, ?3, ?3, 1)",
                rusqlite::params![tenant, object, format!("{name}@contoso.example")],
            )
            .unwrap();
    }
    directory
        .execute(
            "INSERT INTO failures (tenant, kind, object_id, label, reason, cure)
             VALUES (?1, 'user', ?2, 'lars', ?3, '')",
            rusqlite::params![
                tenant,
                lars.to_string(),
                local_reason("lars", "/etc/passwd")
            ],
        )
        .unwrap();
    host
}

fn rows(host: &Host) -> Vec<AuditRow> {
    host.store
        .audit_rows(&AuditFilter::default(), u64::MAX, u32::MAX)
        .unwrap()
}

async fn ask_willing(host: &Host, uid: u32, request: Request) -> Result<Done, Failure> {
    let admin = admin_of(host, &[CONTOSO], false);
    ask_of(&admin, uid, request, Vec::new()).await.1
}

#[tokio::test(start_paused = true)]
async fn every_change_leaves_a_row_and_no_reading_does() {
    for row in VERBS {
        let host = prepared_for(row.verb);
        let (verb, word) = (row.verb, row.verb.word());
        let end = ask_willing(&host, 0, request(verb)).await;
        let rows = rows(&host);
        match row.effect {
            Effect::Reads => assert_eq!(rows, [], "{word}"),
            Effect::Changes => {
                end.unwrap_or_else(|failure| panic!("{word}: {failure:?}"));
                let Some(last) = rows.first() else {
                    panic!("`{word}` changed something and left no row in the audit log")
                };
                assert_eq!(last.outcome, AuditOutcome::Done, "{last:?}");
                assert_eq!((last.uid, last.name.as_str()), (0, "root"), "{word}");
                for row in &rows {
                    assert_eq!(row.verb, word);
                    assert_ne!(row.object, "", "{word}");
                    assert!(row.after.is_some(), "{row:?}");
                    assert!(row.before != row.after, "{row:?}");
                }
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn every_refusal_leaves_a_row() {
    const LOCAL: u32 = 1000;
    for row in VERBS {
        let host = prepared();
        let word = row.verb.word();
        let end = ask_willing(&host, LOCAL, request(row.verb)).await;
        let rows = rows(&host);
        if row.may == May::Anyone {
            assert_eq!(rows, [], "{word}");
            continue;
        }
        let failure = end.unwrap_err();
        assert_eq!(failure.kind, FailureKind::Forbidden, "{word}");
        let [refused] = rows.as_slice() else {
            panic!("{word}: {rows:?}")
        };
        assert_eq!(refused.outcome, AuditOutcome::Refused);
        assert_eq!((refused.verb.as_str(), refused.uid), (word, LOCAL));
        assert_eq!(refused.name, "local user");
        assert_eq!(refused.reason.as_deref(), Some(failure.message.as_str()));
        assert_eq!((&refused.before, &refused.after), (&None, &None));
    }
}

#[tokio::test]
async fn what_was_allowed_and_not_done_has_a_row_and_what_was_only_tried_none() {
    let host = Host::new();
    let before = rows(&host).len();
    let nobody = Request::RoleSet {
        role: Role::Auditor,
        users: names(&["nobody-here"]),
        more: false,
    };
    ask(&host, CAROL_UID, nobody, vec![]).await.1.unwrap_err();
    let row = &rows(&host)[0];
    assert_eq!(row.outcome, AuditOutcome::Refused);
    assert_eq!(row.object, "auditor: nobody-here");
    assert_eq!(
        (row.name.as_str(), row.role.as_deref()),
        ("carol", Some("administrator"))
    );
    assert!(row.reason.as_ref().unwrap().contains("nobody's role"));
    // The tenant refuses, after the run has begun.
    ask(&host, CAROL_UID, request(Verb::Import), vec![])
        .await
        .1
        .unwrap_err();
    let outcomes: Vec<AuditOutcome> = rows(&host).iter().map(|row| row.outcome).collect();
    assert_eq!(outcomes[..2], [AuditOutcome::Failed, AuditOutcome::Begun]);
    let count = rows(&host).len();
    assert_eq!(count, before + 3);
    let tries = [
        Request::UsersRelease {
            name: "nobody".to_owned(),
            dry_run: true,
        },
        Request::UsersShow {
            user: "nobody".to_owned(),
        },
    ];
    for tried in tries {
        ask(&host, CAROL_UID, tried, vec![]).await.1.unwrap_err();
    }
    assert_eq!(rows(&host).len(), count);
}

#[tokio::test]
async fn whoever_hangs_up_at_once_is_on_record_all_the_same() {
    let host = Host::new();
    let admin = admin(&host);
    let (queue, _replies) = mpsc::channel(1);
    let (_frames, requests) = mpsc::channel(1);
    let mut answering = Box::pin(admin.answer(
        1000,
        Request::AuthDisable {},
        Replies::new(queue),
        Requests::new(requests),
    ));
    // Looked at once, then given up.
    let once = std::future::poll_fn(|context| {
        std::task::Poll::Ready(answering.as_mut().poll(context).is_ready())
    });
    assert!(!once.await);
    drop(answering);
    let waited = async {
        while rows(&host)
            .iter()
            .all(|row| row.outcome != AuditOutcome::Refused)
        {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    };
    let limit = std::time::Duration::from_secs(20);
    tokio::time::timeout(limit, waited).await.unwrap();
}

#[tokio::test]
async fn the_log_is_told_latest_first_in_pages_and_as_much_as_was_asked_for() {
    let host = prepared();
    for number in 0..1_234 {
        host.store
            .audit_local("x", &format!("object {number}"), "a", "b")
            .unwrap();
    }
    let list = |change: fn(&mut Request)| {
        let mut request = all();
        change(&mut request);
        let admin = admin(&host);
        async move {
            let (queue, mut replies) = mpsc::channel(5_000);
            let (_frames, requests) = mpsc::channel(1);
            let end = admin
                .answer(
                    CAROL_UID,
                    request,
                    Replies::new(queue),
                    Requests::new(requests),
                )
                .await;
            let mut ids = Vec::new();
            while let Some(Reply::Row(Row::Audit(row))) = replies.recv().await {
                ids.push(row.id);
            }
            end.map(|_| ids)
        }
    };
    let whole = list(|_| ()).await.unwrap();
    assert!(whole.iter().copied().eq((1..=1_234).rev()), "{whole:?}");
    let some = list(|request| {
        if let Request::AuditList { limit, .. } = request {
            *limit = Some(3);
        }
    });
    assert_eq!(some.await.unwrap(), [1_234, 1_233, 1_232]);
    let day = |text: &str| Some(Moment::Day(text.to_owned()));
    assert_eq!(day("2026-01-04"), Some(Moment::Day("2026-01-04".into())));
    for (since, until, expected) in [
        (day("2026-01-04"), None, 1_234),
        (day("2026-01-05"), None, 0),
        (None, day("2026-01-04"), 1_234),
        (None, day("2026-01-03"), 0),
        (Some(Moment::SecondsAgo(60)), None, 1_234),
        (None, Some(Moment::SecondsAgo(0)), 1_234),
        (None, Some(Moment::SecondsAgo(60)), 0),
    ] {
        let request = Request::AuditList {
            since: since.clone(),
            until: until.clone(),
            by: None,
            object: None,
            verb: None,
            refused: false,
            limit: Some(2_000),
        };
        let (queue, mut replies) = mpsc::channel(5_000);
        let (_frames, requests) = mpsc::channel(1);
        let admin = admin(&host);
        let end = admin
            .answer(0, request, Replies::new(queue), Requests::new(requests))
            .await;
        assert!(
            matches!(end, Ok(Done::Rows { count }) if count == expected),
            "{since:?} {until:?} {end:?}"
        );
        replies.close();
    }
    let wrong = list(|request| {
        if let Request::AuditList { since, .. } = request {
            *since = Some(Moment::Day("2026-13-01".to_owned()));
        }
    });
    assert_eq!(wrong.await.unwrap_err().kind, FailureKind::BadRequest);
}
