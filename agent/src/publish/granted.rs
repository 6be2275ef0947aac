//! What `[[access]]` comes to in each record, so that the module can refuse with the agent dead.

use std::collections::BTreeMap;
use std::convert::Infallible;

use entra_snapshot::NO_SERVICE;

use crate::config::{Access, Services};
use crate::identity::ObjectKey;
use crate::store::{PublishedGroup, PublishedPerson};

/// The groups that grant something, as far as they are published.
pub(super) struct Granted<'a> {
    access: &'a Access,
    gids: BTreeMap<ObjectKey, Option<u32>>,
}

impl<'a> Granted<'a> {
    pub(super) fn new(access: &'a Access) -> Self {
        let gids = access.groups().map(|group| (*group, None)).collect();
        Self { access, gids }
    }

    /// This group is in the snapshot.
    pub(super) fn published(&mut self, group: &PublishedGroup) {
        if let Some(gid) = self.gids.get_mut(&group.key) {
            *gid = group.gid;
        }
    }

    /// For the record (`Account::services`).
    pub(super) fn services_of(&self, person: &PublishedPerson) -> Vec<String> {
        let services = self.access.services(&person.key, person.role, |group| {
            let gid = self.gids.get(group).copied().flatten();
            Ok::<_, Infallible>(gid.is_some_and(|gid| person.gids.contains(&gid)))
        });
        match services {
            Ok(Services::All) => Vec::new(),
            Ok(Services::Only(services)) if services.is_empty() => vec![NO_SERVICE.to_owned()],
            Ok(Services::Only(services)) => services.into_iter().collect(),
        }
    }
}
