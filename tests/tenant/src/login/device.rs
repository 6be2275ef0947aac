//! The device authorization grant: codes and their life (RFC 8628, facts §2.3).
//!
//! A code goes from pending to approved or declined once, and from approved to
//! redeemed once. A person whom the page turns away leaves it pending, as Entra
//! does, so the poller learns nothing until the code expires.

use serde::Serialize;
use serde_json::{Value, json};
use time::{Duration, OffsetDateTime};

use super::password::{Proof, standing};
use super::{Authority, LoginError, authority, jwt, token};
use crate::state::World;
use crate::state::app::App;
use crate::wire::Request;

/// Where people type the code.
const PAGE: &str = "https://login.microsoft.com/device";

/// Letters and digits of user codes; none that are mistaken for one another.
const ALPHABET: &[u8] = b"ABCDEFGHJKLMNPQRSTUVWXYZ23456789";
/// Length of a user code in every recent recording.
const USER_CODE_LENGTH: usize = 9;
/// A poll may come this much before the interval is over: clocks and networks.
const POLL_GRACE: Duration = Duration::milliseconds(500);
/// What `slow_down` adds to the interval (RFC 8628 §3.5), in seconds.
const SLOW_DOWN: i64 = 5;

/// One code.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct DeviceCode {
    pub(crate) user_code: String,
    #[serde(skip)]
    pub(crate) device_code: String,
    pub(crate) client_id: String,
    /// The tenant's id; absent while a code from `common` has met nobody.
    pub(crate) tenant: Option<String>,
    pub(crate) scopes: Vec<String>,
    #[serde(skip)]
    expires: OffsetDateTime,
    interval: i64,
    #[serde(skip)]
    last_poll: Option<OffsetDateTime>,
    pub(crate) polls: u64,
    pub(crate) state: State,
}

/// Where a code stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum State {
    Pending,
    /// By the user with this object id.
    Approved(String),
    Declined,
    Expired,
    Redeemed,
}

/// Issues a code.
pub(super) fn begin(
    world: &mut World,
    tenant: &str,
    request: &Request,
) -> Result<Value, LoginError> {
    let form = request.form();
    let found = authority(world, tenant)?;
    let client_id = form
        .field("client_id")
        .ok_or_else(|| LoginError::missing("client_id"))?;
    let scopes = token::scopes(&form)?;
    let (tenant, client_id) = match found {
        Authority::Tenant(index) => {
            let app = token::app_of(world, index, client_id)?;
            (
                world.tenants.get(index).map(|tenant| tenant.id.clone()),
                app.client_id,
            )
        }
        // Nobody has said yet which tenant it will be.
        _ => (None, client_id.to_owned()),
    };
    let user_code = user_code();
    let device_code = format!("{}{}", &jwt::random_text(6), jwt::random_text(96));
    let settings = world.settings.clone();
    let now = world.clock.now();
    let message = format!(
        "To sign in, use a web browser to open the page {PAGE} and enter the code {user_code} to \
         authenticate."
    );
    let answer = json!({
        "user_code": user_code,
        "device_code": device_code,
        "verification_uri": PAGE,
        "expires_in": settings.device_lifetime,
        "interval": settings.device_interval,
        "message": message,
    });
    world.device_codes.push(DeviceCode {
        user_code,
        device_code,
        client_id,
        tenant,
        scopes,
        expires: now + Duration::seconds(settings.device_lifetime),
        interval: settings.device_interval,
        last_poll: None,
        polls: 0,
        state: State::Pending,
    });
    Ok(answer)
}

/// The tenant a device code belongs to.
pub(super) fn tenant_of(world: &World, device_code: &str) -> Option<usize> {
    let code = world
        .device_codes
        .iter()
        .find(|code| code.device_code == device_code)?;
    match &code.tenant {
        Some(tenant) => world.tenant_index(tenant),
        // Pending: any tenant that has the app will say so.
        None => world
            .tenants
            .iter()
            .position(|tenant| tenant.app(&code.client_id).is_some()),
    }
}

/// One poll: the user's id and the scopes, or why not.
pub(super) fn redeem(
    world: &mut World,
    index: usize,
    app: &App,
    device_code: &str,
    now: OffsetDateTime,
) -> Result<(String, Vec<String>), LoginError> {
    let code = world
        .device_codes
        .iter_mut()
        .find(|code| code.device_code == device_code && code.client_id == app.client_id)
        .ok_or_else(|| {
            LoginError::new(
                70_018,
                "Invalid verification code. The provided value for the input parameter \
                 'device_code' is not valid.",
            )
        })?;
    code.polls += 1;
    code.expire(now);
    let user = match &code.state {
        State::Pending => return Err(code.pending(now)),
        State::Declined => {
            return Err(LoginError::new(
                70_044,
                "The user declined the device authorization request.",
            ));
        }
        State::Expired => {
            return Err(LoginError::new(
                70_020,
                "The provided value for the input parameter 'device_code' is not valid. This \
                 device code has expired.",
            ));
        }
        State::Redeemed => {
            return Err(LoginError::new(
                54_005,
                "OAuth2 Authorization code was already redeemed, please retry with a new valid \
                 code or use an existing refresh token.",
            ));
        }
        State::Approved(user) => user.clone(),
    };
    let scopes = code.scopes.clone();
    let tenant = world
        .tenants
        .get(index)
        .ok_or_else(|| LoginError::unknown_tenant(""))?;
    let person = tenant
        .live_user(&user)
        .ok_or_else(|| LoginError::unknown_user(&tenant.display_name))?;
    standing(tenant, app, &person, Proof::Page)?;
    if person.sign_in.device_code_blocked {
        return Err(LoginError::blocked_by_policy());
    }
    if let Some(code) = world
        .device_codes
        .iter_mut()
        .find(|code| code.device_code == device_code)
    {
        code.state = State::Redeemed;
    }
    Ok((user, scopes))
}

