//! Rounds after the first: what has changed, what the tenant no longer knows, and what was cut off.

use std::sync::Mutex;

use entra_protocol::admin::Withheld;
use serde_json::{Value, json};

use super::tests::{Host, order, person, team};
use super::*;
use crate::graph::fixture::{Answer, Seen};
use crate::store::fixture::{key, object};

/// A tenant whose answers a test sets, by the beginning of path and query; the longest that fits counts.
#[derive(Clone, Default)]
struct Script(Arc<Mutex<Vec<(String, u16, Value)>>>);

impl Script {
    fn set(&self, target: &str, value: &[Value], rest: Value) {
        let mut body = rest;
        body["value"] = json!(value);
        self.put(target, 200, body);
    }

    fn put(&self, target: &str, status: u16, body: Value) {
        let mut answers = self.0.lock().unwrap();
        answers.retain(|(known, ..)| known != target);
        answers.push((target.to_owned(), status, body));
    }

    fn answer(&self, seen: &Seen, here: &reqwest::Url) -> Answer {
        let answers = self.0.lock().unwrap();
        let found = answers
            .iter()
            .filter(|(target, ..)| seen.target.starts_with(target))
            .max_by_key(|(target, ..)| target.len());
        let Some((_, status, body)) = found else {
            return Answer::status(404);
        };
        let body = body.to_string().replace("HERE/", here.as_str());
        Answer {
            status: *status,
            headers: Vec::new(),
            body: body.into_bytes(),
        }
    }

    async fn host(&self) -> Host {
        let script = self.clone();
        Host::new(move |seen, _, here| script.answer(seen, here)).await
    }
}

const USERS: &str = "/v1.0/users/delta";
const GROUPS: &str = "/v1.0/groups/delta";

fn delta(stream: &str, token: u32) -> Value {
    json!({"@odata.deltaLink": format!("HERE/v1.0/{stream}/delta?$deltatoken={token}")})
}

fn next(stream: &str, token: u32) -> Value {
    json!({"@odata.nextLink": format!("HERE/v1.0/{stream}/delta?$skiptoken={token}")})
}

/// Alice and Bob in Sales, and nothing new since.
fn two_people() -> Script {
    let script = Script::default();
    script.set(
        USERS,
        &[person(1, "alice"), person(2, "bob")],
        delta("users", 1),
    );
    let sales = team(11, "Sales", &[(1, "user"), (2, "user")]);
    script.set(GROUPS, &[sales], delta("groups", 1));
    quiet(&script);
    script
}

/// A host whose first round was cut off after one page with alice; nothing of it counts yet.
async fn cut_off() -> (Script, Host) {
    let script = Script::default();
    script.set(USERS, &[person(1, "alice")], next("users", 2));
    script.put("/v1.0/users/delta?$skiptoken=2", 404, json!({}));
    script.set(GROUPS, &[], delta("groups", 1));
    let host = script.host().await;
    host.import(Scope::whole_tenant()).await.unwrap_err();
    (script, host)
}

/// Nothing has changed since the first round.
fn quiet(script: &Script) {
    script.set(&format!("{USERS}?$deltatoken="), &[], delta("users", 2));
    script.set(&format!("{GROUPS}?$deltatoken="), &[], delta("groups", 2));
}

fn gone(number: u8, reason: &str) -> Value {
    json!({"id": object(number), "@removed": {"reason": reason}})
}

async fn run(host: &Host) -> ImportSummary {
    host.import(Scope::whole_tenant()).await.unwrap().0
}

fn asked(host: &Host, from: usize) -> Vec<String> {
    let seen = host.server.seen();
    seen[from..]
        .iter()
        .map(|seen| seen.target.clone())
        .collect()
}

