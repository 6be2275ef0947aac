//! What a change of roles did, or would do: for the groups that were named, and for people.

use entra_protocol::admin::{HolderKind, Role, RoleAssignment, RoleChange, RoleOrder};
use serde::Serialize;

use crate::output::table::{self, Column, number, table};
use crate::output::{Screen, Shown, Text};

/// How many sentences about single people are said at most.
const SENTENCES: usize = 5;

/// `{"roles": [RoleChange], "assignments": [RoleAssignment], "dry_run": boolean}`
#[derive(Debug, Serialize)]
pub(crate) struct Changes {
    pub(super) roles: Vec<RoleChange>,
    pub(super) assignments: Vec<RoleAssignment>,
    dry_run: bool,
}

impl Changes {
    pub(super) fn nothing(dry_run: bool) -> Self {
        Self {
            roles: Vec::new(),
            assignments: Vec::new(),
            dry_run,
        }
    }

    /// The same again, for whom it was and from what it was.
    pub(super) fn orders(&self) -> Vec<RoleOrder> {
        self.assignments
            .iter()
            .map(|assignment| RoleOrder {
                kind: assignment.kind,
                name: assignment.object_id.clone(),
                role: assignment.role,
                expected: assignment.before,
            })
            .collect()
    }

    fn groups(&self) -> impl Iterator<Item = &RoleAssignment> {
        self.assignments
            .iter()
            .filter(|one| one.kind == HolderKind::Group)
    }

    fn group_table(&self, screen: Screen) -> String {
        table(
            screen,
            [
                Column::text("GROUP"),
                Column::text("BEFORE"),
                Column::text("AFTER"),
                Column::number("PEOPLE"),
            ],
            self.groups().map(|group| {
                [
                    named(&group.name, &group.object_id),
                    group.before.unwrap_or(group.role).to_string(),
                    group.role.to_string(),
                    number(group.people),
                ]
            }),
        )
    }

    fn people_table(&self, screen: Screen) -> String {
        let [user, before, after] = ["USER", "BEFORE", "AFTER"].map(Column::text);
        if self.roles.iter().all(|one| through(one).is_none()) {
            return table(
                screen,
                [user, before, after],
                self.roles.iter().map(|one| {
                    [
                        one.user.clone(),
                        one.before.to_string(),
                        one.after.to_string(),
                    ]
                }),
            );
        }
        table(
            screen,
            [user, before, after, Column::text("THROUGH")],
            self.roles.iter().map(|one| {
                [
                    one.user.clone(),
                    one.before.to_string(),
                    one.after.to_string(),
                    table::text(&through(one).unwrap_or_default()),
                ]
            }),
        )
    }

    /// How many people's roles changed.
    fn count(&self) -> String {
        let changed = self
            .roles
            .iter()
            .filter(|change| change.before != change.after)
            .count();
        let same = self.roles.len() - changed;
        let changed_word = if self.dry_run {
            "would change"
        } else {
            "changed"
        };
        // What was given changed, and people have their roles from elsewhere.
        let given = self
            .assignments
            .iter()
            .any(|one| one.before.is_some_and(|before| before != one.role));
        // The agent need not name those whose role stays as it was.
        match (changed, same) {
            (0, _) if self.dry_run => "Nobody's role would change.".to_owned(),
            (0, _) if given => "Nobody's role changed.".to_owned(),
            (0, _) => "No role changed: everybody named has it already.".to_owned(),
            (changed, 0) => format!("{changed} {changed_word}."),
            (changed, same) => format!("{changed} {changed_word}, {same} had the role already."),
        }
    }

    /// People whose own role became another, and who have what a group gives all the same.
    fn kept(&self) -> impl Iterator<Item = String> {
        self.assignments
            .iter()
            .filter(|own| own.kind == HolderKind::User)
            .filter_map(|own| {
                let change = self.roles.iter().find(|change| change.user == own.name)?;
                let group = through(change).filter(|_| change.after > own.role)?;
                Some(format!(
                    "{} is {} through the group {group}.",
                    change.user,
                    article(change.after)
                ))
            })
            .take(SENTENCES)
    }

    /// Whoever decides about a group in the tenant decides about these roles from now on.
    fn cautions(&self) -> impl Iterator<Item = String> {
        self.groups()
            .filter(|group| group.role > Role::User)
            .filter_map(|group| match group.group_kind.as_deref() {
                Some("microsoft-365") => Some(format!(
                    "{} is a Microsoft 365 group: if it is public, everybody in the tenant can become {}.",
                    group.name,
                    article(group.role)
                )),
                _ if group.role == Role::Administrator => Some(format!(
                    "Whoever may change the members of {} in Entra ID decides who is an administrator here.",
                    group.name
                )),
                _ => None,
            })
            .take(SENTENCES)
    }
}

impl Shown for Changes {
    fn text(&self, screen: Screen) -> Text {
        let tables = [self.group_table(screen), self.people_table(screen)];
        let tables: Vec<String> = tables.into_iter().filter(|one| !one.is_empty()).collect();
        let mut talk = vec![self.count()];
        talk.extend(self.kept());
        talk.extend(self.cautions());
        if self.dry_run {
            talk.push("Nothing was changed.".to_owned());
        }
        Text {
            data: tables.join("\n"),
            talk,
        }
    }
}

/// The group that somebody has their role through.
fn through(change: &RoleChange) -> Option<String> {
    match &change.source {
        Some(source) => super::list::group(source),
        None => None,
    }
}

/// A name here, or the object id of what has none.
pub(super) fn named(name: &str, object_id: &str) -> String {
    if name.is_empty() { object_id } else { name }.to_owned()
}

fn article(role: Role) -> String {
    match role {
        Role::User => format!("a {role}"),
        Role::Auditor | Role::Operator | Role::Administrator => format!("an {role}"),
    }
}
