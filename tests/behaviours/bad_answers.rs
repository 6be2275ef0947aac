//! Answers that no good tenant gives: the import fails with an error that names
//! what and where, the old directory stays, the exit code says so.

use harness::{Host, Trouble};
use serde_json::{Value, json};

use crate::ready;

#[test]
fn answers_of_graph_that_make_no_sense_are_errors() -> Result<(), Trouble> {
    let host = ready::everybody_may_sign_in()?;
    let before = directory(&host)?;
    for (what, body) in nonsense() {
        fails(&host, what, &on("users", json!({ "body": body })), "users")?;
        assert_eq!(directory(&host)?, before, "{what}");
    }
    let nobody = json!({ "value": [], "@odata.deltaLink": LINK }).to_string();
    // Of a round of changes it would mean that nothing has changed.
    fails_by(
        &host,
        "entractl sync --full",
        "nobody at all",
        &on("users", json!({ "body": nobody })),
        "single user",
    )?;
    assert_eq!(directory(&host)?, before, "nobody at all");
    fails(
        &host,
        "an absurd size",
        &on("users", json!({ "body_size": ABSURD })),
        "users",
    )?;
    assert_eq!(directory(&host)?, before, "an absurd size");
    fails(
        &host,
        "a cut answer",
        &json!({ "path_prefix": "/v1.0/users", "times": 9, "truncate": true }),
        "users",
    )?;
    fails(
        &host,
        "a cut line",
        &json!({ "path_prefix": "/v1.0/groups", "times": 9, "drop": true }),
        "",
    )?;
    assert_eq!(directory(&host)?, before);
    host.import("")?.stdout()?;
    Ok(())
}

/// Taken for "no groups", they would take everybody's memberships away.
#[test]
fn answers_about_groups_that_make_no_sense_are_errors() -> Result<(), Trouble> {
    let host = ready::everybody_may_sign_in()?;
    let before = directory(&host)?;
    for (what, body) in nonsense() {
        fails(
            &host,
            what,
            &on("groups", json!({ "body": body })),
            "groups",
        )?;
        assert_eq!(directory(&host)?, before, "{what}");
    }
    Ok(())
}

/// The request would carry the token for Graph to whoever is there.
#[test]
fn a_link_to_another_host_is_not_followed() -> Result<(), Trouble> {
    let host = ready::everybody_may_sign_in()?;
    // One that is reached from here and has a good certificate.
    let link = "https://login.microsoftonline.com/v1.0/users?$skiptoken=x";
    let body = json!({ "value": [], "@odata.nextLink": link }).to_string();
    fails(
        &host,
        "a link elsewhere",
        &on("users", json!({ "body": body })),
        "users",
    )?;
    for request in host.tenant().requests("/v1.0/")? {
        assert_eq!(request.host, "graph.microsoft.com", "{request:?}");
    }
    Ok(())
}

#[test]
fn an_app_token_that_makes_no_sense_is_an_error() -> Result<(), Trouble> {
    let host = ready::everybody_may_sign_in()?;
    let before = directory(&host)?;
    for (what, body) in [
        ("no JSON", "<html>".to_owned()),
        (
            "no token",
            r#"{"token_type":"Bearer","expires_in":3599}"#.to_owned(),
        ),
        (
            "a number for a token",
            r#"{"token_type":"Bearer","expires_in":3599,"access_token":7}"#.to_owned(),
        ),
        ("a token for another tenant", token_for_another_tenant()),
    ] {
        // A fresh agent has no token kept.
        host.restart_agent()?;
        fails(
            &host,
            what,
            &json!({
                "path_prefix": "/", "host": "login.microsoftonline.com", "method": "POST", "times": 9, "status": 200,
                "headers": { "content-type": "application/json" }, "body": body,
            }),
            if what.contains("tenant") {
                "tenant"
            } else {
                ""
            },
        )?;
        assert_eq!(directory(&host)?, before, "{what}");
    }
    Ok(())
}

