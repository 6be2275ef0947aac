//! `ids show` and `ids import`: the ids that objects have here, beside those that they have elsewhere.
//!
//! An import is compared whole before anything of it counts. One conflict leaves all as it was, unless
//! the caller wants the rest all the same; every difference is told in either case.

use std::collections::BTreeSet;

use entra_protocol::admin::{
    Done, Failure, FailureKind, IdChange, IdDifference, IdMapRow, IdsImported, Request, Row,
};
use entra_protocol::limits::{IDS_PER_FRAME, MAX_MAP_ROWS};

use super::verbs::{Call, Handling};
use super::{Requests, directory, failure};
use crate::auth::{away, in_store};
use crate::identity::{ObjectId, ObjectKey, TenantId};
use crate::ids::{Comparison, compare, moves};

pub(super) fn show(call: Call<'_>) -> Handling<'_> {
    Box::pin(async move {
        let Request::IdsShow { object, displaced } = call.request.clone() else {
            return Err(directory::mismatch());
        };
        let mut count = 0;
        if let Some(text) = object {
            let asked = text.clone();
            let rows = in_store(&call.admin.store, move |store| store.id_rows_of(&asked))
                .await
                .map_err(failure::of_store)?;
            if rows.is_empty() {
                let nearest = directory::nearest_ever(&call, &text, false).await?;
                return Err(Failure {
                    hint: nearest.or_else(|| {
                        Some("`entractl ids show` lists every id that was given out".to_owned())
                    }),
                    ..failure::of(
                        FailureKind::NotFound,
                        &format!("no object with an id is or was called {text:?}"),
                    )
                });
            }
            for row in rows {
                if !displaced || row.attempt != Some(0) {
                    call.replies.row(Row::Id(row)).await?;
                    count += 1;
                }
            }
            return Ok(Done::Rows { count });
        }
        let mut after = 0;
        loop {
            let rows = in_store(&call.admin.store, move |store| {
                store.id_rows(after, displaced)
            })
            .await
            .map_err(failure::of_store)?;
            let Some(last) = rows.last() else {
                return Ok(Done::Rows { count });
            };
            after = last.id;
            for row in rows {
                call.replies.row(Row::Id(row)).await?;
                count += 1;
            }
        }
    })
}

pub(super) fn import(mut call: Call<'_>) -> Handling<'_> {
    Box::pin(async move {
        let wish = collect(call.request, &mut call.requests).await?;
        let host = call.admin.host.clone();
        let local = away(move || host.files.accounts())
            .await
            .map_err(|error| failure::of(FailureKind::Internal, &error.to_string()))?;
        let range = call.admin.host.range;
        let actor = call.actor;
        let (comparison, written, names) = in_store(&call.admin.store, move |store| {
            let (comparison, written) = store.move_ids(&actor, |here| {
                let comparison = compare(range, &wish.rows, here, &local);
                let conflicts = comparison
                    .differences
                    .iter()
                    .any(|difference| difference.change == IdChange::Conflict);
                let written = !wish.dry_run && (wish.skip_conflicts || !conflicts);
                let moves = if written {
                    moves(range, &comparison.differences)
                } else {
                    Vec::new()
                };
                (moves, (comparison, written))
            })?;
            let keys = comparison.differences.iter().map(|one| one.key);
            let names = store.last_names(keys)?;
            Ok((comparison, written, names))
        })
        .await
        .map_err(failure::of_store)?;
        let end = summary(&comparison, written);
        for difference in comparison.differences {
            let row = IdDifference {
                change: difference.change,
                tenant_id: difference.key.tenant.to_string(),
                object_id: difference.key.object.to_string(),
                name: names.get(&difference.key).cloned().unwrap_or_default(),
                map: difference.map,
                here: difference.here,
                reason: difference.reason,
            };
            call.replies.row(Row::IdDifference(row)).await?;
        }
        Ok(Done::IdsImport(end))
    })
}

fn summary(comparison: &Comparison, written: bool) -> IdsImported {
    let mut end = IdsImported {
        same: comparison.same,
        written,
        ..IdsImported::default()
    };
    for difference in &comparison.differences {
        match difference.change {
            IdChange::Pinned => end.pinned += 1,
            IdChange::Moved => end.moved += 1,
            IdChange::Freed => end.freed += 1,
            IdChange::Conflict | IdChange::Unknown => end.conflicts += 1,
        }
    }
    end
}

/// What all frames of one import say.
struct Wish {
    rows: Vec<(ObjectKey, u32)>,
    dry_run: bool,
    skip_conflicts: bool,
}

async fn collect(first: Request, requests: &mut Requests) -> Result<Wish, Failure> {
    let bad = |message: &str| failure::of(FailureKind::BadRequest, message);
    let mut wish: Option<Wish> = None;
    let mut objects = BTreeSet::new();
    let mut ids = BTreeSet::new();
    let mut frame = first;
    loop {
        let Request::IdsImport {
            rows,
            dry_run,
            skip_conflicts,
            more,
        } = frame
        else {
            return Err(bad("another verb came in the middle of `ids import`"));
        };
        let wish = wish.get_or_insert(Wish {
            rows: Vec::new(),
            dry_run,
            skip_conflicts,
        });
        if (wish.dry_run, wish.skip_conflicts) != (dry_run, skip_conflicts) {
            return Err(bad("the frames of one `ids import` want different things"));
        }
        if rows.len() > IDS_PER_FRAME || wish.rows.len().saturating_add(rows.len()) > MAX_MAP_ROWS {
            return Err(bad("too many rows at once"));
        }
        for row in rows {
            let (key, id) = read(&row).map_err(|reason| bad(&reason))?;
            if !objects.insert(key) || !ids.insert(id) {
                return Err(bad(&format!(
                    "the map has the object {} or the id {id} twice",
                    key.object
                )));
            }
            wish.rows.push((key, id));
        }
        if !more {
            break;
        }
        frame = requests.next().await?;
    }
    match wish {
        Some(wish) if !wish.rows.is_empty() => Ok(wish),
        _ => Err(bad("the map has no rows")),
    }
}

fn read(row: &IdMapRow) -> Result<(ObjectKey, u32), String> {
    let tenant: TenantId = row
        .tenant_id
        .parse()
        .map_err(|error| format!("the tenant {:?} is {error}", row.tenant_id))?;
    let object: ObjectId = row
        .object_id
        .parse()
        .map_err(|error| format!("the object {:?} is {error}", row.object_id))?;
    if tenant.to_bytes() == [0; 16] {
        return Err("the tenant with nothing but zeros is nobody's".to_owned());
    }
    Ok((ObjectKey { tenant, object }, row.id))
}
