//! Which method a conversation goes on with, and what is said on the way; device codes from the invitation
//! to the end of their polling.

use std::sync::atomic::Ordering;

use super::*;
use crate::entra::Realm;

#[tokio::test(start_paused = true)]
async fn a_registration_that_takes_no_passwords_goes_on_and_says_so() {
    let host = Host::new();
    let tenant = Arc::new(
        Tenant::default()
            .on_password(Err(refusal("invalid_client", 7_000_218)))
            .on_poll(Ok(token_of(ALICE))),
    );
    let mut typist = Typist::default().types("right").presses_enter();
    let verdict = sign_in(&host, &tenant, "alice", "su", &mut typist).await;
    assert_eq!(verdict.outcome, Outcome::Success);
    assert!(typist.shown().contains("continue in a browser"));
}

/// "Allow public client flows" off ends both: nobody is sent to a browser for nothing.
#[tokio::test(start_paused = true)]
async fn a_registration_that_may_use_no_codes_is_found_out_before_a_code_is_shown() {
    let host = Host::new();
    let tenant = Tenant::default().on_password(Err(refusal("invalid_client", 7_000_218)));
    *tenant.early.lock().unwrap() = Some(refusal("invalid_client", 7_000_218));
    let tenant = Arc::new(tenant);
    let mut typist = Typist::default().types("right").presses_enter();
    let verdict = sign_in(&host, &tenant, "alice", "su", &mut typist).await;
    assert_eq!(verdict.outcome, Outcome::Unavailable);
    assert!(
        message(&verdict).starts_with(errors::SET_UP_WRONG),
        "{verdict:?}"
    );
    assert!(!typist.shown().contains("LJN9VTLG2"), "{}", typist.shown());
}

#[tokio::test(start_paused = true)]
async fn federated_people_are_not_asked_for_a_password() {
    let host = Host::new();
    let tenant = Tenant::default().on_poll(Ok(token_of(ALICE)));
    *tenant.realm.lock().unwrap() = Some(Some(Realm::Elsewhere));
    let tenant = Arc::new(tenant);
    let mut typist = Typist::default().presses_enter();
    let verdict = sign_in(&host, &tenant, "alice", "su", &mut typist).await;
    assert_eq!(verdict.outcome, Outcome::Success);
    assert!(typist.shown().contains("a page of its own"));
    assert!(tenant.asked.lock().unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn who_judges_passwords_is_asked_once_an_hour_and_no_answer_delays_a_prompt_by_two_seconds() {
    let host = Host::new();
    let tenant = Tenant::default()
        .on_password(Ok(token_of(ALICE)))
        .on_password(Ok(token_of(ALICE)));
    *tenant.realm.lock().unwrap() = Some(None);
    let tenant = Arc::new(tenant);
    let sign_ins = host.sign_ins(&tenant);
    let began = Instant::now();
    for questions in [1, 1] {
        let mut typist = Typist::default().types("right");
        let verdict = sign_ins
            .authenticate(&asked("alice", "su"), &mut typist)
            .await;
        assert_eq!(verdict.outcome, Outcome::Success);
        assert_eq!(tenant.realm_questions.load(Ordering::SeqCst), questions);
    }
    assert_eq!((Instant::now() - began).as_secs(), 2);

    *tenant.realm.lock().unwrap() = Some(Some(Realm::Here));
    for (minutes, questions) in [(2, 2), (59, 2), (2, 3)] {
        tokio::time::advance(Duration::from_secs(minutes * 60)).await;
        tenant
            .passwords
            .lock()
            .unwrap()
            .push_back(Ok(token_of(ALICE)));
        let mut typist = Typist::default().types("right");
        let verdict = sign_ins
            .authenticate(&asked("alice", "su"), &mut typist)
            .await;
        assert_eq!(verdict.outcome, Outcome::Success);
        assert_eq!(
            tenant.realm_questions.load(Ordering::SeqCst),
            questions,
            "{minutes}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_policy_against_device_codes_is_said_so_with_the_id_to_quote() {
    let host = Host::new();
    let tenant = Arc::new(Tenant::default().on_poll(Err(refusal("invalid_grant", 53003))));
    let mut typist = Typist::default().presses_enter();
    let verdict = sign_in(&host, &tenant, "alice", "sshd", &mut typist).await;
    assert_eq!(verdict.outcome, Outcome::AuthError);
    assert_eq!(
        message(&verdict),
        "Your organisation's policy does not allow signing in with a code. Please ask your \
         administrator. (reference: c-1)"
    );
}

/// Whoever approved before pressing Enter is in at once.
#[tokio::test(start_paused = true)]
async fn the_answer_is_there_when_enter_is_pressed() {
    let host = Host::new();
    let tenant = Arc::new(
        Tenant::default()
            .on_poll(Err(refusal("authorization_pending", 70016)))
            .on_poll(Ok(token_of(ALICE))),
    );
    let mut typist = Slow {
        typist: Typist::default().presses_enter(),
        thinks: Duration::from_secs(60),
    };
    let began = Instant::now();
    let verdict = host
        .sign_ins(&tenant)
        .authenticate(&asked("alice", "sshd"), &mut typist)
        .await;
    assert_eq!(verdict.outcome, Outcome::Success);
    assert_eq!((Instant::now() - began).as_secs(), 60);
}

#[tokio::test(start_paused = true)]
async fn who_presses_enter_too_early_is_asked_again() {
    let host = Host::new();
    let pending = || Err(refusal("authorization_pending", 70016));
    let tenant = Arc::new(
        (0..5)
            .fold(Tenant::default(), |tenant, _| tenant.on_poll(pending()))
            .on_poll(Ok(token_of(ALICE))),
    );
    let mut typist = Typist::default().presses_enter().presses_enter();
    let verdict = sign_in(&host, &tenant, "alice", "sshd", &mut typist).await;
    assert_eq!(verdict.outcome, Outcome::Success);
    let prompts: Vec<&str> = typist
        .seen
        .iter()
        .filter_map(|message| match message {
            ToModule::Ask { prompt } => Some(prompt.as_str()),
            _ => None,
        })
        .collect();
    assert_eq!(
        prompts,
        [
            "Press Enter when you have signed in: ",
            "Not finished yet, 1 minute 30 seconds left. Press Enter when you have signed in: ",
        ]
    );
}

/// A person who takes their time at each prompt.
struct Slow {
    typist: Typist,
    thinks: Duration,
}

impl crate::auth::Module for Slow {
    async fn say(&mut self, message: ToModule) -> Result<(), crate::auth::Ended> {
        self.typist.say(message).await
    }

    async fn hear(&mut self) -> Result<entra_protocol::login::ToAgent, crate::auth::Ended> {
        tokio::time::sleep(self.thinks).await;
        self.typist.hear().await
    }
}
