//! Finding things in a tenant, and walking its memberships. Changes nothing.

use std::collections::BTreeSet;

use super::{Domain, Place, Tenant};
use crate::state::app::App;
use crate::state::group::Group;
use crate::state::user::{Presence, User};

impl Tenant {
    /// Whether this is the tenant of that id or domain.
    pub(crate) fn answers_to(&self, name: &str) -> bool {
        self.id.eq_ignore_ascii_case(name) || self.domain(name).is_some()
    }

    /// A verified domain by name.
    pub(crate) fn domain(&self, name: &str) -> Option<&Domain> {
        self.domains
            .iter()
            .find(|domain| domain.name.eq_ignore_ascii_case(name))
    }

    /// A registration by client id.
    pub(crate) fn app(&self, client_id: &str) -> Option<&App> {
        self.apps
            .iter()
            .find(|app| app.client_id.eq_ignore_ascii_case(client_id))
    }

    /// All users ever, in the order of their creation.
    pub(crate) fn users(&self) -> &[User] {
        &self.users
    }

    /// All groups ever, in the order of their creation.
    pub(crate) fn groups(&self) -> &[Group] {
        &self.groups
    }

    /// A user that is not gone for good, by id or UPN.
    pub(crate) fn any_user(&self, key: &str) -> Option<&User> {
        self.live_user(key).or_else(|| {
            self.users
                .iter()
                .find(|user| user.presence != Presence::Gone && user.is_called(key))
        })
    }

    /// A live user by id or UPN.
    pub(crate) fn live_user(&self, key: &str) -> Option<&User> {
        if let Some(user) = self.user_by_id(key) {
            return Some(user).filter(|user| user.is_live());
        }
        self.users
            .iter()
            .find(|user| user.is_live() && user.upn().eq_ignore_ascii_case(key))
    }

    /// Any user ever, by exact object id.
    pub(crate) fn user_by_id(&self, id: &str) -> Option<&User> {
        match self.by_id.get(id)? {
            Place::User(place) => self.users.get(*place),
            Place::Group(_) => None,
        }
    }

    /// Any group ever, by exact object id.
    pub(crate) fn group_by_id(&self, id: &str) -> Option<&Group> {
        match self.by_id.get(id)? {
            Place::Group(place) => self.groups.get(*place),
            Place::User(_) => None,
        }
    }

    /// A live group by id.
    pub(crate) fn live_group(&self, id: &str) -> Option<&Group> {
        self.group_by_id(&id.to_ascii_lowercase())
            .filter(|group| group.is_live())
    }

    /// A group that is not gone, by id or by a display name only one has.
    pub(crate) fn any_group(&self, key: &str) -> Option<&Group> {
        let there = |group: &&Group| group.presence != Presence::Gone;
        if let Some(group) = self.group_by_id(&key.to_ascii_lowercase()).filter(there) {
            return Some(group);
        }
        let mut named = self
            .groups
            .iter()
            .filter(there)
            .filter(|group| group.name() == key);
        named.next().filter(|_| named.next().is_none())
    }

    /// All members of a group, through any depth, without the group itself
    /// unless a cycle leads back to it.
    pub(crate) fn transitive_members(&self, group: &str) -> BTreeSet<String> {
        let mut seen = BTreeSet::new();
        let mut open = vec![group.to_owned()];
        while let Some(next) = open.pop() {
            let Some(found) = self.group_by_id(&next).filter(|found| found.is_live()) else {
                continue;
            };
            for member in &found.members {
                if seen.insert(member.clone()) {
                    open.push(member.clone());
                }
            }
        }
        seen
    }

    /// The live groups that hold an object, directly or through any depth.
    pub(crate) fn groups_of(&self, object: &str, transitive: bool) -> Vec<&Group> {
        let mut found: BTreeSet<usize> = BTreeSet::new();
        let mut open = vec![object.to_owned()];
        while let Some(next) = open.pop() {
            for (place, group) in self.groups.iter().enumerate() {
                if group.is_live()
                    && group.members.contains(&next)
                    && found.insert(place)
                    && transitive
                {
                    open.push(group.id.clone());
                }
            }
        }
        found
            .into_iter()
            .filter_map(|place| self.groups.get(place))
            .collect()
    }
}
