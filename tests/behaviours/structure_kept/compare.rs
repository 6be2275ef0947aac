//! The host against the tenant's truth, object by object.
//!
//! Of the tenant: `GET /truth`, what lives whatever any reader was told. Of the host: what `entractl`
//! lists, and what NSS answers every process.

use std::collections::{BTreeMap, BTreeSet};

use harness::{Host, Trouble};
use serde_json::Value;

/// What was seen on the host before: names and ids belong to one object for ever.
#[derive(Default)]
pub(crate) struct Seen {
    /// Who has or had a name.
    holders: BTreeMap<String, String>,
    /// Uids and gids, by object.
    ids: BTreeMap<String, u64>,
}

impl Seen {
    pub(crate) fn compare(&mut self, host: &Host) -> Result<(), Trouble> {
        let truth = host.tenant().call("GET", "/truth", None)?;
        let [users, groups] = self.look(host)?;
        let true_users = by_id(&truth["users"], "id");
        let true_groups = by_id(&truth["groups"], "id");
        self.people(&users, &true_users)?;
        self.groups(&groups, &true_groups)?;
        direct_members(host, &groups, &true_groups, &true_users)?;
        nested_members(host, &users, &groups, &true_groups)
    }

    /// Users and groups of the host; that nobody has a name or an id that another had, or another id than
    /// before.
    pub(crate) fn look(&mut self, host: &Host) -> Result<[BTreeMap<String, Value>; 2], Trouble> {
        let users = json_of(host, "entractl --json users list")?;
        let groups = json_of(host, "entractl --json groups list")?;
        let users = by_id(&users["users"], "object_id");
        let groups = by_id(&groups["groups"], "object_id");
        for (rows, id) in [(&users, "uid"), (&groups, "gid")] {
            self.remember(rows, id)?;
        }
        Ok([users, groups])
    }

    /// Nobody gets a name or an id that another had.
    fn remember(&mut self, rows: &BTreeMap<String, Value>, id: &str) -> Result<(), Trouble> {
        for (object, row) in rows {
            let name = text(row, "name");
            let holder = self.holders.entry(name.clone()).or_insert(object.clone());
            equal(&format!("the holder of the name {name}"), holder, object)?;
            let number = row[id].as_u64().unwrap_or_default();
            let known = *self.ids.entry(object.clone()).or_insert(number);
            equal(&format!("the id of {object}"), &number, &known)?;
        }
        Ok(())
    }

    fn people(
        &self,
        users: &BTreeMap<String, Value>,
        truth: &BTreeMap<String, Value>,
    ) -> Result<(), Trouble> {
        for (object, user) in truth {
            let upn = text(user, "userPrincipalName");
            if !upn.starts_with("Walker") {
                continue;
            }
            let name = upn.split('@').next().unwrap_or_default().to_lowercase();
            let is_anothers = self
                .holders
                .get(&name)
                .is_some_and(|holder| holder != object);
            let Some(row) = users.get(object) else {
                if is_anothers {
                    continue;
                }
                return Err(Trouble::new(format!("{upn} is not on the host")));
            };
            equal("whose name it is", &is_anothers, &false)?;
            equal("name", &text(row, "name"), &name)?;
            equal("upn", &text(row, "upn"), &upn)?;
            let display_name = text(user, "displayName");
            equal("display name", &text(row, "display_name"), &display_name)?;
            let enabled = format!("accountEnabled of {upn}");
            equal(&enabled, &row["enabled"], &user["accountEnabled"])?;
        }
        for (object, row) in users {
            if !truth.contains_key(object) {
                return Err(Trouble::new(format!("{row} is no user of the tenant")));
            }
        }
        Ok(())
    }

    fn groups(
        &self,
        groups: &BTreeMap<String, Value>,
        truth: &BTreeMap<String, Value>,
    ) -> Result<(), Trouble> {
        for (object, group) in truth {
            let display_name = text(group, "displayName");
            if !display_name.starts_with("Walk ") {
                continue;
            }
            let name = display_name.to_lowercase().replace(' ', "-");
            let is_anothers = self
                .holders
                .get(&name)
                .is_some_and(|holder| holder != object);
            match groups.get(object) {
                Some(row) => {
                    equal("name", &text(row, "name"), &name)?;
                    equal("display name", &text(row, "display_name"), &display_name)?;
                }
                None if is_anothers => {}
                None => return Err(Trouble::new(format!("{display_name} is not on the host"))),
            }
        }
        for (object, row) in groups {
            if !truth.contains_key(object) {
                return Err(Trouble::new(format!("{row} is no group of the tenant")));
            }
        }
        Ok(())
    }
}

