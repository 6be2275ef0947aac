//! Who is in a group through the groups inside it.
//!
//! Computed here and not asked of Graph, so that one round gives one consistent answer. Groups may hold
//! one another in circles; SQLite's `UNION` visits each group once, and the circles are named in a remark.
//! Members are joined with the users that count: users who were deleted softly stay members for the
//! tenant (entra-facts §0.7).

use rusqlite::Connection;

use super::super::SyncError;
use super::listed;
use crate::identity::ObjectId;

/// Fills `want_members`, then leaves in `want_edges` only what joins two objects that count. A remark if
/// groups contain themselves.
pub(super) fn close(connection: &Connection) -> Result<Option<String>, SyncError> {
    connection.execute_batch(
        "INSERT INTO want_members (parent, member)
         SELECT e.parent, e.member FROM want_edges AS e
         CROSS JOIN claims AS g ON g.object = e.parent AND g.kind = 'group'
         CROSS JOIN claims AS u ON u.object = e.member AND u.kind = 'user'
         WHERE e.kind = 'user';",
    )?;
    let mut circular: Vec<String> = Vec::new();
    let mut circles = 0_usize;
    let mut statement = connection.prepare(
        "SELECT g.object, g.label FROM claims AS g
         WHERE g.kind = 'group'
           AND EXISTS (SELECT 1 FROM want_edges AS e WHERE e.parent = g.object AND e.kind = 'group')
         ORDER BY g.label, g.object",
    )?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let group: ObjectId = row.get(0)?;
        connection.prepare_cached(BELOW_MEMBERS)?.execute([group])?;
        let is_circular: bool = connection
            .prepare_cached(BELOW_ITSELF)?
            .query_row([group], |row| row.get(0))?;
        if is_circular {
            circles += 1;
            if circular.len() <= super::SHOWN_MAX {
                circular.push(row.get(1)?);
            }
        }
    }
    connection.execute_batch(
        "DELETE FROM want_edges WHERE NOT EXISTS
             (SELECT 1 FROM claims AS g WHERE g.object = parent AND g.kind = 'group')
          OR NOT EXISTS
             (SELECT 1 FROM claims AS m WHERE m.object = member AND m.kind = want_edges.kind);",
    )?;
    Ok((circles > 0).then(|| {
        format!(
            "groups that contain themselves, which is harmless: {}",
            listed(&circular, circles)
        )
    }))
}

/// The users of the groups below `?1`.
const BELOW_MEMBERS: &str = "
WITH RECURSIVE below (object) AS (
    SELECT member FROM want_edges WHERE parent = ?1 AND kind = 'group'
    UNION
    SELECT e.member FROM below AS b CROSS JOIN want_edges AS e ON e.parent = b.object
    WHERE e.kind = 'group'
)
INSERT OR IGNORE INTO want_members (parent, member)
SELECT ?1, e.member FROM below AS b
CROSS JOIN want_edges AS e ON e.parent = b.object AND e.kind = 'user'
CROSS JOIN claims AS u ON u.object = e.member AND u.kind = 'user'";

/// Whether `?1` is among the groups below it.
const BELOW_ITSELF: &str = "
WITH RECURSIVE below (object) AS (
    SELECT member FROM want_edges WHERE parent = ?1 AND kind = 'group'
    UNION
    SELECT e.member FROM below AS b CROSS JOIN want_edges AS e ON e.parent = b.object
    WHERE e.kind = 'group'
)
SELECT EXISTS (SELECT 1 FROM below WHERE object = ?1)";

#[cfg(test)]
mod tests {
    use rusqlite::params;

    use super::*;
    use crate::graph::MemberKind;

    fn id(number: u32) -> ObjectId {
        let mut bytes = [0; 16];
        bytes[..4].copy_from_slice(&number.to_be_bytes());
        ObjectId::from_bytes(bytes)
    }

    struct Tables(Connection);

    impl Tables {
        fn new() -> Self {
            let connection = Connection::open_in_memory().unwrap();
            super::super::tables::create(&connection).unwrap();
            Self(connection)
        }

        fn claim(&self, number: u32, kind: MemberKind) {
            self.0
                .execute(
                    "INSERT OR IGNORE INTO claims (object, kind, label) VALUES (?1, ?2, ?3)",
                    params![id(number), kind.word(), format!("g{number}")],
                )
                .unwrap();
        }

        fn edge(&self, parent: u32, member: u32, kind: MemberKind) {
            self.0
                .execute(
                    "INSERT INTO want_edges VALUES (?1, ?2, ?3)",
                    params![id(parent), kind.word(), id(member)],
                )
                .unwrap();
        }

        fn members(&self, parent: u32) -> Vec<ObjectId> {
            let mut statement = self
                .0
                .prepare("SELECT member FROM want_members WHERE parent = ?1 ORDER BY member")
                .unwrap();
            let rows = statement.query_map([id(parent)], |row| row.get(0)).unwrap();
            rows.collect::<Result<_, _>>().unwrap()
        }
    }

    #[test]
    fn circles_end_and_are_noticed() {
        use MemberKind::{Group, User};
        let tables = Tables::new();
        // 1 holds 2, 2 holds 3, 3 holds 1; 4 holds 1; 5 holds itself; 6 is empty; 105 does not count.
        for (parent, member) in [(1, 2), (2, 3), (3, 1), (4, 1), (5, 5)] {
            tables.edge(parent, member, Group);
        }
        for (parent, member) in [(1, 101), (2, 102), (3, 103), (3, 101), (4, 104), (2, 105)] {
            tables.edge(parent, member, User);
        }
        (1..=6).for_each(|group| tables.claim(group, Group));
        (101..=104).for_each(|user| tables.claim(user, User));
        let remark = close(&tables.0).unwrap().unwrap();
        let everyone = [id(101), id(102), id(103)];
        for group in 1..=3 {
            assert_eq!(tables.members(group), everyone);
        }
        assert_eq!(tables.members(4).len(), 4);
        assert_eq!(tables.members(6), []);
        assert!(remark.ends_with("harmless: g1, g2, g3, g5"), "{remark}");
        let edges: i64 = tables
            .0
            .query_row("SELECT count(*) FROM want_edges", [], |row| row.get(0))
            .unwrap();
        assert_eq!(edges, 10, "all but the one to 105");
    }

    #[test]
    fn groups_that_do_not_count_pass_their_members_on() {
        use MemberKind::{Group, User};
        let tables = Tables::new();
        tables.edge(1, 2, Group);
        tables.edge(2, 3, Group);
        tables.edge(3, 101, User);
        tables.claim(1, Group);
        tables.claim(101, User);
        close(&tables.0).unwrap();
        assert_eq!(tables.members(1), [id(101)]);
        assert_eq!(tables.members(2), []);
    }

    #[test]
    fn a_long_chain_needs_no_stack() {
        let tables = Tables::new();
        for number in 0..20_000 {
            tables.edge(number, number + 1, MemberKind::Group);
        }
        tables.edge(20_000, 30_000, MemberKind::User);
        tables.claim(0, MemberKind::Group);
        tables.claim(30_000, MemberKind::User);
        assert_eq!(close(&tables.0).unwrap(), None);
        assert_eq!(tables.members(0), [id(30_000)]);
    }
}
