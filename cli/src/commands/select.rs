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
    let listed = fetched.iter().map(|group| {
        let text = match group.imported {
            true => format!(
                "{} ({}), here {}",
                group.display_name, group.kind, group.name
            ),
            false => format!("{} ({})", group.display_name, group.kind),
        };
        let ticked = named.ids.contains(&group.object_id);
        (group.object_id.clone(), Entry { text, ticked })
    });
    let gone = named.unknown.iter().map(|name| {
        let text = format!("{name} (the tenant has no such group)");
        (name.clone(), Entry { text, ticked: true })
    });
    // What is in the scope comes first: nobody sees all of a long list.
    let mut list: Vec<(String, Entry)> = listed.chain(gone).collect();
    list.sort_by_key(|(_, entry)| !entry.ticked);
    let (names, entries): (Vec<String>, Vec<Entry>) = list.into_iter().unzip();
    if entries.is_empty() {
        return Err(unmet(
            &format!("{} has no groups", domain.domain),
            "`entractl import --users NAME,...` imports people without groups",
        ));
    }
    let question = match domain.scope_groups.is_empty() && domain.scope_users.is_empty() {
        true if domain.scope.is_some() => {
            "Groups to import instead of the whole tenant, with everybody in them:"
        }
        _ => "Groups to import, with everybody in them:",
    };
    let chosen = choose(question, &entries)?;
    Ok(chosen
        .into_iter()
        .filter_map(|position| names.get(position).cloned())
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
mod tests;
