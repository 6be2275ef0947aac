//! `status`: the agent in one answer.
//!
//! Counts and generation stand in the snapshot, which everybody may read. What runs said (scope,
//! failures, ids for Microsoft's support) is for auditors and up, and left out for others.

use entra_protocol::admin::{Done, Role, Status};

use super::verbs::{Call, Handling};
use super::{caller, failure};
use crate::auth::in_store;
use crate::clock::rfc3339;

pub(super) fn status(call: Call<'_>) -> Handling<'_> {
    Box::pin(async move {
        let everything = caller::is_root(&call.caller)
            || call.caller.role.is_some_and(|role| role >= Role::Auditor);
        let tenants = call.admin.tenants.clone();
        let status = in_store(&call.admin.store, move |store| {
            let publication = store.publication()?;
            let last_run = store.last_run()?.filter(|_| everything);
            Ok(Status {
                version: env!("CARGO_PKG_VERSION").to_owned(),
                tenants,
                users: store.people_count()?,
                groups: store.groups_count()?,
                generation: publication.map_or(0, |publication| publication.generation),
                published_at: publication.map(|publication| rfc3339(publication.published_at)),
                last_import: if everything {
                    store.last_import()?.map(Box::new)
                } else {
                    None
                },
                last_error: last_run.and_then(|run| run.outcome.err()),
                displaced_ids: if everything {
                    store.displaced_ids()?
                } else {
                    0
                },
                auth: store.auth_state()?,
                caller: call.caller,
            })
        })
        .await
        .map_err(failure::of_store)?;
        Ok(Done::Status(status))
    })
}
