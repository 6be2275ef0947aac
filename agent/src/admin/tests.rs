//! Who may do what, and that a change is whole, published and in the audit log.

mod auditing;
mod doctor;
mod documented;
mod gate;
mod identities;
mod naming;
mod restricting;
mod roles;
mod runs;
mod unlocking;

use std::sync::atomic::Ordering;

use entra_protocol::admin::{
    Caller, Change, DomainRow, GroupRow, ImportSummary, Progress, Reply, Role, Row,
};
use tokio::sync::mpsc;

use super::import::Importing;
use super::verbs::May;
use super::*;
use crate::auth::scripted::{ALICE_UID, FixedClock, Host, TENANT};
use crate::identity::TenantId;
use crate::schedule::{Jitter, Planner};
use crate::sync::{Order, Outcome, Tell};

const CAROL_UID: u32 = ALICE_UID + 3;
const DAVE_UID: u32 = ALICE_UID + 2;

/// An importer that the tenant refuses, or that does what it is told in no time.
struct Scripted {
    domain: &'static str,
    tenant: TenantId,
    refuses: bool,
}

impl Importer for Scripted {
    fn tenant(&self) -> TenantId {
        self.tenant
    }

    fn domain(&self) -> &str {
        self.domain
    }

    fn run<'a>(&'a self, order: &'a Order, tell: Tell<'a>) -> Importing<'a, Outcome> {
        tell(Progress {
            stage: "reading users".to_owned(),
            done: 0,
            total: None,
        });
        let refused = failure::of(FailureKind::Tenant, "the tenant refused");
        let outcome = Outcome {
            summary: ImportSummary {
                scope: order.scope.to_string(),
                full: order.full,
                dry_run: order.dry_run,
                ..ImportSummary::default()
            },
            failures: Vec::new(),
            changes: vec![change(); usize::from(order.dry_run)],
        };
        let refuses = self.refuses;
        Box::pin(async move {
            if refuses {
                return Err(refused.into());
            }
            Ok(outcome)
        })
    }

    fn fetch_groups(&self) -> Importing<'_, Vec<GroupRow>> {
        Box::pin(async { Ok(Vec::new()) })
    }
}

fn change() -> Change {
    Change {
        kind: "user".to_owned(),
        action: "add".to_owned(),
        name: "erin".to_owned(),
        label: "erin@contoso.example".to_owned(),
        object_id: "6e7b768e-07e2-4810-8459-485f84f8f204".to_owned(),
    }
}

/// A tenant whose client secret ends in nine days.
fn tenant(id: &str, domain: &str) -> Tenant {
    let text = format!(
        "[[tenant]]\nid = \"{id}\"\ndomain = \"{domain}\"\n\
         [tenant.sync]\nclient_id = \"a\"\nclient_secret_file = \"/x\"\n\
         client_secret_expires = \"2026-01-14\"\n\
         [tenant.login]\nclient_id = \"b\"\n"
    );
    crate::config::parse(&text).unwrap().first_tenant().clone()
}

