//! Whatever happens to the agent in the middle of a run, the host has the last good directory, whole, and
//! the next run brings exactly the tenant's: `points` kills it at the system calls by which a run is kept,
//! `instants` at random moments, `resumed` in the middle of many pages, and in `disk` the disk fills.
//!
//! What the tests share: the view that processes have of the directory, and how an agent that was killed
//! comes back. Hosts share the machine's clock: how runs bear clocks that jump is tested in agent/src.

#![expect(
    clippy::indexing_slicing,
    reason = "what is not there fails the test, and that is what it is for"
)]

pub(crate) mod disk;
mod instants;
mod points;
mod resumed;

use std::collections::BTreeSet;

use harness::{Host, Trouble, until};
use serde_json::Value;

use crate::ready::SOON;

const SNAPSHOT: &str = "/var/lib/entra-login/public/directory.snapshot";

/// Lets systemd bring a killed agent back at once; a second is what people have.
fn restart_at_once(host: &Host) -> Result<(), Trouble> {
    let folder = "/etc/systemd/system/entra-agent.service.d";
    host.run(&format!(
        "mkdir -p {folder} && printf '[Service]\\nRestartSec=20ms\\n' > {folder}/at-once.conf \
         && systemctl daemon-reload && systemctl restart entra-agent.service"
    ))?
    .stdout()
    .map(drop)
}

/// Waits for an agent that answers, and gives what it lists of runs, the latest first.
fn back_again(host: &Host) -> Result<Vec<Value>, Trouble> {
    let listed = until("an agent that answers", SOON, || {
        host.run("entractl history --json")
            .ok()
            .filter(harness::Output::success)
    })?;
    let listed: Value = serde_json::from_str(listed.stdout()?)?;
    let runs = listed.pointer("/runs").and_then(Value::as_array);
    Ok(runs.cloned().unwrap_or_default())
}

/// A killed run is told as one; one that was killed when all was done may have ended well.
fn must_be_interrupted(runs: &[Value]) -> Result<bool, Trouble> {
    let Some(last) = runs.first() else {
        return Ok(false);
    };
    let message = last.pointer("/failure/message").and_then(Value::as_str);
    match message {
        Some(message) if message.starts_with("interrupted") => Ok(true),
        None if last.get("summary").is_some_and(Value::is_object) => Ok(false),
        _ => Err(Trouble::new(format!("a killed run is told so: {last}"))),
    }
}

/// The names under which the tenant's people and groups may be known here.
fn names(truth: &Value) -> BTreeSet<String> {
    let local_part = |upn: &str| upn.split('@').next().unwrap_or_default().to_lowercase();
    let group_name = |name: &str| name.to_lowercase().replace(' ', "-");
    let of = |kind: &str, key: &str| -> Vec<String> {
        let list = truth.get(kind).and_then(Value::as_array);
        list.into_iter()
            .flatten()
            .filter_map(|object| Some(object.get(key)?.as_str()?.to_owned()))
            .collect()
    };
    of("users", "userPrincipalName")
        .iter()
        .map(|upn| local_part(upn))
        .chain(
            of("groups", "displayName")
                .iter()
                .map(|name| group_name(name)),
        )
        .filter(|name| is_a_word(name))
        .collect()
}

/// What needs no quotes, and is of the tenant: a host has a `root` of its own.
fn is_a_word(name: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    !name.is_empty()
        && name.chars().all(is_plain)
        && !["root", "sudo", "daemon", "docker"].contains(&name)
}

/// What every process of the host is told about these names: all of it from one snapshot.
fn view(host: &Host, names: &BTreeSet<String>) -> Result<String, Trouble> {
    let list: Vec<&str> = names.iter().map(String::as_str).collect();
    let list = list.join(" ");
    // Of a name that nobody has, getent says nothing; then its exit code is 2.
    let asked = format!(
        "set -u; which() {{ stat -c '%i %y' {SNAPSHOT} 2> /dev/null; }}; before=$(which)\n\
         for kind in passwd group initgroups; do echo $kind; getent $kind {list}; done\n\
         test \"$before\" = \"$(which)\""
    );
    until("a snapshot that stays for a moment", SOON, || {
        host.run(&asked).ok().filter(harness::Output::success)
    })
    .map(|seen| seen.stdout)
}

/// Nothing that a killed run wrote is left once another one went to its end.
fn must_be_tidy(host: &Host) -> Result<(), Trouble> {
    let listed = host.run("cd /var/lib/entra-login && find . -type f | sort")?;
    let stray: Vec<&str> = listed
        .stdout()?
        .lines()
        .filter(|file| !KEPT.contains(file))
        .collect();
    if stray.is_empty() {
        return Ok(());
    }
    Err(Trouble::new(format!("left behind: {stray:?}")))
}

/// Both databases are what SQLite calls sound.
fn must_be_sound(host: &Host) -> Result<(), Trouble> {
    let program = "import sqlite3\n\
        for name in (\"directory\", \"state\"):\n    \
        c = sqlite3.connect(f\"/var/lib/entra-login/{name}.db\")\n    \
        print(c.execute(\"pragma integrity_check\").fetchone()[0])";
    let said = host.run_as("entra-agent", &format!("python3 -c '{program}'"))?;
    if said.stdout()? == "ok\nok" {
        return Ok(());
    }
    Err(Trouble::new(format!("damaged databases: {said}")))
}

/// The files of the agent's folder.
const KEPT: [&str; 7] = [
    "./directory.db",
    "./directory.db-shm",
    "./directory.db-wal",
    "./public/directory.snapshot",
    "./state.db",
    "./state.db-shm",
    "./state.db-wal",
];
