//! What a run changes, object by object: every object that counts ends in exactly one of added, changed,
//! unchanged, withheld and failed.

use entra_protocol::admin::{Change, Counts, FailedObject};
use rusqlite::{Connection, Row, params};

use super::super::SyncError;
use super::cleaned;
use super::consider::fail;
use crate::graph::MemberKind;
use crate::identity::{ObjectId, TenantId};

/// Judges every claim, and makes failed rows of those that fail.
pub(super) fn judge(connection: &Connection, tenant: TenantId) -> Result<(), SyncError> {
    for statement in CHANGED_GROUPS {
        connection.prepare(statement)?.execute([tenant])?;
    }
    for statement in [JUDGE_USERS, JUDGE_GROUPS] {
        connection.prepare(statement)?.execute([tenant])?;
    }
    let mut statement = connection.prepare(
        "SELECT kind, object, label, coalesce(unread, reason), iif(unread IS NULL, cure, NULL)
         FROM claims WHERE verdict = 'failed'",
    )?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let failed = FailedObject {
            kind: row.get(0)?,
            object_id: row.get::<_, ObjectId>(1)?.to_string(),
            label: cleaned(&row.get::<_, String>(2)?),
            reason: row.get::<_, Option<String>>(3)?.unwrap_or_default(),
            cure: row
                .get::<_, Option<String>>(4)?
                .unwrap_or_else(|| super::consider::UNREAD_CURE.to_owned()),
        };
        fail(connection, &failed)?;
    }
    Ok(())
}

/// The objects of one kind in their five numbers, and how many are withheld. `configured` is a list of
/// tenants as [`gone`] takes it.
pub(super) fn counts(
    connection: &Connection,
    kind: MemberKind,
    gone: &str,
) -> Result<(Counts, u64), SyncError> {
    let mut counts = Counts::default();
    let mut withheld = 0;
    let mut statement = connection
        .prepare("SELECT verdict, count(*) FROM claims WHERE kind = ?1 GROUP BY verdict")?;
    let mut rows = statement.query([kind.word()])?;
    while let Some(row) = rows.next()? {
        let count = u64::from(row.get::<_, u32>(1)?);
        match row.get::<_, String>(0)?.as_str() {
            "added" => counts.added = count,
            "changed" => counts.changed = count,
            "unchanged" => counts.unchanged = count,
            "withheld" => withheld = count,
            // Counted below, with those that never made a claim.
            _ => {}
        }
    }
    let number = |question: &str| -> Result<u64, SyncError> {
        Ok(connection
            .prepare(question)?
            .query_row([], |row| row.get::<_, u32>(0))?
            .into())
    };
    counts.failed = number(&format!(
        "SELECT count(*) FROM failures_now WHERE kind = '{}'",
        kind.word()
    ))?;
    let table = table(kind);
    counts.removed = number(&format!(
        "SELECT count(*) FROM {table} AS o WHERE o.name IS NOT NULL AND {gone}"
    ))?;
    Ok((counts, withheld))
}

/// The condition under which a row `o` of the directory goes: it is this tenant's and makes no claim, or
/// it is of a tenant that this host no longer has.
pub(super) fn gone(tenant: TenantId, configured: &[TenantId]) -> String {
    format!(
        "((o.tenant = {} AND NOT EXISTS (SELECT 1 FROM claims AS c WHERE c.object = o.object)) OR {})",
        literal(&tenant),
        foreign(configured)
    )
}

/// The condition under which a row `o` is of a tenant that this host no longer has.
pub(super) fn foreign(configured: &[TenantId]) -> String {
    let configured: Vec<String> = configured.iter().map(literal).collect();
    format!("o.tenant NOT IN ({})", configured.join(", "))
}

/// The tenant's id as SQL writes a blob.
fn literal(tenant: &TenantId) -> String {
    let digits: String = tenant
        .to_bytes()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("x'{digits}'")
}

