//! `status`: the agent in one answer.
//!
//! Counts and generation stand in the snapshot, which everybody may read. What runs said (scope,
//! failures, ids for Microsoft's support) and how the host proves itself is for auditors and up, and left
//! out for others.

use entra_protocol::admin::{DomainRow, Done, Role, SignInService, Status, TenantStatus};

use super::verbs::{Call, Handling};
use super::{caller, failure, schedule};
use crate::auth::in_store;
use crate::clock::{UnixSeconds, rfc3339};
use crate::config::Tenant;
use crate::entra::{Reach, Reachability, credential_state};
use crate::identity::TenantId;
use crate::store::StoreError;

pub(super) fn status(call: Call<'_>) -> Handling<'_> {
    Box::pin(async move {
        let everything = caller::is_root(&call.caller)
            || call.caller.role.is_some_and(|role| role >= Role::Auditor);
        let tenants = call.admin.tenants.clone();
        let reachability = call.admin.reachability.clone();
        let domains: Vec<(TenantId, String, bool)> = call
            .admin
            .importers
            .all()
            .filter(|_| everything)
            .map(|importer| {
                let tenant = importer.tenant();
                let configured = schedule::is_configured(&call, tenant);
                (tenant, importer.domain().to_owned(), configured)
            })
            .collect();
        let now = call.admin.clock.now();
        let id_range = call.admin.host.range.span();
        let (throttled_users, throttled_remote_hosts) = match everything {
            true => call.admin.throttle.refused().await,
            false => (0, 0),
        };
        let status = in_store(&call.admin.store, move |store| {
            let tenants = tenants.iter().map(|tenant| TenantStatus {
                sign_in_service: reachability
                    .get(&tenant.id)
                    .map(|memory| sign_in_service(memory, everything)),
                ..shown(tenant, everything, now)
            });
            let publication = store.publication()?;
            let last_run = store.last_run(None)?.filter(|_| everything);
            let domains: Result<Vec<DomainRow>, StoreError> = domains
                .into_iter()
                .map(|(tenant, domain, configured)| {
                    Ok(DomainRow {
                        scope_users: Vec::new(),
                        scope_groups: Vec::new(),
                        ..schedule::row(store, tenant, domain, configured)?
                    })
                })
                .collect();
            let (blocked_users, expired_users) = if everything { store.barred()? } else { (0, 0) };
            Ok(Status {
                version: env!("CARGO_PKG_VERSION").to_owned(),
                domains: domains?,
                tenants: tenants.collect(),
                users: store.people_count()?,
                groups: store.groups_count()?,
                generation: publication.map_or(0, |publication| publication.generation),
                published_at: publication.map(|publication| rfc3339(publication.published_at)),
                last_import: if everything {
                    store.last_import()?.map(Box::new)
                } else {
                    None
                },
                last_error: last_run.and_then(|run| run.failure),
                displaced_ids: if everything {
                    store.displaced_ids()?
                } else {
                    0
                },
                throttled_users,
                throttled_remote_hosts,
                blocked_users,
                expired_users,
                id_range: Some(id_range),
                auth: store.auth_state()?,
                caller: call.caller,
            })
        })
        .await
        .map_err(failure::of_store)?;
        Ok(Done::Status(status))
    })
}

/// A tenant; its credential is looked at anew each time, since it and the time change.
fn shown(tenant: &Tenant, everything: bool, now: UnixSeconds) -> TenantStatus {
    let credential = &tenant.sync.credential;
    let state = everything.then(|| credential_state(credential, now));
    TenantStatus {
        id: tenant.id.to_string(),
        domain: tenant.domain.clone(),
        credential: if everything {
            credential.kind().to_owned()
        } else {
            String::new()
        },
        credential_expires: state.as_ref().and_then(|state| state.expires.map(rfc3339)),
        credential_warning: state.and_then(|state| state.warning),
        sign_in_service: None,
    }
}

/// What is remembered. Reasons name hosts, proxies and files: not for everybody.
fn sign_in_service(memory: &Reachability, everything: bool) -> SignInService {
    match memory.now() {
        Reach::NotAsked => SignInService::NotAsked,
        Reach::Reachable { since } => SignInService::Reachable {
            since: rfc3339(since),
        },
        Reach::Unreachable(outage) => SignInService::Unreachable {
            since: rfc3339(outage.since),
            last_tried: rfc3339(outage.last_tried),
            tried_again_seconds: outage.pause.as_secs(),
            reason: everything.then_some(outage.reason),
        },
    }
}