/// Forty times what Graph's largest page has, in bytes.
const ABSURD: usize = 40 << 20;

/// The link with which a round ends.
const LINK: &str = "https://graph.microsoft.com/v1.0/users/delta?$deltatoken=x";

/// A fault in place of every page of this list, answered as if all were well.
fn on(list: &str, what: Value) -> Value {
    let mut fault = json!({
        "path_prefix": format!("/v1.0/{list}"), "times": 9, "status": 200,
        "headers": { "content-type": "application/json" },
    });
    if let (Some(fault), Some(what)) = (fault.as_object_mut(), what.as_object()) {
        fault.extend(what.clone());
    }
    fault
}

/// Bodies of 200 answers to a page of a list.
fn nonsense() -> [(&'static str, String); 9] {
    [
        ("no JSON", "this is not JSON".to_owned()),
        ("an empty body", String::new()),
        ("a list instead of an object", "[]".to_owned()),
        ("no value", json!({ "@odata.deltaLink": LINK }).to_string()),
        (
            "a value of the wrong type",
            json!({ "value": "none", "@odata.deltaLink": LINK }).to_string(),
        ),
        (
            "a link of the wrong type",
            r#"{"value":[],"@odata.nextLink":17}"#.to_owned(),
        ),
        (
            "a link elsewhere",
            r#"{"value":[],"@odata.nextLink":"https://evil.example/v1.0/users"}"#.to_owned(),
        ),
        (
            "deep nesting",
            format!(r#"{{"value":{}1{}}}"#, "[".repeat(5000), "]".repeat(5000)),
        ),
        ("a round without an end", r#"{"value":[]}"#.to_owned()),
    ]
}

/// A well-formed token whose tenant is not the configured one. Its signature is
/// rubbish: what counts is that an agent which reads it notices the tenant.
fn token_for_another_tenant() -> String {
    // {"alg":"RS256","typ":"JWT"} and {"tid":"11111111-2222-4333-8444-555555555555",
    // "aud":"https://graph.microsoft.com","exp":4102444800,"roles":["User.Read.All"]}
    let token = "eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9.\
        eyJ0aWQiOiIxMTExMTExMS0yMjIyLTQzMzMtODQ0NC01NTU1NTU1NTU1NTUiLCJhdWQiOiJodHRwczovL2dyYXBoLm1pY3Jvc29mdC5jb20i\
        LCJleHAiOjQxMDI0NDQ4MDAsInJvbGVzIjpbIlVzZXIuUmVhZC5BbGwiXX0.c2lnbmF0dXJl";
    json!({ "token_type": "Bearer", "expires_in": 3599, "ext_expires_in": 3599, "access_token": token })
        .to_string()
}

/// Imports under a fault, which is then taken away again by using it up.
fn fails(host: &Host, what: &str, fault: &Value, names: &str) -> Result<(), Trouble> {
    fails_by(host, "entractl import", what, fault, names)
}

fn fails_by(
    host: &Host,
    command: &str,
    what: &str,
    fault: &Value,
    names: &str,
) -> Result<(), Trouble> {
    host.tenant().fault(fault)?;
    let import = host.run(command)?;
    host.tenant().call("DELETE", "/faults", None)?;
    assert!(!import.success(), "{what} was imported:\n{import}");
    assert!(
        import.stderr.contains("error:"),
        "{what}: no error shown:\n{import}"
    );
    assert!(
        import.stderr.contains(names),
        "{what}: the error does not name {names}:\n{import}"
    );
    assert!(!import.text().contains("panicked"), "{what}: {import}");
    Ok(())
}

/// What hosts see of the directory.
fn directory(host: &Host) -> Result<String, Trouble> {
    let asked = "id alice; id bob; getent passwd alice bob frank; getent group entra-users";
    Ok(host.run(asked)?.stdout()?.to_owned())
}
