//! Who gets which name.
//!
//! An object that has a name keeps it; another one never gets it, also not when the first is renamed or
//! gone: the name then stays retired, because crontabs, mail and homes are found by it. Where two new
//! objects ask for one name, the older gets it (`createdDateTime`, unset first, then the object id), so
//! that hosts agree.
//!
//! An object whose row fails keeps the names it holds: the cure brings them back. A name that a local
//! account has taken since is likewise kept but not used.

use std::collections::{BTreeMap, BTreeSet};

use entra_snapshot::Name;

use super::local::LocalAccounts;
use super::reserved::is_reserved;
use super::{NameFault, OVERRIDE};
use crate::clock::UnixSeconds;
use crate::graph::MemberKind;
use crate::identity::ObjectKey;
use crate::store::ClaimedName;

/// An object that asks for a name.
#[derive(Debug, Clone)]
pub struct Claim {
    /// The object.
    pub key: ObjectKey,
    /// Its kind.
    pub kind: MemberKind,
    /// What the tenant calls it, for the reasons of others.
    pub label: String,
    /// `createdDateTime`.
    pub created_at: Option<UnixSeconds>,
    /// The name it asks for, or why it asks for none.
    pub candidate: Result<Name, NameFault>,
}

/// Who is called what from now on.
#[derive(Debug, Clone, Default)]
pub struct Assignment {
    /// The name of every claimant, or why it has none.
    pub names: BTreeMap<ObjectKey, Result<Name, NameFault>>,
    /// Names that were not held by these objects until now.
    pub claimed: Vec<(String, ObjectKey, MemberKind)>,
    /// Names that were held and are nobody's from now on.
    pub retired: Vec<String>,
}

/// Settles every claim. `known` are all names that were ever given; objects that hold one and claim
/// nothing are gone.
#[must_use]
pub fn assign(
    mut claims: Vec<Claim>,
    known: &BTreeMap<String, ClaimedName>,
    local: &LocalAccounts,
) -> Assignment {
    claims.sort_by_key(|claim| (claim.created_at, claim.key));
    let labels: BTreeMap<ObjectKey, String> = claims
        .iter()
        .map(|claim| (claim.key, claim.label.clone()))
        .collect();
    let mut given: BTreeMap<String, ObjectKey> = BTreeMap::new();
    let mut assignment = Assignment::default();
    for claim in claims {
        let outcome = claim.candidate.and_then(|name| {
            refuse(&name, claim.key, claim.kind, known, local, &given, &labels)?;
            given.insert(name.as_str().to_owned(), claim.key);
            Ok(name)
        });
        if let Ok(name) = &outcome
            && !known.get(name.as_str()).is_some_and(|claimed| claimed.held)
        {
            assignment
                .claimed
                .push((name.as_str().to_owned(), claim.key, claim.kind));
        }
        assignment.names.insert(claim.key, outcome);
    }
    let failed: BTreeSet<ObjectKey> = assignment
        .names
        .iter()
        .filter_map(|(key, outcome)| outcome.is_err().then_some(*key))
        .collect();
    assignment.retired = known
        .iter()
        .filter(|(name, claimed)| {
            claimed.held && given.get(*name) != Some(&claimed.key) && !failed.contains(&claimed.key)
        })
        .map(|(name, _)| name.clone())
        .collect();
    assignment
}

/// Why nobody can have a name that this file of the host has.
#[must_use]
pub fn local_reason(name: &str, file: &str) -> String {
    format!("the name \"{name}\" is in {file} on this host")
}

fn refuse(
    name: &Name,
    key: ObjectKey,
    kind: MemberKind,
    known: &BTreeMap<String, ClaimedName>,
    local: &LocalAccounts,
    given: &BTreeMap<String, ObjectKey>,
    labels: &BTreeMap<ObjectKey, String>,
) -> Result<(), NameFault> {
    let text = name.as_str();
    if is_reserved(text) {
        return Err(NameFault::new(
            format!("the name \"{text}\" is reserved for the system"),
            OVERRIDE,
        ));
    }
    if let Some(file) = local.file_with_name(text) {
        let cure = match kind {
            MemberKind::User if file == "/etc/passwd" => format!(
                "make the local account theirs with `entractl users adopt {text}`, or {OVERRIDE}"
            ),
            _ => format!("{OVERRIDE}, or remove the local one"),
        };
        return Err(NameFault::new(local_reason(text, file), cure));
    }
    if let Some(claimed) = known.get(text)
        && claimed.key != key
    {
        let owner = claimed.key.object;
        return Err(match labels.get(&claimed.key) {
            Some(label) if claimed.held => taken(text, label, claimed.key),
            _ => NameFault::new(
                format!(
                    "the name \"{text}\" is retired: it belonged to the {} {owner}, whose files may \
                     still be on this host",
                    claimed.kind.word()
                ),
                format!(
                    "look at what is left and free it with `entractl users release {text}`, or {OVERRIDE}"
                ),
            ),
        });
    }
    match given.get(text) {
        Some(other) => Err(taken(
            text,
            labels.get(other).map_or("", String::as_str),
            *other,
        )),
        None => Ok(()),
    }
}

