//! What shutting the gate takes, what is refused, and that a trial goes back to what was before it.

use entra_protocol::admin::{CheckState, GateMode, LocalAuthDone};

use super::*;
use crate::auth::scripted::{CAROL, NOW, key_of};
use crate::store::{Proof, SignInRecord};
use crate::trials;

fn set(gate: GateMode, try_seconds: Option<u32>) -> Request {
    Request::LocalAuthSet {
        gate,
        try_seconds,
        dry_run: false,
    }
}

fn exempt(name: &str, exempt: bool) -> Request {
    Request::LocalAuthExempt {
        name: name.to_owned(),
        exempt,
    }
}

fn prove(name: &str) -> Request {
    Request::LocalAuthProve {
        name: name.to_owned(),
    }
}

/// The end, with the names of the checks that were bad.
async fn asked(admin: &Admin, request: Request) -> Result<(LocalAuthDone, Vec<String>), Failure> {
    let (replies, end) = ask_of(admin, 0, request, vec![]).await;
    let bad = replies.into_iter().filter_map(|reply| match reply {
        Reply::Row(Row::Check(check)) if check.state == CheckState::Bad => {
            assert!(check.cure.is_some(), "{check:?}");
            Some(check.name)
        }
        _ => None,
    });
    let bad = bad.collect();
    match end? {
        Done::LocalAuth(done) => Ok((*done, bad)),
        other => panic!("{other:?}"),
    }
}

pub(super) fn carol_signed_in(host: &Host) {
    let record = SignInRecord {
        service: "sshd",
        method: "device-code",
        succeeded: true,
        detail: "",
    };
    host.store.record_sign_in(&key_of(CAROL), &record).unwrap();
}

/// A host with lars and mira, on which everything is proven.
async fn proven(host: &Host) -> Admin {
    let admin = admin(host);
    std::fs::write(
        &admin.host.files.passwd,
        "root:x:0:0::/root:/bin/sh\nlars:x:1000:1000::/home/lars:/bin/bash\n\
         mira:x:1001:1001::/:/bin/sh\nbackup:x:34:34::/:/bin/sh\n\
         robot:x:1002:1002::/:/usr/sbin/nologin\n",
    )
    .unwrap();
    carol_signed_in(host);
    asked(&admin, prove("root")).await.unwrap();
    admin
}

#[tokio::test]
async fn shutting_takes_an_administrator_who_signed_in_and_a_proven_account() {
    let host = Host::new();
    let bare = admin(&host);
    for gate in [GateMode::Deny, GateMode::Fallback] {
        let (done, bad) = asked(&bare, set(gate, Some(600))).await.unwrap();
        assert!(!done.changed);
        assert_eq!(done.local_auth.gate, GateMode::Allow);
        assert_eq!(bad, ["administrator", "break-glass"]);
    }
    assert_eq!(audited(&host, "local-auth set", true), 2);

    let admin = proven(&host).await;
    let (done, bad) = asked(&admin, set(GateMode::Deny, None)).await.unwrap();
    assert!(done.changed && bad.is_empty());
    assert_eq!(done.local_auth.shut_out, ["lars", "mira"]);
    assert_eq!(host.store.gate().unwrap().gate, GateMode::Deny);
    assert!(host.publications.load(Ordering::SeqCst) >= 1);

    // Opening takes nothing, and switching sign-in off opens.
    asked(&admin, set(GateMode::Allow, None)).await.unwrap();
    asked(&admin, set(GateMode::Fallback, None)).await.unwrap();
    let (_, off) = ask_of(&admin, 0, Request::AuthDisable {}, vec![]).await;
    assert!(matches!(off, Ok(Done::Auth(state)) if state.local_auth == "allow"));
    let (_, bad) = asked(&admin, set(GateMode::Deny, None)).await.unwrap();
    assert_eq!(bad, ["entra-sign-in"]);
}

