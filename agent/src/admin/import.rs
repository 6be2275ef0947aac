//! `import` and `groups fetch`: the verbs that ask the tenant.

use std::future::Future;
use std::pin::Pin;

use entra_protocol::admin::{
    Done, FailedObject, Failure, GroupRow, ImportSummary, Progress, Request, Row,
};

use super::verbs::{Call, Handling};
use super::{directory, failure};
use crate::auth::in_store;

/// A question to the tenant that is on its way.
pub type Importing<'a, T> = Pin<Box<dyn Future<Output = Result<T, Failure>> + Send + 'a>>;

/// Asks the tenant; what it imports is published when it returns.
pub trait Importer: Send + Sync {
    /// Imports the named users and groups, or the whole tenant if both lists are empty. Too many removals
    /// at once are held back unless they are accepted.
    fn import<'a>(
        &'a self,
        users: Vec<String>,
        groups: Vec<String>,
        accept_removals: bool,
        progress: &'a (dyn Fn(Progress) + Send + Sync),
    ) -> Importing<'a, (ImportSummary, Vec<FailedObject>)>;

    /// Every group of the tenant.
    fn fetch_groups(&self) -> Importing<'_, Vec<GroupRow>>;
}

pub(super) fn import(call: Call<'_>) -> Handling<'_> {
    Box::pin(async move {
        let Request::Import {
            users,
            groups,
            accept_removals,
            ..
        } = call.request
        else {
            return Err(directory::mismatch());
        };
        let importer = call.admin.importers.of(None)?;
        let scope = scope_text(&users, &groups);
        let actor = call.actor;
        let begun = if accept_removals {
            "begun, removals accepted"
        } else {
            "begun"
        };
        // Before it begins: an import that kills the agent shows in the log, too.
        in_store(&call.admin.store, move |store| {
            store.audit(&actor, "import", &scope, None, Some(begun), false)
        })
        .await
        .map_err(failure::of_store)?;
        let replies = call.replies.clone();
        let report = move |progress| replies.progress(progress);
        let (summary, failures) = importer
            .import(users, groups, accept_removals, &report)
            .await?;
        for failed in failures {
            call.replies.row(Row::Failure(failed)).await?;
        }
        Ok(Done::Import(summary))
    })
}

pub(super) fn fetch_groups(call: Call<'_>) -> Handling<'_> {
    Box::pin(async move {
        let mut count = 0;
        for group in call.admin.importers.of(None)?.fetch_groups().await? {
            call.replies.row(Row::Group(group)).await?;
            count += 1;
        }
        Ok(Done::Rows { count })
    })
}

/// The scope in words.
pub(super) fn scope_text(users: &[String], groups: &[String]) -> String {
    if users.is_empty() && groups.is_empty() {
        return "the whole tenant".to_owned();
    }
    let list = |what: &str, names: &[String]| {
        (!names.is_empty()).then(|| format!("{what} {}", names.join(", ")))
    };
    [list("users", users), list("groups", groups)]
        .into_iter()
        .flatten()
        .collect::<Vec<_>>()
        .join("; ")
}
