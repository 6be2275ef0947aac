//! `users adopt`: the agent's half of making a local account an imported person's.
//!
//! `entractl`, run by root, first pins what the person is to have, then takes the account out of
//! `/etc/passwd`, then has the person published. Who may have the account is decided here, from the rows
//! that the last import could not take: it is the person who asked for exactly this name and failed for
//! exactly this account. So the next import gives them the same name again.

use entra_protocol::admin::{AdoptStep, Done, Failure, FailureKind, LocalAccount, Request};
use entra_snapshot::{AbsolutePath, Id, Name};

use super::verbs::{Call, Handling};
use super::{HostRules, directory, failure};
use crate::auth::in_store;
use crate::identity::{ObjectId, ObjectKey};
use crate::names::{is_reserved, local_reason};
use crate::store::{Asking, NoAdoption, Store, StoreError};

pub(super) fn adopt(call: Call<'_>) -> Handling<'_> {
    Box::pin(async move {
        let Request::UsersAdopt {
            account,
            object,
            step,
        } = call.request
        else {
            return Err(directory::mismatch());
        };
        if step == AdoptStep::Publish {
            let name = account.name.clone();
            let adopted = in_store(&call.admin.store, move |store| store.name_adopted(&name))
                .await
                .map_err(failure::of_store)?
                .ok_or_else(|| not_adopted(&account.name))?;
            call.admin.publish_change().await?;
            return Ok(Done::Adoption(adopted));
        }
        legal(&account, &call.admin.host)?;
        let actor = call.actor;
        let dry_run = step == AdoptStep::Preview;
        in_store(&call.admin.store, move |store| {
            let key = match person(store, &account.name, object.as_deref())? {
                Ok(key) => key,
                Err(failure) => return Ok(Err(failure)),
            };
            let outcome = store.adopt(key, &account, dry_run, &actor)?;
            Ok(outcome
                .map(Done::Adoption)
                .map_err(|no| refused(no, &account)))
        })
        .await
        .map_err(failure::of_store)?
    })
}

pub(super) fn unadopt(call: Call<'_>) -> Handling<'_> {
    Box::pin(async move {
        let Request::UsersUnadopt { name, dry_run } = call.request else {
            return Err(directory::mismatch());
        };
        let asked = name.clone();
        let actor = call.actor;
        let ended = in_store(&call.admin.store, move |store| {
            store.unadopt(&asked, dry_run, &actor)
        })
        .await
        .map_err(failure::of_store)?
        .ok_or_else(|| not_adopted(&name))?;
        if !dry_run {
            call.admin.publish_change().await?;
        }
        Ok(Done::Adoption(ended))
    })
}

/// What an imported person may never have, whoever wishes it.
fn legal(account: &LocalAccount, host: &HostRules) -> Result<(), Failure> {
    let refuse = |reason: String| {
        failure::of(
            FailureKind::Precondition,
            &format!("the account {:?} can't be adopted: {reason}", account.name),
        )
    };
    Name::new(&account.name).map_err(|illegal| refuse(illegal.to_string()))?;
    if is_reserved(&account.name) {
        return Err(refuse("the name is reserved for the system".to_owned()));
    }
    for (what, id) in [("uid", account.uid), ("gid", account.gid)] {
        Id::new(id).map_err(|illegal| refuse(format!("its {what} {id}: {}", illegal.reason)))?;
        if host.range.is_role_gid(id) {
            return Err(refuse(format!("its {what} {id} is a role group's")));
        }
    }
    for (what, path) in [("home", &account.home), ("shell", &account.shell)] {
        AbsolutePath::new(path)
            .map_err(|illegal| refuse(format!("its {what} {path:?}: {}", illegal.reason)))?;
    }
    Ok(())
}

/// The one person who asked for the account's name, or who has it already.
fn person(
    store: &Store,
    name: &str,
    object: Option<&str>,
) -> Result<Result<ObjectKey, Failure>, StoreError> {
    let fits = |person: &Asking| {
        object.is_none_or(|object| {
            object.parse::<ObjectId>() == Ok(person.key.object)
                || person.upn.eq_ignore_ascii_case(object.trim())
        })
    };
    let reasons = ["/etc/passwd", "/etc/group"].map(|file| local_reason(name, file));
    let asking = store.people_who_failed_for(&reasons)?;
    let fitting: Vec<&Asking> = asking.iter().filter(|person| fits(person)).collect();
    if let [one] = fitting.as_slice() {
        return Ok(Ok(one.key));
    }
    if fitting.is_empty()
        && let Some(adopter) = store.adopter(name)?
        && object.is_none_or(|object| object.parse::<ObjectId>() == Ok(adopter.object))
    {
        return Ok(Ok(adopter));
    }
    let listed: Vec<String> = asking
        .iter()
        .map(|person| format!("{} ({})", person.upn, person.key.object))
        .collect();
    Ok(Err(match (object, listed.as_slice()) {
        (_, []) => Failure {
            hint: Some(format!(
                "import first; who is to be called something else in the tenant needs \"{name}\" under \
                 [names.overrides] in agent.toml, and then an import"
            )),
            ..failure::of(
                FailureKind::NotFound,
                &format!("the last import has no person whose name here would be \"{name}\""),
            )
        },
        (Some(object), _) => Failure {
            hint: Some(format!("who would be: {}", listed.join(", "))),
            ..failure::of(
                FailureKind::NotFound,
                &format!("{object:?} is nobody whose name here would be \"{name}\""),
            )
        },
        (None, _) => Failure {
            hint: Some("say who with --object".to_owned()),
            ..failure::of(
                FailureKind::Ambiguous,
                &format!(
                    "several people would be called \"{name}\" here: {}",
                    listed.join(", ")
                ),
            )
        },
    }))
}

fn refused(no: NoAdoption, account: &LocalAccount) -> Failure {
    let LocalAccount {
        name, uid, home, ..
    } = account;
    let (reason, hint) = match no {
        NoAdoption::Adopted(key) => (
            format!(
                "an account of that name was adopted by the object {} already",
                key.object
            ),
            Some(format!(
                "`entractl users adopt {name} --undo` takes that back"
            )),
        ),
        NoAdoption::Name(key) => (
            format!(
                "the name is or was the name of another object, {}",
                key.object
            ),
            Some(format!(
                "`entractl users release {name}` frees it if that object is gone"
            )),
        ),
        NoAdoption::Used(id) => (
            format!(
                "the person has been on this host with the id {id} already, and files may carry it"
            ),
            Some("give the person's files to one of the two accounts by hand".to_owned()),
        ),
        NoAdoption::Uid(key) => (
            format!("the uid {uid} is the object {}'s on this host", key.object),
            None,
        ),
        NoAdoption::Home(key) => (
            format!(
                "the home {home} is the object {}'s on this host",
                key.object
            ),
            None,
        ),
    };
    Failure {
        hint,
        ..failure::of(
            FailureKind::Precondition,
            &format!("the account {name:?} can't be adopted: {reason}"),
        )
    }
}

fn not_adopted(name: &str) -> Failure {
    failure::of(
        FailureKind::NotFound,
        &format!("nobody has adopted an account called {name:?}"),
    )
}
