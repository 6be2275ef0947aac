//! Slow and dead networks: whose sign-in waits, how long, and what is remembered of it.
//!
//! Sign-ins go through PAM by pamtester, so that no front adds waits or limits of its own. The limits are those
//! of docs/pam.md, "The waits of a sign-in"; a busy machine gets [`SLACK`] on top.

use std::time::{Duration, Instant};

use harness::people::{ALICE, CAROL, LARS, MALLORY, Person};
use harness::{Host, Output, Trouble, until};
use serde_json::json;

use crate::ready::{self, SOON};

/// What a busy machine may add to a limit.
const SLACK: Duration = Duration::from_secs(2);
/// The first sign-in into a dead network: 3 s of silence and a probe of 3 s.
const FIRST: Duration = Duration::from_secs(6);
/// Every sign-in after it.
const KNOWN: Duration = Duration::from_secs(2);
/// The tenant's token endpoint.
/// Of the people who are slow.
const PASSWORD: &str = "Takes-Its-Time-9";
const TOKEN: &str = "/7d1c2f6e-94a3-4c0a-9a51-0f3be1c0a001/oauth2/v2.0/token";

/// A PAM service of its own, `front`, with the host's common files.
pub(crate) fn front(host: &Host) -> Result<(), Trouble> {
    host.write(
        "/etc/pam.d/front",
        "@include common-auth\n@include common-account\n",
    )
}

pub(crate) fn sign_in(host: &Host, person: Person) -> Result<(Output, Duration), Trouble> {
    let begin = Instant::now();
    let told = host.run_fed(
        SOON,
        &format!("pamtester front {} authenticate", person.name),
        &format!("{}\n", person.password),
    )?;
    Ok((told, begin.elapsed()))
}

fn service_state(host: &Host) -> Result<serde_json::Value, Trouble> {
    let told = host.run("entractl status --json")?;
    let status: serde_json::Value = serde_json::from_str(told.stdout()?)?;
    let found = status.pointer("/status/tenants/0/sign_in_service");
    found
        .cloned()
        .ok_or_else(|| Trouble::new(format!("no sign_in_service in {status}")))
}

/// Whether the agent believes the service to be away, in the words of `status`.
pub(crate) fn state_is(host: &Host, word: &str) -> Result<(), Trouble> {
    let state = service_state(host)?;
    assert_eq!(
        state.get("state").and_then(serde_json::Value::as_str),
        Some(word),
        "{state}"
    );
    Ok(())
}

fn freeze_tenant(host: &Host) -> Result<(), Trouble> {
    host.run("systemctl kill --signal=STOP entra-tenant.service")?
        .stdout()
        .map(drop)
}

fn thaw_tenant(host: &Host) -> Result<(), Trouble> {
    host.run("systemctl kill --signal=CONT entra-tenant.service")?
        .stdout()
        .map(drop)
}

#[test]
fn fifty_slow_sign_ins_delay_nobody_else() -> Result<(), Trouble> {
    let host = ready::everybody_may_sign_in()?;
    ready::add_people(&host, 50, PASSWORD)?;
    host.import("")?.stdout()?;
    front(&host)?;
    // The signing keys are known from then on.
    sign_in(&host, CAROL)?.0.stdout()?;
    host.tenant().forget_requests()?;
    host.tenant()
        .fault(&json!({"path_prefix": TOKEN, "times": 50, "delay_ms": 15_000}))?;
    host.run(&format!(
        "for n in $(seq 0 49); do echo '{PASSWORD}' | pamtester front p$n authenticate \
         >>/tmp/slow 2>&1 & done"
    ))?
    .stdout()?;
    until("fifty slow requests", SOON, || {
        (host.tenant().token_requests("password").ok()? == 50).then_some(())
    })?;
    let (told, took) = sign_in(&host, ALICE)?;
    told.stdout()?;
    assert!(took < SLACK, "beside slow ones it took {took:?}");
    let begin = Instant::now();
    host.run("getent passwd carol && id p7 && getent group entra-users")?
        .stdout()?;
    let took = begin.elapsed();
    assert!(took < SLACK, "lookups took {took:?}");
    let hanging = host.run("pgrep -c pamtester")?;
    assert_eq!(hanging.stdout()?, "50", "the slow ones were not slow");
    until("the slow sign-ins", SOON, || {
        (!host.run("pgrep pamtester").ok()?.success()).then_some(())
    })?;
    let good = host.run("grep -c 'successfully authenticated' /tmp/slow")?;
    assert_eq!(good.stdout()?, "50", "{}", host.run("cat /tmp/slow")?);
    state_is(&host, "reachable")
}

