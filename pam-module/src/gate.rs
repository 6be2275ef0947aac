//! The gate on local accounts: whether this module refuses an account of `/etc/passwd`.
//!
//! Invariant: there are two answers, `PAM_IGNORE` and a refusal, and every doubt is `PAM_IGNORE`: a directory that
//! is missing or can't be read, an agent that does not say in so many words that Entra can be reached, a panic
//! (`guard`). Never `PAM_SUCCESS`. What the gate says is `entra_snapshot`'s pure function; here is what it is
//! told, and the one question to the agent.

use entra_protocol::limits::ACCOUNT_LIMIT;
use entra_protocol::login::{Outcome, Phase};
use entra_snapshot::{GatePhase, LocalCall, Policy, Ruling, is_a_way_in};
use pamsm::PamError;

use crate::application::{Application, Item};
use crate::dialogue::{self, Patience};
use crate::host::Host;
use crate::phases::{self, Call, Entry, REPORT_LIMIT};
use crate::sentences;

/// The answer for the account of `/etc/passwd` with this name and number.
pub(crate) fn answer(
    call: Call,
    application: &impl Application,
    host: &impl Host,
    name: &[u8],
    uid: Option<u32>,
) -> PamError {
    let phase = match call.entry {
        Entry::Authenticate => GatePhase::Auth,
        Entry::Account => GatePhase::Account,
        Entry::OpenSession => {
            report_session(call, application, host, name, uid);
            return PamError::IGNORE;
        }
        Entry::SetCredentials
        | Entry::DropCredentials
        | Entry::CloseSession
        | Entry::PasswordCheck
        | Entry::PasswordUpdate => return PamError::IGNORE,
    };
    let service = application.item(Item::Service);
    if phase == GatePhase::Account && !is_a_way_in(&service) {
        return PamError::IGNORE;
    }
    let Some(policy) = policy(host) else {
        return PamError::IGNORE;
    };
    let local = LocalCall {
        phase,
        name,
        uid,
        service: &service,
        by_root: host.is_called_by_root(),
    };
    let (sentence, facts) = match policy.rule(&local, host.now()) {
        Ruling::Pass(_) => return PamError::IGNORE,
        Ruling::Refuse => (
            sentences::GATE_DENIES,
            "local accounts may not sign in here",
        ),
        Ruling::PassIfUnreachable if is_reachable(call, application, host, name) => (
            sentences::GATE_FALLBACK,
            "local accounts may sign in only while Entra can't be reached",
        ),
        Ruling::PassIfUnreachable => return PamError::IGNORE,
    };
    let name = String::from_utf8_lossy(name);
    phases::note(call, application, host, &name, &format!("refused: {facts}"));
    let told = Call {
        // Somebody is there, and no question will come that would end the silence: sudo, which always asks for
        // it, would say "try again" to somebody who was never asked for a password.
        silent: call.silent && phase != GatePhase::Auth,
        ..call
    };
    phases::say(told, application, sentence);
    match phase {
        // One of pam_authenticate(3)'s that nobody repeats: sudo and login take a plain failure for a wrong password.
        GatePhase::Auth => PamError::CRED_INSUFFICIENT,
        GatePhase::Account => call.entry.refusal(),
    }
}

/// The published policy; none if there is none, or if it can't be read: there is no gate then.
fn policy(host: &impl Host) -> Option<Policy> {
    host.published_policy().ok()
}

/// Whether the agent says that Entra can be reached. Nothing else that it says, and no silence, shuts the gate.
fn is_reachable(call: Call, application: &impl Application, host: &impl Host, name: &[u8]) -> bool {
    let name = String::from_utf8_lossy(name);
    let begin = phases::begin(call, application, Phase::LocalAccount, &name);
    match dialogue::converse(host, application, begin, Patience::question(ACCOUNT_LIMIT)) {
        Ok(ending) => ending.verdict.outcome == Outcome::Reachable,
        Err(failure) => {
            let facts = format!("{failure}; Entra counts as unreachable");
            phases::note(call, application, host, &name, &facts);
            false
        }
    }
}

