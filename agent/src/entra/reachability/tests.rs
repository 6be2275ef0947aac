//! The memory against a service and a probe that do as they are told, in tokio's own time.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use zeroize::Zeroizing;

use super::prober::LONGEST_PAUSE;
use super::*;
use crate::entra::login_service::Answering;
use crate::entra::{DeviceCode, IdToken, LoginService, Realm, RefreshToken, Refusal};

/// Time of day that goes with tokio's.
struct Ticking(Instant);

impl Clock for Ticking {
    fn now(&self) -> UnixSeconds {
        UnixSeconds::new(1_000_000 + self.0.elapsed().as_secs())
    }
}

/// What the network does to requests from now on.
#[derive(Clone, Copy, PartialEq)]
enum Network {
    Whole,
    /// Every connection is refused at once.
    Refusing,
    /// Nothing ever comes back.
    Black,
}

struct World {
    requests: Mutex<Network>,
    probes: Mutex<Network>,
    asked: AtomicU64,
    probed: AtomicU64,
}

impl World {
    fn set(&self, network: Network) {
        *self.requests.lock().unwrap() = network;
        *self.probes.lock().unwrap() = network;
    }

    fn probed(&self) -> u64 {
        self.probed.load(Ordering::Relaxed)
    }
}

fn no_answer() -> EntraError {
    EntraError::NoAnswer {
        place: "POST token".to_owned(),
        reason: "connection refused".to_owned(),
        obstacle: crate::entra::Obstacle::Refused,
    }
}

async fn through<T>(network: Network, answer: Result<T, EntraError>) -> Result<T, EntraError> {
    match network {
        Network::Whole => answer,
        Network::Refusing => Err(no_answer()),
        Network::Black => {
            tokio::time::sleep(Duration::from_secs(20)).await;
            Err(no_answer())
        }
    }
}

impl Probe for Arc<World> {
    fn probe(&self) -> Answering<'_, ()> {
        Box::pin(async {
            self.probed.fetch_add(1, Ordering::Relaxed);
            let network = *self.probes.lock().unwrap();
            through(network, Ok(())).await
        })
    }
}

/// Answers every password with a refusal: an answer like any other.
struct Service(Arc<World>);

impl LoginService for Service {
    fn password<'a>(&'a self, _: &'a str, _: &'a entra_protocol::Secret) -> Answering<'a, IdToken> {
        unimplemented!()
    }

    fn device_code(&self, _: bool) -> Answering<'_, DeviceCode> {
        Box::pin(async {
            self.0.asked.fetch_add(1, Ordering::Relaxed);
            let network = *self.0.requests.lock().unwrap();
            let refusal = Refusal {
                status: 503,
                ..Refusal::default()
            };
            through(network, Err(EntraError::Refused(Box::new(refusal)))).await
        })
    }

    fn poll<'a>(&'a self, _: &'a DeviceCode) -> Answering<'a, IdToken> {
        unimplemented!()
    }

    fn refresh<'a>(&'a self, _: &'a RefreshToken) -> Answering<'a, IdToken> {
        unimplemented!()
    }

    fn realm<'a>(&'a self, _: &'a str) -> Answering<'a, Realm> {
        unimplemented!()
    }

    fn signing_keys(&self) -> Answering<'_, Zeroizing<Vec<u8>>> {
        unimplemented!()
    }
}

struct Stage {
    world: Arc<World>,
    memory: Reachability,
    service: Arc<Remembered<Service>>,
    prober: tokio::task::JoinHandle<()>,
}

impl Stage {
    fn new() -> Self {
        let world = Arc::new(World {
            requests: Mutex::new(Network::Whole),
            probes: Mutex::new(Network::Whole),
            asked: AtomicU64::new(0),
            probed: AtomicU64::new(0),
        });
        let clock = Arc::new(Ticking(Instant::now()));
        let (memory, prober) =
            Reachability::new("contoso.example", world.clone(), clock, || [255; 16]);
        Self {
            service: Arc::new(Remembered::new(Service(world.clone()), memory.clone())),
            prober: tokio::spawn(prober.keep()),
            world,
            memory,
        }
    }

    /// One request: whether it was answered, and how long that took.
    async fn ask(&self) -> (bool, Duration) {
        let begin = Instant::now();
        let answer = self.service.device_code(false).await;
        let answered = matches!(answer, Err(EntraError::Refused(_)));
        (answered, begin.elapsed())
    }

