//! The tables, as numbered migrations that only go forward.
//!
//! A database's number is its `user_version`: how many migrations of its list were applied. Each is one
//! transaction together with the number, so a kill between two leaves a database of the earlier number.
//! A number that this build does not know means that a later version was here: such a file is refused
//! before anything of it is changed.
//!
//! A migration that was released is never edited; a change of the tables is a new one at the end.

use std::path::Path;

use rusqlite::{Connection, OpenFlags};

use super::{BUSY_LIMIT, StoreError};

/// A database's migrations; migration `n` leads to `user_version` `n + 1`.
pub(super) struct Schema {
    migrations: &'static [&'static str],
}

/// Of `directory.db`.
pub(super) const DIRECTORY: Schema = Schema {
    migrations: &[DIRECTORY_1, DIRECTORY_2, DIRECTORY_3],
};

/// Of `state.db`.
pub(super) const STATE: Schema = Schema {
    migrations: &[
        STATE_1, STATE_2, STATE_3, STATE_4, STATE_5, STATE_6, STATE_7, STATE_8, STATE_9, STATE_10,
        STATE_11,
    ],
};

impl Schema {
    fn known(&self) -> i64 {
        i64::try_from(self.migrations.len()).unwrap_or(i64::MAX)
    }
}

/// Looks at the number without writing anything.
pub(super) fn refuse_newer(path: &Path, schema: &Schema) -> Result<(), StoreError> {
    // Not read-only: a WAL database that was not closed cleanly can only be read by one who may write.
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    connection.busy_timeout(BUSY_LIMIT)?;
    let found = version(&connection)?;
    let known = schema.known();
    if found > known {
        return Err(StoreError::Newer {
            path: path.to_owned(),
            found,
            known,
        });
    }
    Ok(())
}

/// Applies what is missing.
pub(super) fn migrate(path: &Path, schema: &Schema) -> Result<(), StoreError> {
    let mut connection = Connection::open(path)?;
    connection.busy_timeout(BUSY_LIMIT)?;
    // Readers then don't wait for the writer. The mode stays with the file.
    connection.pragma_update(None, "journal_mode", "WAL")?;
    let mut number = version(&connection)?;
    let applied = usize::try_from(number).unwrap_or(0);
    for migration in schema.migrations.iter().skip(applied) {
        number += 1;
        let transaction = connection.transaction()?;
        transaction.execute_batch(migration)?;
        transaction.pragma_update(None, "user_version", number)?;
        transaction.commit()?;
    }
    Ok(())
}

fn version(connection: &Connection) -> Result<i64, StoreError> {
    Ok(connection.pragma_query_value(None, "user_version", |row| row.get(0))?)
}

/// What came from the tenant. `name` is the canonical name here, absent where the row failed;
/// `displaced` means that a local account has taken the name or id since the import. `memberships` is
/// the closure, `edges` are the direct members. The `staged_` tables hold a round that is not whole yet:
/// nothing but an import reads them.
const DIRECTORY_1: &str = "
CREATE TABLE users (
    tenant BLOB NOT NULL, object BLOB NOT NULL,
    upn TEXT NOT NULL, upn_key TEXT NOT NULL,
    display_name TEXT NOT NULL,
    mail_nickname TEXT, sam_account_name TEXT, user_type TEXT,
    enabled INTEGER NOT NULL,
    created_at INTEGER, password_changed_at INTEGER, sessions_valid_from INTEGER,
    name TEXT UNIQUE,
    displaced INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (tenant, object)
) STRICT, WITHOUT ROWID;
CREATE INDEX users_by_upn ON users (upn_key);
CREATE INDEX users_by_object ON users (object);

CREATE TABLE groups (
    tenant BLOB NOT NULL, object BLOB NOT NULL,
    display_name TEXT NOT NULL, kind TEXT NOT NULL, created_at INTEGER,
    name TEXT UNIQUE,
    displaced INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (tenant, object)
) STRICT, WITHOUT ROWID;
CREATE INDEX groups_by_object ON groups (object);

