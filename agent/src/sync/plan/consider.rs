//! Which objects of a round count, and what they ask for.
//!
//! Guests, groups that are not security groups and groups with hidden membership don't count, and a
//! remark says how many there were; unless somebody asked for one of them by name: that is a failed row.
//! Groups that don't count still pass their members on to groups that hold them.
//!
//! An object that can't be *read* this time but is known from before stays as it was: a bad answer takes
//! nothing away. It is a failed row all the same.

use std::collections::{BTreeMap, BTreeSet};

use entra_protocol::admin::{Counts, FailedObject};
use entra_snapshot::Name;

use super::super::Rules;
use super::super::read::Reading;
use super::cleaned;
use crate::clock::UnixSeconds;
use crate::graph::{GroupObject, MemberKind, UserObject};
use crate::identity::{ObjectId, ObjectKey};
use crate::names::{NameFault, group_name, user_name};
use crate::store::{
    Edge, GroupKind, Known, KnownGroup, KnownUser, StagedFault, StagedRound, StoredGroup,
    StoredUser,
};

/// The objects that count.
#[derive(Default)]
pub(super) struct Considered {
    pub(super) users: BTreeMap<ObjectId, Entry<StoredUser>>,
    pub(super) groups: BTreeMap<ObjectId, Entry<StoredGroup>>,
    /// Direct members of all groups, also of those that don't count.
    pub(super) edges: Vec<Edge>,
    /// Rows that failed before any name was asked for.
    pub(super) failures: Vec<FailedObject>,
    pub(super) remarks: Vec<String>,
    /// Guests among the round's users.
    pub(super) guests: u64,
    /// Those of them whose account is disabled: that counts also where the guard keeps them.
    pub(super) disabled_guests: BTreeSet<ObjectId>,
}

/// An object and what it asks for; `stored` has no name yet.
pub(super) struct Entry<T> {
    pub(super) stored: T,
    pub(super) created_at: Option<UnixSeconds>,
    /// What the tenant calls it.
    pub(super) label: String,
    pub(super) candidate: Result<Name, NameFault>,
    /// Set if the object could not be read and the known one stands in for it.
    pub(super) unread: Option<NameFault>,
}

impl Considered {
    /// Counts that hold only the rows that failed before any name was asked for.
    pub(super) fn failures_alone(&self, kind: MemberKind) -> Counts {
        let failed = self
            .failures
            .iter()
            .filter(|failure| failure.kind == kind.word());
        Counts {
            failed: failed.fold(0, |sum, _| sum + 1),
            ..Counts::default()
        }
    }
}

pub(super) fn consider(
    rules: &Rules,
    known: &Known,
    staged: StagedRound,
    reading: &Reading,
) -> Considered {
    let mut considered = Considered {
        failures: reading.missing.clone(),
        edges: staged.edges,
        ..Considered::default()
    };
    let present: BTreeSet<ObjectId> = staged
        .groups
        .iter()
        .map(|group| group.id)
        .chain(
            staged
                .faults
                .iter()
                .filter_map(|staged| staged.fault.object),
        )
        .collect();
    take_users(&mut considered, rules, staged.users, reading);
    take_groups(&mut considered, rules, staged.groups, reading);
    for fault in staged.faults {
        take_fault(&mut considered, rules, known, &fault);
    }
    // Slices of members of a group that never came itself.
    let orphans: BTreeSet<ObjectId> = considered
        .edges
        .iter()
        .map(|edge| edge.parent)
        .filter(|parent| !present.contains(parent))
        .collect();
    for object in orphans {
        let fault = crate::graph::Fault {
            object: Some(object),
            label: object.to_string(),
            reason: "displayName: missing".to_owned(),
        };
        let place = "groups".to_owned();
        take_fault(
            &mut considered,
            rules,
            known,
            &StagedFault {
                kind: MemberKind::Group,
                place,
                fault,
            },
        );
    }
    considered
}

fn take_users(
    considered: &mut Considered,
    rules: &Rules,
    users: Vec<UserObject>,
    reading: &Reading,
) {
    let mut left_out = 0_u64;
    for user in users {
        if user.is_guest() {
            considered.guests += 1;
            if !user.enabled {
                considered.disabled_guests.insert(user.id);
            }
            if reading.named.contains(&user.id) {
                let fault = fault(
                    "userType: Guest; guests are not imported",
                    "import the person's own account from their own tenant, or a member account",
                );
                let label = cleaned(&user.upn);
                let row = failed(MemberKind::User, &user.id.to_string(), &label, &fault);
                considered.failures.push(row);
            } else {
                left_out += 1;
            }
            continue;
        }
        considered.users.insert(user.id, user_entry(rules, user));
    }
    if left_out > 0 {
        let remark = counted(left_out, "guest was left out", "guests were left out");
        considered.remarks.push(remark);
    }
}

fn user_entry(rules: &Rules, user: UserObject) -> Entry<StoredUser> {
    Entry {
        created_at: user.created_at,
        label: cleaned(&user.upn),
        candidate: user_name(&user, &rules.names),
        unread: None,
        stored: StoredUser {
            user,
            name: None,
            withheld: false,
        },
    }
}

