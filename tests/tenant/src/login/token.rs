//! The token endpoint: which grant, which client, and on to the grant.

use serde_json::Value;
use time::OffsetDateTime;

use super::assertion::Addressee;
use super::claims::Claims;
use super::credentials::Credentials;
use super::errors::GRAPH_APP;
use super::password::{Proof, sign_in};
use super::refresh::{self, RefreshToken};
use super::tokens::{self, Session};
use super::{Authority, LoginError, authority, device};
use crate::arm;
use crate::state::World;
use crate::state::app::App;
use crate::wire::{Form, Request};

/// Exchanges a grant for tokens.
pub(super) fn exchange(
    world: &mut World,
    tenant: &str,
    request: &Request,
) -> Result<Value, LoginError> {
    let form = request.form();
    let found = authority(world, tenant)?;
    let grant = form
        .field("grant_type")
        .ok_or_else(|| LoginError::missing("grant_type"))?;
    let credentials = Credentials::read(&form, request)?;
    let index = tenant_of(world, found, grant, &form)?;
    let app = app_of(world, index, &credentials.client_id)?;
    let now = world.clock.now();
    match grant {
        "client_credentials" => client_credentials(world, index, &app, &credentials, &form, now),
        "password" => {
            credentials.check(&app, &addressee_of(world, index)?, now)?;
            password(world, index, &app, &form, now)
        }
        "refresh_token" => {
            credentials.check(&app, &addressee_of(world, index)?, now)?;
            let text = form
                .field("refresh_token")
                .ok_or_else(|| LoginError::missing("refresh_token"))?;
            let tenant = world
                .tenants
                .get(index)
                .ok_or_else(|| LoginError::unknown_tenant(tenant))?;
            let token = refresh::redeem(world, tenant, &app, text, now)?;
            // The scope may be left out, and a new refresh token always comes along.
            let scopes = match form.field("scope") {
                Some(_) => with_offline(scopes(&form)?),
                None => ["openid", "profile", "offline_access"]
                    .map(str::to_owned)
                    .to_vec(),
            };
            issue(
                world,
                index,
                &app,
                &token.user,
                &scopes,
                token.with_mfa,
                &form,
            )
        }
        "urn:ietf:params:oauth:grant-type:device_code" | "device_code" => {
            credentials.check(&app, &addressee_of(world, index)?, now)?;
            // Microsoft's own library sends the value under both names.
            let code = form
                .field("device_code")
                .or_else(|| form.field("code"))
                .ok_or_else(|| LoginError::missing("device_code"))?;
            let (user, scopes) = device::redeem(world, index, &app, code, now)?;
            issue(world, index, &app, &user, &scopes, true, &form)
        }
        other => Err(LoginError::new(
            70_003,
            format!("The app requested an unsupported grant type '{other}'."),
        )),
    }
}

/// The tenant a request is for; `organizations` and `common` go by the name typed.
fn tenant_of(
    world: &World,
    found: Authority,
    grant: &str,
    form: &Form,
) -> Result<usize, LoginError> {
    let by_name = || {
        let name = form.field("username").unwrap_or_default();
        let domain = name
            .rsplit_once('@')
            .map(|(_, domain)| domain)
            .unwrap_or_default();
        world.tenant_index(domain).ok_or_else(|| {
            LoginError::new(
                50_059,
                "No tenant-identifying information found in either the request or implied by any \
                 provided credentials.",
            )
        })
    };
    match (found, grant) {
        (Authority::Tenant(index), _) => Ok(index),
        (Authority::Common | Authority::Consumers, "password") => Err(LoginError::new(
            9_001_023,
            "The grant type is not supported over the /common or /consumers endpoints. Please use \
             the /organizations or tenant-specific endpoint.",
        )),
        (Authority::Organizations, "password") => by_name(),
        // Codes and refresh tokens know their tenant.
        (_, "urn:ietf:params:oauth:grant-type:device_code" | "device_code") => form
            .field("device_code")
            .or_else(|| form.field("code"))
            .and_then(|code| device::tenant_of(world, code))
            .map_or_else(by_name, Ok),
        (_, "refresh_token") => form
            .field("refresh_token")
            .and_then(|text| world.refresh_tokens.get(text))
            .and_then(|token| world.tenant_index(&token.tenant))
            .map_or_else(by_name, Ok),
        _ => by_name(),
    }
}

/// The names by which assertions call the tenant.
fn addressee_of(world: &World, tenant: usize) -> Result<Addressee, LoginError> {
    let tenant = world.tenants.get(tenant);
    tenant
        .map(Addressee::of)
        .ok_or_else(|| LoginError::unknown_tenant(""))
}

