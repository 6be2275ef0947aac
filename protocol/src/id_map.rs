//! The id map: which uid or gid an object has, as one host writes it down and another reads it.
//!
//! A text of lines. The first names format and version, further lines that begin with `#` are remarks; every
//! other line is a tenant's id, an object's id and a number, and after them, as a remark, kind and name. Rows
//! stand in the order of tenant and object, so that two maps can be compared by `diff`.
//!
//! Invariant: what [`read`] takes names every object and every id at most once. It does not know which ids
//! are legal: the host that takes the map does.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::admin::{IdMapRow, IdRow};

/// The first line. A later version has another number; an earlier reader refuses it.
const HEADER: &str = "# entra-login id map, version 1";

/// What the columns are, for people.
const COLUMNS: &str = "# tenant object id kind name";

/// Characters of a GUID as it is written.
const GUID_LENGTH: usize = 36;

/// Why a text is no id map: the line, counted from 1, and what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotAMap {
    /// The line.
    pub line: usize,
    /// What is wrong with it.
    pub reason: String,
}

impl fmt::Display for NotAMap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.reason)
    }
}

impl std::error::Error for NotAMap {}

/// The map of these allocations.
#[must_use]
pub fn write(rows: &[IdRow]) -> String {
    let mut rows: Vec<&IdRow> = rows.iter().collect();
    rows.sort_by(|a, b| (&a.tenant_id, &a.object_id).cmp(&(&b.tenant_id, &b.object_id)));
    let mut text = format!("{HEADER}\n{COLUMNS}\n");
    for row in rows {
        let line = format!(
            "{} {} {} {} {}",
            row.tenant_id, row.object_id, row.id, row.kind, row.name
        );
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// The rows of a map, in its order.
///
/// # Errors
/// [`NotAMap`] names the first line that is wrong.
pub fn read(text: &str) -> Result<Vec<IdMapRow>, NotAMap> {
    let mut lines = text.lines().enumerate();
    let wrong = |line: usize, reason: String| NotAMap {
        line: line.saturating_add(1),
        reason,
    };
    match lines.next() {
        Some((_, first)) if first.trim_end() == HEADER => {}
        _ => {
            return Err(wrong(
                0,
                format!("an id map begins with \"{HEADER}\"; `entractl ids export` writes one"),
            ));
        }
    }
    let mut rows = Vec::new();
    let mut objects: BTreeMap<(String, String), usize> = BTreeMap::new();
    let mut ids: BTreeSet<u32> = BTreeSet::new();
    for (number, line) in lines {
        if line.trim().is_empty() || line.starts_with('#') {
            continue;
        }
        let row = row(line).map_err(|reason| wrong(number, reason))?;
        let key = (row.tenant_id.clone(), row.object_id.clone());
        if let Some(earlier) = objects.insert(key, number) {
            let earlier = earlier.saturating_add(1);
            return Err(wrong(
                number,
                format!("the object {} is on line {earlier} already", row.object_id),
            ));
        }
        if !ids.insert(row.id) {
            return Err(wrong(
                number,
                format!("the id {} is another object's already", row.id),
            ));
        }
        rows.push(row);
    }
    Ok(rows)
}

fn row(line: &str) -> Result<IdMapRow, String> {
    let mut fields = line.split_whitespace();
    let tenant_id = guid(fields.next(), "tenant")?;
    let object_id = guid(fields.next(), "object")?;
    let id = fields.next().ok_or("no id")?;
    let id = id
        .parse()
        .map_err(|_| format!("{id:?} is no id: a number below 4294967296 is"))?;
    Ok(IdMapRow {
        tenant_id,
        object_id,
        id,
    })
}

/// A GUID in lower case.
fn guid(field: Option<&str>, what: &str) -> Result<String, String> {
    let field = field.ok_or_else(|| format!("no {what}"))?;
    let fits = field.len() == GUID_LENGTH
        && field.bytes().enumerate().all(|(place, byte)| match place {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        });
    if fits {
        Ok(field.to_ascii_lowercase())
    } else {
        Err(format!(
            "{what}: {field:?} is no id of the form xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TENANT: &str = "7d1c2f6e-94a3-4c0a-9a51-0f3be1c0a001";

    fn allocation(last: u8, id: u32, name: &str) -> IdRow {
        IdRow {
            id,
            kind: if name.is_empty() { "" } else { "user" }.to_owned(),
            name: name.to_owned(),
            tenant_id: TENANT.to_owned(),
            object_id: format!("11111111-0000-4000-8000-0000000000{last:02x}"),
            attempt: Some(0),
            since: "2026-01-04T19:44:18Z".to_owned(),
            here: true,
            used: true,
        }
    }

    #[test]
    fn what_is_written_is_sorted_and_comes_back() {
        let rows = [allocation(2, 100_002, ""), allocation(1, 100_001, "alice")];
        let text = write(&rows);
        assert_eq!(
            text,
            format!(
                "# entra-login id map, version 1\n# tenant object id kind name\n\
                 {TENANT} 11111111-0000-4000-8000-000000000001 100001 user alice\n\
                 {TENANT} 11111111-0000-4000-8000-000000000002 100002\n"
            )
        );
        let ids: Vec<u32> = read(&text).unwrap().into_iter().map(|row| row.id).collect();
        assert_eq!(ids, [100_001, 100_002]);
    }

    #[test]
    fn a_wrong_line_is_named() {
        let one = format!("{TENANT} 11111111-0000-4000-8000-000000000001");
        let two = format!("{TENANT} 11111111-0000-4000-8000-000000000002");
        for (body, line, reason) in [
            (format!("{one}\n"), 2, "no id"),
            (format!("\n{one} -1\n"), 3, "\"-1\" is no id"),
            (format!("{one} 4294967296\n"), 2, "is no id"),
            (format!("{TENANT} alice 5\n"), 2, "object: \"alice\""),
            (
                format!("{one} 5\n{} 6\n", one.to_uppercase()),
                3,
                "is on line 2 already",
            ),
            (
                format!("{one} 5\n# x\n{two} 5\n"),
                4,
                "the id 5 is another object's",
            ),
        ] {
            let error = read(&format!("{HEADER}\n{body}")).unwrap_err();
            assert_eq!(error.line, line, "{error}");
            assert!(error.reason.contains(reason), "{error}");
        }
        for text in ["", "uid,name\n", "# entra-login id map, version 2\n"] {
            assert_eq!(read(text).unwrap_err().line, 1, "{text}");
        }
        assert_eq!(read(&format!("{HEADER}\r\n\r\n")).unwrap(), []);
    }
}
