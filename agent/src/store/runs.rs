//! What each run did, or why it failed, with the objects that it could not take; kept for 90 days
//! (design.md §6).
//!
//! A run has a row from its beginning. Invariant: a row without an end and without a failure is a run
//! that is under way; one that the agent's own end cut short is told apart when the agent starts
//! ([`Store::note_interrupted_runs`]), before anything else can begin.

use entra_protocol::admin::{Counts, FailedObject, Failure, FailureKind, ImportSummary, RunRow};
use rusqlite::{OptionalExtension, Row, Transaction, params};
use serde::de::DeserializeOwned;

use super::audit::{Actor, Event, append};
use super::columns::count;
use super::{Store, StoreError, scopes};
use crate::clock::{UnixSeconds, rfc3339};
use crate::identity::TenantId;
use crate::sync::Scope;

/// Who ordered a run, for the audit log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ordered {
    /// Who.
    pub actor: Actor,
    /// `import` or `sync`.
    pub verb: &'static str,
    /// The tenant's domain.
    pub domain: String,
}

impl Store {
    /// Adds a run that begins now, and forgets those that are too old, but for each tenant's last one that
    /// did its work, which says what the directory is: a clock that jumped makes everything old. Its number
    /// is the answer.
    ///
    /// One run at a time: one that has no end by now was cut short by the agent's, and could not be marked
    /// when it started (the disk was full).
    ///
    /// # Errors
    /// What the database said.
    pub fn begin_run(
        &self,
        tenant: TenantId,
        begun_by: &str,
        scope: &str,
    ) -> Result<u64, StoreError> {
        let now = self.now();
        let oldest = UnixSeconds::new(now.value().saturating_sub(RUNS_KEPT_SECONDS));
        self.write(|transaction| {
            mark_interrupted(transaction)?;
            for statement in [
                format!("DELETE FROM state.run_failures WHERE run IN (SELECT id {TOO_OLD})"),
                format!("DELETE {TOO_OLD}"),
            ] {
                transaction.prepare_cached(&statement)?.execute([oldest])?;
            }
            transaction
                .prepare_cached(
                    "INSERT INTO state.runs (tenant, begun_by, started_at, scope)
                     VALUES (?1, ?2, ?3, ?4)",
                )?
                .execute(params![tenant, begun_by, now, scope])?;
            Ok(count(transaction.last_insert_rowid()))
        })
    }

    /// Notes that a run did its work, with the objects that the directory says could not be taken; its
    /// scope is the tenant's from now on. With an audit row, if somebody ordered it.
    ///
    /// # Errors
    /// What the database said.
    pub fn end_run(
        &self,
        run: u64,
        tenant: TenantId,
        scope: &Scope,
        summary: &ImportSummary,
        ordered: Option<&Ordered>,
    ) -> Result<(), StoreError> {
        let now = self.now();
        let counts = counts(summary);
        let summary = json(summary)?;
        self.write(|transaction| {
            if let Some(ordered) = ordered {
                let before = scopes::of(transaction, tenant)?;
                let before = before.map_or_else(|| "nothing".to_owned(), |scope| scope.to_string());
                let event = Event {
                    verb: ordered.verb,
                    object: &ordered.domain,
                    before: Some(&before),
                    after: Some(&format!("{scope} (run {run}: {counts})")),
                };
                append(transaction, now, &ordered.actor, &event)?;
            }
            let failures: i64 = transaction
                .prepare_cached("SELECT count(*) FROM failures WHERE tenant = ?1")?
                .query_row([tenant], |row| row.get(0))?;
            transaction
                .prepare_cached(
                    "UPDATE state.runs SET ended_at = ?2, summary = ?3, failures = ?4, failure = NULL
                     WHERE id = ?1",
                )?
                .execute(params![signed(run), now, summary, failures])?;
            transaction
                .prepare_cached(
                    "INSERT INTO state.run_failures (run, position, kind, object_id, label, reason, cure)
                     SELECT ?1, row_number() OVER (ORDER BY id), kind, object_id, label, reason, cure
                     FROM failures WHERE tenant = ?3 ORDER BY id LIMIT ?2",
                )?
                .execute(params![signed(run), FAILURES_KEPT, tenant])?;
            scopes::set(transaction, tenant, scope, now)
        })
    }

