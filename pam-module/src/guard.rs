//! Between libpam and the safe code: who is it, and what if something panics.
//!
//! A panic that left an entry point would abort sshd, sudo or su. Each step therefore runs in a guard of
//! its own, in an order that keeps two promises at once: local users are never locked out, imported ones
//! are never let in.
//!
//! | panics | answer |
//! |---|---|
//! | reading `PAM_USER` | `PAM_IGNORE`: nothing is known, and root must get in |
//! | deciding who that is | `PAM_IGNORE` for root and for a line of `/etc/passwd`, else a refusal |
//! | the gate on a local account | `PAM_IGNORE` |
//! | telling a stranger or a doubtful user | what would have been answered anyway |
//! | the phase of an imported user | a refusal |
//!
//! A caught payload is forgotten, not dropped: its drop may panic again. The panic hook is this library's
//! own, since its copy of std is linked in and exports nothing: the host's and other modules' panics never
//! reach it. It is set at the first call of the process and stays. It writes only where the panic was, to the journal:
//! the default one would print to the terminal of whoever runs sudo, and a panic's message may repeat
//! what was typed.

use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;

use entra_snapshot::identify;
use pamsm::PamError;

use crate::application::Application;
use crate::host::Host;
use crate::identity::{Doubt, Identity};
use crate::phases::{self, Call, Entry};
use crate::{gate, sentences, system_ffi};

/// The one superuser, by the name that every Unix has: what is left when nothing else can be asked.
const ROOT: &[u8] = b"root";

/// Answers one call of libpam.
pub(crate) fn answer(call: Call, application: &impl Application, host: &impl Host) -> PamError {
    // Only the auth phase may bring up the prompt for a name.
    let may_ask = call.entry == Entry::Authenticate;
    let Some(Some(name)) = caught(|| application.user(may_ask)) else {
        return PamError::IGNORE;
    };
    let Some(identity) = caught(|| identify(host, &name)) else {
        return match caught(|| is_surely_local(host, &name)) {
            Some(true) => PamError::IGNORE,
            _ => call.entry.refusal(),
        };
    };
    match identity {
        Identity::Local { uid } => {
            caught(|| gate::answer(call, application, host, &name, uid)).unwrap_or(PamError::IGNORE)
        }
        Identity::Other => PamError::IGNORE,
        Identity::Unknown { sign_in_enabled } => {
            if sign_in_enabled && call.entry == Entry::Authenticate {
                caught(|| phases::say(call, application, sentences::NOT_IMPORTED));
            }
            PamError::IGNORE
        }
        Identity::Doubtful(doubt) => {
            caught(|| tell_doubt(call, application, host, &name, &doubt));
            call.entry.refusal()
        }
        Identity::Imported(imported) => {
            caught(|| phases::answer(call, &imported, application, host))
                .unwrap_or(call.entry.refusal())
        }
    }
}

/// Sends this library's panics to the journal, without their message.
pub(crate) fn silence_panics() {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        panic::set_hook(Box::new(|panic| {
            let place = panic.location().map(ToString::to_string);
            system_ffi::journal(&format!(
                "pam_entra: panic at {}; imported users are refused, local ones left alone",
                place.as_deref().unwrap_or("an unknown place"),
            ));
        }));
    });
}

fn caught<T>(step: impl FnOnce() -> T) -> Option<T> {
    match panic::catch_unwind(AssertUnwindSafe(step)) {
        Ok(value) => Some(value),
        Err(payload) => {
            std::mem::forget(payload);
            None
        }
    }
}

fn is_surely_local(host: &impl Host, name: &[u8]) -> bool {
    name == ROOT || host.passwd_file().is_ok_and(|file| file.has(name))
}

