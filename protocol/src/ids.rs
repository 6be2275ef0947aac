//! Rows and answers of the verbs about ids and about whose a name is: `ids show|import`, `users release`,
//! `users adopt`. Re-exported by [`crate::admin`], whose rules hold here, too.

use serde::{Deserialize, Serialize};

/// One allocation: an id that an object has on this host, for ever.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdRow {
    /// The uid or gid.
    pub id: u32,
    /// `user` or `group`; empty if the object was never here.
    pub kind: String,
    /// The name on this host, or the last one that it had; empty if it never had one.
    pub name: String,
    /// The tenant's id.
    pub tenant_id: String,
    /// The object's id.
    pub object_id: String,
    /// Which of the object's own candidates this is: other hosts that hold its first one, 0, agree without
    /// being told. `None`: none of them, it was pinned by `ids import` or `users adopt`.
    pub attempt: Option<u32>,
    /// Since when.
    pub since: String,
    /// Whether the object is in the directory now.
    pub here: bool,
    /// Whether the object ever had a name here: files may be its own, so that the id never moves.
    pub used: bool,
}

/// One row of another host's map.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdMapRow {
    /// The tenant's id.
    pub tenant_id: String,
    /// The object's id.
    pub object_id: String,
    /// The uid or gid that the object has there.
    pub id: u32,
}

/// A difference between a map and this host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdDifference {
    /// What it means here.
    pub change: IdChange,
    /// The tenant's id.
    pub tenant_id: String,
    /// The object's id.
    pub object_id: String,
    /// The name on this host, or the last one; empty if it never had one.
    pub name: String,
    /// The map's id for the object; `None` if the map does not have it.
    pub map: Option<u32>,
    /// This host's id for it, if it has one.
    pub here: Option<u32>,
    /// Why, in a clause.
    pub reason: String,
}

/// What a difference between a map and this host means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IdChange {
    /// The object has no id here yet and gets the map's as soon as it comes.
    Pinned,
    /// The object's id was never used here and becomes the map's.
    Moved,
    /// The object's id was never used here and is another's by the map; it gets a new one at the next import.
    Freed,
    /// The map's id can't be had here: nothing changes for this object.
    Conflict,
    /// A change that this build does not know.
    #[serde(other)]
    Unknown,
}

impl IdChange {
    /// The word for it in a table.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Pinned => "pinned",
            Self::Moved => "moved",
            Self::Freed => "freed",
            Self::Conflict => "conflict",
            Self::Unknown => "unknown",
        }
    }
}

/// How `ids import` ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdsImported {
    /// Rows that say what this host says.
    pub same: u64,
    /// See [`IdChange::Pinned`].
    pub pinned: u64,
    /// See [`IdChange::Moved`].
    pub moved: u64,
    /// See [`IdChange::Freed`].
    pub freed: u64,
    /// See [`IdChange::Conflict`].
    pub conflicts: u64,
    /// False if nothing was written: a dry run, or conflicts that were not to be skipped.
    pub written: bool,
}

/// A retired name and what it holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReleasedName {
    /// The name.
    pub name: String,
    /// `user` or `group`.
    pub kind: String,
    /// The tenant's id.
    pub tenant_id: String,
    /// The object that had it.
    pub object_id: String,
    /// That object's id, which it keeps for ever.
    pub id: Option<u32>,
    /// The home that is freed along with the name.
    pub home: Option<String>,
    /// What the object is called now, if it is still here: its home then stays with it.
    pub renamed_to: Option<String>,
    /// False of a dry run.
    pub released: bool,
}

/// A local account as it stands in `/etc/passwd`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LocalAccount {
    /// The name.
    pub name: String,
    /// The uid, which the person keeps.
    pub uid: u32,
    /// The primary group, likewise.
    pub gid: u32,
    /// The home, likewise.
    pub home: String,
    /// The shell, likewise.
    pub shell: String,
}

/// How far an adoption is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AdoptStep {
    /// Says who it would be and whether it can be; changes nothing.
    Preview,
    /// Gives the person the account's name, uid, gid, home and shell; counts once the account is gone.
    Pin,
    /// The account is gone from `/etc/passwd`: publishes the person.
    Publish,
}

/// An adoption, or the end of one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Adoption {
    /// The account's and the person's name.
    pub name: String,
    /// `userPrincipalName`; empty if the person is no longer here.
    pub upn: String,
    /// `displayName`, stripped.
    pub display_name: String,
    /// The tenant's id.
    pub tenant_id: String,
    /// The object's id.
    pub object_id: String,
    /// The uid that the person has with the account.
    pub uid: u32,
    /// The id that they had been given before and never used.
    pub id_before: Option<u32>,
    /// `accountEnabled` as last seen.
    pub enabled: bool,
    /// Whether imported people may sign in on this host at all.
    pub sign_in_enabled: bool,
}
