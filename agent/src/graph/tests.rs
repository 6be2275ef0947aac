use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::json;

use super::fixture::{Answer, CountingBearer, Seen, Server};
use super::*;

async fn server(
    answer: impl Fn(&Seen, usize, &reqwest::Url) -> Answer + Send + Sync + 'static,
) -> (Server, Graph) {
    let server = Server::start(answer).await;
    let graph = server.graph(Arc::new(CountingBearer::default()));
    (server, graph)
}

/// All elements of a delta round of users.
async fn round(graph: &Graph) -> Result<Vec<serde_json::Value>, GraphError> {
    let session = graph.session();
    let url = session.url(&["users", "delta"], &[("$select", "id,displayName")]);
    let mut pager = Pager::delta(&session, url, "users");
    let mut elements = Vec::new();
    while let Some(page) = pager.next_page().await? {
        elements.extend(page.elements);
    }
    Ok(elements)
}

async fn fails(answer: impl Fn(usize) -> Answer + Send + Sync + 'static) -> (GraphError, usize) {
    let (server, graph) = server(move |_, number, _| answer(number)).await;
    let error = round(&graph).await.unwrap_err();
    (error, server.seen().len())
}

#[tokio::test]
async fn links_are_followed_as_they_are_written() {
    let (server, graph) = server(|_, number, here| {
        Answer::json(&match number {
            1 => json!({"value": [{"id": 1}], "@odata.nextLink": format!("{here}v1.0/users/delta?$skiptoken=a%20B")}),
            2 => json!({"value": [], "@odata.nextLink": format!("{here}v1.0/users/delta?$skiptoken=c")}),
            _ => json!({"value": [{"id": 2}], "@odata.deltaLink": format!("{here}v1.0/users/delta?$deltatoken=d")}),
        })
    })
    .await;
    assert_eq!(round(&graph).await.unwrap().len(), 2);
    let seen = server.seen();
    assert_eq!(
        seen[0].target,
        "/v1.0/users/delta?%24select=id%2CdisplayName"
    );
    assert_eq!(seen[1].target, "/v1.0/users/delta?$skiptoken=a%20B");
    assert_eq!(seen[0].header("authorization"), Some("bearer token-0"));
    let ids: Vec<_> = seen
        .iter()
        .map(|seen| seen.header("client-request-id").unwrap())
        .collect();
    assert_eq!(ids[0].len(), 36);
    assert_ne!(ids[0], ids[1]);
}

#[tokio::test]
async fn a_link_to_another_origin_is_not_followed() {
    let foreign = json!({"value": [], "@odata.nextLink": "https://evil.example/v1.0/users"});
    let (error, requests) = fails(move |_| Answer::json(&foreign)).await;
    assert!(
        matches!(error.problem, GraphProblem::ForeignLink { .. }),
        "{error}"
    );
    assert_eq!(requests, 1);
}

#[tokio::test]
async fn an_endless_list_ends() {
    let (server, graph) = server(|_, _, here| {
        Answer::json(&json!({"value": [], "@odata.nextLink": format!("{here}v1.0/x?$skiptoken=1")}))
    })
    .await;
    let error = round(&graph).await.unwrap_err();
    assert!(
        matches!(error.problem, GraphProblem::RepeatedLink),
        "{error}"
    );
    assert_eq!(server.seen().len(), 2);
}

#[tokio::test]
async fn a_refusal_names_the_permission_and_both_ids() {
    let (error, requests) = fails(|_| Answer::status(403)).await;
    assert!(
        error.to_string().contains("User.Read.All (SomeCode)"),
        "{error}"
    );
    let reference = error.reference().unwrap();
    assert!(
        reference.starts_with("request-id server-id, client-request-id "),
        "{reference}"
    );
    assert_eq!(requests, 1);
}

#[tokio::test]
async fn one_fresh_token_after_a_401_and_no_second() {
    let (server, graph) = server(|seen, _, here| match seen.header("authorization") {
        Some("bearer token-1") => {
            Answer::json(&json!({"value": [], "@odata.deltaLink": format!("{here}v1.0/d")}))
        }
        _ => Answer::status(401),
    })
    .await;
    assert!(round(&graph).await.is_ok());
    assert_eq!(server.seen().len(), 2);
    let (error, requests) = fails(|_| Answer::status(401)).await;
    assert!(
        matches!(error.problem, GraphProblem::Unauthorized { .. }),
        "{error}"
    );
    assert_eq!(requests, 2);
}

#[tokio::test]
async fn retry_after_is_obeyed_and_bounded() {
    let (_server, graph) = server(|_, number, here| match number {
        1 => Answer::status(429).with("retry-after", "1"),
        2 => Answer::status(503).with("retry-after", "0"),
        _ => Answer::json(&json!({"value": [], "@odata.deltaLink": format!("{here}v1.0/d")})),
    })
    .await;
    let begin = Instant::now();
    assert!(round(&graph).await.is_ok());
    assert!(
        begin.elapsed() >= Duration::from_secs(1),
        "{:?}",
        begin.elapsed()
    );

    let (error, requests) = fails(|_| Answer::status(429).with("retry-after", "100000")).await;
    assert!(error.hint().unwrap().contains("100000 s"), "{error}");
    assert_eq!(requests, 1);
    let (error, requests) = fails(|_| Answer::status(500).with("retry-after", "0")).await;
    assert!(
        matches!(error.problem, GraphProblem::Unavailable { status: 500, .. }),
        "{error}"
    );
    assert_eq!(requests, 5);
}

#[tokio::test]
async fn bad_answers_name_what_and_where() {
    let cases = [
        (b"{\"value\": [".to_vec(), "the answer is no JSON: EOF"),
        (b"[]".to_vec(), "the answer is no JSON object"),
        (b"{}".to_vec(), "value: missing"),
        (b"{\"value\": {}}".to_vec(), "value: not a list"),
        (
            b"{\"value\": []}".to_vec(),
            "neither @odata.nextLink nor @odata.deltaLink",
        ),
        (
            b"{\"value\": [], \"@odata.nextLink\": 5}".to_vec(),
            "@odata.nextLink: not a text",
        ),
        (
            b"{\"value\": [], \"@odata.nextLink\": \"/x\"}".to_vec(),
            "a link is no URL",
        ),
        (vec![b' '; 33 * 1024 * 1024], "larger than 33554432 bytes"),
        (
            "[".repeat(100_000).into_bytes(),
            "the answer is no JSON: recursion limit",
        ),
    ];
    for (body, wrong) in cases {
        let (error, requests) = fails(move |_| Answer {
            status: 200,
            headers: vec![],
            body: body.clone(),
        })
        .await;
        let text = error.to_string();
        assert!(
            text.starts_with("users page 1 (/v1.0/users/delta): "),
            "{text}"
        );
        assert!(text.contains(wrong), "{text}");
        assert_eq!(requests, 1, "{text}");
    }
}

#[tokio::test]
async fn a_missing_object_is_none_and_a_missing_list_an_error() {
    let (_server, graph) = server(|_, _, _| Answer::status(404)).await;
    let session = graph.session();
    let url = session.url(&["users", "a#EXT#@x/y"], &[]);
    assert_eq!(url.path(), "/v1.0/users/a%23EXT%23@x%2Fy");
    assert_eq!(session.object(&url, "user").await.unwrap(), None);
    assert!(round(&graph).await.is_err());
}
