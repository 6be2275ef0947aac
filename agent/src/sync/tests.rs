use std::fs;
use std::sync::atomic::{AtomicUsize, Ordering};

use entra_protocol::admin::{FailedObject, FailureKind, HolderKind, Role};
use entra_snapshot::Snapshot;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::*;
use crate::graph::fixture::{Answer, CountingBearer, Seen, Server, random};
use crate::publish::tests::{configuration, local_files};
use crate::store::fixture::{StoppedClock, empty, object};
use crate::store::{Actor, Assign, Found};

const USERS: &str = "/v1.0/users/delta";
const GROUPS: &str = "/v1.0/groups/delta";

pub(super) struct Host {
    pub(super) folder: TempDir,
    _store_folder: TempDir,
    pub(super) server: Server,
    pub(super) store: Store,
    pub(super) syncer: Syncer,
}

impl Host {
    pub(super) async fn new(
        answer: impl Fn(&Seen, usize, &reqwest::Url) -> Answer + Send + Sync + 'static,
    ) -> Self {
        let config = configuration();
        let (store_folder, store) = empty();
        let folder = tempfile::tempdir().unwrap();
        let clock: Arc<dyn Clock> = Arc::new(StoppedClock);
        let publisher = Publisher::new(
            store.clone(),
            &config,
            local_files(folder.path()),
            folder.path(),
            Arc::clone(&clock),
            random,
        );
        let server = Server::start(answer).await;
        let graph = server.graph(Arc::new(CountingBearer::default()));
        let publisher = Arc::new(publisher.unwrap());
        let syncer = Syncer::new(
            store.clone(),
            graph,
            &config,
            config.first_tenant(),
            publisher,
            clock,
        )
        .unwrap();
        Self {
            folder,
            _store_folder: store_folder,
            server,
            store,
            syncer,
        }
    }

    pub(super) async fn import(
        &self,
        scope: Scope,
    ) -> Result<(ImportSummary, Vec<FailedObject>), SyncError> {
        let Outcome { summary, .. } = self.syncer.import(&order(scope), &|_| {}).await?;
        Ok((summary, self.store.failures().unwrap()))
    }

    pub(super) fn names(&self) -> Vec<String> {
        let people = self.store.people().unwrap();
        people.into_iter().map(|person| person.name).collect()
    }
}

pub(super) fn order(scope: Scope) -> Order {
    Order {
        scope,
        removals: Removals::Guarded,
        full: false,
        dry_run: false,
    }
}

fn named(users: &[&str], groups: &[&str]) -> Scope {
    let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    Scope::of(owned(users), owned(groups), Include::default()).unwrap()
}

pub(super) fn person(number: u8, name: &str) -> Value {
    json!({"id": object(number), "userPrincipalName": format!("{name}@contoso.example"),
           "displayName": name, "accountEnabled": true, "userType": "Member"})
}

pub(super) fn team(number: u8, name: &str, members: &[(u8, &str)]) -> Value {
    let members: Vec<Value> = members
        .iter()
        .map(|(id, kind)| json!({"@odata.type": format!("#microsoft.graph.{kind}"), "id": object(*id)}))
        .collect();
    json!({"id": object(number), "displayName": name, "securityEnabled": true,
           "mailEnabled": false, "groupTypes": [], "members@delta": members})
}

fn last(value: &[Value], here: &reqwest::Url) -> Answer {
    Answer::json(
        &json!({"value": value, "@odata.deltaLink": format!("{here}v1.0/x?$deltatoken=1")}),
    )
}

/// Alice and Bob in two pages, Sales holding North.
fn tenant(seen: &Seen, here: &reqwest::Url) -> Answer {
    let page = |value: &[Value], next: &str| {
        Answer::json(
            &json!({"value": value, "@odata.nextLink": format!("{here}{}", next.trim_start_matches('/'))}),
        )
    };
    match seen.target.as_str() {
        "/v1.0/users/delta?$skiptoken=2" => last(&[person(2, "bob")], here),
        target if target.starts_with(USERS) => {
            page(&[person(1, "alice")], "/v1.0/users/delta?$skiptoken=2")
        }
        target if target.starts_with(GROUPS) => last(
            &[
                team(11, "Sales", &[(1, "user"), (12, "group")]),
                team(12, "North", &[(2, "user")]),
            ],
            here,
        ),
        _ => Answer::status(404),
    }
}

