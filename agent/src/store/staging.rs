//! A round while it comes in, page by page.
//!
//! Each page is one transaction together with the link to the next, so that a kill between two pages
//! leaves a round that could be taken up where it stopped. Within a round objects may repeat in any
//! order, groups come in slices, and objects may be taken back; the last word on an object wins
//! (entra-facts §4.2). Nothing here touches what is published: that is `import`'s swap.

use rusqlite::{Connection, params};

use super::{Store, StoreError};
use crate::clock::UnixSeconds;
use crate::graph::{
    Fault, GroupChange, GroupObject, MemberChange, MemberKind, UserChange, UserObject,
};
use crate::identity::ObjectId;

/// A page on its way into the staged round.
#[derive(Debug, Clone, Copy)]
pub struct StagedPage<'a> {
    /// Which stream of pages it belongs to (`users`, `groups`).
    pub stream: &'a str,
    /// How errors name the page, e.g. `users page 2`.
    pub label: &'a str,
    /// What it holds.
    pub elements: Elements<'a>,
    /// Where the next page is, if there is one.
    pub next_link: Option<&'a str>,
    /// Where changes after this round will be, on the last page.
    pub delta_link: Option<&'a str>,
}

/// The elements of a page, in order.
#[derive(Debug, Clone, Copy)]
pub enum Elements<'a> {
    /// Of users.
    Users(&'a [UserChange]),
    /// Of groups.
    Groups(&'a [GroupChange]),
}

/// A round that is whole.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StagedRound {
    /// Live users.
    pub users: Vec<UserObject>,
    /// Live groups.
    pub groups: Vec<GroupObject>,
    /// Direct members of groups, also of groups and users that are not in the lists above.
    pub edges: Vec<Edge>,
    /// Objects that could not be read.
    pub faults: Vec<StagedFault>,
    /// Stream and delta link, for the next round.
    pub links: Vec<(String, String)>,
}

/// A direct member of a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Edge {
    /// The group.
    pub parent: ObjectId,
    /// Its member.
    pub member: ObjectId,
    /// The member's kind.
    pub kind: MemberKind,
}

/// An element that could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StagedFault {
    /// `user` or `group`.
    pub kind: MemberKind,
    /// Where it was (`users page 2: value[17]`).
    pub place: String,
    /// What is wrong with it.
    pub fault: Fault,
}

impl MemberKind {
    /// The word for it in rows and columns.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Group => "group",
        }
    }

    pub(super) fn of_word(word: &str) -> Result<Self, StoreError> {
        match word {
            "user" => Ok(Self::User),
            "group" => Ok(Self::Group),
            other => Err(StoreError::Damaged {
                what: "an object's kind",
                value: other.to_owned(),
            }),
        }
    }
}

impl Store {
    /// Throws away what was staged, so that a new round can come in.
    ///
    /// # Errors
    /// What the database said.
    pub fn begin_round(&self) -> Result<(), StoreError> {
        self.write(|transaction| clear(transaction))
    }

    /// Adds a page to the round.
    ///
    /// # Errors
    /// What the database said; then nothing of the page was added.
    pub fn stage(&self, page: &StagedPage<'_>) -> Result<(), StoreError> {
        let now = self.now();
        self.write(|transaction| {
            match page.elements {
                Elements::Users(changes) => {
                    for (position, change) in changes.iter().enumerate() {
                        stage_user(transaction, page.label, position, change)?;
                    }
                }
                Elements::Groups(changes) => {
                    for (position, change) in changes.iter().enumerate() {
                        stage_group(transaction, page.label, position, change)?;
                    }
                }
            }
            mark_page(transaction, page, now)
        })
    }

