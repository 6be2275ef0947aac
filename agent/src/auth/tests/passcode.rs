//! The passcode: set, changed, asked for, and worth nothing without the tenant's word while the tenant answers.

use zeroize::Zeroizing;

use super::offline::{failures, unlock};
use super::*;
use crate::auth::remembering::LET_IN;
use crate::auth::{Offline, SignIns};
use crate::config;
use crate::entra::{IdToken, RefreshToken};
use crate::store::{SealedToken, VerifierKind};

const PASSCODE: &str = "4815-16";
const OTHER: &str = "2342-15";

fn bringing(object: &str, refresh: &str) -> IdToken {
    let token = RefreshToken::new(Zeroizing::new(refresh.to_owned()));
    token_of(object).with_refresh(Some(token))
}

async fn passwd(host: &Host, tenant: &Arc<Tenant>, typist: &mut Typist) -> Verdict {
    let sign_ins = host.sign_ins(tenant);
    sign_ins
        .change_password(&asked("alice", "passwd"), typist)
        .await
}

/// A host on which people may have passcodes.
fn with_passcodes() -> Host {
    Host {
        passcodes: true,
        ..Host::new()
    }
}

/// A host on which alice has set [`PASSCODE`] by a device code.
async fn with_passcode() -> Host {
    let host = with_passcodes();
    let tenant = Arc::new(Tenant::default().on_poll(Ok(bringing(ALICE, "rt-1"))));
    let mut typist = Typist::default()
        .presses_enter()
        .types(PASSCODE)
        .types(PASSCODE);
    let verdict = passwd(&host, &tenant, &mut typist).await;
    assert_eq!(verdict.outcome, Outcome::Success, "{verdict:?}");
    assert!(tenant.lasting.load(Ordering::SeqCst));
    assert_eq!(what_is_kept(&host), (true, true));
    host
}

/// Whether a passcode is kept, and a refresh token.
fn what_is_kept(host: &Host) -> (bool, bool) {
    let passcode = host.store.verifier(&key_of(ALICE), VerifierKind::Passcode);
    (passcode.unwrap().is_some(), token(host).is_some())
}

fn token(host: &Host) -> Option<SealedToken> {
    host.store.refresh_token(&key_of(ALICE)).unwrap()
}

async fn sudo(host: &Host, tenant: Tenant, passcode: &str) -> (Verdict, Arc<Tenant>, Typist) {
    let tenant = Arc::new(tenant);
    let mut typist = Typist::default().types(passcode);
    let verdict = sign_in(host, &tenant, "alice", "sudo", &mut typist).await;
    (verdict, tenant, typist)
}

#[tokio::test(start_paused = true)]
async fn a_passcode_counts_while_the_tenant_says_that_the_sign_in_stands() {
    let host = with_passcode().await;
    for (refresh, successor) in [("rt-1", "rt-2"), ("rt-2", "rt-3")] {
        let tenant = Tenant::default().on_refresh(Ok(bringing(ALICE, successor)));
        let (verdict, tenant, _) = sudo(&host, tenant, PASSCODE).await;
        assert_eq!(verdict.outcome, Outcome::Success, "{verdict:?}");
        assert_eq!(verdict.message, None);
        assert_eq!(*tenant.redeemed.lock().unwrap(), [refresh]);
    }
    // A wrong one asks nobody; another way is open.
    let (verdict, tenant, _) = sudo(&host, Tenant::default(), OTHER).await;
    assert_eq!(message(&verdict), "That is not your passcode.");
    assert!(tenant.redeemed.lock().unwrap().is_empty());
    let tenant = Tenant::default().on_password(Ok(token_of(ALICE)));
    let mut typist = Typist::default().types("").types("right");
    let verdict = sign_in(&host, &Arc::new(tenant), "alice", "sudo", &mut typist).await;
    assert_eq!(verdict.outcome, Outcome::Success);
    let last = host.store.last_sign_in(&key_of(ALICE)).unwrap();
    let last = last.map(|(_, method)| method);
    assert_eq!(last.as_deref(), Some("password"));
    // Tries are its own, and wait.
    for _ in 0..4 {
        sudo(&host, Tenant::default(), OTHER).await;
    }
    let mut typist = Typist::default().types(PASSCODE).types("right");
    let tenant = Tenant::default().on_password(Ok(token_of(ALICE)));
    sign_in(&host, &Arc::new(tenant), "alice", "sudo", &mut typist).await;
    assert!(
        typist
            .shown()
            .contains("your passcode does not count for 1 minute")
    );
}

