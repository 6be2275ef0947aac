//! What imported users are answered, phase by phase, through the guard as libpam would come.

use std::time::Instant;

use entra_protocol::login::{ToAgent, ToModule};

use super::*;
use crate::fakes::{
    FakeApplication, FakeHost, MAXIMUM_AGE, PUBLISHED, SCREEN, Step, ask_secret, show, verdict,
};
use crate::guard;

fn run(entry: Entry, person: &FakeApplication, host: &FakeHost) -> PamError {
    let call = Call {
        entry,
        silent: false,
    };
    guard::answer(call, person, host)
}

fn phase_of(message: &ToAgent) -> Phase {
    match message {
        ToAgent::Begin(begin) => begin.phase,
        other => panic!("{other:?}"),
    }
}

type Change = fn(&mut FakeHost);

const STALE: u64 = PUBLISHED + MAXIMUM_AGE as u64 + 1;

#[test]
fn a_right_password_is_success_and_becomes_the_authtok() {
    let mut host = FakeHost::and_agent(vec![
        ask_secret("Password: ", true),
        Step::Hear,
        verdict(Outcome::Success, Some("Welcome.")),
    ]);
    let person = FakeApplication::typing("Alice", [Ok("hunter2")]);
    assert_eq!(run(Entry::Authenticate, &person, &host), PamError::SUCCESS);
    assert_eq!(person.kept.borrow().as_deref(), Some("hunter2"));
    let shown = person.shown.borrow();
    assert_eq!(shown[0], ("Welcome.".to_owned(), Style::Information));
    let heard = host.heard();
    assert!(matches!(
        &heard[0],
        ToAgent::Begin(Begin { phase: Phase::Auth, user, service, tty, rhost, silent: false, screen: SCREEN })
            if user == "Alice" && service == "sshd" && tty == "ssh" && rhost == "192.0.2.7"
    ));
}

#[test]
fn a_refusal_is_shown_and_keeps_no_password() {
    let mut host = FakeHost::and_agent(vec![
        ask_secret("Password: ", true),
        Step::Hear,
        verdict(Outcome::AuthError, Some("That password is wrong.")),
    ]);
    let person = FakeApplication::typing("alice", [Ok("hunter3")]);
    assert_eq!(run(Entry::Authenticate, &person, &host), PamError::AUTH_ERR);
    assert_eq!(*person.kept.borrow(), None);
    let shown = person.shown.borrow();
    assert_eq!(
        shown[0],
        ("That password is wrong.".to_owned(), Style::Error)
    );
    host.heard();
}

#[test]
fn every_outcome_but_success_is_a_refusal_that_the_stack_does_not_ignore() {
    for entry in [Entry::Authenticate, Entry::Account, Entry::PasswordCheck] {
        for (outcome, auth_result) in [
            (Outcome::AuthError, PamError::AUTH_ERR),
            (Outcome::PermissionDenied, PamError::PERM_DENIED),
            (Outcome::AccountExpired, PamError::ACCT_EXPIRED),
            (Outcome::Unavailable, PamError::AUTHINFO_UNAVAIL),
            (Outcome::MaxTries, PamError::MAXTRIES),
            (Outcome::UserUnknown, PamError::AUTH_ERR),
            (Outcome::Unknown, PamError::AUTH_ERR),
        ] {
            let mut host = FakeHost::and_agent(vec![verdict(outcome, Some("No."))]);
            let person = FakeApplication::of("alice");
            let result = run(entry, &person, &host);
            if entry == Entry::Authenticate {
                assert_eq!(result, auth_result);
            }
            assert!(
                !matches!(
                    result,
                    PamError::SUCCESS | PamError::IGNORE | PamError::USER_UNKNOWN
                ),
                "{entry:?} {outcome:?}: {result:?}"
            );
            assert_eq!(person.texts(), ["No."]);
            host.heard();
        }
    }
}

#[test]
fn an_outcome_of_a_newer_agent_is_a_refusal() {
    let mut host = FakeHost::and_agent(vec![Step::Bytes(
        b"\x2f\0\0\0{\"v\":2,\"body\":{\"verdict\":{\"outcome\":\"ascend\"}}}",
    )]);
    let person = FakeApplication::of("alice");
    assert_eq!(run(Entry::Authenticate, &person, &host), PamError::AUTH_ERR);
    host.heard();
}

