//! Whole conversations against a tenant that takes its time and counts what it is asked.

use std::sync::atomic::{AtomicUsize, Ordering};

use entra_protocol::Secret;
use entra_protocol::login::{Outcome, ToModule, Verdict};
use tokio::task::JoinSet;
use tokio::time::{advance, sleep};
use zeroize::Zeroizing;

use super::super::scripted::*;
use super::super::{SignIns, TenantLogin};
use super::*;
use crate::clock::{Clock, UnixSeconds};
use crate::config::{Method, SignIn};
use crate::entra::{Answering, DeviceCode, EntraError, IdToken, LoginService, Realm, RefreshToken};
use crate::identity::{ObjectId, ObjectKey};

mod counted;

const RIGHT: &str = "right";
const MINUTE: Duration = Duration::from_secs(60);

/// A tenant that needs a second for an answer, knows one password, and says of all others what it is told.
struct Slow {
    says: fn() -> EntraError,
    token_of: &'static str,
    asked: AtomicUsize,
    under_way: AtomicUsize,
    most_under_way: AtomicUsize,
}

impl Slow {
    fn that_says(says: fn() -> EntraError) -> Arc<Self> {
        Arc::new(Self {
            says,
            token_of: ALICE,
            asked: AtomicUsize::new(0),
            under_way: AtomicUsize::new(0),
            most_under_way: AtomicUsize::new(0),
        })
    }

    fn with_one_password() -> Arc<Self> {
        Self::that_says(|| refusal("invalid_grant", 50126))
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

impl LoginService for Slow {
    fn password<'a>(&'a self, _: &'a str, password: &'a Secret) -> Answering<'a, IdToken> {
        Box::pin(async move {
            self.asked.fetch_add(1, Ordering::SeqCst);
            let under_way = self.under_way.fetch_add(1, Ordering::SeqCst) + 1;
            self.most_under_way.fetch_max(under_way, Ordering::SeqCst);
            sleep(Duration::from_secs(1)).await;
            self.under_way.fetch_sub(1, Ordering::SeqCst);
            if password.expose() == RIGHT {
                Ok(token_of(self.token_of))
            } else {
                Err((self.says)())
            }
        })
    }

    fn device_code(&self, _: bool) -> Answering<'_, DeviceCode> {
        Box::pin(async { Err(refusal("access_denied", 53003)) })
    }

    fn poll<'a>(&'a self, _: &'a DeviceCode) -> Answering<'a, IdToken> {
        Box::pin(async { Err(refusal("authorization_pending", 70016)) })
    }

    fn refresh<'a>(&'a self, _: &'a RefreshToken) -> Answering<'a, IdToken> {
        unimplemented!()
    }

    fn realm<'a>(&'a self, _: &'a str) -> Answering<'a, Realm> {
        Box::pin(async { Ok(Realm::Here) })
    }

    fn signing_keys(&self) -> Answering<'_, Zeroizing<Vec<u8>>> {
        Box::pin(async { Ok(key_document()) })
    }
}

/// Sign-ins with a count of their own, as after a start of the agent.
fn started(host: &Host, tenant: &Arc<Slow>) -> Arc<SignIns> {
    let mut methods = SignIn::default();
    methods
        .services
        .insert("password-only".to_owned(), vec![Method::Password]);
    let login = TenantLogin::new(tenant.clone(), verifier(), limits::PERSON);
    Arc::new(SignIns::new(
        host.store.clone(),
        host.publish(),
        [(TENANT.parse().unwrap(), login)],
        methods,
        Throttle::new(host.store.clone()),
        host.offline(),
    ))
}

async fn try_once(sign_ins: &SignIns, user: &str, password: &str) -> (Verdict, Typist) {
    let mut typist = Typist::default().types(password);
    let verdict = sign_ins
        .authenticate(&asked(user, "password-only"), &mut typist)
        .await;
    (verdict, typist)
}

/// Fails as often as it takes until the person is asked for no password any more.
async fn fail_until_refused(sign_ins: &SignIns, user: &str) -> usize {
    for tries in 0.. {
        let (verdict, _) = try_once(sign_ins, user, "wrong").await;
        if verdict.outcome == Outcome::MaxTries {
            return tries;
        }
        assert!(tries < 50, "nobody stops the guessing");
    }
    unreachable!()
}

