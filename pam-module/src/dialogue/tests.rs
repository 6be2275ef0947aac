//! One conversation at a time, against a scripted agent behind a real socket.

use super::*;
use crate::fakes::{AGENT_UID, FakeApplication, FakeHost, Step, ask, ask_secret, show, verdict};
use entra_protocol::login::{Outcome, Phase, Screen};

const SHORT: Patience = Patience {
    connect: Duration::from_millis(500),
    silence: Duration::from_millis(200),
    in_all: Duration::from_millis(1_500),
    may_prompt: true,
};

fn begin() -> Begin {
    Begin {
        phase: Phase::Auth,
        user: "alice".to_owned(),
        service: "sshd".to_owned(),
        tty: String::new(),
        rhost: String::new(),
        silent: false,
        screen: Screen::default(),
    }
}

/// An agent that has closed its end, with this left to read.
struct Gone(Option<Outcome>);

impl Agent for Gone {
    fn peer_uid(&self) -> u32 {
        AGENT_UID
    }

    fn send(&mut self, _: &ToAgent) -> Result<(), ClientError> {
        Err(ClientError::HungUp)
    }

    fn receive(&mut self, _: Duration) -> Result<ToModule, ClientError> {
        let outcome = self.0.ok_or(ClientError::HungUp)?;
        Ok(ToModule::Verdict(Verdict {
            outcome,
            message: None,
        }))
    }
}

#[test]
fn a_refusal_that_came_while_somebody_typed_counts_and_nothing_else_does() {
    let answer = || Ok(ToAgent::CannotPrompt);
    let refused = send_answer(&mut Gone(Some(Outcome::AuthError)), answer());
    assert!(matches!(refused, Ok(Sent::TooLate(verdict)) if verdict.outcome == Outcome::AuthError));
    for nothing in [None, Some(Outcome::Success)] {
        let failed = send_answer(&mut Gone(nothing), answer());
        assert!(matches!(failed, Err(Failure::Agent(ClientError::HungUp))));
    }
}

fn hold(host: &FakeHost, application: &FakeApplication) -> Result<Ending, Failure> {
    converse(host, application, begin(), SHORT)
}

fn wait(seconds: u32) -> Step {
    Step::Send(ToModule::Wait { seconds })
}

#[test]
fn messages_reach_the_person_and_answers_the_agent() {
    let mut host = FakeHost::and_agent(vec![
        show("Welcome\u{1b}[2J"),
        ask_secret("Password: ", true),
        Step::Hear,
        ask("Press Enter: "),
        Step::Hear,
        verdict(Outcome::Success, None),
    ]);
    let person = FakeApplication::typing("alice", [Ok("hunter2"), Ok("")]);
    let ending = hold(&host, &person).unwrap();
    assert_eq!(ending.verdict.outcome, Outcome::Success);
    assert!(ending.password.is_none(), "unproven, since more was asked");
    assert_eq!(person.texts(), ["Welcome[2J"]);
    let prompts = person.prompts.borrow();
    assert_eq!(prompts[0], ("Password: ".to_owned(), Echo::Hidden));
    assert_eq!(prompts[1], ("Press Enter: ".to_owned(), Echo::Shown));
    let heard = host.heard();
    assert!(matches!(&heard[0], ToAgent::Begin(said) if *said == begin()));
    assert!(matches!(&heard[1], ToAgent::SecretAnswer { secret } if secret.expose() == "hunter2"));
    assert!(matches!(&heard[2], ToAgent::Answer { text } if text.is_empty()));
}

#[test]
fn the_last_answer_named_as_the_password_is_kept_and_no_other() {
    let mut host = FakeHost::and_agent(vec![
        ask_secret("Password: ", true),
        Step::Hear,
        ask_secret("Password: ", true),
        Step::Hear,
        ask_secret("Code: ", false),
        Step::Hear,
        verdict(Outcome::Success, None),
    ]);
    let person = FakeApplication::typing("alice", [Ok("wrong"), Ok("right"), Ok("123456")]);
    let ending = hold(&host, &person).unwrap();
    assert_eq!(ending.password.unwrap().expose(), "right");
    host.heard();
}

#[test]
fn a_prompt_that_the_application_refuses_is_told_to_the_agent() {
    let mut host = FakeHost::and_agent(vec![
        ask("Press Enter: "),
        Step::Hear,
        verdict(Outcome::AuthError, None),
    ]);
    let person = FakeApplication::typing("alice", [Err(PromptError::Cannot)]);
    assert!(hold(&host, &person).is_ok());
    assert!(matches!(host.heard()[1], ToAgent::CannotPrompt));
}

#[test]
fn an_answer_that_is_no_text_or_too_long_ends_it() {
    for error in [PromptError::NotText, PromptError::TooLong] {
        let mut host = FakeHost::and_agent(vec![ask_secret("Password: ", true), Step::Hang]);
        let person = FakeApplication::typing("alice", [Err(error)]);
        assert!(matches!(hold(&host, &person), Err(Failure::Answer(e)) if e == error));
        host.heard();
    }
}