#[tokio::test]
async fn a_proof_counts_for_thirty_days_and_while_the_account_is_there() {
    let host = Host::new();
    let admin = proven(&host).await;
    let state = host.folder.path().join(crate::store::STATE_FILE);
    let database = rusqlite::Connection::open(state).unwrap();
    for (proven_at, counts) in [
        (NOW - 30 * 86_400, true),
        (NOW - 30 * 86_400 - 1, false),
        (NOW + 300, true),
        (NOW + 301, false),
    ] {
        database
            .execute(
                "UPDATE break_glass SET proven_at = CAST(?1 AS INTEGER)",
                [proven_at.to_string()],
            )
            .unwrap();
        let dry = Request::LocalAuthSet {
            gate: GateMode::Deny,
            try_seconds: None,
            dry_run: true,
        };
        let (done, bad) = asked(&admin, dry).await.unwrap();
        assert!(!done.changed && done.local_auth.gate == GateMode::Deny);
        assert_eq!(bad.is_empty(), counts, "{proven_at}");
    }
    assert_eq!(host.store.gate().unwrap().gate, GateMode::Allow);
    // Gone from /etc/passwd.
    database
        .execute(
            "UPDATE break_glass SET proven_at = CAST(?1 AS INTEGER)",
            [NOW.to_string()],
        )
        .unwrap();
    std::fs::write(&admin.host.files.passwd, "lars:x:1000:1000::/:/bin/sh\n").unwrap();
    let (_, bad) = asked(&admin, set(GateMode::Deny, None)).await.unwrap();
    assert_eq!(bad, ["break-glass"]);
}

#[tokio::test]
async fn the_last_proven_account_and_root_are_not_let_go() {
    let host = Host::new();
    let admin = proven(&host).await;
    // Open, and still: root goes by a deliberate second account only.
    let refused = asked(&admin, exempt("root", false)).await.unwrap_err();
    assert_eq!(refused.kind, FailureKind::Precondition);
    let strange = asked(&admin, exempt("nobody-here", true))
        .await
        .unwrap_err();
    assert_eq!(strange.kind, FailureKind::NotFound);
    let too_early = asked(&admin, prove("lars")).await.unwrap_err();
    assert_eq!(too_early.kind, FailureKind::Precondition);

    asked(&admin, exempt("lars", true)).await.unwrap();
    asked(&admin, set(GateMode::Deny, None)).await.unwrap();
    asked(&admin, exempt("root", false)).await.unwrap_err();
    asked(&admin, prove("lars")).await.unwrap();
    let (done, _) = asked(&admin, exempt("root", false)).await.unwrap();
    assert_eq!(done.local_auth.exempt.len(), 1);
    assert_eq!(host.store.break_glass_names().unwrap(), ["lars"]);
    asked(&admin, exempt("lars", false)).await.unwrap_err();
    // Open again: somebody stays all the same.
    asked(&admin, set(GateMode::Allow, None)).await.unwrap();
    asked(&admin, exempt("lars", false)).await.unwrap_err();
    asked(&admin, exempt("root", true)).await.unwrap();
    asked(&admin, exempt("lars", false)).await.unwrap();
    // Whoever is not exempt can be "removed" twice.
    asked(&admin, exempt("mira", false)).await.unwrap();
}

