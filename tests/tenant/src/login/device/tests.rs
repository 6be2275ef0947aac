//! A device code's life, seen by the poller.

use axum::http::Method;

use super::*;
use crate::login::handle;
use crate::state::seed::contoso;
use crate::wire::{Answer, request};

const BASE: &str =
    "https://login.microsoftonline.com/7d1c2f6e-94a3-4c0a-9a51-0f3be1c0a001/oauth2/v2.0";
const CLIENT: &str = "9e0c7b44-21f7-4b0e-b0a7-6f8f1c3d0003";

fn start(world: &mut World) -> (String, String) {
    let body = format!("client_id={CLIENT}&scope=openid%20profile%20offline_access");
    let answer = handle(
        world,
        &request(Method::POST, &format!("{BASE}/devicecode"), &body),
    )
    .value();
    let text = |name: &str| answer[name].as_str().unwrap().to_owned();
    assert_eq!(text("user_code").len(), 9);
    assert_eq!(answer["interval"], 5);
    assert_eq!(
        text("verification_uri"),
        "https://login.microsoft.com/device"
    );
    (text("user_code"), text("device_code"))
}

fn poll(world: &mut World, device_code: &str) -> Answer {
    let body = format!(
        "grant_type=urn:ietf:params:oauth:grant-type:device_code&client_id={CLIENT}&client_info=1&device_code={device_code}"
    );
    handle(
        world,
        &request(Method::POST, &format!("{BASE}/token"), &body),
    )
}

fn error(answer: &Answer) -> String {
    answer.value()["error"]
        .as_str()
        .unwrap_or("none")
        .to_owned()
}

#[test]
fn a_code_is_pending_then_approved_then_used_up() {
    let world = &mut contoso();
    let (user_code, device_code) = start(world);
    assert_eq!(error(&poll(world, &device_code)), "authorization_pending");
    let typed = user_code.to_lowercase();
    approve_as(world, &typed, "bob@contoso.example", false).unwrap();
    let answer = poll(world, &device_code);
    assert_eq!(answer.status, 200);
    let body = answer.value();
    let claims = body["id_token"]
        .as_str()
        .unwrap()
        .split('.')
        .nth(1)
        .unwrap()
        .to_owned();
    let claims = jwt::decoded(&claims).unwrap();
    assert_eq!(claims["preferred_username"], "bob@contoso.example");
    assert!(body["refresh_token"].is_string() && body["client_info"].is_string());
    let again = poll(world, &device_code);
    assert_eq!(again.value()["error_codes"][0], 54_005);
    assert!(approve_as(world, &user_code, "bob@contoso.example", false).is_err());
}

#[test]
fn polling_too_fast_is_told_and_slows_the_code_down() {
    let world = &mut contoso();
    let (_, device_code) = start(world);
    assert_eq!(error(&poll(world, &device_code)), "authorization_pending");
    world.clock.advance(4);
    assert_eq!(error(&poll(world, &device_code)), "slow_down");
    world.clock.advance(5);
    assert_eq!(error(&poll(world, &device_code)), "slow_down");
    world.clock.advance(15);
    assert_eq!(error(&poll(world, &device_code)), "authorization_pending");
}

#[test]
fn declined_and_expired_codes_stay_so() {
    let world = &mut contoso();
    let (user_code, device_code) = start(world);
    by_user_code(world, &user_code).unwrap().state = State::Declined;
    assert_eq!(error(&poll(world, &device_code)), "authorization_declined");

    let (user_code, device_code) = start(world);
    world.clock.advance(900);
    assert_eq!(error(&poll(world, &device_code)), "expired_token");
    assert!(approve_as(world, &user_code, "alice@contoso.example", false).is_err());
}

#[test]
fn whom_the_page_turns_away_leaves_the_code_pending() {
    let world = &mut contoso();
    let (user_code, device_code) = start(world);
    let refusal = approve_as(world, &user_code, "dave@contoso.example", false).unwrap_err();
    assert_eq!(refusal.0, 50_057);
    assert_eq!(error(&poll(world, &device_code)), "authorization_pending");
    approve_as(world, &user_code, "dave@contoso.example", true).unwrap();
    assert_eq!(poll(world, &device_code).value()["error_codes"][0], 50_057);
}

#[test]
fn a_code_of_nobody_is_refused() {
    assert_eq!(
        error(&poll(&mut contoso(), "made-up")),
        "bad_verification_code"
    );
}

#[test]
fn a_refresh_token_outlives_use_but_not_a_revocation() {
    let world = &mut contoso();
    let (user_code, device_code) = start(world);
    approve_as(world, &user_code, "bob@contoso.example", false).unwrap();
    let first = poll(world, &device_code).value()["refresh_token"]
        .as_str()
        .unwrap()
        .to_owned();
    let refresh = |world: &mut World, token: &str| {
        let body = format!(
            "grant_type=refresh_token&client_id={CLIENT}&scope=openid&refresh_token={token}"
        );
        handle(
            world,
            &request(Method::POST, &format!("{BASE}/token"), &body),
        )
    };
    let second = refresh(world, &first).value()["refresh_token"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_ne!(first, second);
    assert_eq!(refresh(world, &first).status, 200);
    let (index, id) = world.find_user("bob@contoso.example").unwrap();
    world.clock.advance(1);
    let now = world.clock.now();
    world.tenants[index].revoke_sessions(&id, now).unwrap();
    let refused = refresh(world, &second).value();
    assert_eq!(refused["error_codes"][0], 50_173);
    assert_eq!(refused["suberror"], "bad_token");
    assert_eq!(
        refresh(world, "garbage").value()["error_codes"][0],
        9_002_313
    );
}
