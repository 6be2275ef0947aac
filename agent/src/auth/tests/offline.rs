//! Sign-ins while the tenant can't be asked: CVE-2025-53013's order of events, in which an error came before the
//! comparison and counted as success, must have no place here.

use rusqlite::Connection;

use super::*;
use crate::auth::remembering::{Fate, LET_IN, fate};
use crate::entra::errors::{Class, TABLE};
use crate::entra::{EntraError, IdToken, Obstacle, Refusal};
use crate::store::{Actor, STATE_FILE, ThrottleSubject, Unlocking, VerifierKind};

const RIGHT: &str = "Correct-Horse-9";
const OTHER: &str = "Correct-Horse-8";

/// The codes with which the login service says that it has no verdict, written down once more: what the table
/// says must not decide alone.
const NO_VERDICT: &[u32] = &[
    90033, 90006, 90012, 90024, 90090, 50033, 50000, 90055, 50196, 80001, 80002, 80005, 80007,
    80014,
];

/// A host where alice has signed in once with [`RIGHT`].
async fn after_a_sign_in() -> Host {
    let host = Host::new();
    let verdict = online(&host, RIGHT, Ok(token_of(ALICE))).await;
    assert_eq!(verdict.outcome, Outcome::Success);
    assert_eq!(verdict.message, None);
    assert!(kept(&host));
    host
}

fn kept(host: &Host) -> bool {
    let kept = host.store.verifier(&key_of(ALICE), VerifierKind::Password);
    kept.unwrap().is_some()
}

/// A sign-in of alice at a service that takes nothing but passwords.
async fn online(host: &Host, password: &str, answer: Result<IdToken, EntraError>) -> Verdict {
    let tenant = Arc::new(Tenant::default().on_password(answer));
    let mut typist = Typist::default().types(password);
    sign_in(host, &tenant, "alice", "password-only", &mut typist).await
}

async fn offline(host: &Host, password: &str) -> Verdict {
    online(host, password, Err(no_answer())).await
}

/// Something that root changes in one of the databases.
pub(super) fn change(host: &Host, file: &str, sql: &str) {
    let connection = Connection::open(host.folder.path().join(file)).unwrap();
    connection.execute_batch(sql).unwrap();
}

/// No try counts any more.
pub(super) fn unlock(host: &Host) {
    let root = Actor {
        uid: 0,
        name: "root".to_owned(),
        role: None,
    };
    let subjects = [
        ThrottleSubject::Person(key_of(ALICE)),
        ThrottleSubject::RemoteHost("192.0.2.7".to_owned()),
    ];
    let all = subjects.map(|subject| Unlocking {
        subject,
        label: String::new(),
        before: String::new(),
    });
    host.store.unlock(&all, &root).unwrap();
}

/// Every way in which a request can end without a token, and whether that is no verdict.
pub(super) fn failures() -> Vec<(EntraError, bool)> {
    let answered = |status, code: u32| {
        EntraError::Refused(Box::new(Refusal {
            status,
            codes: if code == 0 { Vec::new() } else { vec![code] },
            ..Refusal::default()
        }))
    };
    let obstacles = [
        Obstacle::Unknown,
        Obstacle::Refused,
        Obstacle::Silence,
        Obstacle::ProxyCredentials,
        Obstacle::Proxy,
        Obstacle::Issuer,
        Obstacle::NotYet,
        Obstacle::Expired,
        Obstacle::OtherName,
        Obstacle::Tls,
    ];
    let silent = obstacles.map(|obstacle| {
        let error = EntraError::NoAnswer {
            place: "POST token".to_owned(),
            reason: "nothing".to_owned(),
            obstacle,
        };
        (error, true)
    });
    let other = [
        (
            EntraError::Unusable {
                place: "POST token".to_owned(),
                reason: "no JSON".to_owned(),
            },
            true,
        ),
        (
            EntraError::OtherTenant {
                place: "POST token".to_owned(),
                found: "another".to_owned(),
                expected: TENANT.parse().unwrap(),
            },
            false,
        ),
        (EntraError::Credential("none".to_owned()), false),
        (answered(429, 0), true),
        (answered(500, 0), true),
        (answered(503, 0), true),
        (answered(504, 999_999), true),
        (answered(400, 0), false),
        (answered(403, 0), false),
        (answered(404, 0), false),
        (answered(400, 999_999), false),
        // What the code says counts, whatever the status.
        (answered(503, 50126), false),
        (answered(429, 50057), false),
    ];
    let codes = TABLE
        .iter()
        .flat_map(|row| row.codes)
        .map(|code| (answered(400, *code), NO_VERDICT.contains(code)));
    silent.into_iter().chain(other).chain(codes).collect()
}

