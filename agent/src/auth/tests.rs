//! Whole conversations: a scripted person, a scripted tenant, the real verifier and the real store.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use entra_protocol::login::{Outcome, ToModule, Verdict};
use tokio::time::Instant;

use super::scripted::*;
use crate::entra::errors;

mod closed;
mod explained;
mod methods;
mod offline;
mod passcode;

/// Runs one sign-in; the module shows afterwards what it was told.
async fn sign_in(
    host: &Host,
    tenant: &Arc<Tenant>,
    user: &str,
    service: &str,
    typist: &mut Typist,
) -> Verdict {
    host.sign_ins(tenant)
        .authenticate(&asked(user, service), typist)
        .await
}

fn message(verdict: &Verdict) -> &str {
    verdict.message.as_deref().unwrap_or_default()
}

#[tokio::test]
async fn a_right_password_signs_the_person_in_with_one_request_for_the_imported_upn() {
    let host = Host::new();
    let tenant = Arc::new(Tenant::default().on_password(Ok(token_of(ALICE))));
    for user in ["Alice"] {
        let mut typist = Typist::default().types("right");
        let verdict = sign_in(&host, &tenant, user, "su", &mut typist).await;
        assert_eq!(verdict.outcome, Outcome::Success);
    }
    let asked = tenant.asked.lock().unwrap();
    assert_eq!(
        *asked,
        [("ALICE@Contoso.example".to_owned(), "right".to_owned())]
    );
    assert!(host.store.last_sign_in(&key_of(ALICE)).unwrap().is_some());
}

#[tokio::test]
async fn a_wrong_password_reaches_the_tenant_once_and_ends_there() {
    let host = Host::new();
    let tenant = Arc::new(Tenant::default().on_password(Err(refusal("invalid_grant", 50126))));
    let mut typist = Typist::default().types("wrong").types("wrong");
    let verdict = sign_in(&host, &tenant, "alice", "su", &mut typist).await;
    assert_eq!(verdict.outcome, Outcome::AuthError);
    assert_eq!(
        message(&verdict),
        format!("{} (reference: c-1)", errors::INCORRECT)
    );
    assert_eq!(tenant.asked.lock().unwrap().len(), 1);
    assert!(host.store.last_sign_in(&key_of(ALICE)).unwrap().is_none());
}