#[tokio::test]
async fn a_trial_ends_at_what_was_before_the_first_and_a_confirmed_one_does_not() {
    let host = Host::new();
    let admin = proven(&host).await;
    let over = |seconds| crate::clock::UnixSeconds::new(NOW + seconds);
    asked(&admin, set(GateMode::Fallback, None)).await.unwrap();
    asked(&admin, set(GateMode::Deny, Some(600))).await.unwrap();
    let (done, _) = asked(&admin, set(GateMode::Deny, Some(60))).await.unwrap();
    let trial = done.local_auth.trial.unwrap();
    assert_eq!((trial.before, trial.seconds_left), (GateMode::Fallback, 60));
    assert!(!trials::end_what_is_over(&host.store, over(59)).unwrap());
    assert!(trials::end_what_is_over(&host.store, over(60)).unwrap());
    assert!(!trials::end_what_is_over(&host.store, over(60)).unwrap());
    assert_eq!(host.store.gate().unwrap().gate, GateMode::Fallback);
    assert_eq!(audited(&host, "local-auth trial ended", false), 1);

    asked(&admin, Request::LocalAuthConfirm {})
        .await
        .unwrap_err();
    asked(&admin, set(GateMode::Deny, Some(600))).await.unwrap();
    let (done, _) = asked(&admin, Request::LocalAuthConfirm {}).await.unwrap();
    assert!(done.changed && done.local_auth.trial.is_none());
    assert!(!trials::end_what_is_over(&host.store, over(600)).unwrap());
    assert_eq!(host.store.gate().unwrap().gate, GateMode::Deny);

    for (gate, seconds) in [
        (GateMode::Deny, 59),
        (GateMode::Deny, 86_401),
        (GateMode::Allow, 600),
    ] {
        let refused = asked(&admin, set(gate, Some(seconds))).await.unwrap_err();
        assert_eq!(refused.kind, FailureKind::BadRequest);
    }
}

#[tokio::test]
async fn a_clock_that_is_set_back_ends_a_trial() {
    let host = Host::new();
    let admin = proven(&host).await;
    asked(&admin, set(GateMode::Deny, Some(600))).await.unwrap();
    let before = crate::clock::UnixSeconds::new(NOW - 301);
    assert!(trials::end_what_is_over(&host.store, before).unwrap());
    assert_eq!(host.store.gate().unwrap().gate, GateMode::Allow);
}

#[tokio::test]
async fn what_cannot_be_read_is_an_open_gate() {
    let host = Host::new();
    let admin = proven(&host).await;
    asked(&admin, set(GateMode::Deny, Some(600))).await.unwrap();
    let state = host.folder.path().join(crate::store::STATE_FILE);
    let database = rusqlite::Connection::open(state).unwrap();
    let put = |key: &str, value: &str| {
        database
            .execute(
                "UPDATE settings SET value = ?2 WHERE key = ?1",
                [key, value],
            )
            .unwrap();
    };
    for text in ["nonsense", "12", "x deny", "99999999999999999999 allow"] {
        put("gate_trial", text);
        let policy = host.store.policy().unwrap();
        assert!(
            policy.reads_as_open(crate::clock::UnixSeconds::new(NOW)),
            "{text}"
        );
    }
    put("gate_trial", "");
    put("gate", "ajar");
    assert_eq!(host.store.gate().unwrap().gate, GateMode::Allow);
}

#[tokio::test]
async fn a_session_proves_once_a_day_and_only_whoever_is_exempt() {
    let host = Host::new();
    let agent = crate::store::Actor::agent();
    let prove = |name: &str| host.store.prove_break_glass(name, Proof::Session, &agent);
    assert!(prove("root").unwrap() && prove("root").unwrap());
    assert!(!prove("lars").unwrap());
    assert_eq!(audited(&host, "local-auth prove", false), 1);
}

#[tokio::test]
async fn an_administrator_counts_who_came_in_through_the_tenant_and_still_can() {
    let host = Host::new();
    let admin = proven(&host).await;
    let bad = async || {
        let (_, bad) = asked(&admin, set(GateMode::Deny, Some(600))).await.unwrap();
        asked(&admin, set(GateMode::Allow, None)).await.unwrap();
        bad
    };
    assert!(bad().await.is_empty());
    // What this host remembered proves nothing of the way through the tenant.
    let record = SignInRecord {
        service: "su",
        method: "offline-password",
        succeeded: true,
        detail: "",
    };
    host.store.record_sign_in(&key_of(CAROL), &record).unwrap();
    assert_eq!(bad().await, ["administrator"]);
    carol_signed_in(&host);
    assert!(bad().await.is_empty());
    let state = host.folder.path().join(crate::store::STATE_FILE);
    rusqlite::Connection::open(state)
        .unwrap()
        .execute_batch("INSERT INTO restrictions (tenant, object, blocked) SELECT tenant, object, 1 FROM roles")
        .unwrap();
    assert_eq!(bad().await, ["administrator"]);
}