#[tokio::test]
async fn only_what_has_changed_is_read() {
    let script = two_people();
    let host = script.host().await;
    assert!(run(&host).await.full);

    // Bob is disabled, Carol comes, Sales loses Alice; words that are absent keep what was known.
    let disabled = json!({"id": object(2), "accountEnabled": false});
    script.set(
        &format!("{USERS}?$deltatoken=1"),
        &[disabled, person(3, "carol")],
        delta("users", 2),
    );
    let change = json!({"id": object(11), "members@delta": [
        {"@odata.type": "#microsoft.graph.user", "id": object(1), "@removed": {"reason": "deleted"}},
        {"@odata.type": "#microsoft.graph.user", "id": object(3)}]});
    script.set(
        &format!("{GROUPS}?$deltatoken=1"),
        &[change],
        delta("groups", 2),
    );
    let from = host.server.seen().len();
    let summary = run(&host).await;
    assert!(!summary.full);
    assert_eq!(
        asked(&host, from),
        [
            "/v1.0/users/delta?$deltatoken=1",
            "/v1.0/groups/delta?$deltatoken=1"
        ]
    );
    let users = summary.users;
    assert_eq!((users.added, users.changed, users.unchanged), (1, 1, 1));
    let bob = host.store.person_by_login("bob").unwrap().unwrap();
    assert!(!bob.enabled && bob.display_name == "bob");
    assert_eq!(summary.groups.changed, 1);
    assert_eq!(summary.memberships, 2);

    // The next round begins where this one ended.
    quiet(&script);
    let from = host.server.seen().len();
    let summary = run(&host).await;
    assert_eq!(asked(&host, from)[0], "/v1.0/users/delta?$deltatoken=2");
    assert_eq!((summary.users.unchanged, summary.groups.unchanged), (3, 1));
}

#[tokio::test]
async fn who_is_restored_is_a_member_again_though_no_delta_says_so() {
    let script = two_people();
    let host = script.host().await;
    run(&host).await;
    let uid = host.store.person_by_login("bob").unwrap().unwrap().uid;
    let changed = |elements: &[Value]| {
        script.set(
            &format!("{USERS}?$deltatoken="),
            elements,
            delta("users", 3),
        );
    };
    changed(&[gone(2, "changed")]);
    let summary = run(&host).await;
    assert_eq!((summary.users.removed, summary.memberships), (1, 1));
    changed(&[
        json!({"id": object(2), "userPrincipalName": "bob@contoso.example",
                     "accountEnabled": true}),
    ]);
    let summary = run(&host).await;
    assert_eq!((summary.users.added, summary.memberships), (1, 2));
    assert_eq!(host.store.person_by_login("bob").unwrap().unwrap().uid, uid);
}

#[tokio::test]
async fn a_link_that_the_tenant_no_longer_knows_is_a_full_round_and_no_failure() {
    let stale = json!({"error": {"code": "Request_UnsupportedQuery",
                       "message": "DeltaLink older than 30 days is not supported."}});
    let reset = json!({"error": {"code": "resyncRequired", "message": "Resync."}});
    for (stream, status, body) in [
        ("users", 400, stale.clone()),
        ("groups", 410, reset.clone()),
        ("users", 410, reset),
        ("groups", 400, stale),
    ] {
        let script = two_people();
        let host = script.host().await;
        run(&host).await;
        script.put(&format!("/v1.0/{stream}/delta?$deltatoken=1"), status, body);
        // Bob vanished meanwhile: a new enumeration does not say so, it only lacks him.
        script.set(USERS, &[person(1, "alice")], delta("users", 7));
        let summary = run(&host).await;
        assert!(summary.full);
        assert_eq!((summary.users.removed, summary.users.unchanged), (1, 1));
        assert!(summary.remarks[0].contains("read anew"), "{summary:?}");
        assert_eq!(host.names(), ["alice"]);
    }
}

#[tokio::test]
async fn a_refusal_that_is_no_stale_link_is_a_failure() {
    for status in [401, 403] {
        let script = two_people();
        let host = script.host().await;
        run(&host).await;
        let error = json!({"error": {"code": "Authorization_RequestDenied", "message": "No."}});
        script.put("/v1.0/groups/delta?$deltatoken=1", status, error);
        assert!(host.import(Scope::whole_tenant()).await.is_err());
        assert_eq!(host.names(), ["alice", "bob"]);
    }
}

