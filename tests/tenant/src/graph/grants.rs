//! What an administrator grants: service principals, app roles, assignments, and the organisation's consent.

use axum::http::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use super::applications::{object, text};
use super::auth::{Principal, Right};
use super::service_principals::{self, derived, graph_id, role_name};
use super::{GraphError, Reply};
use crate::state::World;
use crate::state::app::{App, Consent};
use crate::state::seed::member_id;
use crate::state::tenant::Tenant;
use crate::wire::Request;

/// The role of applications that have none of their own.
const DEFAULT_ROLE: &str = "00000000-0000-0000-0000-000000000000";

/// What was sent under a name, null if nothing was.
fn field<'a>(sent: &'a Value, name: &str) -> &'a Value {
    sent.get(name).unwrap_or(&Value::Null)
}

/// Answers a change below `/servicePrincipals`.
pub(super) fn change_principal(
    world: &mut World,
    principal: &Principal,
    request: &Request,
    rest: &[&str],
) -> Result<Reply, GraphError> {
    let sent = Value::Object(object(request)?);
    match (&request.method, rest) {
        (&Method::POST, []) => {
            principal.need(Right::ManageApplications)?;
            make(principal.tenant_mut(world)?, &sent)
        }
        (&Method::PATCH, [key]) => {
            principal.need(Right::ManageApplications)?;
            let app = app_of(principal.tenant_mut(world)?, key)?;
            match field(&sent, "appRoleAssignmentRequired").as_bool() {
                Some(required) => app.assignment_required = required,
                None => {
                    return Err(GraphError::not_simulated(
                        "this change of a service principal",
                    ));
                }
            }
            Ok(Reply::NoContent)
        }
        (&Method::POST, [key, side @ ("appRoleAssignments" | "appRoleAssignedTo")]) => {
            principal.need(Right::GrantRoles)?;
            let its_own = match *side {
                "appRoleAssignments" => field(&sent, "principalId"),
                _ => field(&sent, "resourceId"),
            };
            if its_own != &json!(key) {
                return Err(GraphError::bad_value(
                    "The object does not match the address.",
                ));
            }
            assign(principal.tenant_mut(world)?, &sent)
        }
        _ => Err(GraphError::denied()),
    }
}

fn app_of<'a>(tenant: &'a mut Tenant, key: &str) -> Result<&'a mut App, GraphError> {
    let mut apps = tenant.apps.iter_mut();
    apps.find(|app| app.has_principal() && app.service_principal_id == key)
        .ok_or_else(|| GraphError::not_found(key))
}

fn make(tenant: &mut Tenant, sent: &Value) -> Result<Reply, GraphError> {
    let client_id = text("appId", field(sent, "appId"))?;
    let mut apps = tenant.apps.iter_mut();
    let app = apps.find(|app| app.client_id == client_id).ok_or_else(|| {
        GraphError::bad_value(format!(
            "The appId '{client_id}' of the service principal does not reference a valid application \
             object."
        ))
    })?;
    if app.has_principal() {
        return Err(GraphError::bad_value(format!(
            "The service principal cannot be created for the appId {client_id}: it is there already."
        )));
    }
    app.service_principal_id = Uuid::new_v4().to_string();
    let id = app.service_principal_id.clone();
    service_principals::find(tenant, &id).map(|shown| Reply::Created(Value::Object(shown)))
}

fn assign(tenant: &mut Tenant, sent: &Value) -> Result<Reply, GraphError> {
    let who = text("principalId", field(sent, "principalId"))?;
    let to = text("resourceId", field(sent, "resourceId"))?;
    let role = text("appRoleId", field(sent, "appRoleId"))?;
    let invalid =
        || GraphError::bad_value("Permission being assigned was not found on application.");
    let list = if to == graph_id(tenant) {
        let name = role_name(role).ok_or_else(invalid)?;
        (name.to_owned(), &mut app_of(tenant, who)?.roles)
    } else {
        let who = member_id(tenant, who).map_err(|_| GraphError::not_found(who))?;
        if role != DEFAULT_ROLE {
            return Err(invalid());
        }
        (who, &mut app_of(tenant, to)?.assigned)
    };
    let (entry, list) = list;
    if list.contains(&entry) {
        return Err(GraphError::bad_value(
            "Permission being assigned already exists on the object",
        ));
    }
    list.push(entry);
    Ok(Reply::Created(json!({
        "id": derived(&format!("{who} {to} {role}")),
        "appRoleId": role,
        "principalId": who,
        "resourceId": to,
    })))
}

