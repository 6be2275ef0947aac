//! `entractl role list`: the roles that were given, and who has one by them.

use entra_protocol::admin::{Done, HolderKind, Request, RoleAssignment, RoleHeld, RoleSource, Row};
use serde::Serialize;

use super::changes::named;
use crate::agent::Ask;
use crate::output::table::{self, Column, number, table};
use crate::output::{Screen, Shown, Text};
use crate::trouble::Trouble;

/// `{"assignments": [RoleAssignment], "people": [RoleHeld]}`
#[derive(Debug, Serialize)]
pub(crate) struct Roles {
    pub(super) assignments: Vec<RoleAssignment>,
    pub(super) people: Vec<RoleHeld>,
}

pub(crate) fn list(ask: Ask<'_>) -> Result<Roles, Trouble> {
    let answer = ask(&[Request::RoleList {}])?;
    if !matches!(answer.done, Done::Rows { .. }) {
        return Err(Trouble::WrongAnswer);
    }
    let mut roles = Roles {
        assignments: Vec::new(),
        people: Vec::new(),
    };
    for row in answer.rows {
        match row {
            Row::Assignment(assignment) => roles.assignments.push(assignment),
            Row::RoleHeld(held) => roles.people.push(held),
            _ => return Err(Trouble::WrongAnswer),
        }
    }
    Ok(roles)
}

/// The group that a role comes from.
pub(crate) fn group(source: &RoleSource) -> Option<String> {
    match source {
        RoleSource::Group { name, object_id } => Some(named(name, object_id)),
        RoleSource::Own | RoleSource::Nothing => None,
    }
}

impl Shown for Roles {
    fn text(&self, screen: Screen) -> Text {
        let given = table(
            screen,
            [
                Column::text("ROLE"),
                Column::text("GIVEN TO"),
                Column::text("NAME"),
                Column::number("PEOPLE"),
                Column::text("SINCE"),
            ],
            self.assignments.iter().map(|one| {
                [
                    one.role.to_string(),
                    match one.kind {
                        HolderKind::User => "user",
                        HolderKind::Group => "group",
                    }
                    .to_owned(),
                    named(&one.name, &one.object_id),
                    number(one.people),
                    table::text(one.given_at.as_deref().unwrap_or_default()),
                ]
            }),
        );
        let people = table(
            screen,
            [
                Column::text("USER"),
                Column::text("ROLE"),
                Column::text("THROUGH"),
                Column::text("COUNTS"),
            ],
            self.people.iter().map(|one| {
                [
                    one.user.clone(),
                    one.role.to_string(),
                    table::text(&group(&one.source).unwrap_or_default()),
                    if one.counts { "yes" } else { "no" }.to_owned(),
                ]
            }),
        );
        let tables: Vec<String> = [given, people]
            .into_iter()
            .filter(|one| !one.is_empty())
            .collect();
        let mut talk = Vec::new();
        if self.assignments.is_empty() {
            talk.push("No role was given: everybody is a user.".to_owned());
        }
        if self.assignments.iter().any(|one| one.name.is_empty()) {
            talk.push(
                "Who is shown by object id is not in the directory (any more), and has the role again when an \
                 import brings them back."
                    .to_owned(),
            );
        }
        if self.people.iter().any(|one| !one.counts) {
            talk.push(
                "A role counts for nothing while its account is disabled, blocked or past its end."
                    .to_owned(),
            );
        }
        Text {
            data: tables.join("\n"),
            talk,
        }
    }
}
