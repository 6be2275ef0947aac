//! Objects that can't be read: what was known of them stands in, or their row fails.

use entra_protocol::admin::FailedObject;
use rusqlite::params;

use super::super::super::SyncError;
use super::super::cleaned;
use super::{Consider, fail};
use crate::graph::{Fault, MemberKind};
use crate::identity::ObjectId;
use crate::store::RoundId;

impl Consider<'_> {
    /// Elements that are about nobody.
    pub(super) fn faults(&self, round: RoundId) -> Result<(), SyncError> {
        let mut statement = self.connection.prepare(
            "SELECT kind, place, label, reason FROM raw_faults WHERE round = ?1 ORDER BY place",
        )?;
        let mut rows = statement.query([round.value()])?;
        while let Some(row) = rows.next()? {
            let fault = Fault {
                object: None,
                label: row.get(2)?,
                reason: row.get(3)?,
            };
            let kind = MemberKind::of_word(&row.get::<_, String>(0)?)?;
            self.unread(kind, &row.get::<_, String>(1)?, &fault)?;
        }
        Ok(())
    }

    /// A failed row for somebody who was asked for by name and does not count.
    pub(super) fn refuse(
        &self,
        kind: MemberKind,
        object: ObjectId,
        label: &str,
        reason: &str,
        cure: &str,
    ) -> Result<(), SyncError> {
        fail(
            self.connection,
            &FailedObject {
                kind: kind.word().to_owned(),
                object_id: object.to_string(),
                label: cleaned(label),
                reason: reason.to_owned(),
                cure: cure.to_owned(),
            },
        )
    }

    /// The known object where the present one can't be read, else a failed row.
    pub(super) fn unread(
        &self,
        kind: MemberKind,
        place: &str,
        fault: &Fault,
    ) -> Result<(), SyncError> {
        let reason = format!("{place}: {}", fault.reason);
        if let Some(object) = fault.object
            && self.known(kind, object, &reason)?
        {
            return Ok(());
        }
        let object = fault
            .object
            .map_or_else(|| place.to_owned(), |object| object.to_string());
        fail(
            self.connection,
            &FailedObject {
                kind: kind.word().to_owned(),
                object_id: object,
                label: fault.label.clone(),
                reason,
                cure: UNREAD_CURE.to_owned(),
            },
        )
    }

    /// Lets the directory's row stand in for the object; false if it has none. What the object's
    /// properties would make of its name can't be known: it keeps the one that it has.
    fn known(&self, kind: MemberKind, object: ObjectId, unread: &str) -> Result<bool, SyncError> {
        let tenant = self.rules.tenant;
        let (claim, row) = match kind {
            MemberKind::User => (KNOWN_USER_CLAIM, KNOWN_USER),
            MemberKind::Group => (KNOWN_GROUP_CLAIM, KNOWN_GROUP),
        };
        let found = self.connection.prepare_cached(claim)?.execute(params![
            tenant,
            object,
            unread,
            UNREAD_CURE
        ])?;
        if found == 0 {
            return Ok(false);
        }
        self.connection
            .prepare_cached(row)?
            .execute(params![tenant, object])?;
        if kind == MemberKind::Group {
            self.connection
                .prepare_cached("INSERT INTO frozen_groups VALUES (?1)")?
                .execute([object])?;
        }
        Ok(true)
    }
}

/// What to do about an object that can't be read.
pub(in super::super) const UNREAD_CURE: &str =
    "correct the object in Entra ID, or check the registration's permissions";

const KNOWN_USER_CLAIM: &str = "
INSERT OR IGNORE INTO claims (object, kind, created_at, label, candidate, reason, cure, unread)
SELECT object, 'user', created_at, upn, name, iif(name IS NULL, ?3, NULL),
       iif(name IS NULL, ?4, NULL), ?3
FROM users WHERE tenant = ?1 AND object = ?2";

const KNOWN_USER: &str = "
INSERT OR IGNORE INTO want_users
(object, upn, display_name, mail_nickname, sam_account_name, user_type, enabled, created_at,
 password_changed_at, sessions_valid_from, gid_number, shell)
SELECT object, upn, display_name, mail_nickname, sam_account_name, user_type, enabled, created_at,
       password_changed_at, sessions_valid_from, gid_number, shell
FROM users WHERE tenant = ?1 AND object = ?2";

const KNOWN_GROUP_CLAIM: &str = "
INSERT OR IGNORE INTO claims (object, kind, created_at, label, candidate, reason, cure, unread)
SELECT object, 'group', created_at, display_name, name, iif(name IS NULL, ?3, NULL),
       iif(name IS NULL, ?4, NULL), ?3
FROM groups WHERE tenant = ?1 AND object = ?2";

const KNOWN_GROUP: &str = "
INSERT OR IGNORE INTO want_groups (object, display_name, kind, created_at)
SELECT object, display_name, kind, created_at FROM groups WHERE tenant = ?1 AND object = ?2";
