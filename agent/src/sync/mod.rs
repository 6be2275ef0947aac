//! Imports: from the tenant's answers to a directory on this host.
//!
//! A run reads a round page by page into the staging tables (`read`), decides on the whole of it without
//! touching anything (`plan`), and makes the decision true in one short transaction; then it publishes.
//! Until that transaction the directory is the old one, whatever happens: an error, a kill, a power cut.
//!
//! Invariants:
//! - One run at a time; a second one is told so and changes nothing.
//! - No lock and no transaction is held across a network wait, but for the run's own turn.
//! - A run that fails changes nothing. Who ordered it keeps the record (`runs`).
//! - The counts of a summary add up: added, changed, unchanged and failed are all the objects considered.
//! - An answer without users is an error, never an empty directory; one that takes away too much at once
//!   takes nothing away before somebody says so ([`Removals`]).
//!
//! A dry run reads and decides likewise, and stops before the transaction.
//!
//! The scope of the last import *is* the directory: what is outside of it is removed.
//!
//! Not here yet: resuming a staged round, delta rounds (their links are kept).

mod closure;
mod error;
mod named;
mod order;
mod plan;
mod read;
mod scope;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use entra_protocol::admin::{FailedObject, GroupRow, ImportSummary, Progress};
use tokio::sync::{Mutex, OwnedMutexGuard};
use tokio::time::Instant;

use crate::clock::{Clock, rfc3339};
use crate::config::{Config, Homes, Names};
use crate::graph::{GROUP_SELECT, Graph, GroupChange, Pager, Session, group_change};
use crate::identity::{ObjectKey, TenantId};
use crate::ids::{IdRange, IllegalRange};
use crate::names::LocalAccounts;
use crate::publish::{LocalFiles, Publisher};
use crate::store::{DirectoryGroup, GroupKind, Store, StoreError};

pub use error::SyncError;
pub use order::{Order, Outcome};
pub use plan::Removals;
pub use scope::{Include, Scope};

use plan::{Decision, Inputs};
use read::Reading;

/// Told how far a run is.
pub type Tell<'a> = &'a (dyn Fn(Progress) + Send + Sync);

