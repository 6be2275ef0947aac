//! A group of the tenant and its direct members.

use serde::Serialize;
use serde_json::Value;

use super::members::Members;
use super::properties::{Properties, security_identifier};
use super::user::Presence;

/// One group of any kind.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Group {
    pub(crate) id: String,
    /// Its number, if it is a synthetic one.
    #[serde(skip)]
    pub(crate) number: Option<usize>,
    pub(crate) presence: Presence,
    pub(crate) properties: Properties,
    /// Direct members.
    pub(crate) members: Members,
}

impl Group {
    /// Whether the group is a live object.
    pub(crate) fn is_live(&self) -> bool {
        self.presence == Presence::Live
    }

    /// `displayName`, or nothing.
    pub(crate) fn name(&self) -> &str {
        self.properties
            .get("displayName")
            .and_then(Value::as_str)
            .unwrap_or_default()
    }

    /// Whether only holders of Member.Read.Hidden see the members.
    pub(crate) fn hides_members(&self) -> bool {
        self.properties.get("visibility").and_then(Value::as_str) == Some("HiddenMembership")
    }

    /// Whether it can carry rights.
    pub(crate) fn is_security_enabled(&self) -> bool {
        self.properties
            .get("securityEnabled")
            .and_then(Value::as_bool)
            .unwrap_or(false)
    }

    /// A property that was ever set, the computed ones included.
    pub(crate) fn property(&self, name: &str) -> Option<Value> {
        match name {
            "id" => Some(Value::String(self.id.clone())),
            "securityIdentifier" => Some(security_identifier(&self.id)),
            _ => self.properties.get(name).cloned(),
        }
    }
}