fn take_groups(
    considered: &mut Considered,
    rules: &Rules,
    groups: Vec<GroupObject>,
    reading: &Reading,
) {
    let (mut others, mut hidden) = (0_u64, 0_u64);
    for group in groups {
        let refused = if !group.security {
            Some((
                &mut others,
                "securityEnabled: false; only security groups are imported",
                "use a security group, or put the people into one",
            ))
        } else if group.hidden {
            Some((
                &mut hidden,
                "visibility: HiddenMembership; the snapshot can be read by everyone here",
                "use a group whose members may be seen",
            ))
        } else {
            None
        };
        let Some((counter, reason, cure)) = refused else {
            considered
                .groups
                .insert(group.id, group_entry(rules, &group));
            continue;
        };
        if reading.named.contains(&group.id) {
            let label = cleaned(&group.display_name);
            let fault = fault(reason, cure);
            let row = failed(MemberKind::Group, &group.id.to_string(), &label, &fault);
            considered.failures.push(row);
        } else {
            *counter += 1;
        }
    }
    for (count, one, many) in [
        (
            others,
            "group that is not a security group was left out",
            "groups that are not security groups were left out",
        ),
        (
            hidden,
            "group with hidden membership was left out",
            "groups with hidden membership were left out",
        ),
    ] {
        if count > 0 {
            considered.remarks.push(counted(count, one, many));
        }
    }
}

fn group_entry(rules: &Rules, group: &GroupObject) -> Entry<StoredGroup> {
    Entry {
        created_at: group.created_at,
        label: cleaned(&group.display_name),
        candidate: group_name(group.id, &group.display_name, &rules.names),
        unread: None,
        stored: StoredGroup {
            id: group.id,
            display_name: cleaned(&group.display_name),
            kind: GroupKind::of(group),
            created_at: group.created_at,
            name: None,
        },
    }
}

fn take_fault(considered: &mut Considered, rules: &Rules, known: &Known, staged: &StagedFault) {
    let StagedFault {
        kind,
        place,
        fault: found,
    } = staged;
    let unread = fault(
        &format!("{place}: {}", found.reason),
        "correct the object in Entra ID, or check the registration's permissions",
    );
    let key = found.object.map(|object| ObjectKey {
        tenant: rules.tenant,
        object,
    });
    match kind {
        MemberKind::User => {
            if let Some((key, known)) = key.and_then(|key| Some((key, known.users.get(&key)?))) {
                considered
                    .users
                    .insert(key.object, still(known_user(known, &unread), unread));
                return;
            }
        }
        MemberKind::Group => {
            if let Some((key, known)) = key.and_then(|key| Some((key, known.groups.get(&key)?))) {
                considered.edges.retain(|edge| edge.parent != key.object);
                considered.edges.extend(&known.edges);
                considered.groups.insert(
                    key.object,
                    still(known_group(key.object, known, &unread), unread),
                );
                return;
            }
        }
    }
    let object = found
        .object
        .map_or_else(|| place.clone(), |object| object.to_string());
    considered
        .failures
        .push(failed(*kind, &object, &found.label, &unread));
}

/// The known object where the present one could not be read.
fn still<T>(known: Entry<T>, unread: NameFault) -> Entry<T> {
    Entry {
        unread: Some(unread),
        ..known
    }
}

/// A user as it was known; `fault` if its name can't be kept.
pub(super) fn known_user(known: &KnownUser, fault: &NameFault) -> Entry<StoredUser> {
    Entry {
        created_at: known.user.created_at,
        label: cleaned(&known.user.upn),
        candidate: kept(known.name.as_deref(), fault),
        stored: StoredUser {
            user: known.user.clone(),
            name: None,
            withheld: false,
        },
        unread: None,
    }
}

/// A group as it was known; `fault` if its name can't be kept.
pub(super) fn known_group(
    id: ObjectId,
    known: &KnownGroup,
    fault: &NameFault,
) -> Entry<StoredGroup> {
    Entry {
        created_at: known.created_at,
        label: known.display_name.clone(),
        candidate: kept(known.name.as_deref(), fault),
        stored: StoredGroup {
            id,
            display_name: known.display_name.clone(),
            kind: known.kind,
            created_at: known.created_at,
            name: None,
        },
        unread: None,
    }
}

/// The name that the object has; what its properties would make can't be known.
fn kept(name: Option<&str>, fault: &NameFault) -> Result<Name, NameFault> {
    name.and_then(|name| Name::new(name).ok())
        .ok_or_else(|| fault.clone())
}

/// A failed row.
pub(super) fn failed(
    kind: MemberKind,
    object: &str,
    label: &str,
    fault: &NameFault,
) -> FailedObject {
    FailedObject {
        kind: kind.word().to_owned(),
        object_id: object.to_owned(),
        label: label.to_owned(),
        reason: fault.reason.clone(),
        cure: fault.cure.clone(),
    }
}

fn fault(reason: &str, cure: &str) -> NameFault {
    NameFault {
        reason: reason.to_owned(),
        cure: cure.to_owned(),
    }
}

fn counted(count: u64, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}
