//! `/servicePrincipals`: the registrations' own, and Microsoft Graph's with the
//! app roles that it grants.

use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::auth::{Principal, Right};
use super::{BASE, GraphError, Reply};
use crate::state::World;
use crate::state::app::App;
use crate::state::seed::member_id;
use crate::state::tenant::Tenant;
use crate::wire::Request;

/// Microsoft Graph's application id, the same everywhere.
const GRAPH_APP: &str = "00000003-0000-0000-c000-000000000000";

/// App roles with the ids that Microsoft publishes for them.
const ROLES: [(&str, &str); 18] = [
    (
        "AppRoleAssignment.ReadWrite.All",
        "06b708a9-e830-4db3-a914-8e69da51d44f",
    ),
    (
        "Application.Read.All",
        "9a5d68dd-52b0-4cc2-bd40-abcf44ac3a30",
    ),
    (
        "Application.ReadWrite.All",
        "1bfefb4e-e0b5-418b-a88f-73c46d2cc8e9",
    ),
    (
        "DelegatedPermissionGrant.ReadWrite.All",
        "8e8e4742-1d95-4f68-9d56-6ee75648c72a",
    ),
    ("Directory.Read.All", "7ab1d382-f21e-4acd-a863-ba3e13f7da61"),
    (
        "Directory.ReadWrite.All",
        "19dbc75e-c2e2-444c-a770-ec69d8559fc7",
    ),
    ("Domain.Read.All", "dbb9058a-0e50-45d7-ae91-66909b5d4664"),
    ("Group.Read.All", "5b567255-7703-4780-807c-7be8301ae99b"),
    (
        "Group.ReadWrite.All",
        "62a82d76-70ea-41e2-9197-370581804d09",
    ),
    (
        "GroupMember.Read.All",
        "98830695-27a2-44f7-8c18-0c3ebc9698f6",
    ),
    (
        "GroupMember.ReadWrite.All",
        "dbaae8cf-10b5-4b86-a4a1-f871c94c6695",
    ),
    ("Member.Read.Hidden", "658aa5d8-239f-45c4-aa12-864f4fc7e490"),
    (
        "Organization.Read.All",
        "498476ce-e0fe-48b0-b801-37ba7e2685c6",
    ),
    (
        "RoleManagement.ReadWrite.Directory",
        "9e3f62cf-ca93-4989-b6ce-bf83c28f9fe8",
    ),
    ("User.Read.All", "df021288-bdef-4463-88db-98f22de89214"),
    ("User.ReadBasic.All", "97235f07-e226-4f63-ace3-39588e11d3a1"),
    ("User.ReadWrite.All", "741f803b-c850-494e-b5df-cde7c675a1ca"),
    (
        "User.RevokeSessions.All",
        "77f3a031-c388-4f99-b373-dc68676a979e",
    ),
];

/// Delegated permissions with the ids that Microsoft publishes for them.
const SCOPES: [(&str, &str); 3] = [
    ("offline_access", "7427e0e9-2fba-42fe-b0c0-848c9e6a8182"),
    ("openid", "37f7f235-527c-4136-accd-4a02d197296e"),
    ("profile", "14dad69e-099b-42c9-810b-d002981feec1"),
];

/// Answers a read below `/servicePrincipals`.
pub(super) fn get(
    world: &World,
    principal: &Principal,
    request: &Request,
    rest: &[&str],
) -> Result<Reply, GraphError> {
    principal.need(Right::Applications)?;
    let tenant = principal.tenant(world)?;
    match rest {
        [] => list(tenant, request),
        [key] => {
            let mut found = find(tenant, key)?;
            keep_selected(&mut found, request);
            let context = json!(format!("{BASE}/$metadata#servicePrincipals/$entity"));
            found.insert("@odata.context".to_owned(), context);
            Ok(Reply::Json(Value::Object(found)))
        }
        [key, "appRoleAssignments"] => assignments(tenant, key),
        [key, "appRoleAssignedTo"] => assigned_to(tenant, key),
        [key, "oauth2PermissionGrants"] => consents(tenant, key),
        [_, other, ..] => Err(GraphError::unknown_segment(other)),
    }
}

