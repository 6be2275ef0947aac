//! OIDC discovery, instance discovery, keys and the user realm (facts §1).

use serde_json::{Value, json};

use super::{Authority, LOGIN, LoginError, authority};
use crate::state::World;
use crate::state::tenant::Authentication;
use crate::wire::Request;

/// The OpenID configuration of a tenant, `common` or `organizations`.
pub(super) fn metadata(world: &World, name: &str) -> Result<Value, LoginError> {
    let found = authority(world, name).map_err(LoginError::in_discovery)?;
    // The paths keep `common`, but a domain becomes the tenant's id.
    let (path, issuer, region) = match found {
        Authority::Tenant(index) => {
            let tenant = world
                .tenants
                .get(index)
                .ok_or_else(|| LoginError::unknown_tenant(name))?;
            (tenant.id.clone(), tenant.id.clone(), json!(tenant.region))
        }
        Authority::Common => ("common".to_owned(), "{tenantid}".to_owned(), Value::Null),
        Authority::Organizations => (
            "organizations".to_owned(),
            "{tenantid}".to_owned(),
            Value::Null,
        ),
        Authority::Consumers => (
            super::CONSUMERS.to_owned(),
            super::CONSUMERS.to_owned(),
            Value::Null,
        ),
    };
    Ok(json!({
        "token_endpoint": format!("{LOGIN}/{path}/oauth2/v2.0/token"),
        "token_endpoint_auth_methods_supported":
            ["client_secret_post", "private_key_jwt", "client_secret_basic"],
        "jwks_uri": format!("{LOGIN}/{path}/discovery/v2.0/keys"),
        "response_modes_supported": ["query", "fragment", "form_post"],
        "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "response_types_supported": ["code", "id_token", "code id_token", "id_token token"],
        "scopes_supported": ["openid", "profile", "email", "offline_access"],
        "issuer": format!("{LOGIN}/{issuer}/v2.0"),
        "request_uri_parameter_supported": false,
        "userinfo_endpoint": "https://graph.microsoft.com/oidc/userinfo",
        "authorization_endpoint": format!("{LOGIN}/{path}/oauth2/v2.0/authorize"),
        "device_authorization_endpoint": format!("{LOGIN}/{path}/oauth2/v2.0/devicecode"),
        "http_logout_supported": true,
        "frontchannel_logout_supported": true,
        "end_session_endpoint": format!("{LOGIN}/{path}/oauth2/v2.0/logout"),
        "claims_supported":
            ["sub", "iss", "cloud_instance_name", "cloud_instance_host_name",
             "cloud_graph_host_name", "msgraph_host", "aud", "exp", "iat", "auth_time", "acr",
             "nonce", "preferred_username", "name", "tid", "ver", "at_hash", "c_hash", "email"],
        "kerberos_endpoint": format!("{LOGIN}/{path}/kerberos"),
        "tenant_region_scope": region,
        "cloud_instance_name": "microsoftonline.com",
        "cloud_graph_host_name": "graph.windows.net",
        "msgraph_host": "graph.microsoft.com",
        "rbac_url": "https://pas.windows.net",
    }))
}

/// Which hosts belong to one cloud.
pub(super) fn instance(world: &World, request: &Request) -> Result<Value, LoginError> {
    let asked = request
        .parameter("authorization_endpoint")
        .ok_or_else(|| LoginError::missing("authorization_endpoint"))?;
    let rest = asked.strip_prefix("https://").unwrap_or_default();
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let aliases = [
        "login.microsoftonline.com",
        "login.windows.net",
        "login.microsoft.com",
        "sts.windows.net",
    ];
    if !aliases.contains(&host) {
        return Err(LoginError::new(
            50_049,
            format!("Unknown or invalid instance. {host} is not known."),
        ));
    }
    let name = path.split('/').next().unwrap_or_default();
    let path = match authority(world, name)? {
        Authority::Tenant(index) => world.tenants.get(index).map_or(name, |tenant| &tenant.id),
        _ => name,
    };
    Ok(json!({
        "tenant_discovery_endpoint": format!("{LOGIN}/{path}/v2.0/.well-known/openid-configuration"),
        "api-version": "1.1",
        "metadata": [{
            "preferred_network": "login.microsoftonline.com",
            "preferred_cache": "login.windows.net",
            "aliases": aliases,
        }],
    }))
}

