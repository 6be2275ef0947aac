//! `auth enable|disable|status`: whether imported people may sign in.
//!
//! `auth enable` takes somebody to sign in and an administrator to look after them. That an administrator *has*
//! signed in can't be asked for here, since nobody can while it is off: it is a warning here, and what the gate
//! on local accounts asks for before it shuts anybody out (docs/decisions/0047).

use entra_protocol::admin::{Check, CheckState, Done, Failure, FailureKind, Row};

use super::verbs::{Call, Handling};
use super::{failure, gate};
use crate::auth::in_store;
use crate::clock::rfc3339;
use crate::store::{Store, StoreError};

pub(super) fn show(call: Call<'_>) -> Handling<'_> {
    Box::pin(async move {
        let state = in_store(&call.admin.store, Store::auth_state)
            .await
            .map_err(failure::of_store)?;
        Ok(Done::Auth(state))
    })
}

/// What `auth enable` would find, one by one, as far as the agent can see; nothing is changed.
pub(super) fn preflight(call: Call<'_>) -> Handling<'_> {
    Box::pin(async move {
        let local = gate::accounts(call.admin).await?;
        let (imported, administrators, facts) = in_store(&call.admin.store, |store| {
            Ok((
                store.last_import()?.is_some(),
                store.administrators()?,
                store.gate_facts()?,
            ))
        })
        .await
        .map_err(failure::of_store)?;
        let mut checks = vec![match imported {
            true => gate::good("imported", "people were imported".to_owned()),
            false => gate::bad("imported", NOBODY_IMPORTED.0.to_owned(), NOBODY_IMPORTED.1),
        }];
        checks.push(match (administrators, facts.administrator.as_ref()) {
            (0, _) => gate::bad(
                "administrator",
                NO_ADMINISTRATOR.0.to_owned(),
                NO_ADMINISTRATOR.1,
            ),
            (_, Some((name, at))) => gate::good(
                "administrator",
                format!("{name} signed in here through Entra ID at {}", rfc3339(*at)),
            ),
            (_, None) => warned(gate::bad(
                "administrator",
                "no administrator has signed in here through Entra ID yet".to_owned(),
                "sign in as one in a further session when it is on; until then the gate on local accounts \
                 can't be shut",
            )),
        });
        let break_glass = gate::break_glass_check(&facts, &local, call.admin.clock.now());
        checks.push(warned(break_glass));
        let mut count = 0;
        for check in checks {
            call.replies.row(Row::Check(check)).await?;
            count += 1;
        }
        Ok(Done::Rows { count })
    })
}

/// What may be mended later, since local accounts sign in as before.
fn warned(check: Check) -> Check {
    match check.state {
        CheckState::Bad => Check {
            state: CheckState::Warning,
            ..check
        },
        _ => check,
    }
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
        call.admin.publish_change().await?;
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
        let (message, hint) = NOBODY_IMPORTED;
        return Ok(Some(precondition(message, hint)));
    }
    if store.administrators()? == 0 {
        let (message, hint) = NO_ADMINISTRATOR;
        return Ok(Some(precondition(message, hint)));
    }
    Ok(None)
}

/// What is missing, and what to do about it.
const NOBODY_IMPORTED: (&str, &str) = (
    "nobody has been imported yet",
    "run `entractl import` first",
);
const NO_ADMINISTRATOR: (&str, &str) = (
    "there is no administrator who can sign in",
    "run `entractl role set administrator NAME` first",
);
