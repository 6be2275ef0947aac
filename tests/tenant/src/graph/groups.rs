//! `/groups`, their direct members and their transitive ones.

use std::borrow::Cow;

use serde_json::{Map, Value, json};

use super::auth::{Principal, Right};
use super::lists::{Collection, after_place, page, place_key};
use super::query::{Kinds, Options};
use super::users::{cast_path, need_eventual};
use super::{GraphError, Reply, delta};
use crate::state::World;
use crate::state::group::Group;
use crate::state::properties::{GROUP, Kind, USER};
use crate::state::tenant::Tenant;
use crate::state::user::User;
use crate::wire::Request;

/// Answers a read below `/groups`.
pub(super) fn get(
    world: &World,
    principal: &Principal,
    request: &Request,
    rest: &[&str],
) -> Result<Reply, GraphError> {
    principal.need(Right::Groups)?;
    match rest {
        ["delta"] => delta::groups(world, principal, request).map(Reply::Json),
        [] => list(world, principal, request),
        ["$count"] => {
            let options = Options::read(request, Kinds::One(&GROUP))?;
            need_eventual(&options)?;
            let count = matching(principal.tenant(world)?, &options, 0).count();
            Ok(Reply::Text(count.to_string()))
        }
        [id] => one(principal.tenant(world)?, request, id),
        [id, relation @ ("members" | "transitiveMembers"), cast @ ..] => {
            members(world, principal, request, id, relation, cast)
        }
        [_, other, ..] => Err(GraphError::unknown_segment(other)),
    }
}

fn list(world: &World, principal: &Principal, request: &Request) -> Result<Reply, GraphError> {
    let options = Options::read(request, Kinds::One(&GROUP))?;
    let tenant = principal.tenant(world)?;
    let collection = Collection {
        path: "groups",
        context: "groups",
    };
    page(
        &collection,
        request,
        &options,
        &world.settings,
        |after| matching(tenant, &options, after_place(after)),
        |group| options.show(&GROUP, &|name| group.property(name)),
    )
    .map(Reply::Json)
}

/// The live groups that a filter lets through, from a place on.
fn matching<'a>(
    tenant: &'a Tenant,
    options: &'a Options,
    from: usize,
) -> impl Iterator<Item = (String, Cow<'a, Group>)> {
    (from..tenant.group_count())
        .filter_map(|nth| Some((place_key(nth), tenant.nth_group(nth)?)))
        .filter(|(_, group)| group.is_live() && fits(group, options))
}

/// Whether a group passes the filter.
pub(super) fn fits(group: &Group, options: &Options) -> bool {
    options
        .filter
        .as_ref()
        .is_none_or(|filter| filter.matches(&|name| group.property(name).unwrap_or(Value::Null)))
}

fn one(tenant: &Tenant, request: &Request, id: &str) -> Result<Reply, GraphError> {
    let options = Options::read(request, Kinds::One(&GROUP))?;
    let group = tenant
        .live_group(id)
        .ok_or_else(|| GraphError::not_found(id))?;
    let mut body = Map::new();
    let context = options.context("groups");
    body.insert(
        "@odata.context".to_owned(),
        json!(format!("{}/$entity", context.as_str().unwrap_or_default())),
    );
    body.extend(options.show(&GROUP, &|name| group.property(name)));
    Ok(Reply::Json(Value::Object(body)))
}

/// A member of a group: what kind it is decides what is shown.
enum Member<'a> {
    User(Cow<'a, User>),
    Group(Cow<'a, Group>),
}

impl Member<'_> {
    fn kind(&self) -> &'static Kind {
        match self {
            Self::User(_) => &USER,
            Self::Group(_) => &GROUP,
        }
    }

    fn property(&self, name: &str) -> Option<Value> {
        match self {
            Self::User(user) => user.property(name),
            Self::Group(group) => group.property(name),
        }
    }
}

fn members(
    world: &World,
    principal: &Principal,
    request: &Request,
    id: &str,
    relation: &str,
    cast: &[&str],
) -> Result<Reply, GraphError> {
    let tenant = principal.tenant(world)?;
    let (only, wants_count) = match cast {
        [] => (None, false),
        ["$count"] => (None, true),
        ["microsoft.graph.user" | "graph.user"] => (Some(&USER), false),
        ["microsoft.graph.user" | "graph.user", "$count"] => (Some(&USER), true),
        ["microsoft.graph.group" | "graph.group"] => (Some(&GROUP), false),
        ["microsoft.graph.group" | "graph.group", "$count"] => (Some(&GROUP), true),
        [other, ..] => return Err(GraphError::unknown_segment(other)),
    };
    let options = Options::read(request, only.map_or(Kinds::Mixed, Kinds::One))?;
    let group = tenant
        .live_group(id)
        .ok_or_else(|| GraphError::not_found(id))?;
    if only.is_some() && !wants_count {
        options.need_advanced("an OData cast")?;
    }
    let ids = match (
        relation,
        group.hides_members() && !principal.may(Right::HiddenMembers),
    ) {
        (_, true) => Default::default(),
        ("members", _) => group.members.all(),
        _ => tenant.transitive_members(&group.id),
    };
    // Only live objects are shown; the recycle bin keeps its memberships to itself.
    let found = |after: Option<&str>| {
        let after = after.unwrap_or_default().to_owned();
        ids.iter()
            .filter(move |id| **id > after)
            .filter_map(|id| {
                let user = tenant
                    .user_by_id(id)
                    .filter(|user| user.is_live())
                    .map(Member::User);
                let member = user.or_else(|| tenant.live_group(id).map(Member::Group))?;
                Some((id.clone(), member))
            })
            .filter(|(_, member)| only.is_none_or(|kind| std::ptr::eq(kind, member.kind())))
            .filter(|(_, member)| {
                options.filter.as_ref().is_none_or(|filter| {
                    filter.matches(&|name| member.property(name).unwrap_or(Value::Null))
                })
            })
    };
    if wants_count {
        need_eventual(&options)?;
        return Ok(Reply::Text(found(None).count().to_string()));
    }
    let sees_users = principal.may(Right::Users);
    let path = format!("groups/{}/{relation}{}", group.id, cast_path(cast));
    let context = match only {
        Some(kind) if std::ptr::eq(kind, &USER) => "users",
        Some(_) => "groups",
        None => "directoryObjects",
    };
    let collection = Collection {
        path: &path,
        context,
    };
    page(
        &collection,
        request,
        &options,
        &world.settings,
        found,
        |member| {
            let kind = member.kind();
            let mut shown = Map::new();
            if only.is_none() {
                let name = format!("#microsoft.graph.{}", kind.name);
                shown.insert("@odata.type".to_owned(), json!(name));
            }
            // Without the right to read users there is the id and nothing else.
            let is_hidden = std::ptr::eq(kind, &USER) && !sees_users;
            shown.insert(
                "id".to_owned(),
                member.property("id").unwrap_or(Value::Null),
            );
            shown.extend(options.show(kind, &|name| match is_hidden && name != "id" {
                true => None,
                false => member.property(name),
            }));
            if options
                .select
                .as_ref()
                .is_some_and(|names| !names.iter().any(|name| name == "id"))
                && !is_hidden
                && only.is_some()
            {
                shown.remove("id");
            }
            shown
        },
    )
    .map(Reply::Json)
}
