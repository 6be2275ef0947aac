//! `/applications`: the registrations, and how an administrator makes and changes them.
//!
//! One [`App`] stands for both halves, the registration here and its service principal: until that one is
//! made, the login service does not know the client.

use axum::http::Method;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::auth::{Principal, Right};
use super::tenant::keep_selected;
use super::{BASE, GraphError, Reply};
use crate::clock::parse_instant;
use crate::login::jwt::random_text;
use crate::state::World;
use crate::state::app::{App, Secret};
use crate::state::certificate::Certificate;
use crate::state::tenant::Tenant;
use crate::wire::Request;

/// Answers a request below `/applications`.
pub(super) fn answer(
    world: &mut World,
    principal: &Principal,
    request: &Request,
    rest: &[&str],
) -> Result<Reply, GraphError> {
    if request.method == Method::GET {
        principal.need(Right::Applications)?;
        let tenant = principal.tenant(world)?;
        return match rest {
            [] => list(tenant, request),
            [key] => {
                let app = found(registrations(tenant), key)?;
                let mut shown = presented(app);
                keep_selected(&mut shown, request);
                Ok(Reply::Json(shown))
            }
            [_, other, ..] => Err(GraphError::unknown_segment(other)),
        };
    }
    principal.need(Right::ManageApplications)?;
    let sent = object(request)?;
    let tenant = principal.tenant_mut(world)?;
    match (&request.method, rest) {
        (&Method::POST, []) => create(tenant, sent),
        (&Method::PATCH, [key]) => {
            change(found_mut(tenant, key)?, sent)?;
            Ok(Reply::NoContent)
        }
        (&Method::POST, [key, "addPassword"]) => add_password(found_mut(tenant, key)?, &sent),
        _ => Err(GraphError::not_simulated("this change of an application")),
    }
}

/// The body as a JSON object.
pub(super) fn object(request: &Request) -> Result<Map<String, Value>, GraphError> {
    serde_json::from_slice(&request.body)
        .map_err(|_| GraphError::bad_request("Unable to read JSON request payload."))
}

fn registrations(tenant: &Tenant) -> impl Iterator<Item = &App> {
    let apps = tenant.apps.iter();
    apps.filter(|app| app.managed_identity.is_none())
}

fn found<'a>(mut all: impl Iterator<Item = &'a App>, key: &str) -> Result<&'a App, GraphError> {
    all.find(|app| app.object_id() == key)
        .ok_or_else(|| GraphError::not_found(key))
}

fn found_mut<'a>(tenant: &'a mut Tenant, key: &str) -> Result<&'a mut App, GraphError> {
    let mut apps = tenant.apps.iter_mut();
    apps.find(|app| app.object_id() == key)
        .ok_or_else(|| GraphError::not_found(key))
}

fn list(tenant: &Tenant, request: &Request) -> Result<Reply, GraphError> {
    let wanted = match request.parameter("$filter") {
        None => None,
        Some(text) => Some(
            text.split_once(" eq ")
                .and_then(|(name, value)| {
                    let value = value.strip_prefix('\'')?.strip_suffix('\'')?;
                    Some((name, value.replace("''", "'")))
                })
                .filter(|(name, _)| ["appId", "displayName"].contains(name))
                .ok_or_else(|| GraphError::not_simulated("other filters than one `eq`"))?,
        ),
    };
    let fits = |shown: &Value| match &wanted {
        None => true,
        Some((name, value)) => shown[name]
            .as_str()
            .is_some_and(|have| have.eq_ignore_ascii_case(value)),
    };
    let mut shown: Vec<Value> = registrations(tenant).map(presented).filter(fits).collect();
    shown.iter_mut().for_each(|one| keep_selected(one, request));
    Ok(Reply::Json(json!({
        "@odata.context": format!("{BASE}/$metadata#applications"),
        "value": shown,
    })))
}

fn create(tenant: &mut Tenant, sent: Map<String, Value>) -> Result<Reply, GraphError> {
    let name = sent.get("displayName").and_then(Value::as_str);
    let name = name.ok_or_else(|| {
        GraphError::bad_value("Required property 'displayName' is missing or null.")
    })?;
    let mut app = App::registered(name);
    change(&mut app, sent)?;
    let shown = presented(&app);
    tenant.apps.push(app);
    Ok(Reply::Created(shown))
}

