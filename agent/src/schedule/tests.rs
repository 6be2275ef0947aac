//! The scheduler by tokio's paused time and a clock that can be set.

use std::sync::atomic::{AtomicI64, Ordering};

use entra_protocol::admin::RunRow;
use tempfile::TempDir;

use super::*;
use crate::clock::UnixSeconds;
use crate::runs::tests::{Tenant, named};
use crate::store::fixture::TENANT;
use crate::store::{Actor, Plan};

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const START: u64 = 1_767_555_858;

/// Goes with tokio's time, and by what somebody sets or sleeps beside it.
struct Settable {
    since: Instant,
    offset: AtomicI64,
}

impl Clock for Settable {
    fn now(&self) -> UnixSeconds {
        let passed = START + self.since.elapsed().as_secs();
        UnixSeconds::new(passed.saturating_add_signed(self.offset.load(Ordering::SeqCst)))
    }
}

struct Host {
    _folder: TempDir,
    store: Store,
    clock: Arc<Settable>,
    tenant: Arc<Tenant>,
    runs: Arc<Runs>,
    agent: JoinSet<()>,
}

impl Host {
    /// A host that has imported alice, with its agent running.
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(Settable {
            since: Instant::now(),
            offset: AtomicI64::new(0),
        });
        let store = Store::open(folder.path(), clock.clone()).unwrap();
        let tenant = Tenant::new(TENANT, 200);
        let runs = runs(&store, &clock);
        let mut host = Self {
            _folder: folder,
            store,
            clock,
            tenant,
            runs,
            agent: JoinSet::new(),
        };
        host.import("alice").await;
        host.start();
        host
    }

    async fn import(&self, user: &str) {
        let turn = self.runs.turn_now().unwrap();
        let order = named(user);
        let root = Actor::this_host("root");
        let ran = self.runs.run(
            turn,
            self.tenant.as_ref(),
            &order,
            By::Person(&root, "import"),
            &|_| {},
        );
        ran.await.unwrap();
    }

    /// The agent's start, as after a stop or a crash.
    fn start(&mut self) {
        self.agent.abort_all();
        self.runs = runs(&self.store, &self.clock);
        let mut importers = Importers::default();
        importers.add(self.tenant.clone());
        self.agent
            .spawn(keep(self.store.clone(), importers, Arc::clone(&self.runs)));
    }

    fn stop(&mut self) {
        self.agent.abort_all();
    }

    /// The time of day moves on (or back) and the monotonic clock does not: sleep, or somebody set it.
    fn jump(&self, seconds: i64) {
        self.clock.offset.fetch_add(seconds, Ordering::SeqCst);
    }

    async fn pass(&self, seconds: u64) {
        sleep(Duration::from_secs(seconds)).await;
    }

    /// How many runs there were, the first import included.
    fn count(&self) -> usize {
        self.tenant.orders().len()
    }

    fn plan(&self) -> Plan {
        self.store.schedule(TENANT).unwrap().plan.unwrap()
    }

    fn last(&self) -> RunRow {
        self.store.last_run(None).unwrap().unwrap()
    }

    async fn set(&self, minutes: Option<u32>, paused: Option<bool>) {
        let actor = Actor {
            uid: 0,
            name: "root".to_owned(),
            role: None,
        };
        self.store
            .set_schedule(TENANT, "contoso.example", minutes, paused, &actor)
            .unwrap();
        self.runs.schedule_changed(TENANT).await;
    }
}

fn runs(store: &Store, clock: &Arc<Settable>) -> Arc<Runs> {
    let planner = Planner::new(store.clone(), clock.clone(), Jitter::new(b"host"));
    Arc::new(Runs::new(store.clone(), planner, [TENANT]))
}

#[tokio::test(start_paused = true)]
async fn runs_come_an_interval_apart_give_or_take_a_fifth() {
    let host = Host::new().await;
    host.pass(47 * MINUTE).await;
    assert_eq!(host.count(), 1);
    host.pass(26 * MINUTE).await;
    assert_eq!(host.count(), 2);
    assert_eq!(host.last().begun_by, "schedule");
    assert_eq!(host.last().scope, "users alice");
    host.pass(48 * HOUR).await;
    let runs = host.count();
    assert!((40..=61).contains(&runs), "{runs}");
}

#[tokio::test(start_paused = true)]
async fn nothing_is_scheduled_before_the_first_import() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(Settable {
        since: Instant::now(),
        offset: AtomicI64::new(0),
    });
    let store = Store::open(folder.path(), clock.clone()).unwrap();
    let tenant = Tenant::new(TENANT, 10);
    let mut importers = Importers::default();
    importers.add(tenant.clone());
    let runs = runs(&store, &clock);
    let mut agent = JoinSet::new();
    agent.spawn(keep(store, importers, runs));
    sleep(Duration::from_secs(100 * HOUR)).await;
    assert_eq!(tenant.orders().len(), 0);
}

