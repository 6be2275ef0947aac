//! `entractl groups fetch|list|show`: what the tenant has, what this host has imported, one group's members.

use entra_protocol::admin::{Done, GroupRow, Request, Row, UserRow};
use serde::Serialize;

use super::users::user_table;
use crate::agent::{Answer, Ask};
use crate::args::Tenant;
use crate::output::table::{self, Column, number, properties, table};
use crate::output::{Screen, Shown, Text};
use crate::trouble::Trouble;

/// `{"groups": [GroupRow]}`, of the tenant.
#[derive(Debug, Serialize)]
pub(crate) struct TenantGroups {
    groups: Vec<GroupRow>,
}

/// `{"groups": [GroupRow]}`, of this host.
#[derive(Debug, Serialize)]
pub(crate) struct ImportedGroups {
    groups: Vec<GroupRow>,
}

/// `{"group": GroupRow, "members": {"users": [UserRow], "groups": [GroupRow]}}`
#[derive(Debug, Serialize)]
pub(crate) struct OneGroup {
    group: GroupRow,
    members: Members,
}

#[derive(Debug, Default, Serialize)]
struct Members {
    users: Vec<UserRow>,
    groups: Vec<GroupRow>,
}

pub(crate) fn fetch(ask: Ask<'_>, tenant: &Tenant) -> Result<TenantGroups, Trouble> {
    let groups = tenants(ask, tenant.tenant.clone())?;
    Ok(TenantGroups { groups })
}

/// Every group that the tenant has.
pub(crate) fn tenants(ask: Ask<'_>, tenant: Option<String>) -> Result<Vec<GroupRow>, Trouble> {
    groups(ask(&[Request::GroupsFetch { tenant }])?)
}

pub(crate) fn list(ask: Ask<'_>) -> Result<ImportedGroups, Trouble> {
    let groups = groups(ask(&[Request::GroupsList {}])?)?;
    Ok(ImportedGroups { groups })
}

pub(crate) fn show(ask: Ask<'_>, group: &str) -> Result<OneGroup, Trouble> {
    let request = Request::GroupsShow {
        group: group.to_owned(),
    };
    let answer = ask(&[request])?;
    let Done::Group(group) = answer.done else {
        return Err(Trouble::WrongAnswer);
    };
    let mut members = Members::default();
    for row in answer.rows {
        match row {
            Row::User(user) => members.users.push(user),
            Row::Group(group) => members.groups.push(group),
            _ => return Err(Trouble::WrongAnswer),
        }
    }
    Ok(OneGroup { group, members })
}

fn groups(answer: Answer) -> Result<Vec<GroupRow>, Trouble> {
    if !matches!(answer.done, Done::Rows { .. }) {
        return Err(Trouble::WrongAnswer);
    }
    let one = |row| match row {
        Row::Group(group) => Ok(group),
        _ => Err(Trouble::WrongAnswer),
    };
    answer.rows.into_iter().map(one).collect()
}

impl Shown for TenantGroups {
    fn text(&self, screen: Screen) -> Text {
        let data = table(
            screen,
            [
                Column::text("DISPLAY NAME"),
                Column::text("KIND"),
                Column::number("USERS"),
                Column::number("GROUPS"),
                Column::text("IMPORTED AS"),
                Column::whole("OBJECT ID"),
            ],
            self.groups.iter().map(|group| {
                [
                    group.display_name.clone(),
                    table::text(&group.kind),
                    number(group.direct_users),
                    number(group.direct_groups),
                    imported_as(group),
                    group.object_id.clone(),
                ]
            }),
        );
        let mut talk = if self.groups.is_empty() {
            vec!["The tenant has no groups.".to_owned()]
        } else {
            vec!["`entractl groups select` chooses which to import, with their members.".to_owned()]
        };
        if !self.groups.is_empty() && !screen.shows_ids() {
            talk.push("A wider terminal, a pipe or --json shows the object ids.".to_owned());
        }
        Text { data, talk }
    }
}

fn imported_as(group: &GroupRow) -> String {
    table::text(if group.imported { &group.name } else { "" })
}

impl Shown for ImportedGroups {
    fn text(&self, screen: Screen) -> Text {
        let mut text = Text {
            data: group_table(screen, &self.groups),
            talk: Vec::new(),
        };
        if self.groups.is_empty() {
            text.talk.push(
                "No groups are imported; `entractl groups fetch` lists the tenant's.".to_owned(),
            );
        }
        text
    }
}

fn group_table(screen: Screen, groups: &[GroupRow]) -> String {
    table(
        screen,
        [
            Column::text("NAME"),
            Column::number("GID"),
            Column::number("USERS"),
            Column::text("KIND"),
            Column::text("DISPLAY NAME"),
        ],
        groups.iter().map(|group| {
            [
                table::text(&group.name),
                number(group.gid),
                number(group.users),
                table::text(&group.kind),
                group.display_name.clone(),
            ]
        }),
    )
}

impl Shown for OneGroup {
    fn text(&self, screen: Screen) -> Text {
        let group = &self.group;
        let mut data = properties(&[
            ("Name", table::text(&group.name)),
            ("Display name", group.display_name.clone()),
            ("Kind", group.kind.clone()),
            ("Imported", yes_or_no(group.imported).to_owned()),
            ("Gid", number(group.gid)),
            ("Direct users", number(group.direct_users)),
            ("Direct groups", number(group.direct_groups)),
            ("Users in all", number(group.users)),
            ("Object id", group.object_id.clone()),
        ]);
        for members in [
            user_table(screen, &self.members.users),
            group_table(screen, &self.members.groups),
        ] {
            if !members.is_empty() {
                data.push('\n');
                data.push_str(&members);
            }
        }
        Text {
            data,
            talk: Vec::new(),
        }
    }
}