#[tokio::test]
async fn no_error_at_any_step_is_success_without_the_right_password() {
    let host = after_a_sign_in().await;
    let key = key_of(ALICE);
    let row = host.store.verifier(&key, VerifierKind::Password).unwrap();
    let row = row.unwrap();
    let mut successes = 0;
    for (error, no_verdict) in failures() {
        for at_the_keys in [false, true] {
            // A refusal of the keys' address is no verdict about anybody, and no way in either.
            for (typed, is_kept) in [
                (Some(RIGHT), true),
                (Some(RIGHT), false),
                (Some(OTHER), true),
                (Some(""), true),
                (None, true),
            ] {
                host.store.drop_verifiers(&[key]).unwrap();
                if is_kept {
                    let new = crate::store::NewVerifier {
                        kind: VerifierKind::Password,
                        key_id: row.key_id,
                        scheme: row.scheme,
                        salt: row.salt,
                        tag: row.tag,
                    };
                    host.store.keep_verifier(&key, &new).unwrap();
                }
                change(
                    &host,
                    crate::store::DIRECTORY_FILE,
                    "UPDATE users SET enabled = 1, cut_off_at = NULL WHERE name = 'alice'",
                );
                unlock(&host);
                let tenant = if at_the_keys {
                    let tenant = Tenant::default().on_password(Ok(token_of(ALICE)));
                    *tenant.keys_fail.lock().unwrap() = Some(error.clone());
                    tenant
                } else {
                    Tenant::default().on_password(Err(error.clone()))
                };
                let typist = Typist::default();
                let mut typist = match typed {
                    Some(password) => typist.types(password),
                    None => typist.cannot_prompt(),
                };
                let verdict = sign_in(
                    &host,
                    &Arc::new(tenant),
                    "alice",
                    "password-only",
                    &mut typist,
                )
                .await;
                let expected = no_verdict && is_kept && typed == Some(RIGHT);
                let succeeded = verdict.outcome == Outcome::Success;
                assert_eq!(
                    succeeded, expected,
                    "{error}, at the keys: {at_the_keys}, {typed:?}, kept: {is_kept}: {verdict:?}"
                );
                assert_eq!(succeeded, verdict.message.as_deref() == Some(LET_IN));
                successes += usize::from(succeeded);
            }
        }
    }
    let transient = failures().iter().filter(|(_, no)| *no).count();
    assert_eq!(successes, 2 * transient);
}

/// A device code that can't be had, and then a password; a question about the domain that nobody answers.
#[tokio::test(start_paused = true)]
async fn the_other_steps_lead_to_the_same_comparison() {
    let host = after_a_sign_in().await;
    for (password, outcome) in [(RIGHT, Outcome::Success), (OTHER, Outcome::AuthError)] {
        let tenant = Tenant::default().on_password(Err(no_answer()));
        *tenant.realm.lock().unwrap() = Some(None);
        let mut typist = Typist::default().types(password);
        let verdict = sign_in(&host, &Arc::new(tenant), "alice", "su", &mut typist).await;
        assert_eq!(verdict.outcome, outcome, "{verdict:?}");
    }
    // A service that offers no password asks for none.
    let tenant = Tenant::default();
    *tenant.no_codes.lock().unwrap() = Some(no_answer());
    let mut typist = Typist::default().types(RIGHT);
    let verdict = sign_in(&host, &Arc::new(tenant), "alice", "sshd", &mut typist).await;
    assert_eq!(verdict.outcome, Outcome::Unavailable);
    assert_eq!(message(&verdict), errors::UNREACHABLE);
    assert_eq!(typist.answers.len(), 1, "a password was asked for");
    let tenant = Tenant::default().on_password(Err(no_answer()));
    *tenant.no_codes.lock().unwrap() = Some(no_answer());
    let mut typist = Typist::default().types(RIGHT);
    let verdict = sign_in(
        &host,
        &Arc::new(tenant),
        "alice",
        "codes-first",
        &mut typist,
    )
    .await;
    assert_eq!(verdict.outcome, Outcome::Success, "{verdict:?}");
    assert!(typist.shown().contains(errors::UNREACHABLE));
}

