//! Who gets a token, and who does not.

use axum::http::{HeaderValue, Method, StatusCode};

use super::*;
use crate::login::jwt;
use crate::state::seed::contoso;
use crate::wire::request;

const VM: &str = "https://169.254.169.254/metadata/identity/oauth2/token";
const ARC: &str = "https://localhost/metadata/identity/oauth2/token";
const GRAPH: &str = "resource=https://graph.microsoft.com";
const SYSTEM: &str = "5c1f0c3e-7a0b-4d6e-9a53-3c8f7b1d0005";
const ASSIGNED: &str = "8d2a4b6c-1e3f-4a5b-8c7d-9e0f1a2b0006";

fn ask(world: &mut World, url: &str, headers: &[(&'static str, &str)]) -> Answer {
    let mut request = request(Method::GET, url, "");
    for (name, value) in headers {
        request
            .headers
            .insert(*name, HeaderValue::from_str(value).unwrap());
    }
    assert!(is_meant(&request));
    handle(world, &request)
}

#[test]
fn a_machine_gets_the_tokens_of_its_identities() {
    let world = &mut contoso();
    let metadata = &[("metadata", "true")];
    for (more, client) in [
        (String::new(), SYSTEM),
        (format!("&client_id={ASSIGNED}"), ASSIGNED),
    ] {
        let url = format!("{VM}?api-version=2018-02-01&{GRAPH}{more}");
        let answer = ask(world, &url, metadata).value();
        assert_eq!(answer["client_id"], client);
        assert_eq!(answer["expires_in"], "3599");
        assert!(
            answer["expires_on"]
                .as_str()
                .unwrap()
                .parse::<i64>()
                .is_ok()
        );
        let token = answer["access_token"].as_str().unwrap();
        let claims = jwt::decoded(token.split('.').nth(1).unwrap()).unwrap();
        assert_eq!(claims["appid"], client);
        assert_eq!(claims["roles"][0], "User.Read.All");
    }
    let good = format!("{VM}?api-version=2018-02-01&{GRAPH}");
    for (url, headers, error) in [
        (good.clone(), vec![], "bad_request_102"),
        (
            good.clone(),
            vec![("metadata", "true"), ("x-forwarded-for", "10.0.0.1")],
            "bad_request_102",
        ),
        (
            format!("{VM}?{GRAPH}"),
            vec![("metadata", "true")],
            "invalid_request",
        ),
        (
            format!("{VM}?api-version=2018-02-01"),
            vec![("metadata", "true")],
            "invalid_request",
        ),
        (
            format!("{VM}?api-version=2018-02-01&resource=https://graph.microsoft.com/.default"),
            vec![("metadata", "true")],
            "invalid_resource",
        ),
        (
            format!("{good}&client_id=3a6b1f0e-5c1d-4c58-8f3e-1f5f2a8d0002"),
            vec![("metadata", "true")],
            "invalid_request",
        ),
    ] {
        let answer = ask(world, &url, &headers);
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{url}");
        assert_eq!(answer.value()["error"], error, "{url}");
    }
}

#[test]
fn arc_wants_the_content_of_the_file_that_it_names_once() {
    let folder = std::env::temp_dir().join(uuid::Uuid::new_v4().to_string());
    let world = &mut contoso();
    world.arc_challenges = Challenges::within(&folder);
    let url = format!("{ARC}?api-version=2020-06-01&{GRAPH}");
    let challenge = ask(world, &url, &[("metadata", "true")]);
    assert_eq!(challenge.status, StatusCode::UNAUTHORIZED);
    let realm = challenge.headers["www-authenticate"].to_str().unwrap();
    let file = realm.strip_prefix("Basic realm=").unwrap().to_owned();
    assert!(file.ends_with(".key"));
    let proof = format!("Basic {}", std::fs::read_to_string(&file).unwrap());
    let headers = [("metadata", "true"), ("authorization", proof.as_str())];
    assert_eq!(ask(world, &url, &headers).value()["client_id"], SYSTEM);
    assert_eq!(
        ask(world, &url, &headers).status,
        StatusCode::UNAUTHORIZED,
        "a secret counts once"
    );
    std::fs::remove_dir_all(folder).unwrap();
}