/// Sets what is sent; a property that this tenant gives no meaning to is refused.
fn change(app: &mut App, sent: Map<String, Value>) -> Result<(), GraphError> {
    for (name, value) in sent {
        match name.as_str() {
            "displayName" => app.display_name = text(&name, &value)?.to_owned(),
            "isFallbackPublicClient" => app.public_client_flows = value == json!(true),
            "signInAudience" if value != json!("AzureADMyOrg") => {
                return Err(GraphError::not_simulated("registrations for other tenants"));
            }
            "keyCredentials" => app.certificates = certificates(app, &value)?,
            "signInAudience" | "notes" | "tags" | "requiredResourceAccess" => {
                app.declared.insert(name, value);
            }
            _ => {
                return Err(GraphError::not_simulated(&format!(
                    "the property {name} of an application"
                )));
            }
        }
    }
    Ok(())
}

/// A new secret, whose value is told this once.
fn add_password(app: &mut App, sent: &Map<String, Value>) -> Result<Reply, GraphError> {
    let wanted = sent.get("passwordCredential").unwrap_or(&Value::Null);
    let end = text("endDateTime", &wanted["endDateTime"])?;
    if parse_instant(end).is_none() {
        return Err(GraphError::bad_value("Invalid value for endDateTime."));
    }
    let secret = Secret {
        id: Uuid::new_v4().to_string(),
        value: random_text(30),
        expires: end.to_owned(),
    };
    let mut shown = password(&secret);
    if let Value::Object(shown) = &mut shown {
        shown.insert("secretText".to_owned(), json!(secret.value));
        let name = wanted.get("displayName").cloned().unwrap_or_default();
        shown.insert("displayName".to_owned(), name);
    }
    app.secrets.push(secret);
    Ok(Reply::Json(shown))
}

/// The whole list anew: those without `key` are meant by their `keyId`.
fn certificates(app: &App, sent: &Value) -> Result<Vec<Certificate>, GraphError> {
    let bad = || GraphError::bad_value("Key credential is invalid.");
    let mut all = Vec::new();
    for one in sent.as_array().ok_or_else(bad)? {
        match one["key"].as_str() {
            Some(key) => {
                let pem =
                    format!("-----BEGIN CERTIFICATE-----\n{key}\n-----END CERTIFICATE-----\n");
                all.push(Certificate::try_from(pem).map_err(|_| bad())?);
            }
            None => {
                let mut known = app.certificates.iter();
                let kept = known.find(|known| one["keyId"] == json!(key_id(known)));
                all.push(kept.ok_or_else(bad)?.clone());
            }
        }
    }
    Ok(all)
}

fn presented(app: &App) -> Value {
    let passwords: Vec<Value> = app.secrets.iter().map(password).collect();
    let keys: Vec<Value> = app.certificates.iter().map(key).collect();
    let mut shown = json!({
        "id": app.object_id(),
        "appId": app.client_id,
        "displayName": app.display_name,
        "identifierUris": [],
        "isFallbackPublicClient": if app.public_client_flows { json!(true) } else { Value::Null },
        "keyCredentials": keys,
        "notes": null,
        "passwordCredentials": passwords,
        "requiredResourceAccess": [],
        "signInAudience": "AzureADMyOrg",
        "tags": [],
    });
    if let Value::Object(shown) = &mut shown {
        let declared = app.declared.iter();
        shown.extend(declared.map(|(name, value)| (name.clone(), value.clone())));
    }
    shown
}

fn password(secret: &Secret) -> Value {
    json!({
        "customKeyIdentifier": null,
        "displayName": null,
        "endDateTime": secret.expires,
        "hint": secret.value.chars().take(3).collect::<String>(),
        "keyId": secret.id,
        "secretText": null,
    })
}

fn key(certificate: &Certificate) -> Value {
    let thumbprint: String = URL_SAFE_NO_PAD
        .decode(&certificate.sha1)
        .unwrap_or_default()
        .iter()
        .map(|byte| format!("{byte:02X}"))
        .collect();
    json!({
        "customKeyIdentifier": thumbprint,
        "displayName": null,
        "key": null,
        "keyId": key_id(certificate),
        "type": "AsymmetricX509Cert",
        "usage": "Verify",
    })
}

fn key_id(certificate: &Certificate) -> String {
    super::service_principals::derived(&certificate.sha256)
}

pub(super) fn text<'a>(name: &str, value: &'a Value) -> Result<&'a str, GraphError> {
    value.as_str().ok_or_else(|| {
        GraphError::bad_value(format!("Invalid value specified for property '{name}'."))
    })
}
