//! Which client gets what from the token endpoint.

use axum::http::{HeaderValue, Method};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::login::{handle, jwt};
use crate::state::World;
use crate::state::seed::contoso;
use crate::wire::{Answer, request};

const TENANT: &str = "7d1c2f6e-94a3-4c0a-9a51-0f3be1c0a001";
const SYNC: &str = "client_id=3a6b1f0e-5c1d-4c58-8f3e-1f5f2a8d0002";
const LOGIN: &str = "client_id=9e0c7b44-21f7-4b0e-b0a7-6f8f1c3d0003";
const SCOPE: &str = "scope=https%3A%2F%2Fgraph.microsoft.com%2F.default";
const ALICE: &str = "username=alice%40contoso.example&password=Correct-Horse-9";

fn post(world: &mut World, tenant: &str, body: &str) -> Answer {
    let url = format!("https://login.microsoftonline.com/{tenant}/oauth2/v2.0/token");
    handle(world, &request(Method::POST, &url, body))
}

fn claims(answer: &Answer, token: &str) -> Value {
    let text = answer.value()[token].as_str().unwrap().to_owned();
    jwt::decoded(text.split('.').nth(1).unwrap()).unwrap()
}

#[test]
fn every_wrong_client_is_told_why() {
    let world = &mut contoso();
    let secret_id = world.tenants[0].apps[0].secrets[0].id.clone();
    let by_id = format!("{SYNC}&{SCOPE}&client_secret={secret_id}");
    let rows: Vec<(String, u64, u16, &str)> = vec![
        (
            format!("{SYNC}&{SCOPE}&client_secret=no"),
            7_000_215,
            401,
            "invalid_client",
        ),
        (by_id, 7_000_215, 401, "invalid_client"),
        (
            format!("{SYNC}&{SCOPE}&client_secret=sync-secret-value-expired"),
            7_000_222,
            401,
            "invalid_client",
        ),
        (format!("{SYNC}&{SCOPE}"), 7_000_216, 401, "invalid_client"),
        (
            format!("{SYNC}&{SCOPE}&client_assertion_type=x&client_assertion=a.b.c"),
            700_027,
            401,
            "invalid_client",
        ),
        (
            format!("{SYNC}&{SCOPE}&client_assertion=a.b.c"),
            900_144,
            400,
            "invalid_request",
        ),
        (
            format!("{LOGIN}&{SCOPE}&client_secret=x"),
            700_025,
            401,
            "invalid_client",
        ),
        (
            format!("client_id=nobody&{SCOPE}&client_secret=x"),
            700_016,
            400,
            "unauthorized_client",
        ),
        (
            format!("{SYNC}&scope=User.Read&client_secret=sync-secret-value-1"),
            1_002_012,
            400,
            "invalid_scope",
        ),
        (
            format!("{SYNC}&scope=https://x.example/.default&client_secret=sync-secret-value-1"),
            500_011,
            400,
            "invalid_resource",
        ),
        (
            format!("{SYNC}&client_secret=sync-secret-value-1"),
            900_144,
            400,
            "invalid_request",
        ),
        (
            format!("{SCOPE}&client_secret=x"),
            900_144,
            400,
            "invalid_request",
        ),
    ];
    for (fields, code, status, error) in rows {
        let answer = post(
            world,
            TENANT,
            &format!("grant_type=client_credentials&{fields}"),
        );
        let body = answer.value();
        assert_eq!(body["error_codes"], json!([code]), "{fields}");
        assert_eq!(
            (answer.status.as_u16(), &body["error"]),
            (status, &json!(error)),
            "{fields}"
        );
    }
}

#[test]
fn every_wrong_place_is_told_why() {
    let world = &mut contoso();
    let password = format!("grant_type=password&{LOGIN}&scope=openid&{ALICE}");
    let app = format!("grant_type=client_credentials&{SYNC}&{SCOPE}&client_secret=x");
    for (tenant, body, code, error) in [
        ("common", password.as_str(), 9_001_023, "invalid_request"),
        ("consumers", &password, 9_001_023, "invalid_request"),
        ("common", &app, 50_059, "invalid_request"),
        ("nowhere.example", &password, 90_002, "invalid_request"),
        ("nonsense", &password, 900_023, "invalid_request"),
        (
            TENANT,
            "grant_type=magic&client_id=9e0c7b44-21f7-4b0e-b0a7-6f8f1c3d0003",
            70_003,
            "unsupported_grant_type",
        ),
        (TENANT, "", 900_144, "invalid_request"),
    ] {
        let body = post(world, tenant, body).value();
        assert_eq!(body["error_codes"], json!([code]), "{tenant}");
        assert_eq!(body["error"], json!(error));
    }
    assert_eq!(post(world, "organizations", &password).status, 200);
    assert_eq!(post(world, "contoso.example", &password).status, 200);
}

#[test]
fn a_confidential_client_must_prove_itself_for_a_password() {
    let world = &mut contoso();
    let body = format!("grant_type=password&{SYNC}&scope=openid&{ALICE}");
    assert_eq!(
        post(world, TENANT, &body).value()["error_codes"][0],
        7_000_218
    );
    let body = format!("{body}&client_secret=sync-secret-value-1");
    assert_eq!(post(world, TENANT, &body).status, 200);
}