/// The directory's table for objects of this kind.
pub(super) fn table(kind: MemberKind) -> &'static str {
    match kind {
        MemberKind::User => "users",
        MemberKind::Group => "groups",
    }
}

/// Memberships of people who have a name in groups that have one.
pub(super) fn memberships(connection: &Connection) -> Result<u64, SyncError> {
    Ok(connection
        .prepare(
            "SELECT count(*) FROM want_members AS m
             CROSS JOIN claims AS g ON g.object = m.parent AND g.name IS NOT NULL
             CROSS JOIN claims AS u ON u.object = m.member AND u.name IS NOT NULL",
        )?
        .query_row([], |row| row.get::<_, u32>(0))?
        .into())
}

/// The first changes of the run, and how many more there are.
pub(super) fn changes(
    connection: &Connection,
    tenant: TenantId,
    gone: &str,
) -> Result<(Vec<Change>, u64), SyncError> {
    let question = CHANGES.replace("{gone}", gone);
    let total: u32 = connection
        .prepare(&format!("SELECT count(*) FROM ({question})"))?
        .query_row([tenant], |row| row.get(0))?;
    let mut statement = connection.prepare(&format!(
        "SELECT * FROM ({question}) ORDER BY 1 DESC, 2, 3, 4, 5 LIMIT ?2"
    ))?;
    let change = |row: &Row<'_>| {
        Ok(Change {
            kind: row.get(0)?,
            action: row.get(1)?,
            name: row.get::<_, Option<String>>(2)?.unwrap_or_default(),
            label: cleaned(&row.get::<_, String>(3)?),
            object_id: row.get::<_, ObjectId>(4)?.to_string(),
        })
    };
    let changes = statement
        .query_map(params![tenant, CHANGES_SHOWN], change)?
        .collect::<Result<Vec<_>, _>>()?;
    let shown = u64::try_from(changes.len()).unwrap_or(u64::MAX);
    Ok((changes, u64::from(total).saturating_sub(shown)))
}

