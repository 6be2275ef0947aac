//! The properties that users and groups have on Graph v1.0, and their shapes.
//!
//! An object keeps its properties as Graph writes them. A property that was
//! never set is absent; one that was cleared is null: delta answers tell the two
//! apart, lists show null for both.

use serde_json::{Map, Value};

/// Properties of one object by their Graph names.
pub(crate) type Properties = Map<String, Value>;

/// What values a property takes. Null is always one of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    Text,
    Flag,
    /// A list of strings.
    Texts,
    /// An instant such as `2024-03-01T10:20:30Z`.
    Instant,
    /// A complex value, or a list of such.
    Complex,
}

/// The type an object has, with what Graph knows of it.
#[derive(Debug)]
pub(crate) struct Kind {
    /// `user`, as in `#microsoft.graph.user`.
    pub(crate) name: &'static str,
    properties: &'static [(&'static str, Shape)],
    /// What a list shows when nothing is selected.
    pub(crate) by_default: &'static [&'static str],
}

/// Users.
pub(crate) static USER: Kind = Kind {
    name: "user",
    properties: &[
        ("accountEnabled", Shape::Flag),
        ("ageGroup", Shape::Text),
        ("assignedLicenses", Shape::Complex),
        ("businessPhones", Shape::Texts),
        ("city", Shape::Text),
        ("companyName", Shape::Text),
        ("country", Shape::Text),
        ("createdDateTime", Shape::Instant),
        ("creationType", Shape::Text),
        ("deletedDateTime", Shape::Instant),
        ("department", Shape::Text),
        ("displayName", Shape::Text),
        ("employeeId", Shape::Text),
        ("employeeType", Shape::Text),
        ("externalUserState", Shape::Text),
        ("givenName", Shape::Text),
        ("id", Shape::Text),
        ("identities", Shape::Complex),
        ("jobTitle", Shape::Text),
        ("lastPasswordChangeDateTime", Shape::Instant),
        ("mail", Shape::Text),
        ("mailNickname", Shape::Text),
        ("mobilePhone", Shape::Text),
        ("officeLocation", Shape::Text),
        ("onPremisesDistinguishedName", Shape::Text),
        ("onPremisesDomainName", Shape::Text),
        ("onPremisesExtensionAttributes", Shape::Complex),
        ("onPremisesImmutableId", Shape::Text),
        ("onPremisesLastSyncDateTime", Shape::Instant),
        ("onPremisesSamAccountName", Shape::Text),
        ("onPremisesSecurityIdentifier", Shape::Text),
        ("onPremisesSyncEnabled", Shape::Flag),
        ("onPremisesUserPrincipalName", Shape::Text),
        ("otherMails", Shape::Texts),
        ("passwordPolicies", Shape::Text),
        ("preferredLanguage", Shape::Text),
        ("proxyAddresses", Shape::Texts),
        ("securityIdentifier", Shape::Text),
        ("signInSessionsValidFromDateTime", Shape::Instant),
        ("surname", Shape::Text),
        ("usageLocation", Shape::Text),
        ("userPrincipalName", Shape::Text),
        ("userType", Shape::Text),
    ],
    by_default: &[
        "businessPhones",
        "displayName",
        "givenName",
        "jobTitle",
        "mail",
        "mobilePhone",
        "officeLocation",
        "preferredLanguage",
        "surname",
        "userPrincipalName",
        "id",
    ],
};

/// Groups.
pub(crate) static GROUP: Kind = Kind {
    name: "group",
    properties: &[
        ("classification", Shape::Text),
        ("createdDateTime", Shape::Instant),
        ("deletedDateTime", Shape::Instant),
        ("description", Shape::Text),
        ("displayName", Shape::Text),
        ("groupTypes", Shape::Texts),
        ("id", Shape::Text),
        ("isAssignableToRole", Shape::Flag),
        ("mail", Shape::Text),
        ("mailEnabled", Shape::Flag),
        ("mailNickname", Shape::Text),
        ("membershipRule", Shape::Text),
        ("membershipRuleProcessingState", Shape::Text),
        ("onPremisesDomainName", Shape::Text),
        ("onPremisesLastSyncDateTime", Shape::Instant),
        ("onPremisesSamAccountName", Shape::Text),
        ("onPremisesSecurityIdentifier", Shape::Text),
        ("onPremisesSyncEnabled", Shape::Flag),
        ("preferredLanguage", Shape::Text),
        ("proxyAddresses", Shape::Texts),
        ("resourceProvisioningOptions", Shape::Texts),
        ("securityEnabled", Shape::Flag),
        ("securityIdentifier", Shape::Text),
        ("uniqueName", Shape::Text),
        ("visibility", Shape::Text),
    ],
    by_default: &[
        "id",
        "deletedDateTime",
        "classification",
        "createdDateTime",
        "description",
        "displayName",
        "groupTypes",
        "isAssignableToRole",
        "mail",
        "mailEnabled",
        "mailNickname",
        "membershipRule",
        "membershipRuleProcessingState",
        "onPremisesDomainName",
        "onPremisesLastSyncDateTime",
        "onPremisesSamAccountName",
        "onPremisesSecurityIdentifier",
        "onPremisesSyncEnabled",
        "preferredLanguage",
        "proxyAddresses",
        "securityEnabled",
        "securityIdentifier",
        "uniqueName",
        "visibility",
    ],
};