#[tokio::test]
async fn a_whole_tenant_becomes_a_snapshot() {
    let host = Host::new(|seen, _, here| tenant(seen, here)).await;
    let stages = std::sync::Mutex::new(Vec::new());
    let tell = |progress: Progress| stages.lock().unwrap().push(progress.stage);
    let order = order(Scope::whole_tenant());
    let summary = host.syncer.import(&order, &tell).await.unwrap().summary;
    assert!(host.store.failures().unwrap().is_empty());
    assert_eq!((summary.users.added, summary.groups.added), (2, 2));
    assert_eq!((summary.memberships, summary.requests), (3, 3));
    assert_eq!(summary.scope, "the whole tenant");
    assert_eq!(summary.started_at, "2026-01-04T19:44:18Z");
    assert_eq!(
        *stages.lock().unwrap(),
        [
            "reading users",
            "reading users",
            "reading groups",
            "publishing"
        ]
    );
    let snapshot = Snapshot::open(host.folder.path().join(entra_snapshot::FILE_NAME)).unwrap();
    assert_eq!(snapshot.generation(), summary.generation);
    let sales = snapshot.group_by_name(b"sales").unwrap().unwrap();
    let members: Vec<_> = sales.members.iter().map(|name| name.as_str()).collect();
    assert_eq!(members, ["alice", "bob"]);

    let (summary, _) = host.import(Scope::whole_tenant()).await.unwrap();
    assert_eq!((summary.users.unchanged, summary.groups.unchanged), (2, 2));
}

#[tokio::test]
async fn a_run_that_fails_changes_nothing() {
    let broken = Arc::new(AtomicUsize::new(0));
    let which = Arc::clone(&broken);
    let host = Host::new(move |seen, _, here| {
        let groups = seen.target.starts_with(GROUPS);
        match which.load(Ordering::Relaxed) {
            1 if groups => Answer::status(403),
            2 if groups => Answer {
                body: b"{\"value\": 5}".to_vec(),
                ..last(&[], here)
            },
            3 if seen.target.contains("skiptoken") => Answer::status(400),
            4 if !groups => last(&[], here),
            _ => tenant(seen, here),
        }
    })
    .await;
    host.import(Scope::whole_tenant()).await.unwrap();
    let file = host.folder.path().join(entra_snapshot::FILE_NAME);
    let before = fs::read(&file).unwrap();
    for (fault, word) in [
        (1, "GroupMember.Read.All"),
        (2, "groups page 1 (/v1.0/groups/delta): value: not a list"),
        (
            3,
            "refused users page 2 (/v1.0/users/delta): HTTP 400, SomeCode",
        ),
        (4, "without a single user"),
    ] {
        broken.store(fault, Ordering::Relaxed);
        let full = Order {
            full: true,
            ..order(Scope::whole_tenant())
        };
        let error = host.syncer.import(&full, &|_| {}).await.unwrap_err();
        let failure = error.failure();
        assert_eq!(failure.kind, FailureKind::Tenant);
        assert!(failure.message.contains(word), "{failure:?}");
        assert_eq!(host.names(), ["alice", "bob"]);
        assert_eq!(fs::read(&file).unwrap(), before);
    }
}

#[tokio::test]
async fn a_dry_run_counts_and_changes_nothing() {
    let host = Host::new(|seen, _, here| tenant(seen, here)).await;
    let dry = Order {
        dry_run: true,
        ..order(Scope::whole_tenant())
    };
    let summary = host.syncer.import(&dry, &|_| {}).await.unwrap().summary;
    assert!(summary.dry_run);
    assert_eq!((summary.users.added, summary.groups.added), (2, 2));
    assert_eq!((host.names().len(), summary.generation), (0, 0));
    assert!(!host.folder.path().join(entra_snapshot::FILE_NAME).exists());
}

#[tokio::test]
async fn an_import_that_is_dropped_leaves_the_old_directory() {
    let hang = Arc::new(AtomicUsize::new(0));
    let which = Arc::clone(&hang);
    let host = Host::new(move |seen, _, here| {
        if which.load(Ordering::Relaxed) == 1 && seen.target.starts_with(GROUPS) {
            return Answer::status(429).with("retry-after", "200");
        }
        match which.load(Ordering::Relaxed) {
            1 if seen.target.starts_with(USERS) => last(&[person(3, "carol")], here),
            _ => tenant(seen, here),
        }
    })
    .await;
    host.import(Scope::whole_tenant()).await.unwrap();
    hang.store(1, Ordering::Relaxed);
    let asked = host.server.seen().len();
    tokio::select! {
        result = host.import(Scope::whole_tenant()) => panic!("{result:?}"),
        () = async {
            // Until the groups were asked for: by then carol is staged.
            while host.server.seen().len() < asked + 2 {
                tokio::task::yield_now().await;
            }
            // While it waits, nobody else imports.
            assert!(matches!(host.import(Scope::whole_tenant()).await, Err(SyncError::Busy)));
        } => {}
    }
    assert_eq!(host.names(), ["alice", "bob"]);
    hang.store(0, Ordering::Relaxed);
    let (summary, _) = host.import(Scope::whole_tenant()).await.unwrap();
    assert_eq!(summary.users.unchanged, 2, "what was staged before is gone");
}

