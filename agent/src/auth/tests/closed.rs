//! Accounts that this host closed or does not let in: nothing is asked of the person or of the tenant, in no phase.

use super::*;
use crate::clock::Clock;
use crate::store::{Actor, Restrict, Store};

fn close(store: &Store, change: Restrict) {
    let root = Actor {
        uid: 0,
        name: "root".to_owned(),
        role: None,
    };
    store.restrict(&[key_of(ALICE)], change, &root).unwrap();
}

#[tokio::test]
async fn who_is_blocked_or_expired_here_is_refused_before_anything_is_asked() {
    let now = FixedClock.now();
    let to_come = FixedClock.now().plus(1);
    for (change, by_account, sentence) in [
        (Restrict::Block, Outcome::PermissionDenied, "is blocked"),
        (
            Restrict::Expire(Some(now)),
            Outcome::AccountExpired,
            "has expired",
        ),
    ] {
        let host = Host::new();
        let tenant = Arc::new(Tenant::default());
        close(&host.store, change);
        let mut typist = Typist::default().types("right");
        let verdict = sign_in(&host, &tenant, "alice", "su", &mut typist).await;
        assert_eq!(verdict.outcome, Outcome::PermissionDenied);
        assert!(message(&verdict).contains(sentence), "{verdict:?}");
        assert!(typist.seen.is_empty());
        assert!(tenant.asked.lock().unwrap().is_empty());
        let verdict = host
            .sign_ins(&tenant)
            .account(&asked("alice", "cron"))
            .await;
        assert_eq!(verdict.outcome, by_account);
        assert!(message(&verdict).contains(sentence), "{verdict:?}");
    }
    let host = Host::new();
    close(&host.store, Restrict::Expire(Some(to_come)));
    let sign_ins = host.sign_ins(&Arc::new(Tenant::default()));
    let verdict = sign_ins.account(&asked("alice", "cron")).await;
    assert_eq!(verdict.outcome, Outcome::Success);
}

#[tokio::test]
async fn who_is_granted_nothing_is_refused_before_anything_is_asked() {
    let text = format!(
        "[[tenant]]\nid = \"{TENANT}\"\ndomain = \"contoso.example\"\n\
         [tenant.sync]\nclient_id = \"a\"\nclient_secret_file = \"/x\"\n\
         [tenant.login]\nclient_id = \"b\"\n\
         [[access]]\nrole = \"administrator\"\nservices = [\"su\"]\n"
    );
    let access = crate::config::parse(&text).unwrap().access;
    for (user, service, outcome) in [
        ("carol", "su", Outcome::Success),
        ("carol", "sshd", Outcome::PermissionDenied),
        ("alice", "su", Outcome::PermissionDenied),
    ] {
        let host = Host::new();
        let tenant = Arc::new(Tenant::default().on_password(Ok(token_of(CAROL))));
        let sign_ins = host.sign_ins(&tenant).granting(access.clone());
        let mut typist = Typist::default().types("right");
        let asked = asked(user, service);
        let by_password = sign_ins.authenticate(&asked, &mut typist).await;
        let by_account = sign_ins.account(&asked).await;
        for verdict in [by_password, by_account] {
            assert_eq!(verdict.outcome, outcome, "{user} {service}");
        }
        let is_refused = outcome != Outcome::Success;
        assert_eq!(typist.seen.is_empty(), is_refused, "{user} {service}");
    }
}
