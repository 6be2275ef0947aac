//! `/users/delta` and `/groups/delta` (facts §4.2).
//!
//! A token is the whole query and the place reached, so nothing is kept between
//! pages. A round is consistent in this sense: whatever changes while it runs is
//! told in the next one, because the delta link points at where the changes were
//! when the round began.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use time::OffsetDateTime;

use super::auth::{Principal, Right};
use super::filter::Filter;
use super::query::{Kinds, select};
use super::{BASE, GraphError};
use crate::state::World;
use crate::state::changes::Summary;
use crate::state::group::Group;
use crate::state::properties::{GROUP, Kind, USER};
use crate::state::tenant::Tenant;
use crate::state::user::{Presence, User};
use crate::wire::Request;

/// Ids in one filter.
const FILTER_LIMIT: usize = 50;
/// Days a delta link lives for directory objects.
const LINK_DAYS: i64 = 7;
/// Days after which a link is refused in other words.
const ANCIENT_DAYS: i64 = 30;

/// What a skip token or delta token carries.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Cursor {
    /// `user` or `group`.
    kind: String,
    select: Option<Vec<String>>,
    ids: Option<Vec<String>>,
    /// Changes from this place on are told; everything, if absent.
    from: Option<usize>,
    /// Up to this place; a delta link has none, its round has not begun.
    to: Option<usize>,
    /// Place in the list of objects.
    object: usize,
    /// Place in that object's members.
    member: usize,
    /// When the link was given, Unix seconds.
    given: i64,
}

/// A page of `/users/delta`.
pub(super) fn users(
    world: &World,
    principal: &Principal,
    request: &Request,
) -> Result<Value, GraphError> {
    let tenant = principal.tenant(world)?;
    let round = Round::read(world, tenant, request, &USER)?;
    let summaries = round.summaries(tenant);
    let tell = |place: usize, _member: usize| {
        let user = tenant.users().get(place)?;
        Some(match &summaries {
            None => (initial_user(user, &round.cursor), None),
            Some(all) => (
                all.get(user.id.as_str())
                    .and_then(|what| changed_user(user, what, &round.cursor)),
                None,
            ),
        })
    };
    Ok(round.page(world, tell))
}

/// A page of `/groups/delta`.
pub(super) fn groups(
    world: &World,
    principal: &Principal,
    request: &Request,
) -> Result<Value, GraphError> {
    let tenant = principal.tenant(world)?;
    let sees_hidden = principal.may(Right::HiddenMembers);
    let round = Round::read(world, tenant, request, &GROUP)?;
    let summaries = round.summaries(tenant);
    let slice = world.settings.delta_members.max(1);
    let tell = |place: usize, member: usize| {
        let group = tenant.groups().get(place)?;
        let shows_members = round.tracks_members && (sees_hidden || !group.hides_members());
        Some(match &summaries {
            None => initial_group(tenant, group, &round, shows_members, member, slice),
            Some(all) => match all.get(group.id.as_str()) {
                Some(what) => {
                    changed_group(tenant, group, what, &round, shows_members, member, slice)
                }
                None => (None, None),
            },
        })
    };
    Ok(round.page(world, tell))
}

/// One request of a round.
struct Round {
    kind: &'static Kind,
    cursor: Cursor,
    to: usize,
    tracks_members: bool,
    now: OffsetDateTime,
    /// `$deltatoken=latest`: nothing but a link.
    only_link: bool,
    collection: &'static str,
}

impl Round {
    fn read(
        world: &World,
        tenant: &Tenant,
        request: &Request,
        kind: &'static Kind,
    ) -> Result<Self, GraphError> {
        let now = world.clock.now();
        let place = tenant.changes.place();
        for (name, _) in &request.query {
            if matches!(name.as_str(), "$orderby" | "$expand" | "$search" | "$count") {
                return Err(GraphError::unsupported(format!(
                    "'{name}' is not supported on delta."
                )));
            }
        }
        let token = |name: &str| request.parameter(name).filter(|token| *token != "latest");
        let only_link = request.parameter("$deltatoken") == Some("latest");
        let cursor = match (token("$skiptoken"), token("$deltatoken")) {
            (Some(token), _) => read_token(token, kind).ok_or_else(GraphError::expired_page)?,
            (None, Some(token)) => {
                let cursor = read_token(token, kind)
                    .ok_or_else(|| GraphError::bad_value("Badly formed token."))?;
                check_age(&cursor, now)?;
                cursor
            }
            (None, None) => first_cursor(request, kind, now)?,
        };
        if token("$skiptoken").or(token("$deltatoken")).is_some() {
            refuse_other_select(request, kind, &cursor)?;
        }
        let tracks_members = kind.name == "group"
            && cursor
                .select
                .as_ref()
                .is_none_or(|names| names.iter().any(|name| name == "members"));
        let to = cursor.to.unwrap_or(place);
        let collection = if kind.name == "user" {
            "users"
        } else {
            "groups"
        };
        Ok(Self {
            kind,
            cursor,
            to,
            tracks_members,
            now,
            only_link,
            collection,
        })
    }

