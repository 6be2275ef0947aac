//! Who is calling: from the uid that the kernel names to a name and a role.
//!
//! Invariant: a role counts only while its person is imported and enabled, neither blocked nor expired here.
//! Whoever is cut off has no rights here either, though their processes may still run.

use entra_protocol::admin::{Caller, Failure, Request};

use super::failure;
use crate::auth::in_store;
use crate::store::{Actor, Found, Store};

/// The uid of root.
const ROOT: u32 = 0;

pub(super) async fn identify(store: &Store, uid: u32) -> Result<Caller, Failure> {
    if uid == ROOT {
        return Ok(Caller {
            uid,
            name: "root".to_owned(),
            role: None,
        });
    }
    let now = store.now();
    let person = in_store(store, move |store| store.person_by_uid(uid))
        .await
        .map_err(failure::of_store)?;
    Ok(match person {
        Some(person) => Caller {
            uid,
            role: (person.enabled && person.barred(now).is_none()).then_some(person.role),
            name: person.name,
        },
        None => Caller {
            uid,
            name: "local user".to_owned(),
            role: None,
        },
    })
}

/// True if the request is about the caller and nobody else.
pub(super) async fn is_about_itself(
    store: &Store,
    uid: u32,
    request: &Request,
) -> Result<bool, Failure> {
    let (Request::UsersShow { user } | Request::Explain { user, .. }) = request else {
        return Ok(false);
    };
    let user = user.clone();
    let found = in_store(store, move |store| store.person_by_any(&user))
        .await
        .map_err(failure::of_store)?;
    Ok(matches!(found, Found::One(person) if person.uid == uid))
}

/// The caller as the audit log names it.
pub(super) fn actor(caller: &Caller) -> Actor {
    Actor {
        uid: caller.uid,
        name: caller.name.clone(),
        role: caller.role,
    }
}

pub(super) fn is_root(caller: &Caller) -> bool {
    caller.uid == ROOT
}