/// Failed rows in the order in which they are shown: people first, then by label.
pub(super) fn failures(connection: &Connection) -> Result<Vec<FailedObject>, SyncError> {
    let mut statement = connection.prepare(
        "SELECT kind, object_id, label, reason, cure FROM failures_now
         ORDER BY kind DESC, label, id LIMIT ?1",
    )?;
    let rows = statement.query_map([CHANGES_SHOWN], |row| {
        Ok(FailedObject {
            kind: row.get(0)?,
            object_id: row.get(1)?,
            label: row.get(2)?,
            reason: row.get(3)?,
            cure: row.get(4)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Groups whose direct members or closure differ from the directory's.
const CHANGED_GROUPS: [&str; 4] = [
    "INSERT OR IGNORE INTO changed_groups
     SELECT DISTINCT w.parent FROM want_edges AS w WHERE NOT EXISTS
         (SELECT 1 FROM edges AS e WHERE e.tenant = ?1 AND e.parent = w.parent
          AND e.member = w.member AND e.kind = w.kind)",
    "INSERT OR IGNORE INTO changed_groups
     SELECT DISTINCT e.parent FROM edges AS e WHERE e.tenant = ?1 AND NOT EXISTS
         (SELECT 1 FROM want_edges AS w WHERE w.parent = e.parent AND w.member = e.member
          AND w.kind = e.kind)",
    "INSERT OR IGNORE INTO changed_groups
     SELECT DISTINCT w.parent FROM want_members AS w WHERE NOT EXISTS
         (SELECT 1 FROM memberships AS m WHERE m.tenant = ?1 AND m.parent = w.parent
          AND m.member = w.member)",
    "INSERT OR IGNORE INTO changed_groups
     SELECT DISTINCT m.parent FROM memberships AS m WHERE m.tenant = ?1 AND NOT EXISTS
         (SELECT 1 FROM want_members AS w WHERE w.parent = m.parent AND w.member = m.member)",
];

const JUDGE_USERS: &str = "
UPDATE claims SET verdict = CASE
    WHEN unread IS NOT NULL OR claims.name IS NULL THEN 'failed'
    WHEN claims.withheld THEN 'withheld'
    WHEN (SELECT u.name FROM users AS u WHERE u.tenant = ?1 AND u.object = claims.object) IS NULL
        THEN 'added'
    WHEN EXISTS (
        SELECT 1 FROM users AS u JOIN want_users AS w ON w.object = u.object
        WHERE u.tenant = ?1 AND u.object = claims.object AND u.name IS claims.name
          AND u.upn = w.upn AND u.display_name = w.display_name
          AND u.mail_nickname IS w.mail_nickname AND u.sam_account_name IS w.sam_account_name
          AND u.user_type IS w.user_type AND u.enabled = w.enabled
          AND u.created_at IS w.created_at AND u.password_changed_at IS w.password_changed_at
          AND u.sessions_valid_from IS w.sessions_valid_from
          AND u.gid_number IS w.gid_number AND u.shell IS w.shell)
        THEN 'unchanged'
    ELSE 'changed' END
WHERE kind = 'user'";

const JUDGE_GROUPS: &str = "
UPDATE claims SET verdict = CASE
    WHEN unread IS NOT NULL OR claims.name IS NULL THEN 'failed'
    WHEN claims.withheld THEN 'withheld'
    WHEN (SELECT g.name FROM groups AS g WHERE g.tenant = ?1 AND g.object = claims.object) IS NULL
        THEN 'added'
    WHEN NOT EXISTS (SELECT 1 FROM changed_groups AS c WHERE c.object = claims.object) AND EXISTS (
        SELECT 1 FROM groups AS g JOIN want_groups AS w ON w.object = g.object
        WHERE g.tenant = ?1 AND g.object = claims.object AND g.name IS claims.name
          AND g.display_name = w.display_name AND g.kind = w.kind AND g.created_at IS w.created_at)
        THEN 'unchanged'
    ELSE 'changed' END
WHERE kind = 'group'";

/// kind, action, name, label, object.
const CHANGES: &str = "
SELECT kind, CASE verdict WHEN 'added' THEN 'add' WHEN 'changed' THEN 'change' ELSE 'withhold' END
           AS action, name, label, object
FROM claims WHERE verdict IN ('added', 'changed', 'withheld')
UNION ALL
SELECT 'user', 'remove', o.name, o.upn, o.object FROM users AS o
WHERE o.name IS NOT NULL AND {gone}
UNION ALL
SELECT 'group', 'remove', o.name, o.display_name, o.object FROM groups AS o
WHERE o.name IS NOT NULL AND {gone}
UNION ALL
SELECT 'membership', 'add', u.name, g.name, w.member FROM changed_groups AS c
CROSS JOIN want_members AS w ON w.parent = c.object
CROSS JOIN claims AS u ON u.object = w.member AND u.name IS NOT NULL
CROSS JOIN claims AS g ON g.object = w.parent AND g.name IS NOT NULL
WHERE NOT EXISTS (SELECT 1 FROM memberships AS m WHERE m.tenant = ?1 AND m.parent = w.parent
                  AND m.member = w.member)
UNION ALL
SELECT 'membership', 'remove', u.name, g.name, m.member FROM memberships AS m
CROSS JOIN users AS u ON u.tenant = ?1 AND u.object = m.member AND u.name IS NOT NULL
CROSS JOIN groups AS g ON g.tenant = ?1 AND g.object = m.parent AND g.name IS NOT NULL
WHERE m.tenant = ?1 AND NOT EXISTS
    (SELECT 1 FROM want_members AS w WHERE w.parent = m.parent AND w.member = m.member)";

/// Changes and failed rows of a dry run that are shown; the others are counted.
const CHANGES_SHOWN: u32 = 1_000;
