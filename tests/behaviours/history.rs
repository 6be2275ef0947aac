//! What runs did is remembered, and it is true: the counts are those that were printed, they add up, and
//! the databases hold what they say.

use harness::people::FRANK;
use harness::{Host, Trouble};
use serde_json::{Value, json};

use crate::ready::{self, SOON};

#[test]
fn the_counts_are_those_that_were_printed_and_those_of_the_databases() -> Result<(), Trouble> {
    let host = Host::boot()?;
    let first = printed(
        &host,
        "import --json --groups Engineering --users nobody,carol",
    )?;
    host.tenant()
        .change_user(FRANK.upn, &json!({ "displayName": "Frank Different" }))?;
    let second = printed(&host, "import --json")?;
    host.tenant()
        .add_person("gina@contoso.example", "Gina Green", "Gina-Is-New-8")?;
    host.tenant().delete_user("walter@contoso.example")?;
    let third = printed(&host, "sync --json")?;
    assert_eq!(third["import"]["users"]["added"], 1);
    assert_eq!(third["import"]["users"]["removed"], 1);

    host.restart_agent()?;
    for (number, printed) in [(1, &first), (2, &second), (3, &third)] {
        let kept = json_of(&host, &format!("history show {number} --json"))?;
        assert_eq!(kept["run"]["summary"], printed["import"], "run {number}");
        assert_eq!(kept["failures"], printed["failures"], "run {number}");
        assert_eq!(kept["run"]["begun_by"], "root");
        let failed = &printed["import"];
        let failed = number_at(failed, "users", "failed") + number_at(failed, "groups", "failed");
        assert_eq!(kept["run"]["failures"], failed, "run {number}");
        assert_eq!(rows(&kept["failures"]), failed, "run {number}");
    }
    assert!(first["failures"].to_string().contains("nobody"));

    // What the last run says of the directory is what is in it.
    for kind in ["users", "groups"] {
        let counted: i64 = ["added", "changed", "unchanged"]
            .iter()
            .map(|count| number_at(&third["import"], kind, count))
            .sum();
        let stored = stored(
            &host,
            &format!("select count(*) from {kind} where name is not null"),
        )?;
        assert_eq!(counted, stored, "{kind}: {third}");
        let listed = json_of(&host, &format!("{kind} list --json"))?;
        assert_eq!(rows(&listed[kind]), stored, "{kind}");
    }
    let failures = stored(&host, "select count(*) from failures")?;
    assert_eq!(rows(&third["failures"]), failures);
    // Of people and groups who have a name here.
    let memberships = stored(
        &host,
        "select count(*) from memberships m \
         join users u on u.object = m.member and u.name is not null \
         join groups g on g.object = m.parent and g.name is not null",
    )?;
    assert_eq!(third["import"]["memberships"], memberships);
    Ok(())
}

#[test]
fn runs_that_failed_were_given_up_or_interrupted_are_told_apart() -> Result<(), Trouble> {
    let host = ready::everybody_may_sign_in()?;
    let tenant = host.tenant();
    tenant.fault(&json!({ "path_prefix": "/v1.0/users", "times": 1, "status": 403 }))?;
    host.run("entractl sync")?.refusal()?;

    let slow = json!({ "path_prefix": "/v1.0/users", "times": 1, "delay_ms": 20_000 });
    tenant.forget_requests()?;
    tenant.fault(&slow)?;
    let mut run = host.terminal("entractl sync")?;
    tenant.wait_for_request("/v1.0/users", SOON)?;
    let busy = host.run("entractl import --users alice")?;
    assert!(busy.refusal()?.contains("another run is under way"));
    let shown = host.run("entractl schedule")?;
    assert!(shown.stdout()?.contains("a run is under way"), "{shown}");
    run.send("\u{3}")?;
    run.finish(SOON)?;

    tenant.forget_requests()?;
    tenant.fault(&slow)?;
    let run = host.terminal("entractl sync")?;
    tenant.wait_for_request("/v1.0/users", SOON)?;
    host.kill_agent()?;
    run.finish(SOON)?;

    let listed = json_of(&host, "history --json")?;
    let messages: Vec<&str> = listed["runs"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|run| run["failure"]["message"].as_str().unwrap_or_default())
        .collect();
    assert!(messages[0].starts_with("interrupted"), "{messages:?}");
    assert!(messages[1].starts_with("given up"), "{messages:?}");
    assert!(messages[2].contains("User.Read.All"), "{messages:?}");
    assert_eq!((messages[3], messages.len()), ("", 4));
    let shown = host.run("entractl history")?;
    assert!(shown.stdout()?.contains("interrupted"), "{shown}");
    host.run("entractl sync")?.stdout()?;
    Ok(())
}

/// What a run prints as JSON.
fn printed(host: &Host, arguments: &str) -> Result<Value, Trouble> {
    json_of(host, &format!("{arguments} --accept-removals"))
}

fn json_of(host: &Host, arguments: &str) -> Result<Value, Trouble> {
    let said = host.run(&format!("entractl {arguments}"))?;
    Ok(serde_json::from_str(said.stdout()?)?)
}

fn number_at(summary: &Value, kind: &str, count: &str) -> i64 {
    let place = format!("/{kind}/{count}");
    summary
        .pointer(&place)
        .and_then(Value::as_i64)
        .unwrap_or(-1)
}

fn rows(list: &Value) -> i64 {
    list.as_array()
        .and_then(|rows| i64::try_from(rows.len()).ok())
        .unwrap_or(-1)
}

/// The number that `directory.db` answers.
fn stored(host: &Host, question: &str) -> Result<i64, Trouble> {
    let program = format!(
        "import sqlite3; c = sqlite3.connect(\"/var/lib/entra-login/directory.db\"); \
         print(c.execute(\"{question}\").fetchone()[0])"
    );
    let said = host.run_as("entra-agent", &format!("python3 -c '{program}'"))?;
    said.stdout()?
        .parse()
        .map_err(|_| Trouble::new(format!("no number: {said}")))
}
