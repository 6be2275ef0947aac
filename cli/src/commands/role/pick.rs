//! `entractl role pick ROLE`: who has a role, ticked in a terminal.
//!
//! Ticked is who has the role at that moment, by themselves or through a group. What comes through a group
//! can't be unticked alone: the group is in the list as well. What was ticked goes to the agent together with what
//! each of them had, so that it changes nothing if somebody else was quicker.

use std::collections::BTreeMap;

use entra_protocol::admin::{
    Done, GroupRow, HolderKind, Request, Role, RoleOrder, RoleSource, Row, UserRow,
};

use super::list::{self, Roles, group};
use super::{Changes, assign, unmet};
use crate::agent::Ask;
use crate::commands::select::Choose;
use crate::output::ticks::Entry;
use crate::trouble::Trouble;

/// Without `choose` nobody can be asked.
pub(crate) fn pick(
    ask: Ask<'_>,
    choose: Option<Choose<'_>>,
    role: Role,
) -> Result<Changes, Trouble> {
    let Some(choose) = choose else {
        return Err(unmet(
            "there is no terminal to choose people in",
            "say it with `entractl role set` and `entractl role clear`",
        ));
    };
    let roles = list::list(ask)?;
    let (groups, users) = (groups(ask)?, users(ask)?);
    let mut candidates = candidates(&roles, &groups, &users, role);
    if candidates.is_empty() {
        return Err(unmet(
            "there is nobody to choose from",
            "`entractl import` imports people and groups",
        ));
    }
    // Who has it comes first: nobody sees all of a long list.
    candidates.sort_by_key(|candidate| !candidate.entry.ticked);
    let entries: Vec<Entry> = candidates
        .iter()
        .map(|candidate| candidate.entry.clone())
        .collect();
    let chosen = choose(&format!("Who has the role {role}:"), &entries)?;
    let orders = orders(&candidates, &chosen, role)?;
    if orders.is_empty() {
        return Ok(Changes::nothing(false));
    }
    assign(ask, &orders, false)
}

/// Somebody in the list.
struct Candidate {
    kind: HolderKind,
    name: String,
    object_id: String,
    /// The role that they were given themselves.
    own: Role,
    /// The group through which they have the role that is picked for, if not by their own.
    through: Option<(String, String)>,
    entry: Entry,
}

fn candidates(roles: &Roles, groups: &[GroupRow], users: &[UserRow], role: Role) -> Vec<Candidate> {
    let own: BTreeMap<(HolderKind, &str), Role> = roles
        .assignments
        .iter()
        .map(|one| ((one.kind, one.object_id.as_str()), one.role))
        .collect();
    let held: BTreeMap<&str, (Role, &RoleSource)> = roles
        .people
        .iter()
        .map(|one| (one.object_id.as_str(), (one.role, &one.source)))
        .collect();
    let of_groups = groups.iter().map(|group| {
        let own = own.get(&(HolderKind::Group, group.object_id.as_str()));
        let own = own.copied().unwrap_or(Role::User);
        let people = match group.users {
            Some(1) => "1 person".to_owned(),
            people => format!("{} people", people.unwrap_or_default()),
        };
        Candidate {
            kind: HolderKind::Group,
            name: group.name.clone(),
            object_id: group.object_id.clone(),
            own,
            through: None,
            entry: Entry {
                text: format!(
                    "group {} ({}, {people}){}",
                    group.name,
                    group.display_name,
                    has(own, None)
                ),
                ticked: own == role,
            },
        }
    });
    let of_users = users
        .iter()
        .filter(|user| !user.name.is_empty())
        .map(|user| {
            let own = own.get(&(HolderKind::User, user.object_id.as_str()));
            let own = own.copied().unwrap_or(Role::User);
            let (held, source) = held
                .get(user.object_id.as_str())
                .copied()
                .unwrap_or((own, &RoleSource::Own));
            let through = match source {
                RoleSource::Group { object_id, .. } => {
                    Some((object_id.clone(), group(source).unwrap_or_default()))
                }
                RoleSource::Own | RoleSource::Nothing => None,
            };
            let ticked = held == role;
            Candidate {
                kind: HolderKind::User,
                name: user.name.clone(),
                object_id: user.object_id.clone(),
                own,
                entry: Entry {
                    text: format!(
                        "{} ({}){}",
                        user.name,
                        user.display_name,
                        has(held, through.as_ref().map(|(_, name)| name.as_str()))
                    ),
                    ticked,
                },
                through: through.filter(|_| ticked),
            }
        });
    of_users.chain(of_groups).collect()
}

fn has(role: Role, through: Option<&str>) -> String {
    match (role, through) {
        (Role::User, _) => String::new(),
        (role, None) => format!(", {role}"),
        (role, Some(group)) => format!(", {role} through {group}"),
    }
}

/// What differs between the list as it was and the ticks.
fn orders(
    candidates: &[Candidate],
    chosen: &[usize],
    role: Role,
) -> Result<Vec<RoleOrder>, Trouble> {
    let unticked = |object_id: &str| {
        candidates.iter().enumerate().any(|(position, candidate)| {
            candidate.kind == HolderKind::Group
                && candidate.object_id == object_id
                && !chosen.contains(&position)
        })
    };
    let mut orders = Vec::new();
    for (position, candidate) in candidates.iter().enumerate() {
        let role = match (candidate.entry.ticked, chosen.contains(&position)) {
            (true, true) | (false, false) => continue,
            (false, true) => role,
            (true, false) => match &candidate.through {
                Some((group, _)) if unticked(group) => continue,
                Some((_, group)) => {
                    return Err(unmet(
                        &format!(
                            "{} has the role through the group {group}; nobody's role was changed",
                            candidate.name
                        ),
                        "untick the group, or take the person out of it in the tenant",
                    ));
                }
                None => Role::User,
            },
        };
        orders.push(RoleOrder {
            kind: candidate.kind,
            name: candidate.object_id.clone(),
            role,
            expected: Some(candidate.own),
        });
    }
    Ok(orders)
}

fn groups(ask: Ask<'_>) -> Result<Vec<GroupRow>, Trouble> {
    rows(ask, Request::GroupsList {}, |row| match row {
        Row::Group(group) => Some(group),
        _ => None,
    })
}

fn users(ask: Ask<'_>) -> Result<Vec<UserRow>, Trouble> {
    rows(ask, Request::UsersList {}, |row| match row {
        Row::User(user) => Some(user),
        _ => None,
    })
}

fn rows<T>(
    ask: Ask<'_>,
    request: Request,
    one: impl Fn(Row) -> Option<T>,
) -> Result<Vec<T>, Trouble> {
    let answer = ask(&[request])?;
    if !matches!(answer.done, Done::Rows { .. }) {
        return Err(Trouble::WrongAnswer);
    }
    let rows: Option<Vec<T>> = answer.rows.into_iter().map(one).collect();
    rows.ok_or(Trouble::WrongAnswer)
}
