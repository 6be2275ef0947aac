//! Random changes of a tenant, each of a kind that people make: rename, move, nest, unnest, disable,
//! delete and restore, delete for good, make anew under the same name.

use std::collections::{BTreeMap, BTreeSet};

use harness::{Control, Trouble};
use serde_json::{Value, json};

/// One of the walk's own users or groups.
#[derive(Debug, Clone)]
struct Object {
    id: String,
    /// A UPN or a display name.
    name: String,
    enabled: bool,
    members: BTreeSet<String>,
}

pub(crate) struct Walk {
    tenant: Control,
    random: Random,
    users: Vec<Object>,
    groups: Vec<Object>,
    /// In the recycle bin, and whether it is a group.
    deleted: Vec<(Object, bool)>,
    /// Names of those that are gone for good, and whether they were groups'.
    free_names: Vec<(String, bool)>,
    /// Grows with every name that is new.
    names: usize,
    done: BTreeMap<&'static str, usize>,
}

impl Walk {
    /// Makes the objects: every group has some users, every fourth some groups.
    pub(crate) fn begin(
        tenant: Control,
        seed: u64,
        users: usize,
        groups: usize,
    ) -> Result<Self, Trouble> {
        let mut walk = Self {
            tenant,
            random: Random(seed),
            users: Vec::new(),
            groups: Vec::new(),
            deleted: Vec::new(),
            free_names: Vec::new(),
            names: 0,
            done: BTreeMap::new(),
        };
        for _ in 0..users {
            let name = walk.new_name(false);
            walk.make(&name, false)?;
        }
        for _ in 0..groups {
            let name = walk.new_name(true);
            walk.make(&name, true)?;
        }
        let mut changes = Vec::new();
        for group in 0..groups {
            for _ in 0..walk.random.below(30) {
                let user = walk.random.below(users);
                let id = walk.users[user].id.clone();
                if walk.groups[group].members.insert(id.clone()) {
                    changes.push(
                        json!({"op": "addMember", "group": walk.groups[group].id, "member": id}),
                    );
                }
            }
            if group % 4 == 0 {
                let inner = walk.random.below(groups);
                let id = walk.groups[inner].id.clone();
                if inner != group && walk.groups[group].members.insert(id.clone()) {
                    changes.push(
                        json!({"op": "addMember", "group": walk.groups[group].id, "member": id}),
                    );
                }
            }
        }
        walk.change(changes)?;
        Ok(walk)
    }

    /// Makes one change, and says which.
    pub(crate) fn step(&mut self) -> Result<String, Trouble> {
        loop {
            let (what, change) = KINDS[self.random.below(KINDS.len())];
            if let Some(told) = change(self)? {
                *self.done.entry(what).or_default() += 1;
                return Ok(format!("{what} {told}"));
            }
        }
    }

    /// A walk that left a kind out proves nothing about it.
    pub(crate) fn must_have_done_everything(&self) -> Result<(), Trouble> {
        for (what, _) in KINDS {
            if !self.done.contains_key(what) {
                return Err(Trouble::new(format!("no change was to {what}")));
            }
        }
        Ok(())
    }

    fn rename_user(&mut self) -> Result<Option<String>, Trouble> {
        let name = self.new_name(false);
        let user = self.random.below(self.users.len());
        let id = self.users[user].id.clone();
        let set = json!({"userPrincipalName": name, "displayName": format!("Now {name}")});
        self.change(vec![json!({"op": "changeUser", "user": id, "set": set})])?;
        let old = std::mem::replace(&mut self.users[user].name, name.clone());
        Ok(Some(format!("{old} to {name}")))
    }

    fn rename_group(&mut self) -> Result<Option<String>, Trouble> {
        let name = self.new_name(true);
        let group = self.random.below(self.groups.len());
        let id = self.groups[group].id.clone();
        let set = json!({"displayName": name});
        self.change(vec![json!({"op": "changeGroup", "group": id, "set": set})])?;
        let old = std::mem::replace(&mut self.groups[group].name, name.clone());
        Ok(Some(format!("{old} to {name}")))
    }

    fn move_user(&mut self) -> Result<Option<String>, Trouble> {
        let Some((from, user)) = self.some_member(false) else {
            return Ok(None);
        };
        let to = self.random.below(self.groups.len());
        if !self.groups[to].members.insert(user.clone()) {
            return Ok(None);
        }
        self.groups[from].members.remove(&user);
        let (from_id, to_id) = (self.groups[from].id.clone(), self.groups[to].id.clone());
        self.change(vec![
            json!({"op": "removeMember", "group": from_id, "member": user}),
            json!({"op": "addMember", "group": to_id, "member": user}),
        ])?;
        let (from, to) = (&self.groups[from].name, &self.groups[to].name);
        Ok(Some(format!("{user} from {from} to {to}")))
    }

    /// Circles may come of it; that is the tenant's right.
    fn nest(&mut self) -> Result<Option<String>, Trouble> {
        let outer = self.random.below(self.groups.len());
        let inner = self.random.below(self.groups.len());
        let id = self.groups[inner].id.clone();
        if outer == inner || !self.groups[outer].members.insert(id.clone()) {
            return Ok(None);
        }
        let group = self.groups[outer].id.clone();
        self.change(vec![
            json!({"op": "addMember", "group": group, "member": id}),
        ])?;
        let (inner, outer) = (&self.groups[inner].name, &self.groups[outer].name);
        Ok(Some(format!("{inner} in {outer}")))
    }

    fn unnest(&mut self) -> Result<Option<String>, Trouble> {
        let Some((outer, inner)) = self.some_member(true) else {
            return Ok(None);
        };
        self.groups[outer].members.remove(&inner);
        let group = self.groups[outer].id.clone();
        self.change(vec![
            json!({"op": "removeMember", "group": group, "member": inner}),
        ])?;
        Ok(Some(format!("{inner} from {}", self.groups[outer].name)))
    }