fn tell_doubt(
    call: Call,
    application: &impl Application,
    host: &impl Host,
    name: &[u8],
    doubt: &Doubt,
) {
    let name = String::from_utf8_lossy(name);
    phases::note(call, application, host, &name, &format!("refused: {doubt}"));
    if call.entry.has_a_listener() {
        phases::say(call, application, sentences::DOUBTFUL);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fakes::{FakeApplication, FakeHost, Step, verdict};
    use entra_protocol::login::Outcome;

    const ENTRIES: [Entry; 7] = [
        Entry::Authenticate,
        Entry::SetCredentials,
        Entry::Account,
        Entry::OpenSession,
        Entry::CloseSession,
        Entry::PasswordCheck,
        Entry::PasswordUpdate,
    ];

    fn call(entry: Entry) -> Call {
        Call {
            entry,
            silent: false,
        }
    }

    fn is_refusal(result: PamError) -> bool {
        !matches!(
            result,
            PamError::SUCCESS
                | PamError::IGNORE
                | PamError::USER_UNKNOWN
                | PamError::MODULE_UNKNOWN
        )
    }

    #[test]
    fn while_the_gate_is_open_local_users_are_ignored_without_a_word_or_a_question_to_the_agent() {
        for entry in ENTRIES {
            for name in ["root", "local"] {
                let mut host =
                    FakeHost::and_agent(vec![verdict(Outcome::Success, Some("come in"))]);
                // Whatever NSS and the directory claim about them.
                host.nss = |_| Some(crate::fakes::ALICE_UID);
                let person = FakeApplication::of(name);
                assert_eq!(answer(call(entry), &person, &host), PamError::IGNORE);
                assert!(person.texts().is_empty());
                // A session is told of if it is a break-glass account's.
                let looks_at_the_gate = matches!(
                    entry,
                    Entry::Authenticate | Entry::Account | Entry::OpenSession
                );
                let asked = host.asked.borrow();
                assert_eq!(asked.first(), Some(&"passwd"));
                let policy: &[&str] = if looks_at_the_gate { &["policy"] } else { &[] };
                assert_eq!(&asked[1..], policy, "{entry:?}");
            }
        }
    }

    #[test]
    fn an_agent_that_says_yes_lets_no_local_user_in() {
        for entry in ENTRIES {
            let mut host = FakeHost::and_agent(vec![verdict(Outcome::Success, None)]);
            host.passwd = Some("alice:x:1000:1000::/home/alice:/bin/sh\n");
            let person = FakeApplication::of("alice");
            assert_eq!(answer(call(entry), &person, &host), PamError::IGNORE);
            assert!(!host.asked.borrow().contains(&"agent"));
        }
    }

    #[test]
    fn nobody_gets_one_sentence_in_auth_and_nothing_else() {
        for (entry, said) in [
            (Entry::Authenticate, 1),
            (Entry::Account, 0),
            (Entry::SetCredentials, 0),
        ] {
            let host = FakeHost::with_alice();
            let person = FakeApplication::of("mallory");
            assert_eq!(answer(call(entry), &person, &host), PamError::IGNORE);
            assert_eq!(person.texts(), [sentences::NOT_IMPORTED][..said]);
            assert!(!host.asked.borrow().contains(&"agent"));
        }
        let mut host = FakeHost::with_alice();
        host.policy().sign_in_enabled = false;
        let person = FakeApplication::of("mallory");
        answer(call(Entry::Authenticate), &person, &host);
        assert!(person.texts().is_empty());
    }

    #[test]
    fn nobody_gets_no_sentence_where_silence_was_asked_for() {
        let person = FakeApplication::of("mallory");
        let quiet = Call {
            entry: Entry::Authenticate,
            silent: true,
        };
        answer(quiet, &person, &FakeHost::with_alice());
        assert!(person.texts().is_empty());
    }

    #[test]
    fn doubtful_users_are_refused_in_every_phase_and_the_journal_says_why() {
        for entry in ENTRIES {
            let mut host = FakeHost::with_alice();
            host.damaged = true;
            let person = FakeApplication::of("alice");
            assert!(is_refusal(answer(call(entry), &person, &host)), "{entry:?}");
            assert!(host.journal.borrow()[0].contains("the directory is damaged"));
            assert_eq!(person.texts().len(), usize::from(entry.has_a_listener()));
        }
    }

    #[test]
    fn without_a_name_there_is_nobody_to_judge() {
        let person = FakeApplication::default();
        for entry in ENTRIES {
            assert_eq!(
                answer(call(entry), &person, &FakeHost::with_alice()),
                PamError::IGNORE
            );
        }
    }

    #[test]
    fn a_panic_while_reading_the_name_ignores() {
        let person = FakeApplication {
            panics_at: Some("user"),
            ..FakeApplication::of("alice")
        };
        assert_eq!(
            answer(call(Entry::Account), &person, &FakeHost::with_alice()),
            PamError::IGNORE
        );
    }

    #[test]
    fn a_panic_while_deciding_refuses_all_but_root_and_the_passwd_file() {
        for (at, name, refused) in [
            ("directory", "alice", true),
            ("nss", "alice", true),
            ("passwd", "alice", true),
            ("passwd", "root", false),
            ("directory", "local", false),
        ] {
            for entry in ENTRIES {
                let mut host = FakeHost::with_alice();
                host.panics_at = Some(at);
                let result = answer(call(entry), &FakeApplication::of(name), &host);
                assert_eq!(is_refusal(result), refused, "{at} {name} {entry:?}");
            }
        }
    }

    #[test]
    fn a_panic_in_the_phase_of_an_imported_user_refuses() {
        for entry in [
            Entry::Authenticate,
            Entry::Account,
            Entry::OpenSession,
            Entry::PasswordCheck,
        ] {
            let mut host = FakeHost::with_alice();
            host.panics_at = Some("agent");
            let result = answer(call(entry), &FakeApplication::of("alice"), &host);
            assert_eq!(result, entry.refusal());
            assert!(is_refusal(result));
        }
        let mut host = FakeHost::and_agent(vec![
            crate::fakes::ask_secret("Password: ", true),
            Step::Hang,
        ]);
        let person = FakeApplication {
            panics_at: Some("prompt"),
            ..FakeApplication::of("alice")
        };
        assert_eq!(
            answer(call(Entry::Authenticate), &person, &host),
            PamError::AUTH_ERR
        );
        host.heard();
    }

    #[test]
    fn a_panic_while_telling_changes_no_answer() {
        let person = FakeApplication {
            panics_at: Some("show"),
            ..FakeApplication::of("mallory")
        };
        let host = FakeHost::with_alice();
        assert_eq!(
            answer(call(Entry::Authenticate), &person, &host),
            PamError::IGNORE
        );
    }
}
