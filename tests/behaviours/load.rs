//! Two hundred sign-ins at one instant: none fails, memory stays bounded, nothing is left behind.
//!
//! Through PAM by pamtester, since sshd drops bursts by itself. The tenant answers each only after some seconds,
//! so that all of them truly are under way together. They are two hundred people: of one person no more
//! passwords are under way than may still fail.

use std::time::Duration;

use harness::people::CAROL;
use harness::{Host, Trouble, until};
use serde_json::json;

use crate::ready;

const SIGN_INS: usize = 200;
const PASSWORD: &str = "All-At-Once-9";
/// The agent's own budget (`cargo xtask bench import` checks the same).
const PEAK_KIB_MAX: u64 = 96 * 1024;
/// For all of them, on a busy machine.
const LIMIT: Duration = Duration::from_secs(60);

#[test]
fn two_hundred_sign_ins_at_once_all_succeed() -> Result<(), Trouble> {
    let host = Host::boot()?;
    ready::add_people(&host, SIGN_INS, PASSWORD)?;
    host.import("")?.stdout()?;
    ready::enable(&host)?;
    host.write(
        "/etc/pam.d/front",
        "@include common-auth\n@include common-account\n",
    )?;
    host.run(&format!(
        "echo '{}' | pamtester front {} authenticate acct_mgmt",
        CAROL.password, CAROL.name
    ))?
    .stdout()?;
    host.tenant().forget_requests()?;
    host.tenant().fault(&json!({
        "path_prefix": "/7d1c2f6e-94a3-4c0a-9a51-0f3be1c0a001/oauth2/v2.0/token",
        "times": SIGN_INS, "delay_ms": 8_000,
    }))?;
    let before = descriptors(&host)?;
    host.run(&format!(
        "for n in $(seq 0 {}); do {{ echo '{PASSWORD}' | pamtester front p$n authenticate acct_mgmt \
         >/tmp/one.$n 2>&1 && : >/tmp/good.$n; }} >/dev/null 2>&1 & done",
        SIGN_INS - 1
    ))?
    .stdout()?;
    until("all of them at the tenant", LIMIT, || {
        (host.tenant().token_requests("password").ok()? == SIGN_INS).then_some(())
    })?;
    let waiting = host.run("pgrep -c pamtester; true")?;
    assert_eq!(
        waiting.stdout()?,
        SIGN_INS.to_string(),
        "they did not wait together: {}\n{}",
        host.run("sort /tmp/one.* | uniq -c")?,
        host.journal("entra-agent.service")?
    );
    until("their end", LIMIT, || {
        (!host.run("pgrep pamtester").ok()?.success()).then_some(())
    })?;
    let good = host.run("ls /tmp/good.* | wc -l")?;
    assert_eq!(
        good.stdout()?,
        SIGN_INS.to_string(),
        "{}",
        host.run("sort /tmp/one.* | uniq -c")?
    );
    let journal = host.journal("entra-agent.service")?;
    assert!(!journal.contains("too many connections"), "{journal}");
    let peak = number(&host, "awk '/^VmHWM/ { print $2 }' /proc/$PID/status")?;
    assert!(peak < PEAK_KIB_MAX, "the agent took {peak} KiB");
    until("the descriptors given back", LIMIT, || {
        // One kept connection more or less is no leak.
        (descriptors(&host).ok()? <= before + 2).then_some(())
    })
}

fn descriptors(host: &Host) -> Result<u64, Trouble> {
    number(host, "ls /proc/$PID/fd | wc -l")
}

/// What a command says of the agent, whose process it finds as `$PID`.
fn number(host: &Host, command: &str) -> Result<u64, Trouble> {
    let told = host.run(&format!(
        "PID=$(systemctl show -P MainPID entra-agent.service); {command}"
    ))?;
    let text = told.stdout()?;
    text.parse()
        .map_err(|_| Trouble::new(format!("no number: {told}")))
}
