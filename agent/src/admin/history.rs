//! `history` and `history show`: the runs that are remembered.

use entra_protocol::admin::{Done, Failure, FailureKind, Request, Row};

use super::verbs::{Call, Handling};
use super::{directory, failure};
use crate::auth::in_store;

/// Runs that one answer lists at most: one every five minutes for as long as runs are kept.
const LISTED_MAX: u32 = 26_000;

pub(super) fn list(call: Call<'_>) -> Handling<'_> {
    Box::pin(async move {
        let Request::HistoryList { tenant, limit } = &call.request else {
            return Err(directory::mismatch());
        };
        let tenant = match tenant {
            Some(named) => Some(call.admin.importers.pick(Some(named))?.tenant()),
            None => None,
        };
        let limit = limit.unwrap_or(LISTED_MAX).min(LISTED_MAX);
        let runs = in_store(&call.admin.store, move |store| store.runs(tenant, limit))
            .await
            .map_err(failure::of_store)?;
        let mut count = 0;
        for run in runs {
            call.replies.row(Row::Run(Box::new(run))).await?;
            count += 1;
        }
        Ok(Done::Rows { count })
    })
}

pub(super) fn show(call: Call<'_>) -> Handling<'_> {
    Box::pin(async move {
        let Request::HistoryShow { id } = call.request else {
            return Err(directory::mismatch());
        };
        let found = in_store(&call.admin.store, move |store| store.run(id))
            .await
            .map_err(failure::of_store)?;
        let Some((run, failures)) = found else {
            return Err(Failure {
                hint: Some("`entractl history` lists the runs of the last 90 days".to_owned()),
                ..failure::of(
                    FailureKind::NotFound,
                    &format!("no run has the number {id}"),
                )
            });
        };
        for failed in failures {
            call.replies.row(Row::Failure(failed)).await?;
        }
        Ok(Done::Run(Box::new(run)))
    })
}
