//! `/organization` and `/domains`.

use serde_json::{Value, json};

use super::auth::{Principal, Right};
use super::{BASE, GraphError, Reply};
use crate::state::World;
use crate::wire::Request;

/// The caller's tenant, as a list of one.
pub(super) fn organization(
    world: &World,
    principal: &Principal,
    request: &Request,
) -> Result<Reply, GraphError> {
    principal.need(Right::Organization)?;
    let tenant = principal.tenant(world)?;
    let domains: Vec<Value> = tenant
        .domains
        .iter()
        .map(|domain| {
            json!({
                "capabilities": "Email, OfficeCommunicationsOnline",
                "isDefault": domain.is_default,
                "isInitial": domain.is_initial,
                "name": domain.name,
                "type": domain.authentication_type,
            })
        })
        .collect();
    let mut body = json!({
        "id": tenant.id,
        "deletedDateTime": null,
        "countryLetterCode": "IE",
        "createdDateTime": "2020-01-01T00:00:00Z",
        "displayName": tenant.display_name,
        "onPremisesSyncEnabled": null,
        "preferredLanguage": "en",
        "tenantType": "AAD",
        "verifiedDomains": domains,
    });
    keep_selected(&mut body, request);
    Ok(Reply::Json(json!({
        "@odata.context": format!("{BASE}/$metadata#organization"),
        "value": [body],
    })))
}

/// The tenant's domains.
pub(super) fn domains(
    world: &World,
    principal: &Principal,
    request: &Request,
) -> Result<Reply, GraphError> {
    principal.need(Right::Domains)?;
    let domains: Vec<Value> = principal
        .tenant(world)?
        .domains
        .iter()
        .map(|domain| {
            let mut body = json!({
                "id": domain.name,
                "authenticationType": domain.authentication_type,
                "availabilityStatus": null,
                "isAdminManaged": true,
                "isDefault": domain.is_default,
                "isInitial": domain.is_initial,
                "isRoot": true,
                "isVerified": true,
                "passwordNotificationWindowInDays": 14,
                "passwordValidityPeriodInDays": 2_147_483_647,
                "supportedServices": ["Email", "OfficeCommunicationsOnline"],
            });
            keep_selected(&mut body, request);
            body
        })
        .collect();
    Ok(Reply::Json(json!({
        "@odata.context": format!("{BASE}/$metadata#domains"),
        "value": domains,
    })))
}

pub(super) fn keep_selected(body: &mut Value, request: &Request) {
    let (Some(select), Value::Object(fields)) = (request.parameter("$select"), body) else {
        return;
    };
    let names: Vec<&str> = select.split(',').map(str::trim).collect();
    fields.retain(|name, _| names.contains(&name.as_str()));
}
