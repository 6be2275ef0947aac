//! `login.sock` from the peer's side: who is let in, what is believed, and what hanging up does.

use std::sync::Arc;
use std::time::Duration;

use entra_protocol::Secret;
use entra_protocol::login::{Begin, Outcome, Phase, Screen, ToAgent, ToModule, Verdict};
use tokio::io::DuplexStream;
use tokio::time::{Instant, timeout};
use zeroize::Zeroizing;

use super::{line, login};
use crate::auth::scripted::{ALICE, ALICE_UID, Host, Tenant, refusal, token_of};

fn begin(phase: Phase, user: &str, service: &str) -> ToAgent {
    ToAgent::Begin(Begin {
        phase,
        user: user.to_owned(),
        service: service.to_owned(),
        tty: String::new(),
        rhost: "192.0.2.7".to_owned(),
        silent: false,
        screen: Screen::default(),
    })
}

/// A conversation of the peer `uid`; ends when the agent is done with it.
fn connect(
    host: &Host,
    tenant: &Arc<Tenant>,
    uid: u32,
) -> (DuplexStream, tokio::task::JoinHandle<()>) {
    let (here, there) = tokio::io::duplex(64 * 1024);
    let sign_ins = host.sign_ins(tenant);
    let store = host.store.clone();
    let task = tokio::spawn(async move { login::converse(there, uid, &sign_ins, &store).await });
    (here, task)
}

async fn heard(stream: &mut DuplexStream) -> ToModule {
    line::read(stream)
        .await
        .unwrap()
        .expect("the agent hung up")
}

/// The next message that is no text and no announcement.
async fn next_step(stream: &mut DuplexStream) -> ToModule {
    loop {
        match heard(stream).await {
            ToModule::Show { .. } | ToModule::Wait { .. } => {}
            step => return step,
        }
    }
}

