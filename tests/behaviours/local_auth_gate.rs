//! The gate on local accounts: whom it shuts out, whom never, when it opens by itself, and the way back in.
//!
//! Lars is the local person, root the break-glass account, Carol the administrator whose sign-in through Entra
//! is the proof that somebody can still come in.

use std::time::{Duration, Instant};

use harness::people::{ALICE, CAROL, LARS, ROOT};
use harness::{Host, Limit, Trouble, until};
use serde_json::Value;

use crate::cron_jobs;
use crate::ready::{self, SOON};

const DENIED: &str = "Local accounts can't sign in on this host";
const NOT_NOW: &str = "Local accounts can sign in on this host only while";

/// The shortest trial, and what a busy machine adds.
const TRIAL_OVER: Limit = Duration::from_secs(90);

/// The module's second for the agent in each of two phases, a sign-in, and a busy machine.
const PATIENCE: Duration = Duration::from_secs(10);

#[test]
fn deny_shuts_local_people_out_and_never_root_jobs_or_imported_people() -> Result<(), Trouble> {
    let mut host = ready::everybody_may_sign_in()?;
    host.run("usermod -aG sudo lars")?.stdout()?;
    let refused = host.run("entractl local-auth set deny")?;
    assert_eq!(refused.code, 1, "{refused}");
    assert!(
        refused.stdout.contains("BAD     administrator"),
        "{refused}"
    );
    lars_signs_in(&host)?;

    prove(&host)?;
    host.run("entractl local-auth set deny")?.stdout()?;
    lars_is_shut_out(&host, DENIED)?;
    // pam_unix would end the account phase of whoever must change an expired password.
    host.run("chage -d 0 lars")?.stdout()?;
    let refused = host.ssh_key(LARS.name, "true")?.refusal()?;
    assert!(!refused.contains("assword"), "{refused}");
    host.run("chage -d 2026-01-01 lars")?.stdout()?;
    root_and_what_runs_by_itself_notice_nothing(&host)?;
    assert_eq!(
        host.ssh_password(ALICE.name, ALICE.password, "id -un")?
            .stdout()?,
        "alice"
    );
    host.kill_agent()?;
    lars_is_shut_out(&host, DENIED)?;
    root_comes_in(&host)?;
    host.stop_agent()?;
    lars_is_shut_out(&host, DENIED)?;
    root_and_what_runs_by_itself_notice_nothing(&host)?;

    let units = "entra-agent.service entra-agent-login.socket entra-agent-admin.socket";
    host.run(&format!("systemctl mask {units}"))?.stdout()?;
    host.reboot()?;
    lars_is_shut_out(&host, DENIED)?;
    root_comes_in(&host)?;
    host.run(&format!("systemctl unmask {units}"))?.stdout()?;
    host.start_agent()?;

    // A directory that nobody can read is no reason to shut anybody out.
    let snapshot = "/var/lib/entra-login/public/directory.snapshot";
    host.run(&format!("cp {snapshot} /srv/kept && printf x > {snapshot}"))?
        .stdout()?;
    lars_signs_in(&host)?;
    host.run(&format!("cat /srv/kept > {snapshot}"))?.stdout()?;
    lars_is_shut_out(&host, DENIED)?;
    host.run("entractl auth disable")?.stdout()?;
    lars_signs_in(&host)
}

#[test]
fn fallback_lets_local_people_in_only_while_entra_is_away() -> Result<(), Trouble> {
    let host = ready::everybody_may_sign_in()?;
    prove(&host)?;
    host.run("entractl local-auth set fallback")?.stdout()?;
    lars_is_shut_out(&host, NOT_NOW)?;
    root_and_what_runs_by_itself_notice_nothing(&host)?;

    host.freeze_agent()?;
    lars_comes_in_soon(&host, "a hung agent")?;
    host.thaw_agent()?;
    until("the gate to be shut again", SOON, || {
        (!lars_may(&host).ok()?).then_some(())
    })?;
    host.stop_agent()?;
    lars_comes_in_soon(&host, "no agent")?;
    host.start_agent()?;
    lars_is_shut_out(&host, NOT_NOW)?;

    // Connections are taken, and nothing ever comes back.
    host.run("systemctl kill --signal=STOP entra-tenant.service")?
        .stdout()?;
    until("the outage to be noticed", Duration::from_secs(60), || {
        lars_may(&host).ok()?.then_some(())
    })?;
    lars_comes_in_soon(&host, "a black hole")?;
    root_comes_in(&host)
}

