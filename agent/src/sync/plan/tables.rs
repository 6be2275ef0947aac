//! The temporary tables in which an import is decided on.
//!
//! `claims` has a row for every object that counts: what it asks for, what it gets, and why it fails if it
//! does. `want_users`, `want_groups`, `want_edges` and `want_members` are the directory as it should be;
//! `new_ids`, `new_homes`, `claimed` and `retired` what `state.db` has to learn. Failed rows that never
//! became claims (an unreadable stranger, a name that nothing has) stand in `failures` alone.
//!
//! SQLite knows nothing of how large these tables are. Where the order of a join matters it is said with
//! `CROSS JOIN`, which SQLite does not turn around.
//!
//! The names of columns that the directory has too are the same, so that the two can be compared.

use rusqlite::Connection;

use crate::store::StoreError;

/// Makes the tables, empty.
pub(super) fn create(connection: &Connection) -> Result<(), StoreError> {
    Ok(connection.execute_batch(TABLES)?)
}

const TABLES: &str = "
CREATE TEMP TABLE claims (
    object BLOB PRIMARY KEY, kind TEXT NOT NULL, created_at INTEGER, label TEXT NOT NULL,
    -- The name it asks for; NULL with a reason if it asks for none.
    candidate TEXT,
    -- Why it fails.
    reason TEXT, cure TEXT,
    -- Set if it could not be read and what was known stands in for it.
    unread TEXT,
    -- The shrink guard alone keeps it.
    withheld INTEGER NOT NULL DEFAULT 0,
    -- What the tenant wants it to have.
    wanted_id INTEGER, wanted_home TEXT,
    -- What it gets.
    name TEXT,
    -- added, changed, unchanged, withheld or failed.
    verdict TEXT
) STRICT, WITHOUT ROWID;
CREATE TEMP TABLE want_users (
    object BLOB PRIMARY KEY, upn TEXT NOT NULL, display_name TEXT NOT NULL,
    mail_nickname TEXT, sam_account_name TEXT, user_type TEXT, enabled INTEGER NOT NULL,
    created_at INTEGER, password_changed_at INTEGER, sessions_valid_from INTEGER,
    withheld INTEGER NOT NULL DEFAULT 0, gid_number INTEGER, shell TEXT
) STRICT, WITHOUT ROWID;
CREATE TEMP TABLE want_groups (
    object BLOB PRIMARY KEY, display_name TEXT NOT NULL, kind TEXT NOT NULL, created_at INTEGER
) STRICT, WITHOUT ROWID;
CREATE TEMP TABLE want_edges (
    parent BLOB NOT NULL, kind TEXT NOT NULL, member BLOB NOT NULL,
    PRIMARY KEY (parent, kind, member)
) STRICT, WITHOUT ROWID;
CREATE TEMP TABLE want_members (
    parent BLOB NOT NULL, member BLOB NOT NULL, PRIMARY KEY (parent, member)
) STRICT, WITHOUT ROWID;
-- What a named scope holds, where the mirror has the whole tenant.
CREATE TEMP TABLE in_scope (object BLOB PRIMARY KEY) STRICT, WITHOUT ROWID;
-- Groups that could not be read: their members are those that were known.
CREATE TEMP TABLE frozen_groups (object BLOB PRIMARY KEY) STRICT, WITHOUT ROWID;
-- Groups that are no live ones.
CREATE TEMP TABLE gone_groups (object BLOB PRIMARY KEY) STRICT, WITHOUT ROWID;
-- Guests whose account is disabled: that counts also where the guard keeps them.
CREATE TEMP TABLE disabled_guests (object BLOB PRIMARY KEY) STRICT, WITHOUT ROWID;
CREATE TEMP TABLE changed_groups (object BLOB PRIMARY KEY) STRICT, WITHOUT ROWID;
CREATE TEMP TABLE new_ids (
    id INTEGER PRIMARY KEY, object BLOB NOT NULL UNIQUE, attempt INTEGER NOT NULL
) STRICT;
CREATE TEMP TABLE new_homes (home TEXT PRIMARY KEY, object BLOB NOT NULL) STRICT, WITHOUT ROWID;
CREATE TEMP TABLE given (name TEXT PRIMARY KEY, object BLOB NOT NULL) STRICT, WITHOUT ROWID;
CREATE TEMP TABLE claimed (name TEXT PRIMARY KEY, object BLOB NOT NULL, kind TEXT NOT NULL)
    STRICT, WITHOUT ROWID;
CREATE TEMP TABLE retired (name TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;
CREATE TEMP TABLE failures_now (
    id INTEGER PRIMARY KEY, kind TEXT NOT NULL, object_id TEXT NOT NULL, label TEXT NOT NULL,
    reason TEXT NOT NULL, cure TEXT NOT NULL
) STRICT;
";
