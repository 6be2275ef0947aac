//! Which objects of the mirror count, and what they ask for.
//!
//! Guests, groups that are not security groups, Microsoft 365 groups and groups with hidden membership
//! don't count unless the scope includes them (hidden ones never do), and a remark says how many there
//! were; unless somebody asked for one of them by name: that is a failed row. Groups that don't count
//! still pass their members on to groups that hold them.
//!
//! An object that can't be *read* but is known from before stays as it was: a bad answer takes nothing
//! away. It is a failed row all the same, for as long as it can't be read.

use entra_protocol::admin::FailedObject;
use rusqlite::{Connection, OptionalExtension, params};
use serde_json::Value;

mod refusal;
mod unread;

use super::super::read::Reading;
use super::super::{Include, Rules, SyncError};
use super::scope::{edges, scope};
use refusal::Refusal;

pub(super) use unread::UNREAD_CURE;

use super::{cleaned, damaged};
use crate::clock::UnixSeconds;
use crate::graph::{
    GroupChange, GroupObject, MemberKind, UserChange, UserObject, group_change, user_change,
};
use crate::identity::ObjectId;
use crate::names::{NameFault, group_name, user_name};
use crate::store::{GroupKind, RoundId, StoreError};
use crate::sync::posix::Posix;

/// What a reading of the mirror told beside the claims.
#[derive(Debug, Default)]
pub(super) struct Considered {
    pub(super) remarks: Vec<String>,
    /// Guests that were left out.
    pub(super) guests: u64,
}

/// Fills `claims`, `want_users`, `want_groups` and `want_edges` from the round.
pub(super) fn consider(
    connection: &Connection,
    rules: &Rules,
    include: Include,
    round: RoundId,
    reading: &Reading,
    now: UnixSeconds,
) -> Result<Considered, SyncError> {
    let mut consider = Consider {
        connection,
        rules,
        include,
        reading,
        now,
        cut_offs: connection
            .query_row(
                "SELECT EXISTS (SELECT 1 FROM users WHERE cut_off_at IS NOT NULL)",
                [],
                |row| row.get(0),
            )
            .map_err(StoreError::from)?,
        shells: crate::sync::posix::Refused::default(),
        considered: Considered::default(),
    };
    for missing in &reading.missing {
        fail(connection, missing)?;
    }
    if reading.only_named {
        scope(connection, round, reading)?;
    }
    consider.users(round)?;
    consider.groups(round)?;
    consider.faults(round)?;
    edges(connection, rules, round, reading.only_named)?;
    let mut considered = consider.considered;
    considered.remarks.extend(consider.shells.remark());
    Ok(considered)
}

struct Consider<'a> {
    connection: &'a Connection,
    rules: &'a Rules,
    include: Include,
    reading: &'a Reading,
    now: UnixSeconds,
    /// Whether anybody is cut off at all.
    cut_offs: bool,
    /// Shells that nobody gets.
    shells: crate::sync::posix::Refused,
    considered: Considered,
}