    /// Notes why a run did not do its work.
    ///
    /// # Errors
    /// What the database said.
    pub fn fail_run(&self, run: u64, failure: &Failure) -> Result<(), StoreError> {
        let now = self.now();
        let failure = json(failure)?;
        self.write(|transaction| {
            transaction
                .prepare_cached("UPDATE state.runs SET ended_at = ?2, failure = ?3 WHERE id = ?1")?
                .execute(params![signed(run), now, failure])?;
            Ok(())
        })
    }

    /// Marks the runs that were under way when the agent ended. To be called once, at start.
    ///
    /// # Errors
    /// What the database said.
    pub fn note_interrupted_runs(&self) -> Result<usize, StoreError> {
        self.write(mark_interrupted)
    }

    /// The runs that are remembered, the latest first.
    ///
    /// # Errors
    /// What the database said.
    pub fn runs(&self, tenant: Option<TenantId>, limit: u32) -> Result<Vec<RunRow>, StoreError> {
        let reader = self.reader();
        let mut statement = reader.prepare_cached(&format!(
            "{RUN} WHERE ?1 IS NULL OR tenant = ?1 ORDER BY id DESC LIMIT ?2"
        ))?;
        let rows = statement.query_map(params![tenant, limit], |row| Ok(record(row)))?;
        rows.map(|row| row?).collect()
    }

    /// One run with the objects that it could not take, at most 10 000 of them.
    ///
    /// # Errors
    /// What the database said.
    pub fn run(&self, id: u64) -> Result<Option<(RunRow, Vec<FailedObject>)>, StoreError> {
        let reader = self.reader();
        let run = reader
            .prepare_cached(&format!("{RUN} WHERE id = ?1"))?
            .query_row([signed(id)], |row| Ok(record(row)))
            .optional()?
            .transpose()?;
        let Some(run) = run else {
            return Ok(None);
        };
        let mut statement = reader.prepare_cached(
            "SELECT kind, object_id, label, reason, cure FROM state.run_failures
             WHERE run = ?1 ORDER BY position",
        )?;
        let failures = statement.query_map([signed(id)], failed_object)?;
        Ok(Some((run, failures.collect::<Result<_, _>>()?)))
    }

    /// The latest run that is not under way, of one tenant or of all.
    ///
    /// # Errors
    /// What the database said.
    pub fn last_run(&self, tenant: Option<TenantId>) -> Result<Option<RunRow>, StoreError> {
        self.reader()
            .prepare_cached(&format!(
                "{RUN} WHERE (?1 IS NULL OR tenant = ?1) AND (summary IS NOT NULL OR failure IS NOT NULL)
                 ORDER BY id DESC LIMIT 1"
            ))?
            .query_row([tenant], |row| Ok(record(row)))
            .optional()?
            .transpose()
    }

    /// The tenant's last run that did its work.
    ///
    /// # Errors
    /// What the database said.
    pub fn last_sync(&self, tenant: TenantId) -> Result<Option<RunRow>, StoreError> {
        self.reader()
            .prepare_cached(&format!(
                "{RUN} WHERE tenant = ?1 AND summary IS NOT NULL ORDER BY id DESC LIMIT 1"
            ))?
            .query_row([tenant], |row| Ok(record(row)))
            .optional()?
            .transpose()
    }

    /// True while a run of the tenant is under way.
    ///
    /// # Errors
    /// What the database said.
    pub fn run_under_way(&self, tenant: TenantId) -> Result<bool, StoreError> {
        Ok(self
            .reader()
            .prepare_cached(
                "SELECT 1 FROM state.runs
                 WHERE tenant = ?1 AND ended_at IS NULL AND failure IS NULL LIMIT 1",
            )?
            .exists([tenant])?)
    }