fn sentence(verdict: &Verdict) -> &str {
    verdict.message.as_deref().unwrap_or_default()
}

#[tokio::test(start_paused = true)]
async fn after_five_failures_no_password_is_asked_for_and_none_is_sent() {
    let host = Host::new();
    let tenant = Slow::with_one_password();
    let sign_ins = started(&host, &tenant);
    assert_eq!(fail_until_refused(&sign_ins, "alice").await, 5);
    let (verdict, typist) = try_once(&sign_ins, "alice", RIGHT).await;
    assert_eq!(verdict.outcome, Outcome::MaxTries);
    assert_eq!(
        sentence(&verdict),
        "Too many failed tries: what is typed here does not count for 1 minute."
    );
    assert!(typist.seen.is_empty(), "{:?}", typist.seen);
    assert_eq!(tenant.asked(), 5);
    // Carol's failures are her own.
    let (verdict, _) = try_once(&sign_ins, "carol", "wrong").await;
    assert_eq!(verdict.outcome, Outcome::AuthError);
    assert_eq!(tenant.asked(), 6);
}

#[tokio::test(start_paused = true)]
async fn the_next_method_is_open_to_who_has_no_password_tries_left() {
    let host = Host::new();
    let wrong = |tenant: Tenant| tenant.on_password(Err(refusal("invalid_grant", 50126)));
    let tenant = (0..5).fold(Tenant::default(), |tenant, _| wrong(tenant));
    let tenant = Arc::new(tenant.on_poll(Ok(token_of(ALICE))));
    let sign_ins = host.sign_ins(&tenant);
    for _ in 0..5 {
        let mut typist = Typist::default().types("wrong");
        sign_ins
            .authenticate(&asked("alice", "su"), &mut typist)
            .await;
    }
    let mut typist = Typist::default().presses_enter();
    let verdict = sign_ins
        .authenticate(&asked("alice", "su"), &mut typist)
        .await;
    assert_eq!(verdict.outcome, Outcome::Success);
    let shown = typist.shown();
    assert_eq!(shown.matches("does not count for 1 minute.").count(), 1);
    let asked_for = |message: &ToModule| matches!(message, ToModule::AskSecret { .. });
    assert!(!typist.seen.iter().any(asked_for), "{:?}", typist.seen);
    // Whoever signed in in a browser has proven no password: the tenant still counts those that failed.
    let (verdict, _) = try_once(&sign_ins, "alice", RIGHT).await;
    assert_eq!(verdict.outcome, Outcome::MaxTries);
}

#[tokio::test(start_paused = true)]
async fn after_each_wait_there_is_one_try_and_the_right_password_ends_it() {
    let host = Host::new();
    let tenant = Slow::with_one_password();
    let sign_ins = started(&host, &tenant);
    fail_until_refused(&sign_ins, "alice").await;
    for wait in [1, 2, 4, 8, 15, 15] {
        advance(MINUTE * wait).await;
        assert_eq!(fail_until_refused(&sign_ins, "alice").await, 1, "{wait}");
    }
    advance(MINUTE * 15).await;
    let (verdict, _) = try_once(&sign_ins, "alice", RIGHT).await;
    assert_eq!(verdict.outcome, Outcome::Success);
    assert_eq!(fail_until_refused(&sign_ins, "alice").await, 5);
}

#[tokio::test(start_paused = true)]
async fn a_restart_forgets_nothing() {
    let host = Host::new();
    let tenant = Slow::with_one_password();
    let sign_ins = started(&host, &tenant);
    for _ in 0..4 {
        try_once(&sign_ins, "alice", "wrong").await;
    }
    let sign_ins = started(&host, &tenant);
    assert_eq!(fail_until_refused(&sign_ins, "alice").await, 1);
    let sign_ins = started(&host, &tenant);
    assert_eq!(fail_until_refused(&sign_ins, "alice").await, 0);
    advance(MINUTE).await;
    let (verdict, _) = try_once(&sign_ins, "alice", RIGHT).await;
    assert_eq!(verdict.outcome, Outcome::Success);
    let sign_ins = started(&host, &tenant);
    assert_eq!(fail_until_refused(&sign_ins, "alice").await, 5);
}

