//! `entractl users list|show`: the people whom this host knows.

use entra_protocol::admin::{Done, Request, Row, UserDetail, UserRow};
use serde::Serialize;

use super::role::role_group;
use crate::agent::Ask;
use crate::output::table::{self, Column, number, properties, table};
use crate::output::{Screen, Shown, Text};
use crate::trouble::Trouble;

/// `{"users": [UserRow]}`
#[derive(Debug, Serialize)]
pub(crate) struct UserList {
    users: Vec<UserRow>,
}

/// `{"user": UserDetail}`
#[derive(Debug, Serialize)]
pub(crate) struct OneUser {
    user: UserDetail,
}

pub(crate) fn list(ask: Ask<'_>) -> Result<UserList, Trouble> {
    let answer = ask(&[Request::UsersList {}])?;
    if !matches!(answer.done, Done::Rows { .. }) {
        return Err(Trouble::WrongAnswer);
    }
    let users: Result<_, _> = answer.rows.into_iter().map(user).collect();
    Ok(UserList { users: users? })
}

pub(crate) fn show(ask: Ask<'_>, user: &str) -> Result<OneUser, Trouble> {
    let request = Request::UsersShow {
        user: user.to_owned(),
    };
    match ask(&[request])?.done {
        Done::User(user) => Ok(OneUser { user }),
        _ => Err(Trouble::WrongAnswer),
    }
}

fn user(row: Row) -> Result<UserRow, Trouble> {
    match row {
        Row::User(user) => Ok(user),
        _ => Err(Trouble::WrongAnswer),
    }
}

/// A table of people, also for a group's members.
pub(crate) fn user_table(screen: Screen, users: &[UserRow]) -> String {
    table(
        screen,
        [
            Column::text("NAME"),
            Column::number("UID"),
            Column::text("ROLE"),
            Column::text("STATE"),
            Column::text("UPN"),
            Column::text("DISPLAY NAME"),
        ],
        users.iter().map(|user| {
            [
                table::text(&user.name),
                number(user.uid),
                user.role.to_string(),
                state(user).to_owned(),
                table::text(&user.upn),
                user.display_name.clone(),
            ]
        }),
    )
}

fn state(user: &UserRow) -> &'static str {
    match (user.enabled, user.withheld) {
        (false, _) => "disabled",
        _ if user.blocked => "blocked",
        _ if user.expired => "expired",
        (true, true) => "withheld",
        (true, false) => "enabled",
    }
}

impl Shown for UserList {
    fn text(&self, screen: Screen) -> Text {
        let mut text = Text {
            data: user_table(screen, &self.users),
            talk: Vec::new(),
        };
        if self.users.is_empty() {
            text.talk
                .push("No users are imported; `entractl import` does that.".to_owned());
        }
        text
    }
}

impl Shown for OneUser {
    fn text(&self, _: Screen) -> Text {
        let UserDetail { row, .. } = &self.user;
        let last = match (&self.user.last_sign_in, &self.user.last_sign_in_method) {
            (None, _) => "never".to_owned(),
            (Some(at), None) => at.clone(),
            (Some(at), Some(method)) => format!("{at} by {method}"),
        };
        Text {
            data: properties(&[
                ("Name", row.name.clone()),
                ("UPN", row.upn.clone()),
                ("Display name", row.display_name.clone()),
                ("State", state(row).to_owned()),
                (
                    "Blocked here",
                    if row.blocked { "yes" } else { "no" }.to_owned(),
                ),
                (
                    "Expires here",
                    row.expires.clone().unwrap_or_else(|| "never".to_owned()),
                ),
                ("Role", role(&self.user)),
                ("Uid", number(row.uid)),
                ("Gid", self.user.gid.to_string()),
                ("Home", self.user.home.clone()),
                ("Shell", self.user.shell.clone()),
                ("Groups", table::text(&self.user.groups.join(", "))),
                ("Last sign-in", last),
                ("Failed tries", failed_tries(&self.user)),
                ("Object id", row.object_id.clone()),
                ("Tenant id", self.user.tenant_id.clone()),
            ]),
            talk: Vec::new(),
        }
    }
}

fn role(user: &UserDetail) -> String {
    match user.role_source.as_ref().and_then(role_group) {
        Some(group) => format!("{}, through the group {group}", user.row.role),
        None => user.row.role.to_string(),
    }
}

