//! The shrink guard: what a run does not take away at once (design.md §6).
//!
//! A half-done migration, a wrong filter or a right that was narrowed look like people leaving, only that
//! they leave all at once. So a run that would remove too many users, groups or memberships removes none
//! of that kind. What is held back stays as it was known: id, name, home, groups. Everything else of the
//! run counts: additions, changes, and `accountEnabled: false` also for those held back.
//!
//! Invariant: a guarded run grants nothing. A membership that it leaves is one that the host had before
//! or that the tenant's answer gives; never one that only both together would make, such as a newcomer's
//! in a group that no longer holds theirs.
//!
//! The guard compares with the directory, not with the last answer: what was held back is counted again
//! by the next run. Objects of another tenant are not its matter: another tenant in agent.toml is nobody's
//! slip, and all that the old one had goes.

use std::collections::{BTreeMap, BTreeSet};

use super::consider::{Considered, known_group, known_user};
use super::listed;
use crate::graph::MemberKind;
use crate::identity::{ObjectId, ObjectKey, TenantId};
use crate::names::NameFault;
use crate::store::{Edge, Known, KnownGroup, KnownUser};

/// Removals of one kind that go through at once whatever their share: a team of five that leaves a small
/// host is daily life, and an operator who is asked each time stops reading.
const FREE_REMOVALS: u64 = 5;

/// The share of a kind, in percent, that may go at once. Staff turnover is some two percent a month; what
/// takes away a tenth between two runs is more often a mistake than news.
const SHARE_PERCENT: u64 = 10;

/// Whether a run may take away as much as it wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Removals {
    /// Too many at once are held back.
    Guarded,
    /// Somebody has looked and wants them: everything goes, for this run.
    Accepted,
}

/// What was held back.
#[derive(Debug, Default)]
pub(super) struct Guard {
    pub(super) users: BTreeSet<ObjectId>,
    pub(super) groups: BTreeSet<ObjectId>,
    /// User-in-group pairs, beside those of the users and groups above.
    pub(super) memberships: u64,
    remarks: Vec<String>,
}

impl Guard {
    /// Puts users and groups back among those that count, if too many of them are missing.
    pub(super) fn keep_objects(
        removals: Removals,
        tenant: TenantId,
        known: &Known,
        considered: &mut Considered,
    ) -> Self {
        let mut guard = Self::default();
        if removals == Removals::Accepted {
            return guard;
        }
        let lost = |name: &str| NameFault {
            reason: format!("the name \"{name}\" can't be kept"),
            cure: "import with --accept-removals".to_owned(),
        };
        let users = users_of(tenant, known);
        let gone: Vec<_> = users
            .iter()
            .filter(|(object, _)| !considered.users.contains_key(object))
            .collect();
        if is_too_much(gone.len(), users.len()) {
            let names = gone.iter().filter_map(|(_, user)| user.name.as_deref());
            guard.remarks.push(format!(
                "{} of {} users are gone from the tenant or from the scope and were not removed: {}",
                gone.len(),
                users.len(),
                listed(names.collect())
            ));
            for (object, user) in gone {
                let fault = lost(user.name.as_deref().unwrap_or_default());
                let mut entry = known_user(user, &fault);
                entry.stored.withheld = true;
                entry.stored.user.enabled &= !considered.disabled_guests.contains(object);
                considered.users.insert(*object, entry);
                guard.users.insert(*object);
            }
        }
        let groups = groups_of(tenant, known);
        let gone: Vec<_> = groups
            .iter()
            .filter(|(object, _)| !considered.groups.contains_key(object))
            .collect();
        if is_too_much(gone.len(), groups.len()) {
            let names = gone.iter().filter_map(|(_, group)| group.name.as_deref());
            guard.remarks.push(format!(
                "{} of {} groups are gone from the tenant or from the scope and were not removed: {}",
                gone.len(),
                groups.len(),
                listed(names.collect())
            ));
            for (object, group) in gone {
                let fault = lost(group.name.as_deref().unwrap_or_default());
                considered
                    .groups
                    .insert(*object, known_group(*object, group, &fault));
                guard.groups.insert(*object);
            }
        }
        guard
    }

    /// Puts back what those users and groups took part in, then the memberships of the others, if too
    /// many of them are missing. `closure` is that of the tenant's answer.
    pub(super) fn keep_memberships(
        &mut self,
        removals: Removals,
        tenant: TenantId,
        known: &Known,
        considered: &mut Considered,
        closure: &mut BTreeMap<ObjectId, BTreeSet<ObjectId>>,
    ) {
        if removals == Removals::Accepted {
            return;
        }
        let all = known.groups.iter().filter(|(key, _)| key.tenant == tenant);
        let before: BTreeMap<ObjectId, &KnownGroup> =
            all.map(|(key, group)| (key.object, group)).collect();
        self.keep_places(&before, considered, closure);

        let named_users = users_of(tenant, known);
        let (mut gone, mut of) = (0_usize, 0_usize);
        for (object, group) in groups_of(tenant, known) {
            let now = closure.get(&object);
            for member in &group.members {
                if !named_users.contains_key(member) {
                    continue;
                }
                of += 1;
                let both_stay = now.is_some() && considered.users.contains_key(member);
                gone += usize::from(both_stay && !now.is_some_and(|now| now.contains(member)));
            }
        }
        let too_much = is_too_much(gone, of);
        if too_much {
            self.memberships = u64::try_from(gone).unwrap_or(u64::MAX);
            self.remarks.push(format!(
                "{gone} of {of} memberships are gone from the tenant and were not removed"
            ));
            for (object, group) in &before {
                let Some(now) = closure.get_mut(object) else {
                    continue;
                };
                let stay = |user: &&ObjectId| considered.users.contains_key(user);
                now.extend(group.members.iter().filter(stay));
            }
        }
        self.keep_edges(&before, too_much, considered);
    }