    /// What changed, by object; nothing in an initial round.
    fn summaries<'t>(
        &self,
        tenant: &'t Tenant,
    ) -> Option<std::collections::BTreeMap<&'t str, Summary>> {
        self.cursor
            .from
            .map(|from| tenant.changes.between(from, self.to))
    }

    /// Collects a page. `tell` gives, for an object's place and a member's place,
    /// nothing past the last object; else an entry, if there is one to show, and
    /// the member's place to go on from, if the object is not told to the end.
    fn page(
        &self,
        world: &World,
        tell: impl Fn(usize, usize) -> Option<(Option<Value>, Option<usize>)>,
    ) -> Value {
        let size = world.settings.delta_page.max(1);
        let (mut object, mut member) = (self.cursor.object, self.cursor.member);
        let mut values = Vec::new();
        let mut ended = self.only_link;
        while !ended && values.len() < size {
            match tell(object, member) {
                None => ended = true,
                Some((entry, rest)) => {
                    let wanted = |entry: &Value| match (&self.cursor.ids, entry.get("id")) {
                        (Some(ids), Some(Value::String(id))) => ids.contains(id),
                        _ => true,
                    };
                    values.extend(entry.filter(wanted));
                    (object, member) = match rest {
                        Some(rest) => (object, rest),
                        None => (object + 1, 0),
                    };
                }
            }
        }
        // A page that is full exactly at the end must not promise another.
        ended = ended || tell(object, member).is_none();
        let next = Cursor {
            to: (!ended).then_some(self.to),
            from: if ended {
                Some(self.to)
            } else {
                self.cursor.from
            },
            object: if ended { 0 } else { object },
            member: if ended { 0 } else { member },
            given: self.now.unix_timestamp(),
            ..self.cursor.clone()
        };
        let (name, option) = match ended {
            true => ("@odata.deltaLink", "$deltatoken"),
            false => ("@odata.nextLink", "$skiptoken"),
        };
        let selected = match &self.cursor.select {
            Some(names) => format!("({})", names.join(",")),
            None => String::new(),
        };
        json!({
            "@odata.context": format!("{BASE}/$metadata#{}{selected}", self.collection),
            name: format!("{BASE}/{}/delta?{option}={}", self.collection, write_token(&next)),
            "value": values,
        })
    }
}

fn first_cursor(
    request: &Request,
    kind: &'static Kind,
    now: OffsetDateTime,
) -> Result<Cursor, GraphError> {
    let ids = match request.parameter("$filter") {
        None => None,
        Some(text) => {
            let ids = Filter::parse(text, kind)?.ids().ok_or_else(|| {
                GraphError::unsupported(
                    "Only filters of the form id eq 'value' are supported on delta.",
                )
            })?;
            if ids.len() > FILTER_LIMIT {
                return Err(GraphError::unsupported(format!(
                    "The filter holds {} ids, at most {FILTER_LIMIT} are allowed.",
                    ids.len()
                )));
            }
            Some(ids)
        }
    };
    Ok(Cursor {
        kind: kind.name.to_owned(),
        select: selected(request, kind)?,
        ids,
        from: None,
        to: None,
        object: 0,
        member: 0,
        given: now.unix_timestamp(),
    })
}

/// `$select` of a delta: `members` is a name too.
fn selected(request: &Request, kind: &'static Kind) -> Result<Option<Vec<String>>, GraphError> {
    let Some(text) = request.parameter("$select") else {
        return Ok(None);
    };
    let is_relation = |name: &str| kind.name == "group" && matches!(name, "members" | "owners");
    let (relations, properties): (Vec<&str>, Vec<&str>) = text
        .split(',')
        .map(str::trim)
        .partition(|name| is_relation(name));
    let mut plain = request.clone();
    plain.query = vec![("$select".to_owned(), properties.join(","))];
    let mut names = select(&plain, Kinds::One(kind))?.unwrap_or_default();
    names.extend(relations.into_iter().map(str::to_owned));
    Ok(Some(names))
}

/// A token keeps its own selection; another one would need a new round.
fn refuse_other_select(
    request: &Request,
    kind: &'static Kind,
    cursor: &Cursor,
) -> Result<(), GraphError> {
    let other = request.parameter("$select").is_some() && selected(request, kind)? != cursor.select;
    if other || request.parameter("$filter").is_some() {
        return Err(GraphError::bad_value(
            "Query options are part of the token and cannot be changed during a delta round.",
        ));
    }
    Ok(())
}

fn check_age(cursor: &Cursor, now: OffsetDateTime) -> Result<(), GraphError> {
    let days = (now.unix_timestamp() - cursor.given) / 86_400;
    if days >= ANCIENT_DAYS {
        return Err(GraphError::unsupported(
            "DeltaLink older than 30 days is not supported.",
        ));
    }
    if days >= LINK_DAYS {
        let collection = if cursor.kind == "user" {
            "users"
        } else {
            "groups"
        };
        let select = cursor
            .select
            .as_ref()
            .map(|names| format!("?$select={}", names.join(",")));
        let fresh = format!("{BASE}/{collection}/delta{}", select.unwrap_or_default());
        return Err(GraphError::resync(fresh));
    }
    Ok(())
}