/// The public keys that tokens are signed with.
pub(super) fn keys(world: &World, name: &str) -> Result<Value, LoginError> {
    let issuer = match authority(world, name)? {
        Authority::Tenant(index) => world.tenants.get(index).map_or(name, |tenant| &tenant.id),
        _ => "{tenantid}",
    };
    Ok(world.keys.jwks(&format!("{LOGIN}/{issuer}/v2.0")))
}

/// Who checks the passwords of a name's domain.
pub(super) fn user_realm(world: &World, name: &str) -> Result<Value, LoginError> {
    let domain_name = name
        .rsplit_once('@')
        .map(|(_, domain)| domain)
        .unwrap_or_default();
    let domain = world
        .tenants
        .iter()
        .find_map(|tenant| tenant.domain(domain_name));
    let mut realm = json!({
        "ver": "1.0",
        "account_type": "Unknown",
        "cloud_instance_name": "microsoftonline.com",
        "cloud_audience_urn": "urn:federation:MicrosoftOnline",
    });
    let (Some(domain), Value::Object(fields)) = (domain, &mut realm) else {
        return Ok(realm);
    };
    fields.insert("domain_name".to_owned(), json!(domain.name));
    match domain.authentication_type {
        Authentication::Managed => {
            fields.insert("account_type".to_owned(), json!("Managed"));
        }
        Authentication::Federated => {
            let server = format!("https://sts.{}/adfs/services/trust", domain.name);
            for (key, value) in [
                ("account_type", "Federated".to_owned()),
                ("federation_protocol", "WSTrust".to_owned()),
                ("federation_metadata_url", format!("{server}/mex")),
                (
                    "federation_active_auth_url",
                    format!("{server}/2005/usernamemixed"),
                ),
            ] {
                fields.insert(key.to_owned(), json!(value));
            }
        }
    }
    Ok(realm)
}

#[cfg(test)]
mod tests {
    use axum::http::Method;

    use crate::login::handle;
    use crate::state::seed::contoso;
    use crate::wire::request;

    fn get(path: &str) -> crate::wire::Answer {
        let url = format!("https://login.microsoftonline.com{path}");
        handle(&mut contoso(), &request(Method::GET, &url, ""))
    }

    #[test]
    fn a_domain_is_answered_with_the_tenants_id() {
        let body = get("/contoso.example/v2.0/.well-known/openid-configuration").value();
        let issuer = "https://login.microsoftonline.com/7d1c2f6e-94a3-4c0a-9a51-0f3be1c0a001/v2.0";
        assert_eq!(body["issuer"], issuer);
        let body = get("/organizations/v2.0/.well-known/openid-configuration").value();
        assert_eq!(
            body["issuer"],
            "https://login.microsoftonline.com/{tenantid}/v2.0"
        );
    }

    #[test]
    fn an_unknown_tenant_is_refused_in_discoverys_words() {
        let answer = get("/nobody.example/v2.0/.well-known/openid-configuration");
        assert_eq!(answer.status, 400);
        assert_eq!(answer.value()["error"], "invalid_tenant");
        assert_eq!(answer.value()["error_codes"][0], 90_002);
    }

    #[test]
    fn realms_tell_federated_from_managed() {
        let realm = |name: &str| get(&format!("/common/userrealm/{name}?api-version=1.0")).value();
        assert_eq!(realm("alice@contoso.example")["account_type"], "Managed");
        assert_eq!(
            realm("x@partners.contoso.example")["account_type"],
            "Federated"
        );
        assert_eq!(realm("x@nowhere.example")["account_type"], "Unknown");
    }

    #[test]
    fn a_strange_instance_is_refused() {
        let answer = get(
            "/common/discovery/instance?api-version=1.1&authorization_endpoint=https://evil.example/common/oauth2/v2.0/authorize",
        );
        assert_eq!(answer.value()["error"], "invalid_instance");
    }
}