#[test]
fn a_secret_may_come_in_the_header() {
    let world = &mut contoso();
    let url = format!("https://login.microsoftonline.com/{TENANT}/oauth2/v2.0/token");
    let body = format!("grant_type=client_credentials&{SCOPE}");
    let mut sent = request(Method::POST, &url, &body);
    let pair = STANDARD.encode("3a6b1f0e-5c1d-4c58-8f3e-1f5f2a8d0002:sync-secret-value-1");
    let header = HeaderValue::from_str(&format!("Basic {pair}")).unwrap();
    sent.headers.insert("authorization", header);
    let answer = handle(world, &sent);
    assert_eq!(answer.status, 200);
    assert_eq!(answer.value()["expires_in"], 3599);
    let claims = claims(&answer, "access_token");
    assert_eq!(
        claims["roles"],
        json!(["User.Read.All", "GroupMember.Read.All"])
    );
    assert_eq!(claims["idtyp"], "app");
}

#[test]
fn without_granted_roles_there_is_a_token_and_no_claim() {
    let world = &mut contoso();
    let id = world.tenants[0].apps[2].client_id.clone();
    let body = format!(
        "grant_type=client_credentials&client_id={id}&{SCOPE}&client_secret=no-roles-secret-value-1"
    );
    let answer = post(world, TENANT, &body);
    assert!(claims(&answer, "access_token").get("roles").is_none());
}

#[test]
fn scopes_decide_what_the_id_token_says() {
    let world = &mut contoso();
    let mut ask = |scope: &str| {
        post(
            world,
            TENANT,
            &format!("grant_type=password&{LOGIN}&scope={scope}&{ALICE}"),
        )
    };
    let bare = claims(&ask("openid"), "id_token");
    assert!(
        ["oid", "tid", "preferred_username", "email"]
            .iter()
            .all(|name| bare.get(name).is_none())
    );
    assert_eq!(
        bare["exp"].as_i64().unwrap() - bare["iat"].as_i64().unwrap(),
        3900
    );

    let full = ask("openid+profile+email+offline_access");
    let told = claims(&full, "id_token");
    assert_eq!(told["tid"], TENANT);
    assert_eq!(told["preferred_username"], "alice@contoso.example");
    assert_eq!(told["email"], "alice@contoso.example");
    assert!(full.value()["refresh_token"].is_string());
    assert!(full.value().get("client_info").is_none());

    let none = ask("User.Read").value();
    assert!(none.get("id_token").is_none() && none.get("refresh_token").is_none());
}

#[test]
fn an_override_forges_claims_so_many_times() {
    let world = &mut contoso();
    world.overrides.push(
        serde_json::from_value(json!({
            "user": "ALICE@contoso.example", "tid": "another", "oid": "somebody",
            "claims": {"name": null, "extra": 1},
        }))
        .unwrap(),
    );
    let body = format!("grant_type=password&{LOGIN}&scope=openid+profile&{ALICE}");
    let forged = claims(&post(world, TENANT, &body), "id_token");
    assert_eq!(
        (&forged["tid"], &forged["oid"]),
        (&json!("another"), &json!("somebody"))
    );
    assert_eq!(
        forged["iss"],
        "https://login.microsoftonline.com/another/v2.0"
    );
    assert!(forged.get("name").is_none() && forged["extra"] == 1);
    let honest = claims(&post(world, TENANT, &body), "id_token");
    assert_eq!(honest["tid"], TENANT);
}

#[test]
fn a_refresh_token_dies_with_the_password_and_with_disuse() {
    let world = &mut contoso();
    let body = format!("grant_type=password&{LOGIN}&scope=openid+offline_access&{ALICE}");
    let token = |world: &mut World| {
        post(world, TENANT, &body).value()["refresh_token"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let refresh = |world: &mut World, token: &str| {
        let body = format!("grant_type=refresh_token&{LOGIN}&refresh_token={token}");
        post(world, TENANT, &body).value()["error_codes"][0].as_u64()
    };
    let first = token(world);
    assert_eq!(refresh(world, &first), None);
    world.clock.advance(91 * 86_400);
    assert_eq!(refresh(world, &first), Some(700_082));

    let second = token(world);
    let (index, id) = world.find_user("alice@contoso.example").unwrap();
    world.clock.advance(1);
    let now = world.clock.now();
    let change = json!({"mfaRequired": true}).as_object().unwrap().clone();
    world.tenants[index].change_user(&id, change, now).unwrap();
    assert_eq!(refresh(world, &second), Some(50_076));
    let change = json!({"password": "New-One-1"})
        .as_object()
        .unwrap()
        .clone();
    world.tenants[index].change_user(&id, change, now).unwrap();
    assert_eq!(refresh(world, &second), Some(50_173));
    let change = json!({"accountEnabled": false, "mfaRequired": false})
        .as_object()
        .unwrap()
        .clone();
    world.tenants[index].change_user(&id, change, now).unwrap();
    let body = format!(
        "grant_type=password&{LOGIN}&scope=openid&username=alice@contoso.example&password=New-One-1"
    );
    assert_eq!(post(world, TENANT, &body).value()["error_codes"][0], 50_057);
}