#[tokio::test]
async fn a_round_that_was_cut_off_goes_on_where_it_stopped() {
    let (script, host) = cut_off().await;

    script.set(
        "/v1.0/users/delta?$skiptoken=2",
        &[person(2, "bob")],
        delta("users", 1),
    );
    let from = host.server.seen().len();
    let summary = run(&host).await;
    assert_eq!(asked(&host, from)[0], "/v1.0/users/delta?$skiptoken=2");
    assert_eq!(summary.users.added, 2);
    assert!(summary.remarks[0].contains("cut off"), "{summary:?}");

    // Where the page is no longer to be had, everything is read anew.
    let (script, host) = cut_off().await;
    let expired = json!({"error": {"code": "Directory_ExpiredPageToken", "message": "Expired."}});
    script.put("/v1.0/users/delta?$skiptoken=2", 400, expired);
    let error = host.import(Scope::whole_tenant()).await.unwrap_err();
    assert!(
        error.to_string().contains("Directory_ExpiredPageToken"),
        "{error}"
    );
    script.set(USERS, &[person(3, "carol")], delta("users", 1));
    assert_eq!(run(&host).await.users.added, 1);
    assert_eq!(host.names(), ["carol"], "nothing of the round before");
}

#[tokio::test]
async fn what_was_withheld_is_looked_at_anew_next_time() {
    let people: Vec<Value> = (1..=20).map(|n| person(n, &format!("u{n}"))).collect();
    let script = Script::default();
    script.set(USERS, &people, delta("users", 1));
    script.set(GROUPS, &[], delta("groups", 1));
    quiet(&script);
    let host = script.host().await;
    run(&host).await;
    let leave: Vec<Value> = (1..=9).map(|n| gone(n, "changed")).collect();
    script.set("/v1.0/users/delta?$deltatoken=1", &leave, delta("users", 2));
    let summary = run(&host).await;
    let nine = Withheld {
        users: 9,
        ..Withheld::default()
    };
    assert_eq!(summary.withheld, nine);
    // The tenant takes it back, or never meant it: a full round tells.
    let summary = run(&host).await;
    assert!(summary.full && !summary.withheld.any());
    assert_eq!(summary.users.unchanged, 20);
}

#[tokio::test]
async fn a_tenant_that_loses_everybody_loses_nobody_here() {
    let script = two_people();
    let host = script.host().await;
    run(&host).await;
    let all = [gone(1, "changed"), gone(2, "changed")];
    script.set("/v1.0/users/delta?$deltatoken=1", &all, delta("users", 2));
    let error = host.import(Scope::whole_tenant()).await.unwrap_err();
    assert!(matches!(error, SyncError::Empty { .. }));
    assert_eq!(host.names(), ["alice", "bob"]);
    let summary = run(&host).await;
    assert!(
        summary.full,
        "an answer of which nothing is believed is asked for again"
    );
    assert_eq!(summary.users.unchanged, 2);
}

#[tokio::test]
async fn a_member_that_cannot_be_read_freezes_its_group_until_it_can() {
    let script = two_people();
    let host = script.host().await;
    run(&host).await;
    let bad = json!({"id": object(11), "members@delta": [
        {"@odata.type": "#microsoft.graph.user", "id": object(1), "@removed": {"reason": "deleted"}},
        {"@odata.type": "#microsoft.graph.user", "id": "x"}]});
    script.set(
        "/v1.0/groups/delta?$deltatoken=1",
        &[bad],
        delta("groups", 2),
    );
    let (summary, failures) = host.import(Scope::whole_tenant()).await.unwrap();
    assert_eq!((summary.groups.failed, summary.memberships), (1, 2));
    assert!(
        failures[0].reason.contains("members@delta[1].id"),
        "{failures:?}"
    );
    let sales = team(11, "Sales", &[(2, "user")]);
    script.set(GROUPS, &[sales], delta("groups", 3));
    let summary = run(&host).await;
    assert!(summary.full);
    assert_eq!((summary.groups.changed, summary.memberships), (1, 1));
}

#[tokio::test]
async fn an_import_does_not_undo_what_a_sign_in_was_told() {
    let script = two_people();
    let host = script.host().await;
    run(&host).await;
    // The clock stands still, so what the mirror has is made older than the sign-in.
    host.store.age_mirror();
    assert!(host.store.mark_disabled(&key(2)).unwrap());
    let summary = run(&host).await;
    assert_eq!(summary.users.unchanged, 2);
    assert!(!host.store.person_by_login("bob").unwrap().unwrap().enabled);
    // Newer than the sign-in: the account is enabled again.
    script.set(
        "/v1.0/users/delta?$deltatoken=2",
        &[person(2, "bob")],
        delta("users", 3),
    );
    assert_eq!(run(&host).await.users.changed, 1);
    assert!(host.store.person_by_login("bob").unwrap().unwrap().enabled);
}

