//! `cargo xtask bench roles`: how long it takes until a role that was given shows in NSS, to one person and to a group
//! with everybody in it, on a booted host; next to what the same host takes to write and sync a file of that size.
//!
//! Checked: [`MILLISECONDS_MAX`].

use std::time::Duration;

use harness::Host;
use serde_json::{Value, json};

use crate::command::{Outcome, fail, heading, say};
use crate::place::Workspace;
use crate::tools::{self, Purpose};
use crate::{artefacts, image};

pub(super) fn run(workspace: &Workspace, people: u64) -> Outcome {
    tools::provide(Purpose::Hosts)?;
    artefacts::build(workspace)?;
    let places = image::provide(workspace)?;
    heading("roles");
    let host = Host::boot_from(&places)?;
    let population = json!({"users": people, "groups": 1});
    host.tenant()
        .call("POST", "/synthetic", Some(&population))?;
    host.stop_agent()?;
    host.run(super::import::ROOM)?.stdout()?;
    host.start_agent()?;
    host.run_within(IMPORT_LIMIT, "entractl import >/dev/null")?
        .stdout()?;
    let group = largest_group(&host)?;
    let member = host.run(&format!(
        "entractl groups show '{group}' --json | grep -m1 -o '\"name\": \"[a-z]*\\.[^\"]*' | cut -d'\"' -f4"
    ))?;
    let member = member.stdout()?;
    say(&format!(
        "{people} people; ms until `id -nG {member}` shows it"
    ));
    say("                    first  second   third   fourth   fifth");
    let mut slowest = 0;
    for (what, change, undo) in [
        (
            "to one person",
            format!("role set auditor {member}"),
            format!("role clear {member}"),
        ),
        (
            "to all, by a group",
            format!("role set auditor --group '{group}'"),
            format!("role clear --group '{group}'"),
        ),
    ] {
        let mut row = format!("{what:<20}");
        let before = super::import::processor_seconds(&host)?;
        for _ in 0..5 {
            let took = number(
                host.run_within(LIMIT, &until_shown(&change, member))?
                    .stdout()?,
            )?;
            host.run_within(LIMIT, &format!("entractl {undo} >/dev/null"))?
                .stdout()?;
            slowest = slowest.max(took);
            row.push_str(&format!("{took:>7} "));
        }
        // Each was given and taken away.
        let processor = (super::import::processor_seconds(&host)? - before) / 10.0;
        say(&format!(
            "{row}  {:>6.0} ms of processor each",
            processor * 1e3
        ));
    }
    let peer = host.run(PEER)?;
    say(&format!(
        "a file of that size  {:>6}",
        number(peer.stdout()?)?
    ));
    if slowest > MILLISECONDS_MAX {
        return Err(fail(format!(
            "a role took {slowest} ms to show; the limit is {MILLISECONDS_MAX} ms"
        )));
    }
    Ok(())
}

/// A script that gives the role and looks until NSS has it.
fn until_shown(change: &str, member: &str) -> String {
    format!(
        "begin=$(date +%s%N); entractl {change} >/dev/null & \
         until id -nG {member} | grep -q entra-auditors; do sleep 0.005; done; \
         end=$(date +%s%N); wait; echo $(( (end - begin) / 1000000 ))"
    )
}

fn largest_group(host: &Host) -> Outcome<String> {
    let listed = host.run("entractl groups list --json")?;
    let listed: Value =
        serde_json::from_str(listed.stdout()?).map_err(|error| fail(error.to_string()))?;
    let groups = listed.get("groups").and_then(Value::as_array);
    groups
        .into_iter()
        .flatten()
        .max_by_key(|group| group.get("users").and_then(Value::as_u64))
        .and_then(|group| group.get("name")?.as_str())
        .map(str::to_owned)
        .ok_or_else(|| fail("there is no group"))
}

fn number(text: &str) -> Outcome<u64> {
    text.trim()
        .parse()
        .map_err(|_| fail(format!("no number of milliseconds: {text}")))
}

/// Writes the published directory once more, and syncs it.
const PEER: &str = "begin=$(date +%s%N); \
    dd if=/var/lib/entra-login/public/directory.snapshot of=/var/lib/entra-login/peer bs=256k conv=fsync status=none; \
    end=$(date +%s%N); rm /var/lib/entra-login/peer; echo $(( (end - begin) / 1000000 ))";

/// A role is there within a second (design.md §8).
const MILLISECONDS_MAX: u64 = 1_000;

const IMPORT_LIMIT: Duration = Duration::from_secs(15 * 60);
const LIMIT: Duration = Duration::from_secs(60);

/// As many people as the limit is for.
pub(super) const PEOPLE: u64 = 100_000;
