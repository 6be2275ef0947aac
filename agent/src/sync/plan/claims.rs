//! What the objects that count ask for: an id, a name, a home.
//!
//! Ids are settled first, since who finds none asks for no name; homes last, since they are made of names.
//! Nothing that an object has already is ever asked for again.

use std::collections::BTreeSet;

use super::super::Rules;
use super::consider::{Considered, Entry};
use crate::graph::MemberKind;
use crate::identity::{ObjectId, ObjectKey};
use crate::ids::{Allocation, allocate};
use crate::names::{Assignment, Claim, LocalAccounts, NameFault};
use crate::publish::home_of;
use crate::store::Known;

/// Ids for those that have none: the oldest object first, also for objects whose row fails.
pub(super) fn place(
    rules: &Rules,
    known: &Known,
    local: &LocalAccounts,
    considered: &Considered,
) -> Allocation {
    let users = considered
        .users
        .iter()
        .map(|(object, entry)| (entry.created_at, *object));
    let groups = considered
        .groups
        .iter()
        .map(|(object, entry)| (entry.created_at, *object));
    let mut order: Vec<_> = users.chain(groups).collect();
    order.sort_unstable();
    let objects: Vec<ObjectKey> = order
        .into_iter()
        .map(|(_, object)| ObjectKey {
            tenant: rules.tenant,
            object,
        })
        .collect();
    allocate(rules.range, &objects, &known.ids, local)
}

/// What every object that counts asks for.
pub(super) fn claims(
    rules: &Rules,
    considered: &Considered,
    allocation: &Allocation,
) -> Vec<Claim> {
    let mut claims = Vec::with_capacity(considered.users.len() + considered.groups.len());
    for (object, entry) in &considered.users {
        claims.push(claim(rules, MemberKind::User, *object, entry, allocation));
    }
    for (object, entry) in &considered.groups {
        claims.push(claim(rules, MemberKind::Group, *object, entry, allocation));
    }
    claims
}

fn claim<T>(
    rules: &Rules,
    kind: MemberKind,
    object: ObjectId,
    entry: &Entry<T>,
    allocation: &Allocation,
) -> Claim {
    let key = ObjectKey {
        tenant: rules.tenant,
        object,
    };
    let candidate = if allocation.unplaced.contains(&key) {
        Err(NameFault {
            reason: "there is no free id left in the range of [ids]".to_owned(),
            cure: "ask the developers how to add a range: the present one must not move".to_owned(),
        })
    } else {
        entry.candidate.clone()
    };
    Claim {
        key,
        kind,
        label: entry.label.clone(),
        created_at: entry.created_at,
        candidate,
    }
}

/// Homes for the named who have none yet. Who can't have one loses the name's use, not the name.
pub(super) fn homes(
    rules: &Rules,
    known: &Known,
    considered: &Considered,
    assignment: &mut Assignment,
) -> Vec<(ObjectKey, String)> {
    let mut taken: BTreeSet<String> = known.homes.values().cloned().collect();
    let mut homes = Vec::new();
    for object in considered.users.keys() {
        let key = ObjectKey {
            tenant: rules.tenant,
            object: *object,
        };
        if known.homes.contains_key(&key) {
            continue;
        }
        let Some(outcome) = assignment.names.get_mut(&key) else {
            continue;
        };
        let Ok(name) = outcome else { continue };
        let cure = "correct [homes] in agent.toml".to_owned();
        match home_of(name, &rules.homes) {
            Ok(home) if taken.insert(home.as_str().to_owned()) => {
                homes.push((key, home.as_str().to_owned()));
            }
            Ok(home) => {
                let reason = format!("the home {} is another object's", home.as_str());
                *outcome = Err(NameFault { reason, cure });
            }
            Err(fault) => {
                *outcome = Err(NameFault {
                    reason: fault.reason,
                    cure,
                })
            }
        }
    }
    homes
}