/// A kept connection that nobody answers on, and new ones whose first packet is dropped.
#[test]
fn a_network_that_swallows_everything_costs_one_person_seconds() -> Result<(), Trouble> {
    let host = ready::everybody_may_sign_in()?;
    front(&host)?;
    state_is(&host, "not_asked")?;
    sign_in(&host, ALICE)?.0.stdout()?;
    state_is(&host, "reachable")?;

    swallow_everything(&host)?;

    // Nobody whose password this host remembers.
    let (told, took) = sign_in(&host, MALLORY)?;
    assert!(!told.success(), "{told}");
    assert!(
        told.text()
            .contains("Microsoft Entra ID can't be reached at the moment"),
        "{told}"
    );
    assert!(took < FIRST + SLACK, "the first took {took:?}");
    for _ in 0..2 {
        let (told, took) = sign_in(&host, CAROL)?;
        assert!(!told.success(), "{told}");
        assert!(took < KNOWN + Duration::from_secs(1), "took {took:?}");
    }
    let (told, took) = sign_in(&host, LARS)?;
    told.stdout()?;
    assert!(took < SLACK, "a local user waited {took:?}");
    let state = service_state(&host)?;
    assert_eq!(state["state"], "unreachable", "{state}");
    assert!(state["reason"].as_str().is_some(), "{state}");
    let text = host.run("entractl status")?;
    assert!(text.stdout()?.contains("unreachable since 2"), "{text}");
    let others = host.run_as(LARS.name, "entractl status --json")?;
    assert!(others.stdout()?.contains("\"reason\": null"), "{others}");

    give_back(&host)?;
    // A probe that is under way at that moment may still fail; the next one doesn't.
    until("a sign-in that succeeds", Duration::from_secs(5), || {
        sign_in(&host, MALLORY).ok()?.0.success().then_some(())
    })?;
    state_is(&host, "reachable")?;
    let journal = host.journal("entra-agent.service")?;
    for line in ["is not reachable since", "answers again, after"] {
        assert_eq!(journal.matches(line).count(), 1, "{line}: {journal}");
    }
    Ok(())
}

/// From now on nothing that goes to the tenant's login service comes back: kept connections are silent, and the first
/// packet of a new one is dropped.
pub(crate) fn swallow_everything(host: &Host) -> Result<(), Trouble> {
    // A full backlog: the kernel drops what would begin another connection.
    host.write("/srv/swallow.py", SWALLOW)?;
    host.run("python3 /srv/swallow.py >/dev/null 2>&1 & until test -e /run/swallowing; do sleep 0.05; done")?
        .stdout()?;
    freeze_tenant(host)?;
    host.run("cp /etc/hosts /srv/hosts; sed -i 's/^127.0.0.1 login/127.0.0.9 login/' /etc/hosts")?
        .stdout()
        .map(drop)
}

/// The way to the tenant is as it was.
pub(crate) fn give_back(host: &Host) -> Result<(), Trouble> {
    host.run("cp /srv/hosts /etc/hosts")?.stdout()?;
    thaw_tenant(host)
}

const SWALLOW: &str = "\
import socket, time
listener = socket.socket()
listener.bind(('127.0.0.9', 443))
listener.listen(0)
kept = []
for _ in range(4):
    one = socket.socket()
    one.setblocking(False)
    one.connect_ex(('127.0.0.9', 443))
    kept.append(one)
open('/run/swallowing', 'w').close()
time.sleep(600)
";

#[test]
fn a_server_that_accepts_and_never_answers_holds_nobody_past_the_limit() -> Result<(), Trouble> {
    let host = ready::everybody_may_sign_in()?;
    front(&host)?;
    // No kept connection: the kernel accepts a new one, and TLS is never answered.
    host.restart_agent()?;
    freeze_tenant(&host)?;
    let (told, took) = sign_in(&host, ALICE)?;
    assert!(!told.success(), "{told}");
    assert!(took < FIRST + SLACK, "the first took {took:?}");
    let (told, took) = sign_in(&host, ALICE)?;
    assert!(!told.success(), "{told}");
    assert!(took < KNOWN + Duration::from_secs(1), "took {took:?}");
    state_is(&host, "unreachable")?;
    thaw_tenant(&host)?;
    until("a sign-in that succeeds", Duration::from_secs(5), || {
        sign_in(&host, ALICE).ok()?.0.success().then_some(())
    })
}

#[test]
fn half_an_answer_refuses_one_sign_in_and_condemns_no_tenant() -> Result<(), Trouble> {
    let host = ready::everybody_may_sign_in()?;
    front(&host)?;
    host.tenant()
        .fault(&json!({"path_prefix": TOKEN, "truncate": true}))?;
    let (told, took) = sign_in(&host, ALICE)?;
    assert!(!told.success(), "{told}");
    assert!(took < FIRST + SLACK, "took {took:?}");
    let (told, took) = sign_in(&host, ALICE)?;
    told.stdout()?;
    assert!(took < SLACK, "took {took:?}");
    state_is(&host, "reachable")
}
