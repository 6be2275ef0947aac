//! `users list|show` and `groups list|show`: the directory as it was imported.

use entra_protocol::admin::{Done, Failure, FailureKind, Request, Row, UserDetail};

use super::nearest::Nearest;
use super::verbs::{Call, Handling};
use super::{failure, unlock};
use crate::auth::in_store;
use crate::clock::rfc3339;
use crate::identity::ObjectKey;
use crate::store::{DirectoryGroup, Found, Person, Store, StoreError, ThrottleSubject};

pub(super) fn list_users(call: Call<'_>) -> Handling<'_> {
    Box::pin(async move {
        let mut count = 0;
        let mut last = String::new();
        loop {
            let after = std::mem::take(&mut last);
            let people = in_store(&call.admin.store, move |store| {
                store.people_after(&after, PEOPLE_AT_ONCE)
            })
            .await
            .map_err(failure::of_store)?;
            let Some(person) = people.last() else {
                return Ok(Done::Rows { count });
            };
            last.clone_from(&person.name);
            let now = call.admin.clock.now();
            for person in people {
                call.replies.row(Row::User(person.row(now))).await?;
                count += 1;
            }
        }
    })
}

pub(super) fn show_user(call: Call<'_>) -> Handling<'_> {
    Box::pin(async move {
        let Request::UsersShow { user } = call.request else {
            return Err(mismatch());
        };
        let asked = user.clone();
        let found = in_store(&call.admin.store, move |store| detail(store, &asked))
            .await
            .map_err(failure::of_store)?;
        let (key, detail) = found?;
        let throttle = &call.admin.throttle;
        let tries = throttle.standing(&ThrottleSubject::Person(key)).await;
        Ok(Done::User(UserDetail {
            failed_tries: tries.failures,
            passwords_refused_until: unlock::refused_until(tries, call.admin.clock.now()),
            ..detail
        }))
    })
}

pub(super) fn list_groups(call: Call<'_>) -> Handling<'_> {
    Box::pin(async move {
        let groups = in_store(&call.admin.store, Store::groups)
            .await
            .map_err(failure::of_store)?;
        let mut count = 0;
        for group in groups {
            call.replies.row(Row::Group(group.row())).await?;
            count += 1;
        }
        Ok(Done::Rows { count })
    })
}

pub(super) fn show_group(call: Call<'_>) -> Handling<'_> {
    Box::pin(async move {
        let Request::GroupsShow { group } = call.request else {
            return Err(mismatch());
        };
        let found = in_store(&call.admin.store, move |store| {
            Ok(match one_group(store, &group)? {
                Ok(found) => {
                    let members = store.group_members(&found.key)?;
                    Ok((found, members))
                }
                Err(failure) => Err(failure),
            })
        })
        .await
        .map_err(failure::of_store)?;
        let (group, members) = found?;
        for user in members.users {
            call.replies.row(Row::User(user)).await?;
        }
        for member in members.groups {
            call.replies.row(Row::Group(member)).await?;
        }
        Ok(Done::Group(group.row()))
    })
}

/// The one person that a text means.
pub(super) fn one_person(store: &Store, text: &str) -> Result<Result<Person, Failure>, StoreError> {
    Ok(match store.person_by_any(text)? {
        Found::One(person) => Ok(person),
        Found::None => {
            let mut nearest = Nearest::to(text);
            store.each_login(|name, upn| {
                nearest.look_at(name);
                nearest.look_at(upn);
            })?;
            Err(Failure {
                hint: nearest.hint(),
                ..failure::of(
                    FailureKind::NotFound,
                    &format!("no imported user is called {text:?}"),
                )
            })
        }
        Found::Many(several) => Err(ambiguous(
            text,
            several
                .iter()
                .map(|one| format!("{} ({})", one.upn, one.key.object)),
        )),
    })
}

/// The one group that a text means.
pub(super) fn one_group(
    store: &Store,
    text: &str,
) -> Result<Result<DirectoryGroup, Failure>, StoreError> {
    Ok(match store.group_by_any(text)? {
        Found::One(group) => Ok(group),
        Found::None => Err(unknown_group(store, text)?),
        Found::Many(several) => Err(ambiguous(
            text,
            several
                .iter()
                .map(|one| format!("{} ({})", one.display_name, one.key.object)),
        )),
    })
}

/// The hint with the nearest of all names that anything has or had here, or of those that were given up.
pub(super) async fn nearest_ever(
    call: &Call<'_>,
    text: &str,
    only_retired: bool,
) -> Result<Option<String>, Failure> {
    let text = text.to_owned();
    in_store(&call.admin.store, move |store| {
        let mut nearest = Nearest::to(&text);
        store.each_name_ever(only_retired, |name| nearest.look_at(name))?;
        Ok(nearest.hint())
    })
    .await
    .map_err(failure::of_store)
}

/// All but what is counted of tries.
fn detail(
    store: &Store,
    text: &str,
) -> Result<Result<(ObjectKey, UserDetail), Failure>, StoreError> {
    let person = match one_person(store, text)? {
        Ok(person) => person,
        Err(failure) => return Ok(Err(failure)),
    };
    let (last_sign_in, last_sign_in_method) = store.last_sign_in(&person.key)?.unzip();
    let detail = UserDetail {
        tenant_id: person.key.tenant.to_string(),
        gid: person.gid,
        groups: store.groups_of(&person.key, person.role_in_force(store.now()))?,
        role_source: Some(store.role_source(&person.key)?),
        last_sign_in: last_sign_in.map(rfc3339),
        last_sign_in_method,
        row: person.row(store.now()),
        home: person.home,
        shell: person.shell,
        failed_tries: 0,
        passwords_refused_until: None,
    };
    Ok(Ok((person.key, detail)))
}

fn unknown_group(store: &Store, text: &str) -> Result<Failure, StoreError> {
    let mut nearest = Nearest::to(text);
    for group in store.groups()? {
        nearest.look_at(&group.name);
        nearest.look_at(&group.display_name);
    }
    Ok(Failure {
        hint: nearest.hint(),
        ..failure::of(
            FailureKind::NotFound,
            &format!("no imported group is called {text:?}"),
        )
    })
}

fn ambiguous(text: &str, candidates: impl Iterator<Item = String>) -> Failure {
    let candidates: Vec<String> = candidates.collect();
    Failure {
        hint: Some("name it by its object id".to_owned()),
        ..failure::of(
            FailureKind::Ambiguous,
            &format!("{text:?} means several: {}", candidates.join(", ")),
        )
    }
}

/// The table sends each verb to its own handler; anything else is a bug in the table.
pub(super) fn mismatch() -> Failure {
    failure::of(FailureKind::Internal, "the agent took one verb for another")
}

/// People that are read at once: a list of a million costs the memory of so many.
const PEOPLE_AT_ONCE: u32 = 500;
