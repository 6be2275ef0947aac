//! Who gets which name.
//!
//! An object that has a name keeps it; another one never gets it, also not when the first is renamed or
//! gone: the name then stays retired, because crontabs, mail and homes are found by it. Where two new
//! objects ask for one name, the older gets it (`createdDateTime`, unset first, then the object id), so
//! that hosts agree.
//!
//! An object whose row fails keeps the names it holds: the cure brings them back. A name that a local
//! account has taken since is likewise kept but not used.

use entra_snapshot::Name;

use super::local::LocalAccounts;
use super::reserved::is_reserved;
use super::{NameFault, OVERRIDE};
use crate::identity::ObjectKey;
use crate::store::ClaimedName;

/// Who has which name. An import asks its tables, a test its maps.
pub trait Holders {
    /// What can go wrong with the question.
    type Error;

    /// Who has or had this name before the import.
    ///
    /// # Errors
    /// What the tables said.
    fn known(&self, name: &str) -> Result<Option<ClaimedName>, Self::Error>;

    /// Who was given this name by the import that is under way.
    ///
    /// # Errors
    /// What the tables said.
    fn given(&self, name: &str) -> Result<Option<ObjectKey>, Self::Error>;

    /// What the tenant calls an object that is still there, for the reasons of others.
    ///
    /// # Errors
    /// What the tables said.
    fn label(&self, key: ObjectKey) -> Result<Option<String>, Self::Error>;
}

/// Whether `key` gets this name. Objects ask in the order of their age: who asks first gets it, unless
/// another has it or had it.
///
/// # Errors
/// What `holders` said.
pub fn settle<H: Holders>(
    name: &Name,
    key: ObjectKey,
    holders: &H,
    local: &LocalAccounts,
) -> Result<Result<(), NameFault>, H::Error> {
    let text = name.as_str();
    let refuse = |reason: String, cure: String| Ok(Err(NameFault { reason, cure }));
    if is_reserved(text) {
        return refuse(
            format!("the name \"{text}\" is reserved for the system"),
            OVERRIDE.to_owned(),
        );
    }
    if let Some(file) = local.file_with_name(text) {
        return refuse(
            format!("the name \"{text}\" is in {file} on this host"),
            format!("{OVERRIDE}, or remove the local account"),
        );
    }
    if let Some(claimed) = holders.known(text)?
        && claimed.key != key
    {
        let owner = claimed.key.object;
        return match holders.label(claimed.key)? {
            Some(label) if claimed.held => Ok(Err(taken(text, &label, claimed.key))),
            _ => refuse(
                format!(
                    "the name \"{text}\" is retired: it belonged to the {} {owner}, whose files may \
                     still be on this host",
                    claimed.kind.word()
                ),
                OVERRIDE.to_owned(),
            ),
        };
    }
    Ok(match holders.given(text)? {
        Some(other) => {
            let label = holders.label(other)?.unwrap_or_default();
            Err(taken(text, &label, other))
        }
        None => Ok(()),
    })
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
    use std::collections::BTreeMap;
    use std::convert::Infallible;

    use super::*;
    use crate::graph::MemberKind;
    use crate::identity::{ObjectId, TenantId};

    #[derive(Default)]
    struct Maps {
        known: BTreeMap<String, ClaimedName>,
        given: BTreeMap<String, ObjectKey>,
        labels: BTreeMap<ObjectKey, String>,
    }

    impl Holders for Maps {
        type Error = Infallible;

        fn known(&self, name: &str) -> Result<Option<ClaimedName>, Infallible> {
            Ok(self.known.get(name).copied())
        }

        fn given(&self, name: &str) -> Result<Option<ObjectKey>, Infallible> {
            Ok(self.given.get(name).copied())
        }

        fn label(&self, key: ObjectKey) -> Result<Option<String>, Infallible> {
            Ok(self.labels.get(&key).cloned())
        }
    }

    fn key(number: u8) -> ObjectKey {
        ObjectKey {
            tenant: TenantId::from_bytes([9; 16]),
            object: ObjectId::from_bytes([number; 16]),
        }
    }

    impl Maps {
        fn holding(name: &str, number: u8, held: bool, is_here: bool) -> Self {
            let mut maps = Self::default();
            let claimed = ClaimedName {
                key: key(number),
                kind: MemberKind::User,
                held,
            };
            maps.known.insert(name.to_owned(), claimed);
            if is_here {
                maps.labels.insert(key(number), format!("user {number}"));
            }
            maps
        }

        fn ask(&self, number: u8, name: &str, local: &LocalAccounts) -> Result<(), String> {
            let Ok(outcome) = settle(&Name::new(name).unwrap(), key(number), self, local);
            outcome.map_err(|fault| fault.reason)
        }
    }

    #[test]
    fn a_name_is_given_once() {
        let mut maps = Maps::default();
        let local = LocalAccounts::default();
        maps.labels.insert(key(2), "user 2".to_owned());
        assert_eq!(maps.ask(2, "sam", &local), Ok(()));
        maps.given.insert("sam".to_owned(), key(2));
        let reason = maps.ask(1, "sam", &local).unwrap_err();
        assert!(reason.contains("taken by user 2"), "{reason}");
    }

    #[test]
    fn who_has_a_name_keeps_it_and_who_had_it_gets_it_back() {
        let local = LocalAccounts::default();
        for held in [true, false] {
            let maps = Maps::holding("sam", 1, held, held);
            assert_eq!(maps.ask(1, "sam", &local), Ok(()));
        }
        let reason = Maps::holding("sam", 1, true, true)
            .ask(2, "sam", &local)
            .unwrap_err();
        assert!(reason.contains("taken by user 1"), "{reason}");
    }

    #[test]
    fn names_of_those_who_are_gone_or_renamed_are_retired_for_all_others() {
        let local = LocalAccounts::default();
        for (held, is_here) in [(true, false), (false, true), (false, false)] {
            let reason = Maps::holding("alice", 1, held, is_here)
                .ask(3, "alice", &local)
                .unwrap_err();
            assert!(reason.contains("retired"), "{reason}");
        }
    }

    #[test]
    fn local_and_reserved_names_are_refused() {
        let local = LocalAccounts::parse(b"alice:x:1000:1000::/:/x\n", b"docker2:x:9:\n");
        let maps = Maps::holding("alice", 1, true, true);
        for (name, part) in [
            ("alice", "/etc/passwd"),
            ("docker2", "/etc/group"),
            ("sudo", "reserved"),
        ] {
            let reason = maps.ask(1, name, &local).unwrap_err();
            assert!(reason.contains(part), "{reason}");
        }
    }
}