/// Tells the agent that a break-glass account came in, which proves that it can. Of nobody else is anything told.
fn report_session(
    call: Call,
    application: &impl Application,
    host: &impl Host,
    name: &[u8],
    uid: Option<u32>,
) {
    let is_a_proof = is_a_way_in(&application.item(Item::Service))
        && policy(host)
            .is_some_and(|policy| policy.sign_in_enabled && policy.is_break_glass(name, uid));
    if !is_a_proof {
        return;
    }
    let name = String::from_utf8_lossy(name);
    let begin = phases::begin(call, application, Phase::OpenSession, &name);
    // Nobody waits for it: a proof that did not get through is given by the next session.
    let _ = dialogue::converse(host, application, begin, Patience::question(REPORT_LIMIT));
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use entra_protocol::login::{Outcome, Phase, ToAgent};
    use entra_snapshot::Gate;
    use pamsm::PamError;

    use crate::fakes::{FakeApplication, FakeHost, Step, verdict};
    use crate::guard::answer;
    use crate::phases::{Call, Entry};
    use crate::sentences;

    fn call(entry: Entry) -> Call {
        Call {
            entry,
            silent: false,
        }
    }

    fn shut(gate: Gate) -> FakeHost {
        let mut host = FakeHost::with_alice();
        host.policy().gate = gate;
        host.policy().break_glass = vec!["root".to_owned()];
        host
    }

    fn fallback(steps: Vec<Step>) -> FakeHost {
        let mut host = FakeHost::and_agent(steps);
        host.policy().gate = Gate::Fallback;
        host
    }

    #[test]
    fn deny_refuses_a_local_account_with_a_sentence_in_auth_and_account_only() {
        for (entry, result) in [
            (Entry::Authenticate, PamError::CRED_INSUFFICIENT),
            (Entry::Account, PamError::PERM_DENIED),
            (Entry::SetCredentials, PamError::IGNORE),
            (Entry::OpenSession, PamError::IGNORE),
            (Entry::CloseSession, PamError::IGNORE),
            (Entry::PasswordCheck, PamError::IGNORE),
            (Entry::PasswordUpdate, PamError::IGNORE),
        ] {
            let host = shut(Gate::Deny);
            let person = FakeApplication::of("local");
            assert_eq!(answer(call(entry), &person, &host), result, "{entry:?}");
            let is_refused = result != PamError::IGNORE;
            assert_eq!(
                person.texts(),
                [sentences::GATE_DENIES][..usize::from(is_refused)]
            );
            assert_eq!(host.journal.borrow().len(), usize::from(is_refused));
            assert!(!host.asked.borrow().contains(&"agent"), "{entry:?}");
        }
    }

    #[test]
    fn silence_keeps_the_sentence_from_nobody_who_is_there() {
        for (entry, told) in [(Entry::Authenticate, 1), (Entry::Account, 0)] {
            let person = FakeApplication::of("local");
            let quiet = Call {
                entry,
                silent: true,
            };
            answer(quiet, &person, &shut(Gate::Deny));
            assert_eq!(person.texts().len(), told, "{entry:?}");
        }
    }

    #[test]
    fn root_and_jobs_pass_under_deny() {
        for entry in [Entry::Authenticate, Entry::Account] {
            let host = shut(Gate::Deny);
            let root = FakeApplication::of("root");
            assert_eq!(answer(call(entry), &root, &host), PamError::IGNORE);
            assert!(root.texts().is_empty());
            let job = FakeApplication {
                service: Some("cron"),
                ..FakeApplication::of("local")
            };
            assert_eq!(answer(call(entry), &job, &host), PamError::IGNORE);
        }
    }

    #[test]
    fn every_doubt_about_the_gate_passes() {
        type Change = fn(&mut FakeHost);
        let doubts: [(&str, Change); 7] = [
            ("no directory", |host| host.directory = None),
            ("a damaged one", |host| host.damaged = true),
            ("sign-in off", |host| host.policy().sign_in_enabled = false),
            ("a trial that is over", |host| {
                host.policy().gate_trial_ends = Some(host.now);
            }),
            ("a clock before its time", |host| {
                host.policy().gate_trial_ends = Some(host.now + 60);
                host.policy().gate_set_at = Some(host.now + 1000);
            }),
            ("a panic", |host| host.panics_at = Some("policy")),
            ("an unreadable passwd file", |host| {
                host.passwd = None;
                host.nss = |_| Some(1000);
            }),
        ];
        for (what, change) in doubts {
            for entry in [Entry::Authenticate, Entry::Account] {
                let mut host = shut(Gate::Deny);
                change(&mut host);
                let person = FakeApplication::of("local");
                let result = answer(call(entry), &person, &host);
                assert_eq!(result, PamError::IGNORE, "{what} {entry:?}");
            }
        }
    }

    #[test]
    fn fallback_is_shut_only_by_an_agent_that_says_reachable() {
        for (outcome, shut) in [
            (Outcome::Reachable, true),
            (Outcome::Unavailable, false),
            (Outcome::Success, false),
            (Outcome::PermissionDenied, false),
            (Outcome::UserUnknown, false),
            (Outcome::Unknown, false),
        ] {
            for entry in [Entry::Authenticate, Entry::Account] {
                let mut host = fallback(vec![verdict(outcome, Some("words of the agent"))]);
                let person = FakeApplication::of("local");
                let result = answer(call(entry), &person, &host);
                let expected = match (shut, entry) {
                    (false, _) => PamError::IGNORE,
                    (true, Entry::Authenticate) => PamError::CRED_INSUFFICIENT,
                    (true, _) => entry.refusal(),
                };
                assert_eq!(result, expected, "{outcome:?}");
                assert_eq!(
                    person.texts(),
                    [sentences::GATE_FALLBACK][..usize::from(shut)]
                );
                let heard = host.heard();
                let [ToAgent::Begin(begin)] = heard.as_slice() else {
                    panic!("{heard:?}");
                };
                assert_eq!(
                    (begin.phase, begin.user.as_str()),
                    (Phase::LocalAccount, "local")
                );
            }
        }
    }

    #[test]
    fn an_agent_that_hangs_hangs_up_or_is_gone_counts_as_unreachable_within_a_second() {
        for steps in [
            Some(vec![Step::Hang]),
            Some(vec![]),
            Some(vec![Step::Bytes(b"\x02\0\0\0{}")]),
            None,
        ] {
            let mut host = match steps {
                Some(steps) => fallback(steps),
                None => shut(Gate::Fallback),
            };
            host.policy().gate = Gate::Fallback;
            let began = Instant::now();
            let person = FakeApplication::of("local");
            let result = answer(call(Entry::Authenticate), &person, &host);
            assert_eq!(result, PamError::IGNORE);
            assert!(began.elapsed() < Duration::from_millis(1900));
            assert!(host.journal.borrow()[0].contains("Entra counts as unreachable"));
        }
    }

    #[test]
    fn a_session_of_a_break_glass_account_is_told_and_no_other() {
        for (name, service, told) in [
            ("root", "sshd", true),
            ("root", "cron", false),
            ("root", "su", false),
            ("local", "sshd", false),
        ] {
            let mut host = FakeHost::and_agent(vec![verdict(Outcome::Success, None)]);
            host.policy().break_glass = vec!["root".to_owned()];
            let person = FakeApplication {
                service: Some(service),
                ..FakeApplication::of(name)
            };
            let result = answer(call(Entry::OpenSession), &person, &host);
            assert_eq!(result, PamError::IGNORE);
            let asked = host.asked.borrow().contains(&"agent");
            assert_eq!(asked, told, "{name} {service}");
        }
    }
}
