//! Reads a round of the whole tenant into the staging tables.
//!
//! Both delta streams' initial rounds (entra-facts §4.2), one page after the other: Graph asks not to
//! read delta pages in parallel. Each page is staged with the link to the next before that is followed.

use std::collections::BTreeSet;

use entra_protocol::admin::{FailedObject, Progress};

use super::{SyncError, Tell, blocking};
use crate::graph::{
    GROUP_SELECT, GroupChange, Page, Pager, Session, USER_SELECT, UserChange, group_change,
    user_change,
};
use crate::identity::ObjectId;
use crate::store::{Elements, StagedPage, Store};

/// What is known of a round beside what is staged.
#[derive(Debug, Default)]
pub(super) struct Reading {
    /// Objects that were asked for by name: they are not left out in silence.
    pub(super) named: BTreeSet<ObjectId>,
    /// Names that nothing in the tenant has.
    pub(super) missing: Vec<FailedObject>,
    /// True if the round holds the whole tenant.
    pub(super) whole: bool,
}

pub(super) async fn whole_tenant(
    store: &Store,
    session: &Session<'_>,
    tell: Tell<'_>,
) -> Result<Reading, SyncError> {
    let url = session.url(&["users", "delta"], &[("$select", USER_SELECT)]);
    let mut users = Counter {
        stage: "reading users",
        done: 0,
        tell,
    };
    let mut pager = Pager::delta(session, url, "users");
    while let Some(page) = pager.next_page().await? {
        users.count(page.elements.len());
        stage_users(store, "users", page).await?;
    }
    let url = session.url(
        &["groups", "delta"],
        &[("$select", &group_select_with_members())],
    );
    let mut groups = Counter {
        stage: "reading groups",
        done: 0,
        tell,
    };
    let mut pager = Pager::delta(session, url, "groups");
    while let Some(page) = pager.next_page().await? {
        groups.count(page.elements.len());
        stage_groups(store, "groups", page).await?;
    }
    Ok(Reading {
        whole: true,
        ..Reading::default()
    })
}

/// Stages a page of users.
pub(super) async fn stage_users(store: &Store, stream: &str, page: Page) -> Result<(), SyncError> {
    let changes: Vec<UserChange> = page.elements.iter().map(user_change).collect();
    let (store, stream) = (store.clone(), stream.to_owned());
    blocking(move || {
        store.stage(&StagedPage {
            stream: &stream,
            label: &page.label,
            elements: Elements::Users(&changes),
            next_link: page.next_link.as_deref(),
            delta_link: page.delta_link.as_deref(),
        })
    })
    .await
}

/// Stages a page of groups, and gives back what it holds.
pub(super) async fn stage_groups(
    store: &Store,
    stream: &str,
    page: Page,
) -> Result<Vec<GroupChange>, SyncError> {
    let changes: Vec<GroupChange> = page.elements.iter().map(group_change).collect();
    let (store, stream) = (store.clone(), stream.to_owned());
    blocking(move || {
        store.stage(&StagedPage {
            stream: &stream,
            label: &page.label,
            elements: Elements::Groups(&changes),
            next_link: page.next_link.as_deref(),
            delta_link: page.delta_link.as_deref(),
        })?;
        Ok::<_, crate::store::StoreError>(changes)
    })
    .await
}

/// What a delta of groups asks for: `members` makes it tell the direct members.
pub(super) fn group_select_with_members() -> String {
    format!("{GROUP_SELECT},members")
}

/// Counts what came and tells it.
pub(super) struct Counter<'a> {
    pub(super) stage: &'static str,
    pub(super) done: u64,
    pub(super) tell: Tell<'a>,
}

impl Counter<'_> {
    pub(super) fn count(&mut self, more: usize) {
        self.done = self
            .done
            .saturating_add(u64::try_from(more).unwrap_or(u64::MAX));
        (self.tell)(Progress {
            stage: self.stage.to_owned(),
            done: self.done,
            total: None,
        });
    }
}
