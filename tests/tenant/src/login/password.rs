//! Whether a person may sign in, in the order in which Entra looks.
//!
//! The order decides what a wrong password reveals: nothing but that it is
//! wrong. That the account is disabled, or wants a second factor, is said only
//! to whoever has the right password.

use time::OffsetDateTime;

use super::LoginError;
use crate::state::app::App;
use crate::state::tenant::{Authentication, Tenant};
use crate::state::user::User;

/// How somebody proved who they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Proof {
    /// A password in the request: nothing else can follow.
    PasswordOnly,
    /// The sign-in page, which asks for the second factor itself.
    Page,
}

/// Checks name and password and everything after it; gives the user's id.
pub(super) fn sign_in(
    tenant: &mut Tenant,
    app: &App,
    name: &str,
    password: &str,
    proof: Proof,
    now: OffsetDateTime,
) -> Result<String, LoginError> {
    let user = tenant
        .live_user(name)
        .ok_or_else(|| LoginError::unknown_user(&tenant.display_name))?;
    let (id, is_passwordless) = (user.id.clone(), user.sign_in.passwordless);
    if user.lockout.is_locked(now) {
        return Err(LoginError::locked());
    }
    // The page of a passwordless person asks for another proof, which is assumed.
    if !is_passwordless {
        // A federated domain's passwords are elsewhere (facts §2.2; the code is inferred).
        let domain = name
            .rsplit_once('@')
            .and_then(|(_, domain)| tenant.domain(domain));
        let is_federated =
            domain.is_some_and(|domain| domain.authentication_type == Authentication::Federated);
        let is_right = user.sign_in.password.as_deref() == Some(password) && !is_federated;
        if let Some(lockout) = tenant.lockout_mut(&id) {
            if is_right {
                lockout.right()
            } else {
                lockout.wrong(password, now)
            }
        }
        if !is_right {
            return Err(LoginError::wrong_password());
        }
    }
    let user = tenant
        .live_user(&id)
        .ok_or_else(|| LoginError::unknown_user(&tenant.display_name))?;
    standing(tenant, app, &user, proof)?;
    Ok(id)
}

/// Everything that is looked at once the person is known.
pub(super) fn standing(
    tenant: &Tenant,
    app: &App,
    user: &User,
    proof: Proof,
) -> Result<(), LoginError> {
    let facts = &user.sign_in;
    if !user.is_enabled() {
        return Err(LoginError::disabled());
    }
    if facts.password_expired {
        return Err(LoginError::password_expired());
    }
    if proof == Proof::PasswordOnly {
        if facts.passwordless {
            return Err(LoginError::passwordless());
        }
        if facts.mfa_enrolment_required {
            return Err(LoginError::mfa_enrolment_required());
        }
        if facts.mfa_required {
            return Err(LoginError::mfa_required());
        }
    }
    if facts.ca_blocked {
        return Err(LoginError::blocked_by_policy());
    }
    if !app.consented {
        return Err(LoginError::no_consent(&app.client_id, &app.display_name));
    }
    if app.assignment_required && !is_assigned(tenant, app, user) {
        return Err(LoginError::not_assigned(&app.client_id, &app.display_name));
    }
    Ok(())
}

/// Direct assignment, or direct membership in an assigned group: nesting does
/// not count (Microsoft, "Assign users and groups to an application").
fn is_assigned(tenant: &Tenant, app: &App, user: &User) -> bool {
    app.assigned.iter().any(|key| {
        user.is_called(key)
            || tenant
                .any_group(key)
                .is_some_and(|group| group.members.contains(&user.id))
    })
}

#[cfg(test)]
mod tests {
    use axum::http::Method;
    use serde_json::{Map, Value, json};

    use crate::login::handle;
    use crate::state::World;
    use crate::state::seed::contoso;
    use crate::wire::{Answer, percent_encoded, request};

    const TOKEN: &str =
        "https://login.microsoftonline.com/7d1c2f6e-94a3-4c0a-9a51-0f3be1c0a001/oauth2/v2.0/token";

    fn try_password(world: &mut World, name: &str, password: &str) -> Answer {
        let body = format!(
            "grant_type=password&client_id=9e0c7b44-21f7-4b0e-b0a7-6f8f1c3d0003&scope=openid%20profile&username={}&password={}",
            percent_encoded(name),
            percent_encoded(password)
        );
        handle(world, &request(Method::POST, TOKEN, &body))
    }