#[tokio::test(start_paused = true)]
async fn a_right_passcode_is_no_success_unless_nobody_could_be_asked() {
    let host = with_passcode().await;
    let row = host.store.verifier(&key_of(ALICE), VerifierKind::Passcode);
    let row = row.unwrap().unwrap();
    let sealed = token(&host).unwrap();
    let new = crate::store::NewVerifier {
        kind: VerifierKind::Passcode,
        key_id: row.key_id,
        scheme: row.scheme,
        salt: row.salt,
        tag: row.tag,
    };
    for (error, no_verdict) in failures() {
        for at_the_keys in [false, true] {
            host.store
                .keep_passcode(&key_of(ALICE), &new, Some(&sealed))
                .unwrap();
            super::offline::change(
                &host,
                crate::store::DIRECTORY_FILE,
                "UPDATE users SET enabled = 1, cut_off_at = NULL WHERE name = 'alice'",
            );
            unlock(&host);
            let refresh = match at_the_keys {
                true => Ok(bringing(ALICE, "rt-2")),
                false => Err(error.clone()),
            };
            // Whoever has to go on finds the next ways shut.
            let tenant = Tenant::default()
                .on_refresh(refresh)
                .on_password(Err(refusal("invalid_grant", 50126)));
            *tenant.keys_fail.lock().unwrap() = at_the_keys.then(|| error.clone());
            let tenant = Arc::new(tenant);
            let mut typist = Typist::default().types(PASSCODE).types("wrong");
            let verdict = sign_in(&host, &tenant, "alice", "sudo", &mut typist).await;
            let succeeded = verdict.outcome == Outcome::Success;
            assert_eq!(succeeded, no_verdict, "{error}, {at_the_keys}: {verdict:?}");
            assert_eq!(succeeded, verdict.message.as_deref() == Some(LET_IN));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_definite_no_takes_away_what_it_is_about() {
    for (code, kept) in [
        (90033, (true, true)),
        (7_000_218, (true, true)),
        (50057, (false, false)),
        (50034, (false, false)),
        (53003, (false, false)),
        (50105, (false, false)),
        // Somebody ended the sessions.
        (50173, (false, false)),
        (50133, (false, false)),
        // The token is old, or the second factor is.
        (700_082, (true, false)),
        (70043, (true, false)),
        (50078, (true, false)),
    ] {
        let host = with_passcode().await;
        let tenant = Tenant::default()
            .on_refresh(Err(refusal("invalid_grant", code)))
            .on_password(Err(refusal("invalid_grant", 50126)));
        let mut typist = Typist::default().types(PASSCODE).types("wrong");
        sign_in(&host, &Arc::new(tenant), "alice", "sudo", &mut typist).await;
        assert_eq!(what_is_kept(&host), kept, "{code}");
    }
    let host = with_passcode().await;
    let tenant = Tenant::default().on_refresh(Ok(bringing(MALLORY, "rt-2")));
    let (verdict, ..) = sudo(&host, tenant, PASSCODE).await;
    assert_eq!(verdict.outcome, Outcome::AuthError);
    assert_eq!(what_is_kept(&host), (false, false));

    // Without a token it is not asked for, until a sign-in by device code brings one.
    let host = with_passcode().await;
    host.store.drop_refresh_token(&key_of(ALICE)).unwrap();
    let tenant = Tenant::default().on_password(Err(refusal("invalid_grant", 50126)));
    let (_, _, typist) = sudo(&host, tenant, PASSCODE).await;
    assert!(!format!("{:?}", typist.seen).contains("Passcode"));
    let tenant = Arc::new(Tenant::default().on_poll(Ok(bringing(ALICE, "rt-9"))));
    let mut typist = Typist::default().presses_enter();
    let verdict = sign_in(&host, &tenant, "alice", "sshd", &mut typist).await;
    assert_eq!(verdict.outcome, Outcome::Success);
    assert_eq!(what_is_kept(&host), (true, true));
}

/// What the tenant says of a sign-in by password is no word about one by device code.
#[tokio::test(start_paused = true)]
async fn a_password_that_does_not_suffice_leaves_the_passcode_alone() {
    for (code, kept) in [
        (50076, true),
        (50126, true),
        (50055, true),
        (53003, true),
        (50053, true),
        (50057, false),
        (50034, false),
        (50105, false),
        (999_999, false),
    ] {
        let host = with_passcode().await;
        let tenant = Tenant::default().on_password(Err(refusal("invalid_grant", code)));
        let mut typist = Typist::default().types(PASSCODE);
        sign_in(
            &host,
            &Arc::new(tenant),
            "alice",
            "password-only",
            &mut typist,
        )
        .await;
        assert_eq!(what_is_kept(&host), (kept, kept), "{code}");
    }
}

#[tokio::test(start_paused = true)]
async fn no_token_is_asked_for_or_kept_without_a_passcode() {
    let host = with_passcodes();
    let tenant = Arc::new(Tenant::default().on_poll(Ok(bringing(ALICE, "rt-1"))));
    let mut typist = Typist::default().presses_enter();
    let verdict = sign_in(&host, &tenant, "alice", "sshd", &mut typist).await;
    assert_eq!(verdict.outcome, Outcome::Success);
    assert!(!tenant.lasting.load(Ordering::SeqCst));
    assert_eq!(what_is_kept(&host), (false, false));
}

#[tokio::test(start_paused = true)]
async fn offline_it_serves_like_the_password_and_never_over_the_network() {
    let host = with_passcode().await;
    // At a prompt for the password, which could not be asked about.
    for (service, typed, outcome) in [
        ("login", PASSCODE, Outcome::Success),
        ("login", OTHER, Outcome::AuthError),
        ("password-only", PASSCODE, Outcome::Success),
        // Over the network, though it offers passwords.
        ("cockpit", PASSCODE, Outcome::Unavailable),
    ] {
        let tenant = Tenant::default().on_password(Err(no_answer()));
        let mut typist = Typist::default().types(typed);
        let verdict = sign_in(&host, &Arc::new(tenant), "alice", service, &mut typist).await;
        assert_eq!(verdict.outcome, outcome, "{service}, {typed}: {verdict:?}");
        unlock(&host);
    }
    let last = host.store.last_sign_in(&key_of(ALICE)).unwrap();
    let last = last.map(|(_, method)| method);
    assert_eq!(last.as_deref(), Some("offline-passcode"));
    // Where only device codes are offered, at a prompt of its own.
    for (service, outcome) in [
        ("codes-only", Outcome::Success),
        ("sshd", Outcome::Unavailable),
    ] {
        let tenant = Tenant::default();
        *tenant.no_codes.lock().unwrap() = Some(no_answer());
        let mut typist = Typist::default().types(PASSCODE);
        let verdict = sign_in(&host, &Arc::new(tenant), "alice", service, &mut typist).await;
        assert_eq!(verdict.outcome, outcome, "{service}: {verdict:?}");
    }
    // A registration that is wrong is no network that is away.
    let tenant = Tenant::default();
    *tenant.no_codes.lock().unwrap() = Some(refusal("invalid_client", 7_000_218));
    let mut typist = Typist::default().types(PASSCODE);
    let verdict = sign_in(&host, &Arc::new(tenant), "alice", "codes-only", &mut typist).await;
    assert_eq!(verdict.outcome, Outcome::Unavailable);
    assert_eq!(typist.answers.len(), 1, "the passcode was asked for");
}

#[tokio::test(start_paused = true)]
async fn it_is_set_by_the_person_and_good_enough_or_not_at_all() {
    // By somebody else's sign-in.
    let host = with_passcodes();
    let tenant = Arc::new(Tenant::default().on_poll(Ok(bringing(MALLORY, "rt-1"))));
    let mut typist = Typist::default()
        .presses_enter()
        .types(PASSCODE)
        .types(PASSCODE);
    let verdict = passwd(&host, &tenant, &mut typist).await;
    assert_eq!(verdict.outcome, Outcome::AuthError, "{verdict:?}");
    assert_eq!(what_is_kept(&host), (false, false));
    // Too easy, then not the same, then nothing.
    let tenant = Arc::new(Tenant::default().on_poll(Ok(bringing(ALICE, "rt-1"))));
    let mut typist = Typist::default()
        .presses_enter()
        .types("123456")
        .types(PASSCODE)
        .types(OTHER)
        .types("alice-4815");
    let verdict = passwd(&host, &tenant, &mut typist).await;
    assert_eq!(verdict.outcome, Outcome::PermissionDenied);
    for word in [
        "a sequence of neighbours",
        "not the same",
        "your name in it",
    ] {
        assert!(typist.shown().contains(word), "{word}: {}", typist.shown());
    }
    assert_eq!(what_is_kept(&host), (false, false));
}

#[tokio::test(start_paused = true)]
async fn it_is_changed_by_the_one_before_which_makes_nothing_younger() {
    let host = with_passcode().await;
    super::offline::change(
        &host,
        crate::store::STATE_FILE,
        &format!("UPDATE verifiers SET proven_at = {NOW} - 1000"),
    );
    let tenant = Arc::new(Tenant::default());
    let mut typist = Typist::default().types(OTHER).types(OTHER).types(OTHER);
    let verdict = passwd(&host, &tenant, &mut typist).await;
    assert_eq!(message(&verdict), "That is not your passcode.");
    let mut typist = Typist::default().types(PASSCODE).types(OTHER).types(OTHER);
    let verdict = passwd(&host, &tenant, &mut typist).await;
    assert_eq!(verdict.outcome, Outcome::Success, "{verdict:?}");
    let kept = host.store.verifier(&key_of(ALICE), VerifierKind::Passcode);
    let kept = kept.unwrap().unwrap();
    assert_eq!(kept.made_at.value() - kept.proven_at.value(), 1000);
    assert!(token(&host).is_some());
    let tenant = Tenant::default().on_refresh(Ok(token_of(ALICE)));
    let (verdict, ..) = sudo(&host, tenant, OTHER).await;
    assert_eq!(verdict.outcome, Outcome::Success);
    // Forgotten: nothing typed leads to the browser.
    let tenant = Arc::new(Tenant::default().on_poll(Ok(bringing(ALICE, "rt-5"))));
    let mut typist = Typist::default()
        .types("")
        .presses_enter()
        .types(PASSCODE)
        .types(PASSCODE);
    let verdict = passwd(&host, &tenant, &mut typist).await;
    assert_eq!(verdict.outcome, Outcome::Success, "{verdict:?}");
}

#[tokio::test]
async fn where_there_are_none_passwd_says_where_the_password_is() {
    let host = with_passcode().await;
    let rules = config::Offline {
        maximum_age: Duration::from_secs(14 * 24 * 60 * 60),
        password: true,
    };
    let keys = crate::offline::KeySource::new(None, host.folder.path());
    let off = Offline::new(
        host.store.clone(),
        keys,
        Arc::new(FixedClock),
        rules,
        config::Passcode::default(),
    );
    off.take_up().await;
    assert_eq!(what_is_kept(&host), (false, false));
    let sign_ins = SignIns::new(
        host.store.clone(),
        host.publish(),
        [],
        config::SignIn::default(),
        crate::auth::Throttle::new(host.store.clone()),
        off,
    );
    let verdict = sign_ins
        .change_password(&asked("alice", "passwd"), &mut Typist::default())
        .await;
    assert!(
        message(&verdict).contains("https://aka.ms/sspr"),
        "{verdict:?}"
    );
}
