//! People: created, changed, their sessions ended.

use serde_json::{Map, Value, json};
use time::OffsetDateTime;

use super::{Place, Tenant, forget_nulls, take_id, text};
use crate::clock::graph_instant;
use crate::state::StateError;
use crate::state::changes::What;
use crate::state::lockout::Lockout;
use crate::state::user::{Presence, SignIn, User, UserChanges};

impl Tenant {
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
        let place = Place::User(self.users.len());
        self.by_id.insert(id.clone(), place);
        self.users.push(User {
            id: id.clone(),
            number: None,
            presence: Presence::Live,
            properties,
            sign_in,
            lockout: Lockout::default(),
            sessions_ended: None,
        });
        self.changes.note(place, What::Came, now);
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
        self.set_properties(id, properties, now)
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
        self.set_properties(id, properties, now)
    }

    /// The account's lockout state.
    pub(crate) fn lockout_mut(&mut self, id: &str) -> Option<&mut Lockout> {
        self.user_mut(id).ok().map(|user| &mut user.lockout)
    }

    /// A UPN is in a verified domain and belongs to one live user.
    pub(super) fn check_upn(&self, upn: &str, id: &str) -> Result<(), StateError> {
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