/// A host whose tenants all refuse, or all do what they are told.
fn admin_of(host: &Host, tenants: &[(&'static str, &str)], refuses: bool) -> Admin {
    let mut importers = Importers::default();
    for (domain, id) in tenants {
        importers.add(Arc::new(Scripted {
            domain,
            tenant: id.parse().unwrap(),
            refuses,
        }));
    }
    let jitter = Jitter::new(b"host");
    let planner = Planner::new(host.store.clone(), Arc::new(FixedClock), jitter);
    let ids = importers.all().map(|importer| importer.tenant());
    Admin {
        tenants: vec![tenant(TENANT, CONTOSO.0)],
        reachability: BTreeMap::new(),
        clock: Arc::new(FixedClock),
        store: host.store.clone(),
        runs: Arc::new(Runs::new(host.store.clone(), planner, ids)),
        importers,
        examiner: Arc::new(doctor::Healthy),
        sign_ins: Arc::new(host.sign_ins(&Arc::default())),
        throttle: Throttle::new(host.store.clone()),
        counters: crate::counters::Counters::default(),
        started_at: FixedClock.now(),
        publish: host.publish(),
        host: HostRules {
            files: files(host),
            range: IdRange::new(crate::config::Ids {
                base: 0x7800_0000,
                size: 0x07FD_FFF0,
            })
            .unwrap(),
        },
    }
}

const CONTOSO: (&str, &str) = ("contoso.example", TENANT);
const FABRIKAM: (&str, &str) = ("fabrikam.example", "11111111-2222-4333-8444-555555555555");

fn admin(host: &Host) -> Admin {
    admin_of(host, &[CONTOSO], true)
}

/// The host's own accounts: root alone.
fn files(host: &Host) -> LocalFiles {
    let files = crate::publish::tests::local_files(host.folder.path());
    std::fs::write(&files.passwd, "root:x:0:0::/root:/bin/sh\n").unwrap();
    std::fs::write(&files.group, "root:x:0:\n").unwrap();
    files
}

/// Asks once, with further frames if there are any.
async fn ask(
    host: &Host,
    uid: u32,
    request: Request,
    further: Vec<Request>,
) -> (Vec<Reply>, Result<Done, Failure>) {
    ask_of(&admin(host), uid, request, further).await
}

async fn ask_of(
    admin: &Admin,
    uid: u32,
    request: Request,
    further: Vec<Request>,
) -> (Vec<Reply>, Result<Done, Failure>) {
    let (queue, mut rows) = mpsc::channel(100);
    let (frames, requests) = mpsc::channel(100);
    for frame in further {
        frames.send(frame).await.unwrap();
    }
    drop(frames);
    let end = admin
        .answer(uid, request, Replies::new(queue), Requests::new(requests))
        .await;
    let mut replies = Vec::new();
    while let Some(reply) = rows.recv().await {
        replies.push(reply);
    }
    (replies, end)
}

fn roles(host: &Host) -> Vec<(String, Role)> {
    let people = host.store.people().unwrap();
    people
        .into_iter()
        .map(|person| (person.name, person.role))
        .collect()
}

fn audited(host: &Host, verb: &str, refused: bool) -> u64 {
    audited_as(host, verb, if refused { "refused" } else { "done" })
}

fn audited_as(host: &Host, verb: &str, outcome: &str) -> u64 {
    let file = host.folder.path().join(crate::store::STATE_FILE);
    rusqlite::Connection::open(file)
        .unwrap()
        .query_row(
            "SELECT count(*) FROM audit WHERE verb = ?1 AND outcome = ?2",
            [verb, outcome],
            |row| row.get::<_, i64>(0),
        )
        .map(|count| u64::try_from(count).unwrap())
        .unwrap()
}

fn set(role: Role, users: &[&str], more: bool) -> Request {
    let users = users.iter().map(|user| (*user).to_owned()).collect();
    Request::RoleSet { role, users, more }
}

#[test]
fn each_verb_is_for_its_roles_and_root_may_all() {
    use Role::{Administrator, Auditor, Operator, User};
    // Who may call each verb: local users, then each role by strength; then about oneself.
    let expected = [
        (Verb::Status, [true, true, true, true, true], true),
        (Verb::AuthStatus, [false, true, true, true, true], true),
        (Verb::UsersShow, [false, false, true, true, true], true),
        (Verb::UsersList, [false, false, true, true, true], false),
        (Verb::GroupsList, [false, false, true, true, true], false),
        (Verb::GroupsShow, [false, false, true, true, true], false),
        (Verb::GroupsFetch, [false, false, true, true, true], false),
        (Verb::Import, [false, false, false, true, true], false),
        (Verb::Sync, [false, false, false, true, true], false),
        (Verb::ScheduleShow, [false, false, true, true, true], false),
        (Verb::ScheduleSet, [false, false, false, true, true], false),
        (Verb::HistoryList, [false, false, true, true, true], false),
        (Verb::HistoryShow, [false, false, true, true, true], false),
        (Verb::RoleSet, [false, false, false, false, true], false),
        (Verb::RoleList, [false, false, true, true, true], false),
        (Verb::AuthEnable, [false, false, false, false, true], false),
        (Verb::AuthDisable, [false, false, false, false, true], false),
        (
            Verb::AuthPreflight,
            [false, false, false, false, true],
            false,
        ),
        (Verb::LocalAuthShow, [false, false, true, true, true], false),
        (
            Verb::LocalAuthSet,
            [false, false, false, false, true],
            false,
        ),
        (
            Verb::LocalAuthConfirm,
            [false, false, false, false, true],
            false,
        ),
        (Verb::LocalAuthProve, [false; 5], false),
        (
            Verb::LocalAuthExempt,
            [false, false, false, false, true],
            false,
        ),
        (Verb::IdsShow, [false, false, true, true, true], false),
        (Verb::IdsImport, [false, false, false, false, true], false),
        (
            Verb::UsersRelease,
            [false, false, false, false, true],
            false,
        ),
        (Verb::UsersUnlock, [false, false, false, true, true], false),
        (Verb::UsersBlock, [false, false, false, true, true], false),
        (Verb::UsersUnblock, [false, false, false, true, true], false),
        (Verb::UsersExpire, [false, false, false, true, true], false),
        (Verb::Doctor, [false, false, true, true, true], false),
        (Verb::Explain, [false, false, true, true, true], true),
        (Verb::Metrics, [false, false, true, true, true], false),
        (Verb::UsersAdopt, [false; 5], false),
        (Verb::UsersUnadopt, [false; 5], false),
        (Verb::Names, [true; 5], true),
        (Verb::Audit, [false, false, true, true, true], false),
    ];
    assert_eq!(VERBS.len(), expected.len());
    let caller = |uid, role| Caller {
        uid,
        name: String::new(),
        role,
    };
    for (verb, allowed, own) in expected {
        let row = VERBS.iter().find(|row| row.verb == verb).unwrap();
        let roles = [
            None,
            Some(User),
            Some(Auditor),
            Some(Operator),
            Some(Administrator),
        ];
        for (role, allowed) in roles.into_iter().zip(allowed) {
            assert_eq!(
                row.may.allows(&caller(1000, role), false),
                allowed,
                "{verb:?} {role:?}"
            );
        }
        assert_eq!(
            row.may.allows(&caller(1000, Some(User)), true),
            own,
            "{verb:?} own"
        );
        assert!(row.may.allows(&caller(0, None), false));
    }
    assert!(!May::OwnOr(Auditor).allows(&caller(1000, None), true));
}

#[tokio::test]
async fn rights_come_from_the_uid_and_a_refusal_is_kept() {
    let host = Host::new();
    for (uid, allowed) in [
        (0, true),
        (CAROL_UID, true),
        (ALICE_UID, false),
        (1000, false),
    ] {
        let (_, end) = ask(&host, uid, set(Role::Auditor, &["mallory"], false), vec![]).await;
        assert_eq!(end.is_ok(), allowed, "{uid}: {end:?}");
        if let Err(failure) = end {
            assert_eq!(failure.kind, FailureKind::Forbidden);
        }
    }
    assert_eq!(audited(&host, "role set", true), 2);
    assert_eq!(audited(&host, "role set", false), 2);
}

#[tokio::test]
async fn a_disabled_administrator_has_no_rights() {
    let host = Host::new();
    host.store
        .mark_disabled(&crate::auth::scripted::key_of(crate::auth::scripted::CAROL))
        .unwrap();
    let (_, end) = ask(&host, CAROL_UID, Request::AuthDisable {}, vec![]).await;
    assert_eq!(end.unwrap_err().kind, FailureKind::Forbidden);
    assert!(host.store.policy().unwrap().sign_in_enabled);
}

#[tokio::test]
async fn people_see_themselves_and_nobody_else() {
    let host = Host::new();
    let show = |user: &str| Request::UsersShow {
        user: user.to_owned(),
    };
    let (_, own) = ask(&host, ALICE_UID, show("Alice@contoso.example"), vec![]).await;
    let Ok(Done::User(detail)) = own else {
        panic!("{own:?}")
    };
    assert_eq!(
        (detail.row.name.as_str(), detail.home.as_str()),
        ("alice", "/home/alice")
    );
    for other in ["mallory", "nobody"] {
        let (_, end) = ask(&host, ALICE_UID, show(other), vec![]).await;
        assert_eq!(end.unwrap_err().kind, FailureKind::Forbidden, "{other}");
    }
    let (_, end) = ask(&host, 0, show("alise"), vec![]).await;
    let failure = end.unwrap_err();
    assert_eq!(failure.kind, FailureKind::NotFound);
    assert_eq!(failure.hint.as_deref(), Some("did you mean alice?"));
}

#[tokio::test]
async fn roles_change_all_or_none_over_several_frames_and_are_published() {
    let host = Host::new();
    let frames = vec![set(Role::Operator, &["mallory"], false)];
    let (rows, end) = ask(&host, 0, set(Role::Operator, &["alice"], true), frames).await;
    assert!(matches!(end, Ok(Done::Rows { count: 2 })), "{end:?}");
    assert!(matches!(
        &rows[..],
        [Reply::Row(Row::Role(_)), Reply::Row(Row::Role(_))]
    ));
    assert_eq!(host.publications.load(Ordering::SeqCst), 1);

    let before = roles(&host);
    let bad = [
        (
            vec!["alice", "alise", "nobody"],
            vec![],
            FailureKind::NotFound,
            "\"alise\" (did you mean alice?), \"nobody\"",
        ),
        (
            vec!["carol"],
            vec![],
            FailureKind::Precondition,
            "no administrator",
        ),
        (vec![], vec![], FailureKind::BadRequest, "nobody is named"),
    ];
    for (users, further, kind, text) in bad {
        let (_, end) = ask(&host, 0, set(Role::User, &users, false), further).await;
        let failure = end.unwrap_err();
        assert_eq!(failure.kind, kind, "{failure:?}");
        assert!(failure.message.contains(text), "{failure:?}");
    }
    let mixed = vec![set(Role::Auditor, &["mallory"], false)];
    let (_, end) = ask(&host, 0, set(Role::User, &["alice"], true), mixed).await;
    assert_eq!(end.unwrap_err().kind, FailureKind::BadRequest);
    let cut = ask(&host, 0, set(Role::User, &["alice"], true), vec![])
        .await
        .1;
    assert_eq!(cut.unwrap_err().kind, FailureKind::BadRequest);
    let many = vec!["alice"; entra_protocol::limits::NAMES_PER_FRAME + 1];
    let (_, end) = ask(&host, 0, set(Role::User, &many, false), vec![]).await;
    assert_eq!(end.unwrap_err().kind, FailureKind::BadRequest);
    assert_eq!(roles(&host), before);
    assert_eq!(host.publications.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn enabling_takes_an_import_and_an_administrator() {
    let host = Host::new();
    let (_, off) = ask(&host, CAROL_UID, Request::AuthDisable {}, vec![]).await;
    let Ok(Done::Auth(state)) = off else {
        panic!("{off:?}")
    };
    assert!(!state.enabled && state.administrators == 1);
    let (_, on) = ask(&host, CAROL_UID, Request::AuthEnable {}, vec![]).await;
    assert!(matches!(on, Ok(Done::Auth(state)) if state.enabled));
    assert_eq!(host.publications.load(Ordering::SeqCst), 2);

    // The only administrator is gone from Entra.
    host.store
        .mark_disabled(&crate::auth::scripted::key_of(crate::auth::scripted::CAROL))
        .unwrap();
    let (_, on) = ask(&host, 0, Request::AuthEnable {}, vec![]).await;
    assert_eq!(on.unwrap_err().kind, FailureKind::Precondition);

    let folder = tempfile::tempdir().unwrap();
    let empty = Store::open(folder.path(), Arc::new(FixedClock)).unwrap();
    let admin = Admin {
        store: empty,
        ..admin(&host)
    };
    let (queue, _rows) = mpsc::channel(1);
    let (_frames, requests) = mpsc::channel(1);
    let on = admin
        .answer(
            0,
            Request::AuthEnable {},
            Replies::new(queue),
            Requests::new(requests),
        )
        .await;
    assert_eq!(on.unwrap_err().message, "nobody has been imported yet");
}

#[tokio::test]
async fn a_change_that_cannot_be_published_is_said_so() {
    let host = Host::new();
    let admin = Admin {
        publish: Arc::new(|| Err("disk full".to_owned())),
        ..admin(&host)
    };
    let (queue, _rows) = mpsc::channel(1);
    let (_frames, requests) = mpsc::channel(1);
    let end = admin
        .answer(
            0,
            Request::AuthDisable {},
            Replies::new(queue),
            Requests::new(requests),
        )
        .await;
    let failure = end.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Internal);
    assert!(failure.message.contains("disk full"));
}

#[tokio::test]
async fn status_is_for_everybody_and_names_the_caller() {
    let host = Host::new();
    let cases = [
        (0, "root", None, true),
        (CAROL_UID, "carol", Some(Role::Administrator), true),
        (ALICE_UID, "alice", Some(Role::User), false),
        (DAVE_UID, "dave", None, false),
        (1000, "local user", None, false),
    ];
    for (uid, name, role, sees_runs) in cases {
        let (_, end) = ask(&host, uid, Request::Status {}, vec![]).await;
        let Ok(Done::Status(status)) = end else {
            panic!("{end:?}")
        };
        assert_eq!(
            (status.caller.name.as_str(), status.caller.role),
            (name, role)
        );
        assert_eq!(status.last_import.is_some(), sees_runs, "{name}");
        assert_eq!(status.domains.len(), usize::from(sees_runs), "{name}");
        assert_eq!(status.users, 4);
        assert!(status.auth.enabled);
    }
}

#[tokio::test]
async fn lists_count_their_rows() {
    let host = Host::new();
    let (rows, end) = ask(&host, 0, Request::UsersList {}, vec![]).await;
    assert!(matches!(end, Ok(Done::Rows { count: 4 })), "{end:?}");
    assert_eq!(rows.len(), 4);
    let (_, end) = ask(
        &host,
        0,
        Request::GroupsShow {
            group: "x".to_owned(),
        },
        vec![],
    )
    .await;
    assert_eq!(end.unwrap_err().kind, FailureKind::NotFound);
}

#[tokio::test]
async fn how_the_host_proves_itself_is_shown_to_auditors_and_up() {
    let host = Host::new();
    for (uid, sees) in [
        (0, true),
        (CAROL_UID, true),
        (ALICE_UID, false),
        (1000, false),
    ] {
        let (_, end) = ask(&host, uid, Request::Status {}, Vec::new()).await;
        let Ok(Done::Status(status)) = end else {
            panic!("{end:?}");
        };
        let shown = &status.tenants[0];
        assert_eq!(shown.domain, "contoso.example");
        assert_eq!(shown.credential, if sees { "secret" } else { "" });
        let expires = sees.then_some("2026-01-14T00:00:00Z");
        assert_eq!(shown.credential_expires.as_deref(), expires);
        let warning = shown.credential_warning.as_deref().unwrap_or_default();
        assert_eq!(
            warning.starts_with("the client secret ends in 9 days"),
            sees
        );
    }
}
