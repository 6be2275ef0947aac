//! One page of any collection: items, count, link to the next page.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value, json};

use super::query::Options;
use super::{GraphError, link};
use crate::state::Settings;
use crate::wire::Request;

/// A collection to cut a page from.
pub(super) struct Collection<'a> {
    /// Path below the version, as links name it.
    pub(super) path: &'a str,
    /// Name in `@odata.context`.
    pub(super) context: &'a str,
}

/// Cuts the page that the options ask for. Items come with a key that grows with
/// their order and stays theirs, so that a page goes on where the last one
/// ended even if the collection changed in between.
pub(super) fn page<T>(
    collection: &Collection<'_>,
    request: &Request,
    options: &Options,
    settings: &Settings,
    items: impl Iterator<Item = (String, T)>,
    show: impl Fn(T) -> Map<String, Value>,
) -> Result<Value, GraphError> {
    let after = options.skiptoken.as_deref().map(read_token).transpose()?;
    let size = options.top.min(settings.list_page).max(1);
    let wants_count = options.eventual && options.count;
    let mut total = 0_usize;
    let mut values = Vec::new();
    let mut last = None;
    let mut more = false;
    for (key, item) in items {
        total += 1;
        if after.as_ref().is_some_and(|after| key <= *after) {
            continue;
        }
        if values.len() < size {
            values.push(Value::Object(show(item)));
            last = Some(key);
            continue;
        }
        more = true;
        if !wants_count {
            break;
        }
    }
    let mut body = json!({"@odata.context": options.context(collection.context)});
    if let Value::Object(fields) = &mut body {
        if wants_count && after.is_none() {
            fields.insert("@odata.count".to_owned(), json!(total));
        }
        if let (true, Some(last)) = (more, last) {
            let token = URL_SAFE_NO_PAD.encode(format!("{PREFIX}{last}"));
            let next = link(collection.path, &request.query, ("$skiptoken", &token));
            fields.insert("@odata.nextLink".to_owned(), json!(next));
        }
        fields.insert("value".to_owned(), Value::Array(values));
    }
    Ok(body)
}

/// Marks a token as one of these.
const PREFIX: &str = "page:";

/// A key that orders by place.
pub(super) fn place_key(place: usize) -> String {
    format!("{place:012}")
}

fn read_token(token: &str) -> Result<String, GraphError> {
    URL_SAFE_NO_PAD
        .decode(token)
        .ok()
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .and_then(|text| text.strip_prefix(PREFIX).map(str::to_owned))
        .ok_or_else(GraphError::expired_page)
}