    /// The staged round.
    ///
    /// # Errors
    /// [`StoreError::UnfinishedRound`] if a stream has further pages, or what the database said.
    pub fn staged(&self) -> Result<StagedRound, StoreError> {
        let reader = self.reader();
        let mut round = StagedRound::default();
        let mut statement = reader.prepare_cached(
            "SELECT stream, next_link, delta_link FROM staged_streams ORDER BY stream",
        )?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let stream: String = row.get(0)?;
            if row.get::<_, Option<String>>(1)?.is_some() {
                return Err(StoreError::UnfinishedRound { stream });
            }
            if let Some(link) = row.get(2)? {
                round.links.push((stream, link));
            }
        }
        round.users = users(&reader)?;
        round.groups = groups(&reader)?;
        round.edges = edges(&reader)?;
        round.faults = faults(&reader)?;
        Ok(round)
    }
}

/// Empties the staging tables; also part of the swap.
pub(super) fn clear(connection: &Connection) -> Result<(), StoreError> {
    Ok(connection.execute_batch(
        "DELETE FROM staged_streams; DELETE FROM staged_users; DELETE FROM staged_groups;
         DELETE FROM staged_edges; DELETE FROM staged_faults;",
    )?)
}

fn mark_page(
    connection: &Connection,
    page: &StagedPage<'_>,
    now: UnixSeconds,
) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "INSERT INTO staged_streams (stream, started_at, pages, next_link, delta_link)
             VALUES (?1, ?2, 1, ?3, ?4)
             ON CONFLICT (stream) DO UPDATE SET pages = pages + 1,
                 next_link = excluded.next_link, delta_link = excluded.delta_link",
        )?
        .execute(params![page.stream, now, page.next_link, page.delta_link])?;
    Ok(())
}

fn stage_user(
    connection: &Connection,
    label: &str,
    position: usize,
    change: &UserChange,
) -> Result<(), StoreError> {
    match change {
        UserChange::Seen(user) => {
            forget_fault(connection, user.id)?;
            connection
                .prepare_cached(
                    "INSERT OR REPLACE INTO staged_users
                     (object, upn, display_name, mail_nickname, sam_account_name, user_type,
                      enabled, created_at, password_changed_at, sessions_valid_from)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
                )?
                .execute(params![
                    user.id,
                    user.upn,
                    user.display_name,
                    user.mail_nickname,
                    user.sam_account_name,
                    user.user_type,
                    user.enabled,
                    user.created_at,
                    user.password_changed_at,
                    user.sessions_valid_from,
                ])?;
            Ok(())
        }
        UserChange::Removed(id) => {
            forget_fault(connection, *id)?;
            forget_user(connection, *id)
        }
        UserChange::Fault(fault) => {
            if let Some(id) = fault.object {
                forget_user(connection, id)?;
            }
            keep_fault(connection, MemberKind::User, label, position, fault)
        }
    }
}

fn stage_group(
    connection: &Connection,
    label: &str,
    position: usize,
    change: &GroupChange,
) -> Result<(), StoreError> {
    match change {
        GroupChange::Seen(group, members) => {
            forget_fault(connection, group.id)?;
            connection
                .prepare_cached(
                    "INSERT OR REPLACE INTO staged_groups
                     (object, display_name, security, mail, unified, hidden, created_at)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                )?
                .execute(params![
                    group.id,
                    group.display_name,
                    group.security,
                    group.mail,
                    group.unified,
                    group.hidden,
                    group.created_at,
                ])?;
            stage_members(connection, group.id, members)
        }
        GroupChange::Slice(id, members) => stage_members(connection, *id, members),
        GroupChange::Removed(id) => {
            forget_fault(connection, *id)?;
            forget_group(connection, *id)?;
            connection
                .prepare_cached("DELETE FROM staged_edges WHERE parent = ?1")?
                .execute([id])?;
            Ok(())
        }
        GroupChange::Fault(fault) => {
            if let Some(id) = fault.object {
                forget_group(connection, id)?;
            }
            keep_fault(connection, MemberKind::Group, label, position, fault)
        }
    }
}