CREATE TABLE edges (
    tenant BLOB NOT NULL, parent BLOB NOT NULL, member BLOB NOT NULL, kind TEXT NOT NULL,
    PRIMARY KEY (tenant, parent, member),
    FOREIGN KEY (tenant, parent) REFERENCES groups (tenant, object)
) STRICT, WITHOUT ROWID;
CREATE INDEX edges_by_member ON edges (tenant, member);

CREATE TABLE memberships (
    tenant BLOB NOT NULL, member BLOB NOT NULL, parent BLOB NOT NULL,
    PRIMARY KEY (tenant, member, parent),
    FOREIGN KEY (tenant, member) REFERENCES users (tenant, object),
    FOREIGN KEY (tenant, parent) REFERENCES groups (tenant, object)
) STRICT, WITHOUT ROWID;
CREATE INDEX memberships_by_parent ON memberships (tenant, parent);

CREATE TABLE failures (
    kind TEXT NOT NULL, object_id TEXT NOT NULL, label TEXT NOT NULL,
    reason TEXT NOT NULL, cure TEXT NOT NULL
) STRICT;

CREATE TABLE links (
    tenant BLOB NOT NULL, stream TEXT NOT NULL, link TEXT NOT NULL, taken_at INTEGER NOT NULL,
    PRIMARY KEY (tenant, stream)
) STRICT, WITHOUT ROWID;