fn list(tenant: &Tenant, request: &Request) -> Result<Reply, GraphError> {
    let wanted = match request.parameter("$filter") {
        None => None,
        Some(text) => Some(
            text.strip_prefix("appId eq '")
                .and_then(|rest| rest.strip_suffix('\''))
                .ok_or_else(|| GraphError::not_simulated("other filters than appId eq"))?,
        ),
    };
    let mut found: Vec<Map<String, Value>> = all(tenant)
        .into_iter()
        .filter(|one| wanted.is_none_or(|id| is(one, "appId", id)))
        .collect();
    found.iter_mut().for_each(|one| keep_selected(one, request));
    Ok(Reply::Json(json!({
        "@odata.context": format!("{BASE}/$metadata#servicePrincipals"),
        "value": found,
    })))
}

pub(super) fn find(tenant: &Tenant, key: &str) -> Result<Map<String, Value>, GraphError> {
    let (name, id) = match key.strip_prefix("appId='") {
        Some(rest) => ("appId", rest.trim_end_matches('\'')),
        None => ("id", key),
    };
    all(tenant)
        .into_iter()
        .find(|one| is(one, name, id))
        .ok_or_else(|| GraphError::not_found(id))
}

/// The roles of Graph that a registration was granted.
fn assignments(tenant: &Tenant, key: &str) -> Result<Reply, GraphError> {
    let found = find(tenant, key)?;
    let app = tenant
        .apps
        .iter()
        .find(|app| is(&found, "id", &app.service_principal_id));
    let assigned: Vec<Value> = app
        .into_iter()
        .flat_map(|app| app.roles.iter().map(move |role| (app, role)))
        .map(|(app, role)| assignment(tenant, app, role))
        .collect();
    Ok(Reply::Json(json!({
        "@odata.context": format!("{BASE}/$metadata#appRoleAssignments"),
        "value": assigned,
    })))
}

/// Who is assigned to a registration.
fn assigned_to(tenant: &Tenant, key: &str) -> Result<Reply, GraphError> {
    let found = find(tenant, key)?;
    let mut apps = tenant.apps.iter();
    let app = apps.find(|app| is(&found, "id", &app.service_principal_id));
    let assigned: Vec<Value> = app
        .into_iter()
        .flat_map(|app| &app.assigned)
        .filter_map(|who| member_id(tenant, who).ok())
        .map(|who| {
            json!({
                "id": derived(&format!("{who} {key}")),
                "appRoleId": "00000000-0000-0000-0000-000000000000",
                "principalId": who,
                "resourceId": key,
            })
        })
        .collect();
    Ok(Reply::Json(json!({
        "@odata.context": format!("{BASE}/$metadata#appRoleAssignments"),
        "value": assigned,
    })))
}

/// What an administrator consented to for everybody.
fn consents(tenant: &Tenant, key: &str) -> Result<Reply, GraphError> {
    let found = find(tenant, key)?;
    let mut apps = tenant.apps.iter();
    let app = apps.find(|app| is(&found, "id", &app.service_principal_id));
    let given: Vec<Value> = app
        .into_iter()
        .flat_map(App::given_consents)
        .map(|one| {
            json!({
                "id": one.id,
                "clientId": key,
                "consentType": "AllPrincipals",
                "principalId": null,
                "resourceId": graph_id(tenant),
                "scope": one.scope,
            })
        })
        .collect();
    Ok(Reply::Json(json!({
        "@odata.context": format!("{BASE}/$metadata#oauth2PermissionGrants"),
        "value": given,
    })))
}

fn assignment(tenant: &Tenant, app: &App, role: &str) -> Value {
    json!({
        "id": derived(&format!("{} {role}", app.service_principal_id)),
        "deletedDateTime": null,
        "appRoleId": role_id(role),
        "createdDateTime": "2020-01-01T00:00:00Z",
        "principalDisplayName": app.display_name,
        "principalId": app.service_principal_id,
        "principalType": "ServicePrincipal",
        "resourceDisplayName": "Microsoft Graph",
        "resourceId": graph_id(tenant),
    })
}

