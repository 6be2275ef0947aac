//! `auth enable|disable|status`: whether imported people may sign in.

use entra_protocol::admin::{Done, Failure, FailureKind};

use super::failure;
use super::verbs::{Call, Handling};
use crate::auth::{away, in_store};
use crate::store::{Store, StoreError};

pub(super) fn show(call: Call<'_>) -> Handling<'_> {
    Box::pin(async move {
        let state = in_store(&call.admin.store, Store::auth_state)
            .await
            .map_err(failure::of_store)?;
        Ok(Done::Auth(state))
    })
}

pub(super) fn enable(call: Call<'_>) -> Handling<'_> {
    switch(call, true)
}

pub(super) fn disable(call: Call<'_>) -> Handling<'_> {
    switch(call, false)
}

fn switch(call: Call<'_>, on: bool) -> Handling<'_> {
    Box::pin(async move {
        let actor = call.actor;
        let switched = in_store(&call.admin.store, move |store| {
            if on && let Some(missing) = missing(store)? {
                return Ok(Err(missing));
            }
            store.set_sign_in_enabled(on, &actor)?;
            store.auth_state().map(Ok)
        })
        .await
        .map_err(failure::of_store)?;
        let state = switched?;
        let publish = call.admin.publish.clone();
        away(move || publish())
            .await
            .map_err(|error| failure::not_published(&error))?;
        Ok(Done::Auth(state))
    })
}

/// What must be there before people may sign in: somebody to sign in, and somebody to look after them.
fn missing(store: &Store) -> Result<Option<Failure>, StoreError> {
    let precondition = |message: &str, hint: &str| Failure {
        hint: Some(hint.to_owned()),
        ..failure::of(FailureKind::Precondition, message)
    };
    if store.last_import()?.is_none() {
        return Ok(Some(precondition(
            "nobody has been imported yet",
            "run `entractl import` first",
        )));
    }
    if store.administrators()? == 0 {
        return Ok(Some(precondition(
            "there is no administrator who can sign in",
            "run `entractl role set administrator NAME` first",
        )));
    }
    Ok(None)
}