async fn outcome(stream: &mut DuplexStream) -> Outcome {
    match next_step(stream).await {
        ToModule::Verdict(Verdict { outcome, .. }) => outcome,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_whole_sign_in_over_the_socket() {
    let host = Host::new();
    let tenant = Arc::new(Tenant::default().on_password(Ok(token_of(ALICE))));
    let (mut module, task) = connect(&host, &tenant, 0);
    line::write(&mut module, &begin(Phase::Auth, "alice", "su"))
        .await
        .unwrap();
    let asked = heard(&mut module).await;
    assert!(
        matches!(asked, ToModule::AskSecret { authtok: true, .. }),
        "{asked:?}"
    );
    let secret = Secret::new(Zeroizing::new("right".to_owned()));
    line::write(&mut module, &ToAgent::SecretAnswer { secret })
        .await
        .unwrap();
    assert_eq!(outcome(&mut module).await, Outcome::Success);
    task.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn hanging_up_ends_the_polling() {
    let host = Host::new();
    let tenant = Arc::new(Tenant::default());
    let (mut module, task) = connect(&host, &tenant, 0);
    line::write(&mut module, &begin(Phase::Auth, "alice", "sshd"))
        .await
        .unwrap();
    assert!(matches!(next_step(&mut module).await, ToModule::Ask { .. }));
    let text = String::new();
    line::write(&mut module, &ToAgent::Answer { text })
        .await
        .unwrap();
    while tenant.polled_at.lock().unwrap().len() < 2 {
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    let hung_up = Instant::now();
    drop(module);
    task.await.unwrap();
    assert!(hung_up.elapsed() < Duration::from_secs(1));
    assert_eq!(tenant.polled_at.lock().unwrap().len(), 2);
}

#[tokio::test]
async fn a_process_may_ask_for_its_own_user_and_no_other() {
    let host = Host::new();
    let tenant = Arc::new(Tenant::default());
    let cases = [
        (ALICE_UID, Phase::Account, "alice", Outcome::Success),
        (
            ALICE_UID,
            Phase::Account,
            "mallory",
            Outcome::PermissionDenied,
        ),
        (ALICE_UID, Phase::Auth, "mallory", Outcome::PermissionDenied),
        (
            ALICE_UID,
            Phase::OpenSession,
            "alice",
            Outcome::PermissionDenied,
        ),
        (1000, Phase::Account, "alice", Outcome::PermissionDenied),
        (1000, Phase::Account, "root", Outcome::PermissionDenied),
        (0, Phase::Account, "alice", Outcome::Success),
        (0, Phase::OpenSession, "alice", Outcome::Success),
        (0, Phase::Password, "alice", Outcome::PermissionDenied),
        (0, Phase::Account, "root", Outcome::UserUnknown),
        // Nothing is known of the tenants here, and that is no reason to shut anybody out.
        (0, Phase::LocalAccount, "lars", Outcome::Unavailable),
        (1000, Phase::LocalAccount, "lars", Outcome::Unavailable),
    ];
    for (uid, phase, user, expected) in cases {
        let (mut module, task) = connect(&host, &tenant, uid);
        line::write(&mut module, &begin(phase, user, "cron"))
            .await
            .unwrap();
        assert_eq!(
            outcome(&mut module).await,
            expected,
            "{uid} {phase:?} {user}"
        );
        task.await.unwrap();
    }
}

#[tokio::test]
async fn only_root_is_believed_about_the_service() {
    let host = Host::new();
    // A local service's methods begin with the password, sshd's don't have it.
    for (uid, asks_password) in [(0, false), (ALICE_UID, true)] {
        let tenant = Arc::new(Tenant::default());
        let (mut module, _task) = connect(&host, &tenant, uid);
        line::write(&mut module, &begin(Phase::Auth, "alice", "sshd"))
            .await
            .unwrap();
        let step = next_step(&mut module).await;
        assert_eq!(
            matches!(step, ToModule::AskSecret { .. }),
            asks_password,
            "{uid}: {step:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn who_says_nothing_or_nonsense_is_closed_without_a_word() {
    let host = Host::new();
    let tenant = Arc::new(Tenant::default());
    let (module, task) = connect(&host, &tenant, 0);
    timeout(Duration::from_secs(60), task)
        .await
        .unwrap()
        .unwrap();
    drop(module);

    let (mut module, task) = connect(&host, &tenant, 0);
    line::write(&mut module, &ToAgent::CannotPrompt)
        .await
        .unwrap();
    task.await.unwrap();
    assert!(line::read::<ToModule>(&mut module).await.unwrap().is_none());
}

#[tokio::test]
async fn an_answer_that_was_not_asked_for_is_no_sign_in() {
    let host = Host::new();
    let tenant = Arc::new(Tenant::default().on_password(Err(refusal("invalid_grant", 50126))));
    let (mut module, task) = connect(&host, &tenant, 0);
    line::write(&mut module, &begin(Phase::Auth, "alice", "su"))
        .await
        .unwrap();
    let asked = heard(&mut module).await;
    assert!(matches!(asked, ToModule::AskSecret { .. }), "{asked:?}");
    let text = "right".to_owned();
    line::write(&mut module, &ToAgent::Answer { text })
        .await
        .unwrap();
    assert_eq!(outcome(&mut module).await, Outcome::AuthError);
    assert!(tenant.asked.lock().unwrap().is_empty());
    task.await.unwrap();
}

#[tokio::test]
async fn an_absurdly_long_name_is_not_looked_up() {
    let host = Host::new();
    let tenant = Arc::new(Tenant::default());
    let (mut module, task) = connect(&host, &tenant, 0);
    let name = "a".repeat(entra_protocol::limits::MAX_USER + 1);
    line::write(&mut module, &begin(Phase::Auth, &name, "su"))
        .await
        .unwrap();
    assert_eq!(outcome(&mut module).await, Outcome::UserUnknown);
    task.await.unwrap();
}
