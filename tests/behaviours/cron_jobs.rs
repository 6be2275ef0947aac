//! Jobs of imported people: cron(8) asks the account phase and nobody's password.
//!
//! The jobs are `@reboot` ones, which cron runs when it starts, so that no test waits
//! for a minute to pass; PAM is asked as for any other.

use harness::people::{ALICE, LARS};
use harness::{Host, Trouble, until};
use serde_json::json;

use crate::ready::{self, SOON};

#[test]
fn jobs_run_as_long_as_the_account_stands() -> Result<(), Trouble> {
    let host = ready::everybody_may_sign_in()?;
    host.ssh_key(ALICE.name, "true")?.stdout()?;
    for person in [ALICE, LARS] {
        at_start(&host, person.name, "id -un >> ran")?;
    }
    start(&host)?;
    runs(&host, ALICE.name, 1)?;
    runs(&host, LARS.name, 1)?;
    host.stop_agent()?;
    start(&host)?;
    runs(&host, ALICE.name, 2)?;
    runs(&host, LARS.name, 2)?;

    host.start_agent()?;
    host.tenant()
        .change_user(ALICE.upn, &json!({ "accountEnabled": false }))?;
    host.import("")?.stdout()?;
    start(&host)?;
    runs(&host, LARS.name, 3)?;
    refusals(&host, 1)?;
    host.stop_agent()?;
    start(&host)?;
    runs(&host, LARS.name, 4)?;
    refusals(&host, 2)?;
    runs(&host, ALICE.name, 2)
}

/// Gives somebody a job for cron's next start, instead of any they had.
pub(crate) fn at_start(host: &Host, name: &str, command: &str) -> Result<(), Trouble> {
    let job = format!("@reboot {command}\n");
    host.run_fed(SOON, &format!("runuser -u {name} -- crontab -"), &job)?
        .stdout()
        .map(drop)
}

/// Starts cron as a boot does.
pub(crate) fn start(host: &Host) -> Result<(), Trouble> {
    host.run("rm -f /run/crond.reboot && systemctl restart cron.service")?
        .stdout()
        .map(drop)
}

/// The job has run so often.
fn runs(host: &Host, name: &str, times: usize) -> Result<(), Trouble> {
    let wanted = format!("{name}\n").repeat(times);
    until(&format!("run {times} of {name}'s job"), SOON, || {
        let ran = host.read(&format!("/home/{name}/ran")).ok()?;
        (ran == wanted.as_bytes()).then_some(())
    })
}

/// So many jobs of Alice's were refused: cron says nothing itself.
fn refusals(host: &Host, times: usize) -> Result<(), Trouble> {
    until(&format!("refusal {times}"), SOON, || {
        // Of the whole journal: a process that ends at once can't be told to be of a unit.
        let said = host.run("journalctl -b --no-pager -o cat").ok()?.stdout;
        let count = said
            .matches("pam_entra(cron:account): \"alice\": refused by the directory: Disabled")
            .count();
        (count == times).then_some(())
    })
}
