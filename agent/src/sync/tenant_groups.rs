//! Every group that the tenant has, for whoever picks some: what it is, how many it holds, and whether it is
//! here.
//!
//! The tenant is asked, so that a group made a minute ago is there. Its list gives no members: the mirror
//! has those of the whole tenant, where that was imported; elsewhere a round of the groups with their
//! members tells, of which only the numbers are kept.

use std::collections::BTreeMap;

use entra_protocol::admin::GroupRow;

use super::{SyncError, Syncer, blocking, plan, read};
use crate::graph::{
    GROUP_SELECT, GroupChange, MemberKind, Page, Pager, RawElement, group_change, raw_element,
};
use crate::identity::{ObjectId, ObjectKey};
use crate::store::{DirectoryGroup, GroupKind, MemberCounts};

impl Syncer {
    /// Every group that the tenant has, by display name; those that this host has imported with what it
    /// knows of them.
    ///
    /// # Errors
    /// [`SyncError`] from Graph or the databases.
    pub async fn fetch_groups(&self) -> Result<Vec<GroupRow>, SyncError> {
        let (store, tenant) = (self.store.clone(), self.rules.tenant);
        let (known, live) =
            blocking(move || Ok::<_, SyncError>((store.groups()?, store.live_set(tenant)?)))
                .await?;
        let known: BTreeMap<ObjectKey, DirectoryGroup> =
            known.into_iter().map(|group| (group.key, group)).collect();
        let is_whole = live
            .as_ref()
            .is_some_and(|live| live.fingerprint == read::whole_fingerprint(&self.rules));
        let session = self.graph.session();
        let mut rows = Rows::default();
        let select = format!("{GROUP_SELECT},members");
        let mut pager = match live.filter(|_| is_whole) {
            Some(live) => {
                let store = self.store.clone();
                rows.counts = blocking(move || store.member_counts(live.id)).await?;
                let query = [("$select", GROUP_SELECT), ("$top", "999")];
                Pager::list(&session, session.url(&["groups"], &query), "groups")
            }
            None => {
                let query = [("$select", select.as_str())];
                Pager::delta(
                    &session,
                    session.url(&["groups", "delta"], &query),
                    "groups",
                )
            }
        };
        while let Some(page) = pager.next_page().await? {
            rows.take(&page, &select, !is_whole);
        }
        Ok(rows.finish(|object| {
            known.get(&ObjectKey {
                tenant: self.rules.tenant,
                object,
            })
        }))
    }
}

/// What has come so far.
#[derive(Default)]
struct Rows {
    groups: BTreeMap<ObjectId, (String, GroupKind)>,
    counts: BTreeMap<ObjectId, MemberCounts>,
}

impl Rows {
    fn take(&mut self, page: &Page, select: &str, counting: bool) {
        for (position, element) in page.elements.iter().enumerate() {
            if counting && let RawElement::Object(group) = raw_element(element, select) {
                let counts = self.counts.entry(group.id).or_default();
                for member in group.members.iter().filter(|member| !member.removed) {
                    match member.kind {
                        MemberKind::User => counts.users += 1,
                        MemberKind::Group => counts.groups += 1,
                    }
                }
            }
            match group_change(element) {
                GroupChange::Seen(group, _) => {
                    let row = (plan::cleaned(&group.display_name), GroupKind::of(&group));
                    self.groups.insert(group.id, row);
                }
                GroupChange::Fault(fault) => tracing::warn!(
                    page = page.label,
                    position,
                    label = fault.label,
                    reason = fault.reason,
                    "a group of the tenant can't be read"
                ),
                GroupChange::Removed(id) => {
                    self.groups.remove(&id);
                }
                GroupChange::Slice(..) => {}
            }
        }
    }

    fn finish<'a>(self, known: impl Fn(ObjectId) -> Option<&'a DirectoryGroup>) -> Vec<GroupRow> {
        let Self { groups, counts } = self;
        let mut rows: Vec<GroupRow> = groups
            .into_iter()
            .map(|(object, (display_name, kind))| {
                if let Some(imported) = known(object) {
                    return imported.row();
                }
                // A group of which nothing is told has no members.
                let counts = counts.get(&object).copied().unwrap_or_default();
                GroupRow {
                    name: String::new(),
                    display_name,
                    gid: None,
                    kind: kind.word().to_owned(),
                    direct_users: Some(counts.users),
                    direct_groups: Some(counts.groups),
                    users: None,
                    imported: false,
                    object_id: object.to_string(),
                }
            })
            .collect();
        rows.sort_by_key(|row| (row.display_name.to_lowercase(), row.object_id.clone()));
        rows
    }
}
