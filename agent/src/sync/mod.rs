//! Imports: from the tenant's answers to a directory on this host.
//!
//! A run reads a round page by page into the mirror (`read`, `named`), decides on the whole of it without
//! touching anything, and makes the decision true in one short transaction (`plan`); then it publishes.
//! Until that transaction the directory is the old one, whatever happens: an error, a kill, a power cut;
//! and the next run goes on where this one stopped.
//!
//! Invariants:
//! - One run of a tenant at a time; a second one is told so and changes nothing.
//! - No lock and no transaction is held across a network wait, but for the run's own turn.
//! - A run that fails changes nothing of the directory. Who ordered it keeps the record (`runs`).
//! - The counts of a summary add up: added, changed, unchanged, withheld and failed are all the objects
//!   considered.
//! - An answer without users is an error, never an empty directory; one that takes away too much at once
//!   takes nothing away before somebody says so ([`Removals`]).
//! - Memory does not grow with the tenant: what is read goes to the disk page by page, and what is decided
//!   is decided there.
//!
//! A dry run reads and decides likewise, and stops before the transaction.
//!
//! The scope of the last import *is* the directory: what is outside of it is removed.

mod error;
mod named;
mod order;
mod plan;
mod posix;
mod read;
mod rules;
mod scope;
mod tenant_groups;

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use entra_protocol::admin::{ImportSummary, Progress};
use tokio::sync::{Mutex, OwnedMutexGuard};
use tokio::time::Instant;

use crate::clock::{Clock, UnixSeconds, rfc3339};
use crate::config::{Config, Tenant};
use crate::graph::{Graph, Usage};
use crate::identity::TenantId;
use crate::ids::IllegalRange;
use crate::publish::{LocalFiles, Publisher, Shells};
use crate::store::{OpenRound, RoundKind, Store, StoreError};

pub use error::SyncError;
pub use order::{Order, Outcome};
pub use plan::Removals;
pub use scope::{Include, Scope};

use plan::{Decision, Inputs};
use read::Reading;
use rules::Rules;

/// Told how far a run is.
pub type Tell<'a> = &'a (dyn Fn(Progress) + Send + Sync);

/// Imports one tenant.
pub struct Syncer {
    store: Store,
    graph: Graph,
    /// What a decision needs of `agent.toml`.
    rules: Arc<Rules>,
    /// Every tenant that this host has.
    configured: Arc<[TenantId]>,
    /// The host's own accounts.
    local: LocalFiles,
    publisher: Arc<Publisher>,
    clock: Arc<dyn Clock>,
    /// Held by the run that is under way, also by its last, uncancellable step.
    turn: Arc<Mutex<()>>,
}

impl fmt::Debug for Syncer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Syncer({})", self.rules.tenant)
    }
}

