//! Accounts that this host closed: nothing is asked of the person or of the tenant, in no phase.

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