    /// What is said about it, the cure last.
    pub(super) fn remarks(self) -> Vec<String> {
        let mut remarks = self.remarks;
        if !remarks.is_empty() {
            remarks.push(
                "if they are meant to go, repeat this import with --accept-removals".to_owned(),
            );
        }
        remarks
    }

    /// The members of groups held back, in them and in the groups that hold those, and the groups of users
    /// held back: as before.
    fn keep_places(
        &self,
        before: &BTreeMap<ObjectId, &KnownGroup>,
        considered: &Considered,
        closure: &mut BTreeMap<ObjectId, BTreeSet<ObjectId>>,
    ) {
        let here = |user: &&ObjectId| considered.users.contains_key(user);
        let mut holders: BTreeMap<ObjectId, Vec<ObjectId>> = BTreeMap::new();
        for edge in before.values().flat_map(|group| &group.edges) {
            if edge.kind == MemberKind::Group {
                holders.entry(edge.member).or_default().push(edge.parent);
            }
        }
        for object in &self.groups {
            let Some(group) = before.get(object) else {
                continue;
            };
            // Not what the answer still says of it: a group held back neither grows nor shrinks.
            closure.insert(
                *object,
                group.members.iter().filter(here).copied().collect(),
            );
            let mut visited = BTreeSet::from([*object]);
            let mut waiting = vec![*object];
            while let Some(inner) = waiting.pop() {
                for holder in holders.get(&inner).into_iter().flatten() {
                    if !visited.insert(*holder) {
                        continue;
                    }
                    waiting.push(*holder);
                    if let (Some(was), Some(now)) = (before.get(holder), closure.get_mut(holder)) {
                        now.extend(group.members.intersection(&was.members).filter(here));
                    }
                }
            }
        }
        for (object, group) in before {
            if let Some(now) = closure.get_mut(object) {
                now.extend(group.members.intersection(&self.users));
            }
        }
    }

    /// The direct members that belong to what was kept, as far as both ends are still here.
    fn keep_edges(
        &self,
        before: &BTreeMap<ObjectId, &KnownGroup>,
        all: bool,
        considered: &mut Considered,
    ) {
        considered
            .edges
            .retain(|edge| !self.groups.contains(&edge.parent));
        let mut edges: BTreeMap<(ObjectId, ObjectId), Edge> = considered
            .edges
            .drain(..)
            .map(|edge| ((edge.parent, edge.member), edge))
            .collect();
        for edge in before.values().flat_map(|group| &group.edges) {
            let (member_stays, member_kept) = match edge.kind {
                MemberKind::User => (
                    considered.users.contains_key(&edge.member),
                    self.users.contains(&edge.member),
                ),
                MemberKind::Group => (
                    considered.groups.contains_key(&edge.member),
                    self.groups.contains(&edge.member),
                ),
            };
            let kept = all || member_kept || self.groups.contains(&edge.parent);
            if kept && member_stays && considered.groups.contains_key(&edge.parent) {
                edges.entry((edge.parent, edge.member)).or_insert(*edge);
            }
        }
        considered.edges = edges.into_values().collect();
    }
}

/// Users that this host shows, by object id: a row that failed is nobody's loss.
fn users_of(tenant: TenantId, known: &Known) -> BTreeMap<ObjectId, &KnownUser> {
    named(tenant, &known.users, |user| user.name.is_some())
}

fn groups_of(tenant: TenantId, known: &Known) -> BTreeMap<ObjectId, &KnownGroup> {
    named(tenant, &known.groups, |group| group.name.is_some())
}

fn named<T>(
    tenant: TenantId,
    known: &BTreeMap<ObjectKey, T>,
    is_named: impl Fn(&T) -> bool,
) -> BTreeMap<ObjectId, &T> {
    known
        .iter()
        .filter(|(key, object)| key.tenant == tenant && is_named(object))
        .map(|(key, object)| (key.object, object))
        .collect()
}

fn is_too_much(gone: usize, of: usize) -> bool {
    let gone = u64::try_from(gone).unwrap_or(u64::MAX);
    let of = u64::try_from(of).unwrap_or(u64::MAX);
    gone > FREE_REMOVALS && gone.saturating_mul(100) > of.saturating_mul(SHARE_PERCENT)
}

#[cfg(test)]
mod tests;