fn all(tenant: &Tenant) -> Vec<Map<String, Value>> {
    let own = tenant
        .apps
        .iter()
        .filter(|app| app.has_principal())
        .map(|app| {
            json!({
                "id": app.service_principal_id,
                "accountEnabled": !app.disabled,
                "appDisplayName": app.display_name,
                "appId": app.client_id,
                "appOwnerOrganizationId": tenant.id,
                "appRoleAssignmentRequired": app.assignment_required,
                "appRoles": [],
                "displayName": app.display_name,
                "servicePrincipalType": "Application",
            })
        });
    // Roles that a seed grants and that are not in the list have an id too.
    let granted = tenant.apps.iter().flat_map(|app| &app.roles);
    let mut names: Vec<&str> = ROLES.iter().map(|(name, _)| *name).collect();
    names.extend(granted.map(String::as_str));
    names.sort_unstable();
    names.dedup();
    let roles: Vec<Value> = names
        .into_iter()
        .map(|name| {
            json!({
                "allowedMemberTypes": ["Application"],
                "displayName": name,
                "id": role_id(name),
                "isEnabled": true,
                "origin": "Application",
                "value": name,
            })
        })
        .collect();
    let scopes: Vec<Value> = SCOPES
        .iter()
        .map(|(name, id)| json!({"id": id, "isEnabled": true, "type": "User", "value": name}))
        .collect();
    let graph = json!({
        "id": graph_id(tenant),
        "accountEnabled": true,
        "appDisplayName": "Microsoft Graph",
        "appId": GRAPH_APP,
        "appOwnerOrganizationId": "f8cdef31-a31e-4b4a-93e4-5f571e91255a",
        "appRoleAssignmentRequired": false,
        "appRoles": roles,
        "displayName": "Microsoft Graph",
        "oauth2PermissionScopes": scopes,
        "servicePrincipalType": "Application",
    });
    own.chain([graph])
        .filter_map(|value| match value {
            Value::Object(fields) => Some(fields),
            _ => None,
        })
        .collect()
}

fn is(one: &Map<String, Value>, name: &str, id: &str) -> bool {
    let value = one.get(name).and_then(Value::as_str);
    value.is_some_and(|value| value.eq_ignore_ascii_case(id))
}

fn role_id(name: &str) -> String {
    let known = ROLES.iter().find(|(known, _)| *known == name);
    known.map_or_else(|| derived(name), |(_, id)| (*id).to_owned())
}

/// The name of one of the roles with a known id.
pub(super) fn role_name(id: &str) -> Option<&'static str> {
    let mut known = ROLES.iter();
    known
        .find(|(_, known)| known.eq_ignore_ascii_case(id))
        .map(|(name, _)| *name)
}

/// Graph's service principal has another object id in each tenant.
pub(super) fn graph_id(tenant: &Tenant) -> String {
    derived(&format!("Microsoft Graph in {}", tenant.id))
}

/// An id made from a text, always the same.
pub(super) fn derived(text: &str) -> String {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, text.as_bytes());
    let bytes: Vec<u8> = digest.as_ref().iter().copied().take(16).collect();
    Uuid::from_slice(&bytes).unwrap_or_default().to_string()
}

fn keep_selected(one: &mut Map<String, Value>, request: &Request) {
    if let Some(select) = request.parameter("$select") {
        let names: Vec<&str> = select.split(',').map(str::trim).collect();
        one.retain(|name, _| names.contains(&name.as_str()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::tests::ask;
    use crate::state::seed::contoso;

    #[test]
    fn granted_roles_are_named_through_graphs_own_list() {
        let world = &mut contoso();
        let roles = ["Application.Read.All"];
        let sync = "3a6b1f0e-5c1d-4c58-8f3e-1f5f2a8d0002";
        let path = format!("servicePrincipals(appId='{sync}')");
        let own = ask(world, &path, &roles, false).value();
        let path = format!(
            "servicePrincipals/{}/appRoleAssignments",
            own["id"].as_str().unwrap()
        );
        let assigned = ask(world, &path, &roles, false).value();
        let graph = format!("servicePrincipals(appId='{GRAPH_APP}')?$select=id,appRoles");
        let graph = ask(world, &graph, &roles, false).value();
        let mut names = Vec::new();
        for one in assigned["value"].as_array().unwrap() {
            assert_eq!(one["resourceId"], graph["id"]);
            let all = graph["appRoles"].as_array().unwrap();
            let role = all.iter().find(|role| role["id"] == one["appRoleId"]);
            names.push(role.unwrap()["value"].as_str().unwrap());
        }
        assert_eq!(names, ["User.Read.All", "GroupMember.Read.All"]);
        assert_eq!(ask(world, &path, &["User.Read.All"], false).status, 403);
        let missing = "servicePrincipals(appId='00000000-0000-0000-0000-000000000000')";
        assert_eq!(ask(world, missing, &roles, false).status, 404);
    }
}
