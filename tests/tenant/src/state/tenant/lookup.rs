//! Finding things in a tenant, and walking its memberships. Changes nothing.
//!
//! What is found is borrowed, or a synthetic object made up for the occasion.

use std::borrow::Cow;
use std::collections::BTreeSet;

use super::{Domain, Place, SYNTHETIC, Tenant};
use crate::state::app::App;
use crate::state::group::Group;
use crate::state::synthetic::Number;
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
            .find(|app| app.has_principal() && app.client_id.eq_ignore_ascii_case(client_id))
    }

    /// Length of the list of all users ever, of which some places are empty.
    pub(crate) fn user_count(&self) -> usize {
        self.synthetic.as_ref().map_or(0, |all| all.users) + self.users.len()
    }

    /// Length of the list of all groups ever.
    pub(crate) fn group_count(&self) -> usize {
        self.synthetic.as_ref().map_or(0, |all| all.groups) + self.groups.len()
    }

    /// The user at a place in the list of all: synthetic ones first, then the
    /// others in the order of their creation.
    pub(crate) fn nth_user(&self, nth: usize) -> Option<Cow<'_, User>> {
        let synthetic = self.synthetic.as_ref().map_or(0, |all| all.users);
        match nth.checked_sub(synthetic) {
            None => self.user_at(SYNTHETIC + nth),
            // One that was written down has its place among the synthetic ones.
            Some(nth) => self.user_at(nth).filter(|user| user.number.is_none()),
        }
    }

    /// The group at a place in the list of all.
    pub(crate) fn nth_group(&self, nth: usize) -> Option<Cow<'_, Group>> {
        let synthetic = self.synthetic.as_ref().map_or(0, |all| all.groups);
        match nth.checked_sub(synthetic) {
            None => self.group_at(SYNTHETIC + nth),
            Some(nth) => self.group_at(nth).filter(|group| group.number.is_none()),
        }
    }

    /// Where an object is in the list of all of its kind.
    pub(crate) fn nth(&self, place: Place) -> usize {
        let (place, synthetic) = match place {
            Place::User(place) => (place, self.synthetic.as_ref().map_or(0, |all| all.users)),
            Place::Group(place) => (place, self.synthetic.as_ref().map_or(0, |all| all.groups)),
        };
        place
            .checked_sub(SYNTHETIC)
            .unwrap_or_else(|| place.saturating_add(synthetic))
    }

    /// The id of a synthetic user.
    pub(crate) fn synthetic_user(&self, number: usize) -> Option<String> {
        let all = self.synthetic.as_ref()?;
        (number < all.users).then(|| all.id(Number::User(number)))
    }

    /// All users ever.
    pub(crate) fn users(&self) -> impl Iterator<Item = Cow<'_, User>> {
        (0..self.user_count()).filter_map(|nth| self.nth_user(nth))
    }

    /// All groups ever.
    pub(crate) fn groups(&self) -> impl Iterator<Item = Cow<'_, Group>> {
        (0..self.group_count()).filter_map(|nth| self.nth_group(nth))
    }

    /// Where the object of an exact id is.
    pub(crate) fn place_of(&self, id: &str) -> Option<Place> {
        if let Some(place) = self.by_id.get(id) {
            return Some(*place);
        }
        match self.synthetic.as_ref()?.number_of(id)? {
            Number::User(number) => Some(Place::User(SYNTHETIC + number)),
            Number::Group(number) => Some(Place::Group(SYNTHETIC + number)),
        }
    }

    /// The user at a place.
    pub(crate) fn user_at(&self, place: usize) -> Option<Cow<'_, User>> {
        let Some(number) = place.checked_sub(SYNTHETIC) else {
            return self.users.get(place).map(Cow::Borrowed);
        };
        match self.written_users.get(&number) {
            Some(written) => self.users.get(*written).map(Cow::Borrowed),
            None => self.synthetic.as_ref()?.user(number).map(Cow::Owned),
        }
    }

    /// The group at a place.
    pub(crate) fn group_at(&self, place: usize) -> Option<Cow<'_, Group>> {
        let Some(number) = place.checked_sub(SYNTHETIC) else {
            return self.groups.get(place).map(Cow::Borrowed);
        };
        match self.written_groups.get(&number) {
            Some(written) => self.groups.get(*written).map(Cow::Borrowed),
            None => self.synthetic.as_ref()?.group(number).map(Cow::Owned),
        }
    }

    /// A user that is not gone for good, by id or UPN.
    pub(crate) fn any_user(&self, key: &str) -> Option<Cow<'_, User>> {
        self.live_user(key).or_else(|| {
            let there = |user: &User| user.presence != Presence::Gone;
            if let Some(user) = self.user_by_id(&key.to_ascii_lowercase()) {
                return Some(user).filter(|user| there(user));
            }
            // Of several that are in the recycle bin under a name, the newest.
            let mut named = self.users.iter().rev();
            named
                .find(|user| there(user) && user.is_called(key))
                .map(Cow::Borrowed)
        })
    }

    /// A live user by id or UPN.
    pub(crate) fn live_user(&self, key: &str) -> Option<Cow<'_, User>> {
        if let Some(user) = self.user_by_id(&key.to_ascii_lowercase()) {
            return Some(user).filter(|user| user.is_live());
        }
        let written = self
            .users
            .iter()
            .find(|user| user.is_live() && user.upn().eq_ignore_ascii_case(key));
        written.map(Cow::Borrowed).or_else(|| {
            let number = self.synthetic.as_ref()?.user_called(key)?;
            match self.written_users.contains_key(&number) {
                true => None,
                false => self.user_at(SYNTHETIC + number),
            }
        })
    }

    /// Any user ever, by exact object id.
    pub(crate) fn user_by_id(&self, id: &str) -> Option<Cow<'_, User>> {
        match self.place_of(id)? {
            Place::User(place) => self.user_at(place),
            Place::Group(_) => None,
        }
    }

    /// Any group ever, by exact object id.
    pub(crate) fn group_by_id(&self, id: &str) -> Option<Cow<'_, Group>> {
        match self.place_of(id)? {
            Place::Group(place) => self.group_at(place),
            Place::User(_) => None,
        }
    }

    /// The type of a member: `user`, `group`, or what it was added as.
    pub(crate) fn member_type(&self, id: &str) -> &str {
        match (self.place_of(id), self.others.get(id)) {
            (Some(Place::Group(_)), _) => "group",
            (None, Some(other)) => other,
            _ => "user",
        }
    }

    /// Whether an id is a group's.
    pub(crate) fn is_group(&self, id: &str) -> bool {
        matches!(self.place_of(id), Some(Place::Group(_)))
    }

    /// A live group by id.
    pub(crate) fn live_group(&self, id: &str) -> Option<Cow<'_, Group>> {
        self.group_by_id(&id.to_ascii_lowercase())
            .filter(|group| group.is_live())
    }

    /// A group that is not gone, by id or by a display name only one has.
    pub(crate) fn any_group(&self, key: &str) -> Option<Cow<'_, Group>> {
        if let Some(group) = self.group_by_id(&key.to_ascii_lowercase()) {
            return Some(group).filter(|group| group.presence != Presence::Gone);
        }
        let written = self
            .groups
            .iter()
            .filter(|group| group.presence != Presence::Gone && group.name() == key)
            .map(Cow::Borrowed);
        let number = self
            .synthetic
            .as_ref()
            .and_then(|all| all.group_called(key));
        let computed = number
            .filter(|number| !self.written_groups.contains_key(number))
            .and_then(|number| self.group_at(SYNTHETIC + number));
        let mut named = written.chain(computed);
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
            for member in found.members.all() {
                if seen.insert(member.clone()) && self.is_group(&member) {
                    open.push(member);
                }
            }
        }
        seen
    }

    /// Places of the groups that hold an object directly, deleted ones too.
    pub(crate) fn holders(&self, id: &str) -> Vec<usize> {
        let written = self.groups.iter().enumerate();
        let written = written.filter(|(_, group)| group.members.contains(id));
        let mut holders: Vec<usize> = written
            .map(|(place, group)| group.number.map_or(place, |number| SYNTHETIC + number))
            .collect();
        if let Some(all) = &self.synthetic {
            let numbers = all.number_of(id).map(|number| all.holders(number));
            let computed = numbers.unwrap_or_default().into_iter();
            let computed = computed.filter(|number| !self.written_groups.contains_key(number));
            holders.extend(computed.map(|number| SYNTHETIC + number));
        }
        holders
    }

    /// The live groups that hold an object, directly or through any depth.
    pub(crate) fn groups_of(&self, object: &str, transitive: bool) -> Vec<Cow<'_, Group>> {
        let mut found: BTreeSet<usize> = BTreeSet::new();
        let mut open = vec![object.to_owned()];
        while let Some(next) = open.pop() {
            for place in self.holders(&next) {
                let Some(group) = self.group_at(place).filter(|group| group.is_live()) else {
                    continue;
                };
                if found.insert(place) && transitive {
                    open.push(group.id.clone());
                }
            }
        }
        found
            .into_iter()
            .filter_map(|place| self.group_at(place))
            .collect()
    }
}