#[tokio::test]
async fn an_empty_password_is_not_sent() {
    let host = Host::new();
    let tenant = Arc::new(Tenant::default());
    let mut typist = Typist::default().types("");
    let verdict = sign_in(&host, &tenant, "alice", "su", &mut typist).await;
    assert_eq!(verdict.outcome, Outcome::AuthError);
    assert!(tenant.asked.lock().unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn more_than_a_password_is_never_success_and_goes_on_to_the_device_code() {
    for code in [50076, 50079, 50056, 50158, 50125, 16000] {
        // A host for each: these count as failed tries.
        let host = Host::new();
        let tenant = Arc::new(
            Tenant::default()
                .on_password(Err(refusal("invalid_grant", code)))
                .on_poll(Err(refusal("authorization_declined", 0))),
        );
        let mut typist = Typist::default().types("right").presses_enter();
        let verdict = sign_in(&host, &tenant, "alice", "su", &mut typist).await;
        assert_eq!(verdict.outcome, Outcome::AuthError, "{code}");
        assert!(typist.shown().contains(errors::CONTINUE), "{code}");
        assert!(typist.shown().contains("LJN9VTLG2"), "{code}");

        let tenant = Arc::new(Tenant::default().on_password(Err(refusal("invalid_grant", code))));
        let mut typist = Typist::default().types("right");
        let verdict = sign_in(&host, &tenant, "alice", "password-only", &mut typist).await;
        assert_eq!(verdict.outcome, Outcome::AuthError, "{code}");
    }
}

#[tokio::test]
async fn a_token_about_another_person_is_refused() {
    let host = Host::new();
    let tenant = Arc::new(Tenant::default().on_password(Ok(token_of(MALLORY))));
    let mut typist = Typist::default().types("right");
    let verdict = sign_in(&host, &tenant, "alice", "su", &mut typist).await;
    assert_eq!(verdict.outcome, Outcome::AuthError);
    assert!(
        message(&verdict).contains("another person than alice"),
        "{verdict:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_device_code_approved_by_another_person_is_refused() {
    let host = Host::new();
    let tenant = Arc::new(Tenant::default().on_poll(Ok(token_of(MALLORY))));
    let mut typist = Typist::default().presses_enter();
    let verdict = sign_in(&host, &tenant, "alice", "sshd", &mut typist).await;
    assert_eq!(verdict.outcome, Outcome::AuthError);
    assert!(
        message(&verdict).contains("another person than alice"),
        "{verdict:?}"
    );
    assert!(host.store.last_sign_in(&key_of(ALICE)).unwrap().is_none());
}

#[tokio::test(start_paused = true)]
async fn a_device_code_approved_by_the_person_signs_in() {
    let host = Host::new();
    let tenant = Arc::new(
        Tenant::default()
            .on_poll(Err(refusal("authorization_pending", 70016)))
            .on_poll(Ok(token_of(ALICE))),
    );
    let mut typist = Typist::default().presses_enter();
    let verdict = sign_in(&host, &tenant, "alice", "sshd", &mut typist).await;
    assert_eq!(verdict.outcome, Outcome::Success);
    let shown = typist.shown();
    for part in [
        "https://login.microsoft.com/device",
        "LJN9VTLG2",
        "█",
        "Time left: 1 minute 50 seconds.",
    ] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    assert!(
        typist
            .seen
            .iter()
            .any(|message| matches!(message, ToModule::Wait { .. }))
    );
}

#[tokio::test(start_paused = true)]
async fn polls_keep_the_servers_interval() {
    let host = Host::new();
    let began = Instant::now();
    let tenant = Arc::new(
        Tenant::default()
            .on_poll(Err(refusal("authorization_pending", 70016)))
            .on_poll(Err(refusal("slow_down", 0)))
            .on_poll(Err(refusal("authorization_pending", 70016)))
            .on_poll(Err(no_answer()))
            .on_poll(Ok(token_of(ALICE))),
    );
    let mut typist = Typist::default()
        .presses_enter()
        .presses_enter()
        .presses_enter();
    let verdict = sign_in(&host, &tenant, "alice", "sshd", &mut typist).await;
    assert_eq!(verdict.outcome, Outcome::Success);
    // Not before the first interval either, however fast somebody presses Enter.
    assert!(tenant.polled_at.lock().unwrap()[0] - began >= Duration::from_secs(5));
    // 5 s, then 5 more after slow_down, then twice that after trouble on the way.
    assert_eq!(tenant.gaps(), [5, 10, 10, 20]);
}

#[tokio::test(start_paused = true)]
async fn polling_ends_before_sshd_does_and_locally_with_the_code() {
    let host = Host::new();
    for (service, least, most) in [("sshd", 105, 110), ("polkit-1", 890, 900)] {
        let tenant = Arc::new(Tenant::default());
        let began = Instant::now();
        let mut typist = Typist::default();
        if service == "polkit-1" {
            typist = typist.cannot_prompt();
        }
        let mut typist = typist.presses_enter();
        let verdict = sign_in(&host, &tenant, "alice", service, &mut typist).await;
        assert_eq!(verdict.outcome, Outcome::AuthError);
        assert!(message(&verdict).contains("time"), "{verdict:?}");
        let took = (Instant::now() - began).as_secs();
        assert!((least..=most).contains(&took), "{service}: {took}");
    }
}

#[tokio::test(start_paused = true)]
async fn nobody_pressing_enter_ends_in_time_as_well() {
    let host = Host::new();
    let tenant = Arc::new(Tenant::default());
    let began = Instant::now();
    let mut typist = Typist::default();
    let verdict = sign_in(&host, &tenant, "alice", "sshd", &mut typist).await;
    assert_eq!(verdict.outcome, Outcome::AuthError);
    assert_eq!((Instant::now() - began).as_secs(), 110);
    assert!(message(&verdict).contains("time for this sign-in is over"));
}

#[tokio::test]
async fn an_application_that_cannot_prompt_is_told_what_to_use() {
    let host = Host::new();
    let tenant = Arc::new(Tenant::default());
    let mut typist = Typist::default().cannot_prompt();
    let verdict = sign_in(&host, &tenant, "alice", "sshd", &mut typist).await;
    assert_eq!(verdict.outcome, Outcome::AuthError);
    assert!(message(&verdict).contains("keyboard-interactive"));
}

#[tokio::test]
async fn who_is_disabled_is_refused_before_anything_is_asked() {
    let host = Host::new();
    let tenant = Arc::new(Tenant::default());
    let mut typist = Typist::default();
    let verdict = sign_in(&host, &tenant, "dave", "su", &mut typist).await;
    assert_eq!(verdict.outcome, Outcome::PermissionDenied);
    assert_eq!(message(&verdict), errors::DISABLED);
    assert!(typist.seen.is_empty());
}

#[tokio::test]
async fn a_disabled_account_is_cut_off_at_once_but_only_by_its_own_password() {
    let host = Host::new();
    let tenant = Arc::new(Tenant::default().on_password(Err(refusal("invalid_grant", 50057))));
    let mut typist = Typist::default().types("right");
    let verdict = sign_in(&host, &tenant, "alice", "su", &mut typist).await;
    assert_eq!(verdict.outcome, Outcome::PermissionDenied);
    let alice = host
        .store
        .person_by_object(&key_of(ALICE))
        .unwrap()
        .unwrap();
    assert!(!alice.enabled);
    assert_eq!(host.publications.load(Ordering::SeqCst), 1);
}

#[tokio::test(start_paused = true)]
async fn what_is_said_of_whoever_typed_the_code_is_not_held_against_the_person() {
    let host = Host::new();
    let tenant = Arc::new(Tenant::default().on_poll(Err(refusal("invalid_grant", 50057))));
    let mut typist = Typist::default().presses_enter();
    let verdict = sign_in(&host, &tenant, "alice", "sshd", &mut typist).await;
    assert_eq!(verdict.outcome, Outcome::AuthError);
    let alice = host
        .store
        .person_by_object(&key_of(ALICE))
        .unwrap()
        .unwrap();
    assert!(alice.enabled);
}

#[tokio::test]
async fn no_verdict_is_unavailable_and_a_wrong_registration_an_administrators_matter() {
    let host = Host::new();
    for (error, service, sentence) in [
        (no_answer(), "su", errors::UNREACHABLE),
        (
            refusal("temporarily_unavailable", 90033),
            "su",
            errors::UNREACHABLE,
        ),
        (
            refusal("invalid_client", 7_000_218),
            "password-only",
            errors::SET_UP_WRONG,
        ),
    ] {
        let tenant = Arc::new(Tenant::default().on_password(Err(error)));
        let mut typist = Typist::default().types("right");
        let verdict = sign_in(&host, &tenant, "alice", service, &mut typist).await;
        assert_eq!(verdict.outcome, Outcome::Unavailable);
        assert!(message(&verdict).starts_with(sentence), "{verdict:?}");
    }
}

#[tokio::test]
async fn who_is_not_imported_is_unknown_and_nothing_is_asked() {
    let host = Host::new();
    let tenant = Arc::new(Tenant::default());
    let mut typist = Typist::default();
    let verdict = sign_in(&host, &tenant, "root", "su", &mut typist).await;
    assert_eq!(verdict.outcome, Outcome::UserUnknown);
    assert!(typist.seen.is_empty());
}

#[tokio::test]
async fn a_token_that_proves_nothing_is_refused() {
    let host = Host::new();
    let tenant =
        Arc::new(Tenant::default().on_password(Ok(signed(&header(), &claims(ALICE), true))));
    let mut typist = Typist::default().types("right");
    let verdict = sign_in(&host, &tenant, "alice", "su", &mut typist).await;
    assert_eq!(verdict.outcome, Outcome::AuthError);
}

#[tokio::test]
async fn switched_off_while_somebody_signs_in_is_off() {
    let host = Host::new();
    let tenant = Arc::new(Tenant::default().on_password(Ok(token_of(ALICE))));
    let sign_ins = host.sign_ins(&tenant);
    let store = host.store.clone();
    // Disabled after the conversation began, before the proof came.
    let mut typist = Late {
        typist: Typist::default().types("right"),
        store,
    };
    let verdict = sign_ins
        .authenticate(&asked("alice", "su"), &mut typist)
        .await;
    assert_eq!(verdict.outcome, Outcome::PermissionDenied);
}

/// A person who is cut off while typing.
struct Late {
    typist: Typist,
    store: crate::store::Store,
}

impl super::Module for Late {
    async fn say(&mut self, message: ToModule) -> Result<(), super::Ended> {
        self.typist.say(message).await
    }

    async fn hear(&mut self) -> Result<entra_protocol::login::ToAgent, super::Ended> {
        self.store.mark_disabled(&key_of(ALICE)).unwrap();
        self.typist.hear().await
    }
}

#[tokio::test]
async fn the_account_phase_answers_from_the_store() {
    let host = Host::new();
    let sign_ins = host.sign_ins(&Arc::new(Tenant::default()));
    for (user, outcome) in [
        ("alice", Outcome::Success),
        ("ALICE@contoso.example", Outcome::Success),
        ("dave", Outcome::AccountExpired),
        ("root", Outcome::UserUnknown),
    ] {
        let verdict = sign_ins.account(&asked(user, "cron")).await;
        assert_eq!(verdict.outcome, outcome, "{user}");
    }
    let root = crate::store::Actor {
        uid: 0,
        name: "root".to_owned(),
        role: None,
    };
    host.store.set_sign_in_enabled(false, &root).unwrap();
    let verdict = sign_ins.account(&asked("alice", "cron")).await;
    assert_eq!(verdict.outcome, Outcome::PermissionDenied);
}

const OTHER_TENANT: &str = "8e2d3a7f-94a3-4c0a-9a51-0f3be1c0a002";

#[tokio::test]
async fn a_person_is_asked_for_at_their_own_tenant_only() {
    let host = Host::new();
    let own = Arc::new(Tenant::default().on_password(Ok(token_of(ALICE))));
    let other = Arc::new(Tenant::default());
    let sign_ins = host.sign_ins_at([(OTHER_TENANT, &other), (TENANT, &own)]);
    let mut typist = Typist::default().types("right");
    let verdict = sign_ins
        .authenticate(&asked("alice", "su"), &mut typist)
        .await;
    assert_eq!(verdict.outcome, Outcome::Success);
    assert_eq!(own.asked.lock().unwrap().len(), 1);
    assert_eq!(other.asked.lock().unwrap().len(), 0);
}

#[tokio::test]
async fn people_of_a_tenant_that_is_not_configured_are_refused_and_nobody_is_asked() {
    let host = Host::new();
    let other = Arc::new(Tenant::default());
    let sign_ins = host.sign_ins_at([(OTHER_TENANT, &other)]);
    let mut typist = Typist::default().types("right");
    let refused = sign_ins
        .authenticate(&asked("alice", "su"), &mut typist)
        .await;
    let by_key = sign_ins.account(&asked("alice", "sshd")).await;
    for verdict in [refused, by_key] {
        assert_eq!(verdict.outcome, Outcome::PermissionDenied);
        assert_eq!(
            message(&verdict),
            "People of your organisation can no longer sign in on this host."
        );
    }
    assert!(typist.seen.is_empty());
    assert_eq!(other.asked.lock().unwrap().len(), 0);
}
