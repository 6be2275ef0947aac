//! `cargo xtask bench import`: first imports and deltas of tenants of three sizes, on a booted host, next to
//! a client that only downloads and parses the same pages (`tests/bench/bare_client.rs`).
//!
//! Limits that are checked: the agent's peak memory stays under [`PEAK_MIB_MAX`], and that of the largest
//! tenant within [`GROWTH_MAX`] of that of the smallest.

use std::fs;
use std::time::{Duration, Instant};

use harness::Host;
use serde_json::{Value, json};

use crate::command::{Outcome, at, cargo, fail, heading, run as run_command, say};
use crate::place::Workspace;
use crate::tools::{self, Purpose};
use crate::{artefacts, image};

/// What one of the two cost.
struct Cost {
    seconds: f64,
    processor_seconds: f64,
    peak_mib: f64,
}

/// A tenant and what it cost.
struct Measured {
    objects: u64,
    agent: Cost,
    client: Cost,
    /// A run after the first in which a thousand people had changed.
    delta_seconds: f64,
}

pub(super) fn run(workspace: &Workspace, sizes: &[u64]) -> Outcome {
    tools::provide(Purpose::Hosts)?;
    artefacts::build(workspace)?;
    run_command(cargo(workspace.root()).args(["build", "--release", "-p", "bare-client"]))?;
    let places = image::provide(workspace)?;
    let client = workspace.target("release/bare-client");
    let client = fs::read(&client).map_err(at(&client))?;
    heading("imports");
    say(
        "   users   objects | agent s  objects/s  CPU µs/object  peak MiB  delta s | client s  CPU µs/object  peak MiB | s   CPU",
    );
    let mut peaks = Vec::new();
    for size in sizes {
        let host = Host::boot_from(&places)?;
        host.write("/usr/local/bin/bare-client", &client)?;
        host.run("chmod 755 /usr/local/bin/bare-client")?.stdout()?;
        let measured = measure(&host, *size)?;
        say(&row(*size, &measured));
        peaks.push(measured.agent.peak_mib);
    }
    check(&peaks)
}

fn measure(host: &Host, users: u64) -> Outcome<Measured> {
    let groups = users / USERS_A_GROUP;
    let population = json!({"users": users, "groups": groups});
    host.tenant()
        .call("POST", "/synthetic", Some(&population))?;
    host.stop_agent()?;
    host.run(ROOM)?.stdout()?;
    host.start_agent()?;

    let asked = host.run_within(
        LIMIT,
        &format!("bare-client /etc/entra-login/sync.secret '{USER_SELECT}' '{GROUP_SELECT}'"),
    )?;
    let told: Value =
        serde_json::from_str(asked.stdout()?).map_err(|error| fail(error.to_string()))?;
    let number = |key: &str| told.get(key).and_then(Value::as_f64).unwrap_or_default();
    let client = Cost {
        seconds: number("seconds"),
        processor_seconds: number("processor_seconds"),
        peak_mib: number("peak_kib") / 1024.0,
    };
    let objects = told
        .get("objects")
        .and_then(Value::as_u64)
        .unwrap_or_default();

    let before = processor_seconds(host)?;
    let begin = Instant::now();
    host.run_within(LIMIT, "entractl import >/dev/null")?
        .stdout()?;
    let agent = Cost {
        seconds: begin.elapsed().as_secs_f64(),
        processor_seconds: processor_seconds(host)? - before,
        peak_mib: peak_mib(host)?,
    };
    let changes = json!({"start": 0, "rename": CHANGED});
    host.tenant()
        .call("POST", "/synthetic/changes", Some(&changes))?;
    let begin = Instant::now();
    host.run_within(LIMIT, "entractl sync >/dev/null")?
        .stdout()?;
    let delta_seconds = begin.elapsed().as_secs_f64();
    let peak_mib = peak_mib(host)?.max(agent.peak_mib);
    Ok(Measured {
        objects,
        agent: Cost { peak_mib, ..agent },
        client,
        delta_seconds,
    })
}

