//! Decides what a whole round means for this host. Touches nothing: what goes in is what is known, what
//! comes out is what to write.
//!
//! `consider` settles which objects of the round count at all, `claims` what they ask for, this file who
//! gets it, `shrink` what stays although it is gone. Every object considered ends in exactly one of added,
//! changed, unchanged, failed and withheld.

mod claims;
mod consider;
mod shrink;

use std::collections::{BTreeMap, BTreeSet};

use entra_protocol::admin::{Counts, FailedObject, Withheld};
use entra_snapshot::Text;

use super::closure::Nesting;
use super::read::Reading;
use super::{Rules, SyncError};
use crate::graph::MemberKind;
use crate::identity::{ObjectId, ObjectKey};
use crate::names::{Assignment, LocalAccounts, NameFault, assign};
use crate::store::{Commit, Edge, Known, Membership, StagedRound};

use claims::{claims, homes, place};
use consider::{Considered, Entry, consider, failed};
use shrink::Guard;

pub use shrink::Removals;

/// What a decision is made from.
pub(super) struct Inputs<'a> {
    pub(super) rules: &'a Rules,
    pub(super) local: &'a LocalAccounts,
    pub(super) known: &'a Known,
    pub(super) staged: StagedRound,
    pub(super) reading: Reading,
    pub(super) removals: Removals,
}

/// What the summary says of it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Decision {
    pub(super) users: Counts,
    pub(super) groups: Counts,
    pub(super) memberships: u64,
    pub(super) withheld: Withheld,
    pub(super) remarks: Vec<String>,
}

/// Decides.
///
/// # Errors
/// [`SyncError::Empty`] if there is no user where there must be some.
pub(super) fn decide(inputs: Inputs<'_>) -> Result<(Decision, Commit), SyncError> {
    let Inputs {
        rules,
        local,
        known,
        mut staged,
        reading,
        removals,
    } = inputs;
    let key = |object| ObjectKey {
        tenant: rules.tenant,
        object,
    };
    let links = std::mem::take(&mut staged.links);
    let mut considered = consider(rules, known, staged, &reading);
    refuse_empty(&considered, &reading, known)?;
    let mut guard = Guard::keep_objects(removals, rules.tenant, known, &mut considered);

    let allocation = place(rules, known, local, &considered);
    let mut assignment = assign(claims(rules, &considered, &allocation), &known.names, local);
    let homes = homes(rules, known, &considered, &mut assignment);
    let mut closure = close(&mut considered);
    guard.keep_memberships(removals, rules.tenant, known, &mut considered, &mut closure);

    let mut decision = Decision {
        users: considered.failures_alone(MemberKind::User),
        groups: considered.failures_alone(MemberKind::Group),
        memberships: 0,
        withheld: Withheld::default(),
        remarks: std::mem::take(&mut considered.remarks),
    };
    for (object, entry) in &mut considered.users {
        let before = known.users.get(&key(*object));
        let name = named(&assignment, key(*object));
        entry.stored.name = name.as_ref().ok().cloned();
        if guard.users.contains(object) && name.is_ok() {
            decision.withheld.users += 1;
            continue;
        }
        let was = before.is_some_and(|known| known.name.is_some());
        let same = before.is_some_and(|known| {
            known.user == entry.stored.user && known.name == entry.stored.name
        });
        let failures = &mut considered.failures;
        count(
            &mut decision.users,
            failures,
            MemberKind::User,
            *object,
            entry,
            &name,
            was,
            same,
        );
    }
    let edges = by_parent(&considered.edges);
    for (object, entry) in &mut considered.groups {
        let before = known.groups.get(&key(*object));
        let name = named(&assignment, key(*object));
        entry.stored.name = name.as_ref().ok().cloned();
        if guard.groups.contains(object) && name.is_ok() {
            decision.withheld.groups += 1;
            continue;
        }
        let was = before.is_some_and(|known| known.name.is_some());
        let none = BTreeSet::new();
        let same = before.is_some_and(|known| {
            known.display_name == entry.stored.display_name
                && known.kind == entry.stored.kind
                && known.created_at == entry.stored.created_at
                && known.name == entry.stored.name
                && known.edges == *edges.get(object).unwrap_or(&none)
                && closure.get(object) == Some(&known.members)
        });
        let failures = &mut considered.failures;
        count(
            &mut decision.groups,
            failures,
            MemberKind::Group,
            *object,
            entry,
            &name,
            was,
            same,
        );
    }
    decision.users.removed = removed(
        known
            .users
            .iter()
            .filter(|(_, user)| user.name.is_some())
            .map(|(key, _)| key),
        |gone| gone.tenant == rules.tenant && considered.users.contains_key(&gone.object),
    );
    decision.groups.removed = removed(
        known
            .groups
            .iter()
            .filter(|(_, group)| group.name.is_some())
            .map(|(key, _)| key),
        |gone| gone.tenant == rules.tenant && considered.groups.contains_key(&gone.object),
    );
    let mut memberships = Vec::new();
    for (parent, members) in &closure {
        let here = named(&assignment, key(*parent)).is_ok();
        for member in members {
            memberships.push(Membership {
                member: *member,
                parent: *parent,
            });
            decision.memberships += u64::from(here && named(&assignment, key(*member)).is_ok());
        }
    }
    decision.withheld.memberships = guard.memberships;
    decision.remarks.extend(guard.remarks());
    let mut failures = considered.failures;
    failures.sort_by(|a, b| (&b.kind, &a.label).cmp(&(&a.kind, &b.label)));
    let commit = Commit {
        tenant: rules.tenant,
        ids: allocation.new,
        claimed: assignment.claimed,
        retired: assignment.retired,
        homes,
        users: considered
            .users
            .into_values()
            .map(|entry| entry.stored)
            .collect(),
        groups: considered
            .groups
            .into_values()
            .map(|entry| entry.stored)
            .collect(),
        edges: considered.edges,
        memberships,
        failures,
        links,
    };
    Ok((decision, commit))
}