#[tokio::test]
async fn whatever_stands_against_what_is_kept_keeps_the_right_password_out() {
    const STATE: &str = STATE_FILE;
    const DIRECTORY: &str = crate::store::DIRECTORY_FILE;
    let day = 24 * 60 * 60;
    let changes = [
        (
            STATE,
            "UPDATE verifiers SET key_id = zeroblob(16)".to_owned(),
        ),
        (STATE, "UPDATE verifiers SET scheme = 2".to_owned()),
        (STATE, "UPDATE verifiers SET salt = zeroblob(16)".to_owned()),
        (STATE, "UPDATE verifiers SET tag = zeroblob(32)".to_owned()),
        (STATE, "UPDATE verifiers SET tag = x'00'".to_owned()),
        (STATE, "UPDATE verifiers SET tries = 100".to_owned()),
        (
            STATE,
            format!("UPDATE verifiers SET tries = 5, tried_at = {NOW} - 59"),
        ),
        (
            STATE,
            format!("UPDATE verifiers SET proven_at = {NOW} - 14 * {day} - 1"),
        ),
        (STATE, format!("UPDATE verifiers SET made_at = {NOW} + 301")),
        (
            STATE,
            format!("UPDATE verifiers SET proven_at = {NOW} + 301"),
        ),
        (
            STATE,
            format!("UPDATE verifiers SET tries = 1, tried_at = {NOW} + 301"),
        ),
        (
            STATE,
            format!(
                "UPDATE settings SET value = {NOW} - 14 * {day} - 1 WHERE key GLOB 'known_at:*'"
            ),
        ),
        (
            STATE,
            format!("UPDATE settings SET value = {NOW} + 301 WHERE key GLOB 'known_at:*'"),
        ),
        (
            STATE,
            "DELETE FROM settings WHERE key GLOB 'known_at:*'".to_owned(),
        ),
        (
            STATE,
            "UPDATE settings SET value = 'off' WHERE key = 'sign_in_enabled'".to_owned(),
        ),
        (
            DIRECTORY,
            format!("UPDATE users SET password_changed_at = {NOW} + 1"),
        ),
        (
            DIRECTORY,
            format!("UPDATE users SET sessions_valid_from = {NOW} + 1"),
        ),
        (DIRECTORY, "UPDATE users SET enabled = 0".to_owned()),
        (DIRECTORY, "UPDATE users SET withheld = 1".to_owned()),
        (DIRECTORY, "UPDATE users SET displaced = 1".to_owned()),
        (
            DIRECTORY,
            "DELETE FROM users WHERE name = 'alice'".to_owned(),
        ),
    ];
    for (file, sql) in changes {
        let host = after_a_sign_in().await;
        change(&host, file, &sql);
        let verdict = offline(&host, RIGHT).await;
        assert_ne!(verdict.outcome, Outcome::Success, "{sql}");
        assert_ne!(verdict.message.as_deref(), Some(LET_IN), "{sql}");
    }
    let host = after_a_sign_in().await;
    std::fs::remove_file(host.folder.path().join("offline.key")).unwrap();
    assert_eq!(offline(&host, RIGHT).await.outcome, Outcome::Unavailable);

    // What just does not stand against it.
    for (file, sql) in [
        (
            STATE,
            format!("UPDATE verifiers SET proven_at = {NOW} - 14 * {day}"),
        ),
        (STATE, format!("UPDATE verifiers SET made_at = {NOW} + 300")),
        (
            STATE,
            format!("UPDATE verifiers SET tries = 5, tried_at = {NOW} - 60"),
        ),
        (
            DIRECTORY,
            format!("UPDATE users SET password_changed_at = {NOW}"),
        ),
        (
            DIRECTORY,
            format!("UPDATE users SET sessions_valid_from = {NOW}"),
        ),
    ] {
        let host = after_a_sign_in().await;
        change(&host, file, &sql);
        let verdict = offline(&host, RIGHT).await;
        assert_eq!(verdict.outcome, Outcome::Success, "{sql}: {verdict:?}");
    }
}

#[tokio::test]
async fn what_is_kept_is_of_one_person_and_one_host() {
    let host = after_a_sign_in().await;
    let (alice, mallory) = (key_of(ALICE).object, key_of(MALLORY).object);
    let hex = |bytes: [u8; 16]| bytes.map(|byte| format!("{byte:02x}")).concat();
    let moved = format!(
        "UPDATE verifiers SET object = x'{}' WHERE object = x'{}'",
        hex(mallory.to_bytes()),
        hex(alice.to_bytes())
    );
    change(&host, STATE_FILE, &moved);
    let tenant = Arc::new(Tenant::default().on_password(Err(no_answer())));
    let mut typist = Typist::default().types(RIGHT);
    let verdict = sign_in(&host, &tenant, "mallory", "password-only", &mut typist).await;
    assert_eq!(verdict.outcome, Outcome::AuthError, "{verdict:?}");
}

