//! The count itself, for more people and remote hosts than the scripted host has, and for clocks that jump.

use super::*;

async fn ends(throttle: &Throttle, trying: &Trying, end: End) -> Result<(), Held> {
    throttle.may_ask(trying).await?;
    throttle.turn(trying)?.end(end).await;
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn guesses_at_many_people_from_one_address_end_after_twenty() {
    let host = Host::new();
    let throttle = Throttle::new(host.store.clone());
    for person in 0..20 {
        // Nobody's success makes room for more.
        ends(&throttle, &trying(999, "192.0.2.7"), End::Proven)
            .await
            .unwrap();
        ends(&throttle, &trying(person, "192.0.2.7"), End::Failed)
            .await
            .unwrap();
    }
    let held = ends(&throttle, &trying(21, "::ffff:192.0.2.7"), End::Failed).await;
    let held = held.unwrap_err();
    assert_eq!(
        held.sentence(),
        "Too many failed tries from your address: what is typed here does not count for 1 minute."
    );
    // From elsewhere, and at the host itself, the same people go on.
    for other in ["192.0.2.8", ""] {
        ends(&throttle, &trying(21, other), End::Proven)
            .await
            .unwrap();
    }
    assert_eq!(throttle.refused().await, (0, 1));
    // An hour of quiet and all is forgiven.
    advance(MINUTE * 60).await;
    for person in 30..50 {
        ends(&throttle, &trying(person, "192.0.2.7"), End::Failed)
            .await
            .unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn an_office_that_needs_a_second_factor_is_not_refused() {
    let host = Host::new();
    let throttle = Throttle::new(host.store.clone());
    for person in 0..100 {
        ends(&throttle, &trying(person, "192.0.2.7"), End::NotEnough)
            .await
            .unwrap();
    }
    let one = ThrottleSubject::Person(key(7));
    assert_eq!(throttle.standing(&one).await.failures, 1);
}

#[tokio::test(start_paused = true)]
async fn remote_hosts_are_bounded_and_people_stay() {
    let host = Host::new();
    let throttle = Throttle::new(host.store.clone());
    let steady = trying(1, "2001:db8::1");
    for _ in 0..4 {
        ends(&throttle, &steady, End::Failed).await.unwrap();
    }
    {
        let mut counted = throttle.counted();
        let now = Instant::now();
        for number in 0..limits::REMOTE_HOSTS {
            let one = entry(
                &mut counted,
                ThrottleSubject::RemoteHost(number.to_string()),
                now,
            );
            one.tally.fail(now, limits::REMOTE_HOST);
        }
    }
    ends(&throttle, &trying(2, "198.51.100.1"), End::Failed)
        .await
        .unwrap();
    let hosts = throttle.counted().len() - 2;
    assert_eq!(hosts, limits::REMOTE_HOSTS);
    for (subject, failures) in [
        (ThrottleSubject::Person(key(1)), 4),
        (steady.remote.unwrap().subject(), 4),
    ] {
        assert_eq!(throttle.standing(&subject).await.failures, failures);
    }
}

/// A clock that is set.
struct SetClock(std::sync::atomic::AtomicU64);

impl Clock for SetClock {
    fn now(&self) -> UnixSeconds {
        UnixSeconds::new(self.0.load(Ordering::SeqCst))
    }
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_was_wrong_locks_nobody_for_long() {
    const YEAR: u64 = 365 * 24 * 60 * 60;
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(SetClock(NOW.into()));
    let store = Store::open(folder.path(), clock.clone()).unwrap();
    let alice = trying(1, "192.0.2.7");
    let throttle = Throttle::new(store.clone());
    for _ in 0..5 {
        ends(&throttle, &alice, End::Failed).await.unwrap();
    }
    // A jump of the clock moves nothing in this process.
    for now in [NOW + YEAR, NOW - YEAR] {
        clock.0.store(now, Ordering::SeqCst);
        assert!(throttle.may_ask(&alice).await.is_err(), "{now}");
    }
    // Started with a clock that is behind: as much is left as when it was written ...
    let throttle = Throttle::new(store.clone());
    let refused = throttle.standing(&alice.person).await.refused;
    assert_eq!(refused, MINUTE);
    // ... and as it goes on from there, less.
    clock.0.store(NOW - YEAR + 50, Ordering::SeqCst);
    let throttle = Throttle::new(store.clone());
    let refused = throttle.standing(&alice.person).await.refused;
    assert_eq!(refused, Duration::from_secs(10));
    clock.0.store(NOW, Ordering::SeqCst);
    let throttle = Throttle::new(store);
    assert_eq!(throttle.standing(&alice.person).await, CLEAN);
}

#[tokio::test(start_paused = true)]
async fn unlocking_frees_the_named_and_nobody_else() {
    let host = Host::new();
    let throttle = Throttle::new(host.store.clone());
    let (alice, bob) = (trying(1, ""), trying(2, ""));
    for one in [&alice, &bob] {
        for _ in 0..5 {
            ends(&throttle, one, End::Failed).await.unwrap();
        }
    }
    let actor = Actor {
        uid: 0,
        name: "root".to_owned(),
        role: None,
    };
    let clean = ThrottleSubject::Person(key(3));
    let had = throttle
        .unlock(
            vec![
                (alice.person.clone(), "alice".to_owned()),
                (clean, "carol".to_owned()),
            ],
            &actor,
        )
        .unwrap();
    assert_eq!(
        had,
        [
            Standing {
                failures: 5,
                refused: MINUTE
            },
            CLEAN
        ]
    );
    assert!(throttle.may_ask(&alice).await.is_ok());
    assert!(throttle.may_ask(&bob).await.is_err());
    let state = rusqlite::Connection::open(host.folder.path().join("state.db")).unwrap();
    let audit: Vec<(String, String)> = state
        .prepare("SELECT object, before FROM audit WHERE verb = 'users unlock'")
        .unwrap()
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    assert_eq!(
        audit,
        [(
            "alice".to_owned(),
            "5 failed tries, passwords refused for 60 s more".to_owned()
        )]
    );
    // After a restart, too.
    let throttle = Throttle::new(host.store.clone());
    assert!(throttle.may_ask(&alice).await.is_ok());
    assert!(throttle.may_ask(&bob).await.is_err());
}
