//! `entractl role set ROLE USER...`: one role for one person or for many, in one commit.
//!
//! Invariant: a list longer than one frame travels as several, of which only the last says that it is the
//! last; the agent does nothing before it. A connection that breaks in between has changed nothing.

use entra_protocol::admin::{Done, Request, Role, RoleChange, Row};
use entra_protocol::limits::NAMES_PER_FRAME;
use serde::Serialize;

use crate::agent::Ask;
use crate::output::table::{Column, table};
use crate::output::{Screen, Shown, Text};
use crate::trouble::Trouble;

/// `{"roles": [RoleChange]}`
#[derive(Debug, Serialize)]
pub(crate) struct Changes {
    roles: Vec<RoleChange>,
}

pub(crate) fn set(ask: Ask<'_>, role: Role, users: &[String]) -> Result<Changes, Trouble> {
    let answer = ask(&frames(role, users))?;
    if !matches!(answer.done, Done::Rows { .. }) {
        return Err(Trouble::WrongAnswer);
    }
    let one = |row| match row {
        Row::Role(change) => Ok(change),
        _ => Err(Trouble::WrongAnswer),
    };
    let roles: Result<_, _> = answer.rows.into_iter().map(one).collect();
    Ok(Changes { roles: roles? })
}

fn frames(role: Role, users: &[String]) -> Vec<Request> {
    let mut chunks = users.chunks(NAMES_PER_FRAME).peekable();
    let mut frames = Vec::new();
    while let Some(chunk) = chunks.next() {
        frames.push(Request::RoleSet {
            role,
            users: chunk.to_vec(),
            more: chunks.peek().is_some(),
        });
    }
    frames
}

impl Shown for Changes {
    fn text(&self, screen: Screen) -> Text {
        let data = table(
            screen,
            [
                Column::text("USER"),
                Column::text("BEFORE"),
                Column::text("AFTER"),
            ],
            self.roles.iter().map(|change| {
                [
                    change.user.clone(),
                    change.before.to_string(),
                    change.after.to_string(),
                ]
            }),
        );
        let changed = self
            .roles
            .iter()
            .filter(|change| change.before != change.after)
            .count();
        // The agent need not name those whose role stays as it was.
        let talk = match (changed, self.roles.len() - changed) {
            (0, _) => "No role changed: everybody named has it already.".to_owned(),
            (changed, 0) => format!("{changed} changed."),
            (changed, same) => format!("{changed} changed, {same} had the role already."),
        };
        Text {
            data,
            talk: vec![talk],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(count: usize) -> Vec<String> {
        (0..count).map(|n| format!("user{n}")).collect()
    }

    #[test]
    fn only_the_last_frame_says_that_it_is_the_last() {
        for (count, expected) in [
            (1, vec![(1, false)]),
            (NAMES_PER_FRAME, vec![(NAMES_PER_FRAME, false)]),
            (
                2 * NAMES_PER_FRAME + 1,
                vec![(NAMES_PER_FRAME, true), (NAMES_PER_FRAME, true), (1, false)],
            ),
        ] {
            let mut sent = Vec::new();
            let shape: Vec<(usize, bool)> = frames(Role::Auditor, &names(count))
                .into_iter()
                .map(|frame| match frame {
                    Request::RoleSet { role, users, more } => {
                        assert_eq!(role, Role::Auditor);
                        let length = users.len();
                        sent.extend(users);
                        (length, more)
                    }
                    other => panic!("{other:?}"),
                })
                .collect();
            assert_eq!(shape, expected);
            assert_eq!(sent, names(count));
        }
    }

    #[test]
    fn changes_show_before_and_after() {
        let change = |user: &str, before| RoleChange {
            user: user.into(),
            before,
            after: Role::Operator,
        };
        let text = Changes {
            roles: vec![change("alice", Role::User), change("bob", Role::Operator)],
        }
        .text(Screen::Plain);
        assert_eq!(
            text.data,
            "USER   BEFORE    AFTER\n\
             alice  user      operator\n\
             bob    operator  operator\n"
        );
        assert_eq!(text.talk, ["1 changed, 1 had the role already."]);
        let nothing = Changes { roles: Vec::new() }.text(Screen::Plain);
        assert_eq!(nothing.data, "");
        assert_eq!(
            nothing.talk,
            ["No role changed: everybody named has it already."]
        );
    }
}