CREATE TABLE staged_streams (
    stream TEXT PRIMARY KEY, started_at INTEGER NOT NULL, pages INTEGER NOT NULL,
    next_link TEXT, delta_link TEXT
) STRICT, WITHOUT ROWID;
CREATE TABLE staged_users (
    object BLOB PRIMARY KEY, upn TEXT NOT NULL, display_name TEXT NOT NULL,
    mail_nickname TEXT, sam_account_name TEXT, user_type TEXT, enabled INTEGER NOT NULL,
    created_at INTEGER, password_changed_at INTEGER, sessions_valid_from INTEGER
) STRICT, WITHOUT ROWID;
CREATE TABLE staged_groups (
    object BLOB PRIMARY KEY, display_name TEXT NOT NULL,
    security INTEGER NOT NULL, mail INTEGER NOT NULL, unified INTEGER NOT NULL,
    hidden INTEGER NOT NULL, created_at INTEGER
) STRICT, WITHOUT ROWID;
CREATE TABLE staged_edges (
    parent BLOB NOT NULL, member BLOB NOT NULL, kind TEXT NOT NULL,
    PRIMARY KEY (parent, member)
) STRICT, WITHOUT ROWID;
CREATE TABLE staged_faults (
    place TEXT PRIMARY KEY, kind TEXT NOT NULL, object BLOB, label TEXT NOT NULL, reason TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX staged_faults_by_object ON staged_faults (object);
";

/// `withheld` marks people whom the shrink guard keeps although the tenant's answer no longer has them.
const DIRECTORY_2: &str = "ALTER TABLE users ADD COLUMN withheld INTEGER NOT NULL DEFAULT 0;";

/// The mirror of each tenant in place of a staged round: see `rounds`. `failures` and what the plan
/// compares get what it now needs: whose they are, the properties that only some tenants have, and the
/// instant at which a sign-in was told that somebody is cut off. Memberships stand in the order in which
/// an import compares them: group by group.
const DIRECTORY_3: &str = "
DROP TABLE staged_streams; DROP TABLE staged_users; DROP TABLE staged_groups;
DROP TABLE staged_edges; DROP TABLE staged_faults; DROP TABLE links; DROP TABLE failures;

CREATE TABLE rounds (
    id INTEGER PRIMARY KEY AUTOINCREMENT, tenant BLOB NOT NULL, kind TEXT NOT NULL,
    state TEXT NOT NULL, fingerprint TEXT NOT NULL, started_at INTEGER NOT NULL,
    full_at INTEGER NOT NULL, needs_full INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE UNIQUE INDEX rounds_live ON rounds (tenant) WHERE state = 'live';
CREATE UNIQUE INDEX rounds_open ON rounds (tenant) WHERE state = 'open';
CREATE TABLE round_streams (
    round INTEGER NOT NULL, stream TEXT NOT NULL, pages INTEGER NOT NULL,
    next_link TEXT, delta_link TEXT,
    PRIMARY KEY (round, stream)
) STRICT, WITHOUT ROWID;
CREATE TABLE raw_objects (
    round INTEGER NOT NULL, kind TEXT NOT NULL, object BLOB NOT NULL,
    body TEXT NOT NULL, place TEXT NOT NULL, seen_at INTEGER NOT NULL,
    PRIMARY KEY (round, kind, object)
) STRICT, WITHOUT ROWID;
CREATE TABLE raw_edges (
    round INTEGER NOT NULL, parent BLOB NOT NULL, member BLOB NOT NULL,
    kind TEXT NOT NULL, removed INTEGER NOT NULL,
    PRIMARY KEY (round, parent, member)
) STRICT, WITHOUT ROWID;
CREATE TABLE raw_faults (
    round INTEGER NOT NULL, place TEXT NOT NULL, kind TEXT NOT NULL,
    label TEXT NOT NULL, reason TEXT NOT NULL,
    PRIMARY KEY (round, place)
) STRICT, WITHOUT ROWID;

CREATE TABLE failures (
    id INTEGER PRIMARY KEY, tenant BLOB NOT NULL,
    kind TEXT NOT NULL, object_id TEXT NOT NULL, label TEXT NOT NULL,
    reason TEXT NOT NULL, cure TEXT NOT NULL
) STRICT;
CREATE INDEX failures_by_tenant ON failures (tenant);

ALTER TABLE users ADD COLUMN gid_number INTEGER;
ALTER TABLE users ADD COLUMN shell TEXT;
ALTER TABLE users ADD COLUMN cut_off_at INTEGER;

CREATE TABLE memberships_by_group (
    tenant BLOB NOT NULL, parent BLOB NOT NULL, member BLOB NOT NULL,
    PRIMARY KEY (tenant, parent, member),
    FOREIGN KEY (tenant, member) REFERENCES users (tenant, object),
    FOREIGN KEY (tenant, parent) REFERENCES groups (tenant, object)
) STRICT, WITHOUT ROWID;
INSERT INTO memberships_by_group SELECT tenant, parent, member FROM memberships;
DROP TABLE memberships;
ALTER TABLE memberships_by_group RENAME TO memberships;
CREATE INDEX memberships_by_member ON memberships (tenant, member);
";

/// What exists only on this host. `ids` only ever grows: an id is never given to another object.
/// `names` holds every name that an object has or had; `held` is 0 for those that stay retired.
const STATE_1: &str = "
CREATE TABLE ids (
    id INTEGER PRIMARY KEY, tenant BLOB NOT NULL, object BLOB NOT NULL,
    attempt INTEGER NOT NULL, allocated_at INTEGER NOT NULL,
    UNIQUE (tenant, object)
) STRICT;

CREATE TABLE names (
    name TEXT PRIMARY KEY, tenant BLOB NOT NULL, object BLOB NOT NULL,
    kind TEXT NOT NULL, held INTEGER NOT NULL, since INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX names_by_object ON names (tenant, object);

CREATE TABLE homes (
    tenant BLOB NOT NULL, object BLOB NOT NULL, home TEXT NOT NULL UNIQUE, fixed_at INTEGER NOT NULL,
    PRIMARY KEY (tenant, object)
) STRICT, WITHOUT ROWID;

CREATE TABLE roles (
    tenant BLOB NOT NULL, object BLOB NOT NULL, role TEXT NOT NULL, given_at INTEGER NOT NULL,
    PRIMARY KEY (tenant, object)
) STRICT, WITHOUT ROWID;

CREATE TABLE settings (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;

CREATE TABLE sign_ins (
    tenant BLOB NOT NULL, object BLOB NOT NULL, succeeded INTEGER NOT NULL,
    at INTEGER NOT NULL, service TEXT NOT NULL, method TEXT NOT NULL, detail TEXT NOT NULL,
    PRIMARY KEY (tenant, object, succeeded)
) STRICT, WITHOUT ROWID;

CREATE TABLE runs (
    id INTEGER PRIMARY KEY, started_at INTEGER NOT NULL, ended_at INTEGER NOT NULL,
    scope TEXT NOT NULL, summary TEXT, failure TEXT
) STRICT;

CREATE TABLE audit (
    id INTEGER PRIMARY KEY, at INTEGER NOT NULL,
    actor_uid INTEGER NOT NULL, actor_name TEXT NOT NULL, actor_role TEXT,
    verb TEXT NOT NULL, object TEXT NOT NULL, before TEXT, after TEXT, refused INTEGER NOT NULL
) STRICT;
";

/// Runs of several tenants, from their beginning on, with the objects that they could not take; the scope
/// and the schedule of each tenant. Earlier runs name no tenant.
const STATE_2: &str = "
CREATE TABLE longer_runs (
    id INTEGER PRIMARY KEY AUTOINCREMENT, tenant BLOB, begun_by TEXT NOT NULL DEFAULT '',
    started_at INTEGER NOT NULL, ended_at INTEGER, scope TEXT NOT NULL,
    summary TEXT, failure TEXT, failures INTEGER NOT NULL DEFAULT 0
) STRICT;
INSERT INTO longer_runs (id, started_at, ended_at, scope, summary, failure)
SELECT id, started_at, ended_at, scope, summary, failure FROM runs;
DROP TABLE runs;
ALTER TABLE longer_runs RENAME TO runs;

CREATE TABLE run_failures (
    run INTEGER NOT NULL REFERENCES runs (id), position INTEGER NOT NULL,
    kind TEXT NOT NULL, object_id TEXT NOT NULL, label TEXT NOT NULL,
    reason TEXT NOT NULL, cure TEXT NOT NULL,
    PRIMARY KEY (run, position)
) STRICT, WITHOUT ROWID;

CREATE TABLE scopes (
    tenant BLOB PRIMARY KEY, scope TEXT NOT NULL, set_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE schedules (
    tenant BLOB PRIMARY KEY, interval_minutes INTEGER NOT NULL, paused INTEGER NOT NULL DEFAULT 0,
    planned_at INTEGER, next_run INTEGER
) STRICT, WITHOUT ROWID;
";

/// What a person has in place of a private group and of the host's shell.
const STATE_3: &str = "
CREATE TABLE person_overrides (
    tenant BLOB NOT NULL, object BLOB NOT NULL, gid INTEGER, shell TEXT,
    PRIMARY KEY (tenant, object)
) STRICT, WITHOUT ROWID;
";

/// Which ids were ever used, and whose account a person has taken over. `used_at` is set by whoever gives
/// an object its first name, wherever that is: from then on files may carry the id, and it never moves.
/// `adoptions` remembers what a person had before; an id that an adopted person gave up stays in `ids`
/// under the tenant 0, so that nobody else gets it and it can be given back.
const STATE_4: &str = "
ALTER TABLE ids ADD COLUMN used_at INTEGER;
UPDATE ids SET used_at = (
    SELECT min(since) FROM names WHERE names.tenant = ids.tenant AND names.object = ids.object
);
CREATE TRIGGER ids_used AFTER INSERT ON names BEGIN
    UPDATE ids SET used_at = NEW.since
    WHERE tenant = NEW.tenant AND object = NEW.object AND used_at IS NULL;
END;
CREATE TABLE adoptions (
    name TEXT PRIMARY KEY, tenant BLOB NOT NULL, object BLOB NOT NULL,
    uid INTEGER NOT NULL, adopted_at INTEGER NOT NULL,
    UNIQUE (tenant, object)
) STRICT, WITHOUT ROWID;
";

/// What failed tries with a password still count for: seconds that were left at the instant `at`.
const STATE_5: &str = "
CREATE TABLE throttled_people (
    tenant BLOB NOT NULL, object BLOB NOT NULL,
    at INTEGER NOT NULL, owed INTEGER NOT NULL, refused INTEGER NOT NULL,
    PRIMARY KEY (tenant, object)
) STRICT, WITHOUT ROWID;
CREATE TABLE throttled_hosts (
    host TEXT PRIMARY KEY,
    at INTEGER NOT NULL, owed INTEGER NOT NULL, refused INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
";

/// Who may not use their account here: blocked, or from the instant `expires` on.
const STATE_6: &str = "
CREATE TABLE restrictions (
    tenant BLOB NOT NULL, object BLOB NOT NULL,
    blocked INTEGER NOT NULL, expires INTEGER,
    PRIMARY KEY (tenant, object)
) STRICT, WITHOUT ROWID;
";

/// The local accounts that the gate never refuses, with the last proof that each can sign in. The gate itself
/// is in `settings`.
const STATE_7: &str = "
CREATE TABLE break_glass (
    name TEXT PRIMARY KEY, added_at INTEGER NOT NULL, proven_at INTEGER, proof TEXT
) STRICT, WITHOUT ROWID;
INSERT INTO break_glass (name, added_at) VALUES ('root', 0);
";

/// What is kept of people's secrets for times without the tenant: see `verifiers`. `proven_at` is the last
/// sign-in with the tenant, `tries` are the wrong ones since then.
const STATE_8: &str = "
CREATE TABLE verifiers (
    tenant BLOB NOT NULL, object BLOB NOT NULL, kind TEXT NOT NULL,
    key_id BLOB NOT NULL, scheme INTEGER NOT NULL, salt BLOB NOT NULL, tag BLOB NOT NULL,
    made_at INTEGER NOT NULL, proven_at INTEGER NOT NULL,
    tries INTEGER NOT NULL DEFAULT 0, tried_at INTEGER,
    PRIMARY KEY (tenant, object, kind)
) STRICT, WITHOUT ROWID;
";

/// Roles that everybody in a group has. That somebody is a user is said by no row any more.
const STATE_9: &str = "
CREATE TABLE group_roles (
    tenant BLOB NOT NULL, object BLOB NOT NULL, role TEXT NOT NULL, given_at INTEGER NOT NULL,
    PRIMARY KEY (tenant, object)
) STRICT, WITHOUT ROWID;
DELETE FROM roles WHERE role = 'user';
";

/// How each attempt ended, in place of whether it was refused; numbers that are never given twice, so that a
/// missing row leaves a gap. `count` is above 1 of rows that stand for several attempts.
const STATE_10: &str = "
CREATE TABLE audit_with_outcomes (
    id INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL,
    actor_uid INTEGER NOT NULL, actor_name TEXT NOT NULL, actor_role TEXT,
    verb TEXT NOT NULL, object TEXT NOT NULL, before TEXT, after TEXT,
    outcome TEXT NOT NULL, reason TEXT, count INTEGER NOT NULL DEFAULT 1
) STRICT;
INSERT INTO audit_with_outcomes
    (id, at, actor_uid, actor_name, actor_role, verb, object, before, after, outcome)
SELECT id, at, actor_uid, actor_name, actor_role, verb, object, before, after,
    CASE WHEN refused THEN 'refused' WHEN after LIKE 'begun%' THEN 'begun' ELSE 'done' END
FROM audit ORDER BY id;
DROP TABLE audit;
ALTER TABLE audit_with_outcomes RENAME TO audit;
CREATE INDEX audit_by_time ON audit (at);
";

/// Refresh tokens, sealed: of those alone who have a passcode, which needs one.
const STATE_11: &str = "
CREATE TABLE refresh_tokens (
    tenant BLOB NOT NULL, object BLOB NOT NULL,
    key_id BLOB NOT NULL, nonce BLOB NOT NULL, sealed BLOB NOT NULL,
    PRIMARY KEY (tenant, object)
) STRICT, WITHOUT ROWID;
";

#[cfg(test)]
mod tests {
    use super::*;

    /// A database of each earlier number, with a row in it, comes to the present one with that row.
    #[test]
    fn every_earlier_number_is_brought_forward() {
        let cases = [
            (
                &DIRECTORY,
                "INSERT INTO users (tenant, object, upn, upn_key, display_name, enabled)
                 VALUES (x'01', x'02', 'a', 'a', 'A', 1)",
                "SELECT count(*) FROM users WHERE object = x'02' AND withheld = 0",
            ),
            (
                &STATE,
                "INSERT INTO runs (started_at, ended_at, scope) VALUES (1, 2, 'x')",
                "SELECT count(*) FROM runs WHERE scope = 'x'",
            ),
            (
                &STATE,
                "INSERT INTO ids (id, tenant, object, attempt, allocated_at)
                 VALUES (100001, x'01', x'02', 0, 5), (100002, x'01', x'03', 0, 5);
                 INSERT INTO names (name, tenant, object, kind, held, since)
                 VALUES ('alice', x'01', x'02', 'user', 0, 7)",
                "SELECT count(*) FROM ids AS a, ids AS b
                 WHERE a.id = 100001 AND a.used_at = 7 AND b.id = 100002 AND b.used_at IS NULL",
            ),
        ];
        for (schema, insert, question) in cases {
            for number in 1..=schema.migrations.len() {
                let folder = tempfile::tempdir().unwrap();
                let path = folder.path().join("some.db");
                let earlier = Schema {
                    migrations: &schema.migrations[..number],
                };
                migrate(&path, &earlier).unwrap();
                let connection = Connection::open(&path).unwrap();
                connection.execute_batch(insert).unwrap();
                migrate(&path, schema).unwrap();
                assert_eq!(version(&connection).unwrap(), schema.known());
                let rows: i64 = connection
                    .query_row(question, [], |row| row.get(0))
                    .unwrap();
                assert_eq!(rows, 1, "from {number}");
            }
        }
    }

    #[test]
    fn the_audit_log_of_an_earlier_version_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("some.db");
        let earlier = Schema {
            migrations: &STATE.migrations[..9],
        };
        migrate(&path, &earlier).unwrap();
        let connection = Connection::open(&path).unwrap();
        connection
            .execute_batch(
                "INSERT INTO audit (id, at, actor_uid, actor_name, actor_role, verb, object, before, after, refused)
                 VALUES (3, 10, 0, 'root', NULL, 'role set', 'alice', 'user', 'auditor', 0),
                        (4, 11, 9, 'local user', NULL, 'import', 'x', NULL, NULL, 1),
                        (5, 12, 7, 'carol', 'operator', 'sync', 'x', NULL, 'begun, removals accepted', 0)",
            )
            .unwrap();
        migrate(&path, &STATE).unwrap();
        let mut statement = connection
            .prepare(
                "SELECT id || ' ' || at || ' ' || actor_uid || ' ' || actor_name || ' ' || ifnull(actor_role, '-')
                 || ' ' || verb || ' ' || object || ' ' || ifnull(before, '-') || ' ' || ifnull(after, '-')
                 || ' ' || outcome || ' ' || count FROM audit ORDER BY id",
            )
            .unwrap();
        let rows: Vec<String> = statement
            .query_map([], |row| row.get(0))
            .unwrap()
            .map(Result::unwrap)
            .collect();
        assert_eq!(
            rows,
            [
                "3 10 0 root - role set alice user auditor done 1",
                "4 11 9 local user - import x - - refused 1",
                "5 12 7 carol operator sync x - begun, removals accepted begun 1",
            ]
        );
        connection
            .execute_batch(
                "INSERT INTO audit (at, actor_uid, actor_name, verb, object, outcome)
                 VALUES (13, 0, 'root', 'x', 'y', 'done')",
            )
            .unwrap();
        assert_eq!(connection.last_insert_rowid(), 6);
    }
}