#[tokio::test]
async fn a_named_scope_brings_groups_with_everybody_in_them() {
    let host = Host::new(|seen, _, here| {
        let target = &seen.target;
        let (one, two) = (object(11).to_string(), object(12).to_string());
        if target.starts_with("/v1.0/groups?") && target.contains("Sales") {
            return Answer::json(&json!({"value": [team(11, "Sales", &[])]}));
        }
        if target.starts_with("/v1.0/groups?") && target.contains("Twins") {
            return Answer::json(
                &json!({"value": [team(21, "Twins", &[]), team(22, "Twins", &[])]}),
            );
        }
        if target.starts_with("/v1.0/groups?") || target.starts_with("/v1.0/users?") {
            return Answer::json(&json!({"value": []}));
        }
        let carol = format!("/v1.0/users/{}?", object(3));
        let by_name = "/v1.0/users/carol@contoso.example?";
        if target.to_lowercase().starts_with(by_name) || target.starts_with(&carol) {
            return Answer::json(&person(3, "carol"));
        }
        if target.starts_with(GROUPS) && target.contains(&one) {
            return last(
                &[team(
                    11,
                    "Sales",
                    &[(1, "user"), (12, "group"), (4, "user")],
                )],
                here,
            );
        }
        if target.starts_with(GROUPS) && target.contains(&two) {
            return last(&[team(12, "North", &[(2, "user"), (11, "group")])], here);
        }
        if target.starts_with(&format!("/v1.0/groups/{one}/transitiveMembers/")) {
            assert_eq!(seen.header("consistencylevel"), Some("eventual"));
            return Answer::json(&json!({"value": [person(1, "alice"), person(2, "bob")]}));
        }
        Answer::status(404)
    })
    .await;
    let scope = named(&["Carol", "nobody"], &["Sales", "Nothing"]);
    let (summary, failures) = host.import(scope).await.unwrap();
    assert_eq!(host.names(), ["alice", "bob", "carol"]);
    // Object 4 is in the group but no live user.
    assert_eq!(
        (
            summary.users.added,
            summary.users.failed,
            summary.memberships
        ),
        (3, 1, 4)
    );
    assert_eq!((summary.groups.added, summary.groups.failed), (2, 1));
    assert_eq!(summary.remarks.len(), 1, "the circle");
    let labels: Vec<_> = failures
        .iter()
        .map(|failure| failure.label.as_str())
        .collect();
    assert_eq!(labels, ["nobody", "Nothing"]);

    let error = host
        .import(named(&[], &["Twins"]))
        .await
        .unwrap_err()
        .failure();
    assert_eq!(error.kind, FailureKind::Ambiguous);
    let (one, two) = (object(21).to_string(), object(22).to_string());
    assert!(
        error.message.contains(&one) && error.message.contains(&two),
        "{}",
        error.message
    );
    let error = host
        .import(named(&["nobody"], &[]))
        .await
        .unwrap_err()
        .failure();
    assert_eq!(error.kind, FailureKind::NotFound);
    assert_eq!(host.names(), ["alice", "bob", "carol"]);

    // Those who administer this host are in a group that goes.
    let Found::One(sales) = host.store.group_by_any("sales").unwrap() else {
        panic!("no sales")
    };
    let order = Assign {
        kind: HolderKind::Group,
        key: sales.key,
        role: Role::Administrator,
        expected: None,
    };
    let root = Actor {
        uid: 0,
        name: "root".to_owned(),
        role: None,
    };
    host.store.assign_roles(&[order], false, &root).unwrap();
    let (summary, _) = host.import(named(&["carol"], &[])).await.unwrap();
    assert_eq!((summary.users.removed, summary.groups.removed), (2, 2));
    assert_eq!(host.names(), ["carol"]);
    assert!(
        summary
            .remarks
            .iter()
            .any(|remark| remark.starts_with("no administrator")),
        "{summary:?}"
    );
    let (summary, _) = host.import(named(&["carol"], &[])).await.unwrap();
    assert!(summary.remarks.is_empty(), "it is said once: {summary:?}");
}

#[tokio::test]
async fn all_groups_of_the_tenant_are_listed() {
    let host = Host::new(|seen, _, here| {
        let mut list = team(31, "A list", &[(1, "user"), (12, "group")]);
        list["securityEnabled"] = json!(false);
        list["mailEnabled"] = json!(true);
        if seen.target.starts_with("/v1.0/groups?") {
            // A list of groups does not tell their members.
            let mut sales = team(11, "Sales", &[]);
            for group in [&mut list, &mut sales] {
                group.as_object_mut().unwrap().remove("members@delta");
            }
            return Answer::json(&json!({"value": [sales, list]}));
        }
        if seen.target.starts_with(GROUPS) {
            let sales = team(11, "Sales", &[(1, "user")]);
            let slice = json!({"id": object(11), "members@delta": [
                {"@odata.type": "#microsoft.graph.user", "id": object(2)}]});
            return last(&[sales, list, slice], here);
        }
        tenant(seen, here)
    })
    .await;
    for imported in [false, true] {
        if imported {
            host.import(Scope::whole_tenant()).await.unwrap();
        }
        let rows = host.syncer.fetch_groups().await.unwrap();
        assert_eq!(rows.len(), 2);
        let list = &rows[0];
        assert_eq!((list.kind.as_str(), list.imported), ("distribution", false));
        assert_eq!((list.direct_users, list.direct_groups), (Some(1), Some(1)));
        let sales = &rows[1];
        assert_eq!((sales.direct_users, sales.imported), (Some(2), imported));
        assert_eq!(sales.users, imported.then_some(2));
    }
}
