//! `entractl groups select`: changes which groups the scope names, and imports it.
//!
//! In a terminal a list of all groups is ticked; in scripts `--add` and `--remove` say the same. The
//! groups go to the agent as object ids, which no rename changes. The users of the scope, and what it
//! includes, stay as they are. Invariant: a scope that names something never becomes the whole tenant
//! here, nor the other way round without somebody having ticked.

use entra_protocol::admin::{DomainRow, GroupRow, Request};

use super::import::{Imported, flat, run};
use super::{groups, schedule};
use crate::agent::Ask;
use crate::args;
use crate::output::ticks::Entry;
use crate::trouble::Trouble;

/// Asks a person to tick entries, and gives back the positions of those that are.
pub(crate) type Choose<'a> = &'a mut dyn FnMut(&str, &[Entry]) -> Result<Vec<usize>, Trouble>;

/// Without `choose` nobody can be asked, and only the flags count.
pub(crate) fn select(
    ask: Ask<'_>,
    choose: Option<Choose<'_>>,
    asked: &args::Select,
) -> Result<Imported, Trouble> {
    let (add, remove) = (flat(&asked.add), flat(&asked.remove));
    let by_flags = !add.is_empty() || !remove.is_empty();
    if !by_flags && choose.is_none() {
        return Err(unmet(
            "there is no terminal to choose groups in",
            "say it with --add NAME,... and --remove NAME,...",
        ));
    }
    let domain = domain(ask, asked.tenant.tenant.as_deref())?;
    let fetched = groups::tenants(ask, asked.tenant.tenant.clone())?;
    let named = Named::of(&domain, &fetched);
    let chosen = match choose {
        Some(choose) if !by_flags => by_ticks(choose, &domain, &fetched, &named)?,
        _ => by_names(&domain, &fetched, named, &add, &remove)?,
    };
    if chosen.is_empty() && domain.scope_users.is_empty() {
        return Err(unmet(
            "no group and no user would be left in the scope, which would mean the whole tenant",
            "`entractl import` imports the whole tenant",
        ));
    }
    run(
        ask,
        Request::Import {
            users: domain.scope_users,
            groups: chosen,
            accept_removals: asked.caution.accept_removals,
            tenant: Some(domain.tenant_id),
            include: domain.scope_include,
            dry_run: asked.caution.dry_run,
        },
    )
}

/// The tenant that is meant.
fn domain(ask: Ask<'_>, tenant: Option<&str>) -> Result<DomainRow, Trouble> {
    let mut domains = schedule::domains(ask, Request::ScheduleShow {})?;
    let several = domains.len() > 1;
    let listed: Vec<String> = domains.iter().map(|one| one.domain.clone()).collect();
    let found = match tenant {
        None if several => {
            let message = format!("this host has several tenants: {}", listed.join(", "));
            return Err(unmet(&message, "name one of them with --tenant"));
        }
        None => domains.pop(),
        Some(tenant) => domains.into_iter().find(|one| {
            one.domain.eq_ignore_ascii_case(tenant) || one.tenant_id.eq_ignore_ascii_case(tenant)
        }),
    };
    found.ok_or_else(|| {
        let message = format!("this host has no tenant {:?}", tenant.unwrap_or_default());
        unmet(&message, &format!("it has {}", listed.join(", ")))
    })
}

/// The groups that the scope names.
struct Named {
    /// The object ids of those that the tenant has.
    ids: Vec<String>,
    /// The names of those that it doesn't have (any more).
    unknown: Vec<String>,
}

impl Named {
    fn of(domain: &DomainRow, fetched: &[GroupRow]) -> Self {
        let mut named = Self {
            ids: Vec::new(),
            unknown: Vec::new(),
        };
        for name in &domain.scope_groups {
            match meant(fetched, name)[..] {
                [group] => named.ids.push(group.object_id.clone()),
                _ => named.unknown.push(name.clone()),
            }
        }
        named
    }
}