fn read_token(token: &str, kind: &Kind) -> Option<Cursor> {
    let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
    let cursor: Cursor = serde_json::from_slice(&bytes).ok()?;
    (cursor.kind == kind.name).then_some(cursor)
}

fn write_token(cursor: &Cursor) -> String {
    // A cursor is plain data: writing it down cannot fail.
    URL_SAFE_NO_PAD.encode(serde_json::to_vec(cursor).unwrap_or_default())
}

/// The properties a delta tells: the selected ones that were ever set.
fn shown(
    kind: &Kind,
    cursor: &Cursor,
    property: &dyn Fn(&str) -> Option<Value>,
) -> Map<String, Value> {
    let names: Vec<&str> = match &cursor.select {
        Some(names) => names.iter().map(String::as_str).collect(),
        None => kind.by_default.to_vec(),
    };
    let mut out = Map::new();
    out.insert("id".to_owned(), property("id").unwrap_or(Value::Null));
    for name in names {
        if let Some(value) = property(name) {
            out.insert(name.to_owned(), value);
        }
    }
    out
}

fn initial_user(user: &User, cursor: &Cursor) -> Option<Value> {
    user.is_live()
        .then(|| Value::Object(shown(&USER, cursor, &|name| user.property(name))))
}

fn changed_user(user: &User, what: &Summary, cursor: &Cursor) -> Option<Value> {
    if user.presence != Presence::Live {
        return what.presence.then(|| removed(&user.id, user.presence));
    }
    is_told(what, &USER, cursor)
        .then(|| Value::Object(shown(&USER, cursor, &|name| user.property(name))))
}

/// Whether a change touches what the round tracks.
fn is_told(what: &Summary, kind: &Kind, cursor: &Cursor) -> bool {
    let is_tracked = |name: &String| match &cursor.select {
        Some(names) => names.contains(name),
        None => kind.by_default.contains(&name.as_str()),
    };
    what.presence || what.properties.iter().any(is_tracked)
}

fn removed(id: &str, presence: Presence) -> Value {
    let reason = if presence == Presence::Gone {
        "deleted"
    } else {
        "changed"
    };
    json!({"id": id, "@removed": {"reason": reason}})
}

/// An entry, and the member's place to go on from.
type Told = (Option<Value>, Option<usize>);

fn initial_group(
    tenant: &Tenant,
    group: &Group,
    round: &Round,
    shows_members: bool,
    member: usize,
    slice: usize,
) -> Told {
    if !group.is_live() {
        return (None, None);
    }
    let mut entry = shown(round.kind, &round.cursor, &|name| group.property(name));
    let mut rest = None;
    if shows_members && !group.members.is_empty() {
        let rows = group.members.iter().skip(member).take(slice);
        let rows: Vec<Value> = rows.map(|id| member_row(tenant, id, true)).collect();
        rest = (member + slice < group.members.len()).then_some(member + slice);
        entry.insert("members@delta".to_owned(), Value::Array(rows));
    }
    (Some(Value::Object(entry)), rest)
}

fn changed_group(
    tenant: &Tenant,
    group: &Group,
    what: &Summary,
    round: &Round,
    shows_members: bool,
    member: usize,
    slice: usize,
) -> Told {
    if !group.is_live() {
        let entry = what.presence.then(|| removed(&group.id, group.presence));
        return (entry, None);
    }
    // One that came, or came back, is told with all its members.
    let all: Vec<(&String, bool)> = match (shows_members, what.presence) {
        (false, _) => Vec::new(),
        (true, true) => {
            let gone = what
                .members
                .difference(&group.members)
                .map(|id| (id, false));
            group
                .members
                .iter()
                .map(|id| (id, true))
                .chain(gone)
                .collect()
        }
        (true, false) => what
            .members
            .iter()
            .map(|id| (id, group.members.contains(id)))
            .collect(),
    };
    if all.is_empty() && !is_told(what, round.kind, &round.cursor) {
        return (None, None);
    }
    let mut entry = shown(round.kind, &round.cursor, &|name| group.property(name));
    let rows = all.iter().skip(member).take(slice);
    let rows: Vec<Value> = rows
        .map(|(id, is_in)| member_row(tenant, id, *is_in))
        .collect();
    if !rows.is_empty() {
        entry.insert("members@delta".to_owned(), Value::Array(rows));
    }
    let rest = (member + slice < all.len()).then_some(member + slice);
    (Some(Value::Object(entry)), rest)
}

fn member_row(tenant: &Tenant, id: &str, is_in: bool) -> Value {
    let kind = if tenant.group_by_id(id).is_some() {
        "group"
    } else {
        "user"
    };
    let mut row = json!({"@odata.type": format!("#microsoft.graph.{kind}"), "id": id});
    if let (false, Value::Object(fields)) = (is_in, &mut row) {
        fields.insert("@removed".to_owned(), json!({"reason": "deleted"}));
    }
    row
}

#[cfg(test)]
mod tests;
