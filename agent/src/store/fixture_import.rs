//! For tests: a directory put in place at once, and everything that the store knows at one look.
//!
//! What an import really does is `sync::plan`; this is for tests of what comes after it.

use std::collections::{BTreeMap, BTreeSet};

use entra_protocol::admin::FailedObject;
use rusqlite::{Connection, params};

use super::groups::GroupKind;
use super::{ClaimedName, Store, StoreError};
use crate::clock::UnixSeconds;
use crate::graph::{MemberKind, UserObject};
use crate::identity::{ObjectId, ObjectKey, TenantId};

/// A direct member of a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Edge {
    /// The group.
    pub(crate) parent: ObjectId,
    /// Its member.
    pub(crate) member: ObjectId,
    /// The member's kind.
    pub(crate) kind: MemberKind,
}

/// Everything this host knows of its tenant's objects.
#[derive(Debug, Clone, Default)]
pub(crate) struct Known {
    /// Groups of the directory, likewise.
    pub(crate) groups: BTreeMap<ObjectKey, KnownGroup>,
    /// Every id that was ever given out, and to whom.
    pub(crate) ids: BTreeMap<ObjectKey, u32>,
    /// Every name that an object has or had.
    pub(crate) names: BTreeMap<String, ClaimedName>,
    /// Every home that was ever fixed.
    pub(crate) homes: BTreeMap<ObjectKey, String>,
}

/// A group as the directory has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KnownGroup {
    /// `displayName`, stripped.
    pub(crate) display_name: String,
    /// Its make.
    pub(crate) kind: GroupKind,
    /// `createdDateTime`.
    pub(crate) created_at: Option<UnixSeconds>,
    /// Its name here; `None` if the row failed.
    pub(crate) name: Option<String>,
    /// Its direct members.
    pub(crate) edges: BTreeSet<Edge>,
    /// The users of its closure.
    pub(crate) members: BTreeSet<ObjectId>,
}

/// An id given to an object for the first time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NewId {
    /// The object.
    pub(crate) key: ObjectKey,
    /// The uid or gid.
    pub(crate) id: u32,
    /// Which of its candidates this is; above 0 the object is displaced.
    pub(crate) attempt: u32,
}

/// A user as the directory will have it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StoredUser {
    /// Its properties.
    pub(crate) user: UserObject,
    /// Its name here, if it has one.
    pub(crate) name: Option<String>,
    /// True if the tenant's answer no longer has it and the shrink guard keeps it.
    pub(crate) withheld: bool,
}

/// A group as the directory will have it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StoredGroup {
    /// The group.
    pub(crate) id: ObjectId,
    /// `displayName`, stripped.
    pub(crate) display_name: String,
    /// Its make.
    pub(crate) kind: GroupKind,
    /// `createdDateTime`.
    pub(crate) created_at: Option<UnixSeconds>,
    /// Its name here, if it has one.
    pub(crate) name: Option<String>,
}

/// A user in a group's closure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Membership {
    /// The user.
    pub(crate) member: ObjectId,
    /// The group.
    pub(crate) parent: ObjectId,
}

/// What an import decided.
#[derive(Debug, Clone)]
pub(crate) struct Commit {
    /// Whose directory this is from now on; another tenant's objects go.
    pub(crate) tenant: TenantId,
    /// Ids to be given out.
    pub(crate) ids: Vec<NewId>,
    /// Names that objects have from now on.
    pub(crate) claimed: Vec<(String, ObjectKey, MemberKind)>,
    /// Names that nobody has from now on, and nobody else gets.
    pub(crate) retired: Vec<String>,
    /// Homes to be fixed.
    pub(crate) homes: Vec<(ObjectKey, String)>,
    /// Every user.
    pub(crate) users: Vec<StoredUser>,
    /// Every group.
    pub(crate) groups: Vec<StoredGroup>,
    /// Direct members of those groups.
    pub(crate) edges: Vec<Edge>,
    /// The closure, users and groups of the lists above only.
    pub(crate) memberships: Vec<Membership>,
    /// Objects that could not be taken.
    pub(crate) failures: Vec<FailedObject>,
}

impl Store {
    /// What this host knows.
    ///
    /// # Errors
    /// What the database said.
    pub(crate) fn known(&self) -> Result<Known, StoreError> {
        let reader = self.reader();
        let mut known = Known {
            groups: known_groups(&reader)?,
            ..Known::default()
        };
        let mut statement = reader.prepare("SELECT tenant, object, id FROM state.ids")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let key = ObjectKey {
                tenant: row.get(0)?,
                object: row.get(1)?,
            };
            known.ids.insert(key, row.get(2)?);
        }
        let mut statement =
            reader.prepare("SELECT tenant, object, name, kind, held FROM state.names")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let key = ObjectKey {
                tenant: row.get(0)?,
                object: row.get(1)?,
            };
            let kind = MemberKind::of_word(&row.get::<_, String>(3)?)?;
            known.names.insert(
                row.get(2)?,
                ClaimedName {
                    key,
                    kind,
                    held: row.get(4)?,
                },
            );
        }
        let mut statement = reader.prepare("SELECT tenant, object, home FROM state.homes")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let key = ObjectKey {
                tenant: row.get(0)?,
                object: row.get(1)?,
            };
            known.homes.insert(key, row.get(2)?);
        }
        Ok(known)
    }

    /// Makes the decision true: two short transactions, the second of which is the swap.
    ///
    /// # Errors
    /// What the database said; then the directory is the old one.
    pub(crate) fn commit_import(&self, commit: &Commit) -> Result<(), StoreError> {
        let now = self.now();
        self.write(|transaction| keep_state(transaction, commit, now))?;
        self.write(|transaction| swap(transaction, commit))?;
        self.note_known_at(commit.tenant, &[commit.tenant], now)
    }
}