#[tokio::test(start_paused = true)]
async fn a_disk_that_takes_nothing_neither_lets_guesses_through_nor_keeps_people_out() {
    let host = Host::new();
    let tenant = Slow::with_one_password();
    let sign_ins = started(&host, &tenant);
    let state = rusqlite::Connection::open(host.folder.path().join("state.db")).unwrap();
    for table in ["throttled_people", "throttled_hosts"] {
        state
            .execute_batch(&format!(
                "CREATE TRIGGER no_room_{table} BEFORE INSERT ON {table}
                 BEGIN SELECT RAISE(ABORT, 'no room'); END"
            ))
            .unwrap();
    }
    for _ in 0..2 {
        try_once(&sign_ins, "alice", "wrong").await;
        let (verdict, _) = try_once(&sign_ins, "alice", RIGHT).await;
        assert_eq!(verdict.outcome, Outcome::Success);
    }
    assert_eq!(fail_until_refused(&sign_ins, "alice").await, 5);
}

/// Runs so many tries of one person at once; how many succeeded.
async fn at_once(sign_ins: &Arc<SignIns>, count: usize, password: &'static str) -> usize {
    let mut tries = JoinSet::new();
    for _ in 0..count {
        let sign_ins = Arc::clone(sign_ins);
        tries.spawn(async move { try_once(&sign_ins, "alice", password).await.0.outcome });
    }
    let outcomes = tries.join_all().await;
    outcomes
        .iter()
        .filter(|outcome| **outcome == Outcome::Success)
        .count()
}

#[tokio::test(start_paused = true)]
async fn two_hundred_guesses_at_once_are_as_few_as_one_after_another() {
    let host = Host::new();
    let tenant = Slow::with_one_password();
    let sign_ins = started(&host, &tenant);
    assert_eq!(at_once(&sign_ins, 200, "wrong").await, 0);
    assert_eq!(tenant.asked(), 5);
    advance(MINUTE * 2).await;
    assert_eq!(at_once(&sign_ins, 200, "wrong").await, 0);
    assert_eq!(tenant.asked(), 6);
}

#[tokio::test(start_paused = true)]
async fn two_hundred_sign_ins_of_one_person_at_once_all_succeed() {
    let host = Host::new();
    let tenant = Slow::with_one_password();
    let sign_ins = started(&host, &tenant);
    assert_eq!(at_once(&sign_ins, 200, RIGHT).await, 200);
    assert_eq!(tenant.most_under_way.load(Ordering::SeqCst), 5);
    // With one failure against them there is room for four at once.
    try_once(&sign_ins, "alice", "wrong").await;
    tenant.most_under_way.store(0, Ordering::SeqCst);
    assert_eq!(at_once(&sign_ins, 4, RIGHT).await, 4);
    assert_eq!(tenant.most_under_way.load(Ordering::SeqCst), 4);
}

#[tokio::test(start_paused = true)]
async fn waiting_for_a_turn_has_an_end() {
    let host = Host::new();
    let throttle = Throttle::new(host.store.clone());
    let trying = trying(1, "192.0.2.7");
    let turns: Vec<Turn> = std::iter::from_fn(|| throttle.turn(&trying).ok()).collect();
    assert_eq!(turns.len(), 5);
    let began = Instant::now();
    assert_eq!(throttle.next_turn(&trying).await.err(), Some(Held::NoTurn));
    assert_eq!(began.elapsed(), TURN_LIMIT);
}

#[tokio::test(start_paused = true)]
async fn hanging_up_while_the_tenant_thinks_gives_no_further_guess() {
    let host = Host::new();
    let tenant = Slow::with_one_password();
    let sign_ins = started(&host, &tenant);
    for _ in 0..5 {
        let hung_up = timeout(
            Duration::from_millis(500),
            try_once(&sign_ins, "alice", "wrong"),
        );
        assert!(hung_up.await.is_err());
    }
    assert_eq!(fail_until_refused(&sign_ins, "alice").await, 0);
    assert_eq!(tenant.asked(), 5);
    // It is kept like any other, though nobody waits for that.
    let kept = || host.store.throttle().unwrap().len();
    while kept() < 2 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(start_paused = true)]
