//! `/users` and what hangs below a user.

use std::borrow::Cow;

use serde_json::{Map, Value, json};

use super::auth::{Principal, Right};
use super::lists::{Collection, after_place, page, place_key};
use super::query::{Kinds, Options};
use super::{GraphError, Reply, delta, groups};
use crate::state::World;
use crate::state::properties::{GROUP, USER};
use crate::state::tenant::Tenant;
use crate::state::user::User;
use crate::wire::Request;

/// Answers a read below `/users`.
pub(super) fn get(
    world: &World,
    principal: &Principal,
    request: &Request,
    rest: &[&str],
) -> Result<Reply, GraphError> {
    match rest {
        [] => list(world, principal, request),
        ["$count"] => count(world, principal, request),
        ["delta"] => {
            principal.need(Right::Users)?;
            delta::users(world, principal, request).map(Reply::Json)
        }
        [key] => one(world, principal, request, key),
        [
            key,
            relation @ ("memberOf" | "transitiveMemberOf"),
            cast @ ..,
        ] => member_of(world, principal, request, key, relation, cast),
        [_, other, ..] => Err(GraphError::unknown_segment(other)),
    }
}

fn list(world: &World, principal: &Principal, request: &Request) -> Result<Reply, GraphError> {
    principal.need(Right::Users)?;
    let options = Options::read(request, Kinds::One(&USER))?;
    let tenant = principal.tenant(world)?;
    let collection = Collection {
        path: "users",
        context: "users",
    };
    page(
        &collection,
        request,
        &options,
        &world.settings,
        |after| matching(tenant, &options, after_place(after)),
        |user| options.show(&USER, &|name| user.property(name)),
    )
    .map(Reply::Json)
}

fn count(world: &World, principal: &Principal, request: &Request) -> Result<Reply, GraphError> {
    principal.need(Right::Users)?;
    let options = Options::read(request, Kinds::One(&USER))?;
    need_eventual(&options)?;
    Ok(Reply::Text(
        matching(principal.tenant(world)?, &options, 0)
            .count()
            .to_string(),
    ))
}

/// `/$count` needs the header alone.
pub(super) fn need_eventual(options: &Options) -> Result<(), GraphError> {
    if options.eventual {
        return Ok(());
    }
    Err(GraphError::bad_value("$count is not currently supported."))
}

/// The live users that a filter lets through, from a place on.
fn matching<'a>(
    tenant: &'a Tenant,
    options: &'a Options,
    from: usize,
) -> impl Iterator<Item = (String, Cow<'a, User>)> {
    (from..tenant.user_count())
        .filter_map(|nth| Some((place_key(nth), tenant.nth_user(nth)?)))
        .filter(|(_, user)| {
            user.is_live()
                && options.filter.as_ref().is_none_or(|filter| {
                    filter.matches(&|name| user.property(name).unwrap_or(Value::Null))
                })
        })
}

fn one(
    world: &World,
    principal: &Principal,
    request: &Request,
    key: &str,
) -> Result<Reply, GraphError> {
    let tenant = principal.tenant(world)?;
    let user = tenant.live_user(key);
    // A person may read themselves; everybody else needs the role.
    if user
        .as_ref()
        .is_none_or(|user| principal.user.as_ref() != Some(&user.id))
    {
        principal.need(Right::Users)?;
    }
    let user = user.ok_or_else(|| GraphError::not_found(key))?;
    show_one(&user, request, "users")
}

/// `/me`: only a person has one.
pub(super) fn me(
    world: &World,
    principal: &Principal,
    request: &Request,
) -> Result<Reply, GraphError> {
    let id = principal.user.as_ref().ok_or_else(|| {
        GraphError::bad_request("/me request is only valid with delegated authentication flow.")
    })?;
    let user = principal
        .tenant(world)?
        .live_user(id)
        .ok_or_else(|| GraphError::not_found(id))?;
    show_one(&user, request, "users")
}

fn show_one(user: &User, request: &Request, context: &str) -> Result<Reply, GraphError> {
    let options = Options::read(request, Kinds::One(&USER))?;
    let mut body = Map::new();
    let context = options.context(context);
    body.insert(
        "@odata.context".to_owned(),
        json!(format!("{}/$entity", context.as_str().unwrap_or_default())),
    );
    body.extend(options.show(&USER, &|name| user.property(name)));
    Ok(Reply::Json(Value::Object(body)))
}