impl Syncer {
    /// An importer of this one of the configured tenants.
    ///
    /// # Errors
    /// [`IllegalRange`] if `[ids]` holds ids that imported objects must not have.
    pub fn new(
        store: Store,
        graph: Graph,
        config: &Config,
        tenant: &Tenant,
        publisher: Arc<Publisher>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, IllegalRange> {
        Ok(Self {
            store,
            graph,
            rules: Arc::new(Rules::new(config, tenant)?),
            configured: config.tenants.iter().map(|tenant| tenant.id).collect(),
            local: publisher.local_files().clone(),
            publisher,
            clock,
            turn: Arc::new(Mutex::new(())),
        })
    }

    /// Imports the scope and publishes. Dropping the future before the round is read leaves everything
    /// as it was; after that the swap and the publication go to their end.
    ///
    /// # Errors
    /// [`SyncError`]; nothing of the directory has changed then, but after `Publish`.
    pub async fn import(&self, order: &Order, tell: Tell<'_>) -> Result<Outcome, SyncError> {
        let turn = Arc::clone(&self.turn)
            .try_lock_owned()
            .map_err(|_| SyncError::Busy)?;
        let started_at = self.clock.now();
        let begin = Instant::now();
        let session = self.graph.session();
        let (reading, round) =
            read::read(&self.store, &session, &self.rules, order, started_at, tell).await?;
        let is_full = round.kind == RoundKind::Full;
        let settled = self.settle(turn, reading, round, order, tell).await?;
        let Usage {
            requests,
            bytes,
            throttled,
            waited_ms,
        } = session.usage();
        let Decision {
            users,
            groups,
            memberships,
            withheld,
            remarks,
            failures,
            changes,
            more_changes,
        } = settled.decision;
        let summary = ImportSummary {
            started_at: rfc3339(started_at),
            duration_ms: u64::try_from(begin.elapsed().as_millis()).unwrap_or(u64::MAX),
            scope: order.scope.to_string(),
            users,
            groups,
            memberships,
            withheld,
            requests,
            generation: settled.generation,
            tenant_id: self.rules.tenant.to_string(),
            full: is_full,
            dry_run: order.dry_run,
            bytes,
            throttled,
            waited_ms,
            more_changes,
            remarks,
        };
        Ok(Outcome {
            summary,
            failures,
            changes,
        })
    }

    /// The tenant.
    #[must_use]
    pub fn tenant(&self) -> TenantId {
        self.rules.tenant
    }

    /// Its domain, as configured.
    #[must_use]
    pub fn domain(&self) -> &str {
        &self.rules.domain
    }

    /// Decides, swaps and publishes. It runs to its end even if nobody waits for it any more, and keeps
    /// the turn until then.
    async fn settle(
        &self,
        turn: OwnedMutexGuard<()>,
        reading: Reading,
        round: OpenRound,
        order: &Order,
        tell: Tell<'_>,
    ) -> Result<Settled, SyncError> {
        let stage = if order.dry_run {
            "comparing"
        } else {
            "publishing"
        };
        tell(Progress {
            stage: stage.to_owned(),
            done: 0,
            total: None,
        });
        let settling = Settling {
            store: self.store.clone(),
            rules: Arc::clone(&self.rules),
            configured: Arc::clone(&self.configured),
            local: self.local.clone(),
            now: self.clock.now(),
            order: order.clone(),
            reading,
        };
        let publisher = Arc::clone(&self.publisher);
        blocking(move || {
            let _turn = turn;
            let administrators_before = settling.store.administrators()?;
            let mut decision = settling.decide(&round)?;
            let generation = if settling.order.dry_run {
                0
            } else {
                // Who is gone or cut off must find nothing of theirs when they come back.
                settling.store.forget_dead_verifiers()?;
                publisher.publish()?.generation
            };
            // No import is refused for it: whoever left is gone, and an old right must not stay for that.
            if administrators_before > 0 && settling.store.administrators()? == 0 {
                tracing::warn!(
                    "this run took the last administrator: nobody who can sign in has the role any more"
                );
                decision.remarks.push(NO_ADMINISTRATOR.to_owned());
            }
            Ok::<_, SyncError>(Settled {
                decision,
                generation,
            })
        })
        .await
    }
}

/// What a decision on a round that was read needs.
struct Settling {
    store: Store,
    rules: Arc<Rules>,
    configured: Arc<[TenantId]>,
    local: LocalFiles,
    now: UnixSeconds,
    order: Order,
    reading: Reading,
}

impl Settling {
    /// Decides on the round, and makes it part of the mirror.
    ///
    /// A delta is merged first: the mirror is what the tenant says, whatever comes of it here. A full
    /// round is decided on before it takes the place of the set that it replaces, so that one without
    /// users takes nothing's place.
    fn decide(&self, round: &OpenRound) -> Result<Decision, SyncError> {
        let tenant = self.rules.tenant;
        let local = self.local.accounts()?;
        let rules = Rules {
            shells: shells(&self.local),
            ..Rules::clone(&self.rules)
        };
        let inputs = |round| Inputs {
            rules: &rules,
            configured: &self.configured,
            local: &local,
            round,
            reading: &self.reading,
            include: self.order.scope.include,
            removals: self.order.removals,
            dry_run: self.order.dry_run,
            now: self.now,
        };
        let mut decision = match round.kind {
            RoundKind::Delta => {
                let live = self.store.adopt_round(tenant, round)?;
                let decided = plan::decide(&self.store, &inputs(live));
                if matches!(decided, Err(SyncError::Empty { .. })) {
                    self.store.ask_for_full_round(tenant)?;
                }
                decided?
            }
            RoundKind::Full => match plan::decide(&self.store, &inputs(round.id)) {
                Ok(decision) if self.order.dry_run => {
                    self.store.drop_round(round.id)?;
                    decision
                }
                Ok(decision) => {
                    self.store.adopt_round(tenant, round)?;
                    decision
                }
                Err(error) => {
                    if matches!(error, SyncError::Empty { .. }) {
                        self.store.drop_round(round.id)?;
                    }
                    return Err(error);
                }
            },
        };
        if decision.withheld.any() && round.kind == RoundKind::Delta && !self.order.dry_run {
            // Perhaps the answer was not whole; a full round that says the same was.
            self.store.ask_for_full_round(tenant)?;
        }
        decision
            .remarks
            .splice(0..0, self.reading.remarks.iter().cloned());
        Ok(decision)
    }
}

/// The shells that this host has. A host without the file has none but the default one.
fn shells(local: &LocalFiles) -> BTreeSet<String> {
    Shells::read(&local.shells)
        .listed()
        .map(str::to_owned)
        .collect()
}

/// What the summary says of a run after which nobody may assign roles but root.
const NO_ADMINISTRATOR: &str = "no administrator who can sign in is left; \
    `sudo entractl role set administrator NAME` gives somebody the role";

/// An import that was made true.
struct Settled {
    decision: Decision,
    generation: u64,
}

/// Runs something that blocks (the databases) where it holds up nobody.
async fn blocking<T, E>(
    work: impl FnOnce() -> Result<T, E> + Send + 'static,
) -> Result<T, SyncError>
where
    T: Send + 'static,
    E: Send + 'static,
    SyncError: From<E>,
{
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => Ok(result?),
        Err(error) => Err(SyncError::Lost(error.to_string())),
    }
}

impl From<StoreError> for SyncError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<rusqlite::Error> for SyncError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Store(StoreError::from(error))
    }
}

#[cfg(test)]
mod delta_tests;
#[cfg(test)]
mod tests;