impl Consider<'_> {
    fn users(&mut self, round: RoundId) -> Result<(), SyncError> {
        let mut left_out = 0_u64;
        let mut statement = self.connection.prepare(self.raw())?;
        let mut rows = statement.query(params![round.value(), MemberKind::User.word()])?;
        while let Some(row) = rows.next()? {
            let body = parsed(row.get_ref(0)?.as_str().map_err(rusqlite::Error::from)?)?;
            match user_change(&body) {
                UserChange::Removed(_) => {}
                UserChange::Fault(fault) => {
                    self.unread(MemberKind::User, &row.get::<_, String>(1)?, &fault)?;
                }
                UserChange::Seen(user) if user.is_guest() && !self.include.guests => {
                    self.considered.guests += 1;
                    if !user.enabled {
                        self.connection
                            .prepare_cached("INSERT INTO disabled_guests VALUES (?1)")?
                            .execute([user.id])?;
                    }
                    if self.reading.named.contains(&user.id) {
                        self.refuse(
                            MemberKind::User,
                            user.id,
                            &user.upn,
                            "userType: Guest; guests are not imported",
                            "import with --guests, or import the person's own account from their own tenant",
                        )?;
                    } else {
                        left_out += 1;
                    }
                }
                UserChange::Seen(user) => self.user(*user, &body, row.get(2)?)?,
            }
        }
        if left_out > 0 {
            let remark = counted(left_out, "guest was left out", "guests were left out");
            self.considered.remarks.push(remark);
        }
        Ok(())
    }

    /// The raw objects of one kind that are in the scope.
    fn raw(&self) -> &'static str {
        if self.reading.only_named {
            RAW_IN_SCOPE
        } else {
            RAW
        }
    }

    fn user(
        &mut self,
        mut user: UserObject,
        body: &Value,
        seen_at: UnixSeconds,
    ) -> Result<(), SyncError> {
        // What the tenant said before a sign-in was told otherwise does not count. What was seen at an instant
        // that is still to come was seen by a clock that was wrong: nobody knows whether it is newer.
        user.enabled &= self
            .cut_off_at(user.id)?
            .is_none_or(|at| seen_at >= at && seen_at <= self.now);
        let mut candidate = user_name(&user, &self.rules.names);
        let mut posix = Posix::default();
        if let Some(attributes) = &self.rules.posix {
            match attributes.of_user(body, &user) {
                Ok(read) => posix = read,
                Err(fault) => candidate = Err(fault),
            }
        }
        if let Some(shell) = posix.shell.take_if(|shell| !self.rules.has_shell(shell)) {
            self.shells.add(&cleaned(&user.upn), &shell);
        }
        let (name, reason, cure) = asked(candidate);
        self.connection
            .prepare_cached(
                "INSERT INTO claims
                 (object, kind, created_at, label, candidate, reason, cure, wanted_id, wanted_home)
                 VALUES (?1, 'user', ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            )?
            .execute(params![
                user.id,
                user.created_at,
                cleaned(&user.upn),
                name,
                reason,
                cure,
                posix.id,
                posix.home
            ])?;
        self.connection
            .prepare_cached(
                "INSERT INTO want_users
                 (object, upn, display_name, mail_nickname, sam_account_name, user_type, enabled,
                  created_at, password_changed_at, sessions_valid_from, gid_number, shell)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
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
                posix.gid,
                posix.shell,
            ])?;
        Ok(())
    }

    /// When a sign-in was told that this person is cut off, if one was.
    fn cut_off_at(&self, user: ObjectId) -> Result<Option<UnixSeconds>, SyncError> {
        if !self.cut_offs {
            return Ok(None);
        }
        let found = self
            .connection
            .prepare_cached("SELECT cut_off_at FROM users WHERE tenant = ?1 AND object = ?2")?
            .query_row(params![self.rules.tenant, user], |row| row.get(0))
            .optional()?;
        Ok(found.flatten())
    }

    fn groups(&mut self, round: RoundId) -> Result<(), SyncError> {
        let mut left_out = [0_u64; Refusal::ALL.len()];
        let mut statement = self.connection.prepare(self.raw())?;
        let mut rows = statement.query(params![round.value(), MemberKind::Group.word()])?;
        while let Some(row) = rows.next()? {
            let body = parsed(row.get_ref(0)?.as_str().map_err(rusqlite::Error::from)?)?;
            let group = match group_change(&body) {
                GroupChange::Removed(id) => {
                    self.connection
                        .prepare_cached("INSERT INTO gone_groups VALUES (?1)")?
                        .execute([id])?;
                    continue;
                }
                GroupChange::Fault(fault) => {
                    self.unread(MemberKind::Group, &row.get::<_, String>(1)?, &fault)?;
                    continue;
                }
                // The mirror keeps members apart.
                GroupChange::Slice(..) => continue,
                GroupChange::Seen(group, _) => group,
            };
            let Some(refusal) = Refusal::of(&group, self.include) else {
                self.group(&group, &body)?;
                continue;
            };
            if self.reading.named.contains(&group.id) {
                let (reason, cure) = refusal.row();
                self.refuse(
                    MemberKind::Group,
                    group.id,
                    &group.display_name,
                    reason,
                    cure,
                )?;
            } else if let Some(count) = left_out.get_mut(refusal as usize) {
                *count += 1;
            }
        }
        for (refusal, count) in Refusal::ALL.into_iter().zip(left_out) {
            if count > 0 {
                let (one, many) = refusal.remark();
                self.considered.remarks.push(counted(count, one, many));
            }
        }
        Ok(())
    }

    fn group(&self, group: &GroupObject, body: &Value) -> Result<(), SyncError> {
        let mut candidate = group_name(
            group.id,
            &group.display_name,
            &self.rules.names,
            self.rules.group_domain.as_deref(),
        );
        let mut wanted_id = None;
        if let Some(attributes) = &self.rules.posix {
            match attributes.of_group(body) {
                Ok(id) => wanted_id = id,
                Err(fault) => candidate = Err(fault),
            }
        }
        let (name, reason, cure) = asked(candidate);
        self.connection
            .prepare_cached(
                "INSERT INTO claims
                 (object, kind, created_at, label, candidate, reason, cure, wanted_id)
                 VALUES (?1, 'group', ?2, ?3, ?4, ?5, ?6, ?7)",
            )?
            .execute(params![
                group.id,
                group.created_at,
                cleaned(&group.display_name),
                name,
                reason,
                cure,
                wanted_id
            ])?;
        self.connection
            .prepare_cached(
                "INSERT INTO want_groups (object, display_name, kind, created_at)
                 VALUES (?1, ?2, ?3, ?4)",
            )?
            .execute(params![
                group.id,
                cleaned(&group.display_name),
                GroupKind::of(group).word(),
                group.created_at
            ])?;
        Ok(())
    }
}

/// Adds a failed row that is no claim's.
pub(super) fn fail(connection: &Connection, failed: &FailedObject) -> Result<(), SyncError> {
    connection
        .prepare_cached(
            "INSERT INTO failures_now (kind, object_id, label, reason, cure)
             VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute(params![
            failed.kind,
            failed.object_id,
            failed.label,
            failed.reason,
            failed.cure
        ])?;
    Ok(())
}

/// A candidate as three columns.
fn asked(
    candidate: Result<entra_snapshot::Name, NameFault>,
) -> (Option<String>, Option<String>, Option<String>) {
    match candidate {
        Ok(name) => (Some(name.as_str().to_owned()), None, None),
        Err(fault) => (None, Some(fault.reason), Some(fault.cure)),
    }
}

fn parsed(body: &str) -> Result<Value, SyncError> {
    serde_json::from_str(body).map_err(|error| damaged("a raw object", &error.to_string()))
}

fn counted(count: u64, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

const RAW: &str = "SELECT body, place, seen_at FROM raw_objects
                   WHERE round = ?1 AND kind = ?2 ORDER BY object";

const RAW_IN_SCOPE: &str = "SELECT body, place, seen_at FROM raw_objects
                            WHERE round = ?1 AND kind = ?2
                              AND object IN (SELECT object FROM in_scope) ORDER BY object";
