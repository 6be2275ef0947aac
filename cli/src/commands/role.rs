//! `entractl role set|clear|list|pick`: who may administer this host.
//!
//! All changes are one request of the same kind: a list of people and groups with the role that each is to have, of
//! which the agent does all or nothing. Invariant: a list longer than one frame travels as several, of which
//! only the last says that it is the last; the agent does nothing before it. A connection that breaks in between has
//! changed nothing.
//!
//! A list from a file, and what was ticked, was decided on what was there before. So it goes along with what that
//! was, and the agent refuses if somebody else has changed one of these roles meanwhile.

mod changes;
mod lines;
mod list;
mod pick;

use entra_protocol::admin::{Done, HolderKind, Request, Role, RoleOrder, Row};
use entra_protocol::limits::NAMES_PER_FRAME;

use crate::agent::Ask;
use crate::args::{Holders, RoleClear, RoleSet};
use crate::trouble::Trouble;

pub(crate) use changes::Changes;
pub(crate) use list::{group as role_group, list};
pub(crate) use pick::pick;

pub(crate) fn set(ask: Ask<'_>, asked: &RoleSet) -> Result<Changes, Trouble> {
    change(ask, &asked.holders, asked.role)
}

/// Everybody is a user without a role of their own.
pub(crate) fn clear(ask: Ask<'_>, asked: &RoleClear) -> Result<Changes, Trouble> {
    change(ask, &asked.holders, Some(Role::User))
}

fn change(ask: Ask<'_>, holders: &Holders, role: Option<Role>) -> Result<Changes, Trouble> {
    let mut orders = Vec::new();
    if let Some(role) = role {
        let people = holders.users.iter().chain(&holders.user);
        orders.extend(people.map(|name| order(HolderKind::User, name, role)));
        let groups = holders.group.iter();
        orders.extend(groups.map(|name| order(HolderKind::Group, name, role)));
    }
    let Some(file) = &holders.from else {
        return assign(ask, &orders, holders.dry_run);
    };
    orders.extend(lines::read(file, role)?);
    let tried = assign(ask, &orders, true)?;
    if holders.dry_run {
        return Ok(tried);
    }
    assign(ask, &tried.orders(), false)
}

fn order(kind: HolderKind, name: &str, role: Role) -> RoleOrder {
    RoleOrder {
        kind,
        name: name.to_owned(),
        role,
        expected: None,
    }
}

/// Has the agent do all of it, or nothing.
fn assign(ask: Ask<'_>, orders: &[RoleOrder], dry_run: bool) -> Result<Changes, Trouble> {
    let answer = ask(&frames(orders, dry_run))?;
    if !matches!(answer.done, Done::Rows { .. }) {
        return Err(Trouble::WrongAnswer);
    }
    let mut changes = Changes::nothing(dry_run);
    for row in answer.rows {
        match row {
            Row::Assignment(assignment) => changes.assignments.push(assignment),
            Row::Role(change) => changes.roles.push(change),
            _ => return Err(Trouble::WrongAnswer),
        }
    }
    Ok(changes)
}

fn frames(orders: &[RoleOrder], dry_run: bool) -> Vec<Request> {
    let mut chunks = orders.chunks(NAMES_PER_FRAME).peekable();
    let mut frames = Vec::new();
    while let Some(chunk) = chunks.next() {
        frames.push(Request::RoleAssign {
            orders: chunk.to_vec(),
            dry_run,
            more: chunks.peek().is_some(),
        });
    }
    frames
}

fn unmet(message: &str, hint: &str) -> Trouble {
    Trouble::Unmet {
        message: message.to_owned(),
        hint: hint.to_owned(),
    }
}

#[cfg(test)]
mod tests;
