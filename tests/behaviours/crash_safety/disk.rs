//! The disk fills in the middle of a run: it fails with one sentence that names the disk, everybody goes
//! on with the last good directory, and when there is room again the next run succeeds.

use std::collections::BTreeSet;

use harness::people::ALICE;
use harness::{Host, Limit, Trouble};
use serde_json::json;

use super::{back_again, must_be_tidy, names, view};
use crate::ready;

#[test]
fn a_full_disk_costs_a_run_and_nothing_else() -> Result<(), Trouble> {
    let host = ready::everybody_may_sign_in()?;
    on_a_disk_of(&host, "6m")?;
    let before = Before::of(&host)?;
    grow(&host, 12_000)?;

    let failed = host.run_within(LONG, "entractl sync")?.refusal()?;
    assert_says(&failed, "no space left on the disk of /var/lib/entra-login");
    goes_on(&host, &before)?;
    must_be_tidy(&host)?;

    // Not a byte is left: no counter, no run, no sign-in can be recorded.
    host.run("head -c 1G /dev/zero > /var/lib/entra-login/filler 2> /dev/null; true")?
        .stdout()?;
    let failed = host.run_within(LONG, "entractl sync")?.refusal()?;
    assert_says(&failed, "no space left on the disk of /var/lib/entra-login");
    goes_on(&host, &before)?;
    let journal = host.journal("entra-agent")?;
    assert_says(
        &journal,
        "no space left on the disk of /var/lib/entra-login",
    );
    assert!(!journal.contains("panicked"), "{journal}");

    // Without room for SQLite's index, a new agent may not come up. Names do without it, and it comes by
    // itself when there is room.
    host.run("systemctl kill --signal=KILL entra-agent.service")?
        .stdout()?;
    assert_eq!(view(&host, &before.names)?, before.view);
    host.run("rm /var/lib/entra-login/filler && mount -o remount,size=400m /var/lib/entra-login")?
        .stdout()?;
    back_again(&host)?;
    host.run_within(LONG, "entractl sync")?.stdout()?;
    assert!(people(&host)? > 12_000);
    must_be_tidy(&host)
}

/// A decision is made in temporary tables, which are elsewhere.
#[test]
fn a_full_folder_for_temporary_files_costs_a_run_and_nothing_else() -> Result<(), Trouble> {
    let host = ready::everybody_may_sign_in()?;
    host.run("mount -t tmpfs -o size=64k,mode=1777 tmpfs /var/tmp")?
        .stdout()?;
    host.restart_agent()?;
    let before = Before::of(&host)?;
    grow(&host, 25_000)?;
    let failed = host.run_within(LONG, "entractl sync")?.refusal()?;
    assert_says(&failed, "no space left on the disk of /var/tmp");
    goes_on(&host, &before)?;
    assert_says(
        &host.journal("entra-agent")?,
        "no space left on the disk of /var/tmp",
    );

    host.run("mount -o remount,size=400m /var/tmp")?.stdout()?;
    let said = host.run_within(LONG, "entractl sync --json")?;
    let said: serde_json::Value = serde_json::from_str(said.stdout()?)?;
    // What was read is there: only the decision was lacking.
    assert!(said["import"]["requests"].as_u64() < Some(10), "{said}");
    assert!(people(&host)? > 25_000);
    Ok(())
}

/// Moves the agent's folder to a disk of its own.
pub(crate) fn on_a_disk_of(host: &Host, size: &str) -> Result<(), Trouble> {
    host.stop_agent()?;
    host.run(&format!(
        "set -e; cd /var/lib; cp -a entra-login entra-login.kept\n\
         mount -t tmpfs -o size={size} tmpfs entra-login\n\
         cp -a entra-login.kept/. entra-login/\n\
         chown --reference=entra-login.kept entra-login\n\
         chmod --reference=entra-login.kept entra-login"
    ))?
    .stdout()?;
    host.start_agent()
}

fn grow(host: &Host, users: usize) -> Result<(), Trouble> {
    let size = json!({"users": users, "groups": users / 100});
    host.tenant().call("POST", "/synthetic", Some(&size))?;
    host.tenant()
        .call("PUT", "/page-size", Some(&json!({"n": 999})))
        .map(drop)
}

/// What the host said of the tenant before the disk filled.
struct Before {
    names: BTreeSet<String>,
    view: String,
}

impl Before {
    fn of(host: &Host) -> Result<Self, Trouble> {
        let names = names(&host.tenant().truth()?);
        let view = view(host, &names)?;
        Ok(Self { names, view })
    }
}

/// Names, sign-ins and administration are as they were.
fn goes_on(host: &Host, before: &Before) -> Result<(), Trouble> {
    assert_eq!(view(host, &before.names)?, before.view);
    host.run("entractl status")?.stdout()?;
    let signed_in = host.ssh_password(ALICE.name, ALICE.password, "id -un")?;
    assert_eq!(signed_in.stdout()?, ALICE.name);
    Ok(())
}

/// How many people NSS could be asked for.
fn people(host: &Host) -> Result<usize, Trouble> {
    let listed = host.run_within(LONG, "entractl users list --json")?;
    let listed: serde_json::Value = serde_json::from_str(listed.stdout()?)?;
    Ok(listed["users"].as_array().map_or(0, Vec::len))
}

fn assert_says(text: &str, sentence: &str) {
    assert!(text.contains(sentence), "not \"{sentence}\" in:\n{text}");
}

/// A whole import on a busy machine.
const LONG: Limit = std::time::Duration::from_secs(180);