/// The agent's user and system time: proc(5), in ticks of a hundredth of a second.
pub(super) fn processor_seconds(host: &Host) -> Outcome<f64> {
    let told = host.run(
        "awk '{ print $14 + $15 }' /proc/$(systemctl show -P MainPID entra-agent.service)/stat",
    )?;
    let ticks: f64 = told
        .stdout()?
        .parse()
        .map_err(|_| fail(format!("no processor time of the agent:\n{told}")))?;
    Ok(ticks / 100.0)
}

/// The most memory that the agent had resident at once.
fn peak_mib(host: &Host) -> Outcome<f64> {
    let told = host.run(
        "awk '/^VmHWM/ { print $2 }' /proc/$(systemctl show -P MainPID entra-agent.service)/status",
    )?;
    let kib: f64 = told
        .stdout()?
        .parse()
        .map_err(|_| fail(format!("no peak of the agent's memory:\n{told}")))?;
    Ok(kib / 1024.0)
}

fn row(users: u64, measured: &Measured) -> String {
    let Measured {
        objects,
        agent,
        client,
        delta_seconds,
    } = measured;
    let each = |cost: &Cost| cost.processor_seconds * 1e6 / count(*objects);
    format!(
        "{users:>8} {objects:>9} | {:>7.1} {:>10.0} {:>14.1} {:>9.1} {delta_seconds:>8.1} | {:>8.1} {:>14.1} {:>9.1} | {:.1} {:.1}",
        agent.seconds,
        count(*objects) / agent.seconds,
        each(agent),
        agent.peak_mib,
        client.seconds,
        each(client),
        client.peak_mib,
        agent.seconds / client.seconds,
        agent.processor_seconds / client.processor_seconds,
    )
}

fn check(peaks: &[f64]) -> Outcome {
    let most = peaks.iter().copied().fold(0.0, f64::max);
    let least = peaks.iter().copied().fold(f64::INFINITY, f64::min);
    if most > PEAK_MIB_MAX {
        return Err(fail(format!(
            "the agent took {most:.1} MiB; the limit is {PEAK_MIB_MAX} MiB"
        )));
    }
    if most > least * GROWTH_MAX {
        return Err(fail(format!(
            "memory grows with the tenant: from {least:.1} to {most:.1} MiB, more than {GROWTH_MAX} times"
        )));
    }
    Ok(())
}

/// A count as the arithmetic here needs it; exact up to 2⁵³.
#[expect(
    clippy::cast_precision_loss,
    reason = "counts of objects are far below 2^53"
)]
fn count(objects: u64) -> f64 {
    objects as f64
}

/// What the agent asks for (`agent/src/graph/objects.rs`).
const USER_SELECT: &str = "id,userPrincipalName,displayName,accountEnabled,userType,mailNickname,\
onPremisesSamAccountName,createdDateTime,lastPasswordChangeDateTime,signInSessionsValidFromDateTime";
const GROUP_SELECT: &str = "id,displayName,mailNickname,securityEnabled,mailEnabled,groupTypes,\
visibility,createdDateTime,members";

/// The disk of a test host is small: databases and temporary tables of a million people need more.
pub(super) const ROOM: &str = "set -e; mount -t tmpfs -o size=8G,mode=1777 tmpfs /var/tmp; cd /var/lib; \
cp -a entra-login entra-login.kept; mount -t tmpfs -o size=8G tmpfs entra-login; \
cp -a entra-login.kept/. entra-login/; chown --reference=entra-login.kept entra-login; \
chmod --reference=entra-login.kept entra-login";

/// The whole of an import, or of the client's round.
const LIMIT: Duration = Duration::from_secs(45 * 60);

/// One group for so many people, each of whom is in two of them.
const USERS_A_GROUP: u64 = 50;

/// People who change before the delta round.
const CHANGED: u64 = 1_000;

/// What a unit with `MemoryMax=96M` bears.
const PEAK_MIB_MAX: f64 = 96.0;

/// How much more the largest tenant may take than the smallest.
const GROWTH_MAX: f64 = 1.5;
