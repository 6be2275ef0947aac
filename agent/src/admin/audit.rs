//! `audit`: who changed what, and who was refused; and the rows of what was not done.
//!
//! Reading the log adds nothing to it, and is for auditors: it names people and what they tried.

use entra_protocol::admin::{Done, Failure, FailureKind, Moment, Request, Row};

use super::verbs::{Call, Handling, Verb};
use super::{directory, failure};
use crate::auth::in_store;
use crate::clock::{UnixSeconds, parse_rfc3339};
use crate::store::{Actor, AuditFilter, Store};

/// Seconds of a day in UTC.
const DAY: u64 = 24 * 60 * 60;

/// Rows that are read in one go: others who ask the database wait no longer than that takes.
const ROWS_AT_ONCE: u32 = 500;

pub(super) fn list(call: Call<'_>) -> Handling<'_> {
    Box::pin(async move {
        let Request::AuditList {
            since,
            until,
            by,
            object,
            verb,
            refused,
            limit,
        } = call.request
        else {
            return Err(directory::mismatch());
        };
        let now = call.admin.clock.now();
        let filter = AuditFilter {
            since: since.map(|moment| begin_of(&moment, now)).transpose()?,
            before: until.map(|moment| end_of(&moment, now)).transpose()?,
            by,
            object,
            verb,
            refused,
        };
        let mut left = limit.unwrap_or(u32::MAX);
        let mut below = u64::MAX;
        let mut count = 0;
        while left > 0 {
            let wanted = left.min(ROWS_AT_ONCE);
            let its_filter = filter.clone();
            let rows = in_store(&call.admin.store, move |store| {
                store.audit_rows(&its_filter, below, wanted)
            })
            .await
            .map_err(failure::of_store)?;
            let Some(last) = rows.last() else {
                break;
            };
            below = last.id;
            for row in rows {
                call.replies.row(Row::Audit(Box::new(row))).await?;
                count += 1;
                left -= 1;
            }
        }
        Ok(Done::Rows { count })
    })
}

/// The first instant of the moment.
fn begin_of(moment: &Moment, now: UnixSeconds) -> Result<UnixSeconds, Failure> {
    match moment {
        Moment::Day(day) => begin_of_day(day),
        Moment::SecondsAgo(seconds) => Ok(ago(now, *seconds)),
    }
}

/// The first instant after the moment.
fn end_of(moment: &Moment, now: UnixSeconds) -> Result<UnixSeconds, Failure> {
    match moment {
        Moment::Day(day) => Ok(begin_of_day(day)?.plus(DAY)),
        Moment::SecondsAgo(seconds) => Ok(ago(now, *seconds).plus(1)),
    }
}

fn ago(now: UnixSeconds, seconds: u64) -> UnixSeconds {
    UnixSeconds::new(now.value().saturating_sub(seconds))
}

fn begin_of_day(day: &str) -> Result<UnixSeconds, Failure> {
    parse_rfc3339(&format!("{day}T00:00:00Z")).ok_or_else(|| {
        failure::of(
            FailureKind::BadRequest,
            &format!("{day:?} is no day of the form 2026-12-31"),
        )
    })
}

/// Adds a row for what was refused or failed. The caller is told that in any case.
pub(super) async fn note(
    store: &Store,
    actor: Actor,
    verb: Verb,
    object: String,
    failure: &Failure,
) {
    let failure = failure.clone();
    let noted = in_store(store, move |store| {
        store.audit_not_done(&actor, verb.word(), &object, &failure)
    });
    if let Err(error) = noted.await {
        tracing::error!("the audit log lacks a refused `{}`: {error}", verb.word());
    }
}