/// A link that is dead is not tried again while the full round that it cost is not whole.
#[tokio::test]
async fn a_full_round_for_a_dead_link_is_taken_up_like_any() {
    let script = two_people();
    let host = script.host().await;
    run(&host).await;
    let gone = json!({"error": {"code": "syncStateNotFound", "message": "Gone."}});
    script.put("/v1.0/users/delta?$deltatoken=", 410, gone);
    script.set(USERS, &[person(1, "alice")], next("users", 2));
    script.put("/v1.0/users/delta?$skiptoken=2", 404, json!({}));
    host.import(Scope::whole_tenant()).await.unwrap_err();
    script.set(
        "/v1.0/users/delta?$skiptoken=2",
        &[person(2, "bob")],
        delta("users", 3),
    );
    let from = host.server.seen().len();
    let summary = run(&host).await;
    assert_eq!(asked(&host, from)[0], "/v1.0/users/delta?$skiptoken=2");
    assert!(summary.full);
    assert_eq!(summary.users.unchanged, 2);
}

/// A year that the clock was ahead, and was set back.
const YEAR: i64 = 365 * 24 * 60 * 60;

#[tokio::test]
async fn a_cut_off_of_a_clock_that_was_ahead_ends_when_the_tenant_says_so() {
    let script = two_people();
    let host = script.host().await;
    run(&host).await;
    host.store.age_mirror();
    assert!(host.store.mark_disabled(&key(2)).unwrap());
    host.store.put_cut_offs_forward(YEAR);
    run(&host).await;
    assert!(!host.store.person_by_login("bob").unwrap().unwrap().enabled);
    script.set(
        "/v1.0/users/delta?$deltatoken=2",
        &[person(2, "bob")],
        delta("users", 3),
    );
    run(&host).await;
    assert!(host.store.person_by_login("bob").unwrap().unwrap().enabled);
}

#[tokio::test]
async fn what_was_read_by_a_clock_that_was_ahead_undoes_no_cut_off() {
    let script = two_people();
    let host = script.host().await;
    run(&host).await;
    host.store.put_mirror_forward(YEAR);
    assert!(host.store.mark_disabled(&key(2)).unwrap());
    run(&host).await;
    assert!(!host.store.person_by_login("bob").unwrap().unwrap().enabled);
}

#[tokio::test]
async fn a_round_is_taken_up_for_a_day_whichever_way_the_clock_jumped() {
    const HOUR: i64 = 60 * 60;
    for (age, taken_up) in [
        (23 * HOUR, true),
        (-23 * HOUR, true),
        (25 * HOUR, false),
        (-YEAR, false),
    ] {
        let (script, host) = cut_off().await;
        script.set(
            "/v1.0/users/delta?$skiptoken=2",
            &[person(2, "bob")],
            delta("users", 1),
        );
        host.store.move_open_round(age);
        let from = host.server.seen().len();
        let summary = run(&host).await;
        assert_eq!(summary.users.added, 2);
        let first = &asked(&host, from)[0];
        assert_eq!(first.contains("skiptoken"), taken_up, "{age}: {first}");
    }
}

