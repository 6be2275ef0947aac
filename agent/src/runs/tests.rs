use std::sync::Mutex as Held;
use std::sync::atomic::{AtomicBool, Ordering};

use entra_protocol::admin::{GroupRow, Progress};
use tempfile::TempDir;
use tokio::sync::Semaphore;

use super::*;
use crate::admin::Importing;
use crate::clock::{Clock, UnixSeconds};
use crate::schedule::Jitter;
use crate::store::Plan;
use crate::store::fixture::{StoppedClock, TENANT, directory, empty};
use crate::sync::{Outcome, Removals, Scope};

/// A tenant whose runs end when they are let, and fail if told so.
pub(crate) struct Tenant {
    pub(crate) id: TenantId,
    /// What was ordered, in order.
    pub(crate) orders: Held<Vec<String>>,
    /// One permit lets one run end.
    pub(crate) gate: Semaphore,
    /// What the next runs say instead of doing their work.
    pub(crate) refusal: Held<Option<Refusal>>,
    /// Set while a run is under way.
    busy: AtomicBool,
}

impl Tenant {
    pub(crate) fn new(id: TenantId, runs: usize) -> Arc<Self> {
        Arc::new(Self {
            id,
            orders: Held::default(),
            gate: Semaphore::new(runs),
            refusal: Held::default(),
            busy: AtomicBool::new(false),
        })
    }

    pub(crate) fn orders(&self) -> Vec<String> {
        self.orders.lock().unwrap().clone()
    }

    pub(crate) fn refuse(&self, retry_after: Option<u64>) {
        let failure = Failure {
            kind: FailureKind::Tenant,
            message: "too many requests".to_owned(),
            hint: None,
            reference: None,
        };
        *self.refusal.lock().unwrap() = Some(Refusal {
            failure,
            retry_after,
        });
    }
}

impl Importer for Tenant {
    fn tenant(&self) -> TenantId {
        self.id
    }

    fn domain(&self) -> &'static str {
        "contoso.example"
    }

    fn run<'a>(&'a self, order: &'a Order, tell: Tell<'a>) -> Importing<'a, Outcome> {
        struct Leaving<'a>(&'a AtomicBool);
        impl Drop for Leaving<'_> {
            fn drop(&mut self) {
                self.0.store(false, Ordering::SeqCst);
            }
        }
        Box::pin(async move {
            assert!(!self.busy.swap(true, Ordering::SeqCst), "two runs at once");
            let _leaving = Leaving(&self.busy);
            self.orders.lock().unwrap().push(order.scope.to_string());
            tell(Progress {
                stage: "reading users".to_owned(),
                done: 0,
                total: None,
            });
            self.gate.acquire().await.unwrap().forget();
            if let Some(refusal) = self.refusal.lock().unwrap().clone() {
                return Err(refusal);
            }
            Ok(Outcome {
                summary: ImportSummary {
                    scope: order.scope.to_string(),
                    requests: 3,
                    ..ImportSummary::default()
                },
                failures: Vec::new(),
                changes: Vec::new(),
            })
        })
    }

    fn fetch_groups(&self) -> Importing<'_, Vec<GroupRow>> {
        Box::pin(async { Ok(Vec::new()) })
    }
}

pub(crate) fn named(user: &str) -> Order {
    Order {
        scope: Scope {
            users: vec![user.to_owned()],
            ..Scope::default()
        },
        removals: Removals::Guarded,
        full: false,
        dry_run: false,
    }
}

fn runs() -> (TempDir, Store, Arc<Runs>) {
    let (folder, store) = empty();
    let planner = Planner::new(store.clone(), Arc::new(StoppedClock), Jitter::new(b"host"));
    let runs = Arc::new(Runs::new(store.clone(), planner, [TENANT]));
    (folder, store, runs)
}

fn person(name: &str) -> Actor {
    Actor {
        uid: 7,
        name: name.to_owned(),
        role: None,
    }
}

async fn run(runs: &Runs, tenant: &Tenant, order: &Order) -> Result<Ran, Refusal> {
    let turn = runs.turn_now().unwrap();
    let by = By::Person(&person("carol"), "import");
    runs.run(turn, tenant, order, by, &|_| {}).await
}

