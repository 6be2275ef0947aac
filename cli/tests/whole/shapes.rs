//! docs/json.md, read as what it is: the shape of every document.
//!
//! The page is prose and tables for people; this reads the tables. [`Shapes::check`] holds a document against
//! its row: no field that the page lacks, none of the page's that the document lacks, each of its type.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

/// The page.
const PAGE: &str = include_str!("../../../docs/json.md");

/// What a value may be.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Shape {
    /// `text`, `number`, `boolean`, or the name of a table.
    Named(String),
    List(Box<Shape>),
    OrNull(Box<Shape>),
    Object(Vec<Field>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Field {
    name: String,
    may_be_missing: bool,
    shape: Shape,
}

/// Everything that the page says.
pub(crate) struct Shapes {
    /// By command.
    documents: BTreeMap<String, Vec<Shape>>,
    /// By name.
    tables: BTreeMap<String, Vec<Field>>,
    /// Fields of tables that some document had, and not as null.
    seen: RefCell<BTreeSet<(String, String)>>,
}

impl Shapes {
    pub(crate) fn read() -> Self {
        let mut documents = BTreeMap::new();
        let mut tables: BTreeMap<String, Vec<Field>> = BTreeMap::new();
        let mut table = None;
        for line in PAGE.lines() {
            if let Some(name) = line.strip_prefix("### ") {
                tables.insert(name.to_owned(), Vec::new());
                table = Some(name.to_owned());
            }
            let Some(cells) = line
                .strip_prefix("| ")
                .and_then(|row| row.strip_suffix(" |"))
            else {
                continue;
            };
            let cells: Vec<&str> = cells.split(" | ").collect();
            match (&table, cells[0]) {
                (_, "field" | "command") => {}
                (Some(table), field) => {
                    let (name, rest) = quoted(field, '`');
                    tables.get_mut(table).unwrap().push(Field {
                        name: name.to_owned(),
                        may_be_missing: rest == "?",
                        shape: shape(cells[1].trim_end_matches(" |")),
                    });
                }
                (None, command) => {
                    let command = command.trim_matches('`').to_owned();
                    let shapes = cells[1]
                        .split('`')
                        .filter(|part| part.starts_with('{'))
                        .map(shape)
                        .collect();
                    documents.insert(command, shapes);
                }
            }
        }
        Self {
            documents,
            tables,
            seen: RefCell::default(),
        }
    }

    /// The commands of the first table.
    pub(crate) fn commands(&self) -> BTreeSet<String> {
        self.documents
            .keys()
            .filter(|command| !command.starts_with("any"))
            .cloned()
            .collect()
    }

    /// Holds a command's document against the page.
    pub(crate) fn check(&self, command: &str, document: &Value) {
        let shapes = self.documents.get(command).unwrap_or_else(|| {
            panic!("docs/json.md has no row for `{command}` in its first table")
        });
        let wrong: Vec<String> = shapes
            .iter()
            .map_while(|shape| self.compare(command, document, shape).err())
            .collect();
        assert!(
            wrong.len() < shapes.len(),
            "`{command} --json` is not what docs/json.md says: {}\n{document:#}",
            wrong.join("; or ")
        );
    }

    /// Holds a value against one table of the page.
    pub(crate) fn check_table(&self, name: &str, value: &Value) {
        self.compare(name, value, &Shape::Named(name.to_owned()))
            .unwrap_or_else(|wrong| panic!("docs/json.md: {wrong}"));
    }

    /// Fails if the page has a field that no document had.
    pub(crate) fn all_seen(&self) {
        let seen = self.seen.borrow();
        let unseen: Vec<String> = self
            .tables
            .iter()
            .flat_map(|(table, fields)| fields.iter().map(move |field| (table, &field.name)))
            .filter(|(table, field)| !seen.contains(&((*table).clone(), (*field).clone())))
            .map(|(table, field)| format!("{table}.{field}"))
            .collect();
        assert!(
            unseen.is_empty(),
            "docs/json.md has fields that no scene's document shows: {}",
            unseen.join(", ")
        );
    }

    fn compare(&self, place: &str, value: &Value, shape: &Shape) -> Result<(), String> {
        let no = |expected: &str| Err(format!("{place} is {value}, not {expected}"));
        match shape {
            Shape::OrNull(_) if value.is_null() => Ok(()),
            Shape::OrNull(inner) => self.compare(place, value, inner),
            Shape::List(inner) => match value {
                Value::Array(values) => values
                    .iter()
                    .try_for_each(|value| self.compare(&format!("{place}[]"), value, inner)),
                _ => no("a list"),
            },
            Shape::Object(fields) => self.compare_fields(place, None, value, fields),
            Shape::Named(name) => match name.as_str() {
                "text" if value.is_string() => Ok(()),
                "number" if value.is_u64() => Ok(()),
                "boolean" if value.is_boolean() => Ok(()),
                "text" | "number" | "boolean" => no(name),
                _ => match self.tables.get(name) {
                    Some(fields) => self.compare_fields(place, Some(name), value, fields),
                    None => Err(format!("there is no table {name}")),
                },
            },
        }
    }

    fn compare_fields(
        &self,
        place: &str,
        table: Option<&str>,
        value: &Value,
        fields: &[Field],
    ) -> Result<(), String> {
        let Value::Object(map) = value else {
            return Err(format!("{place} is {value}, not an object"));
        };
        for (key, value) in map {
            let place = format!("{place}.{key}");
            let field = fields
                .iter()
                .find(|field| field.name == *key)
                .ok_or_else(|| format!("{place} is not documented"))?;
            self.compare(&place, value, &field.shape)?;
            if let Some(table) = table
                && !value.is_null()
            {
                let mut seen = self.seen.borrow_mut();
                seen.insert((table.to_owned(), key.clone()));
            }
        }
        match fields
            .iter()
            .find(|field| !field.may_be_missing && !map.contains_key(&field.name))
        {
            Some(field) => Err(format!("{place}.{} is documented and missing", field.name)),
            None => Ok(()),
        }
    }
}

/// What stands between two marks at the beginning, and the rest.
fn quoted(text: &str, mark: char) -> (&str, &str) {
    text.strip_prefix(mark)
        .and_then(|text| text.split_once(mark))
        .unwrap_or_else(|| panic!("docs/json.md: {text:?} does not begin with {mark}"))
}

/// Reads a shape as the page notes it.
fn shape(text: &str) -> Shape {
    let (shape, rest) = read(text.trim());
    assert_eq!(rest.trim(), "", "docs/json.md: {text:?}");
    shape
}

fn read(text: &str) -> (Shape, &str) {
    let (shape, rest) = if let Some(inner) = text.strip_prefix('[') {
        let (shape, rest) = read(inner);
        let rest = rest.strip_prefix(']').unwrap_or_else(|| panic!("{text:?}"));
        (Shape::List(Box::new(shape)), rest)
    } else if let Some(mut inner) = text.strip_prefix('{') {
        let mut fields = Vec::new();
        loop {
            let (name, rest) = quoted(inner.trim_start(), '"');
            let may_be_missing = rest.starts_with('?');
            let rest = rest.trim_start_matches(['?', ':', ' ']);
            let (shape, rest) = read(rest);
            fields.push(Field {
                name: name.to_owned(),
                may_be_missing,
                shape,
            });
            match (rest.strip_prefix(','), rest.strip_prefix('}')) {
                (Some(rest), _) => inner = rest,
                (_, Some(rest)) => break (Shape::Object(fields), rest),
                _ => panic!("docs/json.md: {text:?}"),
            }
        }
    } else {
        let end = text
            .find(|character: char| !character.is_alphanumeric())
            .unwrap_or(text.len());
        let (name, rest) = text.split_at(end);
        (Shape::Named(name.to_owned()), rest)
    };
    match rest.strip_prefix(" or null") {
        Some(rest) => (Shape::OrNull(Box::new(shape)), rest),
        None => (shape, rest),
    }
}

#[test]
fn what_is_not_as_the_page_says_is_seen() {
    let shapes = Shapes::read();
    let good = serde_json::json!({ "auth": { "enabled": true, "local_auth": "allow", "local_auth_trial_ends": null, "administrators": 1 } });
    shapes.check("auth status", &good);
    for (place, value) in [
        ("/auth/enabled", serde_json::json!("yes")),
        ("/auth/administrators", serde_json::json!(null)),
        ("/auth", serde_json::json!({ "enabled": true })),
        (
            "/auth",
            serde_json::json!({ "enabled": true, "local_auth": "x", "local_auth_trial_ends": null, "administrators": 1, "new": 1 }),
        ),
    ] {
        let mut bad = good.clone();
        *bad.pointer_mut(place).unwrap() = value;
        let checked = std::panic::catch_unwind(|| Shapes::read().check("auth status", &bad));
        assert!(checked.is_err(), "{bad}");
    }
}