/// A text of the tenant as it may stand in a row.
pub(super) fn cleaned(text: &str) -> String {
    Text::cleaned(text).as_str().to_owned()
}

/// A whole tenant has users, and a scope that had some does not lose all of them at once: revoked rights
/// and half-done migrations look like that (lessons.md), people leaving do not.
fn refuse_empty(
    considered: &Considered,
    reading: &Reading,
    known: &Known,
) -> Result<(), SyncError> {
    let had_some = known.users.values().any(|user| user.name.is_some());
    if considered.users.is_empty() && (reading.whole || had_some) {
        return Err(SyncError::Empty {
            guests: considered.guests,
        });
    }
    Ok(())
}

/// The closure of every group that counts, joined with the users that count: users who were deleted
/// softly stay members for the tenant (entra-facts §0.7). Then edges to others are dropped.
fn close(considered: &mut Considered) -> BTreeMap<ObjectId, BTreeSet<ObjectId>> {
    let nesting = Nesting::new(&considered.edges);
    let mut circular = Vec::new();
    let mut closure = BTreeMap::new();
    for (object, group) in &considered.groups {
        let mut reached = nesting.reach(*object);
        reached
            .users
            .retain(|user| considered.users.contains_key(user));
        if reached.circular {
            circular.push(group.label.as_str());
        }
        closure.insert(*object, reached.users);
    }
    if !circular.is_empty() {
        considered.remarks.push(format!(
            "groups that contain themselves, which is harmless: {}",
            listed(circular)
        ));
    }
    considered.edges.retain(|edge| {
        considered.groups.contains_key(&edge.parent)
            && match edge.kind {
                MemberKind::User => considered.users.contains_key(&edge.member),
                MemberKind::Group => considered.groups.contains_key(&edge.member),
            }
    });
    closure
}

/// Names in a remark, in order; the first of them if there are many.
fn listed(mut names: Vec<&str>) -> String {
    names.sort_unstable();
    let more = names.len().saturating_sub(SHOWN_MAX);
    names.truncate(SHOWN_MAX);
    let mut list = names.join(", ");
    if more > 0 {
        list.push_str(&format!(" and {more} more"));
    }
    list
}

fn by_parent(edges: &[Edge]) -> BTreeMap<ObjectId, BTreeSet<Edge>> {
    let mut lists: BTreeMap<ObjectId, BTreeSet<Edge>> = BTreeMap::new();
    for edge in edges {
        lists.entry(edge.parent).or_default().insert(*edge);
    }
    lists
}

/// The object's name, or why it has none.
fn named(assignment: &Assignment, key: ObjectKey) -> Result<String, NameFault> {
    match assignment.names.get(&key) {
        Some(Ok(name)) => Ok(name.as_str().to_owned()),
        Some(Err(fault)) => Err(fault.clone()),
        // Every considered object made a claim.
        None => Err(NameFault {
            reason: "it asked for no name".to_owned(),
            cure: String::new(),
        }),
    }
}

/// Puts the object into the one count that it belongs to.
#[expect(
    clippy::too_many_arguments,
    reason = "one call for users, one for groups, nothing to group"
)]
fn count<T>(
    counts: &mut Counts,
    failures: &mut Vec<FailedObject>,
    kind: MemberKind,
    object: ObjectId,
    entry: &Entry<T>,
    name: &Result<String, NameFault>,
    was_here: bool,
    is_same: bool,
) {
    if let Some(fault) = entry.unread.as_ref().or(name.as_ref().err()) {
        counts.failed += 1;
        failures.push(failed(kind, &object.to_string(), &entry.label, fault));
    } else if !was_here {
        counts.added += 1;
    } else if is_same {
        counts.unchanged += 1;
    } else {
        counts.changed += 1;
    }
}

fn removed<'a>(
    known: impl Iterator<Item = &'a ObjectKey>,
    stays: impl Fn(&ObjectKey) -> bool,
) -> u64 {
    known.filter(|key| !stays(key)).fold(0, |sum, _| sum + 1)
}

/// Objects that a remark names; the others are counted.
const SHOWN_MAX: usize = 5;

#[cfg(test)]
mod tests;
