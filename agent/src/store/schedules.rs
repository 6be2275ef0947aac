//! When each tenant is synced: the interval and the pause that operators set, and the instant that the
//! scheduler has planned, so that it survives a restart.

use rusqlite::{Connection, OptionalExtension, params};

use super::audit::{Actor, Event, append};
use super::{Store, StoreError};
use crate::clock::UnixSeconds;
use crate::identity::TenantId;

/// A tenant's schedule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Schedule {
    /// Minutes between two runs.
    pub interval_minutes: u32,
    /// True if the schedule begins no run.
    pub paused: bool,
    /// The next run; `None` if none was planned since the interval was set.
    pub plan: Option<Plan>,
}

/// A run to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plan {
    /// When it was planned. A clock that says less has been set back since.
    pub made_at: UnixSeconds,
    /// When it is due.
    pub due_at: UnixSeconds,
}

impl Default for Schedule {
    fn default() -> Self {
        Self {
            interval_minutes: INTERVAL_MINUTES,
            paused: false,
            plan: None,
        }
    }
}

impl Store {
    /// The tenant's schedule.
    ///
    /// # Errors
    /// What the database said.
    pub fn schedule(&self, tenant: TenantId) -> Result<Schedule, StoreError> {
        schedule(&self.reader(), tenant)
    }

    /// Keeps what the scheduler has planned.
    ///
    /// # Errors
    /// What the database said.
    pub fn plan_run(&self, tenant: TenantId, plan: Plan) -> Result<(), StoreError> {
        self.write(|transaction| {
            transaction
                .prepare_cached(
                    "INSERT INTO state.schedules (tenant, interval_minutes, planned_at, next_run)
                     VALUES (?1, ?2, ?3, ?4)
                     ON CONFLICT (tenant)
                     DO UPDATE SET planned_at = excluded.planned_at, next_run = excluded.next_run",
                )?
                .execute(params![tenant, INTERVAL_MINUTES, plan.made_at, plan.due_at])?;
            Ok(())
        })
    }

    /// Makes the interval that `agent.toml` sets the tenant's.
    ///
    /// # Errors
    /// What the database said.
    pub fn configure_interval(
        &self,
        tenant: TenantId,
        domain: &str,
        minutes: u32,
    ) -> Result<(), StoreError> {
        if self.schedule(tenant)?.interval_minutes == minutes {
            return Ok(());
        }
        let actor = Actor::this_host("agent.toml");
        self.set_schedule(tenant, domain, Some(minutes), None, &actor)
            .map(drop)
    }

    /// Changes what is given of the schedule of the tenant, which `domain` names in the audit row. A new
    /// interval makes the scheduler plan anew.
    ///
    /// # Errors
    /// What the database said.
    pub fn set_schedule(
        &self,
        tenant: TenantId,
        domain: &str,
        interval_minutes: Option<u32>,
        paused: Option<bool>,
        actor: &Actor,
    ) -> Result<Schedule, StoreError> {
        let at = self.now();
        self.write(|transaction| {
            let before = schedule(transaction, tenant)?;
            let after = Schedule {
                interval_minutes: interval_minutes.unwrap_or(before.interval_minutes),
                paused: paused.unwrap_or(before.paused),
                plan: before.plan.filter(|_| {
                    interval_minutes.is_none_or(|minutes| minutes == before.interval_minutes)
                }),
            };
            transaction
                .prepare_cached(
                    "INSERT INTO state.schedules
                     (tenant, interval_minutes, paused, planned_at, next_run)
                     VALUES (?1, ?2, ?3, ?4, ?5)
                     ON CONFLICT (tenant) DO UPDATE SET
                     interval_minutes = excluded.interval_minutes, paused = excluded.paused,
                     planned_at = excluded.planned_at, next_run = excluded.next_run",
                )?
                .execute(params![
                    tenant,
                    after.interval_minutes,
                    after.paused,
                    after.plan.map(|plan| plan.made_at),
                    after.plan.map(|plan| plan.due_at),
                ])?;
            let event = Event {
                verb: "schedule set",
                object: domain,
                before: Some(&words(&before)),
                after: Some(&words(&after)),
            };
            append(transaction, at, actor, &event)?;
            Ok(after)
        })
    }
}

fn schedule(connection: &Connection, tenant: TenantId) -> Result<Schedule, StoreError> {
    let found = connection
        .prepare_cached(
            "SELECT interval_minutes, paused, planned_at, next_run
             FROM state.schedules WHERE tenant = ?1",
        )?
        .query_row([tenant], |row| {
            let made_at: Option<UnixSeconds> = row.get(2)?;
            let due_at: Option<UnixSeconds> = row.get(3)?;
            Ok(Schedule {
                interval_minutes: row.get(0)?,
                paused: row.get(1)?,
                plan: made_at
                    .zip(due_at)
                    .map(|(made_at, due_at)| Plan { made_at, due_at }),
            })
        })
        .optional()?;
    Ok(found.unwrap_or_default())
}

/// The schedule as the audit log has it.
fn words(schedule: &Schedule) -> String {
    let paused = if schedule.paused { ", paused" } else { "" };
    format!("every {} min{paused}", schedule.interval_minutes)
}

/// Minutes between two runs unless an operator says otherwise: a revoked right is gone within the hour,
/// and a delta that often is what Graph's throttling allows a fleet.
const INTERVAL_MINUTES: u32 = 60;