fn yes_or_no(value: bool) -> &'static str {
    if value { "yes" } else { "no" }
}

#[cfg(test)]
mod tests {
    use super::super::users::tests::alice;
    use super::*;

    fn engineering() -> GroupRow {
        GroupRow {
            name: "engineering".into(),
            display_name: "Engineering".into(),
            gid: Some(2_013_300_000),
            kind: "security".into(),
            direct_users: Some(4),
            direct_groups: Some(1),
            users: Some(9),
            imported: true,
            object_id: "aaaaaaaa-07e2-4810-8459-485f84f8f204".into(),
        }
    }

    fn social() -> GroupRow {
        GroupRow {
            name: String::new(),
            display_name: "Social, EMEA".into(),
            gid: None,
            kind: "microsoft-365".into(),
            direct_users: None,
            direct_groups: None,
            users: None,
            imported: false,
            object_id: "bbbbbbbb-07e2-4810-8459-485f84f8f204".into(),
        }
    }

    fn rows(request: Request) -> impl FnMut(&[Request]) -> Result<Answer, Trouble> {
        move |requests| {
            assert_eq!(requests, std::slice::from_ref(&request));
            Ok(Answer {
                rows: vec![Row::Group(engineering()), Row::Group(social())],
                done: Done::Rows { count: 2 },
            })
        }
    }

    #[test]
    fn the_tenants_groups_in_a_pipe() {
        let shown = fetch(
            &mut rows(Request::GroupsFetch { tenant: None }),
            &Tenant::default(),
        )
        .unwrap();
        assert_eq!(
            shown.text(Screen::Plain).data,
            "DISPLAY NAME  KIND           USERS  GROUPS  IMPORTED AS  OBJECT ID\n\
             Engineering   security           4       1  engineering  aaaaaaaa-07e2-4810-8459-485f84f8f204\n\
             Social, EMEA  microsoft-365      -       -  -            bbbbbbbb-07e2-4810-8459-485f84f8f204\n"
        );
    }

    #[test]
    fn the_tenants_groups_on_a_terminal() {
        let shown = fetch(
            &mut rows(Request::GroupsFetch { tenant: None }),
            &Tenant::default(),
        )
        .unwrap();
        let data = shown.text(Screen::Terminal { columns: 100 }).data;
        assert_eq!(
            data,
            "\
┌──────────────┬─────────────┬───────┬────────┬─────────────┬──────────────────────────────────────┐
│ DISPLAY NAME ┆ KIND        ┆ USERS ┆ GROUPS ┆ IMPORTED AS ┆ OBJECT ID                            │
╞══════════════╪═════════════╪═══════╪════════╪═════════════╪══════════════════════════════════════╡
│ Engineering  ┆ security    ┆     4 ┆      1 ┆ engineering ┆ aaaaaaaa-07e2-4810-8459-485f84f8f204 │
│ Social, EMEA ┆ microsoft-3 ┆     - ┆      - ┆ -           ┆ bbbbbbbb-07e2-4810-8459-485f84f8f204 │
│              ┆ 65          ┆       ┆        ┆             ┆                                      │
└──────────────┴─────────────┴───────┴────────┴─────────────┴──────────────────────────────────────┘
"
        );
    }

    #[test]
    fn ids_that_have_no_room_are_announced() {
        let shown = fetch(
            &mut rows(Request::GroupsFetch { tenant: None }),
            &Tenant::default(),
        )
        .unwrap();
        let narrow = shown.text(Screen::Terminal { columns: 80 });
        assert!(!narrow.data.contains("OBJECT ID"), "{narrow:?}");
        assert!(narrow.talk[1].contains("--json"), "{narrow:?}");
        assert_eq!(shown.text(Screen::Plain).talk.len(), 1);
    }

    #[test]
    fn the_imported_groups_in_a_pipe() {
        let shown = list(&mut rows(Request::GroupsList {})).unwrap();
        assert_eq!(
            shown.text(Screen::Plain).data,
            "NAME                GID  USERS  KIND           DISPLAY NAME\n\
             engineering  2013300000      9  security       Engineering\n\
             -                     -      -  microsoft-365  Social, EMEA\n"
        );
    }

    #[test]
    fn one_group_with_its_members() {
        let mut shown = show(
            &mut |_| {
                Ok(Answer {
                    rows: vec![Row::Group(social()), Row::User(alice())],
                    done: Done::Group(engineering()),
                })
            },
            "engineering",
        )
        .unwrap();
        assert_eq!(
            shown.text(Screen::Plain).data,
            "Name:           engineering\n\
             Display name:   Engineering\n\
             Kind:           security\n\
             Imported:       yes\n\
             Gid:            2013300000\n\
             Direct users:   4\n\
             Direct groups:  1\n\
             Users in all:   9\n\
             Object id:      aaaaaaaa-07e2-4810-8459-485f84f8f204\n\
             \n\
             NAME          UID  ROLE           STATE    UPN                    DISPLAY NAME\n\
             alice  2013265921  administrator  enabled  alice@contoso.example  Alice Ängström\n\
             \n\
             NAME  GID  USERS  KIND           DISPLAY NAME\n\
             -       -      -  microsoft-365  Social, EMEA\n"
        );
        shown.members = Members::default();
        assert!(!shown.text(Screen::Plain).data.contains("\n\n"));
    }
}