fn by_ticks(
    choose: Choose<'_>,
    domain: &DomainRow,
    fetched: &[GroupRow],
    named: &Named,
) -> Result<Vec<String>, Trouble> {
    let listed = fetched.iter().map(|group| Entry {
        text: match group.imported {
            true => format!(
                "{} ({}), here {}",
                group.display_name, group.kind, group.name
            ),
            false => format!("{} ({})", group.display_name, group.kind),
        },
        ticked: named.ids.contains(&group.object_id),
    });
    let gone = named.unknown.iter().map(|name| Entry {
        text: format!("{name} (the tenant has no such group)"),
        ticked: true,
    });
    let entries: Vec<Entry> = listed.chain(gone).collect();
    if entries.is_empty() {
        return Err(unmet(
            &format!("{} has no groups", domain.domain),
            "`entractl import --users NAME,...` imports people without groups",
        ));
    }
    let question = match domain.scope.as_deref() {
        Some("the whole tenant") => {
            "Groups to import instead of the whole tenant, with everybody in them:"
        }
        _ => "Groups to import, with everybody in them:",
    };
    let ids = fetched.iter().map(|group| &group.object_id);
    let names: Vec<&String> = ids.chain(&named.unknown).collect();
    let chosen = choose(question, &entries)?;
    Ok(chosen
        .into_iter()
        .filter_map(|position| names.get(position))
        .map(|name| (*name).clone())
        .collect())
}

fn by_names(
    domain: &DomainRow,
    fetched: &[GroupRow],
    named: Named,
    add: &[String],
    remove: &[String],
) -> Result<Vec<String>, Trouble> {
    let names_something = !domain.scope_groups.is_empty() || !domain.scope_users.is_empty();
    if domain.scope.is_some() && !names_something {
        return Err(unmet(
            "the scope is the whole tenant, which has all groups already",
            "`entractl import --groups NAME,...` narrows it to groups",
        ));
    }
    let mut chosen: Vec<String> = named.ids.into_iter().chain(named.unknown).collect();
    for name in add {
        let id = one(fetched, name)?;
        if !chosen.contains(&id) {
            chosen.push(id);
        }
    }
    for name in remove {
        // What the tenant has no more can be taken out by the name that the scope has.
        let id = match chosen
            .iter()
            .find(|chosen| chosen.eq_ignore_ascii_case(name))
        {
            Some(id) => id.clone(),
            None => one(fetched, name)?,
        };
        if !chosen.contains(&id) {
            return Err(unmet(
                &format!("the scope does not name the group {name:?}"),
                "`entractl schedule --json` shows what it names; members of its groups can't be taken out one by one",
            ));
        }
        chosen.retain(|other| *other != id);
    }
    Ok(chosen)
}

/// The object id of the one group that a name means.
fn one(fetched: &[GroupRow], name: &str) -> Result<String, Trouble> {
    match meant(fetched, name)[..] {
        [group] => Ok(group.object_id.clone()),
        [] => Err(unmet(
            &format!("the tenant has no group {name:?}"),
            "`entractl groups fetch` lists the tenant's groups",
        )),
        ref several => {
            let listed: Vec<String> = several
                .iter()
                .map(|group| format!("{} ({})", group.display_name, group.object_id))
                .collect();
            let message = format!("{name:?} means several: {}", listed.join(", "));
            Err(unmet(&message, "name it by its object id"))
        }
    }
}

/// The groups that a name means: by object id, by display name, or by the name here.
fn meant<'a>(fetched: &'a [GroupRow], name: &str) -> Vec<&'a GroupRow> {
    let find = |is: &dyn Fn(&GroupRow) -> bool| -> Vec<&'a GroupRow> {
        fetched.iter().filter(|group| is(group)).collect()
    };
    let lower = name.to_lowercase();
    let by_id = find(&|group| group.object_id.eq_ignore_ascii_case(name));
    if !by_id.is_empty() {
        return by_id;
    }
    let by_display_name = find(&|group| group.display_name.to_lowercase() == lower);
    if !by_display_name.is_empty() {
        return by_display_name;
    }
    find(&|group| group.imported && group.name.to_lowercase() == lower)
}

fn unmet(message: &str, hint: &str) -> Trouble {
    Trouble::Unmet {
        message: message.to_owned(),
        hint: hint.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::import::tests::run as summary;
    use super::super::schedule::tests::domain as row;
    use super::*;
    use crate::agent::Answer;
    use crate::args::Names;
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
        let (result, offered) = outcome(vec![domain], Some(&[1, 4]), &args::Select::default());
        assert_eq!(result.unwrap(), expected(&["alice"], &[SOCIAL, "Gone"]));
        let ticked: Vec<bool> = offered.iter().map(|entry| entry.ticked).collect();
        assert_eq!(ticked, [true, false, false, false, true]);
        assert_eq!(offered[0].text, "Sales (security), here vertrieb");
        assert_eq!(offered[4].text, "Gone (the tenant has no such group)");
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
}