fn failed_tries(user: &UserDetail) -> String {
    match &user.passwords_refused_until {
        Some(until) => format!(
            "{}; passwords are refused until {until}, other ways to sign in are not",
            user.failed_tries
        ),
        None => user.failed_tries.to_string(),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::agent::Answer;
    use entra_protocol::admin::Role;

    pub(crate) fn alice() -> UserRow {
        UserRow {
            name: "alice".into(),
            upn: "alice@contoso.example".into(),
            display_name: "Alice Ängström".into(),
            uid: Some(2_013_265_921),
            role: Role::Administrator,
            enabled: true,
            withheld: false,
            blocked: false,
            expires: None,
            expired: false,
            object_id: "6e7b768e-07e2-4810-8459-485f84f8f204".into(),
        }
    }

    pub(crate) fn nobody() -> UserRow {
        UserRow {
            name: String::new(),
            upn: "o:neill@contoso.example".into(),
            display_name: "O\u{202e}Neill".into(),
            uid: None,
            role: Role::User,
            enabled: false,
            withheld: false,
            blocked: false,
            expires: None,
            expired: false,
            object_id: "0e7b768e-07e2-4810-8459-485f84f8f204".into(),
        }
    }

    #[test]
    fn a_list_in_a_pipe() {
        let list = list(&mut |requests| {
            assert_eq!(requests, [Request::UsersList {}]);
            Ok(Answer {
                rows: vec![Row::User(alice()), Row::User(nobody())],
                done: Done::Rows { count: 2 },
            })
        })
        .unwrap();
        assert_eq!(
            list.text(Screen::Plain).data,
            "NAME          UID  ROLE           STATE     UPN                      DISPLAY NAME\n\
             alice  2013265921  administrator  enabled   alice@contoso.example    Alice Ängström\n\
             -               -  user           disabled  o:neill@contoso.example  O\\u{202e}Neill\n"
        );
    }

    #[test]
    fn what_closes_an_account_is_its_state() {
        for (enabled, blocked, expired, expected) in [
            (true, false, false, "enabled"),
            (true, true, true, "blocked"),
            (true, false, true, "expired"),
            (false, true, true, "disabled"),
        ] {
            let user = UserRow {
                enabled,
                blocked,
                expired,
                ..alice()
            };
            assert_eq!(state(&user), expected);
        }
    }

    #[test]
    fn an_empty_list_is_said_on_stderr_only() {
        let text = UserList { users: Vec::new() }.text(Screen::Plain);
        assert_eq!(text.data, "");
        assert_eq!(
            text.talk,
            ["No users are imported; `entractl import` does that."]
        );
    }

    #[test]
    fn a_group_among_the_users_is_not_guessed_at() {
        let result = list(&mut |_| {
            let change = entra_protocol::admin::RoleChange {
                user: "a".into(),
                before: Role::User,
                after: Role::User,
                source: None,
            };
            Ok(Answer {
                rows: vec![Row::Role(change)],
                done: Done::Rows { count: 1 },
            })
        });
        assert!(matches!(result, Err(Trouble::WrongAnswer)));
    }

    #[test]
    fn one_user_in_full() {
        let user = UserDetail {
            row: alice(),
            tenant_id: "11111111-2222-3333-4444-555555555555".into(),
            gid: 2_013_265_921,
            home: "/home/alice".into(),
            shell: "/bin/bash".into(),
            groups: vec!["engineering".into(), "all-staff".into()],
            role_source: Some(entra_protocol::admin::RoleSource::Group {
                name: "ops".into(),
                object_id: "id".into(),
            }),
            last_sign_in: None,
            last_sign_in_method: None,
            failed_tries: 5,
            passwords_refused_until: Some("2026-03-02T08:15:02Z".into()),
        };
        assert_eq!(
            OneUser { user }.text(Screen::Plain).data,
            "Name:          alice\n\
             UPN:           alice@contoso.example\n\
             Display name:  Alice Ängström\n\
             State:         enabled\n\
             Blocked here:  no\n\
             Expires here:  never\n\
             Role:          administrator, through the group ops\n\
             Uid:           2013265921\n\
             Gid:           2013265921\n\
             Home:          /home/alice\n\
             Shell:         /bin/bash\n\
             Groups:        engineering, all-staff\n\
             Last sign-in:  never\n\
             Failed tries:  5; passwords are refused until 2026-03-02T08:15:02Z, other ways to sign in are not\n\
             Object id:     6e7b768e-07e2-4810-8459-485f84f8f204\n\
             Tenant id:     11111111-2222-3333-4444-555555555555\n"
        );
    }
}