#[tokio::test(start_paused = true)]
async fn runs_that_were_missed_while_the_agent_was_down_are_caught_up_once() {
    let mut host = Host::new().await;
    host.stop();
    host.pass(50 * HOUR).await;
    assert_eq!(host.count(), 1);
    host.start();
    host.pass(5).await;
    assert_eq!(host.count(), 1, "not at the very start");
    host.pass(3 * MINUTE).await;
    assert_eq!(host.count(), 2);
    host.pass(44 * MINUTE).await;
    assert_eq!(host.count(), 2, "once");
}

#[tokio::test(start_paused = true)]
async fn a_restart_moves_nothing() {
    let mut host = Host::new().await;
    let plan = host.plan();
    host.pass(10 * MINUTE).await;
    host.start();
    host.pass(MINUTE).await;
    assert_eq!(host.plan(), plan);
}

#[tokio::test(start_paused = true)]
async fn a_host_that_slept_catches_up_within_minutes_of_waking() {
    let host = Host::new().await;
    host.pass(20 * MINUTE).await;
    host.jump(12 * 3600);
    host.pass(4 * MINUTE).await;
    assert_eq!(host.count(), 2);
    host.pass(40 * MINUTE).await;
    assert_eq!(host.count(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_clock_set_back_stops_nothing_for_longer_than_an_interval() {
    let host = Host::new().await;
    host.pass(10 * MINUTE).await;
    host.jump(-400 * 24 * 3600);
    host.pass(74 * MINUTE).await;
    assert_eq!(host.count(), 2);
    // And forth again: one run catches up.
    host.jump(400 * 24 * 3600);
    host.pass(4 * MINUTE).await;
    assert_eq!(host.count(), 3);
    // A clock that jumps about every minute makes no storm of runs.
    let before = host.count();
    for _ in 0..60 {
        host.jump(24 * 3600);
        host.pass(MINUTE).await;
        host.jump(-24 * 3600);
        host.pass(MINUTE).await;
    }
    assert!(host.count() - before <= 24, "{}", host.count() - before);
}

#[tokio::test(start_paused = true)]
async fn pause_stops_it_and_resume_catches_up() {
    let host = Host::new().await;
    host.set(None, Some(true)).await;
    host.pass(50 * HOUR).await;
    assert_eq!(host.count(), 1);
    host.set(None, Some(false)).await;
    host.pass(3 * MINUTE).await;
    assert_eq!(host.count(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_new_interval_counts_at_once() {
    let host = Host::new().await;
    host.set(Some(5), None).await;
    let wait = host.plan().due_at.since(host.clock.now());
    assert!((4 * MINUTE..=6 * MINUTE).contains(&wait), "{wait}");
    host.pass(6 * MINUTE + 1).await;
    assert_eq!(host.count(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_failed_run_is_tried_again_when_the_tenant_said() {
    let host = Host::new().await;
    host.tenant.refuse(Some(600));
    host.pass(73 * MINUTE).await;
    let first = host.count();
    assert!((2..=4).contains(&first), "{first}");
    let wait = host.plan().due_at.since(host.plan().made_at);
    assert!((600..=660).contains(&wait), "{wait}");
    // Without such a word it is the next interval.
    host.tenant.refuse(None);
    host.pass(12 * MINUTE).await;
    let second = host.count();
    host.pass(36 * MINUTE).await;
    assert_eq!(host.count(), second);
    host.pass(37 * MINUTE).await;
    assert_eq!(host.count(), second + 1);
}

#[tokio::test(start_paused = true)]
async fn a_scheduled_run_waits_for_its_turn_and_is_not_made_twice() {
    let host = Host::new().await;
    let turn = host.runs.turn_now().unwrap();
    host.pass(3 * HOUR).await;
    assert_eq!(host.count(), 1);
    drop(turn);
    host.pass(6 * MINUTE).await;
    assert_eq!(host.count(), 2);
    // While it waits, a person does the work.
    let turn = host.runs.turn_now().unwrap();
    let due = host.plan().due_at.since(host.clock.now());
    host.pass(due + 1).await;
    let order = named("bob");
    let root = Actor::this_host("root");
    let ran = host.runs.run(
        turn,
        host.tenant.as_ref(),
        &order,
        By::Person(&root, "import"),
        &|_| {},
    );
    ran.await.unwrap();
    host.pass(40 * MINUTE).await;
    assert_eq!(
        host.tenant.orders(),
        ["users alice", "users alice", "users bob"]
    );
    host.pass(33 * MINUTE).await;
    assert_eq!(host.tenant.orders().last().unwrap(), "users bob");
    assert_eq!(host.count(), 4);
}

#[tokio::test(start_paused = true)]
async fn nothing_that_can_be_written_is_no_storm() {
    let host = Host::new().await;
    // As a full disk: no plan moves any more.
    let file = host._folder.path().join(crate::store::STATE_FILE);
    let other = rusqlite::Connection::open(file).unwrap();
    other
        .execute_batch(
            "CREATE TRIGGER full BEFORE UPDATE ON schedules BEGIN SELECT RAISE(ABORT, 'full'); END",
        )
        .unwrap();
    host.pass(3 * HOUR).await;
    assert!(host.count() <= 3 * 12 + 1, "{}", host.count());
}
