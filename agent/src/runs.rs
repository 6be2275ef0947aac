//! Runs: who may begin one now, what is remembered of it, and what follows from it.
//!
//! Every run of every tenant goes through here, whoever ordered it: a person through `admin.sock`, or
//! the schedule. The importer itself knows neither records nor schedules.
//!
//! Invariants:
//! - One run at a time on this host, of whichever tenant: names and ids are given out host-wide, and what
//!   a run decides on must still hold when it commits. A person who finds the turn taken is told so; the
//!   schedule waits for it.
//! - Every run but a dry one has a record from its beginning to its end. One whose caller hangs up is
//!   recorded as given up; one that the agent's end cuts short shows as interrupted after the next start.
//! - A tenant's scope is that of its last run that did its work, set in one transaction with the record.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use entra_protocol::admin::{Change, FailedObject, Failure, FailureKind, ImportSummary};
use tokio::sync::{Mutex, Notify, OwnedMutexGuard};

use crate::admin::{Importer, Refusal};
use crate::auth::in_store;
use crate::counters::Counters;
use crate::identity::TenantId;
use crate::schedule::{Ended, Planner};
use crate::store::{Actor, Ordered, Store, StoreError};
use crate::sync::{Order, Tell};

/// Runs orders, one after another.
pub struct Runs {
    /// Records, scopes and schedules.
    store: Store,
    /// Held by the run that is under way.
    turn: Arc<Mutex<()>>,
    /// Says when the next run is due.
    planner: Planner,
    /// For monitoring.
    counters: Counters,
    /// Wakes a tenant's scheduler after its plan has changed.
    changed: BTreeMap<TenantId, Notify>,
}

/// The right to run now.
pub struct Turn {
    _held: OwnedMutexGuard<()>,
}

/// A run that did its work.
#[derive(Debug)]
pub struct Ran {
    /// Its counts.
    pub summary: ImportSummary,
    /// Objects that it could not take, at most 10 000 of them.
    pub failures: Vec<FailedObject>,
    /// Of a dry run: what it would have changed.
    pub changes: Vec<Change>,
}

impl Runs {
    /// For these tenants.
    pub fn new(
        store: Store,
        planner: Planner,
        tenants: impl IntoIterator<Item = TenantId>,
    ) -> Self {
        Self {
            store,
            turn: Arc::new(Mutex::new(())),
            planner,
            counters: Counters::default(),
            changed: tenants
                .into_iter()
                .map(|tenant| (tenant, Notify::new()))
                .collect(),
        }
    }

    /// The same, counting there how runs end.
    #[must_use]
    pub fn counting(mut self, counters: Counters) -> Self {
        self.counters = counters;
        self
    }

    /// The turn, if nobody has it.
    ///
    /// # Errors
    /// [`FailureKind::Busy`].
    pub fn turn_now(&self) -> Result<Turn, Failure> {
        Arc::clone(&self.turn)
            .try_lock_owned()
            .map(|_held| Turn { _held })
            .map_err(|_| Failure {
                kind: FailureKind::Busy,
                message: "another run is under way on this host".to_owned(),
                hint: Some("wait for it; `entractl schedule` shows which".to_owned()),
                reference: None,
            })
    }

    /// The turn, when it is free.
    pub(crate) async fn turn(&self) -> Turn {
        Turn {
            _held: Arc::clone(&self.turn).lock_owned().await,
        }
    }

    /// Runs the order. Dropping the future gives the run up; what it had begun to commit goes to its end.
    ///
    /// # Errors
    /// What the tenant or the databases said; recorded, unless the databases can't.
    pub async fn run(
        &self,
        turn: Turn,
        importer: &dyn Importer,
        order: &Order,
        by: By<'_>,
        tell: Tell<'_>,
    ) -> Result<Ran, Refusal> {
        let ran = if order.dry_run {
            importer.run(order, tell).await.map(|outcome| Ran {
                summary: outcome.summary,
                failures: outcome.failures,
                changes: outcome.changes,
            })
        } else {
            self.run_recorded(importer, order, by, tell).await
        };
        drop(turn);
        ran
    }

