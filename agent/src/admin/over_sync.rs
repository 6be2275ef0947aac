//! The importer of the agent: [`Syncer`] behind the trait that the verbs know.

use entra_protocol::admin::{FailedObject, GroupRow, ImportSummary, Progress};

use super::import::{Importer, Importing};
use crate::sync::{Removals, Scope, SyncError, Syncer};

impl Importer for Syncer {
    fn import<'a>(
        &'a self,
        users: Vec<String>,
        groups: Vec<String>,
        accept_removals: bool,
        progress: &'a (dyn Fn(Progress) + Send + Sync),
    ) -> Importing<'a, (ImportSummary, Vec<FailedObject>)> {
        Box::pin(async move {
            let scope = Scope::of(users, groups, crate::sync::Include::default())
                .map_err(|error| error.failure())?;
            let removals = if accept_removals {
                Removals::Accepted
            } else {
                Removals::Guarded
            };
            let order = crate::sync::Order {
                scope,
                removals,
                full: false,
                dry_run: false,
            };
            Syncer::import(self, &order, progress)
                .await
                .map(|outcome| (outcome.summary, outcome.failures))
                .map_err(|error| error.failure())
        })
    }

    fn fetch_groups(&self) -> Importing<'_, Vec<GroupRow>> {
        Box::pin(async move {
            Syncer::fetch_groups(self)
                .await
                .map_err(|error: SyncError| error.failure())
        })
    }
}
