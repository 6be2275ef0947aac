//! One tenant: its domains, registrations, people and groups.
//!
//! The only place that changes a directory object. Every change is noted in
//! [`Changes`] in the same breath; nothing else may touch the two lists.
//! Objects are never dropped from the lists, so that a page token can point at
//! a place in them. Synthetic objects have places of their own, from
//! [`SYNTHETIC`] on, and are written down when something first changes them.

mod groups;
mod lookup;
mod people;

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use time::OffsetDateTime;
use uuid::Uuid;

use super::StateError;
use super::app::App;
use super::changes::{Changes, What};
use super::group::Group;
use super::properties::Properties;
use super::synthetic::{Size, Synthetic};
use super::user::{Presence, User};
use crate::clock::graph_instant;

/// A verified domain.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct Domain {
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) authentication_type: Authentication,
    #[serde(default)]
    pub(crate) is_default: bool,
    #[serde(default)]
    pub(crate) is_initial: bool,
}

/// Who checks the passwords of a domain.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Authentication {
    #[default]
    Managed,
    Federated,
}

/// The tenant.
#[derive(Debug)]
pub(crate) struct Tenant {
    pub(crate) id: String,
    pub(crate) display_name: String,
    /// `EU`, `NA`, ...
    pub(crate) region: String,
    pub(crate) domains: Vec<Domain>,
    pub(crate) apps: Vec<App>,
    users: Vec<User>,
    groups: Vec<Group>,
    by_id: HashMap<String, Place>,
    synthetic: Option<Synthetic>,
    /// Where the synthetic objects are that were written down, by number.
    written_users: HashMap<usize, usize>,
    written_groups: HashMap<usize, usize>,
    pub(crate) changes: Changes,
}

/// Where an object is; it stays there for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Place {
    User(usize),
    Group(usize),
}

/// The place of synthetic object 0.
const SYNTHETIC: usize = 1 << 40;

impl Tenant {
    /// A tenant without people.
    pub(crate) fn new(
        id: String,
        display_name: String,
        region: String,
        domains: Vec<Domain>,
        apps: Vec<App>,
    ) -> Self {
        Self {
            id,
            display_name,
            region,
            domains,
            apps,
            users: Vec::new(),
            groups: Vec::new(),
            by_id: HashMap::new(),
            synthetic: None,
            written_users: HashMap::new(),
            written_groups: HashMap::new(),
            changes: Changes::default(),
        }
    }

    /// Adds a synthetic population, once.
    pub(crate) fn populate(&mut self, size: Size) -> Result<(), StateError> {
        if self.synthetic.is_some() {
            return Err(StateError::Refused(format!(
                "tenant {} has its synthetic objects already",
                self.id
            )));
        }
        let domain = self
            .domains
            .iter()
            .find(|domain| domain.is_default)
            .or_else(|| self.domains.first())
            .ok_or_else(|| StateError::Refused(format!("tenant {} has no domain", self.id)))?;
        let population =
            Synthetic::new(size, &domain.name, &self.id).map_err(StateError::Refused)?;
        self.synthetic = Some(population);
        Ok(())
    }

    /// Deletes an object: into the recycle bin, or for good.
    pub(crate) fn delete(
        &mut self,
        id: &str,
        for_good: bool,
        now: OffsetDateTime,
    ) -> Result<(), StateError> {
        let to = if for_good {
            Presence::Gone
        } else {
            Presence::SoftDeleted
        };
        let deleted = json!(graph_instant(now));
        let (place, presence, properties) = self.object_mut(id)?;
        if *presence == Presence::Gone || *presence == to {
            return Err(StateError::NotFound(format!("object {id} to delete")));
        }
        *presence = to;
        properties.insert("deletedDateTime".to_owned(), deleted);
        self.changes.note(place, What::Went, now);
        if for_good {
            // Only now does it leave its groups (facts §4.2).
            for holder in self.holders(id) {
                let Some(holder) = self.group_at(holder).map(|group| group.id.clone()) else {
                    continue;
                };
                self.remove_member(&holder, id, now)?;
            }
        }
        Ok(())
    }

