//! `schedule show|set`: when each tenant is synced.

use entra_protocol::admin::{DomainRow, Done, Failure, FailureKind, Request, Row};
use entra_protocol::limits::{INTERVAL_MINUTES_MAX, INTERVAL_MINUTES_MIN};

use super::import::Importer;
use super::verbs::{Call, Handling};
use super::{directory, failure};
use crate::auth::in_store;
use crate::clock::rfc3339;
use crate::identity::TenantId;
use crate::store::{Store, StoreError};

pub(super) fn show(call: Call<'_>) -> Handling<'_> {
    Box::pin(async move {
        let mut count = 0;
        for importer in call.admin.importers.all() {
            let row = domain(&call, importer.as_ref()).await?;
            call.replies.row(row).await?;
            count += 1;
        }
        Ok(Done::Rows { count })
    })
}

pub(super) fn set(call: Call<'_>) -> Handling<'_> {
    Box::pin(async move {
        let Request::ScheduleSet {
            tenant,
            interval_minutes,
            paused,
        } = &call.request
        else {
            return Err(directory::mismatch());
        };
        let (interval, paused) = (*interval_minutes, *paused);
        if interval.is_none() && paused.is_none() {
            return Err(failure::of(
                FailureKind::BadRequest,
                "neither an interval nor a pause is asked for",
            ));
        }
        if interval.is_some_and(|minutes| {
            !(INTERVAL_MINUTES_MIN..=INTERVAL_MINUTES_MAX).contains(&minutes)
        }) {
            return Err(Failure {
                hint: Some("`entractl sync` syncs at once".to_owned()),
                ..failure::of(
                    FailureKind::BadRequest,
                    &format!(
                        "the interval is at least {INTERVAL_MINUTES_MIN} and at most {INTERVAL_MINUTES_MAX} minutes"
                    ),
                )
            });
        }
        let importer = call.admin.importers.of(tenant.as_deref())?;
        if interval.is_some() && is_configured(&call, importer.tenant()) {
            return Err(Failure {
                hint: Some("change [tenant.schedule] interval_minutes there".to_owned()),
                ..failure::of(
                    FailureKind::Precondition,
                    &format!("the interval of {} is set in agent.toml", importer.domain()),
                )
            });
        }
        let (key, actor) = (importer.tenant(), call.actor.clone());
        let name = importer.domain().to_owned();
        in_store(&call.admin.store, move |store| {
            store.set_schedule(key, &name, interval, paused, &actor)
        })
        .await
        .map_err(failure::of_store)?;
        // It plans before the row is read, so that the answer shows the next run.
        call.admin.runs.schedule_changed(importer.tenant()).await;
        let row = domain(&call, importer.as_ref()).await?;
        call.replies.row(row).await?;
        Ok(Done::Rows { count: 1 })
    })
}

async fn domain(call: &Call<'_>, importer: &dyn Importer) -> Result<Row, Failure> {
    let (tenant, name) = (importer.tenant(), importer.domain().to_owned());
    let configured = is_configured(call, tenant);
    let row = in_store(&call.admin.store, move |store| {
        row(store, tenant, name, configured)
    })
    .await
    .map_err(failure::of_store)?;
    Ok(Row::Domain(Box::new(row)))
}

/// Whether `agent.toml` sets the tenant's interval.
pub(super) fn is_configured(call: &Call<'_>, tenant: TenantId) -> bool {
    let tenants = &call.admin.tenants;
    tenants
        .iter()
        .any(|one| one.id == tenant && one.interval_minutes.is_some())
}

/// What is known of a tenant's scope, schedule and runs.
pub(super) fn row(
    store: &Store,
    tenant: TenantId,
    domain: String,
    interval_is_configured: bool,
) -> Result<DomainRow, StoreError> {
    let scope = store.scope(tenant)?;
    let schedule = store.schedule(tenant)?;
    let comes = scope.is_some() && !schedule.paused;
    let text = scope.as_ref().map(ToString::to_string);
    let scope = scope.unwrap_or_default();
    Ok(DomainRow {
        tenant_id: tenant.to_string(),
        domain,
        scope: text,
        scope_include: scope
            .include
            .words()
            .into_iter()
            .map(str::to_owned)
            .collect(),
        scope_users: scope.users,
        scope_groups: scope.groups,
        interval_minutes: schedule.interval_minutes,
        interval_is_configured,
        paused: schedule.paused,
        running: store.run_under_way(tenant)?,
        next_run: schedule
            .plan
            .filter(|_| comes)
            .map(|plan| rfc3339(plan.due_at)),
        last_run: store.last_run(Some(tenant))?,
    })
}
