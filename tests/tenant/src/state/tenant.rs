//! One tenant: its domains, registrations, people and groups.
//!
//! The only place that changes a directory object. Every change is noted in
//! [`Changes`] in the same breath; nothing else may touch the two lists.
//! Objects are never dropped from the lists, so that a page token can point at
//! a place in them.

mod lookup;

use std::collections::{BTreeSet, HashMap};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use time::OffsetDateTime;
use uuid::Uuid;

use super::StateError;
use super::app::App;
use super::changes::{Changes, What};
use super::group::Group;
use super::lockout::Lockout;
use super::properties::{GROUP, Properties};
use super::user::{Presence, SignIn, User, UserChanges};
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
    pub(crate) changes: Changes,
}

#[derive(Debug, Clone, Copy)]
enum Place {
    User(usize),
    Group(usize),
}

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
            changes: Changes::default(),
        }
    }

    /// Adds a user; what is not given gets the value that Entra gives.
    pub(crate) fn create_user(
        &mut self,
        mut flat: Map<String, Value>,
        now: OffsetDateTime,
    ) -> Result<String, StateError> {
        let id = take_id(&mut flat)?;
        self.refuse_known(&id)?;
        let changes = UserChanges::parse(flat).map_err(StateError::Refused)?;
        let sign_in = SignIn::default()
            .with(changes.sign_in)
            .map_err(StateError::Refused)?;
        let mut properties = changes.properties;
        let upn = text(&properties, "userPrincipalName");
        if text(&properties, "displayName").is_empty() {
            return Err(StateError::Refused("a user needs a displayName".to_owned()));
        }
        self.check_upn(&upn, &id)?;
        let local_part = upn.split('@').next().unwrap_or_default().to_owned();
        let created = properties
            .entry("createdDateTime")
            .or_insert_with(|| json!(graph_instant(now)))
            .clone();
        let first_valid = if created.is_null() {
            json!(graph_instant(now))
        } else {
            created
        };
        for (name, value) in [
            ("accountEnabled", json!(true)),
            ("userType", json!("Member")),
            ("mailNickname", json!(local_part)),
            ("lastPasswordChangeDateTime", first_valid.clone()),
            ("signInSessionsValidFromDateTime", first_valid),
        ] {
            properties.entry(name).or_insert(value);
        }
        forget_nulls(&mut properties);
        self.by_id.insert(id.clone(), Place::User(self.users.len()));
        self.users.push(User {
            id: id.clone(),
            presence: Presence::Live,
            properties,
            sign_in,
            lockout: Lockout::default(),
            sessions_ended: None,
        });
        self.changes.note(&id, What::Presence);
        Ok(id)
    }

    /// Changes properties and sign-in facts. A new password is an administrator's
    /// reset: it ends every session (facts §2.4).
    pub(crate) fn change_user(
        &mut self,
        id: &str,
        flat: Map<String, Value>,
        now: OffsetDateTime,
    ) -> Result<(), StateError> {
        let changes = UserChanges::parse(flat).map_err(StateError::Refused)?;
        if changes.properties.contains_key("userPrincipalName") {
            self.check_upn(&text(&changes.properties, "userPrincipalName"), id)?;
        }
        let resets_password = changes.sign_in.contains_key("password");
        let user = self.user_mut(id)?;
        user.sign_in = user
            .sign_in
            .with(changes.sign_in)
            .map_err(StateError::Refused)?;
        let mut properties = changes.properties;
        if resets_password {
            user.lockout.right();
            user.sessions_ended = Some(now);
            for name in [
                "lastPasswordChangeDateTime",
                "signInSessionsValidFromDateTime",
            ] {
                properties.entry(name).or_insert(json!(graph_instant(now)));
            }
        }
        self.set_properties(id, properties)
    }

    /// Ends every session of a user.
    pub(crate) fn revoke_sessions(
        &mut self,
        id: &str,
        now: OffsetDateTime,
    ) -> Result<(), StateError> {
        self.user_mut(id)?.sessions_ended = Some(now);
        let mut properties = Map::new();
        properties.insert(
            "signInSessionsValidFromDateTime".to_owned(),
            json!(graph_instant(now)),
        );
        self.set_properties(id, properties)
    }

    /// The account's lockout state.
    pub(crate) fn lockout_mut(&mut self, id: &str) -> Option<&mut Lockout> {
        self.user_mut(id).ok().map(|user| &mut user.lockout)
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
        let (presence, properties) = self.object_mut(id)?;
        if *presence == Presence::Gone || *presence == to {
            return Err(StateError::NotFound(format!("object {id} to delete")));
        }
        *presence = to;
        properties.insert("deletedDateTime".to_owned(), deleted);
        self.changes.note(id, What::Presence);
        if for_good {
            // Only now does it leave its groups (facts §4.2).
            let holders: Vec<String> = self
                .groups
                .iter()
                .filter(|group| group.members.contains(id))
                .map(|group| group.id.clone())
                .collect();
            for holder in holders {
                self.remove_member(&holder, id)?;
            }
        }
        Ok(())
    }

    /// Takes an object out of the recycle bin.
    pub(crate) fn restore(&mut self, id: &str) -> Result<(), StateError> {
        if let Some(user) = self.user_by_id(id) {
            self.check_upn(user.upn(), id)?;
        }
        let (presence, properties) = self.object_mut(id)?;
        if *presence != Presence::SoftDeleted {
            return Err(StateError::Refused(format!(
                "{id} is not in the recycle bin"
            )));
        }
        *presence = Presence::Live;
        properties.remove("deletedDateTime");
        self.changes.note(id, What::Presence);
        Ok(())
    }

    /// Adds a group without members.
    pub(crate) fn create_group(
        &mut self,
        mut flat: Map<String, Value>,
        now: OffsetDateTime,
    ) -> Result<String, StateError> {
        let id = take_id(&mut flat)?;
        self.refuse_known(&id)?;
        check_group(&flat)?;
        if text(&flat, "displayName").is_empty() {
            return Err(StateError::Refused(
                "a group needs a displayName".to_owned(),
            ));
        }
        let nickname: String = text(&flat, "displayName")
            .chars()
            .filter(char::is_ascii_alphanumeric)
            .collect();
        for (name, value) in [
            ("createdDateTime", json!(graph_instant(now))),
            ("groupTypes", json!([])),
            ("mailEnabled", json!(false)),
            ("mailNickname", json!(nickname)),
            ("securityEnabled", json!(true)),
        ] {
            flat.entry(name).or_insert(value);
        }
        forget_nulls(&mut flat);
        self.by_id
            .insert(id.clone(), Place::Group(self.groups.len()));
        self.groups.push(Group {
            id: id.clone(),
            presence: Presence::Live,
            properties: flat,
            members: BTreeSet::new(),
        });
        self.changes.note(&id, What::Presence);
        Ok(id)
    }

    /// Changes a group's properties.
    pub(crate) fn change_group(
        &mut self,
        id: &str,
        flat: Map<String, Value>,
    ) -> Result<(), StateError> {
        check_group(&flat)?;
        self.set_properties(id, flat)
    }

    /// Makes a user or group a direct member.
    pub(crate) fn add_member(&mut self, group: &str, member: &str) -> Result<(), StateError> {
        let Some(place) = self.by_id.get(member) else {
            return Err(StateError::NotFound(format!("object {member}")));
        };
        let is_group = matches!(place, Place::Group(_));
        let holder = self.group_mut(group)?;
        let unified = holder
            .properties
            .get("groupTypes")
            .and_then(Value::as_array)
            .is_some_and(|types| types.iter().any(|kind| kind == "Unified"));
        if unified && is_group {
            let why = format!(
                "{} is a Microsoft 365 group: it holds no groups",
                holder.name()
            );
            return Err(StateError::Refused(why));
        }
        if holder.members.insert(member.to_owned()) {
            self.changes.note(group, What::Member(member.to_owned()));
        }
        Ok(())
    }

    /// Ends a direct membership.
    pub(crate) fn remove_member(&mut self, group: &str, member: &str) -> Result<(), StateError> {
        if !self.group_mut(group)?.members.remove(member) {
            return Err(StateError::NotFound(format!(
                "member {member} in group {group}"
            )));
        }
        self.changes.note(group, What::Member(member.to_owned()));
        Ok(())
    }

    /// Sets properties and notes those whose value is a new one.
    fn set_properties(&mut self, id: &str, properties: Properties) -> Result<(), StateError> {
        let (_, current) = self.object_mut(id)?;
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
            self.changes.note(id, What::Property(name));
        }
        Ok(())
    }

    fn user_mut(&mut self, id: &str) -> Result<&mut User, StateError> {
        match self.by_id.get(id) {
            Some(Place::User(place)) => self.users.get_mut(*place),
            _ => None,
        }
        .ok_or_else(|| StateError::NotFound(format!("user {id}")))
    }

    fn group_mut(&mut self, id: &str) -> Result<&mut Group, StateError> {
        match self.by_id.get(id) {
            Some(Place::Group(place)) => self.groups.get_mut(*place),
            _ => None,
        }
        .ok_or_else(|| StateError::NotFound(format!("group {id}")))
    }

    fn object_mut(&mut self, id: &str) -> Result<(&mut Presence, &mut Properties), StateError> {
        match self.by_id.get(id) {
            Some(Place::User(place)) => self
                .users
                .get_mut(*place)
                .map(|user| (&mut user.presence, &mut user.properties)),
            Some(Place::Group(place)) => self
                .groups
                .get_mut(*place)
                .map(|group| (&mut group.presence, &mut group.properties)),
            None => None,
        }
        .ok_or_else(|| StateError::NotFound(format!("object {id}")))
    }

    fn refuse_known(&self, id: &str) -> Result<(), StateError> {
        match self.by_id.contains_key(id) {
            true => Err(StateError::Refused(format!(
                "there is already an object {id}"
            ))),
            false => Ok(()),
        }
    }

    /// A UPN is in a verified domain and belongs to one live user.
    fn check_upn(&self, upn: &str, id: &str) -> Result<(), StateError> {
        let domain = upn
            .rsplit_once('@')
            .map(|(_, domain)| domain)
            .unwrap_or_default();
        if self.domain(domain).is_none() {
            return Err(StateError::Refused(format!(
                "`{upn}` is in no domain of the tenant"
            )));
        }
        match self.live_user(upn) {
            Some(other) if other.id != id => Err(StateError::Refused(format!(
                "`{upn}` belongs to {}",
                other.id
            ))),
            _ => Ok(()),
        }
    }
}

fn check_group(flat: &Map<String, Value>) -> Result<(), StateError> {
    flat.iter()
        .try_for_each(|(name, value)| GROUP.check(name, value))
        .map_err(StateError::Refused)
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