fn known_groups(connection: &Connection) -> Result<BTreeMap<ObjectKey, KnownGroup>, StoreError> {
    let mut statement = connection
        .prepare("SELECT tenant, object, display_name, kind, created_at, name FROM groups")?;
    let mut rows = statement.query([])?;
    let mut groups = BTreeMap::new();
    while let Some(row) = rows.next()? {
        let key = ObjectKey {
            tenant: row.get(0)?,
            object: row.get(1)?,
        };
        let group = KnownGroup {
            display_name: row.get(2)?,
            kind: GroupKind::of_word(&row.get::<_, String>(3)?)?,
            created_at: row.get(4)?,
            name: row.get(5)?,
            edges: BTreeSet::new(),
            members: BTreeSet::new(),
        };
        groups.insert(key, group);
    }
    let mut statement = connection.prepare("SELECT tenant, parent, member, kind FROM edges")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let parent = row.get(1)?;
        let kind = MemberKind::of_word(&row.get::<_, String>(3)?)?;
        let edge = Edge {
            parent,
            member: row.get(2)?,
            kind,
        };
        if let Some(group) = groups.get_mut(&ObjectKey {
            tenant: row.get(0)?,
            object: parent,
        }) {
            group.edges.insert(edge);
        }
    }
    let mut statement = connection.prepare("SELECT tenant, parent, member FROM memberships")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let key = ObjectKey {
            tenant: row.get(0)?,
            object: row.get(1)?,
        };
        let member = row.get(2)?;
        if let Some(group) = groups.get_mut(&key) {
            group.members.insert(member);
        }
    }
    Ok(groups)
}

fn keep_state(
    connection: &Connection,
    commit: &Commit,
    now: UnixSeconds,
) -> Result<(), StoreError> {
    // Plain inserts: an id or a home that another object has is a bug, and must not move.
    let mut insert = connection.prepare_cached(
        "INSERT INTO state.ids (id, tenant, object, attempt, allocated_at)
         VALUES (?1, ?2, ?3, ?4, ?5)",
    )?;
    for new in &commit.ids {
        insert.execute(params![
            new.id,
            new.key.tenant,
            new.key.object,
            new.attempt,
            now
        ])?;
    }
    let mut insert = connection.prepare_cached(
        "INSERT INTO state.homes (tenant, object, home, fixed_at) VALUES (?1, ?2, ?3, ?4)",
    )?;
    for (key, home) in &commit.homes {
        insert.execute(params![key.tenant, key.object, home, now])?;
    }
    let mut retire = connection.prepare_cached(
        "UPDATE state.names SET held = 0, since = ?2 WHERE name = ?1 AND held = 1",
    )?;
    for name in &commit.retired {
        retire.execute(params![name, now])?;
    }
    let mut claim = connection.prepare_cached(
        "INSERT INTO state.names (name, tenant, object, kind, held, since)
         VALUES (?1, ?2, ?3, ?4, 1, ?5)
         ON CONFLICT (name) DO UPDATE SET held = 1, since = excluded.since
         WHERE names.tenant = excluded.tenant AND names.object = excluded.object
           AND names.held = 0",
    )?;
    for (name, key, kind) in &commit.claimed {
        claim.execute(params![name, key.tenant, key.object, kind.word(), now])?;
    }
    Ok(())
}

fn swap(connection: &Connection, commit: &Commit) -> Result<(), StoreError> {
    connection.execute_batch(
        "DELETE FROM memberships; DELETE FROM edges; DELETE FROM users; DELETE FROM groups;
         DELETE FROM failures;",
    )?;
    let tenant = commit.tenant;
    let mut insert = connection.prepare_cached(
        "INSERT INTO users
         (tenant, object, upn, upn_key, display_name, mail_nickname, sam_account_name, user_type,
          enabled, created_at, password_changed_at, sessions_valid_from, name, withheld)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
    )?;
    for StoredUser {
        user,
        name,
        withheld,
    } in &commit.users
    {
        insert.execute(params![
            tenant,
            user.id,
            user.upn,
            user.upn.to_ascii_lowercase(),
            user.display_name,
            user.mail_nickname,
            user.sam_account_name,
            user.user_type,
            user.enabled,
            user.created_at,
            user.password_changed_at,
            user.sessions_valid_from,
            name,
            withheld,
        ])?;
    }
    let mut insert = connection.prepare_cached(
        "INSERT INTO groups (tenant, object, display_name, kind, created_at, name)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?;
    for group in &commit.groups {
        insert.execute(params![
            tenant,
            group.id,
            group.display_name,
            group.kind.word(),
            group.created_at,
            group.name,
        ])?;
    }
    let mut insert = connection.prepare_cached(
        "INSERT INTO edges (tenant, parent, member, kind) VALUES (?1, ?2, ?3, ?4)",
    )?;
    for edge in &commit.edges {
        insert.execute(params![tenant, edge.parent, edge.member, edge.kind.word()])?;
    }
    let mut insert = connection
        .prepare_cached("INSERT INTO memberships (tenant, member, parent) VALUES (?1, ?2, ?3)")?;
    for membership in &commit.memberships {
        insert.execute(params![tenant, membership.member, membership.parent])?;
    }
    let mut insert = connection.prepare_cached(
        "INSERT INTO failures (tenant, kind, object_id, label, reason, cure)
         VALUES (?6, ?1, ?2, ?3, ?4, ?5)",
    )?;
    for failed in &commit.failures {
        insert.execute(params![
            failed.kind,
            failed.object_id,
            failed.label,
            failed.reason,
            failed.cure,
            tenant
        ])?;
    }
    Ok(())
}