/// A code that somebody typed: case, blanks and dashes do not matter.
pub(crate) fn by_user_code<'a>(world: &'a mut World, typed: &str) -> Option<&'a mut DeviceCode> {
    let plain: String = typed.chars().filter(char::is_ascii_alphanumeric).collect();
    let now = world.clock.now();
    let code = world
        .device_codes
        .iter_mut()
        .find(|code| code.user_code.eq_ignore_ascii_case(&plain))?;
    code.expire(now);
    Some(code)
}

/// The app and tenant behind a pending code, for the person with this name.
pub(super) fn parties(
    world: &mut World,
    typed: &str,
    name: &str,
) -> Result<(usize, App), &'static str> {
    let code =
        by_user_code(world, typed).ok_or("That code didn't work. Check the code and try again.")?;
    if code.state != State::Pending {
        return Err("This code has expired or was already used. Start again on your device.");
    }
    let client_id = code.client_id.clone();
    let tenant = code.tenant.clone();
    let domain = name
        .rsplit_once('@')
        .map(|(_, domain)| domain)
        .unwrap_or_default();
    let index = world
        .tenant_index(tenant.as_deref().unwrap_or(domain))
        .ok_or("This username may be incorrect. Make sure you typed it correctly.")?;
    let app = token::app_of(world, index, &client_id)
        .map_err(|_| "This application is not known in your organization.")?;
    Ok((index, app))
}

/// Approves a pending code as a person who got past the page.
pub(crate) fn approve(world: &mut World, typed: &str, index: usize, user: &str) -> bool {
    let tenant = world.tenants.get(index).map(|tenant| tenant.id.clone());
    match by_user_code(world, typed) {
        Some(code) if code.state == State::Pending => {
            code.state = State::Approved(user.to_owned());
            code.tenant = tenant;
            true
        }
        _ => false,
    }
}

/// Approves without a password, as a test does; the checks of the page still
/// apply unless `force` is set, which lets the poller meet them instead.
pub(crate) fn approve_as(
    world: &mut World,
    typed: &str,
    name: &str,
    force: bool,
) -> Result<(), (u32, String)> {
    let (index, app) = parties(world, typed, name).map_err(|why| (0, why.to_owned()))?;
    let refusal = |error: LoginError| (error.code, error.message);
    let tenant = world
        .tenants
        .get(index)
        .ok_or((0, "no such tenant".to_owned()))?;
    let user = tenant
        .live_user(name)
        .ok_or_else(|| refusal(LoginError::unknown_user(&tenant.display_name)))?;
    if !force {
        standing(tenant, &app, &user, Proof::Page).map_err(refusal)?;
    }
    let id = user.id.clone();
    approve(world, typed, index, &id);
    Ok(())
}

impl DeviceCode {
    /// A code that was neither answered nor redeemed in time is gone.
    fn expire(&mut self, now: OffsetDateTime) {
        let is_open = matches!(self.state, State::Pending | State::Approved(_));
        if is_open && now >= self.expires {
            self.state = State::Expired;
        }
    }

    fn pending(&mut self, now: OffsetDateTime) -> LoginError {
        let due = self.last_poll.and_then(|last| {
            last.checked_add(Duration::seconds(self.interval))?
                .checked_sub(POLL_GRACE)
        });
        self.last_poll = Some(now);
        if due.is_some_and(|due| now < due) {
            self.interval += SLOW_DOWN;
            return LoginError::new(0, "The client polls more often than the interval allows.");
        }
        LoginError::new(
            70_016,
            "OAuth 2.0 device flow error. Authorization is pending. Continue polling.",
        )
    }
}

fn user_code() -> String {
    let mut bytes = [0_u8; USER_CODE_LENGTH];
    // A generator that fails gives a weak code, which a simulated tenant can bear.
    let _ = aws_lc_rs::rand::fill(&mut bytes);
    bytes
        .iter()
        .filter_map(|byte| ALPHABET.get(usize::from(*byte) % ALPHABET.len()))
        .map(|letter| char::from(*letter))
        .collect()
}

#[cfg(test)]
mod tests;
