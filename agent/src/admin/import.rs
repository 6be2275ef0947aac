//! `import`, `sync` and `groups fetch`: the verbs that ask the tenant.
//!
//! `import` sets the tenant's scope once its run has done its work; `sync` and the schedule use it. A
//! dry run of either sets nothing.

use std::future::Future;
use std::pin::Pin;

use entra_protocol::admin::{Done, Failure, FailureKind, GroupRow, Request, Row};

use super::verbs::{Call, Handling};
use super::{directory, failure};
use crate::auth::in_store;
use crate::identity::TenantId;
use crate::runs::{By, Turn};
use crate::sync::{Include, Order, Outcome, Removals, Scope, Tell};

/// A question to the tenant that is on its way.
pub type Importing<'a, T> = Pin<Box<dyn Future<Output = Result<T, Refusal>> + Send + 'a>>;

/// Why the tenant was not read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// For the person, with ids for Microsoft's support.
    pub failure: Failure,
    /// Seconds that the tenant wants to be left alone, if it named any.
    pub retry_after: Option<u64>,
}

impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Self {
        Self {
            failure,
            retry_after: None,
        }
    }
}

/// Asks one tenant; what it imports is published when it returns.
pub trait Importer: Send + Sync {
    /// The tenant's id.
    fn tenant(&self) -> TenantId;

    /// Its domain as configured.
    fn domain(&self) -> &str;

    /// One run. It keeps no record of itself and sets no scope: that is [`crate::runs::Runs`].
    fn run<'a>(&'a self, order: &'a Order, tell: Tell<'a>) -> Importing<'a, Outcome>;

    /// Every group of the tenant.
    fn fetch_groups(&self) -> Importing<'_, Vec<GroupRow>>;
}

pub(super) fn import(call: Call<'_>) -> Handling<'_> {
    Box::pin(async move {
        let Request::Import {
            users,
            groups,
            accept_removals,
            tenant,
            include,
            dry_run,
        } = &call.request
        else {
            return Err(directory::mismatch());
        };
        let scope = Include::of(include)
            .and_then(|include| Scope::of(users.clone(), groups.clone(), include))
            .map_err(|error| error.failure())?;
        let order = Order {
            scope,
            removals: removals(*accept_removals),
            full: false,
            dry_run: *dry_run,
        };
        let importer = call.admin.importers.of(tenant.as_deref())?;
        let turn = call.admin.runs.turn_now()?;
        run(&call, "import", turn, importer.as_ref(), order).await
    })
}

pub(super) fn sync(call: Call<'_>) -> Handling<'_> {
    Box::pin(async move {
        let Request::Sync {
            tenant,
            accept_removals,
            full,
            dry_run,
        } = &call.request
        else {
            return Err(directory::mismatch());
        };
        let importer = call.admin.importers.of(tenant.as_deref())?;
        // Before the scope is read: while it holds the turn, nobody sets another.
        let turn = call.admin.runs.turn_now()?;
        let key = importer.tenant();
        let scope = in_store(&call.admin.store, move |store| store.scope(key))
            .await
            .map_err(failure::of_store)?;
        let Some(scope) = scope else {
            return Err(Failure {
                hint: Some(
                    "`entractl import` says what to import; `sync` then repeats it".to_owned(),
                ),
                ..failure::of(
                    FailureKind::Precondition,
                    &format!("nothing has been imported from {} yet", importer.domain()),
                )
            });
        };
        let order = Order {
            scope,
            removals: removals(*accept_removals),
            full: *full,
            dry_run: *dry_run,
        };
        run(&call, "sync", turn, importer.as_ref(), order).await
    })
}

pub(super) fn fetch_groups(call: Call<'_>) -> Handling<'_> {
    Box::pin(async move {
        let Request::GroupsFetch { tenant } = &call.request else {
            return Err(directory::mismatch());
        };
        let importer = call.admin.importers.of(tenant.as_deref())?;
        let groups = importer.fetch_groups().await;
        let mut count = 0;
        for group in groups.map_err(|refusal| refusal.failure)? {
            call.replies.row(Row::Group(group)).await?;
            count += 1;
        }
        Ok(Done::Rows { count })
    })
}

/// Runs the order and tells what came of it.
async fn run(
    call: &Call<'_>,
    verb: &'static str,
    turn: Turn,
    importer: &dyn Importer,
    order: Order,
) -> Result<Done, Failure> {
    if !order.dry_run {
        let (actor, domain) = (call.actor.clone(), importer.domain().to_owned());
        let begun = match order.removals {
            Removals::Accepted => format!("{}, removals accepted", order.scope),
            Removals::Guarded => order.scope.to_string(),
        };
        // Before it begins: a run that kills the agent shows in the log, too.
        in_store(&call.admin.store, move |store| {
            store.audit_begun(&actor, verb, &domain, &begun)
        })
        .await
        .map_err(failure::of_store)?;
    }
    let replies = call.replies.clone();
    let tell = move |progress| replies.progress(progress);
    let ran = call
        .admin
        .runs
        .run(turn, importer, &order, By::Person(&call.actor, verb), &tell)
        .await
        .map_err(|refusal| refusal.failure)?;
    for failed in ran.failures {
        call.replies.row(Row::Failure(failed)).await?;
    }
    for change in ran.changes {
        call.replies.row(Row::Change(change)).await?;
    }
    Ok(Done::Import(ran.summary))
}

fn removals(accepted: bool) -> Removals {
    if accepted {
        Removals::Accepted
    } else {
        Removals::Guarded
    }
}

/// The scope in words, for the audit log of a refused request.
pub(super) fn scope_text(users: &[String], groups: &[String]) -> String {
    if users.is_empty() && groups.is_empty() {
        return "the whole tenant".to_owned();
    }
    let list = |what: &str, names: &[String]| {
        (!names.is_empty()).then(|| format!("{what} {}", names.join(", ")))
    };
    [list("users", users), list("groups", groups)]
        .into_iter()
        .flatten()
        .collect::<Vec<_>>()
        .join("; ")
}
