//! Names that begin with something, for the shells' completions.
//!
//! Invariant: a question reads a range of an index and stops at its limit, so that it takes as long in a
//! directory of a million people as in one of ten. Display names, runs and retired names have no such index;
//! they are few.

use entra_protocol::admin::NameKind;
use rusqlite::named_params;

use super::{Store, StoreError};

impl Store {
    /// At most `limit` names of this kind that begin with `prefix`, in order; domains are none of the store's.
    ///
    /// # Errors
    /// What the database said.
    pub fn names_after_prefix(
        &self,
        of: NameKind,
        prefix: &str,
        limit: u32,
    ) -> Result<Vec<String>, StoreError> {
        let Some(question) = question(of) else {
            return Ok(Vec::new());
        };
        let from = match of {
            NameKind::GroupLabels => prefix.to_ascii_lowercase(),
            _ => prefix.to_lowercase(),
        };
        // Names hold no character beyond it: it is no character at all.
        let to = format!("{from}\u{10ffff}");
        let reader = self.reader();
        let mut statement = reader.prepare_cached(question)?;
        let names = statement.query_map(
            named_params! {":from": from, ":to": to, ":limit": limit},
            |row| row.get(0),
        )?;
        Ok(names.collect::<Result<_, _>>()?)
    }

    /// Shows every name that an object has or had, in no order; or only those that were given up.
    ///
    /// # Errors
    /// What the database said.
    pub fn each_name_ever(
        &self,
        only_retired: bool,
        mut show: impl FnMut(&str),
    ) -> Result<(), StoreError> {
        let reader = self.reader();
        let mut statement = reader
            .prepare_cached("SELECT name FROM state.names WHERE held = 0 OR NOT :only_retired")?;
        let mut rows = statement.query(named_params! {":only_retired": only_retired})?;
        while let Some(row) = rows.next()? {
            show(row.get_ref(0)?.as_str().map_err(rusqlite::Error::from)?);
        }
        Ok(())
    }
}

fn question(of: NameKind) -> Option<&'static str> {
    Some(match of {
        NameKind::Users => {
            "SELECT name FROM users WHERE name >= :from AND name < :to AND displaced = 0
             ORDER BY name LIMIT :limit"
        }
        NameKind::Groups => {
            "SELECT name FROM groups WHERE name >= :from AND name < :to AND displaced = 0
             ORDER BY name LIMIT :limit"
        }
        NameKind::GroupLabels => {
            "SELECT DISTINCT display_name FROM groups
             WHERE lower(display_name) >= :from AND lower(display_name) < :to
               AND name IS NOT NULL AND displaced = 0
             ORDER BY display_name LIMIT :limit"
        }
        NameKind::Objects => {
            "SELECT name FROM state.names WHERE name >= :from AND name < :to
             ORDER BY name LIMIT :limit"
        }
        NameKind::Retired => {
            "SELECT name FROM state.names WHERE name >= :from AND name < :to AND held = 0
             ORDER BY name LIMIT :limit"
        }
        NameKind::Runs => {
            "SELECT CAST(id AS TEXT) FROM state.runs
             WHERE CAST(id AS TEXT) >= :from AND CAST(id AS TEXT) < :to
             ORDER BY id DESC LIMIT :limit"
        }
        NameKind::Domains => return None,
    })
}
