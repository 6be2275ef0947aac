//! What another host's map means here, before any of it is used.
//!
//! An id that was used never moves: files carry it. So a row of the map is taken only where this host has
//! not used anything that stands against it; every difference is named all the same. Objects that are not
//! here are pinned for when they come. What gives way to a pinned id is an allocation that was never used
//! and that the map does not have; its object finds another id at the next import, by the same formula on
//! every host.
//!
//! Invariant: if every row but the conflicts is taken, no id has two objects, no object two ids, and no
//! used allocation is touched.

use std::collections::{BTreeMap, BTreeSet};

use entra_protocol::admin::IdChange;
use entra_snapshot::Id;

use super::IdRange;
use crate::identity::ObjectKey;
use crate::names::LocalAccounts;
use crate::store::{HeldId, IdMove};

/// A difference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The object.
    pub key: ObjectKey,
    /// What it means.
    pub change: IdChange,
    /// The map's id; `None` if the map does not have the object.
    pub map: Option<u32>,
    /// This host's id, if it has one.
    pub here: Option<u32>,
    /// Why, in a clause.
    pub reason: String,
}

/// A map beside this host's allocations.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Comparison {
    /// Rows that say what this host says.
    pub same: u64,
    /// All others, in the map's order, then what gives way.
    pub differences: Vec<Difference>,
}

/// Compares `map`, which names no object and no id twice, with what this host holds.
#[must_use]
pub fn compare(
    range: IdRange,
    map: &[(ObjectKey, u32)],
    here: &BTreeMap<ObjectKey, HeldId>,
    local: &LocalAccounts,
) -> Comparison {
    let holders: BTreeMap<u32, ObjectKey> =
        here.iter().map(|(key, held)| (held.id, *key)).collect();
    let mut comparison = Comparison::default();
    let mut taken = BTreeSet::new();
    let mut moved = BTreeSet::new();
    for (key, id) in map {
        let held = here.get(key);
        if held.is_some_and(|held| held.id == *id) {
            comparison.same += 1;
            continue;
        }
        let (change, reason) = match refusal(range, *key, *id, held, here, &holders, local) {
            Some(reason) => (IdChange::Conflict, reason),
            None if held.is_some() => (
                IdChange::Moved,
                "this host's id for it was never used".to_owned(),
            ),
            None => (IdChange::Pinned, "for when the object comes".to_owned()),
        };
        if change != IdChange::Conflict {
            taken.insert(*id);
            moved.insert(*key);
        }
        comparison.differences.push(Difference {
            key: *key,
            change,
            map: Some(*id),
            here: held.map(|held| held.id),
            reason,
        });
    }
    for id in &taken {
        let Some(key) = holders.get(id).filter(|key| !moved.contains(key)) else {
            continue;
        };
        comparison.differences.push(Difference {
            key: *key,
            change: IdChange::Freed,
            map: None,
            here: Some(*id),
            reason: "never used here and another object's in the map; the next import gives it a new one"
                .to_owned(),
        });
    }
    comparison
}

/// What makes the differences true, conflicts left out.
#[must_use]
pub fn moves(range: IdRange, differences: &[Difference]) -> Vec<IdMove> {
    differences
        .iter()
        .filter_map(|difference| match (difference.change, difference.map) {
            (IdChange::Pinned | IdChange::Moved, Some(id)) => Some(IdMove {
                key: difference.key,
                // Nothing is pinned about what the host would have given anyway.
                to: Some((id, (range.candidate(difference.key, 0) == id).then_some(0))),
            }),
            (IdChange::Freed, _) => Some(IdMove {
                key: difference.key,
                to: None,
            }),
            _ => None,
        })
        .collect()
}

/// Why the object can't have this id here.
fn refusal(
    range: IdRange,
    key: ObjectKey,
    id: u32,
    held: Option<&HeldId>,
    here: &BTreeMap<ObjectKey, HeldId>,
    holders: &BTreeMap<u32, ObjectKey>,
    local: &LocalAccounts,
) -> Option<String> {
    if let Some(held) = held.filter(|held| held.used) {
        return Some(format!(
            "the object has been here with the id {}, and files may carry it",
            held.id
        ));
    }
    if let Err(illegal) = Id::new(id) {
        return Some(format!("{id} can be nobody's: {}", illegal.reason));
    }
    if range.is_role_gid(id) {
        return Some(format!("{id} is a role group's on this host"));
    }
    if local.has_id(id) {
        return Some(format!("{id} is in /etc/passwd or /etc/group on this host"));
    }
    if let Some(file) = local.file_with_subordinate_id(id) {
        return Some(format!("{id} is in {file} on this host"));
    }
    let other = holders.get(&id).filter(|other| **other != key)?;
    here.get(other)
        .filter(|held| held.used)
        .map(|_| format!("{id} is in use here by the object {}", other.object))
}
