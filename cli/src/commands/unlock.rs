//! `entractl users unlock [NAME...] [--remote-host ADDRESS]`: failed tries are forgotten, in one commit.
//!
//! A long list travels as `role set`'s does: in frames, of which only the last says that it is the last.

use entra_protocol::admin::{Done, Request, Row, Unlocked};
use entra_protocol::limits::NAMES_PER_FRAME;
use serde::Serialize;

use crate::agent::Ask;
use crate::output::table::{self, Column, table};
use crate::output::{Screen, Shown, Text};
use crate::trouble::Trouble;

/// `{"unlocked": [Unlocked]}`
#[derive(Debug, Serialize)]
pub(crate) struct AllUnlocked {
    unlocked: Vec<Unlocked>,
}

pub(crate) fn unlock(
    ask: Ask<'_>,
    users: &[String],
    remote_hosts: &[String],
) -> Result<AllUnlocked, Trouble> {
    let answer = ask(&frames(users, remote_hosts))?;
    if !matches!(answer.done, Done::Rows { .. }) {
        return Err(Trouble::WrongAnswer);
    }
    let one = |row| match row {
        Row::Unlocked(unlocked) => Ok(unlocked),
        _ => Err(Trouble::WrongAnswer),
    };
    let unlocked: Result<_, _> = answer.rows.into_iter().map(one).collect();
    Ok(AllUnlocked {
        unlocked: unlocked?,
    })
}

/// Users and remote hosts in frames of their own, as long as there are any, unless both fit into one.
fn frames(users: &[String], remote_hosts: &[String]) -> Vec<Request> {
    if users.len() + remote_hosts.len() <= NAMES_PER_FRAME {
        return vec![Request::UsersUnlock {
            users: users.to_vec(),
            remote_hosts: remote_hosts.to_vec(),
            more: false,
        }];
    }
    let of_users = users.chunks(NAMES_PER_FRAME).map(|chunk| (chunk, &[][..]));
    let of_hosts = remote_hosts
        .chunks(NAMES_PER_FRAME)
        .map(|chunk| (&[][..], chunk));
    let mut chunks = of_users.chain(of_hosts).peekable();
    let mut frames = Vec::new();
    while let Some((users, remote_hosts)) = chunks.next() {
        frames.push(Request::UsersUnlock {
            users: users.to_vec(),
            remote_hosts: remote_hosts.to_vec(),
            more: chunks.peek().is_some(),
        });
    }
    frames
}

impl Shown for AllUnlocked {
    fn text(&self, screen: Screen) -> Text {
        let (unlocked, idle): (Vec<&Unlocked>, Vec<&Unlocked>) =
            self.unlocked.iter().partition(|one| one.failed_tries > 0);
        let data = table(
            screen,
            [
                Column::text("UNLOCKED"),
                Column::number("FAILED TRIES"),
                Column::text("REFUSED UNTIL"),
            ],
            unlocked.iter().map(|one| {
                let until = one.passwords_refused_until.as_deref();
                [
                    one.name.clone(),
                    one.failed_tries.to_string(),
                    table::text(until.unwrap_or_default()),
                ]
            }),
        );
        let talk = idle
            .iter()
            .map(|one| {
                format!(
                    "There was nothing to unlock for {}: no failed tries are counted.",
                    one.name
                )
            })
            .collect();
        Text { data, talk }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_to_unlock_is_said_and_no_row() {
        let one = |name: &str, failed_tries, until: Option<&str>| Unlocked {
            kind: "user".into(),
            name: name.into(),
            failed_tries,
            passwords_refused_until: until.map(str::to_owned),
        };
        let text = AllUnlocked {
            unlocked: vec![
                one("alice", 5, Some("2026-03-02T08:15:02Z")),
                one("bob", 0, None),
                one("carol", 2, None),
            ],
        }
        .text(Screen::Plain);
        assert_eq!(
            text.data,
            "UNLOCKED  FAILED TRIES  REFUSED UNTIL\n\
             alice                5  2026-03-02T08:15:02Z\n\
             carol                2  -\n"
        );
        assert_eq!(
            text.talk,
            ["There was nothing to unlock for bob: no failed tries are counted."]
        );
    }

    #[test]
    fn a_long_list_travels_in_frames_that_end() {
        let names = |count: usize| (0..count).map(|n| n.to_string()).collect::<Vec<String>>();
        for (users, hosts, expected) in [
            (1, 1, vec![(1, 1, false)]),
            (
                NAMES_PER_FRAME,
                1,
                vec![(NAMES_PER_FRAME, 0, true), (0, 1, false)],
            ),
            (
                0,
                NAMES_PER_FRAME + 1,
                vec![(0, NAMES_PER_FRAME, true), (0, 1, false)],
            ),
        ] {
            let shape: Vec<(usize, usize, bool)> = frames(&names(users), &names(hosts))
                .into_iter()
                .map(|frame| match frame {
                    Request::UsersUnlock {
                        users,
                        remote_hosts,
                        more,
                    } => (users.len(), remote_hosts.len(), more),
                    other => panic!("{other:?}"),
                })
                .collect();
            assert_eq!(shape, expected);
        }
    }
}
