//! For tests: a store in a folder of its own, with people in it, and a clock that stands still.

use std::sync::Arc;

use entra_protocol::admin::{HolderKind, Role, RoleChange};
use tempfile::TempDir;

use super::audit::{Event, append};
use super::fixture_import::{Commit, Edge, Membership, NewId, StoredGroup, StoredUser};
use super::{Actor, Assign, GroupKind, Store, StoreError};
use crate::clock::{Clock, UnixSeconds};
use crate::graph::{MemberKind, UserObject};
use crate::identity::{ObjectId, ObjectKey, TenantId};

/// 2026-01-04T19:44:18Z for ever.
pub(crate) struct StoppedClock;

impl Clock for StoppedClock {
    fn now(&self) -> UnixSeconds {
        UnixSeconds::new(1_767_555_858)
    }
}

pub(crate) const TENANT: TenantId = TenantId::from_bytes([0x7d; 16]);

pub(crate) const fn object(number: u8) -> ObjectId {
    ObjectId::from_bytes([number; 16])
}

pub(crate) const fn key(number: u8) -> ObjectKey {
    ObjectKey {
        tenant: TENANT,
        object: object(number),
    }
}

/// An empty store. The folder goes with the first value.
pub(crate) fn empty() -> (TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path(), Arc::new(StoppedClock)).unwrap();
    (folder, store)
}

pub(crate) fn user(number: u8, name: &str) -> UserObject {
    UserObject {
        id: object(number),
        upn: format!("{name}@Contoso.example"),
        display_name: name.to_uppercase(),
        enabled: true,
        user_type: Some("Member".to_owned()),
        mail_nickname: None,
        sam_account_name: None,
        created_at: Some(UnixSeconds::new(1_700_000_000 + u64::from(number))),
        password_changed_at: None,
        sessions_valid_from: None,
    }
}

/// A directory in which user and group `n` have the id `100000 + n`, users the home `/home/NAME`, and
/// each group the members that are named.
pub(crate) fn directory(users: &[(u8, &str)], groups: &[(u8, &str, &[u8])]) -> Commit {
    let mut commit = Commit {
        tenant: TENANT,
        ids: Vec::new(),
        claimed: Vec::new(),
        retired: Vec::new(),
        homes: Vec::new(),
        users: Vec::new(),
        groups: Vec::new(),
        edges: Vec::new(),
        memberships: Vec::new(),
        failures: Vec::new(),
    };
    let id = |number: u8| NewId {
        key: key(number),
        id: 100_000 + u32::from(number),
        attempt: 0,
    };
    for (number, name) in users {
        commit.ids.push(id(*number));
        commit
            .claimed
            .push(((*name).to_owned(), key(*number), MemberKind::User));
        commit.homes.push((key(*number), format!("/home/{name}")));
        let name = Some((*name).to_owned());
        commit.users.push(StoredUser {
            user: user(*number, name.as_deref().unwrap()),
            name,
            withheld: false,
        });
    }
    for (number, name, members) in groups {
        commit.ids.push(id(*number));
        commit
            .claimed
            .push(((*name).to_owned(), key(*number), MemberKind::Group));
        commit.groups.push(StoredGroup {
            id: object(*number),
            display_name: name.to_uppercase(),
            kind: GroupKind::Security,
            created_at: None,
            name: Some((*name).to_owned()),
        });
        for member in *members {
            let (parent, member) = (object(*number), object(*member));
            commit.edges.push(Edge {
                parent,
                member,
                kind: MemberKind::User,
            });
            commit.memberships.push(Membership { member, parent });
        }
    }
    commit
}

/// Time, for stores whose clock stands still.
impl Store {
    /// Makes everything in the mirror an hour old.
    pub(crate) fn age_mirror(&self) {
        self.change("UPDATE raw_objects SET seen_at = seen_at - 3600");
    }

    /// Makes the last full round so many seconds older.
    pub(crate) fn move_full_round(&self, seconds: i64) {
        self.change(&format!("UPDATE rounds SET full_at = full_at - {seconds}"));
    }

    /// Makes the unfinished round so many seconds older.
    pub(crate) fn move_open_round(&self, seconds: i64) {
        self.change(&format!(
            "UPDATE rounds SET started_at = started_at - {seconds} WHERE state = 'open'"
        ));
    }

    /// Puts cut-offs so many seconds into the future.
    pub(crate) fn put_cut_offs_forward(&self, seconds: i64) {
        self.change(&format!(
            "UPDATE users SET cut_off_at = cut_off_at + {seconds}"
        ));
    }

    /// Puts what the mirror has seen so many seconds into the future.
    pub(crate) fn put_mirror_forward(&self, seconds: i64) {
        self.change(&format!(
            "UPDATE raw_objects SET seen_at = seen_at + {seconds}"
        ));
    }

    /// Says that the live sets answered another request.
    pub(crate) fn set_fingerprint(&self, fingerprint: &str) {
        self.change(&format!("UPDATE rounds SET fingerprint = '{fingerprint}'"));
    }

    fn change(&self, statement: &str) {
        self.write(|transaction| Ok(transaction.execute(statement, [])?))
            .unwrap();
    }
}

/// Everybody at once, which no product code asks for.
impl Store {
    /// Everybody published, by name.
    pub(crate) fn people(&self) -> Result<Vec<super::Person>, super::StoreError> {
        self.people_after("", u32::MAX)
    }
}

/// What tests need in few words.
impl Store {
    /// A row of the audit log for a change that there was not.
    pub(crate) fn audit_local(
        &self,
        verb: &str,
        object: &str,
        before: &str,
        after: &str,
    ) -> Result<(), StoreError> {
        let event = Event {
            verb,
            object,
            before: Some(before),
            after: Some(after),
        };
        let at = self.now();
        self.write(|transaction| append(transaction, at, &Actor::agent(), &event))
    }

    /// Gives every one of `people` this role.
    pub(crate) fn set_roles(
        &self,
        people: &[ObjectKey],
        role: Role,
        actor: &Actor,
    ) -> Result<Vec<RoleChange>, StoreError> {
        let once: std::collections::BTreeSet<&ObjectKey> = people.iter().collect();
        let orders: Vec<Assign> = once
            .into_iter()
            .map(|key| Assign {
                kind: HolderKind::User,
                key: *key,
                role,
                expected: None,
            })
            .collect();
        let mut assigned = self.assign_roles(&orders, false, actor)?;
        self.role_changes(&mut assigned)
    }
}
