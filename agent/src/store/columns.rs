//! How the project's types stand in columns: ids as 16-byte blobs, instants as whole seconds, roles as
//! their words.

use entra_protocol::admin::Role;
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, Value, ValueRef};

use super::StoreError;
use crate::clock::UnixSeconds;
use crate::graph::MemberKind;
use crate::identity::{ObjectId, TenantId};

macro_rules! blob_of_16 {
    ($name:ident) => {
        impl ToSql for $name {
            fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
                Ok(ToSqlOutput::Owned(Value::Blob(self.to_bytes().to_vec())))
            }
        }

        impl FromSql for $name {
            fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
                <[u8; 16]>::column_result(value).map(Self::from_bytes)
            }
        }
    };
}

blob_of_16!(TenantId);
blob_of_16!(ObjectId);

impl ToSql for UnixSeconds {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        // Seconds past 2^63 don't come from a calendar.
        Ok(ToSqlOutput::Owned(Value::Integer(
            i64::try_from(self.value()).unwrap_or(i64::MAX),
        )))
    }
}

impl FromSql for UnixSeconds {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let seconds = i64::column_result(value)?;
        u64::try_from(seconds)
            .map(Self::new)
            .map_err(|_| FromSqlError::OutOfRange(seconds))
    }
}

impl MemberKind {
    /// The word for it in rows and columns.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Group => "group",
        }
    }

    /// The kind that a column names.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] for any other word.
    pub fn of_word(word: &str) -> Result<Self, StoreError> {
        match word {
            "user" => Ok(Self::User),
            "group" => Ok(Self::Group),
            other => Err(StoreError::Damaged {
                what: "an object's kind",
                value: other.to_owned(),
            }),
        }
    }
}

/// The role of a row of `roles` or `group_roles`; where there is none, nobody is more than a user.
pub(super) fn role(word: Option<String>) -> Result<Role, StoreError> {
    let Some(word) = word else {
        return Ok(Role::User);
    };
    Role::ALL
        .into_iter()
        .find(|role| role.word() == word)
        .ok_or(StoreError::Damaged {
            what: "a role",
            value: word,
        })
}

/// The effective role: the strongest of a person's own and of those that groups give.
pub(super) fn strongest(own: Option<String>, by_group: Option<String>) -> Result<Role, StoreError> {
    Ok(role(own)?.max(role(by_group)?))
}

/// A count of rows, which SQLite gives as a signed number.
pub(super) fn count(value: i64) -> u64 {
    u64::try_from(value).unwrap_or(0)
}
