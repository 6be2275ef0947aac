//! The fields of one JSON object, each read as the type that it must have.
//!
//! A field that is absent and one that is `null` both count as not set; where a value is required, the
//! fault says which of the two it was. Every fault names its field.

use std::fmt;

use entra_snapshot::Text;
use serde_json::{Map, Value};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::Fault;
use crate::clock::{UnixSeconds, parse_rfc3339};
use crate::identity::ObjectId;

/// A field and what is wrong with it.
#[derive(Debug)]
pub(super) struct FieldFault {
    pub(super) field: String,
    pub(super) wrong: String,
}

impl FieldFault {
    fn new(field: &str, wrong: impl Into<String>) -> Self {
        Self {
            field: field.to_owned(),
            wrong: wrong.into(),
        }
    }

    /// The fault of an element.
    pub(super) fn about(self, object: Option<ObjectId>, element: &Value) -> Fault {
        Fault {
            object,
            label: Self::named(element),
            reason: self.to_string(),
        }
    }

    /// How the tenant names an element, as far as its names can be read.
    pub(super) fn named(element: &Value) -> String {
        let named = ["userPrincipalName", "displayName", "id"]
            .into_iter()
            .find_map(|field| element.get(field)?.as_str());
        shortened(named.unwrap_or_default())
    }
}

impl fmt::Display for FieldFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.wrong)
    }
}

/// The fields of one JSON object.
pub(super) struct Fields<'a>(&'a Map<String, Value>);

impl<'a> Fields<'a> {
    pub(super) fn of(element: &'a Value) -> Result<Self, FieldFault> {
        match element {
            Value::Object(fields) => Ok(Self(fields)),
            other => Err(FieldFault::new("element", unexpected(other, "an object"))),
        }
    }

    pub(super) fn has(&self, field: &str) -> bool {
        self.0.contains_key(field)
    }

    /// A mark that is `null` is one that was taken back (see `raw`).
    pub(super) fn removed(&self) -> bool {
        self.value("@removed").is_some()
    }

    /// The value, unless it is absent or `null`.
    fn value(&self, field: &str) -> Option<&'a Value> {
        self.0.get(field).filter(|value| !value.is_null())
    }

    fn required<T>(&self, field: &str, value: Option<T>) -> Result<T, FieldFault> {
        value
            .ok_or_else(|| FieldFault::new(field, if self.has(field) { "null" } else { "missing" }))
    }

    pub(super) fn id(&self) -> Result<ObjectId, FieldFault> {
        self.required_text("id")?
            .parse()
            .map_err(|fault| FieldFault::new("id", format!("{fault}")))
    }

    pub(super) fn text(&self, field: &str) -> Result<Option<&'a str>, FieldFault> {
        match self.value(field) {
            None => Ok(None),
            Some(Value::String(text)) if text.len() > TEXT_BYTES_MAX => {
                let wrong = format!("{} bytes, the limit is {TEXT_BYTES_MAX}", text.len());
                Err(FieldFault::new(field, wrong))
            }
            Some(Value::String(text)) => Ok(Some(text)),
            Some(other) => Err(FieldFault::new(field, unexpected(other, "a text"))),
        }
    }

    pub(super) fn owned(&self, field: &str) -> Result<Option<String>, FieldFault> {
        Ok(self.text(field)?.map(str::to_owned))
    }

    pub(super) fn required_text(&self, field: &str) -> Result<&'a str, FieldFault> {
        self.required(field, self.text(field)?)
    }

    pub(super) fn flag(&self, field: &str) -> Result<Option<bool>, FieldFault> {
        match self.value(field) {
            None => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(*flag)),
            Some(other) => Err(FieldFault::new(field, unexpected(other, "true or false"))),
        }
    }

    pub(super) fn required_flag(&self, field: &str) -> Result<bool, FieldFault> {
        self.required(field, self.flag(field)?)
    }

    pub(super) fn list(&self, field: &str) -> Result<Option<&'a Vec<Value>>, FieldFault> {
        match self.value(field) {
            None => Ok(None),
            Some(Value::Array(list)) => Ok(Some(list)),
            Some(other) => Err(FieldFault::new(field, unexpected(other, "a list"))),
        }
    }

    pub(super) fn texts(&self, field: &str) -> Result<Vec<&'a str>, FieldFault> {
        let list = self.list(field)?.map(Vec::as_slice).unwrap_or_default();
        list.iter()
            .map(|value| {
                value
                    .as_str()
                    .ok_or_else(|| FieldFault::new(field, unexpected(value, "a list of texts")))
            })
            .collect()
    }

    /// Instants before 1970 (Graph writes the year 1 for "never") count as not set.
    pub(super) fn instant(&self, field: &str) -> Result<Option<UnixSeconds>, FieldFault> {
        let Some(text) = self.text(field)? else {
            return Ok(None);
        };
        if OffsetDateTime::parse(text, &Rfc3339).is_err() {
            let wrong = format!("\"{}\" is not an instant", shortened(text));
            return Err(FieldFault::new(field, wrong));
        }
        Ok(parse_rfc3339(text))
    }
}

fn unexpected(value: &Value, expected: &str) -> String {
    let is = match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    };
    format!("{is} where {expected} is expected")
}

/// A text as an error repeats it: stripped, and short enough for a line.
fn shortened(text: &str) -> String {
    Text::cleaned(text)
        .as_str()
        .chars()
        .take(SHOWN_CHARACTERS_MAX)
        .collect()
}

/// Bytes of one text at most: sixteen times Entra's limit for a display name (256 characters of up to
/// four bytes), so that only an absurd answer is refused.
pub(super) const TEXT_BYTES_MAX: usize = 16 * 1024;

/// Characters of a text that an error repeats.
const SHOWN_CHARACTERS_MAX: usize = 80;