/// Imports one tenant.
pub struct Syncer {
    store: Store,
    graph: Graph,
    /// What a decision needs of `agent.toml`.
    rules: Arc<Rules>,
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

/// What `agent.toml` says about objects.
#[derive(Debug, Clone)]
struct Rules {
    tenant: TenantId,
    domain: String,
    names: Names,
    homes: Homes,
    range: IdRange,
}

impl Syncer {
    /// An importer of the configured tenant.
    ///
    /// # Errors
    /// [`IllegalRange`] if `[ids]` holds ids that imported objects must not have.
    pub fn new(
        store: Store,
        graph: Graph,
        config: &Config,
        publisher: Arc<Publisher>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, IllegalRange> {
        let rules = Rules {
            tenant: config.tenant.id,
            domain: config.tenant.domain.clone(),
            names: config.names.clone(),
            homes: config.homes.clone(),
            range: IdRange::new(config.ids)?,
        };
        Ok(Self {
            store,
            graph,
            rules: Arc::new(rules),
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
    /// [`SyncError`]; nothing has changed then, but after `Publish`.
    pub async fn import(&self, order: &Order, tell: Tell<'_>) -> Result<Outcome, SyncError> {
        let Order {
            scope,
            removals,
            dry_run,
            ..
        } = order;
        let turn = Arc::clone(&self.turn)
            .try_lock_owned()
            .map_err(|_| SyncError::Busy)?;
        let started_at = self.clock.now();
        let begin = Instant::now();
        let session = self.graph.session();
        let reading = self.read(&session, scope, tell).await?;
        let (settled, failures) = self
            .settle(turn, reading, *removals, *dry_run, tell)
            .await?;
        let summary = ImportSummary {
            started_at: rfc3339(started_at),
            duration_ms: u64::try_from(begin.elapsed().as_millis()).unwrap_or(u64::MAX),
            scope: scope.to_string(),
            users: settled.decision.users,
            groups: settled.decision.groups,
            memberships: settled.decision.memberships,
            withheld: settled.decision.withheld,
            requests: session.requests(),
            generation: settled.generation,
            tenant_id: self.rules.tenant.to_string(),
            full: true,
            dry_run: *dry_run,
            remarks: settled.decision.remarks,
            ..ImportSummary::default()
        };
        Ok(Outcome {
            summary,
            failures: if *dry_run { failures } else { Vec::new() },
            changes: Vec::new(),
        })
    }

    /// The tenant's id.
    #[must_use]
    pub fn tenant(&self) -> TenantId {
        self.rules.tenant
    }

    /// The tenant's domain as configured.
    #[must_use]
    pub fn domain(&self) -> &str {
        &self.rules.domain
    }

    /// Every group that the tenant has, by display name; those that this host has imported with what it
    /// knows of them.
    ///
    /// # Errors
    /// [`SyncError`] from Graph or the databases.
    pub async fn fetch_groups(&self) -> Result<Vec<GroupRow>, SyncError> {
        let store = self.store.clone();
        let known = blocking(move || store.groups()).await?;
        let known: BTreeMap<ObjectKey, DirectoryGroup> =
            known.into_iter().map(|group| (group.key, group)).collect();
        let session = self.graph.session();
        let url = session.url(&["groups"], &[("$select", GROUP_SELECT), ("$top", "999")]);
        let mut pager = Pager::list(&session, url, "groups");
        let mut rows = Vec::new();
        while let Some(page) = pager.next_page().await? {
            for (position, element) in page.elements.iter().enumerate() {
                match group_change(element) {
                    GroupChange::Seen(group, _) => {
                        let imported = known.get(&ObjectKey {
                            tenant: self.rules.tenant,
                            object: group.id,
                        });
                        rows.push(imported.map_or_else(
                            || GroupRow {
                                name: String::new(),
                                display_name: plan::cleaned(&group.display_name),
                                gid: None,
                                kind: GroupKind::of(&group).word().to_owned(),
                                direct_users: None,
                                direct_groups: None,
                                users: None,
                                imported: false,
                                object_id: group.id.to_string(),
                            },
                            DirectoryGroup::row,
                        ));
                    }
                    GroupChange::Fault(fault) => tracing::warn!(
                        page = page.label,
                        position,
                        label = fault.label,
                        reason = fault.reason,
                        "a group of the tenant can't be read"
                    ),
                    GroupChange::Slice(..) | GroupChange::Removed(_) => {}
                }
            }
        }
        rows.sort_by_key(|row| (row.display_name.to_lowercase(), row.object_id.clone()));
        Ok(rows)
    }

    async fn read(
        &self,
        session: &Session<'_>,
        scope: &Scope,
        tell: Tell<'_>,
    ) -> Result<Reading, SyncError> {
        let store = self.store.clone();
        blocking(move || store.begin_round()).await?;
        if scope.whole {
            return read::whole_tenant(&self.store, session, tell).await;
        }
        let Scope { users, groups, .. } = scope;
        named::read(&self.store, session, &self.rules, users, groups, tell).await
    }

    /// Decides, swaps and publishes. It runs to its end even if nobody waits for it any more, and keeps
    /// the turn until then.
    async fn settle(
        &self,
        turn: OwnedMutexGuard<()>,
        reading: Reading,
        removals: Removals,
        dry_run: bool,
        tell: Tell<'_>,
    ) -> Result<(Settled, Vec<FailedObject>), SyncError> {
        tell(Progress {
            stage: "publishing".to_owned(),
            done: 0,
            total: None,
        });
        let store = self.store.clone();
        let rules = Arc::clone(&self.rules);
        let local = self.local.clone();
        let publisher = Arc::clone(&self.publisher);
        blocking(move || {
            let _turn = turn;
            let local = LocalAccounts::read(&local.passwd, &local.group)?;
            let staged = store.staged()?;
            let known = store.known()?;
            let (decision, commit) = plan::decide(Inputs {
                rules: &rules,
                local: &local,
                known: &known,
                staged,
                reading,
                removals,
            })?;
            if dry_run {
                let generation = store.publication()?.map_or(0, |last| last.generation);
                let settled = Settled {
                    decision,
                    generation,
                };
                return Ok((settled, commit.failures));
            }
            store.commit_import(&commit)?;
            let published = publisher.publish()?;
            let settled = Settled {
                decision,
                generation: published.generation,
            };
            Ok::<_, SyncError>((settled, commit.failures))
        })
        .await
    }
}

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

#[cfg(test)]
mod tests;