    async fn run_recorded(
        &self,
        importer: &dyn Importer,
        order: &Order,
        by: By<'_>,
        tell: Tell<'_>,
    ) -> Result<Ran, Refusal> {
        let tenant = importer.tenant();
        let (begun_by, scope) = (by.to_string(), order.scope.to_string());
        let run = self
            .stored(move |store| store.begin_run(tenant, &begun_by, &scope))
            .await
            .inspect_err(|refusal| {
                let (domain, error) = (importer.domain(), &refusal.failure.message);
                tracing::error!(begun_by = %by, "no run of {domain} could begin: {error}");
            })?;
        let mut begun = Begun {
            store: &self.store,
            counters: &self.counters,
            tenant,
            run,
            // Nobody hangs up on the schedule: what ends its runs is the agent's own end.
            open: by != By::Schedule,
        };
        let result = importer.run(order, tell).await;
        begun.open = false;
        match &result {
            Ok(outcome) => self.counters.run_succeeded(tenant, &outcome.summary),
            Err(_) => self.counters.run_failed(tenant),
        }
        let ended = match &result {
            Ok(_) => Ended::DidItsWork,
            Err(refusal) => {
                let (domain, error) = (importer.domain(), &refusal.failure.message);
                tracing::error!(
                    scope = %order.scope,
                    begun_by = %by,
                    "the run of {domain} failed, and the last good directory serves: {error}"
                );
                Ended::Failed {
                    retry_after: refusal.retry_after,
                    busy: refusal.failure.kind == FailureKind::Busy,
                    scheduled: by == By::Schedule,
                }
            }
        };
        let ran = match result {
            Ok(outcome) => {
                let (summary, scope) = (outcome.summary.clone(), order.scope.clone());
                let ordered = by.ordered(importer.domain());
                self.stored(move |store| {
                    store.end_run(run, tenant, &scope, &summary, ordered.as_ref())?;
                    Ok(store
                        .run(run)?
                        .map_or_else(Vec::new, |(_, failures)| failures))
                })
                .await
                .map(|failures| Ran {
                    summary: outcome.summary,
                    failures,
                    changes: outcome.changes,
                })
            }
            Err(refusal) => {
                let failure = refusal.failure.clone();
                let kept = self
                    .stored(move |store| store.fail_run(run, &failure))
                    .await;
                if let Err(second) = kept {
                    // The run's own failure is the news.
                    tracing::error!(
                        "the failed run could not be recorded: {}",
                        second.failure.message
                    );
                }
                Err(refusal)
            }
        };
        if let Err(error) = self.planner.after_run(tenant, ended).await {
            tracing::error!(
                "the next run of {} could not be planned: {error}",
                importer.domain()
            );
        }
        self.wake(tenant);
        ran
    }

    /// Plans anew after an operator has changed the tenant's schedule.
    pub async fn schedule_changed(&self, tenant: TenantId) {
        if let Err(error) = self.planner.look(tenant).await {
            tracing::error!("the next run of {tenant} could not be planned: {error}");
        }
        self.wake(tenant);
    }

    /// Returns once the tenant's plan may have changed.
    pub(crate) async fn changed(&self, tenant: TenantId) {
        match self.changed.get(&tenant) {
            Some(changed) => changed.notified().await,
            None => std::future::pending().await,
        }
    }

    pub(crate) fn planner(&self) -> &Planner {
        &self.planner
    }

    fn wake(&self, tenant: TenantId) {
        if let Some(changed) = self.changed.get(&tenant) {
            changed.notify_one();
        }
    }

    async fn stored<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Store) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, Refusal> {
        in_store(&self.store, work).await.map_err(|error| {
            Refusal::from(Failure {
                kind: FailureKind::Internal,
                message: format!("the agent's database failed: {error}"),
                hint: Some(error.hint().to_owned()),
                reference: None,
            })
        })
    }
}

/// A run that has a record without an end.
struct Begun<'a> {
    store: &'a Store,
    counters: &'a Counters,
    tenant: TenantId,
    run: u64,
    /// True as long as dropping it means that its caller has left.
    open: bool,
}

impl Drop for Begun<'_> {
    fn drop(&mut self) {
        // The agent's own end leaves the record open: the next start finds it.
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            return;
        };
        if !self.open {
            return;
        }
        self.counters.run_given_up(self.tenant);
        let (store, run) = (self.store.clone(), self.run);
        runtime.spawn_blocking(move || {
            let failure = Failure {
                kind: FailureKind::Internal,
                message: "given up before its end: who had ordered it hung up".to_owned(),
                hint: Some(
                    "what it had begun to commit stands; `entractl sync` does the rest".to_owned(),
                ),
                reference: None,
            };
            if let Err(error) = store.fail_run(run, &failure) {
                tracing::error!("a run that was given up could not be recorded: {error}");
            }
        });
    }
}

/// Who ordered a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By<'a> {
    /// Nobody: it was due.
    Schedule,
    /// A person or root, with this verb.
    Person(&'a Actor, &'static str),
}

impl By<'_> {
    /// For the audit log: the schedule's runs are in the history only.
    fn ordered(self, domain: &str) -> Option<Ordered> {
        match self {
            Self::Schedule => None,
            Self::Person(actor, verb) => Some(Ordered {
                actor: actor.clone(),
                verb,
                domain: domain.to_owned(),
            }),
        }
    }
}

/// As records name it.
impl fmt::Display for By<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Schedule => f.write_str(SCHEDULE),
            // Somebody may be called so, and must not hide behind it.
            Self::Person(actor, _) if actor.name == SCHEDULE => {
                write!(f, "{SCHEDULE} (a person)")
            }
            Self::Person(actor, _) => f.write_str(&actor.name),
        }
    }
}

const SCHEDULE: &str = "schedule";

#[cfg(test)]
pub(crate) mod tests;