#[tokio::test]
async fn a_dry_run_of_a_delta_tells_and_changes_nothing() {
    let script = two_people();
    let host = script.host().await;
    run(&host).await;
    script.set(
        "/v1.0/users/delta?$deltatoken=1",
        &[gone(2, "changed"), person(3, "carol")],
        delta("users", 2),
    );
    let dry = Order {
        dry_run: true,
        ..order(Scope::whole_tenant())
    };
    let outcome = host.syncer.import(&dry, &|_| {}).await.unwrap();
    let told: Vec<_> = outcome
        .changes
        .iter()
        .map(|change| {
            let words = (change.kind.as_str(), change.action.as_str());
            (
                words.0,
                words.1,
                change.name.as_str(),
                change.label.as_str(),
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            ("user", "add", "carol", "carol@contoso.example"),
            ("user", "remove", "bob", "bob@contoso.example"),
            ("membership", "remove", "bob", "sales"),
            ("group", "change", "sales", "Sales"),
        ]
    );
    assert_eq!(host.names(), ["alice", "bob"]);
    let summary = run(&host).await;
    assert_eq!((summary.users.added, summary.users.removed), (1, 1));
}

#[tokio::test]
async fn another_select_needs_a_full_round() {
    let script = two_people();
    let host = script.host().await;
    run(&host).await;
    host.store.set_fingerprint("of an older version");
    assert!(run(&host).await.full);
    assert!(!run(&host).await.full);
}

#[tokio::test]
async fn a_round_of_last_week_is_followed_by_a_full_one() {
    let script = two_people();
    let host = script.host().await;
    run(&host).await;
    for age in [8 * 24 * 60 * 60, -8 * 24 * 60 * 60] {
        assert!(!run(&host).await.full);
        host.store.move_full_round(age);
        assert!(run(&host).await.full, "{age}");
    }
}

#[tokio::test]
async fn a_large_named_scope_is_followed_by_the_whole_tenants_deltas() {
    let number = |number: u16| {
        let mut bytes = [0x51; 16];
        bytes[..2].copy_from_slice(&number.to_be_bytes());
        crate::identity::ObjectId::from_bytes(bytes)
    };
    let somebody = |n: u16| {
        let mut somebody = person(1, &format!("p{n}"));
        somebody["id"] = json!(number(n));
        somebody
    };
    let people: Vec<Value> = (0..2_001).map(somebody).collect();
    let members: Vec<Value> = (0..2_001)
        .map(|n| json!({"@odata.type": "#microsoft.graph.user", "id": number(n)}))
        .collect();
    let mut sales = team(11, "Sales", &[(12, "group")]);
    let mut north = team(12, "North", &[]);
    north["members@delta"] = json!(members);
    let script = Script::default();
    let root = format!("/v1.0/groups/{}", object(11));
    script.put(&format!("{root}?"), 200, sales.clone());
    script.set(GROUPS, &[sales.clone()], delta("groups", 1));
    let filtered = format!(
        "{GROUPS}?$select=id%2CdisplayName%2CmailNickname%2CsecurityEnabled%2CmailEnabled%2CgroupTypes%2Cvisibility%2CcreatedDateTime%2Cmembers&$filter=id%20eq%20%27{}",
        object(12)
    );
    script.set(
        &filtered.replace('$', "%24"),
        &[north.clone()],
        delta("groups", 1),
    );
    script.set(&format!("{root}/transitiveMembers/"), &people, json!({}));
    let host = script.host().await;
    let scope = || Scope::of(vec![], vec![object(11).to_string()], Include::default()).unwrap();
    let (summary, _) = host.import(scope()).await.unwrap();
    assert_eq!((summary.users.added, summary.groups.added), (2_001, 2));

    // From now on the whole tenant is read, and who is outside of the scope stays outside.
    let mut everybody = people.clone();
    everybody.push(person(3, "outsider"));
    script.set(USERS, &everybody, delta("users", 1));
    let others = team(13, "Others", &[(3, "user")]);
    sales["members@delta"] = json!([{"@odata.type": "#microsoft.graph.group", "id": object(12)}]);
    script.set(GROUPS, &[sales, north, others], delta("groups", 1));
    quiet(&script);
    let from = host.server.seen().len();
    let (summary, _) = host.import(scope()).await.unwrap();
    assert!(summary.full);
    assert!(
        asked(&host, from)
            .iter()
            .any(|target| target.starts_with(USERS))
    );
    assert_eq!(
        (summary.users.unchanged, summary.groups.unchanged),
        (2_001, 2)
    );

    // One leaves North, the outsider joins it.
    let change = json!({"id": object(12), "members@delta": [
        {"@odata.type": "#microsoft.graph.user", "id": number(7), "@removed": {"reason": "deleted"}},
        {"@odata.type": "#microsoft.graph.user", "id": object(3)}]});
    script.set(
        &format!("{GROUPS}?$deltatoken=1"),
        &[change],
        delta("groups", 2),
    );
    let (summary, _) = host.import(scope()).await.unwrap();
    assert!(!summary.full);
    assert_eq!((summary.users.added, summary.users.removed), (1, 1));
    assert!(host.store.person_by_login("outsider").unwrap().is_some());
    assert!(host.store.person_by_login("p7").unwrap().is_none());
}