#[tokio::test]
async fn a_run_is_remembered_with_its_failures_and_sets_the_scope() {
    let (_folder, store, runs) = runs();
    let tenant = Tenant::new(TENANT, 2);
    let mut commit = directory(&[(1, "alice")], &[]);
    let failed = FailedObject {
        kind: "user".to_owned(),
        object_id: "0e7b768e-07e2-4810-8459-485f84f8f204".to_owned(),
        label: "root@contoso.example".to_owned(),
        reason: "taken".to_owned(),
        cure: "rename".to_owned(),
    };
    commit.failures = vec![failed.clone(); 10_001];
    store.commit_import(&commit).unwrap();
    let ran = run(&runs, &tenant, &named("alice")).await.unwrap();
    assert_eq!((ran.failures.len(), &ran.failures[0]), (10_000, &failed));
    let (row, failures) = store.run(1).unwrap().unwrap();
    assert_eq!((row.failures, failures.len()), (10_001, 10_000));
    assert_eq!(
        (row.begun_by.as_str(), row.scope.as_str()),
        ("carol", "users alice")
    );
    assert_eq!(row.tenant_id, TENANT.to_string());
    assert_eq!(row.summary, Some(ran.summary));
    assert!(row.ended_at.is_some() && row.failure.is_none());
    assert_eq!(store.scope(TENANT).unwrap(), Some(named("alice").scope));
    let plan = store.schedule(TENANT).unwrap().plan.unwrap();
    assert!(plan.due_at > StoppedClock.now());

    // What a person orders in vain moves no plan.
    let plan = Plan {
        made_at: plan.made_at,
        due_at: plan.made_at.plus(7),
    };
    store.plan_run(TENANT, plan).unwrap();
    tenant.refuse(None);
    run(&runs, &tenant, &named("bob")).await.unwrap_err();
    let last = store.last_run(Some(TENANT)).unwrap().unwrap();
    assert_eq!(last.failure.unwrap().message, "too many requests");
    assert_eq!(store.scope(TENANT).unwrap(), Some(named("alice").scope));
    assert_eq!(store.schedule(TENANT).unwrap().plan, Some(plan));
    let numbers: Vec<u64> = store
        .runs(None, 9)
        .unwrap()
        .iter()
        .map(|run| run.id)
        .collect();
    assert_eq!(numbers, [2, 1]);
}

#[test]
fn nobody_hides_behind_the_schedule() {
    assert_eq!(By::Schedule.to_string(), "schedule");
    let by = person("schedule");
    assert_ne!(By::Person(&by, "sync").to_string(), "schedule");
}

#[tokio::test]
async fn a_second_run_is_told_to_wait_and_a_caller_who_leaves_is_recorded() {
    let (_folder, store, runs) = runs();
    let tenant = Tenant::new(TENANT, 0);
    let (hanging, its_tenant) = (Arc::clone(&runs), Arc::clone(&tenant));
    let caller = tokio::spawn(async move {
        let order = named("alice");
        run(&hanging, &its_tenant, &order).await
    });
    while tenant.orders().is_empty() {
        tokio::task::yield_now().await;
    }
    assert!(store.run_under_way(TENANT).unwrap());
    let busy = runs.turn_now().map(|_| ()).unwrap_err();
    assert_eq!(busy.kind, FailureKind::Busy);
    caller.abort();
    let recorded = async {
        while store.run_under_way(TENANT).unwrap() {
            tokio::task::yield_now().await;
        }
    };
    let limit = std::time::Duration::from_secs(20);
    tokio::time::timeout(limit, recorded).await.unwrap();
    let last = store.last_run(None).unwrap().unwrap();
    assert!(last.failure.unwrap().message.starts_with("given up"));
    assert!(runs.turn_now().is_ok());
}

#[tokio::test]
async fn runs_are_forgotten_after_ninety_days_and_their_numbers_are_not() {
    struct Later(u64);
    impl Clock for Later {
        fn now(&self) -> UnixSeconds {
            StoppedClock.now().plus(self.0 * 24 * 60 * 60)
        }
    }
    let (folder, store, runs) = runs();
    let tenant = Tenant::new(TENANT, 9);
    let mut commit = directory(&[(1, "alice")], &[]);
    commit.failures.push(FailedObject {
        kind: "user".to_owned(),
        object_id: "x".to_owned(),
        label: "x".to_owned(),
        reason: "x".to_owned(),
        cure: "x".to_owned(),
    });
    store.commit_import(&commit).unwrap();
    run(&runs, &tenant, &named("alice")).await.unwrap();
    drop((runs, store));
    for (days, left) in [(90, vec![2, 1]), (91, vec![3, 2, 1]), (400, vec![4, 1])] {
        let store = Store::open(folder.path(), Arc::new(Later(days))).unwrap();
        store.begin_run(TENANT, "root", "x").unwrap();
        let numbers: Vec<u64> = store
            .runs(None, 9)
            .unwrap()
            .iter()
            .map(|run| run.id)
            .collect();
        assert_eq!(numbers, left, "after {days} days");
    }
}

#[tokio::test]
async fn what_the_agents_end_cut_short_is_interrupted_and_nothing_else() {
    let (folder, store, runs) = runs();
    let tenant = Tenant::new(TENANT, 1);
    run(&runs, &tenant, &named("alice")).await.unwrap();
    store.begin_run(TENANT, "root", "x").unwrap();
    drop((runs, store));
    let store = Store::open(folder.path(), Arc::new(StoppedClock)).unwrap();
    assert_eq!(store.note_interrupted_runs().unwrap(), 1);
    assert!(!store.run_under_way(TENANT).unwrap());
    let rows = store.runs(None, 9).unwrap();
    assert_eq!(rows[0].ended_at, None);
    let failure = rows[0].failure.as_ref().unwrap();
    assert!(failure.message.starts_with("interrupted"), "{failure:?}");
    assert!(rows[1].summary.is_some());
    assert_eq!(store.note_interrupted_runs().unwrap(), 0);
}

#[test]
fn a_plan_survives_a_restart() {
    let (folder, store) = empty();
    let plan = Plan {
        made_at: StoppedClock.now(),
        due_at: StoppedClock.now().plus(99),
    };
    store.plan_run(TENANT, plan).unwrap();
    drop(store);
    let store = Store::open(folder.path(), Arc::new(StoppedClock)).unwrap();
    assert_eq!(store.schedule(TENANT).unwrap().plan, Some(plan));
}