    fn outage(&self) -> Outage {
        match self.memory.now() {
            Reach::Unreachable(outage) => outage,
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_is_claimed_and_nothing_probed_before_trouble() {
    let stage = Stage::new();
    assert_eq!(stage.memory.now(), Reach::NotAsked);
    assert!(stage.ask().await.0);
    assert!(matches!(stage.memory.now(), Reach::Reachable { .. }));
    tokio::time::sleep(Duration::from_secs(3_600)).await;
    assert_eq!(stage.world.probed(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_black_hole_costs_one_person_seconds_and_the_next_at_most_two() {
    let stage = Stage::new();
    stage.ask().await;
    stage.world.set(Network::Black);
    let (answered, took) = stage.ask().await;
    assert!(!answered);
    assert!(took <= DOUBT_AFTER + Duration::from_secs(3), "{took:?}");
    let outage = stage.outage();
    assert_eq!(outage.reason, "no answer within 3 s");
    for _ in 0..5 {
        let asked = stage.world.asked.load(Ordering::Relaxed);
        let (answered, took) = stage.ask().await;
        assert!(!answered && took <= AWAY_PATIENCE, "{took:?}");
        assert_eq!(stage.world.asked.load(Ordering::Relaxed), asked);
    }
    assert_eq!(stage.outage().since, outage.since);
    stage.world.set(Network::Whole);
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert!(stage.ask().await.0);
    assert!(matches!(stage.memory.now(), Reach::Reachable { .. }));
}

#[tokio::test(start_paused = true)]
async fn a_refused_connection_counts_once_the_probe_says_so() {
    let stage = Stage::new();
    stage.world.set(Network::Refusing);
    assert!(!stage.ask().await.0);
    tokio::time::sleep(Duration::from_millis(1)).await;
    let outage = stage.outage();
    assert_eq!(outage.reason, "connection refused");
    // A burst asks for no burst of probes.
    for _ in 0..100 {
        assert!(!stage.ask().await.0);
    }
    assert_eq!(stage.world.probed(), 1);
}

#[tokio::test(start_paused = true)]
async fn one_slow_request_condemns_nobody() {
    let stage = Stage::new();
    *stage.world.requests.lock().unwrap() = Network::Black;
    let slow = {
        let service = stage.service.clone();
        tokio::spawn(async move { service.device_code(false).await.is_err() })
    };
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert!(!slow.is_finished(), "given up although the service answers");
    assert!(matches!(stage.memory.now(), Reach::Reachable { .. }));
    *stage.world.requests.lock().unwrap() = Network::Whole;
    assert_eq!(stage.ask().await, (true, Duration::ZERO));
    assert!(slow.await.unwrap());
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(matches!(stage.memory.now(), Reach::Reachable { .. }));
}

#[tokio::test(start_paused = true)]
async fn the_network_is_looked_for_with_growing_pauses_and_noticed_without_a_sign_in() {
    let stage = Stage::new();
    stage.world.set(Network::Refusing);
    stage.ask().await;
    let begin = Instant::now();
    let mut tries = Vec::new();
    while begin.elapsed() < Duration::from_secs(300) {
        tokio::time::sleep(Duration::from_millis(500)).await;
        tries.resize(
            usize::try_from(stage.world.probed()).unwrap(),
            begin.elapsed().as_secs(),
        );
    }
    // 4, 8, 16, 32, then 48 s: a fifth less than the whole pauses, as drawn.
    assert_eq!(tries, [0, 4, 12, 28, 60, 108, 156, 204, 252]);
    assert_eq!(stage.outage().pause, LONGEST_PAUSE);
    let since = stage.outage().since;
    stage.world.set(Network::Whole);
    tokio::time::sleep(LONGEST_PAUSE).await;
    let Reach::Reachable { since: back } = stage.memory.now() else {
        panic!("the end of the outage was not noticed");
    };
    assert!(back.since(since) >= 300);
}

#[tokio::test(start_paused = true)]
async fn the_first_sign_in_after_the_outage_goes_through() {
    let stage = Stage::new();
    stage.world.set(Network::Black);
    stage.ask().await;
    tokio::time::sleep(Duration::from_secs(100)).await;
    stage.world.set(Network::Whole);
    assert_eq!(stage.ask().await, (true, Duration::ZERO));
}

#[tokio::test(start_paused = true)]
async fn without_its_prober_the_memory_refuses_nothing() {
    let stage = Stage::new();
    stage.world.set(Network::Refusing);
    stage.ask().await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    stage.outage();
    stage.prober.abort();
    tokio::time::sleep(Duration::from_secs(2)).await;
    stage.world.set(Network::Whole);
    assert!(stage.ask().await.0);
}

/// As the gate on local accounts asks.
const PATIENCE: Duration = Duration::from_millis(800);

#[tokio::test(start_paused = true)]
async fn the_gate_counts_on_a_service_that_answers_now_and_has_for_a_while() {
    let stage = Stage::new();
    // Nobody has asked anything yet: a probe finds out.
    assert!(stage.memory.is_surely_there(PATIENCE).await);
    assert_eq!(stage.world.probed(), 1);
    assert!(stage.memory.is_surely_there(PATIENCE).await);
    assert_eq!(
        stage.world.probed(),
        1,
        "what was just answered is believed"
    );

    // An idle host has not heard of the outage.
    tokio::time::sleep(FRESH).await;
    stage.world.set(Network::Black);
    let began = Instant::now();
    assert!(!stage.memory.is_surely_there(PATIENCE).await);
    assert!(began.elapsed() <= PATIENCE);
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert!(matches!(stage.memory.now(), Reach::Unreachable(_)));
    let began = Instant::now();
    assert!(!stage.memory.is_surely_there(PATIENCE).await);
    assert_eq!(
        began.elapsed(),
        Duration::ZERO,
        "what is known costs nobody time"
    );

    stage.world.set(Network::Whole);
    while !matches!(stage.memory.now(), Reach::Reachable { .. }) {
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    assert!(
        !stage.memory.is_surely_there(PATIENCE).await,
        "it came back just now"
    );
    tokio::time::sleep(STEADY).await;
    assert!(stage.memory.is_surely_there(PATIENCE).await);

    stage.prober.abort();
    tokio::time::sleep(FRESH).await;
    assert!(
        !stage.memory.is_surely_there(PATIENCE).await,
        "nobody probes any more"
    );
}

impl Stage {
    /// The same request of somebody who can do without the service.
    async fn ask_in_a_hurry(&self) -> (bool, Duration) {
        let begin = Instant::now();
        let hurried = Hurried::new(self.service.as_ref(), &self.memory);
        let answer = hurried.device_code(false).await;
        let answered = matches!(answer, Err(EntraError::Refused(_)));
        (answered, begin.elapsed())
    }
}

#[tokio::test(start_paused = true)]
async fn who_can_do_without_the_service_waits_two_seconds_once_and_then_not() {
    let stage = Stage::new();
    stage.ask().await;
    stage.world.set(Network::Black);
    let (answered, took) = stage.ask_in_a_hurry().await;
    assert!(!answered);
    assert_eq!(took, Duration::from_secs(2));
    // The probe is still under way, and condemns nobody yet.
    assert!(matches!(stage.memory.now(), Reach::Reachable { .. }));
    assert_eq!(stage.ask_in_a_hurry().await, (false, Duration::ZERO));
    tokio::time::sleep(Duration::from_secs(10)).await;
    stage.outage();
    for _ in 0..5 {
        // As a prompt does it: the probe has gone while somebody typed.
        assert!(stage.memory.look());
        tokio::time::sleep(Duration::from_millis(600)).await;
        assert_eq!(stage.ask_in_a_hurry().await, (false, Duration::ZERO));
        assert!(stage.ask_in_a_hurry().await.1 <= Duration::from_millis(500));
        tokio::time::sleep(Duration::from_secs(5)).await;
    }
    stage.world.set(Network::Whole);
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert_eq!(stage.ask_in_a_hurry().await, (true, Duration::ZERO));
    assert!(!stage.memory.look());
}

#[tokio::test(start_paused = true)]
async fn in_a_hurry_one_slow_request_still_gets_its_time() {
    let stage = Stage::new();
    *stage.world.requests.lock().unwrap() = Network::Black;
    let (answered, took) = stage.ask_in_a_hurry().await;
    assert!(!answered);
    assert_eq!(
        took,
        Duration::from_secs(20),
        "given up although the service answers"
    );
    assert!(stage.world.probed() > 0, "nobody looked");
}

#[tokio::test(start_paused = true)]
async fn in_a_hurry_nothing_is_refused_on_the_word_of_a_memory_without_its_prober() {
    let stage = Stage::new();
    stage.world.set(Network::Refusing);
    stage.ask().await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    stage.outage();
    stage.prober.abort();
    tokio::time::sleep(Duration::from_secs(2)).await;
    stage.world.set(Network::Whole);
    assert!(stage.ask_in_a_hurry().await.0);
}
