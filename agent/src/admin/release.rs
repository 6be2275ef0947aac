//! `users release`: frees a name that its object gave up.
//!
//! What is left on the host under the old name is for `entractl` to find, which sees it with the caller's
//! own rights; the agent may not look into homes and crontabs.

use entra_protocol::admin::{Done, Failure, FailureKind, Request};

use super::verbs::{Call, Handling};
use super::{directory, failure};
use crate::auth::in_store;
use crate::store::Release;

pub(super) fn release(call: Call<'_>) -> Handling<'_> {
    Box::pin(async move {
        let Request::UsersRelease { name, dry_run } = &call.request else {
            return Err(directory::mismatch());
        };
        let dry_run = *dry_run;
        let name = name.trim().to_lowercase();
        let asked = name.clone();
        let actor = call.actor.clone();
        let outcome = in_store(&call.admin.store, move |store| {
            store.release_name(&asked, dry_run, &actor)
        })
        .await
        .map_err(failure::of_store)?;
        match outcome {
            Release::Free(released) => Ok(Done::Released(released)),
            Release::Unknown => Err(Failure {
                hint: directory::nearest_ever(&call, &name, true)
                    .await?
                    .or_else(|| {
                        Some("`entractl ids show` lists whose each name is or was".to_owned())
                    }),
                ..failure::of(
                    FailureKind::NotFound,
                    &format!("no imported object ever had the name \"{name}\""),
                )
            }),
            Release::Held { key, here: true } => Err(failure::of(
                FailureKind::Precondition,
                &format!(
                    "the name \"{name}\" is not retired: the object {}, which is here, has it",
                    key.object
                ),
            )),
            Release::Held { key, here: false } => Err(Failure {
                hint: Some("import first: only then it is known who is gone".to_owned()),
                ..failure::of(
                    FailureKind::Precondition,
                    &format!(
                        "the name \"{name}\" is not retired: the object {} has it and is not known to \
                         be gone",
                        key.object
                    ),
                )
            }),
        }
    })
}
