//! The schedule: begins a run of each tenant when it is due.
//!
//! The time of day decides, a monotonic wait only looks at it again: at least once a minute, so that a
//! host that slept or whose clock jumped is noticed within one. What was planned is in `state.db` and
//! survives a restart. Before a tenant's first import there is no scope, and nothing is scheduled.
//!
//! Invariants:
//! - Two runs that the schedule begins are at least five minutes apart by the monotonic clock, whatever
//!   the time of day does and also if nothing can be written.
//! - A scheduled run is guarded: too many removals at once are held back and wait for a person.

mod jitter;
mod plan;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use crate::admin::{Importer, Importers};
use crate::auth::in_store;
use crate::clock::Clock;
use crate::identity::TenantId;
use crate::runs::{Runs, SCHEDULE};
use crate::store::{Store, StoreError};
use crate::sync::{Order, Removals};

pub use jitter::Jitter;
pub(crate) use plan::{Ended, Step};

/// Keeps each tenant's plan in `state.db`.
pub struct Planner {
    store: Store,
    clock: Arc<dyn Clock>,
    jitter: Jitter,
}

impl Planner {
    /// Plans by this clock.
    #[must_use]
    pub fn new(store: Store, clock: Arc<dyn Clock>, jitter: Jitter) -> Self {
        Self {
            store,
            clock,
            jitter,
        }
    }

    /// What to do for the tenant now, after keeping a plan that has to be made or mended; `None` if it is
    /// paused or was never imported.
    pub(crate) async fn look(&self, tenant: TenantId) -> Result<Option<Step>, StoreError> {
        let (now, jitter) = (self.clock.now(), self.jitter.clone());
        in_store(&self.store, move |store| {
            let schedule = store.schedule(tenant)?;
            if schedule.paused || store.scope(tenant)?.is_none() {
                return Ok(None);
            }
            let step = plan::step(now, tenant, &schedule, &jitter);
            if let Step::Keep(plan) = step {
                store.plan_run(tenant, plan)?;
            }
            Ok(Some(step))
        })
        .await
    }

    /// Plans the next run after one that has ended.
    pub(crate) async fn after_run(&self, tenant: TenantId, ended: Ended) -> Result<(), StoreError> {
        let (now, jitter) = (self.clock.now(), self.jitter.clone());
        in_store(&self.store, move |store| {
            let schedule = store.schedule(tenant)?;
            match plan::after(now, tenant, &schedule, ended, &jitter) {
                Some(plan) => store.plan_run(tenant, plan),
                None => Ok(()),
            }
        })
        .await
    }
}

/// Runs every tenant's schedule for as long as it is polled.
pub async fn keep(store: Store, importers: Importers, runs: Arc<Runs>) {
    let mut tenants = JoinSet::new();
    for importer in importers.all() {
        tenants.spawn(keep_one(
            store.clone(),
            Arc::clone(importer),
            Arc::clone(&runs),
        ));
    }
    while let Some(ended) = tenants.join_next().await {
        if let Err(error) = ended {
            tracing::error!(%error, "a tenant's schedule broke off; it goes on after a restart of the agent");
        }
    }
    // No tenant, nothing to do: not a reason to stop the agent.
    std::future::pending().await
}

async fn keep_one(store: Store, importer: Arc<dyn Importer>, runs: Arc<Runs>) {
    let tenant = importer.tenant();
    let mut earliest = Instant::now();
    loop {
        let wait = match runs.planner().look(tenant).await {
            Ok(Some(Step::Begin)) if Instant::now() >= earliest => {
                if begin(&store, &importer, &runs).await {
                    earliest = Instant::now() + Duration::from_secs(plan::RETRY_AT_LEAST);
                }
                continue;
            }
            Ok(Some(Step::Keep(_))) => continue,
            Ok(Some(Step::Wait(seconds))) => Duration::from_secs(seconds).min(LOOK),
            Ok(Some(Step::Begin) | None) => LOOK,
            Err(error) => {
                tracing::error!(%error, domain = importer.domain(), "the schedule can't be read");
                LOOK
            }
        };
        tokio::select! {
            () = sleep(wait) => {}
            () = runs.changed(tenant) => {}
        }
    }
}

/// One scheduled run; false if there was nothing to do any more. It happens in a task of its own, so that
/// a panic ends the run and not the schedule.
async fn begin(store: &Store, importer: &Arc<dyn Importer>, runs: &Arc<Runs>) -> bool {
    let turn = runs.turn().await;
    let tenant = importer.tenant();
    // While it waited for its turn, somebody may have done the work, paused, or changed the scope.
    if !matches!(runs.planner().look(tenant).await, Ok(Some(Step::Begin))) {
        return false;
    }
    let scope = match in_store(store, move |store| store.scope(tenant)).await {
        Ok(Some(scope)) => scope,
        Ok(None) => return false,
        Err(error) => {
            tracing::error!(%error, domain = importer.domain(), "the scope can't be read");
            return true;
        }
    };
    let order = Order {
        scope,
        removals: Removals::Guarded,
        full: false,
        dry_run: false,
    };
    let mut run = JoinSet::new();
    let (importer, runs) = (Arc::clone(importer), Arc::clone(runs));
    run.spawn(async move {
        // Its record and its line in the journal say how it ended.
        let _ = runs
            .run(turn, importer.as_ref(), &order, SCHEDULE, &|_| {})
            .await;
    });
    if let Some(Err(error)) = run.join_next().await {
        tracing::error!(%error, "a scheduled run broke off");
    }
    true
}

/// How often the time of day is looked at: what a host that slept waits at most before it catches up.
const LOOK: Duration = Duration::from_secs(60);
