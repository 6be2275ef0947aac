//! `entractl users block|unblock|expire NAME...`: whose account may not be used on this host, in one commit.
//!
//! A long list travels as `role set`'s does: in frames, of which only the last says that it is the last.

use entra_protocol::admin::{AccountChange, Done, Request, Row};
use entra_protocol::limits::NAMES_PER_FRAME;
use serde::Serialize;

use crate::agent::Ask;
use crate::args::Date;
use crate::output::table::{Column, table};
use crate::output::{Screen, Shown, Text};
use crate::trouble::Trouble;

/// How many names a command to copy lists before it is left to the reader to go on.
const LISTED: usize = 10;

/// `{"accounts": [AccountChange]}`
#[derive(Debug, Serialize)]
pub(crate) struct Accounts {
    accounts: Vec<AccountChange>,
}

pub(crate) fn block(ask: Ask<'_>, users: &[String]) -> Result<Accounts, Trouble> {
    change(ask, users, |users, more| Request::UsersBlock {
        users,
        more,
    })
}

pub(crate) fn unblock(ask: Ask<'_>, users: &[String]) -> Result<Accounts, Trouble> {
    change(ask, users, |users, more| Request::UsersUnblock {
        users,
        more,
    })
}

/// Without a last day the accounts have no end.
pub(crate) fn expire(
    ask: Ask<'_>,
    users: &[String],
    until: Option<Date>,
) -> Result<Accounts, Trouble> {
    change(ask, users, |users, more| Request::UsersExpire {
        until: until.map(|day| day.to_string()),
        users,
        more,
    })
}

fn change(
    ask: Ask<'_>,
    users: &[String],
    frame: impl Fn(Vec<String>, bool) -> Request,
) -> Result<Accounts, Trouble> {
    let mut chunks = users.chunks(NAMES_PER_FRAME).peekable();
    let mut frames = Vec::new();
    while let Some(chunk) = chunks.next() {
        frames.push(frame(chunk.to_vec(), chunks.peek().is_some()));
    }
    let answer = ask(&frames)?;
    if !matches!(answer.done, Done::Rows { .. }) {
        return Err(Trouble::WrongAnswer);
    }
    let one = |row| match row {
        Row::Account(change) => Ok(change),
        _ => Err(Trouble::WrongAnswer),
    };
    let accounts: Result<_, _> = answer.rows.into_iter().map(one).collect();
    Ok(Accounts {
        accounts: accounts?,
    })
}

impl Shown for Accounts {
    fn text(&self, screen: Screen) -> Text {
        let data = table(
            screen,
            [
                Column::text("USER"),
                Column::text("BLOCKED"),
                Column::text("EXPIRES"),
            ],
            self.accounts.iter().map(|one| {
                [
                    one.user.clone(),
                    if one.blocked { "yes" } else { "no" }.to_owned(),
                    one.expires.clone().unwrap_or_else(|| "never".to_owned()),
                ]
            }),
        );
        let changed = self.accounts.iter().filter(|one| one.changed).count();
        let mut talk = vec![match (changed, self.accounts.len() - changed) {
            (0, _) => "Nothing changed: it was so already.".to_owned(),
            (changed, 0) => format!("{changed} changed."),
            (changed, same) => format!("{changed} changed, {same} as before."),
        }];
        talk.extend(self.running());
        Text { data, talk }
    }
}

impl Accounts {
    /// Nobody who is blocked is thrown out.
    fn running(&self) -> Option<String> {
        let blocked: Vec<&str> = self
            .accounts
            .iter()
            .filter(|one| one.blocked)
            .map(|one| one.user.as_str())
            .collect();
        let listed: Vec<&str> = blocked.iter().take(LISTED).copied().collect();
        let more = if blocked.len() > LISTED { " ..." } else { "" };
        (!blocked.is_empty()).then(|| {
            format!(
                "Sessions that run already go on; `loginctl terminate-user {}{more}` ends them.",
                listed.join(" ")
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::Answer;

    fn one(user: &str, blocked: bool, expires: Option<&str>, changed: bool) -> AccountChange {
        AccountChange {
            user: user.to_owned(),
            blocked,
            expires: expires.map(str::to_owned),
            changed,
        }
    }

    #[test]
    fn running_sessions_are_spoken_of_where_somebody_is_blocked() {
        let text = Accounts {
            accounts: vec![
                one("alice", true, None, true),
                one("bob", false, Some("2027-02-01T00:00:00Z"), false),
            ],
        }
        .text(Screen::Plain);
        assert_eq!(
            text.data,
            "USER   BLOCKED  EXPIRES\n\
             alice  yes      never\n\
             bob    no       2027-02-01T00:00:00Z\n"
        );
        assert_eq!(
            text.talk,
            [
                "1 changed, 1 as before.",
                "Sessions that run already go on; `loginctl terminate-user alice` ends them.",
            ]
        );
        let text = Accounts {
            accounts: vec![one("alice", false, None, false)],
        }
        .text(Screen::Plain);
        assert_eq!(text.talk, ["Nothing changed: it was so already."]);
    }

    #[test]
    fn a_long_list_travels_in_frames_that_end() {
        let names: Vec<String> = (0..=NAMES_PER_FRAME).map(|n| n.to_string()).collect();
        let answer = block(
            &mut |requests| {
                let shape: Vec<_> = requests
                    .iter()
                    .map(|request| match request {
                        Request::UsersBlock { users, more } => (users.len(), *more),
                        other => panic!("{other:?}"),
                    })
                    .collect();
                assert_eq!(shape, [(NAMES_PER_FRAME, true), (1, false)]);
                Ok(Answer {
                    rows: Vec::new(),
                    done: Done::Rows { count: 0 },
                })
            },
            &names,
        );
        assert!(answer.is_ok());
    }
}
