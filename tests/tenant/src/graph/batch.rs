//! `POST /$batch`: up to twenty requests in one (facts §4.3).
//!
//! Each item is answered, charged and refused as if it had come alone. Answers
//! come in the order opposite to the requests': the order is not promised, so
//! nobody may rely on it. Unknown keys are ignored, as Graph does.

use std::collections::BTreeSet;

use axum::body::Bytes;
use axum::http::{HeaderName, HeaderValue, Method, StatusCode};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{BASE, GraphError, handle};
use crate::state::World;
use crate::wire::{Answer, Request, decode_form};

/// Items in one batch.
const LIMIT: usize = 20;

#[derive(Debug, Deserialize)]
struct Batch {
    requests: Vec<Item>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Item {
    id: String,
    method: String,
    url: String,
    #[serde(default)]
    headers: Map<String, Value>,
    #[serde(default)]
    body: Value,
    #[serde(default)]
    depends_on: Vec<String>,
}

/// Answers all items.
pub(super) fn answer(world: &mut World, request: &Request) -> Result<Value, GraphError> {
    let batch: Batch = serde_json::from_slice(&request.body)
        .map_err(|_| GraphError::bad_request("Invalid batch payload format."))?;
    check(&batch)?;
    let mut failed = BTreeSet::new();
    let mut responses = Vec::new();
    for item in &batch.requests {
        let answer = match item.depends_on.iter().any(|id| failed.contains(id)) {
            true => failed_dependency(),
            false => one(world, request, item),
        };
        if answer.status.is_client_error() || answer.status.is_server_error() {
            failed.insert(item.id.clone());
        }
        responses.push(shown(&item.id, &answer));
    }
    responses.reverse();
    Ok(json!({"responses": responses}))
}

fn check(batch: &Batch) -> Result<(), GraphError> {
    if batch.requests.is_empty() {
        return Err(GraphError::bad_request("Invalid batch payload format."));
    }
    if batch.requests.len() > LIMIT {
        return Err(GraphError::bad_request(format!(
            "Number of batch request steps exceeds the maximum value of {LIMIT}."
        )));
    }
    let mut seen = BTreeSet::new();
    for item in &batch.requests {
        // What an item waits for stands before it: a cycle has no such order.
        if let Some(unknown) = item.depends_on.iter().find(|id| !seen.contains(*id)) {
            return Err(GraphError::bad_request(format!(
                "Invalid dependsOn value '{unknown}' of request '{}'.",
                item.id
            )));
        }
        if !seen.insert(&item.id) {
            return Err(GraphError::bad_request(format!(
                "Request Id '{}' is duplicated. Each request Id must be unique.",
                item.id
            )));
        }
    }
    Ok(())
}

fn one(world: &mut World, outer: &Request, item: &Item) -> Answer {
    let Ok(method) = Method::from_bytes(item.method.to_ascii_uppercase().as_bytes()) else {
        return Answer::new(StatusCode::METHOD_NOT_ALLOWED);
    };
    // Microsoft's own client writes absolute addresses.
    let url = item.url.strip_prefix(BASE).unwrap_or(&item.url);
    let (path, query) = url.split_once('?').unwrap_or((url, ""));
    let mut headers = axum::http::HeaderMap::new();
    if let Some(token) = outer.headers.get("authorization") {
        headers.insert("authorization", token.clone());
    }
    for (name, value) in &item.headers {
        let name = HeaderName::from_bytes(name.as_bytes());
        let value = HeaderValue::from_str(value.as_str().unwrap_or_default());
        if let (Ok(name), Ok(value)) = (name, value) {
            headers.insert(name, value);
        }
    }
    let inner = Request {
        method,
        host: outer.host.clone(),
        path: format!("/v1.0/{}", path.trim_start_matches('/')),
        query: decode_form(query),
        headers,
        body: match &item.body {
            Value::Null => Bytes::new(),
            body => Bytes::from(body.to_string()),
        },
    };
    if inner.path.starts_with("/v1.0/$batch") {
        return Answer::new(StatusCode::BAD_REQUEST);
    }
    handle(world, &inner)
}

fn failed_dependency() -> Answer {
    let body = json!({"error": {
        "code": "FailedDependency",
        "message": "The request failed because a request it depends on failed.",
    }});
    Answer::json(StatusCode::FAILED_DEPENDENCY, &body)
}

fn shown(id: &str, answer: &Answer) -> Value {
    let headers: Map<String, Value> = answer
        .headers
        .iter()
        .filter(|(name, _)| {
            matches!(
                name.as_str(),
                "content-type"
                    | "cache-control"
                    | "location"
                    | "retry-after"
                    | "x-ms-resource-unit"
            )
        })
        .map(|(name, value)| {
            (
                title(name.as_str()),
                json!(value.to_str().unwrap_or_default()),
            )
        })
        .collect();
    let body = serde_json::from_slice(&answer.body)
        .unwrap_or_else(|_| json!(String::from_utf8_lossy(&answer.body)));
    json!({"id": id, "status": answer.status.as_u16(), "headers": headers, "body": body})
}

/// `Content-Type`, as headers inside a batch are written.
fn title(name: &str) -> String {
    let words = name.split('-').map(|word| {
        let (first, rest) = word.split_at(usize::from(!word.is_empty()));
        format!("{}{rest}", first.to_ascii_uppercase())
    });
    words.collect::<Vec<String>>().join("-")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::auth::bearer;
    use crate::graph::tests::BOTH;
    use crate::state::seed::contoso;
    use crate::wire::request;

    fn post(world: &mut World, requests: Value) -> Answer {
        let body = json!({"requests": requests}).to_string();
        let mut sent = request(Method::POST, &format!("{BASE}/$batch"), &body);
        let token = bearer(world, &BOTH, 60);
        sent.headers
            .insert("authorization", HeaderValue::from_str(&token).unwrap());
        handle(world, &sent)
    }

    fn item<'a>(answer: &'a Value, id: &str) -> &'a Value {
        let all = answer["responses"].as_array().unwrap();
        all.iter().find(|item| item["id"] == id).unwrap()
    }

    #[test]
    fn items_are_answered_as_if_alone() {
        let world = &mut contoso();
        let answer = post(
            world,
            json!([
                {"id": "1", "method": "GET", "url": "/users/alice@contoso.example?$select=id"},
                {"id": "2", "method": "GET", "url": format!("{BASE}/users/nobody@x.example"), "depends_on": []},
                {"id": "3", "method": "GET", "url": "/groups", "dependsOn": ["2"]},
                {"id": "4", "method": "GET", "url": "/organization"},
                {"id": "5", "method": "GET", "url": "/users/$count", "headers": {"ConsistencyLevel": "eventual"}},
                {"id": "6", "method": "POST", "url": "/users/alice@contoso.example/getMemberGroups",
                 "headers": {"Content-Type": "application/json"}, "body": {"securityEnabledOnly": true}},
            ]),
        );
        assert_eq!(answer.status, 200);
        let answer = answer.value();
        assert_eq!(
            item(&answer, "1")["body"]["id"],
            "e49bac5b-69fa-54a8-87f0-86f6868f8caa"
        );
        assert_eq!(item(&answer, "2")["status"], 404);
        assert_eq!(item(&answer, "3")["status"], 424);
        assert_eq!(item(&answer, "4")["status"], 403);
        assert_eq!(item(&answer, "5")["body"], world.tenants[0].user_count());
        assert!(
            item(&answer, "6")["body"]["value"]
                .as_array()
                .unwrap()
                .len()
                > 1
        );
        assert_eq!(
            answer["responses"][0]["id"], "6",
            "the order is not promised"
        );
    }

    #[test]
    fn a_batch_that_is_none_is_refused_whole() {
        let world = &mut contoso();
        let get = |id: &str| json!({"id": id, "method": "GET", "url": "/groups"});
        let many: Vec<Value> = (0..21).map(|id| get(&id.to_string())).collect();
        let waits = json!({"id": "1", "method": "GET", "url": "/groups", "dependsOn": ["2"]});
        for requests in [
            json!([]),
            json!(many),
            json!([get("1"), get("1")]),
            json!([waits, get("2")]),
            json!([{"id": "1"}]),
        ] {
            assert_eq!(post(world, requests.clone()).status, 400, "{requests}");
        }
        assert_eq!(post(world, json!(many[..20])).status, 200);
    }
}