#[test]
fn a_trial_ends_with_the_agent_dead_and_across_a_reboot() -> Result<(), Trouble> {
    let mut host = ready::everybody_may_sign_in()?;
    prove(&host)?;
    host.run("entractl local-auth set deny --try 1m")?
        .stdout()?;
    lars_is_shut_out(&host, DENIED)?;
    host.stop_agent()?;
    let units = "entra-agent.service entra-agent-login.socket entra-agent-admin.socket";
    host.run(&format!("systemctl mask {units}"))?.stdout()?;
    host.reboot()?;
    assert!(!lars_may(&host)?, "the trial ended before its time");
    until("the end of the trial", TRIAL_OVER, || {
        lars_may(&host).ok()?.then_some(())
    })?;
    host.run(&format!("systemctl unmask {units}"))?.stdout()?;
    host.start_agent()?;
    let gate = gate(&host)?;
    assert_eq!(gate.pointer("/gate"), Some(&Value::from("allow")), "{gate}");
    assert_eq!(gate.pointer("/trial"), Some(&Value::Null), "{gate}");
    lars_signs_in(&host)
}

#[test]
fn a_trial_that_is_confirmed_stays_and_one_that_is_not_goes_back() -> Result<(), Trouble> {
    let host = ready::everybody_may_sign_in()?;
    prove(&host)?;
    host.run("entractl local-auth set fallback")?.stdout()?;
    host.run("entractl local-auth set deny --try 1m")?
        .stdout()?;
    host.kill_agent()?;
    until("the gate to go back", TRIAL_OVER, || {
        let gate = gate(&host).ok()?;
        (gate.pointer("/gate") == Some(&Value::from("fallback"))).then_some(())
    })?;
    lars_is_shut_out(&host, NOT_NOW)?;
    host.run("entractl local-auth confirm")?.refusal()?;

    // An administrator needs no sudo, and whoever is none may not.
    host.run("entractl local-auth set deny --try 1m")?
        .stdout()?;
    host.run_as(ALICE.name, "entractl local-auth confirm")?
        .refusal()?;
    host.run_as(CAROL.name, "entractl local-auth confirm")?
        .stdout()?;
    let began = Instant::now();
    until("a minute to pass", TRIAL_OVER, || {
        (began.elapsed() > Duration::from_secs(65)).then_some(())
    })?;
    lars_is_shut_out(&host, DENIED)?;
    root_comes_in(&host)
}

#[test]
fn another_account_takes_roots_place_only_when_it_is_proven() -> Result<(), Trouble> {
    let host = ready::everybody_may_sign_in()?;
    prove(&host)?;
    host.run("entractl local-auth exempt remove root")?
        .refusal()?;
    host.run("entractl local-auth exempt add lars")?.stdout()?;
    host.run("entractl local-auth set deny")?.stdout()?;
    host.run("entractl local-auth exempt remove root")?
        .refusal()?;
    // Its session is the proof.
    lars_signs_in(&host)?;
    let gate = gate(&host)?;
    assert_eq!(
        gate.pointer("/exempt/0/proof"),
        Some(&Value::from("session")),
        "{gate}"
    );
    host.run("entractl local-auth exempt remove root")?
        .stdout()?;
    host.run("entractl local-auth exempt remove lars")?
        .refusal()?;
    lars_signs_in(&host)?;
    host.ssh_key(ROOT.name, "true")?.refusal()?;
    // Jobs of root's and what root becomes go on.
    assert_eq!(host.run("su - lars -c 'id -un'")?.stdout()?, "lars");
    host.run("entractl local-auth set allow")?.stdout()?;
    host.ssh_key(ROOT.name, "true")?.stdout()?;
    host.run("usermod -L lars")?.stdout()?;
    let locked = host.run("entractl local-auth prove lars")?;
    assert_eq!(locked.code, 1, "{locked}");
    assert!(locked.stderr.contains("locked"), "{locked}");
    Ok(())
}