fn stage_members(
    connection: &Connection,
    parent: ObjectId,
    members: &[MemberChange],
) -> Result<(), StoreError> {
    let mut insert = connection.prepare_cached(
        "INSERT OR REPLACE INTO staged_edges (parent, member, kind) VALUES (?1, ?2, ?3)",
    )?;
    let mut delete =
        connection.prepare_cached("DELETE FROM staged_edges WHERE parent = ?1 AND member = ?2")?;
    for member in members {
        if member.removed {
            delete.execute((parent, member.id))?;
        } else {
            insert.execute((parent, member.id, member.kind.word()))?;
        }
    }
    Ok(())
}

fn forget_user(connection: &Connection, id: ObjectId) -> Result<(), StoreError> {
    connection
        .prepare_cached("DELETE FROM staged_users WHERE object = ?1")?
        .execute([id])?;
    Ok(())
}

fn forget_group(connection: &Connection, id: ObjectId) -> Result<(), StoreError> {
    connection
        .prepare_cached("DELETE FROM staged_groups WHERE object = ?1")?
        .execute([id])?;
    Ok(())
}

fn forget_fault(connection: &Connection, id: ObjectId) -> Result<(), StoreError> {
    connection
        .prepare_cached("DELETE FROM staged_faults WHERE object = ?1")?
        .execute([id])?;
    Ok(())
}

fn keep_fault(
    connection: &Connection,
    kind: MemberKind,
    label: &str,
    position: usize,
    fault: &Fault,
) -> Result<(), StoreError> {
    if let Some(id) = fault.object {
        forget_fault(connection, id)?;
    }
    connection
        .prepare_cached(
            "INSERT OR REPLACE INTO staged_faults (place, kind, object, label, reason)
             VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute(params![
            format!("{label}: value[{position}]"),
            kind.word(),
            fault.object,
            fault.label,
            fault.reason
        ])?;
    Ok(())
}

fn users(connection: &Connection) -> Result<Vec<UserObject>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT object, upn, display_name, mail_nickname, sam_account_name, user_type, enabled,
                created_at, password_changed_at, sessions_valid_from
         FROM staged_users ORDER BY object",
    )?;
    let rows = statement.query_map([], |row| {
        Ok(UserObject {
            id: row.get(0)?,
            upn: row.get(1)?,
            display_name: row.get(2)?,
            mail_nickname: row.get(3)?,
            sam_account_name: row.get(4)?,
            user_type: row.get(5)?,
            enabled: row.get(6)?,
            created_at: row.get(7)?,
            password_changed_at: row.get(8)?,
            sessions_valid_from: row.get(9)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn groups(connection: &Connection) -> Result<Vec<GroupObject>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT object, display_name, security, mail, unified, hidden, created_at
         FROM staged_groups ORDER BY object",
    )?;
    let rows = statement.query_map([], |row| {
        Ok(GroupObject {
            id: row.get(0)?,
            display_name: row.get(1)?,
            security: row.get(2)?,
            mail: row.get(3)?,
            unified: row.get(4)?,
            hidden: row.get(5)?,
            created_at: row.get(6)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn edges(connection: &Connection) -> Result<Vec<Edge>, StoreError> {
    let mut statement = connection
        .prepare_cached("SELECT parent, member, kind FROM staged_edges ORDER BY parent, member")?;
    let mut rows = statement.query([])?;
    let mut edges = Vec::new();
    while let Some(row) = rows.next()? {
        let kind = MemberKind::of_word(&row.get::<_, String>(2)?)?;
        edges.push(Edge {
            parent: row.get(0)?,
            member: row.get(1)?,
            kind,
        });
    }
    Ok(edges)
}

fn faults(connection: &Connection) -> Result<Vec<StagedFault>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT kind, place, object, label, reason FROM staged_faults ORDER BY place",
    )?;
    let mut rows = statement.query([])?;
    let mut faults = Vec::new();
    while let Some(row) = rows.next()? {
        faults.push(StagedFault {
            kind: MemberKind::of_word(&row.get::<_, String>(0)?)?,
            place: row.get(1)?,
            fault: Fault {
                object: row.get(2)?,
                label: row.get(3)?,
                reason: row.get(4)?,
            },
        });
    }
    Ok(faults)
}
