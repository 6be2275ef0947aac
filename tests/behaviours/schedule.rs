//! Each tenant is synced by itself: what was missed while the agent was away is caught up once, a pause
//! stops it, and what was planned survives a restart.
//!
//! Hosts share the machine's clock, and the shortest interval is five minutes: instants are moved in
//! `state.db` while the agent is stopped. How the schedule behaves when clocks jump and hosts sleep is
//! tested in agent/src/schedule.

use std::time::Duration;

use harness::{Host, Limit, Trouble, until};
use serde_json::Value;

use crate::ready;

#[test]
fn a_missed_run_is_caught_up_once() -> Result<(), Trouble> {
    let host = ready::everybody_may_sign_in()?;
    host.tenant()
        .add_person("gina@contoso.example", "Gina Green", "Gina-Is-New-8")?;
    host.stop_agent()?;
    make_overdue(&host)?;
    host.start_agent()?;

    until("gina, whom nobody imported", CAUGHT_UP, || {
        host.run("id gina").ok()?.success().then_some(())
    })?;
    let runs = until("the end of the run", ready::SOON, || {
        let runs = runs(&host).ok()?;
        let ended = runs.iter().all(|run| run["summary"].is_object());
        ended.then_some(runs)
    })?;
    assert_eq!(runs.len(), 2, "the import, and one run: {runs:?}");
    assert_eq!(runs[0]["begun_by"], "schedule");
    assert_eq!(runs[0]["scope"], "the whole tenant");
    assert_eq!(runs[0]["summary"]["users"]["added"], 1);
    let domain = domain(&host)?;
    assert!(domain["next_run"].as_str() > runs[0]["ended_at"].as_str());
    Ok(())
}

#[test]
fn a_pause_stops_it_and_resume_catches_up() -> Result<(), Trouble> {
    let host = ready::everybody_may_sign_in()?;
    host.run("entractl schedule pause")?.stdout()?;
    host.stop_agent()?;
    let overdue = make_overdue(&host)?;
    host.start_agent()?;
    host.tenant()
        .add_person("gina@contoso.example", "Gina Green", "Gina-Is-New-8")?;
    let shown = host.run("entractl schedule; entractl status")?;
    assert_eq!(
        shown.stdout()?.matches("every 1 h, paused").count(),
        2,
        "{shown}"
    );
    // A schedule that is not paused plans what it missed at its start: see the other test.
    assert_eq!(planned(&host)?, overdue);
    assert_eq!(runs(&host)?.len(), 1);

    host.run("entractl schedule resume")?.stdout()?;
    assert_ne!(planned(&host)?, overdue);
    until("gina, whom nobody imported", CAUGHT_UP, || {
        host.run("id gina").ok()?.success().then_some(())
    })?;
    Ok(())
}

#[test]
fn an_interval_is_set_by_operators_and_kept() -> Result<(), Trouble> {
    let host = ready::everybody_may_sign_in()?;
    for (role, may) in [("auditor", false), ("operator", true)] {
        host.run(&format!("entractl role set {role} bob"))?
            .stdout()?;
        host.run_as("bob", "entractl schedule")?.stdout()?;
        host.run_as("bob", "entractl history")?.stdout()?;
        let set = host.run_as("bob", "entractl schedule set --every 5m")?;
        assert_eq!(set.success(), may, "{set}");
    }
    host.run_as("alice", "entractl schedule")?.refusal()?;
    let before = domain(&host)?;
    assert_eq!(before["interval_minutes"], 5);
    let planned = planned(&host)?;
    let minutes = (planned.1 - planned.0) / 60;
    assert!((4..=6).contains(&minutes), "{planned:?}");
    host.restart_agent()?;
    let after = domain(&host)?;
    assert_eq!(after["next_run"], before["next_run"]);
    assert_eq!(after["interval_minutes"], 5);
    Ok(())
}

/// The tenant as `entractl schedule` shows it.
fn domain(host: &Host) -> Result<Value, Trouble> {
    let shown = host.run("entractl schedule --json")?;
    let shown: Value = serde_json::from_str(shown.stdout()?)?;
    let domain = shown.pointer("/domains/0").cloned();
    domain.ok_or_else(|| Trouble::new(format!("no tenant: {shown}")))
}

fn runs(host: &Host) -> Result<Vec<Value>, Trouble> {
    let listed = host.run("entractl history --json")?;
    let listed: Value = serde_json::from_str(listed.stdout()?)?;
    let runs = listed.pointer("/runs").and_then(Value::as_array);
    Ok(runs.cloned().unwrap_or_default())
}

/// Moves the plan of a stopped agent five hours back, as if it had been away for that long; gives what is
/// planned then.
fn make_overdue(host: &Host) -> Result<(i64, i64), Trouble> {
    sql(
        host,
        "update schedules set planned_at = planned_at - 18000, next_run = next_run - 18000",
    )?;
    planned(host)
}

/// When the next run was planned and when it is due, in seconds since 1970.
fn planned(host: &Host) -> Result<(i64, i64), Trouble> {
    let said = sql(host, "select planned_at, next_run from schedules")?;
    let instants: Vec<i64> = said
        .split(' ')
        .filter_map(|word| word.parse().ok())
        .collect();
    match instants[..] {
        [planned_at, next_run] => Ok((planned_at, next_run)),
        _ => Err(Trouble::new(format!("no plan: {said}"))),
    }
}

/// What a statement says of `state.db`, in one line.
fn sql(host: &Host, statement: &str) -> Result<String, Trouble> {
    let program = format!(
        "import sqlite3; c = sqlite3.connect(\"/var/lib/entra-login/state.db\"); \
         print(*[v for r in c.execute(\"{statement}\") for v in r]); c.commit()"
    );
    // As the agent's user, so that SQLite's own files stay its.
    let said = host.run_as("entra-agent", &format!("python3 -c '{program}'"))?;
    Ok(said.stdout()?.to_owned())
}

/// A missed run comes within two minutes of the agent's start; a busy machine gets its time.
const CAUGHT_UP: Limit = Duration::from_secs(200);
