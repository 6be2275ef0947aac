//! One page of any collection: items, count, link to the next page.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value, json};

use super::auth::{Principal, Right};
use super::query::{Kinds, Options};
use super::{GraphError, Reply, link};
use crate::state::properties::{GROUP, USER};
use crate::state::user::Presence;
use crate::state::{Settings, World};
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
/// ended even if the collection changed in between. `items` gives those after a
/// key, so that a page deep in a long list costs what one at its beginning does.
pub(super) fn page<T, I: Iterator<Item = (String, T)>>(
    collection: &Collection<'_>,
    request: &Request,
    options: &Options,
    settings: &Settings,
    items: impl Fn(Option<&str>) -> I,
    show: impl Fn(T) -> Map<String, Value>,
) -> Result<Value, GraphError> {
    let after = options.skiptoken.as_deref().map(read_token).transpose()?;
    let size = options.top.min(settings.list_page).max(1);
    let mut values = Vec::new();
    let mut last = None;
    let mut more = false;
    let rest = items(after.as_deref());
    for (key, item) in rest.filter(|(key, _)| after.as_ref().is_none_or(|after| key > after)) {
        if values.len() == size {
            more = true;
            break;
        }
        values.push(Value::Object(show(item)));
        last = Some(key);
    }
    let mut body = json!({"@odata.context": options.context(collection.context)});
    if let Value::Object(fields) = &mut body {
        if options.eventual && options.count && after.is_none() {
            fields.insert("@odata.count".to_owned(), json!(items(None).count()));
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

/// The recycle bin's users or groups.
pub(super) fn deleted(
    world: &World,
    principal: &Principal,
    request: &Request,
    cast: &str,
) -> Result<Reply, GraphError> {
    let tenant = principal.tenant(world)?;
    let is_group = match cast {
        "microsoft.graph.user" | "graph.user" => false,
        "microsoft.graph.group" | "graph.group" => true,
        other => return Err(GraphError::unknown_segment(other)),
    };
    let (right, kind, context) = match is_group {
        true => (Right::Groups, &GROUP, "groups"),
        false => (Right::Users, &USER, "users"),
    };
    principal.need(right)?;
    let options = Options::read(request, Kinds::One(kind))?;
    let path = format!("directory/deletedItems/{cast}");
    let collection = Collection {
        path: &path,
        context,
    };
    let settings = &world.settings;
    let gone = Presence::SoftDeleted;
    let page = match is_group {
        true => page(
            &collection,
            request,
            &options,
            settings,
            |after| {
                (after_place(after)..tenant.group_count())
                    .filter_map(|nth| Some((place_key(nth), tenant.nth_group(nth)?)))
                    .filter(|(_, group)| group.presence == gone)
            },
            |group| options.show(kind, &|name| group.property(name)),
        ),
        false => page(
            &collection,
            request,
            &options,
            settings,
            |after| {
                (after_place(after)..tenant.user_count())
                    .filter_map(|nth| Some((place_key(nth), tenant.nth_user(nth)?)))
                    .filter(|(_, user)| user.presence == gone)
            },
            |user| options.show(kind, &|name| user.property(name)),
        ),
    };
    page.map(Reply::Json)
}

/// Marks a token as one of these.
const PREFIX: &str = "page:";

/// A key that orders by place.
pub(super) fn place_key(place: usize) -> String {
    format!("{place:012}")
}

/// The place at which a list by places goes on after a key.
pub(super) fn after_place(key: Option<&str>) -> usize {
    key.and_then(|key| key.parse::<usize>().ok())
        .map_or(0, |place| place.saturating_add(1))
}

fn read_token(token: &str) -> Result<String, GraphError> {
    URL_SAFE_NO_PAD
        .decode(token)
        .ok()
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .and_then(|text| text.strip_prefix(PREFIX).map(str::to_owned))
        .ok_or_else(GraphError::expired_page)
}