#[test]
fn an_agent_that_is_away_or_talks_nonsense_is_said_plainly_and_journaled() {
    for steps in [None, Some(vec![Step::Bytes(b"\x02\0\0\0{}")]), Some(vec![])] {
        let mut host = steps.map_or_else(FakeHost::with_alice, FakeHost::and_agent);
        let person = FakeApplication::of("alice");
        let result = run(Entry::Authenticate, &person, &host);
        assert_eq!(result, PamError::AUTHINFO_UNAVAIL);
        assert_eq!(person.texts(), [sentences::NO_ANSWER]);
        assert!(host.journal.borrow()[0].starts_with("pam_entra(sshd:auth): \"alice\": "));
        if host.agent.is_some() {
            host.heard();
        }
    }
}

#[test]
fn a_stranger_on_the_socket_gets_no_password() {
    let mut host = FakeHost::and_agent(vec![ask_secret("Password: ", true)]);
    host.peer = 4711;
    let person = FakeApplication::of("alice");
    assert_eq!(
        run(Entry::Authenticate, &person, &host),
        PamError::AUTHINFO_UNAVAIL
    );
    assert!(person.prompts.borrow().is_empty());
    assert!(host.journal.borrow()[0].contains("uid 4711"));
}

#[test]
fn what_was_typed_is_never_in_the_journal() {
    for error in [PromptError::NotText, PromptError::TooLong] {
        let mut host = FakeHost::and_agent(vec![ask_secret("Password: ", true), Step::Hang]);
        let person = FakeApplication::typing("alice", [Err(error)]);
        assert_eq!(run(Entry::Authenticate, &person, &host), PamError::AUTH_ERR);
        assert_eq!(person.texts().len(), 1);
        host.heard();
    }
    let mut host = FakeHost::and_agent(vec![ask_secret("Password: ", true), Step::Hear]);
    let person = FakeApplication::typing("alice", [Ok("hunter2")]);
    assert_eq!(
        run(Entry::Authenticate, &person, &host),
        PamError::AUTHINFO_UNAVAIL
    );
    assert!(!host.journal.borrow().concat().contains("hunter2"));
    host.heard();
}

#[test]
fn while_sign_in_is_switched_off_imported_users_are_refused_without_the_agent() {
    for (entry, result) in [
        (Entry::Authenticate, PamError::AUTHINFO_UNAVAIL),
        (Entry::Account, PamError::PERM_DENIED),
    ] {
        let mut host = FakeHost::with_alice();
        host.policy().sign_in_enabled = false;
        let person = FakeApplication::of("alice");
        assert_eq!(run(entry, &person, &host), result);
        assert_eq!(person.texts(), [sentences::SWITCHED_OFF]);
        assert!(!host.asked.borrow().contains(&"agent"));
    }
}

#[test]
fn the_agent_decides_the_account_phase_when_it_answers() {
    let mut host = FakeHost::and_agent(vec![verdict(Outcome::Success, None)]);
    // An agent that answers is believed however old the directory is.
    host.now = STALE;
    assert_eq!(
        run(Entry::Account, &FakeApplication::of("alice"), &host),
        PamError::SUCCESS
    );
    assert_eq!(phase_of(&host.heard()[0]), Phase::Account);

    let mut host = FakeHost::and_agent(vec![verdict(Outcome::AccountExpired, Some("Disabled."))]);
    let person = FakeApplication::of("alice");
    assert_eq!(run(Entry::Account, &person, &host), PamError::ACCT_EXPIRED);
    assert_eq!(person.texts(), ["Disabled."]);
    host.heard();
}

#[test]
fn the_directory_refuses_even_if_the_agent_would_not() {
    let cases: [(Change, PamError, &str); 4] = [
        (
            |host| host.account().enabled = false,
            PamError::ACCT_EXPIRED,
            sentences::DISABLED,
        ),
        (
            |host| host.account().blocked = true,
            PamError::PERM_DENIED,
            sentences::BLOCKED,
        ),
        (
            |host| host.account().expires = Some(PUBLISHED),
            PamError::ACCT_EXPIRED,
            sentences::EXPIRED,
        ),
        (
            |host| host.account().services = vec!["cron".to_owned()],
            PamError::PERM_DENIED,
            sentences::OTHER_SERVICE,
        ),
    ];
    for (change, result, sentence) in cases {
        let mut host = FakeHost::and_agent(vec![verdict(Outcome::Success, None)]);
        change(&mut host);
        let person = FakeApplication::of("alice");
        assert_eq!(run(Entry::Account, &person, &host), result);
        assert_eq!(person.texts(), [sentence]);
        assert!(!host.asked.borrow().contains(&"agent"));
    }
}