/// Answers `/oauth2PermissionGrants`: the organisation's consent, for everybody and to Graph's scopes only.
pub(super) fn consent(
    world: &mut World,
    principal: &Principal,
    request: &Request,
    rest: &[&str],
) -> Result<Reply, GraphError> {
    principal.need(Right::Consent)?;
    let sent = Value::Object(object(request)?);
    let tenant = principal.tenant_mut(world)?;
    let scope = text("scope", field(&sent, "scope"))?.to_owned();
    match (&request.method, rest) {
        (&Method::POST, []) => {
            if *field(&sent, "consentType") != json!("AllPrincipals")
                || *field(&sent, "resourceId") != json!(graph_id(tenant))
            {
                return Err(GraphError::not_simulated(
                    "consent but for everybody and to Graph",
                ));
            }
            let app = app_of(tenant, text("clientId", field(&sent, "clientId"))?)?;
            if !app.consents.is_empty() {
                return Err(GraphError::bad_value("Permission entry already exists."));
            }
            let id = Uuid::new_v4().to_string();
            app.consents.push(Consent {
                id: id.clone(),
                scope,
            });
            app.count_consents();
            let mut shown = sent.clone();
            if let Value::Object(shown) = &mut shown {
                shown.insert("id".to_owned(), json!(id));
            }
            Ok(Reply::Created(shown))
        }
        (&Method::PATCH, [key]) => {
            for app in &mut tenant.apps {
                if let Some(one) = app.consents.iter_mut().find(|one| one.id == *key) {
                    one.scope = scope;
                    app.count_consents();
                    return Ok(Reply::NoContent);
                }
            }
            Err(GraphError::not_found(key))
        }
        _ => Err(GraphError::denied()),
    }
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderValue, Method};
    use serde_json::{Value, json};

    use crate::graph::auth::bearer;
    use crate::graph::handle;
    use crate::state::World;
    use crate::state::seed::contoso;
    use crate::wire::{Answer, request};

    const ADMINISTRATOR: [&str; 3] = [
        "Application.ReadWrite.All",
        "AppRoleAssignment.ReadWrite.All",
        "DelegatedPermissionGrant.ReadWrite.All",
    ];

    fn send(world: &mut World, roles: &[&str], method: Method, path: &str, body: &Value) -> Answer {
        let url = format!("https://graph.microsoft.com/v1.0/{path}");
        let mut sent = request(method, &url, &body.to_string());
        let token = bearer(world, roles, 60);
        let token = HeaderValue::from_str(&token).unwrap();
        sent.headers.insert("authorization", token);
        handle(world, &sent)
    }

    #[test]
    fn a_registration_comes_to_life_step_by_step() {
        let world = &mut contoso();
        let mut post =
            |path: &str, body: Value| send(world, &ADMINISTRATOR, Method::POST, path, &body);
        let made = post(
            "applications",
            json!({"displayName": "New", "isFallbackPublicClient": true}),
        );
        assert_eq!(made.status, 201);
        let client = made.value()["appId"].as_str().unwrap().to_owned();
        let id = made.value()["id"].as_str().unwrap().to_owned();
        let password = json!({"passwordCredential": {"endDateTime": "2099-01-01T00:00:00Z"}});
        let secret = post(&format!("applications/{id}/addPassword"), password).value();
        let principal = post("servicePrincipals", json!({"appId": client})).value();
        let principal = principal["id"].as_str().unwrap().to_owned();
        assert_eq!(
            post("servicePrincipals", json!({"appId": client})).status,
            400
        );
        let graph = super::graph_id(&world.tenants[0]);
        let grant = json!({
            "principalId": principal, "resourceId": graph,
            "appRoleId": "df021288-bdef-4463-88db-98f22de89214",
        });
        let path = format!("servicePrincipals/{principal}/appRoleAssignments");
        assert_eq!(
            send(
                world,
                &["Application.ReadWrite.All"],
                Method::POST,
                &path,
                &grant
            )
            .status,
            403
        );
        let mut post =
            |path: &str, body: &Value| send(world, &ADMINISTRATOR, Method::POST, path, body).status;
        assert_eq!(
            (post(&path, &grant), post(&path, &grant)),
            (201.try_into().unwrap(), 400.try_into().unwrap())
        );
        let consent = json!({
            "clientId": principal, "consentType": "AllPrincipals", "resourceId": graph, "scope": "openid",
        });
        assert_eq!(post("oauth2PermissionGrants", &consent), 201);
        let app = world.tenants[0].app(&client).unwrap().clone();
        assert_eq!(app.roles, ["User.Read.All"]);
        assert_eq!(app.secrets[0].value, secret["secretText"].as_str().unwrap());
        assert!(
            app.public_client_flows && !app.consented,
            "profile is missing"
        );
        let path = format!("oauth2PermissionGrants/{}", app.consents[0].id);
        let both = json!({"scope": "openid profile"});
        assert_eq!(
            send(world, &ADMINISTRATOR, Method::PATCH, &path, &both).status,
            204
        );
        assert!(world.tenants[0].app(&client).unwrap().consented);
    }
}
