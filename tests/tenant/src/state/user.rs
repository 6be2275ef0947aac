//! A person of the tenant: what the directory shows, and how they sign in.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::lockout::Lockout;
use super::properties::{Properties, USER, security_identifier};

/// Whether an object is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Presence {
    Live,
    /// In the recycle bin: restorable for 30 days, still a member of its groups.
    SoftDeleted,
    /// Gone for good; kept so that delta readers can be told.
    Gone,
}

/// One user.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct User {
    pub(crate) id: String,
    /// Its number, if it is a synthetic one.
    #[serde(skip)]
    pub(crate) number: Option<usize>,
    pub(crate) presence: Presence,
    pub(crate) properties: Properties,
    pub(crate) sign_in: SignIn,
    pub(crate) lockout: Lockout,
    /// When sessions were last ended. The directory's own instant has whole
    /// seconds, too coarse for a token issued in the same second.
    #[serde(skip)]
    pub(crate) sessions_ended: Option<time::OffsetDateTime>,
}

/// What the sign-in service knows beside the directory.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "camelCase")]
pub(crate) struct SignIn {
    /// Plain text; absent means that no password matches.
    pub(crate) password: Option<String>,
    /// Never had a password (50056).
    pub(crate) passwordless: bool,
    /// A second factor is demanded (50076).
    pub(crate) mfa_required: bool,
    /// A second factor is demanded and none is registered (50079).
    pub(crate) mfa_enrolment_required: bool,
    /// Conditional Access blocks every sign-in (53003).
    pub(crate) ca_blocked: bool,
    /// Conditional Access blocks the device code flow only (53003 when polled).
    pub(crate) device_code_blocked: bool,
    /// The password has to be changed first (50055).
    pub(crate) password_expired: bool,
}

/// The names of [`SignIn`]'s fields in seeds and in the control API.
const SIGN_IN_KEYS: [&str; 7] = [
    "password",
    "passwordless",
    "mfaRequired",
    "mfaEnrolmentRequired",
    "caBlocked",
    "deviceCodeBlocked",
    "passwordExpired",
];

/// A flat set of changes, told apart: directory properties and sign-in facts.
pub(crate) struct UserChanges {
    pub(crate) properties: Properties,
    pub(crate) sign_in: Map<String, Value>,
}

impl UserChanges {
    /// Sorts and checks; the error names the key.
    pub(crate) fn parse(flat: Map<String, Value>) -> Result<Self, String> {
        let mut changes = Self {
            properties: Map::new(),
            sign_in: Map::new(),
        };
        for (name, value) in flat {
            if SIGN_IN_KEYS.contains(&name.as_str()) {
                changes.sign_in.insert(name, value);
            } else {
                USER.check(&name, &value)?;
                changes.properties.insert(name, value);
            }
        }
        Ok(changes)
    }
}

impl SignIn {
    /// These facts with `changes` over them.
    pub(crate) fn with(&self, changes: Map<String, Value>) -> Result<Self, String> {
        let Ok(Value::Object(mut all)) = serde_json::to_value(self) else {
            return Err("the sign-in facts cannot be written down".to_owned());
        };
        all.extend(changes);
        serde_json::from_value(Value::Object(all)).map_err(|error| error.to_string())
    }
}

impl User {
    /// `userPrincipalName`, or nothing.
    pub(crate) fn upn(&self) -> &str {
        self.text("userPrincipalName")
    }

    /// A text property, empty if unset.
    pub(crate) fn text(&self, name: &str) -> &str {
        self.properties
            .get(name)
            .and_then(Value::as_str)
            .unwrap_or_default()
    }

    /// Whether the account may sign in at all.
    pub(crate) fn is_enabled(&self) -> bool {
        self.properties
            .get("accountEnabled")
            .and_then(Value::as_bool)
            .unwrap_or(true)
    }

    /// Whether the user is a live object.
    pub(crate) fn is_live(&self) -> bool {
        self.presence == Presence::Live
    }

    /// A property that was ever set, the computed ones included.
    pub(crate) fn property(&self, name: &str) -> Option<Value> {
        match name {
            "id" => Some(Value::String(self.id.clone())),
            "securityIdentifier" => Some(security_identifier(&self.id)),
            "onPremisesExtensionAttributes" => self.properties.get(name).map(extension_attributes),
            _ => self.properties.get(name).cloned(),
        }
    }

    /// Whether `key` is this user's object id or UPN, in any case.
    pub(crate) fn is_called(&self, key: &str) -> bool {
        self.id.eq_ignore_ascii_case(key) || self.upn().eq_ignore_ascii_case(key)
    }
}

/// The fifteen attributes, of which all are told once one is set.
fn extension_attributes(set: &Value) -> Value {
    let Value::Object(set) = set else {
        return set.clone();
    };
    let mut all: Map<String, Value> = (1..=EXTENSION_ATTRIBUTES)
        .map(|number| (format!("extensionAttribute{number}"), Value::Null))
        .collect();
    all.extend(set.clone());
    Value::Object(all)
}

/// How many there are.
const EXTENSION_ATTRIBUTES: u32 = 15;