#[tokio::test]
async fn wrong_tries_are_on_the_disk_wait_and_count_in_the_throttle() {
    let host = after_a_sign_in().await;
    for tries in 1..=5 {
        assert_eq!(offline(&host, OTHER).await.outcome, Outcome::AuthError);
        let counted = host.store.offline_tries(&key_of(ALICE)).unwrap();
        assert_eq!(counted.map(|(tries, _)| tries), Some(tries));
    }
    // The throttle has counted them, too: no password is asked for any more.
    let verdict = offline(&host, RIGHT).await;
    assert_eq!(verdict.outcome, Outcome::MaxTries);
    assert!(
        message(&verdict).starts_with("Too many failed tries"),
        "{verdict:?}"
    );
    // Were it not for the throttle.
    change(
        &host,
        STATE_FILE,
        "DELETE FROM throttled_people; DELETE FROM throttled_hosts",
    );
    let verdict = offline(&host, RIGHT).await;
    assert_eq!(verdict.outcome, Outcome::MaxTries);
    assert!(message(&verdict).contains("for 1 minute"), "{verdict:?}");
    let counted = host.store.offline_tries(&key_of(ALICE)).unwrap();
    assert_eq!(
        counted.map(|(tries, _)| tries),
        Some(5),
        "a refused one counted"
    );

    unlock(&host);
    assert_eq!(offline(&host, OTHER).await.outcome, Outcome::AuthError);
    assert_eq!(offline(&host, RIGHT).await.outcome, Outcome::Success);
    assert_eq!(host.store.offline_tries(&key_of(ALICE)).unwrap(), None);
}

/// As when the power goes while it is compared: the try is there before anybody knows what comes of it.
#[tokio::test]
async fn a_try_that_can_not_be_counted_is_not_made() {
    let host = after_a_sign_in().await;
    change(
        &host,
        STATE_FILE,
        "CREATE TRIGGER full BEFORE UPDATE OF tries ON verifiers WHEN NEW.tries > 0
         BEGIN SELECT raise(ABORT, 'disk full'); END",
    );
    for password in [RIGHT, OTHER] {
        assert_eq!(offline(&host, password).await.outcome, Outcome::Unavailable);
    }
}

#[tokio::test]
async fn what_the_tenant_says_of_the_person_takes_the_kept_password_away() {
    for (code, typed, stays) in [
        (50057, OTHER, false),
        (50034, OTHER, false),
        (50055, RIGHT, false),
        (50076, RIGHT, false),
        (53003, RIGHT, false),
        (50105, RIGHT, false),
        (999_999, RIGHT, false),
        // The kept one is called wrong.
        (50126, RIGHT, false),
        // Somebody mistypes, guesses, or has locked them.
        (50126, OTHER, true),
        (50053, OTHER, true),
        (7_000_218, RIGHT, true),
        (90033, OTHER, true),
    ] {
        let host = after_a_sign_in().await;
        online(&host, typed, Err(refusal("invalid_grant", code))).await;
        assert_eq!(kept(&host), stays, "{code}");
    }
    let host = after_a_sign_in().await;
    online(&host, RIGHT, Ok(token_of(MALLORY))).await;
    assert!(!kept(&host), "another person's token");
    // No other code lets it stay.
    for row in TABLE {
        for code in row.codes {
            let stays = match fate(&refusal("invalid_grant", *code)) {
                Fate::Keep => true,
                Fate::Goes | Fate::PasswordGoes | Fate::GoesIfEqual => false,
            };
            let no_matter_of_the_person =
                matches!(row.class, Class::Unavailable | Class::Configuration) || *code == 50053;
            assert_eq!(stays, no_matter_of_the_person, "{code}");
        }
    }
}

#[tokio::test]
async fn only_a_success_with_the_tenant_is_kept_and_a_new_one_takes_its_place() {
    let host = Host::new();
    for answer in [
        Err(no_answer()),
        Err(refusal("invalid_grant", 50076)),
        Err(refusal("invalid_grant", 50126)),
        Ok(token_of(MALLORY)),
        Ok(signed(&header(), &claims(ALICE), true)),
    ] {
        online(&host, RIGHT, answer).await;
        unlock(&host);
        assert!(!kept(&host));
    }
    assert!(!host.folder.path().join("offline.key").exists());
    let host = after_a_sign_in().await;
    online(&host, OTHER, Ok(token_of(ALICE))).await;
    assert_eq!(offline(&host, RIGHT).await.outcome, Outcome::AuthError);
    assert_eq!(offline(&host, OTHER).await.outcome, Outcome::Success);
}