    fn code(answer: &Answer) -> u64 {
        answer.value()["error_codes"][0].as_u64().unwrap_or(0)
    }

    fn change(world: &mut World, name: &str, what: Value) {
        let Value::Object(flat) = what else {
            panic!("not an object")
        };
        let (index, id) = world.find_user(name).unwrap();
        let now = world.clock.now();
        world.tenants[index].change_user(&id, flat, now).unwrap();
    }

    #[test]
    fn each_person_of_the_seed_gets_their_own_answer() {
        let world = &mut contoso();
        for (name, password, expected) in [
            ("alice@contoso.example", "Correct-Horse-9", 0),
            ("ALICE@Contoso.Example", "Correct-Horse-9", 0),
            ("alice@contoso.example", "wrong", 50_126),
            ("bob@contoso.example", "Battery-Staple-7", 50_076),
            ("bob@contoso.example", "wrong", 50_126),
            ("dave@contoso.example", "Disabled-Dave-1", 50_057),
            ("dave@contoso.example", "wrong", 50_126),
            ("erin@contoso.example", "anything", 50_056),
            ("nobody@contoso.example", "x", 50_034),
        ] {
            assert_eq!(
                code(&try_password(world, name, password)),
                expected,
                "{name} {password}"
            );
        }
    }

    #[test]
    fn the_checks_come_in_entras_order() {
        let world = &mut contoso();
        let name = "mallory@contoso.example";
        change(
            world,
            name,
            json!({"accountEnabled": false, "passwordExpired": true, "mfaRequired": true, "caBlocked": true}),
        );
        for (fact, expected) in [
            (json!({"accountEnabled": true}), 50_057),
            (json!({"passwordExpired": false}), 50_055),
            (json!({"mfaRequired": false}), 50_076),
            (json!({"caBlocked": false}), 53_003),
        ] {
            assert_eq!(
                code(&try_password(world, name, "Mallory-Wants-In-5")),
                expected
            );
            change(world, name, fact);
        }
        let app = |world: &mut World, consented, assignment| {
            let app = &mut world.tenants[0].apps[1];
            (app.consented, app.assignment_required) = (consented, assignment);
        };
        app(world, false, true);
        assert_eq!(
            code(&try_password(world, name, "Mallory-Wants-In-5")),
            65_001
        );
        app(world, true, true);
        assert_eq!(
            code(&try_password(world, name, "Mallory-Wants-In-5")),
            50_105
        );
        world.tenants[0].apps[1]
            .assigned
            .push("MALLORY@contoso.example".to_owned());
        assert_eq!(try_password(world, name, "Mallory-Wants-In-5").status, 200);
    }

    #[test]
    fn ten_wrong_passwords_lock_the_right_one_out_for_a_minute() {
        let world = &mut contoso();
        let name = "alice@contoso.example";
        for number in 0..10 {
            assert_eq!(
                code(&try_password(world, name, &format!("wrong {number}"))),
                50_126
            );
        }
        assert_eq!(code(&try_password(world, name, "Correct-Horse-9")), 50_053);
        world.clock.advance(61);
        assert_eq!(try_password(world, name, "Correct-Horse-9").status, 200);
    }

    #[test]
    fn a_deleted_person_is_unknown_until_restored() {
        let world = &mut contoso();
        let (index, id) = world.find_user("alice@contoso.example").unwrap();
        let now = world.clock.now();
        world.tenants[index].delete(&id, false, now).unwrap();
        assert_eq!(
            code(&try_password(
                world,
                "alice@contoso.example",
                "Correct-Horse-9"
            )),
            50_034
        );
        world.tenants[index].restore(&id, now).unwrap();
        assert_eq!(
            try_password(world, "alice@contoso.example", "Correct-Horse-9").status,
            200
        );
    }

    #[test]
    fn a_new_password_replaces_the_old() {
        let world = &mut contoso();
        change(
            world,
            "alice@contoso.example",
            Value::Object(Map::from_iter([(
                "password".to_owned(),
                json!("New-One-1"),
            )])),
        );
        assert_eq!(
            code(&try_password(
                world,
                "alice@contoso.example",
                "Correct-Horse-9"
            )),
            50_126
        );
        assert_eq!(
            try_password(world, "alice@contoso.example", "New-One-1").status,
            200
        );
    }
}