    fn disable(&mut self) -> Result<Option<String>, Trouble> {
        let user = self.random.below(self.users.len());
        let enabled = !self.users[user].enabled;
        self.users[user].enabled = enabled;
        let id = self.users[user].id.clone();
        let set = json!({"accountEnabled": enabled});
        self.change(vec![json!({"op": "changeUser", "user": id, "set": set})])?;
        Ok(Some(self.users[user].name.clone()))
    }

    fn delete_softly(&mut self) -> Result<Option<String>, Trouble> {
        let (object, is_group) = self.take_any();
        let change = deletion(&object, is_group, false);
        self.change(vec![change])?;
        let name = object.name.clone();
        self.deleted.push((object, is_group));
        Ok(Some(name))
    }

    fn restore(&mut self) -> Result<Option<String>, Trouble> {
        if self.deleted.is_empty() {
            return Ok(None);
        }
        let (object, is_group) = self
            .deleted
            .swap_remove(self.random.below(self.deleted.len()));
        let change = match is_group {
            true => json!({"op": "restoreGroup", "group": object.id}),
            false => json!({"op": "restoreUser", "user": object.id}),
        };
        self.change(vec![change])?;
        let name = object.name.clone();
        self.list(is_group).push(object);
        Ok(Some(name))
    }

    fn delete_for_good(&mut self) -> Result<Option<String>, Trouble> {
        let (object, is_group) = self.take_any();
        let change = deletion(&object, is_group, true);
        self.change(vec![change])?;
        for group in &mut self.groups {
            group.members.remove(&object.id);
        }
        for (group, _) in &mut self.deleted {
            group.members.remove(&object.id);
        }
        self.free_names.push((object.name.clone(), is_group));
        Ok(Some(object.name))
    }

    fn make_anew(&mut self) -> Result<Option<String>, Trouble> {
        if self.free_names.is_empty() {
            return Ok(None);
        }
        let place = self.random.below(self.free_names.len());
        let (name, is_group) = self.free_names.swap_remove(place);
        self.make(&name, is_group)?;
        Ok(Some(name))
    }

    fn make(&mut self, name: &str, is_group: bool) -> Result<(), Trouble> {
        let change = match is_group {
            true => {
                json!({"op": "createGroup", "set": {"displayName": name, "securityEnabled": true,
                           "mailEnabled": false, "groupTypes": []}})
            }
            false => json!({"op": "createUser", "set": {"userPrincipalName": name,
                            "displayName": format!("Person {name}"), "accountEnabled": true}}),
        };
        let made = self.change(vec![change])?;
        let id = made["results"][0]["id"]
            .as_str()
            .ok_or_else(|| Trouble::new(format!("no id of what was made: {made}")))?;
        let object = Object {
            id: id.to_owned(),
            name: name.to_owned(),
            enabled: true,
            members: BTreeSet::new(),
        };
        self.list(is_group).push(object);
        Ok(())
    }

    fn list(&mut self, is_group: bool) -> &mut Vec<Object> {
        match is_group {
            true => &mut self.groups,
            false => &mut self.users,
        }
    }

    fn take_any(&mut self) -> (Object, bool) {
        let is_group = self.random.below(4) == 0;
        let place = match is_group {
            true => self.random.below(self.groups.len()),
            false => self.random.below(self.users.len()),
        };
        (self.list(is_group).swap_remove(place), is_group)
    }

    /// A group that has a live member of this kind, and one of them.
    fn some_member(&mut self, groups: bool) -> Option<(usize, String)> {
        let live: BTreeSet<&String> = match groups {
            true => self.groups.iter().map(|group| &group.id).collect(),
            false => self.users.iter().map(|user| &user.id).collect(),
        };
        let pairs: Vec<(usize, String)> = self
            .groups
            .iter()
            .enumerate()
            .flat_map(|(place, group)| group.members.iter().map(move |member| (place, member)))
            .filter(|(_, member)| live.contains(member))
            .map(|(place, member)| (place, member.clone()))
            .collect();
        if pairs.is_empty() {
            return None;
        }
        let place = self.random.below(pairs.len());
        pairs.into_iter().nth(place)
    }

    fn new_name(&mut self, is_group: bool) -> String {
        self.names += 1;
        match is_group {
            true => format!("Walk {}", self.names),
            false => format!("Walker{}@contoso.example", self.names),
        }
    }

    fn change(&self, changes: Vec<Value>) -> Result<Value, Trouble> {
        self.tenant
            .call("POST", "/changes", Some(&json!({ "changes": changes })))
    }
}

fn deletion(object: &Object, is_group: bool, permanent: bool) -> Value {
    match is_group {
        true => json!({"op": "deleteGroup", "group": object.id, "permanent": permanent}),
        false => json!({"op": "deleteUser", "user": object.id, "permanent": permanent}),
    }
}

type Change = fn(&mut Walk) -> Result<Option<String>, Trouble>;

const KINDS: [(&str, Change); 10] = [
    ("rename the user", Walk::rename_user),
    ("rename the group", Walk::rename_group),
    ("move", Walk::move_user),
    ("nest", Walk::nest),
    ("unnest", Walk::unnest),
    ("disable or enable", Walk::disable),
    ("delete", Walk::delete_softly),
    ("restore", Walk::restore),
    ("delete for good", Walk::delete_for_good),
    ("make anew", Walk::make_anew),
];

/// SplitMix64: every number follows from the seed.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        word ^= word >> 31;
        usize::try_from(word % u64::try_from(limit.max(1)).unwrap_or(1)).unwrap_or(0)
    }
}