/// Carol signs in through Entra, and root's password is looked at.
fn prove(host: &Host) -> Result<(), Trouble> {
    host.ssh_password(CAROL.name, CAROL.password, "true")?
        .stdout()?;
    host.run("entractl local-auth prove root")?.stdout()?;
    Ok(())
}

fn gate(host: &Host) -> Result<Value, Trouble> {
    let told = host.run("entractl local-auth show --json")?;
    let document: Value = serde_json::from_str(told.stdout()?)?;
    let gate = document.pointer("/local_auth").cloned();
    gate.ok_or_else(|| Trouble::new(format!("no local_auth in {document}")))
}

fn lars_may(host: &Host) -> Result<bool, Trouble> {
    let signed_in = host.ssh_password(LARS.name, LARS.password, "true")?;
    Ok(signed_in.success())
}

fn lars_signs_in(host: &Host) -> Result<(), Trouble> {
    let told = host.ssh_password(LARS.name, LARS.password, "id -un")?;
    assert_eq!(told.stdout()?, "lars");
    assert_eq!(host.ssh_key(LARS.name, "id -un")?.stdout()?, "lars");
    Ok(())
}

fn lars_comes_in_soon(host: &Host, state: &str) -> Result<(), Trouble> {
    let began = Instant::now();
    lars_signs_in(host)?;
    let took = began.elapsed();
    assert!(took < PATIENCE * 2, "with {state} it took {took:?}");
    Ok(())
}

/// Every way in that the gate is at: sshd by password and by key, login, sudo.
fn lars_is_shut_out(host: &Host, sentence: &str) -> Result<(), Trouble> {
    let mut terminal = host.ssh_terminal(LARS.name)?;
    let screen = terminal.expect("Permission denied", SOON)?;
    assert!(screen.contains(sentence), "no sentence over ssh:\n{screen}");
    assert!(!screen.contains("Password:"), "it was asked for:\n{screen}");
    host.ssh_key(LARS.name, "true")?.refusal()?;
    let mut console = host.terminal("login")?;
    console.expect("login: ", SOON)?;
    console.send_line(LARS.name)?;
    let screen = console.expect("Login incorrect", SOON)?;
    assert!(screen.contains(sentence), "no sentence at login:\n{screen}");
    let sudo = host.run("runuser -u lars -- sudo -k -S -p '' id -u </dev/null")?;
    assert!(!sudo.success(), "{sudo}");
    let text = sudo.text();
    assert_eq!(text.matches(sentence).count(), 1, "{sudo}");
    assert!(!text.contains("try again"), "{sudo}");
    Ok(())
}

fn root_comes_in(host: &Host) -> Result<(), Trouble> {
    let mut console = host.terminal("login")?;
    console.expect("login: ", SOON)?;
    console.send_line(ROOT.name)?;
    console.expect("Password: ", SOON)?;
    console.send_line(ROOT.password)?;
    console.expect("# ", SOON)?;
    console.send_line("id -u; exit")?;
    let screen = console.finish(SOON)?.stdout;
    assert!(screen.contains("\n0\n"), "{screen}");
    assert_eq!(host.ssh_key(ROOT.name, "id -u")?.stdout()?, "0");
    Ok(())
}

fn root_and_what_runs_by_itself_notice_nothing(host: &Host) -> Result<(), Trouble> {
    root_comes_in(host)?;
    let mut terminal = host.terminal("runuser -u lars -- su root -c 'id -u'")?;
    terminal.expect("Password: ", SOON)?;
    terminal.send_line(ROOT.password)?;
    assert!(terminal.finish(SOON)?.stdout()?.contains('0'));
    assert_eq!(host.run("su - lars -c 'id -un'")?.stdout()?, "lars");
    assert_eq!(host.run("sudo -u lars id -un")?.stdout()?, "lars");
    host.run("rm -f /home/lars/ran")?.stdout()?;
    cron_jobs::at_start(host, LARS.name, "id -un > ran")?;
    cron_jobs::start(host)?;
    until("lars's job", SOON, || {
        (host.read("/home/lars/ran").ok()? == b"lars\n").then_some(())
    })
}