/// As the tenant nests them: `entractl groups show`.
fn direct_members(
    host: &Host,
    groups: &BTreeMap<String, Value>,
    truth: &BTreeMap<String, Value>,
    true_users: &BTreeMap<String, Value>,
) -> Result<(), Trouble> {
    let ids: Vec<&str> = groups.keys().map(String::as_str).collect();
    let list = format!(
        "for id in {}; do entractl --json groups show $id | tr -d '\\n' || exit 1; echo; done",
        ids.join(" ")
    );
    let shown = host.run(&list)?;
    let lines = shown.stdout()?.lines();
    for (object, line) in ids.iter().zip(lines) {
        let shown: Value = serde_json::from_str(line)?;
        let is: BTreeSet<String> = ["users", "groups"]
            .iter()
            .flat_map(|kind| by_id(&shown["members"][kind], "object_id").into_keys())
            .collect();
        // Objects that no host counts are not shown: guests, groups of other kinds.
        let counts = |id: &String| {
            true_users
                .get(id)
                .is_some_and(|user| user["userType"] != "Guest")
                || truth.get(id).is_some_and(is_imported_kind)
        };
        let should: BTreeSet<String> = texts(&truth[*object]["members"])
            .into_iter()
            .filter(counts)
            .collect();
        equal(
            &format!("direct members of {}", truth[*object]["displayName"]),
            &is,
            &should,
        )?;
    }
    Ok(())
}

fn is_imported_kind(group: &Value) -> bool {
    group["securityEnabled"] == true
        && group["visibility"] != "HiddenMembership"
        && !texts(&group["groupTypes"]).contains("Unified")
}

/// As every process of the host sees them: `getent group`.
fn nested_members(
    host: &Host,
    users: &BTreeMap<String, Value>,
    groups: &BTreeMap<String, Value>,
    truth: &BTreeMap<String, Value>,
) -> Result<(), Trouble> {
    let names: Vec<String> = groups.values().map(|group| text(group, "name")).collect();
    let answered = host.run(&format!("getent group {}", names.join(" ")))?;
    let mut answers = BTreeMap::new();
    for line in answered.stdout()?.lines() {
        let fields: Vec<&str> = line.split(':').collect();
        let members = fields.get(3).copied().unwrap_or_default();
        let members: BTreeSet<String> = members
            .split(',')
            .filter(|name| !name.is_empty())
            .map(str::to_owned)
            .collect();
        answers.insert(fields[0].to_owned(), members);
    }
    for (object, group) in groups {
        let should: BTreeSet<String> = texts(&truth[object]["transitiveMembers"])
            .iter()
            .filter_map(|member| users.get(member))
            .map(|user| text(user, "name"))
            .collect();
        let name = text(group, "name");
        let is = answers
            .get(&name)
            .ok_or_else(|| Trouble::new(format!("NSS knows no group {name}")))?;
        equal(
            &format!("members of {name}, nested ones included"),
            is,
            &should,
        )?;
    }
    Ok(())
}

fn equal<T: PartialEq + std::fmt::Debug>(what: &str, is: &T, should: &T) -> Result<(), Trouble> {
    if is == should {
        return Ok(());
    }
    Err(Trouble::new(format!(
        "{what}: is {is:?}, should be {should:?}"
    )))
}

fn json_of(host: &Host, command: &str) -> Result<Value, Trouble> {
    Ok(serde_json::from_str(host.run(command)?.stdout()?)?)
}

fn by_id(list: &Value, key: &str) -> BTreeMap<String, Value> {
    let list = list.as_array().map(Vec::as_slice).unwrap_or_default();
    list.iter()
        .map(|element| (text(element, key), element.clone()))
        .collect()
}

fn text(value: &Value, key: &str) -> String {
    value[key].as_str().unwrap_or_default().to_owned()
}

fn texts(list: &Value) -> BTreeSet<String> {
    let list = list.as_array().map(Vec::as_slice).unwrap_or_default();
    list.iter()
        .filter_map(|text| Some(text.as_str()?.to_owned()))
        .collect()
}
