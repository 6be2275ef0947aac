//! A run that was killed while it read is taken up where it was: the pages that are kept are not asked for
//! again, and the summary says so.

use harness::{Host, Trouble, until};
use serde_json::{Value, json};

use super::{back_again, must_be_interrupted, restart_at_once};
use crate::ready::SOON;

#[test]
fn the_next_run_asks_for_the_missing_pages_only() -> Result<(), Trouble> {
    let host = Host::boot()?;
    restart_at_once(&host)?;
    let tenant = host.tenant();
    tenant.call(
        "POST",
        "/synthetic",
        Some(&json!({"users": 2000, "groups": 20})),
    )?;
    tenant.call("PUT", "/page-size", Some(&json!({"n": 20})))?;
    killed_and_taken_up(&host, "import", 63)?;

    // The same of a delta: half of the people have other names.
    tenant.call(
        "POST",
        "/synthetic/changes",
        Some(&json!({"start": 0, "rename": 1000})),
    )?;
    killed_and_taken_up(&host, "sync", 31)?;
    let changed = run(&host, "sync --full")?;
    assert_eq!(changed["import"]["users"]["changed"], 0, "{changed}");
    Ok(())
}

/// Kills the agent while the page after `pages` ones of users is on its way.
fn killed_and_taken_up(host: &Host, verb: &str, pages: usize) -> Result<(), Trouble> {
    let tenant = host.tenant();
    tenant.forget_requests()?;
    tenant.fault(&json!({"path_prefix": USERS, "after": pages, "times": 1, "delay_ms": 20_000}))?;
    let killed = host.terminal(&format!("entractl {verb}"))?;
    until("the page that does not come", SOON, || {
        (tenant.requests(USERS).ok()?.len() > pages).then_some(())
    })?;
    host.kill_agent()?;
    assert!(!killed.finish(SOON)?.success());
    assert!(must_be_interrupted(&back_again(host)?)?);
    let first = links(host)?;

    tenant.forget_requests()?;
    let taken_up = run(host, verb)?;
    let remarks = taken_up["import"]["remarks"].to_string();
    assert!(remarks.contains("cut off at"), "{taken_up}");
    let second = links(host)?;
    assert_eq!(
        second[0], first[pages],
        "{verb}: not the page that was missing"
    );
    let again: Vec<&String> = first[..pages]
        .iter()
        .filter(|link| second.contains(link))
        .collect();
    assert!(again.is_empty(), "{verb}: asked for again: {again:?}");
    let whole = taken_up["import"]["users"].clone();
    assert!(whole["failed"].as_u64() < Some(20), "{whole}");
    Ok(())
}

/// The links that were followed, in order.
fn links(host: &Host) -> Result<Vec<String>, Trouble> {
    let target = format!("/requests?path_prefix={USERS}");
    let seen = host.tenant().call("GET", &target, None)?;
    let seen = seen.as_array().map(Vec::as_slice).unwrap_or_default();
    Ok(seen
        .iter()
        .map(|request| request["query"].to_string())
        .collect())
}

fn run(host: &Host, verb: &str) -> Result<Value, Trouble> {
    let said = host.run(&format!("entractl {verb} --json"))?;
    Ok(serde_json::from_str(said.stdout()?)?)
}

const USERS: &str = "/v1.0/users/delta";
