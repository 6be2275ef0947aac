//! What a shell completes: names that begin with what was typed so far.
//!
//! Asked whenever somebody presses Tab, and so quiet: whoever may not read the directory gets no names but
//! their own, without a refusal, a line in the journal or a row in the audit log. Invariant: an answer has at most
//! [`MAX_COMPLETIONS`] names, whatever the directory's size.

use entra_protocol::admin::{Done, NameKind, Request, Role, Row};
use entra_protocol::limits::MAX_COMPLETIONS;

use super::verbs::{Call, Handling};
use super::{caller, directory, failure};
use crate::auth::in_store;

pub(super) fn names(call: Call<'_>) -> Handling<'_> {
    Box::pin(async move {
        let Request::Names { of, prefix } = call.request else {
            return Err(directory::mismatch());
        };
        let reads = caller::is_root(&call.caller)
            || call.caller.role.is_some_and(|role| role >= Role::Auditor);
        let names: Vec<String> = match of {
            NameKind::Users if !reads && call.caller.role.is_some() => vec![call.caller.name]
                .into_iter()
                .filter(|name| name.starts_with(&prefix.to_lowercase()))
                .collect(),
            _ if !reads => Vec::new(),
            NameKind::Domains => call
                .admin
                .importers
                .all()
                .map(|importer| importer.domain().to_owned())
                .filter(|domain| domain.starts_with(&prefix.to_lowercase()))
                .collect(),
            of => in_store(&call.admin.store, move |store| {
                store.names_after_prefix(of, &prefix, MAX_COMPLETIONS)
            })
            .await
            .map_err(failure::of_store)?,
        };
        let mut count = 0;
        for name in names {
            call.replies.row(Row::Name(name)).await?;
            count += 1;
        }
        Ok(Done::Rows { count })
    })
}
