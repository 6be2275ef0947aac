//! `metrics`: the agent in numbers, for monitoring.

use entra_protocol::admin::{Done, RunRow};
use entra_protocol::metrics::{LastSync, Metrics, TenantMetrics, Throttled};

use super::failure;
use super::verbs::{Call, Handling};
use crate::auth::in_store;
use crate::clock::{UnixSeconds, parse_rfc3339};
use crate::entra::{Reach, credential_state};
use crate::store::{Store, StoreError};

pub(super) fn metrics(call: Call<'_>) -> Handling<'_> {
    Box::pin(async move {
        let admin = call.admin;
        let now = admin.clock.now();
        let (users, remote_hosts) = admin.throttle.refused().await;
        let tenants = admin.tenants.clone();
        let reachability = admin.reachability.clone();
        let counters = admin.counters.clone();
        let started_at = admin.started_at.value();
        let metrics = in_store(&admin.store, move |store| {
            let tenants: Result<Vec<TenantMetrics>, StoreError> = tenants
                .iter()
                .map(|tenant| {
                    let counted = counters.of_tenant(tenant.id);
                    // Reads files, which is why it stands here.
                    let credential = credential_state(&tenant.sync.credential, now);
                    Ok(TenantMetrics {
                        domain: tenant.domain.clone(),
                        last_sync: store.last_sync(tenant.id)?.and_then(last_sync),
                        last_run_succeeded: store
                            .last_run(Some(tenant.id))?
                            .map(|run| run.failure.is_none()),
                        runs: counted.runs,
                        graph_requests: counted.graph_requests,
                        graph_throttled: counted.graph_throttled,
                        sign_ins: counted.sign_ins(),
                        login_service_reachable: reachability.get(&tenant.id).and_then(|memory| {
                            match memory.now() {
                                Reach::NotAsked => None,
                                Reach::Reachable { .. } => Some(true),
                                Reach::Unreachable(_) => Some(false),
                            }
                        }),
                        credential_expires_at: credential.expires.map(UnixSeconds::value),
                    })
                })
                .collect();
            Ok(Metrics {
                now: now.value(),
                started_at,
                throttled: Throttled {
                    users,
                    remote_hosts,
                },
                throttle_refusals: counters.throttle_refusals(),
                tenants: tenants?,
                ..of_host(store)?
            })
        })
        .await
        .map_err(failure::of_store)?;
        Ok(Done::Metrics(Box::new(metrics)))
    })
}

fn of_host(store: &Store) -> Result<Metrics, StoreError> {
    let publication = store.publication()?;
    let auth = store.auth_state()?;
    Ok(Metrics {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        sign_in_enabled: auth.enabled,
        local_auth: auth.local_auth,
        users: store.people_count()?,
        groups: store.groups_count()?,
        generation: publication.map_or(0, |publication| publication.generation),
        published_at: publication.map(|publication| publication.published_at.value()),
        displaced_ids: store.displaced_ids()?,
        ..Metrics::default()
    })
}

fn last_sync(run: RunRow) -> Option<LastSync> {
    let summary = run.summary?;
    let withheld = summary.withheld;
    Some(LastSync {
        ended_at: parse_rfc3339(&run.ended_at?)?.value(),
        duration_ms: summary.duration_ms,
        users: summary.users,
        groups: summary.groups,
        withheld: withheld.users + withheld.groups + withheld.memberships,
    })
}
