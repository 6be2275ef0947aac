//! Who an object is: the tenant's id and the object's id, never a name.
//!
//! Names, mail addresses and display names change and repeat; two ids given by Entra do neither. Every
//! table, token check and file of this project keys on them (design.md §3).
//!
//! Invariant: a value of these types was a GUID in its strict form, 8-4-4-4-12 hexadecimal digits with
//! hyphens. Braces, `urn:uuid:` and the form without hyphens are refused, so that one object has one
//! spelling. Nothing here knows whether the object exists.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;

/// The id of a tenant (`tid` of a token).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TenantId(Uuid);

/// The id of a user or group inside a tenant (`oid` of a token, `id` in Graph).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectId(Uuid);

/// The only identity of a person or group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectKey {
    /// The tenant.
    pub tenant: TenantId,
    /// The object in it.
    pub object: ObjectId,
}

impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.tenant, self.object)
    }
}

/// A text that is no GUID in the strict form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotAGuid;

impl fmt::Display for NotAGuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not an id of the form xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx")
    }
}

impl std::error::Error for NotAGuid {}

/// Bytes of a GUID as it is written with hyphens.
const WRITTEN_LENGTH: usize = 36;

fn strict(text: &str) -> Result<Uuid, NotAGuid> {
    if text.len() != WRITTEN_LENGTH {
        return Err(NotAGuid);
    }
    Uuid::try_parse(text).map_err(|_| NotAGuid)
}

/// What both kinds of id can do; they differ only in what they name.
macro_rules! guid {
    ($name:ident) => {
        impl $name {
            /// The id with these 16 bytes, in the order in which they are written.
            #[must_use]
            pub const fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(Uuid::from_bytes(bytes))
            }

            /// The 16 bytes, in the order in which they are written.
            #[must_use]
            pub const fn to_bytes(self) -> [u8; 16] {
                self.0.into_bytes()
            }
        }

        /// Lower-case with hyphens.
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.as_hyphenated().fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = NotAGuid;

            fn from_str(text: &str) -> Result<Self, NotAGuid> {
                strict(text).map(Self)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

guid!(TenantId);
guid!(ObjectId);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_object_has_one_spelling() {
        let id: ObjectId = "7D1C2F6E-94A3-4C0A-9A51-0F3BE1C0A001".parse().unwrap();
        assert_eq!(id.to_string(), "7d1c2f6e-94a3-4c0a-9a51-0f3be1c0a001");
        assert_eq!(ObjectId::from_bytes(id.to_bytes()), id);
        for text in [
            "",
            "7d1c2f6e94a34c0a9a510f3be1c0a001",
            "{7d1c2f6e-94a3-4c0a-9a51-0f3be1c0a001}",
            "urn:uuid:7d1c2f6e-94a3-4c0a-9a51-0f3be1c0a001",
            "7d1c2f6e-94a3-4c0a-9a51-0f3be1c0a00",
            "7d1c2f6e-94a3-4c0a-9a51-0f3be1c0a00g",
            " 7d1c2f6e-94a3-4c0a-9a51-0f3be1c0a00",
        ] {
            assert_eq!(text.parse::<ObjectId>(), Err(NotAGuid), "{text}");
        }
    }
}
