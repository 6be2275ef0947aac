//! `role set`: one role for one or many, all or nothing.

use std::collections::BTreeSet;

use entra_protocol::admin::{Done, Failure, FailureKind, Request, Role, RoleChange, Row};
use entra_protocol::limits::{MAX_BULK_NAMES, NAMES_PER_FRAME};

use super::verbs::{Call, Handling};
use super::{Requests, directory, failure};
use crate::auth::{away, in_store};
use crate::store::{Actor, Store, StoreError};

/// How many names a message lists before it says how many more there are.
const LISTED: usize = 10;

pub(super) fn set(mut call: Call<'_>) -> Handling<'_> {
    Box::pin(async move {
        let (role, names) = collect(call.request, &mut call.requests).await?;
        let actor = call.actor;
        let changes = in_store(&call.admin.store, move |store| {
            change(store, &names, role, &actor)
        })
        .await
        .map_err(failure::of_store)??;
        let publish = call.admin.publish.clone();
        away(move || publish())
            .await
            .map_err(|error| failure::not_published(&error))?;
        let mut count = 0;
        for change in changes {
            call.replies.row(Row::Role(change)).await?;
            count += 1;
        }
        Ok(Done::Rows { count })
    })
}

/// All names over all frames; nothing is done before the last one.
async fn collect(
    first: Request,
    requests: &mut Requests,
) -> Result<(Role, BTreeSet<String>), Failure> {
    let bad = |message: &str| Err(failure::of(FailureKind::BadRequest, message));
    let mut wanted = None;
    let mut names = BTreeSet::new();
    let mut total = 0_usize;
    let mut frame = first;
    loop {
        let Request::RoleSet { role, users, more } = frame else {
            return bad("another verb came in the middle of `role set`");
        };
        if *wanted.get_or_insert(role) != role {
            return bad("the frames of one `role set` name different roles");
        }
        total = total.saturating_add(users.len());
        if users.len() > NAMES_PER_FRAME || total > MAX_BULK_NAMES {
            return bad("too many names at once");
        }
        names.extend(users);
        if !more {
            break if names.is_empty() {
                bad("no user is named")
            } else {
                Ok((role, names))
            };
        }
        frame = requests.next().await?;
    }
}

fn change(
    store: &Store,
    names: &BTreeSet<String>,
    role: Role,
    actor: &Actor,
) -> Result<Result<Vec<RoleChange>, Failure>, StoreError> {
    let mut people = Vec::with_capacity(names.len());
    let mut unknown = Vec::new();
    for name in names {
        match directory::one_person(store, name)? {
            Ok(person) => people.push(person.key),
            Err(failure) => unknown.push((name, failure)),
        }
    }
    if !unknown.is_empty() {
        return Ok(Err(unknown_names(&unknown, "nobody's role was changed")));
    }
    store.set_roles(&people, role, actor).map(Ok)
}

/// One failure for all names that mean nobody, or more than one, and what therefore was not done.
pub(super) fn unknown_names(unknown: &[(&String, Failure)], not_done: &str) -> Failure {
    let first = unknown.first().map(|(_, failure)| failure);
    if let ([_], Some(failure)) = (unknown, first) {
        return Failure {
            message: format!("{}; {not_done}", failure.message),
            ..failure.clone()
        };
    }
    let mut listed: Vec<String> = unknown
        .iter()
        .take(LISTED)
        .map(|(name, failure)| match &failure.hint {
            Some(hint) => format!("{name:?} ({hint})"),
            None => format!("{name:?}"),
        })
        .collect();
    if unknown.len() > LISTED {
        listed.push(format!("and {} more", unknown.len() - LISTED));
    }
    failure::of(
        first.map_or(FailureKind::NotFound, |failure| failure.kind),
        &format!(
            "these names do not mean one imported user each: {}; {not_done}",
            listed.join(", ")
        ),
    )
}