    /// Takes an object out of the recycle bin.
    pub(crate) fn restore(&mut self, id: &str, now: OffsetDateTime) -> Result<(), StateError> {
        if let Some(upn) = self.user_by_id(id).map(|user| user.upn().to_owned()) {
            self.check_upn(&upn, id)?;
        }
        let (place, presence, properties) = self.object_mut(id)?;
        if *presence != Presence::SoftDeleted {
            return Err(StateError::Refused(format!(
                "{id} is not in the recycle bin"
            )));
        }
        *presence = Presence::Live;
        properties.remove("deletedDateTime");
        self.changes.note(place, What::Restored, now);
        Ok(())
    }

    /// Sets properties and notes those whose value is a new one.
    fn set_properties(
        &mut self,
        id: &str,
        properties: Properties,
        now: OffsetDateTime,
    ) -> Result<(), StateError> {
        let (place, _, current) = self.object_mut(id)?;
        let mut changed = Vec::new();
        for (name, value) in properties {
            let before = current.get(&name);
            let same = before == Some(&value) || (before.is_none() && value.is_null());
            if !same {
                current.insert(name.clone(), value);
                changed.push(name);
            }
        }
        for name in changed {
            self.changes.note(place, What::Property(name), now);
        }
        Ok(())
    }

    /// A user to change; a synthetic one is written down first.
    fn user_mut(&mut self, id: &str) -> Result<&mut User, StateError> {
        let unknown = || StateError::NotFound(format!("user {id}"));
        let Some(Place::User(place)) = self.place_of(id) else {
            return Err(unknown());
        };
        let Some(number) = place.checked_sub(SYNTHETIC) else {
            return self.users.get_mut(place).ok_or_else(unknown);
        };
        let written = match self.written_users.get(&number) {
            Some(written) => *written,
            None => {
                let user = self.synthetic.as_ref().and_then(|all| all.user(number));
                self.users.push(user.ok_or_else(unknown)?);
                self.written_users.insert(number, self.users.len() - 1);
                self.users.len() - 1
            }
        };
        self.users.get_mut(written).ok_or_else(unknown)
    }

    /// A group to change, in the same way.
    fn group_mut(&mut self, id: &str) -> Result<(Place, &mut Group), StateError> {
        let unknown = || StateError::NotFound(format!("group {id}"));
        let Some(Place::Group(place)) = self.place_of(id) else {
            return Err(unknown());
        };
        let Some(number) = place.checked_sub(SYNTHETIC) else {
            let group = self.groups.get_mut(place).ok_or_else(unknown)?;
            return Ok((Place::Group(place), group));
        };
        let written = match self.written_groups.get(&number) {
            Some(written) => *written,
            None => {
                let group = self.synthetic.as_ref().and_then(|all| all.group(number));
                self.groups.push(group.ok_or_else(unknown)?);
                self.written_groups.insert(number, self.groups.len() - 1);
                self.groups.len() - 1
            }
        };
        let group = self.groups.get_mut(written).ok_or_else(unknown)?;
        Ok((Place::Group(place), group))
    }

    fn object_mut(
        &mut self,
        id: &str,
    ) -> Result<(Place, &mut Presence, &mut Properties), StateError> {
        match self.place_of(id) {
            Some(place @ Place::User(_)) => self
                .user_mut(id)
                .map(|user| (place, &mut user.presence, &mut user.properties)),
            Some(place @ Place::Group(_)) => self
                .group_mut(id)
                .map(|(_, group)| (place, &mut group.presence, &mut group.properties)),
            None => Err(StateError::NotFound(format!("object {id}"))),
        }
    }

    fn refuse_known(&self, id: &str) -> Result<(), StateError> {
        match self.place_of(id) {
            Some(_) => Err(StateError::Refused(format!(
                "there is already an object {id}"
            ))),
            None => Ok(()),
        }
    }
}

/// Takes `id` out of the properties, or makes one up.
fn take_id(flat: &mut Map<String, Value>) -> Result<String, StateError> {
    match flat.remove("id") {
        None => Ok(Uuid::new_v4().to_string()),
        Some(given) => given
            .as_str()
            .and_then(|text| Uuid::parse_str(text).ok())
            .map(|id| id.to_string())
            .ok_or_else(|| StateError::Refused(format!("{given} is no object id"))),
    }
}

/// In a new object, null means: never set.
fn forget_nulls(properties: &mut Properties) {
    properties.retain(|_, value| !value.is_null());
}

fn text(properties: &Map<String, Value>, name: &str) -> String {
    properties
        .get(name)
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned()
}
