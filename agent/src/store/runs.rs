//! What each import did, or why it failed; kept for 90 days (design.md §6).

use entra_protocol::admin::{FailedObject, Failure, ImportSummary};
use rusqlite::{OptionalExtension, Row, params};
use serde::de::DeserializeOwned;

use super::{Store, StoreError};
use crate::clock::UnixSeconds;

/// An import that ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunRecord {
    /// When it began.
    pub started_at: UnixSeconds,
    /// When it ended.
    pub ended_at: UnixSeconds,
    /// What was asked for.
    pub scope: String,
    /// What it did, or why it changed nothing.
    pub outcome: Result<ImportSummary, Failure>,
}

impl Store {
    /// Keeps the record and forgets those that are too old.
    ///
    /// # Errors
    /// What the database said.
    pub fn record_run(&self, run: &RunRecord) -> Result<(), StoreError> {
        let (summary, failure) = match &run.outcome {
            Ok(summary) => (Some(json(summary)?), None),
            Err(failure) => (None, Some(json(failure)?)),
        };
        let oldest = UnixSeconds::new(run.ended_at.value().saturating_sub(RUNS_KEPT_SECONDS));
        self.write(|transaction| {
            transaction
                .prepare_cached(
                    "INSERT INTO state.runs (started_at, ended_at, scope, summary, failure)
                     VALUES (?1, ?2, ?3, ?4, ?5)",
                )?
                .execute(params![
                    run.started_at,
                    run.ended_at,
                    run.scope,
                    summary,
                    failure
                ])?;
            transaction
                .prepare_cached("DELETE FROM state.runs WHERE ended_at < ?1")?
                .execute([oldest])?;
            Ok(())
        })
    }

    /// The latest import, whether it did its work or failed.
    ///
    /// # Errors
    /// What the database said.
    pub fn last_run(&self) -> Result<Option<RunRecord>, StoreError> {
        self.run(
            "SELECT started_at, ended_at, scope, summary, failure
                  FROM state.runs ORDER BY id DESC LIMIT 1",
        )
    }

    /// The latest import that did its work.
    ///
    /// # Errors
    /// What the database said.
    pub fn last_import(&self) -> Result<Option<ImportSummary>, StoreError> {
        let run = self.run(
            "SELECT started_at, ended_at, scope, summary, failure
             FROM state.runs WHERE summary IS NOT NULL ORDER BY id DESC LIMIT 1",
        )?;
        Ok(run.and_then(|run| run.outcome.ok()))
    }

    /// The objects that the latest import could not take, as the directory keeps them.
    ///
    /// # Errors
    /// What the database said.
    pub fn failures(&self) -> Result<Vec<FailedObject>, StoreError> {
        let reader = self.reader();
        let mut statement = reader.prepare_cached(
            "SELECT kind, object_id, label, reason, cure FROM failures ORDER BY rowid",
        )?;
        let rows = statement.query_map([], |row| {
            Ok(FailedObject {
                kind: row.get(0)?,
                object_id: row.get(1)?,
                label: row.get(2)?,
                reason: row.get(3)?,
                cure: row.get(4)?,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    fn run(&self, question: &str) -> Result<Option<RunRecord>, StoreError> {
        let reader = self.reader();
        let mut statement = reader.prepare_cached(question)?;
        statement
            .query_row([], |row| Ok(record(row)))
            .optional()?
            .transpose()
    }
}

fn record(row: &Row<'_>) -> Result<RunRecord, StoreError> {
    let summary: Option<String> = row.get(3)?;
    let failure: Option<String> = row.get(4)?;
    let outcome = match (summary, failure) {
        (Some(summary), None) => Ok(parsed(&summary)?),
        (None, Some(failure)) => Err(parsed(&failure)?),
        _ => {
            let value = "both or none of summary and failure".to_owned();
            return Err(StoreError::Damaged {
                what: "a run",
                value,
            });
        }
    };
    Ok(RunRecord {
        started_at: row.get(0)?,
        ended_at: row.get(1)?,
        scope: row.get(2)?,
        outcome,
    })
}

fn json<T: serde::Serialize>(value: &T) -> Result<String, StoreError> {
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

/// How long records are kept: 90 days.
const RUNS_KEPT_SECONDS: u64 = 90 * 24 * 60 * 60;