#[test]
fn without_a_verdict_a_young_directory_admits_and_an_old_one_does_not() {
    let silences: [fn() -> Vec<Step>; 4] = [
        || vec![],
        || vec![Step::Bytes(b"\x02\0\0\0{}")],
        || vec![ask_secret("Password: ", true), Step::Hang],
        || vec![show("hm"), Step::Hang],
    ];
    for steps in silences {
        for (now, result) in [
            (PUBLISHED + 60, PamError::SUCCESS),
            (STALE, PamError::PERM_DENIED),
            (PUBLISHED - 86_400, PamError::PERM_DENIED),
        ] {
            let mut host = FakeHost::and_agent(steps());
            host.now = now;
            let person = FakeApplication::of("alice");
            assert_eq!(run(Entry::Account, &person, &host), result, "{now}");
            assert!(host.journal.borrow()[0].contains("decided from what was known of the tenant"));
            host.heard();
        }
    }
    let mut host = FakeHost::with_alice();
    assert_eq!(
        run(Entry::Account, &FakeApplication::of("alice"), &host),
        PamError::SUCCESS
    );
    host.now = PUBLISHED + 15 * 86_400;
    let person = FakeApplication::of("alice");
    assert_eq!(run(Entry::Account, &person, &host), PamError::PERM_DENIED);
    assert_eq!(person.texts(), [sentences::not_heard(15 * 86_400)]);
}

#[test]
fn a_hung_or_talkative_agent_holds_the_account_phase_for_a_second_at_most() {
    let talk = ToModule::Show {
        text: "wait".to_owned(),
        error: false,
    };
    for steps in [vec![Step::Hang], vec![Step::Flood(talk)]] {
        let mut host = FakeHost::and_agent(steps);
        let before = Instant::now();
        assert_eq!(
            run(Entry::Account, &FakeApplication::of("alice"), &host),
            PamError::SUCCESS
        );
        assert!(before.elapsed() < ACCOUNT_LIMIT * 2);
        host.heard();
    }
}

#[test]
fn credentials_and_sessions_succeed_without_an_auth_before_them() {
    let host = FakeHost::with_alice();
    for entry in [Entry::SetCredentials, Entry::CloseSession] {
        assert_eq!(
            run(entry, &FakeApplication::of("alice"), &host),
            PamError::SUCCESS
        );
        assert!(!host.asked.borrow().contains(&"agent"));
    }
}

#[test]
fn an_opened_session_is_reported_and_its_answer_does_not_matter() {
    for steps in [
        vec![verdict(Outcome::Success, None)],
        vec![verdict(Outcome::PermissionDenied, Some("no"))],
        vec![Step::Hang],
        vec![],
    ] {
        let mut host = FakeHost::and_agent(steps);
        let person = FakeApplication::of("alice");
        let before = Instant::now();
        assert_eq!(run(Entry::OpenSession, &person, &host), PamError::SUCCESS);
        assert!(before.elapsed() < REPORT_LIMIT * 3);
        assert!(person.texts().is_empty());
        assert_eq!(phase_of(&host.heard()[0]), Phase::OpenSession);
    }
}

#[test]
fn passwd_says_where_the_password_is_changed_and_changes_nothing() {
    let host = FakeHost::with_alice();
    let person = FakeApplication::of("alice");
    assert_eq!(
        run(Entry::PasswordCheck, &person, &host),
        PamError::PERM_DENIED
    );
    assert_eq!(person.texts(), [sentences::PASSWORD]);

    let mut host = FakeHost::and_agent(vec![verdict(
        Outcome::PermissionDenied,
        Some("At the office."),
    )]);
    let person = FakeApplication::of("alice");
    assert_eq!(
        run(Entry::PasswordCheck, &person, &host),
        PamError::PERM_DENIED
    );
    assert_eq!(person.texts(), ["At the office."]);
    assert_eq!(phase_of(&host.heard()[0]), Phase::Password);
}