fn member_of(
    world: &World,
    principal: &Principal,
    request: &Request,
    key: &str,
    relation: &str,
    cast: &[&str],
) -> Result<Reply, GraphError> {
    principal.need(Right::Groups)?;
    let tenant = principal.tenant(world)?;
    let user = tenant
        .live_user(key)
        .ok_or_else(|| GraphError::not_found(key))?;
    let is_cast = matches!(cast, ["microsoft.graph.group" | "graph.group", ..]);
    let kinds = if is_cast {
        Kinds::One(&GROUP)
    } else {
        Kinds::Mixed
    };
    let options = Options::read(request, kinds)?;
    match cast {
        [] | ["microsoft.graph.group" | "graph.group"] => {}
        ["$count"] | ["microsoft.graph.group" | "graph.group", "$count"] => {
            need_eventual(&options)?;
            let count = tenant
                .groups_of(&user.id, relation == "transitiveMemberOf")
                .len();
            return Ok(Reply::Text(count.to_string()));
        }
        [other, ..] => return Err(GraphError::unknown_segment(other)),
    }
    if is_cast {
        options.need_advanced("an OData cast")?;
    }
    let found = tenant.groups_of(&user.id, relation == "transitiveMemberOf");
    let items = || {
        let fitting = found.iter().filter(|group| groups::fits(group, &options));
        sorted(fitting.map(|group| (group.id.clone(), group)))
    };
    let path = format!("users/{}/{relation}{}", user.id, cast_path(cast));
    let context = if is_cast {
        "groups"
    } else {
        "directoryObjects"
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
        |_| items(),
        |group| {
            let mut shown = Map::new();
            if !is_cast {
                shown.insert("@odata.type".to_owned(), json!("#microsoft.graph.group"));
            }
            shown.extend(options.show(&GROUP, &|name| group.property(name)));
            shown
        },
    )
    .map(Reply::Json)
}

/// Pages are cut by key, so keyed items must come in the order of their keys.
pub(super) fn sorted<T>(
    items: impl Iterator<Item = (String, T)>,
) -> impl Iterator<Item = (String, T)> {
    let mut all: Vec<(String, T)> = items.collect();
    all.sort_by(|left, right| left.0.cmp(&right.0));
    all.into_iter()
}

/// The cast as links repeat it.
pub(super) fn cast_path(cast: &[&str]) -> String {
    cast.iter().map(|segment| format!("/{segment}")).collect()
}

/// `getMemberGroups` and `checkMemberGroups`: ids only, through any depth.
pub(super) fn member_groups(
    world: &World,
    principal: &Principal,
    request: &Request,
    key: &str,
    action: &str,
) -> Result<Reply, GraphError> {
    principal.need(Right::Users)?;
    principal.need(Right::Groups)?;
    let tenant = principal.tenant(world)?;
    let user = tenant
        .live_user(key)
        .ok_or_else(|| GraphError::not_found(key))?;
    let body: Value = serde_json::from_slice(&request.body)
        .map_err(|_| GraphError::bad_request("Unable to read JSON request payload."))?;
    let groups = tenant.groups_of(&user.id, true);
    let ids: Vec<&str> = if action == "getMemberGroups" {
        let only_security = body
            .get("securityEnabledOnly")
            .and_then(Value::as_bool)
            .ok_or_else(|| {
                GraphError::bad_value("The parameter securityEnabledOnly is missing.")
            })?;
        groups
            .iter()
            .filter(|group| group.is_security_enabled() || !only_security)
            .map(|group| group.id.as_str())
            .collect()
    } else {
        let asked: Vec<&str> = body
            .get("groupIds")
            .and_then(Value::as_array)
            .map(|ids| ids.iter().filter_map(Value::as_str).collect())
            .ok_or_else(|| GraphError::bad_value("The parameter groupIds is missing."))?;
        if asked.len() > CHECK_LIMIT {
            return Err(GraphError::bad_value(
                "The collection groupIds holds more than 20 values.",
            ));
        }
        asked
            .into_iter()
            .filter(|id| groups.iter().any(|group| group.id == **id))
            .collect()
    };
    Ok(Reply::Json(json!({
        "@odata.context": format!("{}/$metadata#Collection(Edm.String)", super::BASE),
        "value": ids,
    })))
}

/// Ends a person's sessions: their refresh tokens are worth nothing from now on.
pub(super) fn revoke_sessions(
    world: &mut World,
    principal: &Principal,
    key: &str,
) -> Result<Reply, GraphError> {
    principal.need(Right::EndSessions)?;
    let user = principal.tenant(world)?.live_user(key);
    let id = user
        .map(|user| user.id.clone())
        .ok_or_else(|| GraphError::not_found(key))?;
    let now = world.clock.now();
    let tenant = world.tenants.get_mut(principal.tenant);
    tenant
        .and_then(|tenant| tenant.revoke_sessions(&id, now).ok())
        .ok_or_else(|| GraphError::not_found(key))?;
    Ok(Reply::Json(json!({
        "@odata.context": format!("{}/$metadata#Edm.Boolean", super::BASE),
        "value": true,
    })))
}

/// Ids in one `checkMemberGroups` (facts §4.3).
const CHECK_LIMIT: usize = 20;
