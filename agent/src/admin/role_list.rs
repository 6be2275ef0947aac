//! `role list`: which roles are assigned, and who has one through them.

use entra_protocol::admin::{Done, Row};

use super::failure;
use super::verbs::{Call, Handling};
use crate::auth::in_store;
use crate::store::Store;

pub(super) fn list(call: Call<'_>) -> Handling<'_> {
    Box::pin(async move {
        let assignments = in_store(&call.admin.store, Store::role_assignments)
            .await
            .map_err(failure::of_store)?;
        let mut count = 0;
        for assignment in assignments {
            call.replies.row(Row::Assignment(assignment)).await?;
            count += 1;
        }
        let mut last = String::new();
        loop {
            let after = std::mem::take(&mut last);
            let held = in_store(&call.admin.store, move |store| {
                store.role_holders_after(&after, PEOPLE_AT_ONCE)
            })
            .await
            .map_err(failure::of_store)?;
            let Some(person) = held.last() else {
                return Ok(Done::Rows { count });
            };
            last.clone_from(&person.user);
            for person in held {
                call.replies.row(Row::RoleHeld(person)).await?;
                count += 1;
            }
        }
    })
}

/// People that are read at once: a group of a hundred thousand costs the memory of so many.
const PEOPLE_AT_ONCE: u32 = 500;
