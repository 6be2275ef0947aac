//! Against a service that answers by script, on the loopback.

use serde_json::json;

use super::*;
use crate::graph::fixture::{Answer, Server};

const RESOURCE: &str = "https://graph.example";

fn at(server: &Server, source: MetadataSource, client_id: Option<&str>) -> Metadata {
    let identity = ManagedIdentity {
        client_id: client_id.map(str::to_owned),
        source,
    };
    let mut metadata = Metadata::new(&identity).unwrap();
    metadata.address.set_port(server.origin.port()).unwrap();
    metadata.address.set_host(server.origin.host_str()).unwrap();
    metadata
}

fn token() -> Answer {
    Answer::json(&json!({
        "access_token": "token-1", "client_id": "C0000000-0000-4000-8000-000000000001", "expires_in": "86399", "expires_on": "1506484173",
        "ext_expires_in": "86399", "not_before": "1506397473", "resource": RESOURCE, "token_type": "Bearer"
    }))
}

#[tokio::test]
async fn the_machines_own_and_a_named_identity_are_asked_for_as_documented() {
    let server = Server::start(|_, _, _| token()).await;
    for id in [None, Some("c0000000-0000-4000-8000-000000000001")] {
        let metadata = at(&server, MetadataSource::AzureVm, id);
        let (token, life) = metadata.token(RESOURCE).await.unwrap();
        assert_eq!((token.as_str(), life.as_secs()), ("token-1", 86_399));
    }
    // A service that gives another identity's token than was asked for.
    let metadata = at(
        &server,
        MetadataSource::AzureArc,
        Some("c0000000-0000-4000-8000-000000000002"),
    );
    let refused = metadata.token(RESOURCE).await.unwrap_err().to_string();
    assert!(
        refused.contains("not for c0000000-0000-4000-8000-000000000002"),
        "{refused}"
    );
    let path = "/metadata/identity/oauth2/token?api-version=2018-02-01\
                &resource=https%3A%2F%2Fgraph.example";
    let seen = server.seen();
    let targets: Vec<&str> = seen
        .iter()
        .take(2)
        .map(|seen| seen.target.as_str())
        .collect();
    let named = format!("{path}&client_id=c0000000-0000-4000-8000-000000000001");
    assert_eq!(targets, [path, &named]);
    assert!(
        seen.iter()
            .all(|seen| seen.header("metadata") == Some("true"))
    );
}

#[tokio::test]
async fn a_service_that_is_not_ready_is_asked_again_and_a_refusal_is_final() {
    let server = Server::start(|_, number, _| match number {
        1 => Answer::status(404),
        2 => Answer::status(429).with("retry-after", "0"),
        _ => token(),
    })
    .await;
    let metadata = at(&server, MetadataSource::AzureVm, None);
    assert!(metadata.token(RESOURCE).await.is_ok());
    assert_eq!(server.seen().len(), 3);

    let server = Server::start(|_, _, _| {
        let body = json!({"error": "invalid_request", "error_description": "Identity not found"});
        Answer {
            status: 400,
            ..Answer::json(&body)
        }
    })
    .await;
    let refused = at(&server, MetadataSource::AzureVm, None)
        .token(RESOURCE)
        .await
        .unwrap_err()
        .to_string();
    assert!(
        refused.contains("HTTP 400, invalid_request: Identity not found; has this machine"),
        "{refused}"
    );
    assert_eq!(server.seen().len(), 1);
}

#[test]
fn waiting_ends() {
    let total = |status: Option<u16>| {
        let mut waited = Duration::ZERO;
        let mut tries = 0;
        loop {
            tries += 1;
            match pause(status, tries, waited, None) {
                Some(wait) => waited += wait,
                None => return waited.as_secs(),
            }
        }
    };
    assert_eq!(total(None), 3);
    for status in [404, 429, 500, 503] {
        assert_eq!(total(Some(status)), 31);
    }
    // An update takes up to 70 s.
    assert!((70..=90).contains(&total(Some(410))));
    for status in [400, 401, 403, 302] {
        assert_eq!(total(Some(status)), 0);
    }
    assert_eq!(pause(Some(429), 1, Duration::ZERO, Some(41)), None);
    assert_eq!(
        pause(Some(429), 1, Duration::ZERO, Some(7)),
        Some(Duration::from_secs(7))
    );
}

#[tokio::test]
async fn azure_arcs_challenge_is_met_once() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("k.key"), "key-1").unwrap();
    let realm = format!("Basic realm={}/k.key", folder.path().display());
    let server = Server::start(move |seen, number, _| {
        // The fixture sees headers in lower case.
        match seen.header("authorization") {
            Some("basic key-1") if number < 3 => token(),
            _ => Answer::status(401).with("WWW-Authenticate", &realm),
        }
    })
    .await;
    let mut metadata = at(&server, MetadataSource::AzureArc, None);
    metadata.arc_tokens = folder.path().to_owned();
    assert!(metadata.token(RESOURCE).await.is_ok());
    assert_eq!(server.seen().len(), 2);
    assert!(server.seen()[0].target.contains("api-version=2020-06-01"));

    // Refused with the key as well: final.
    let refused = metadata.token(RESOURCE).await.unwrap_err().to_string();
    assert!(refused.contains("HTTP 401"), "{refused}");
    assert_eq!(server.seen().len(), 4);
    // A path elsewhere is never read, and nothing more is asked.
    metadata.arc_tokens = "/var/opt/azcmagent/tokens".into();
    let refused = metadata.token(RESOURCE).await.unwrap_err().to_string();
    assert!(refused.contains("it is not read"), "{refused}");
    assert_eq!(server.seen().len(), 5);

    // On a virtual machine a challenge is none.
    let metadata = at(&server, MetadataSource::AzureVm, None);
    let refused = metadata.token(RESOURCE).await.unwrap_err().to_string();
    assert!(refused.contains("HTTP 401"), "{refused}");
    assert_eq!(server.seen().len(), 6);
}
