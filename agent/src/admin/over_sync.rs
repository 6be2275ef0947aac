//! The importer of the agent: [`Syncer`] behind the trait that the verbs know.

use entra_protocol::admin::GroupRow;

use super::import::{Importer, Importing, Refusal};
use crate::graph::GraphProblem;
use crate::identity::TenantId;
use crate::sync::{Order, Outcome, SyncError, Syncer, Tell};

impl Importer for Syncer {
    fn tenant(&self) -> TenantId {
        Syncer::tenant(self)
    }

    fn domain(&self) -> &str {
        Syncer::domain(self)
    }

    fn run<'a>(&'a self, order: &'a Order, tell: Tell<'a>) -> Importing<'a, Outcome> {
        Box::pin(async move { self.import(order, tell).await.map_err(refusal) })
    }

    fn fetch_groups(&self) -> Importing<'_, Vec<GroupRow>> {
        Box::pin(async move { Syncer::fetch_groups(self).await.map_err(refusal) })
    }
}

fn refusal(error: SyncError) -> Refusal {
    let retry_after = match &error {
        SyncError::Graph(graph) => match graph.problem {
            GraphProblem::Unavailable { retry_after, .. } => retry_after,
            _ => None,
        },
        _ => None,
    };
    Refusal {
        failure: error.failure(),
        retry_after,
    }
}
