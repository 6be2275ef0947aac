use super::*;
use crate::agent::Answer;
use crate::args::Names;
use crate::commands::import::tests::run as summary;
use crate::commands::schedule::tests::domain as row;
use crate::hint::explain;
use entra_protocol::admin::{Done, Row};

const SALES: &str = "aaaaaaaa-07e2-4810-8459-485f84f8f204";
const SOCIAL: &str = "bbbbbbbb-07e2-4810-8459-485f84f8f204";
const TWINS: [&str; 2] = [
    "cccccccc-07e2-4810-8459-485f84f8f204",
    "dddddddd-07e2-4810-8459-485f84f8f204",
];

fn group(id: &str, display_name: &str, imported: bool) -> GroupRow {
    GroupRow {
        name: if imported {
            "vertrieb".into()
        } else {
            String::new()
        },
        display_name: display_name.into(),
        gid: None,
        kind: "security".into(),
        direct_users: None,
        direct_groups: None,
        users: None,
        imported,
        object_id: id.into(),
    }
}

/// What is imported at the end, and what was offered to be ticked.
fn outcome(
    domains: Vec<DomainRow>,
    ticks: Option<&[usize]>,
    asked: &args::Select,
) -> (Result<Request, String>, Vec<Entry>) {
    let mut imported = None;
    let mut offered = Vec::new();
    let mut ask = |requests: &[Request]| {
        let (rows, done) = match &requests[0] {
            Request::ScheduleShow {} => {
                let rows: Vec<Row> = domains
                    .iter()
                    .map(|domain| Row::Domain(Box::new(domain.clone())))
                    .collect();
                let count = rows.len() as u64;
                (rows, Done::Rows { count })
            }
            Request::GroupsFetch { .. } => {
                let rows = vec![
                    Row::Group(group(SALES, "Sales", true)),
                    Row::Group(group(SOCIAL, "Social", false)),
                    Row::Group(group(TWINS[0], "Twins", false)),
                    Row::Group(group(TWINS[1], "twins", false)),
                ];
                (rows, Done::Rows { count: 4 })
            }
            import => {
                imported = Some(import.clone());
                (Vec::new(), Done::Import(summary()))
            }
        };
        Ok(Answer { rows, done })
    };
    let mut choose = |_: &str, entries: &[Entry]| {
        offered = entries.to_vec();
        Ok(ticks.unwrap().to_vec())
    };
    let result = match ticks {
        Some(_) => select(&mut ask, Some(&mut choose), asked),
        None => select(&mut ask, None, asked),
    };
    let result = result
        .map(|_| imported.unwrap())
        .map_err(|trouble| explain(&trouble).message);
    (result, offered)
}

fn expected(users: &[&str], groups: &[&str]) -> Request {
    let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    Request::Import {
        users: owned(users),
        groups: owned(groups),
        accept_removals: false,
        tenant: Some(row().tenant_id),
        include: vec!["guests".into()],
        dry_run: false,
    }
}

fn flags(add: &[&str], remove: &[&str]) -> args::Select {
    let names = |names: &[&str]| {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        if names.is_empty() {
            Vec::new()
        } else {
            vec![Names(names)]
        }
    };
    args::Select {
        add: names(add),
        remove: names(remove),
        ..args::Select::default()
    }
}

#[test]
fn what_the_scope_names_is_ticked_and_what_is_ticked_is_imported() {
    let mut domain = row();
    domain.scope_groups.push("Gone".into());
    let (result, offered) = outcome(vec![domain], Some(&[1, 2]), &args::Select::default());
    assert_eq!(result.unwrap(), expected(&["alice"], &["Gone", SOCIAL]));
    let ticked: Vec<bool> = offered.iter().map(|entry| entry.ticked).collect();
    assert_eq!(
        ticked,
        [true, true, false, false, false],
        "what is ticked comes first"
    );
    assert_eq!(offered[0].text, "Sales (security), here vertrieb");
    assert_eq!(offered[1].text, "Gone (the tenant has no such group)");
}

#[test]
fn flags_do_the_same_by_name_id_and_the_name_here() {
    let cases: [(&[&str], &[&str], &[&str]); 4] = [
        (&["social"], &[], &[SALES, SOCIAL]),
        (&[TWINS[1]], &["Sales"], &[TWINS[1]]),
        (&["vertrieb"], &[], &[SALES]),
        (&[], &["vertrieb"], &[]),
    ];
    for (add, remove, groups) in cases {
        let (result, _) = outcome(vec![row()], None, &flags(add, remove));
        assert_eq!(
            result.unwrap(),
            expected(&["alice"], groups),
            "{add:?} {remove:?}"
        );
    }
}

#[test]
fn what_is_not_one_group_is_refused_before_anything_is_imported() {
    let cases: [(&[&str], &[&str], &str); 4] = [
        (&["Sails"], &[], "the tenant has no group \"Sails\""),
        (&["Twins"], &[], "\"Twins\" means several: Twins (cccccccc"),
        (
            &[],
            &["Social"],
            "the scope does not name the group \"Social\"",
        ),
        (&[], &[], "there is no terminal"),
    ];
    for (add, remove, message) in cases {
        let (result, _) = outcome(vec![row()], None, &flags(add, remove));
        let said = result.unwrap_err();
        assert!(said.contains(message), "{said}");
    }
}

#[test]
fn nothing_becomes_the_whole_tenant_and_the_whole_tenant_nothing() {
    let mut nobody = row();
    nobody.scope_users.clear();
    let (result, _) = outcome(vec![nobody.clone()], Some(&[]), &args::Select::default());
    assert!(result.unwrap_err().contains("the whole tenant"));
    let (result, _) = outcome(vec![nobody.clone()], None, &flags(&[], &["Sales"]));
    assert!(result.unwrap_err().contains("the whole tenant"));
    nobody.scope_groups.clear();
    nobody.scope = Some("the whole tenant".into());
    let (result, _) = outcome(vec![nobody], None, &flags(&["Sales"], &[]));
    assert!(result.unwrap_err().contains("has all groups already"));
}

#[test]
fn of_several_tenants_one_is_named() {
    let mut other = row();
    other.domain = "fabrikam.example".into();
    other.tenant_id = "99999999-2222-3333-4444-555555555555".into();
    let both = vec![row(), other];
    let (result, _) = outcome(both.clone(), None, &flags(&["Social"], &[]));
    assert!(
        result
            .unwrap_err()
            .contains("contoso.example, fabrikam.example")
    );
    let mut asked = flags(&["Social"], &[]);
    asked.tenant.tenant = Some("Contoso.example".into());
    let (result, _) = outcome(both, None, &asked);
    assert_eq!(result.unwrap(), expected(&["alice"], &[SALES, SOCIAL]));
}
