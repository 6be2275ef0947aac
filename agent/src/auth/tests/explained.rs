//! What is told of a sign-in is what would come of it, and nothing comes of telling.

use entra_protocol::Secret;
use entra_protocol::admin::{Step, StepOutcome};

use super::*;
use crate::auth::Question;
use crate::auth::throttle::{End, Trying};
use crate::store::{Actor, Restrict};

use StepOutcome::{Asks, Passes, Refuses};

async fn explained(host: &Host, user: &str, service: &str, offline: bool) -> Vec<Step> {
    let tenant = Arc::new(Tenant::default());
    let question = Question {
        user: user.to_owned(),
        service: service.to_owned(),
        offline,
    };
    let steps = host.sign_ins(&tenant).explain(&question).await.unwrap();
    assert!(tenant.asked.lock().unwrap().is_empty());
    assert_eq!(tenant.key_fetches.load(Ordering::SeqCst), 0);
    assert!(steps.iter().all(|step| step.by == "agent"));
    steps
}

fn outline(steps: &[Step]) -> Vec<(&str, StepOutcome)> {
    steps
        .iter()
        .map(|step| (step.name.as_str(), step.outcome))
        .collect()
}

fn root() -> Actor {
    Actor {
        uid: 0,
        name: "root".to_owned(),
        role: None,
    }
}

#[tokio::test]
async fn the_ways_of_a_service_are_told_in_their_order() {
    let host = Host::new();
    let standing = ("standing", Passes);
    for (service, ways) in [
        ("sshd", &[("device-code", Asks)][..]),
        ("su", &[("password", Asks), ("device-code", Asks)]),
        ("codes-first", &[("device-code", Asks), ("password", Asks)]),
    ] {
        let steps = explained(&host, "alice", service, false).await;
        let expected = [&[standing, ("login-service", Passes)], ways].concat();
        assert_eq!(outline(&steps), expected, "{service}");
    }
    let steps = explained(&host, "nobody-here", "sshd", false).await;
    assert_eq!(outline(&steps), [("login-service", Refuses)]);
}

#[tokio::test]
async fn who_may_not_be_here_is_told_so_and_nothing_else() {
    let host = Host::new();
    let steps = explained(&host, "dave", "su", false).await;
    assert_eq!(outline(&steps), [("standing", Refuses)]);
    assert!(steps[0].found.contains("disabled"), "{steps:?}");
    let alice = [key_of(ALICE)];
    host.store
        .restrict(&alice, Restrict::Block, &root())
        .unwrap();
    let steps = explained(&host, "alice", "su", false).await;
    assert_eq!(outline(&steps), [("standing", Refuses)]);
    assert!(steps[0].found.contains("blocked"), "{steps:?}");
    host.store.set_sign_in_enabled(false, &root()).unwrap();
    let steps = explained(&host, "carol", "su", false).await;
    assert_eq!(outline(&steps), [("standing", Refuses)]);
    assert!(steps[0].found.contains("off"), "{steps:?}");
}

#[tokio::test]
async fn while_the_tenant_is_away_only_what_is_remembered_serves() {
    let host = Host::new();
    let away = [("standing", Passes), ("login-service", Refuses)];
    let steps = explained(&host, "alice", "su", true).await;
    let nothing = [("offline-password", Refuses), ("device-code", Refuses)];
    assert_eq!(outline(&steps), [away, nothing].concat());
    assert!(steps[2].found.contains("kept"), "{steps:?}");
    host.offline()
        .keep_password(key_of(ALICE), Secret::new("right".to_owned().into()))
        .await;
    let steps = explained(&host, "alice", "su", true).await;
    let kept = [("offline-password", Asks), ("device-code", Refuses)];
    assert_eq!(outline(&steps), [away, kept].concat());
    // A service that takes no passwords takes none then, either.
    let steps = explained(&host, "alice", "sshd", true).await;
    assert_eq!(outline(&steps), [away, nothing].concat());
}

#[tokio::test]
async fn a_throttled_person_is_told_to_use_another_way() {
    let host = Host::new();
    let tenant = Arc::new(Tenant::default());
    let sign_ins = host.sign_ins(&tenant);
    let person = host.store.person_by_login("alice").unwrap().unwrap();
    let trying = Trying::new(
        &asked("alice", "su"),
        &person,
        super::super::throttle::PERSON,
    );
    for _ in 0..5 {
        let turn = sign_ins.throttle.turn(&trying);
        let Ok(turn) = turn else { panic!("no turn") };
        turn.end(End::Failed).await;
    }
    let question = Question {
        user: "alice".to_owned(),
        service: "su".to_owned(),
        offline: false,
    };
    for _ in 0..3 {
        let steps = sign_ins.explain(&question).await.unwrap();
        let expected = [
            ("standing", Passes),
            ("login-service", Passes),
            ("password", Refuses),
            ("device-code", Asks),
        ];
        assert_eq!(outline(&steps), expected);
        assert!(
            steps[2].found.contains("too many failed tries"),
            "{steps:?}"
        );
    }
}