    /// The latest run that did its work.
    ///
    /// # Errors
    /// What the database said.
    pub fn last_import(&self) -> Result<Option<ImportSummary>, StoreError> {
        let run = self
            .reader()
            .prepare_cached(&format!(
                "{RUN} WHERE summary IS NOT NULL ORDER BY id DESC LIMIT 1"
            ))?
            .query_row([], |row| Ok(record(row)))
            .optional()?
            .transpose()?;
        Ok(run.and_then(|run| run.summary))
    }

    /// The objects that the latest import could not take, as the directory keeps them.
    ///
    /// # Errors
    /// What the database said.
    pub fn failures(&self) -> Result<Vec<FailedObject>, StoreError> {
        let reader = self.reader();
        let mut statement = reader.prepare_cached(
            "SELECT kind, object_id, label, reason, cure FROM failures ORDER BY id",
        )?;
        let rows = statement.query_map([], failed_object)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

fn mark_interrupted(transaction: &Transaction<'_>) -> Result<usize, StoreError> {
    let failure = json(&Failure {
        kind: FailureKind::Internal,
        message: "interrupted: the agent ended before the run did".to_owned(),
        hint: Some("what was committed by then stands; `entractl sync` does the rest".to_owned()),
        reference: None,
    })?;
    Ok(transaction
        .prepare_cached(
            "UPDATE state.runs SET failure = ?1
             WHERE ended_at IS NULL AND failure IS NULL AND summary IS NULL",
        )?
        .execute([failure])?)
}

fn failed_object(row: &Row<'_>) -> rusqlite::Result<FailedObject> {
    Ok(FailedObject {
        kind: row.get(0)?,
        object_id: row.get(1)?,
        label: row.get(2)?,
        reason: row.get(3)?,
        cure: row.get(4)?,
    })
}

/// Runs that began before `?1`, but for the last one of each tenant that did its work.
const TOO_OLD: &str = "FROM state.runs WHERE started_at < ?1 AND id NOT IN
    (SELECT max(id) FROM state.runs WHERE summary IS NOT NULL GROUP BY tenant)";

/// The columns that [`record`] reads.
const RUN: &str =
    "SELECT id, tenant, begun_by, started_at, ended_at, scope, summary, failure, failures
                   FROM state.runs";

fn record(row: &Row<'_>) -> Result<RunRow, StoreError> {
    let tenant: Option<TenantId> = row.get(1)?;
    let ended_at: Option<UnixSeconds> = row.get(4)?;
    let summary: Option<String> = row.get(6)?;
    let failure: Option<String> = row.get(7)?;
    Ok(RunRow {
        id: count(row.get(0)?),
        // Runs from before there could be several tenants name none.
        tenant_id: tenant.map_or_else(String::new, |tenant| tenant.to_string()),
        begun_by: row.get(2)?,
        started_at: rfc3339(row.get(3)?),
        ended_at: ended_at.map(rfc3339),
        scope: row.get(5)?,
        summary: summary.as_deref().map(parsed).transpose()?,
        failure: failure.as_deref().map(parsed).transpose()?,
        failures: count(row.get(8)?),
    })
}

/// What a run did, as the audit log has it.
fn counts(summary: &ImportSummary) -> String {
    let of = |counts: &Counts| {
        let Counts {
            added,
            changed,
            removed,
            failed,
            ..
        } = counts;
        format!("+{added} ~{changed} -{removed}, {failed} failed")
    };
    format!(
        "users {}; groups {}",
        of(&summary.users),
        of(&summary.groups)
    )
}

/// A run's number as a column has it.
fn signed(run: u64) -> i64 {
    i64::try_from(run).unwrap_or(i64::MAX)
}

pub(super) fn json<T: serde::Serialize>(value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|error| StoreError::Damaged {
        what: "a run",
        value: error.to_string(),
    })
}

fn parsed<T: DeserializeOwned>(text: &str) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|error| StoreError::Damaged {
        what: "a run",
        value: error.to_string(),
    })
}

/// How long runs are kept: 90 days.
const RUNS_KEPT_SECONDS: u64 = 90 * 24 * 60 * 60;

/// Failed objects that are kept of a run. More than these nobody reads one by one; their number is exact.
const FAILURES_KEPT: u32 = 10_000;