#[test]
fn a_silent_agent_is_given_up_and_wait_widens_the_limit_once() {
    let mut host = FakeHost::and_agent(vec![Step::Hang]);
    let before = Instant::now();
    let silent = hold(&host, &FakeApplication::of("alice"));
    assert!(
        matches!(silent, Err(Failure::Agent(ClientError::Silent(_)))),
        "{silent:?}"
    );
    assert!(before.elapsed() < Duration::from_secs(1));
    host.heard();

    // After the message that followed `Wait`, the ordinary limit holds again.
    let mut host = FakeHost::and_agent(vec![wait(1), show("still here"), Step::Hang]);
    let before = Instant::now();
    assert!(hold(&host, &FakeApplication::of("alice")).is_err());
    assert!(before.elapsed() < Duration::from_secs(1));
    host.heard();

    // A `Wait` really gives time, and no more than the whole allows.
    let mut host = FakeHost::and_agent(vec![wait(u32::MAX), Step::Hang]);
    let before = Instant::now();
    assert!(hold(&host, &FakeApplication::of("alice")).is_err());
    assert!(before.elapsed() >= SHORT.in_all);
    assert!(before.elapsed() < SHORT.in_all * 3);
    host.heard();
}

#[test]
fn a_flood_of_messages_ends() {
    for message in [
        ToModule::Wait { seconds: 1 },
        ToModule::Show {
            text: "x".to_owned(),
            error: false,
        },
    ] {
        let mut host = FakeHost::and_agent(vec![Step::Flood(message)]);
        let person = FakeApplication::of("alice");
        assert!(matches!(hold(&host, &person), Err(Failure::Flood)));
        assert!(person.texts().len() <= MAX_MESSAGES);
        host.heard();
    }
}

#[test]
fn garbage_and_hanging_up_are_failures() {
    for bytes in [
        &b"\xff\xff\xff\xff{"[..],
        b"\x02\x00\x00\x00{}",
        b"\x19\x00\x00\x00{\"v\":1,\"body\":{\"dance\":{}}}",
        b"\x09\x00",
        b"",
    ] {
        let mut host = FakeHost::and_agent(vec![Step::Bytes(bytes)]);
        let failed = hold(&host, &FakeApplication::of("alice"));
        assert!(matches!(failed, Err(Failure::Agent(_))), "{failed:?}");
        host.heard();
    }
}

#[test]
fn nothing_is_sent_to_a_stranger() {
    for (peer, passwd) in [
        (4711, Some("entra-agent:x:990:990::/:/bin/false\n")),
        (AGENT_UID, Some("root:x:0:0::/root:/bin/sh\n")),
        (AGENT_UID, None),
    ] {
        let mut host = FakeHost::and_agent(vec![]);
        (host.peer, host.passwd) = (peer, passwd);
        let refused = hold(&host, &FakeApplication::of("alice"));
        assert!(matches!(refused, Err(Failure::Stranger(uid)) if uid == peer));
        let nothing_heard = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| host.heard()));
        assert!(nothing_heard.is_err());
    }
}

#[test]
fn root_may_hold_the_listener() {
    let mut host = FakeHost::and_agent(vec![verdict(Outcome::Success, None)]);
    (host.peer, host.passwd) = (0, None);
    assert!(hold(&host, &FakeApplication::of("alice")).is_ok());
    host.heard();
}

#[test]
fn a_question_without_prompts_has_none_and_waits_for_nothing() {
    for step in [ask("x"), ask_secret("x", true), wait(900)] {
        let mut host = FakeHost::and_agent(vec![step, Step::Hang]);
        let patience = Patience::question(Duration::from_millis(500));
        let ended = converse(&host, &FakeApplication::of("alice"), begin(), patience);
        assert!(matches!(ended, Err(Failure::Prompted)));
        host.heard();
    }
}

#[test]
fn silence_is_kept_when_asked_for() {
    let mut host = FakeHost::and_agent(vec![show("hello"), verdict(Outcome::Success, None)]);
    let person = FakeApplication::of("alice");
    let quiet = Begin {
        silent: true,
        ..begin()
    };
    let ending = converse(&host, &person, quiet, SHORT).unwrap();
    assert!(ending.is_silent && person.texts().is_empty());
    host.heard();
}

/// sudo asks every module for silence, and shows nothing but prompts of a module that keeps it.
#[test]
fn silence_is_over_with_the_first_question_and_nothing_that_belongs_to_it_is_lost() {
    let mut host = FakeHost::and_agent(vec![
        show("Open this page."),
        ask("Press Enter: "),
        Step::Hear,
        show("Thank you."),
        verdict(Outcome::AuthError, Some("Declined.")),
    ]);
    let person = FakeApplication::typing("alice", [Ok("")]);
    let quiet = Begin {
        silent: true,
        ..begin()
    };
    let ending = converse(&host, &person, quiet, SHORT).unwrap();
    assert!(!ending.is_silent);
    assert_eq!(person.texts(), ["Open this page.", "Thank you."]);
    host.heard();
}
