//! What `entractl` asks: one table of verbs, who may call each, what answers it, and its time limit.
//!
//! Rights come from the peer's uid, which the kernel names, and from the role that this host gave to the
//! person with that uid; nothing that the peer says about itself counts. Root may do everything. A local
//! user has no role and sees the status only.
//!
//! Invariant: every change and every refusal leaves a row in the audit log; a change is answered only
//! after it is published, so that whoever reads "done" finds it done.

mod adopt;
mod audit;
mod caller;
mod directory;
mod doctor;
mod enablement;
mod explain;
mod failure;
mod gate;
mod history;
mod ids;
mod import;
mod importers;
mod metrics;
mod names;
mod nearest;
mod over_sync;
mod release;
mod replies;
mod restrict;
mod role_list;
mod roles;
mod schedule;
mod status;
#[cfg(test)]
mod tests;
mod unlock;
mod verbs;

use std::collections::BTreeMap;
use std::sync::Arc;

use entra_protocol::admin::{Caller, Done, Failure, FailureKind, Request};
use tokio::time::timeout;

use crate::auth::{Publish, SignIns, Throttle, away};
use crate::clock::{Clock, UnixSeconds};
use crate::config::Tenant;
use crate::counters::Counters;
use crate::doctor::Examiner;
use crate::entra::Reachability;
use crate::identity::TenantId;
use crate::ids::IdRange;
use crate::publish::LocalFiles;
use crate::runs::Runs;
use crate::store::Store;

pub use import::{Importer, Importing, Refusal};
pub use importers::Importers;
pub use replies::{Replies, Requests};

use verbs::{Call, Effect, VERBS, Verb, VerbRow};

/// What the verbs work on.
pub struct Admin {
    /// The tenants of `agent.toml`.
    pub tenants: Vec<Tenant>,
    /// Whether their login services answer.
    pub reachability: BTreeMap<TenantId, Reachability>,
    /// For what ends some day.
    pub clock: Arc<dyn Clock>,
    /// The directory, roles, policy and audit log.
    pub store: Store,
    /// Ask the tenants.
    pub importers: Importers,
    /// Runs what is ordered, one after another.
    pub runs: Arc<Runs>,
    /// Looks at the tenants' registrations.
    pub examiner: Arc<dyn Examiner>,
    /// Publishes after changes.
    pub publish: Publish,
    /// What this host has of its own.
    pub host: HostRules,
    /// What would happen if somebody signed in.
    pub sign_ins: Arc<SignIns>,
    /// The tries that failed, which `users unlock` takes away.
    pub throttle: Throttle,
    /// What happened since the agent began.
    pub counters: Counters,
    /// When it did.
    pub started_at: UnixSeconds,
}

/// Which names and ids imported objects can't have on this host.
#[derive(Debug, Clone)]
pub struct HostRules {
    /// The host's own accounts, read when they are needed.
    pub files: LocalFiles,
    /// `[ids]`, and the role groups' ids above it.
    pub range: IdRange,
}

impl Admin {
    /// Answers one request of the peer `uid`: rows and progress go to `replies`, the end is returned.
    ///
    /// # Errors
    /// The [`Failure`] to send: not allowed, not possible, or not in time.
    pub async fn answer(
        &self,
        uid: u32,
        request: Request,
        replies: Replies,
        requests: Requests,
    ) -> Result<Done, Failure> {
        // A task of its own: whoever hangs up at once is on record all the same.
        let admitting = tokio::spawn(admit(self.store.clone(), uid, request.clone()));
        let (caller, row) = admitting
            .await
            .map_err(|error| failure::of(FailureKind::Internal, &error.to_string()))??;
        let verb = row.verb;
        let actor = caller::actor(&caller);
        let changing = (row.effect == Effect::Changes && !verb.only_tries(&request))
            .then(|| (actor.clone(), verb.object(&request)));
        let call = Call {
            admin: self,
            caller,
            actor,
            request,
            replies,
            requests,
        };
        let answer = match timeout(row.limit, (row.handler)(call)).await {
            Ok(answer) => answer,
            Err(_) => Err(failure::of(
                FailureKind::Internal,
                &format!(
                    "this took longer than {} s and was given up",
                    row.limit.as_secs()
                ),
            )),
        };
        if let Err(failure) = &answer
            && matches!(failure.kind, FailureKind::Internal | FailureKind::Tenant)
            // Runs write their own line, with their facts.
            && !matches!(verb, Verb::Import | Verb::Sync)
        {
            tracing::error!("admin.sock: {}: {}", verb.word(), failure.message);
        }
        if let (Err(failure), Some((actor, object))) = (&answer, changing) {
            audit::note(&self.store, actor, verb, object, failure).await;
        }
        answer
    }
}

impl Admin {
    /// Publishes what a verb has changed.
    ///
    /// # Errors
    /// The [`Failure`] that says so; the change is kept.
    async fn publish_change(&self) -> Result<(), Failure> {
        let publish = self.publish.clone();
        away(move || publish())
            .await
            .map_err(|error| failure::not_published(&error))
    }
}

/// Whether this uid may do that; whoever may not is in the audit log.
async fn admit(
    store: Store,
    uid: u32,
    request: Request,
) -> Result<(Caller, &'static VerbRow), Failure> {
    let caller = caller::identify(&store, uid).await?;
    let verb = Verb::of(&request);
    let Some(row) = VERBS.iter().find(|row| row.verb == verb) else {
        return Err(failure::of(
            FailureKind::BadRequest,
            "this agent does not know that verb",
        ));
    };
    let is_own = caller::is_about_itself(&store, uid, &request).await?;
    if row.may.allows(&caller, is_own) {
        return Ok((caller, row));
    }
    let refusal = row.may.refusal(&caller, verb);
    let actor = caller::actor(&caller);
    audit::note(&store, actor, verb, verb.object(&request), &refusal).await;
    Err(refusal)
}