/// The registration, by client id.
pub(super) fn app_of(world: &World, tenant: usize, client_id: &str) -> Result<App, LoginError> {
    let tenant = world
        .tenants
        .get(tenant)
        .ok_or_else(|| LoginError::unknown_tenant(""))?;
    let app = tenant.app(client_id).ok_or_else(|| {
        LoginError::new(
            700_016,
            format!(
                "Application with identifier '{client_id}' was not found in the directory '{}'. \
                 This can happen if the application has not been installed by the administrator of \
                 the tenant or consented to by any user in the tenant. You may have sent your \
                 authentication request to the wrong tenant.",
                tenant.display_name
            ),
        )
    })?;
    if app.disabled {
        return Err(LoginError::new(
            7_000_112,
            format!(
                "Application '{}'({}) is disabled.",
                app.client_id, app.display_name
            ),
        ));
    }
    Ok(app.clone())
}

fn client_credentials(
    world: &World,
    index: usize,
    app: &App,
    credentials: &Credentials,
    form: &Form,
    now: OffsetDateTime,
) -> Result<Value, LoginError> {
    credentials.check_confidential(app, &addressee_of(world, index)?, now)?;
    let scope = form
        .field("scope")
        .ok_or_else(|| LoginError::missing("scope"))?;
    let Some(resource) = scope
        .strip_suffix("/.default")
        .filter(|name| !name.contains(' '))
    else {
        return Err(LoginError::new(
            1_002_012,
            format!(
                "The provided value for scope {scope} is not valid. Client credential flows must \
                 have a scope value with /.default suffixed to the resource identifier \
                 (application ID URI)."
            ),
        ));
    };
    let tenant = world
        .tenants
        .get(index)
        .ok_or_else(|| LoginError::unknown_tenant(""))?;
    let known = [
        "https://graph.microsoft.com",
        "https://graph.microsoft.com/",
        GRAPH_APP,
    ];
    let is_graph = known.contains(&resource);
    if !is_graph && !arm::RESOURCES.contains(&resource) {
        return Err(LoginError::new(
            500_011,
            format!(
                "The resource principal named {resource} was not found in the tenant named {}. \
                 This can happen if the application has not been installed by the administrator of \
                 the tenant or consented to by any user in the tenant. You might have sent your \
                 authentication request to the wrong tenant.",
                tenant.display_name
            ),
        ));
    }
    let asked = Claims::read(form)?;
    let audience = if is_graph { tokens::GRAPH } else { resource };
    tokens::app_only(world, app, audience, &tenant.id, &tenant.region, &asked)
}

fn password(
    world: &mut World,
    index: usize,
    app: &App,
    form: &Form,
    now: OffsetDateTime,
) -> Result<Value, LoginError> {
    let name = form
        .field("username")
        .ok_or_else(|| LoginError::missing("username"))?;
    let password = form
        .field("password")
        .ok_or_else(|| LoginError::missing("password"))?;
    let scopes = scopes(form)?;
    let tenant = world
        .tenants
        .get_mut(index)
        .ok_or_else(|| LoginError::unknown_tenant(""))?;
    // Blanks at either end do not survive this grant (facts §2.2).
    let user = sign_in(
        tenant,
        app,
        name.trim(),
        password.trim(),
        Proof::PasswordOnly,
        now,
    )?;
    issue(world, index, app, &user, &scopes, false, form)
}

fn issue(
    world: &mut World,
    index: usize,
    app: &App,
    user: &str,
    scopes: &[String],
    with_mfa: bool,
    form: &Form,
) -> Result<Value, LoginError> {
    let tenant = world
        .tenants
        .get(index)
        .ok_or_else(|| LoginError::unknown_tenant(""))?;
    let found = tenant
        .live_user(user)
        .ok_or_else(|| LoginError::unknown_user(&tenant.display_name))?
        .into_owned();
    let (tenant_id, region) = (tenant.id.clone(), tenant.region.clone());
    let session = Session {
        app,
        user: &found,
        tenant_id: &tenant_id,
        region: &region,
        scopes,
        with_mfa,
        wants_client_info: form.field("client_info") == Some("1"),
    };
    let answer = tokens::user(world, &session)?;
    let token = RefreshToken {
        tenant: tenant_id.clone(),
        user: found.id.clone(),
        client_id: app.client_id.clone(),
        issued: world.clock.now(),
        with_mfa,
    };
    Ok(tokens::with_refresh(world, answer, scopes, token))
}

/// The scopes asked for; delegated grants need at least one.
pub(super) fn scopes(form: &Form) -> Result<Vec<String>, LoginError> {
    let text = form
        .field("scope")
        .ok_or_else(|| LoginError::missing("scope"))?;
    let scopes: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
    let foreign = scopes
        .iter()
        .find(|scope| scope.contains("://") && !scope.starts_with("https://graph.microsoft.com/"));
    match foreign {
        Some(scope) => Err(LoginError::new(
            70_011,
            format!(
                "The provided value for the input parameter 'scope' is not valid. The scope {scope} is not valid."
            ),
        )),
        None => Ok(scopes),
    }
}

fn with_offline(mut scopes: Vec<String>) -> Vec<String> {
    if !scopes.iter().any(|scope| scope == "offline_access") {
        scopes.push("offline_access".to_owned());
    }
    scopes
}

#[cfg(test)]
mod tests;