async fn hanging_up_at_the_prompt_costs_nothing() {
    let host = Host::new();
    let tenant = Slow::with_one_password();
    let sign_ins = started(&host, &tenant);
    for _ in 0..20 {
        let mut silent = Typist::default();
        let asked = asked("alice", "password-only");
        let thinking = timeout(MINUTE, sign_ins.authenticate(&asked, &mut silent));
        assert!(thinking.await.is_err());
    }
    assert_eq!(fail_until_refused(&sign_ins, "alice").await, 5);
}

/// Each kind of answer, and after how many of them the person is asked for no further password.
#[tokio::test(start_paused = true)]
async fn what_says_nothing_about_a_password_does_not_count() {
    let counts: [(fn() -> EntraError, bool); 9] = [
        (|| refusal("invalid_grant", 50126), true),
        (|| refusal("invalid_grant", 50034), true),
        (|| refusal("invalid_grant", 50053), true),
        (|| refusal("invalid_grant", 50076), true),
        (|| refusal("invalid_grant", 53003), true),
        (|| refusal("invalid_grant", 99_999), true),
        (|| refusal("temporarily_unavailable", 90033), false),
        (|| refusal("invalid_client", 7_000_218), false),
        (no_answer, false),
    ];
    for (says, counted) in counts {
        let host = Host::new();
        let tenant = Slow::that_says(says);
        let sign_ins = started(&host, &tenant);
        for _ in 0..10 {
            try_once(&sign_ins, "alice", "some").await;
        }
        let expected = if counted { 5 } else { 10 };
        assert_eq!(tenant.asked(), expected, "{}", says());
    }
    let host = Host::new();
    let tenant = Slow::with_one_password();
    let sign_ins = started(&host, &tenant);
    for _ in 0..10 {
        try_once(&sign_ins, "alice", "").await;
    }
    assert_eq!(fail_until_refused(&sign_ins, "alice").await, 5);
}

#[tokio::test(start_paused = true)]
async fn whoever_goes_on_to_prove_themselves_did_not_fail() {
    let host = Host::new();
    let wanted = || refusal("invalid_grant", 50076);
    for (proves, throttled) in [(ALICE, false), (MALLORY, true)] {
        let tenant = (0..6).fold(Tenant::default(), |tenant, _| {
            tenant
                .on_password(Err(wanted()))
                .on_poll(Ok(token_of(proves)))
        });
        let tenant = Arc::new(tenant);
        let sign_ins = host.sign_ins(&tenant);
        for _ in 0..6 {
            let mut typist = Typist::default();
            // The sixth time no password is asked for.
            if !throttled || tenant.asked.lock().unwrap().len() < 5 {
                typist = typist.types("right");
            }
            let mut typist = typist.presses_enter();
            sign_ins
                .authenticate(&asked("alice", "su"), &mut typist)
                .await;
        }
        let sent = tenant.asked.lock().unwrap().len();
        assert_eq!(sent, if throttled { 5 } else { 6 }, "{proves}");
    }
}

#[tokio::test(start_paused = true)]
async fn names_that_nobody_has_leave_no_trace() {
    let host = Host::new();
    let tenant = Slow::with_one_password();
    let sign_ins = started(&host, &tenant);
    for user in ["root", "nobody", "dave"] {
        try_once(&sign_ins, user, "wrong").await;
    }
    assert_eq!(host.store.throttle().unwrap(), []);
    assert!(sign_ins.throttle.counted().is_empty());
}

#[tokio::test(start_paused = true)]
async fn somebody_elses_token_counts_as_a_failure() {
    let host = Host::new();
    let tenant = Slow::with_one_password();
    let sign_ins = started(&host, &tenant);
    for _ in 0..10 {
        // The token is Alice's.
        try_once(&sign_ins, "carol", RIGHT).await;
    }
    assert_eq!(tenant.asked(), 5);
}

fn key(number: u16) -> ObjectKey {
    let mut bytes = [9; 16];
    bytes[..2].copy_from_slice(&number.to_be_bytes());
    ObjectKey {
        tenant: TENANT.parse().unwrap(),
        object: ObjectId::from_bytes(bytes),
    }
}

/// Person number so and so, from there.
fn trying(person: u16, remote: &str) -> Trying {
    Trying {
        person: ThrottleSubject::Person(key(person)),
        name: format!("person-{person}"),
        rule: limits::PERSON,
        remote: RemoteHost::read(remote),
    }
}