impl Kind {
    /// The property's proper spelling and shape; Graph ignores case in queries.
    /// Directory extensions (`extension_{app id}_{name}`) are taken as they come.
    pub(crate) fn property(&self, name: &str) -> Option<(String, Shape)> {
        if let Some((proper, shape)) = self
            .properties
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
        {
            return Some(((*proper).to_owned(), *shape));
        }
        is_extension(name).then(|| (name.to_owned(), Shape::Text))
    }

    /// Checks a property that somebody wants to set.
    pub(crate) fn check(&self, name: &str, value: &Value) -> Result<(), String> {
        let Some((proper, shape)) = self.property(name).filter(|(proper, _)| proper == name) else {
            return Err(format!("a {} has no property `{name}`", self.name));
        };
        if matches!(
            proper.as_str(),
            "id" | "deletedDateTime" | "securityIdentifier"
        ) {
            return Err(format!("`{name}` cannot be set"));
        }
        let fits = match (shape, value) {
            (_, Value::Null) | (Shape::Complex, Value::Object(_) | Value::Array(_)) => true,
            (Shape::Text, Value::String(_)) | (Shape::Flag, Value::Bool(_)) => true,
            // Directory extensions may be numbers (facts §4.4).
            (Shape::Text, Value::Number(_)) => is_extension(name),
            (Shape::Texts, Value::Array(items)) => items.iter().all(Value::is_string),
            (Shape::Instant, Value::String(text)) => crate::clock::parse_instant(text).is_some(),
            _ => false,
        };
        if fits {
            Ok(())
        } else {
            Err(format!("`{name}` cannot be {value}"))
        }
    }

    /// An empty value in a list or by id: null, or no entries.
    pub(crate) fn blank(&self, name: &str) -> Value {
        match self.property(name) {
            Some((_, Shape::Texts)) => Value::Array(Vec::new()),
            _ => Value::Null,
        }
    }
}

fn is_extension(name: &str) -> bool {
    name.strip_prefix("extension_")
        .and_then(|rest| rest.split_once('_'))
        .is_some_and(|(app, property)| {
            app.len() == 32
                && app.bytes().all(|byte| byte.is_ascii_hexdigit())
                && !property.is_empty()
        })
}

/// `S-1-12-1-a-b-c-d`: the object id read as four little-endian numbers.
pub(crate) fn security_identifier(id: &str) -> Value {
    let Ok(parsed) = uuid::Uuid::parse_str(id) else {
        return Value::Null;
    };
    let mut text = "S-1-12-1".to_owned();
    for part in parsed.to_bytes_le().chunks_exact(4) {
        let number = part
            .iter()
            .rev()
            .fold(0_u32, |sum, byte| sum << 8 | u32::from(*byte));
        text.push_str(&format!("-{number}"));
    }
    Value::String(text)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn unknown_properties_and_wrong_types_are_named() {
        assert!(
            USER.check("displayname", &json!("x"))
                .unwrap_err()
                .contains("displayname")
        );
        assert!(USER.check("accountEnabled", &json!("yes")).is_err());
        assert!(USER.check("createdDateTime", &json!("yesterday")).is_err());
        assert!(USER.check("id", &json!("x")).is_err());
        assert!(USER.check("displayName", &json!(null)).is_ok());
    }

    #[test]
    fn directory_extensions_are_properties() {
        let name = "extension_3a6b1f0e5c1d4c588f3e1f5f2a8d0002_uidNumber";
        assert!(USER.check(name, &json!(20001)).is_ok());
        assert!(USER.property("extension_short_uidNumber").is_none());
    }

    #[test]
    fn security_identifiers_are_the_object_id_in_decimal() {
        let value = security_identifier("73d664e4-0886-4a73-b745-c694da45ddb4");
        assert_eq!(
            value,
            json!("S-1-12-1-1943430372-1249052806-2496021943-3034400218")
        );
    }
}