fn taken(name: &str, label: &str, owner: ObjectKey) -> NameFault {
    NameFault::new(
        format!(
            "the name \"{name}\" is taken by {label} ({}), which had it first",
            owner.object
        ),
        OVERRIDE,
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::{ObjectId, TenantId};

    fn key(number: u8) -> ObjectKey {
        ObjectKey {
            tenant: TenantId::from_bytes([9; 16]),
            object: ObjectId::from_bytes([number; 16]),
        }
    }

    fn claim(number: u8, created_at: Option<u64>, name: &str) -> Claim {
        Claim {
            key: key(number),
            kind: MemberKind::User,
            label: format!("user {number}"),
            created_at: created_at.map(UnixSeconds::new),
            candidate: Ok(Name::new(name).unwrap()),
        }
    }

    fn held(number: u8) -> ClaimedName {
        ClaimedName {
            key: key(number),
            kind: MemberKind::User,
            held: true,
        }
    }

    fn reason(assignment: &Assignment, number: u8) -> String {
        assignment.names[&key(number)].clone().unwrap_err().reason
    }

    #[test]
    fn the_older_object_gets_the_name() {
        let claims = vec![
            claim(1, Some(200), "sam"),
            claim(2, Some(100), "sam"),
            claim(4, None, "kim"),
            claim(3, None, "kim"),
            claim(5, Some(1), "kim"),
        ];
        let assignment = assign(claims, &BTreeMap::new(), &LocalAccounts::default());
        assert!(reason(&assignment, 1).contains("taken by user 2"));
        assert_eq!(assignment.names[&key(2)].clone().unwrap().as_str(), "sam");
        assert_eq!(assignment.names[&key(3)].clone().unwrap().as_str(), "kim");
        assert!(reason(&assignment, 4).contains("taken by user 3"));
        assert!(reason(&assignment, 5).contains("taken by user 3"));
        assert_eq!(assignment.claimed.len(), 2);
    }

    #[test]
    fn who_has_a_name_keeps_it_from_older_objects() {
        let known = BTreeMap::from([("sam".to_owned(), held(1))]);
        let claims = vec![claim(1, Some(200), "sam"), claim(2, None, "sam")];
        let assignment = assign(claims, &known, &LocalAccounts::default());
        assert!(assignment.names[&key(1)].is_ok());
        assert!(reason(&assignment, 2).contains("taken by user 1"));
        assert!(assignment.claimed.is_empty() && assignment.retired.is_empty());
    }

    #[test]
    fn names_of_renamed_and_removed_objects_are_retired_for_all_but_themselves() {
        let known = BTreeMap::from([("alice".to_owned(), held(1)), ("bob".to_owned(), held(2))]);
        let claims = vec![
            claim(1, None, "alicia"),
            claim(3, None, "alice"),
            claim(4, None, "bob"),
        ];
        let assignment = assign(claims, &known, &LocalAccounts::default());
        assert_eq!(assignment.retired, ["alice", "bob"]);
        assert!(reason(&assignment, 4).contains("retired"));
        // In the run of the rename the old name is still the other's.
        assert!(assignment.names[&key(3)].is_err());

        let known = BTreeMap::from([(
            "alice".to_owned(),
            ClaimedName {
                held: false,
                ..held(1)
            },
        )]);
        let assignment = assign(
            vec![claim(3, None, "alice")],
            &known,
            &LocalAccounts::default(),
        );
        assert!(reason(&assignment, 3).contains("retired"));
        let assignment = assign(
            vec![claim(1, None, "alice")],
            &known,
            &LocalAccounts::default(),
        );
        assert_eq!(
            assignment.claimed.len(),
            1,
            "its own old name comes back to it"
        );
    }

    #[test]
    fn local_and_reserved_names_are_refused_but_what_is_held_stays_held() {
        let local = LocalAccounts::parse(b"alice:x:1000:1000::/:/x\n", b"docker2:x:9:\n");
        let known = BTreeMap::from([("alice".to_owned(), held(1))]);
        let claims = vec![
            claim(1, None, "alice"),
            claim(2, None, "docker2"),
            claim(3, None, "sudo"),
        ];
        let assignment = assign(claims, &known, &local);
        assert!(reason(&assignment, 1).contains("/etc/passwd"));
        assert!(reason(&assignment, 2).contains("/etc/group"));
        assert!(reason(&assignment, 3).contains("reserved"));
        assert!(assignment.retired.is_empty());
    }
}
