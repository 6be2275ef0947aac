//! Decides what the mirror means for this host, and makes it true.
//!
//! Everything happens in temporary tables on a connection of its own (`store::Planning`), so that a
//! tenant of a million costs no more memory than one of a hundred. `tables` lists them; `consider` settles
//! which objects count and what they ask for, `place` who gets it, `closure` who is in which group,
//! `shrink` what stays although it is gone, `verdict` what is new about all that, and `commit` writes
//! what differs. Until `commit` nothing is touched: an import that is only tried ends before it.

mod closure;
mod commit;
mod consider;
mod place;
mod scope;
mod shrink;
mod tables;
mod verdict;

use entra_protocol::admin::{Change, Counts, FailedObject, Withheld};
use entra_snapshot::Text;
use rusqlite::Connection;

use super::read::Reading;
use super::{Include, Rules, SyncError};
use crate::clock::UnixSeconds;
use crate::graph::MemberKind;
use crate::identity::TenantId;
use crate::names::LocalAccounts;
use crate::store::{RoundId, Store, StoreError, temporary_folder};

use shrink::Guard;

pub use shrink::Removals;

/// What a decision is made from.
pub(super) struct Inputs<'a> {
    pub(super) rules: &'a Rules,
    /// Every tenant that this host has; what others left goes.
    pub(super) configured: &'a [TenantId],
    pub(super) local: &'a LocalAccounts,
    /// The mirror's set.
    pub(super) round: RoundId,
    pub(super) reading: &'a Reading,
    pub(super) include: Include,
    pub(super) removals: Removals,
    /// Nothing is to be changed.
    pub(super) dry_run: bool,
    pub(super) now: UnixSeconds,
}

/// What the summary says of it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Decision {
    pub(super) users: Counts,
    pub(super) groups: Counts,
    pub(super) memberships: u64,
    pub(super) withheld: Withheld,
    pub(super) remarks: Vec<String>,
    /// Of a run that is only tried: its failed rows and changes, and how many more changes there are.
    pub(super) failures: Vec<FailedObject>,
    pub(super) changes: Vec<Change>,
    pub(super) more_changes: u64,
}

/// Decides, and unless it is only tried makes it true.
///
/// # Errors
/// [`SyncError::Empty`] if there is no user where there must be some, and what the databases said. Then
/// the directory is the old one.
pub(super) fn decide(store: &Store, inputs: &Inputs<'_>) -> Result<Decision, SyncError> {
    let Inputs {
        rules, configured, ..
    } = *inputs;
    let tenant = rules.tenant;
    if !inputs.dry_run {
        store.date_cut_offs_back(inputs.now)?;
    }
    let mut planning = store.planning()?;
    let decision = weigh(planning.connection(), inputs).map_err(|error| match error {
        // Nothing is written here but temporary tables.
        SyncError::Store(error) => SyncError::Store(error.below(&temporary_folder())),
        other => other,
    })?;
    if inputs.dry_run {
        return Ok(decision);
    }
    planning.commit(
        |transaction| commit::keep_state(transaction, tenant, configured, inputs.now),
        |transaction| commit::swap(transaction, tenant, configured, inputs.now),
    )?;
    drop(planning);
    store.note_known_at(tenant, configured, inputs.now)?;
    Ok(decision)
}

/// Decides in temporary tables, and changes nothing.
fn weigh(connection: &Connection, inputs: &Inputs<'_>) -> Result<Decision, SyncError> {
    let Inputs {
        rules,
        configured,
        local,
        removals,
        ..
    } = *inputs;
    let tenant = rules.tenant;
    // One transaction: a consistent state to decide on, and no commit for each row of a temporary table,
    // which looks at every page that the table has in memory.
    let deciding = connection.unchecked_transaction()?;
    tables::create(connection)?;
    let considered = consider::consider(
        connection,
        rules,
        inputs.include,
        inputs.round,
        inputs.reading,
        inputs.now,
    )?;
    refuse_empty(connection, tenant, inputs.reading, considered.guests)?;
    let mut guard = Guard::keep_objects(removals, tenant, connection)?;
    place::ids(connection, rules, local)?;
    place::names(connection, rules, local)?;
    place::homes(connection, rules)?;
    place::primary_groups(connection, rules, local)?;
    let mut remarks = considered.remarks;
    remarks.extend(closure::close(connection)?);
    guard.keep_memberships(removals, tenant, connection)?;
    verdict::judge(connection, tenant)?;

    let gone = verdict::gone(tenant, configured);
    let (users, users_withheld) = verdict::counts(connection, MemberKind::User, &gone)?;
    let (groups, groups_withheld) = verdict::counts(connection, MemberKind::Group, &gone)?;
    let mut decision = Decision {
        users,
        groups,
        memberships: verdict::memberships(connection)?,
        withheld: Withheld {
            users: users_withheld,
            groups: groups_withheld,
            memberships: guard.memberships,
        },
        remarks,
        ..Decision::default()
    };
    decision.remarks.extend(guard.remarks());
    if inputs.dry_run {
        decision.failures = verdict::failures(connection)?;
        (decision.changes, decision.more_changes) = verdict::changes(connection, tenant, &gone)?;
    }
    deciding.commit()?;
    Ok(decision)
}

/// A text of the tenant as it may stand in a row.
pub(super) fn cleaned(text: &str) -> String {
    Text::cleaned(text).as_str().to_owned()
}

/// A whole tenant has users, and a scope that had some does not lose all of them at once: revoked rights
/// and half-done migrations look like that (lessons.md), people leaving do not.
fn refuse_empty(
    connection: &Connection,
    tenant: TenantId,
    reading: &Reading,
    guests: u64,
) -> Result<(), SyncError> {
    let (is_empty, had_some): (bool, bool) = connection
        .prepare(
            "SELECT NOT EXISTS (SELECT 1 FROM claims WHERE kind = 'user'),
                    EXISTS (SELECT 1 FROM users WHERE tenant = ?1 AND name IS NOT NULL)",
        )?
        .query_row([tenant], |row| Ok((row.get(0)?, row.get(1)?)))?;
    if is_empty && (reading.whole || had_some) {
        return Err(SyncError::Empty { guests });
    }
    Ok(())
}

/// Names in a remark, the first of `count`.
fn listed(names: &[String], count: usize) -> String {
    let shown: Vec<&str> = names.iter().take(SHOWN_MAX).map(String::as_str).collect();
    let more = count.saturating_sub(shown.len());
    let mut list = shown.join(", ");
    if more > 0 {
        list.push_str(&format!(" and {more} more"));
    }
    list
}

fn damaged(what: &'static str, value: &str) -> SyncError {
    SyncError::Store(StoreError::Damaged {
        what,
        value: value.to_owned(),
    })
}

/// Objects that a remark names; the others are counted.
const SHOWN_MAX: usize = 5;

#[cfg(test)]
mod tests;
