//! Groups: created, changed, their members added and removed.

use serde_json::{Map, Value, json};
use time::OffsetDateTime;

use super::{Place, Tenant, forget_nulls, take_id, text};
use crate::clock::graph_instant;
use crate::state::StateError;
use crate::state::changes::What;
use crate::state::group::Group;
use crate::state::members::Members;
use crate::state::properties::GROUP;
use crate::state::user::Presence;

impl Tenant {
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
        let place = Place::Group(self.groups.len());
        self.by_id.insert(id.clone(), place);
        self.groups.push(Group {
            id: id.clone(),
            number: None,
            presence: Presence::Live,
            properties: flat,
            members: Members::default(),
        });
        self.changes.note(place, What::Came, now);
        Ok(id)
    }

    /// Changes a group's properties.
    pub(crate) fn change_group(
        &mut self,
        id: &str,
        flat: Map<String, Value>,
        now: OffsetDateTime,
    ) -> Result<(), StateError> {
        check_group(&flat)?;
        if flat.contains_key("displayName") && text(&flat, "displayName").is_empty() {
            return Err(StateError::Refused(
                "a group needs a displayName".to_owned(),
            ));
        }
        self.set_properties(id, flat, now)
    }

    /// Makes a user or group a direct member.
    pub(crate) fn add_member(
        &mut self,
        group: &str,
        member: &str,
        now: OffsetDateTime,
    ) -> Result<(), StateError> {
        let Some(place) = self.place_of(member) else {
            return Err(StateError::NotFound(format!("object {member}")));
        };
        let is_group = matches!(place, Place::Group(_));
        let (place, holder) = self.group_mut(group)?;
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
        if holder.members.insert(member) {
            self.changes
                .note(place, What::Member(member.to_owned()), now);
        }
        Ok(())
    }

    /// Ends a direct membership.
    pub(crate) fn remove_member(
        &mut self,
        group: &str,
        member: &str,
        now: OffsetDateTime,
    ) -> Result<(), StateError> {
        let (place, holder) = self.group_mut(group)?;
        if !holder.members.remove(member) {
            return Err(StateError::NotFound(format!(
                "member {member} in group {group}"
            )));
        }
        self.changes
            .note(place, What::Member(member.to_owned()), now);
        Ok(())
    }
}

fn check_group(flat: &Map<String, Value>) -> Result<(), StateError> {
    flat.iter()
        .try_for_each(|(name, value)| GROUP.check(name, value))
        .map_err(StateError::Refused)
}
