//! `users block`, `users unblock`, `users expire`: whose account may not be used on this host; all of those
//! who are named, or nobody.
//!
//! Published before it is answered, so that the account phase knows it with the agent dead, too. Nobody
//! changes this about themselves: an operator whose account ends must not move that end; nor about somebody
//! whose role is above their own: an operator could close the host to every administrator.

use std::collections::BTreeSet;

use entra_protocol::admin::{AccountChange, Done, Failure, FailureKind, Request, Row};
use entra_protocol::limits::{MAX_BULK_NAMES, NAMES_PER_FRAME};

use super::verbs::{Call, Handling};
use super::{Requests, directory, failure, roles};
use crate::auth::in_store;
use crate::clock::{UnixSeconds, parse_rfc3339, rfc3339};
use crate::store::{Actor, Restrict, Store, StoreError};

/// Seconds of a day in UTC.
const DAY: u64 = 24 * 60 * 60;

pub(super) fn restrict(mut call: Call<'_>) -> Handling<'_> {
    Box::pin(async move {
        let now = call.admin.clock.now();
        let (change, names) = collect(call.request, &mut call.requests, now).await?;
        let actor = call.actor;
        let changes = in_store(&call.admin.store, move |store| {
            restrict_all(store, &names, change, &actor)
        })
        .await
        .map_err(failure::of_store)??;
        call.admin.publish_change().await?;
        let mut count = 0;
        for change in changes {
            call.replies.row(Row::Account(change)).await?;
            count += 1;
        }
        Ok(Done::Rows { count })
    })
}

/// The change and all names over all frames; nothing is done before the last one.
async fn collect(
    first: Request,
    requests: &mut Requests,
    now: UnixSeconds,
) -> Result<(Restrict, BTreeSet<String>), Failure> {
    let bad = |message: &str| Err(failure::of(FailureKind::BadRequest, message));
    let mut wanted = None;
    let mut names = BTreeSet::new();
    let mut total = 0_usize;
    let mut frame = first;
    loop {
        let (change, users, more) = match frame {
            Request::UsersBlock { users, more } => (Restrict::Block, users, more),
            Request::UsersUnblock { users, more } => (Restrict::Unblock, users, more),
            Request::UsersExpire { until, users, more } => {
                let end = until.as_deref().map(|day| end_of(day, now)).transpose()?;
                (Restrict::Expire(end), users, more)
            }
            _ => return bad("another verb came in the middle of this one"),
        };
        if *wanted.get_or_insert(change) != change {
            return bad("the frames of one change of accounts ask for different ones");
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
                Ok((change, names))
            };
        }
        frame = requests.next().await?;
    }
}

/// The instant at which a last day ends: the next midnight in UTC.
fn end_of(day: &str, now: UnixSeconds) -> Result<UnixSeconds, Failure> {
    let end = parse_rfc3339(&format!("{day}T00:00:00Z"))
        .map(|begin| begin.plus(DAY))
        // The last day that can be said has no next one.
        .filter(|end| parse_rfc3339(&rfc3339(*end)) == Some(*end))
        .ok_or_else(|| {
            failure::of(
                FailureKind::BadRequest,
                &format!("{day:?} is no day on which an account can end"),
            )
        })?;
    if end <= now {
        return Err(Failure {
            hint: Some(format!(
                "the day is the last one on which the account may be used, in UTC, where it is {} now; \
                 `entractl users block` closes it at once",
                rfc3339(now)
            )),
            ..failure::of(
                FailureKind::BadRequest,
                &format!("{day} is over; nobody's account was changed"),
            )
        });
    }
    Ok(end)
}

fn restrict_all(
    store: &Store,
    names: &BTreeSet<String>,
    change: Restrict,
    actor: &Actor,
) -> Result<Result<Vec<AccountChange>, Failure>, StoreError> {
    let mut people = Vec::with_capacity(names.len());
    let mut unknown = Vec::new();
    let mut own = None;
    for name in names {
        match directory::one_person(store, name)? {
            Ok(person) if person.uid == actor.uid => own = Some(person.name),
            Ok(person) => people.push(person.key),
            Err(failure) => unknown.push((name, failure)),
        }
    }
    Ok(if !unknown.is_empty() {
        Err(roles::unknown_names(
            &unknown,
            "nobody's account was changed",
        ))
    } else if let Some(own) = own {
        Err(Failure {
            hint: Some("another operator or root can do it".to_owned()),
            ..failure::of(
                FailureKind::Precondition,
                &format!("{own} is you; nobody's account was changed"),
            )
        })
    } else {
        store
            .restrict(&people, change, actor)
            .map(Ok)
            .or_else(|error| match error {
                error @ (StoreError::LastAdministrator | StoreError::Outranked { .. }) => {
                    Ok(Err(failure::of_store(error)))
                }
                error => Err(error),
            })?
    })
}
