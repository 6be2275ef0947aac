//! Microsoft Entra ID away: who signed in before comes in with the same password, within seconds, and nobody else
//! does.

use std::time::Duration;

use harness::people::{ALICE, BOB, CAROL, FRANK, MALLORY, Person};
use harness::{Host, Trouble, until};
use serde_json::{Value, json};

use crate::configured::{append, unit};
use crate::ready::{self, SOON};
use crate::slow_networks::{front, give_back, sign_in, state_is, swallow_everything};

/// The first sign-in into a network that drops everything.
const FIRST: Duration = Duration::from_secs(3);
/// Every later one: no wait but the program's own work, on a busy machine.
const LATER: Duration = Duration::from_millis(1_500);
/// What the person hears.
const LET_IN: &str = "this host let you in by what it remembers of your last sign-in";
const UNREACHABLE: &str = "Microsoft Entra ID can't be reached at the moment";

#[test]
fn a_swallowing_network_costs_whom_this_host_knows_less_than_three_seconds_once()
-> Result<(), Trouble> {
    let host = ready::everybody_may_sign_in()?;
    front(&host)?;
    for person in [ALICE, CAROL] {
        sign_in(&host, person)?.0.stdout()?;
    }
    swallow_everything(&host)?;

    let (told, took) = sign_in(&host, ALICE)?;
    assert!(told.text().contains(LET_IN), "{told}");
    told.stdout()?;
    assert!(took < FIRST, "the first took {took:?}");
    for person in [CAROL, ALICE, ALICE] {
        let (told, took) = sign_in(&host, person)?;
        told.stdout()?;
        assert!(took < LATER, "{}: took {took:?}", person.name);
    }
    // Who never signed in here, and who types something else.
    let (told, _) = sign_in(&host, MALLORY)?;
    assert!(told.refusal()?.contains(UNREACHABLE), "{told}");
    let wrong = Person {
        password: "Wrong-Horse-9",
        ..ALICE
    };
    let (told, _) = sign_in(&host, wrong)?;
    assert!(
        told.refusal()?.contains("is not what this host remembers"),
        "{told}"
    );
    state_is(&host, "unreachable")?;

    host.tenant_is_back_for(ALICE)
}

#[test]
fn sshd_login_su_and_sudo_let_in_whom_this_host_knows() -> Result<(), Trouble> {
    let host = ready::everybody_may_sign_in()?;
    for person in [ALICE, CAROL] {
        let online = host.ssh_password(person.name, person.password, "id -un")?;
        assert_eq!(online.stdout()?, person.name);
        assert!(!online.text().contains("remembers"), "{online}");
    }
    // A device code leaves nothing behind that could be typed.
    let mut bob = host.ssh_answering(BOB.name, BOB.password)?;
    let (code, _) = host.device_code(&mut bob)?;
    host.tenant().approve(&code, BOB.upn)?;
    bob.send_line("")?;
    bob.expect("$ ", SOON)?;
    bob.send_line("exit")?;
    bob.finish(SOON)?.stdout()?;
    swallow_everything(&host)?;

    let mut alice = host.ssh_answering(ALICE.name, ALICE.password)?;
    alice.expect("$ ", SOON)?;
    alice.send_line("id -un; pwd; exit")?;
    let session = alice.finish(SOON)?;
    let screen = session.stdout()?;
    assert!(screen.contains("\nalice\n/home/alice\n"), "{screen}");
    assert!(screen.contains(LET_IN), "{screen}");

    let mut console = host.terminal("login")?;
    console.expect("login: ", SOON)?;
    console.send_line(ALICE.name)?;
    console.expect("Password: ", SOON)?;
    console.send_line(ALICE.password)?;
    console.expect(LET_IN, SOON)?;
    console.expect("$ ", SOON)?;
    console.send_line("exit")?;
    console.finish(SOON)?.stdout()?;

    let mut su = host.terminal("runuser -u lars -- su alice -c 'id -un'")?;
    su.expect("Password: ", SOON)?;
    su.send_line(ALICE.password)?;
    su.expect(LET_IN, SOON)?;
    su.expect("alice", SOON)?;
    su.finish(SOON)?.stdout()?;

    let mut sudo = host.ssh_answering(CAROL.name, CAROL.password)?;
    sudo.expect("$ ", SOON)?;
    sudo.send_line("sudo id -un; exit")?;
    sudo.expect("assword", SOON)?;
    sudo.expect(": ", SOON)?;
    sudo.send_line(CAROL.password)?;
    sudo.expect(LET_IN, SOON)?;
    sudo.expect("root", SOON)?;
    sudo.finish(SOON)?.stdout()?;

    host.ssh_password(BOB.name, BOB.password, "true")?
        .refusal()?;
    host.ssh_password(MALLORY.name, MALLORY.password, "true")?
        .refusal()?;

    let user: Value =
        serde_json::from_str(host.run("entractl users show alice --json")?.stdout()?)?;
    assert_eq!(
        user.pointer("/user/last_sign_in_method"),
        Some(&json!("offline-password")),
        "{user}"
    );
    let metrics = host.run("entractl metrics")?;
    let line = r#"method="offline-password",verdict="success"} 5"#;
    assert!(metrics.stdout()?.contains(line), "{metrics}");
    let journal = host.journal("entra-agent")?;
    assert!(journal.contains("method=offline-password"), "{journal}");
    for person in [ALICE, CAROL, BOB] {
        assert!(!journal.contains(person.password), "{journal}");
    }
    let files = host.run("stat -c '%a %U %s' /var/lib/entra-login/offline.key")?;
    assert_eq!(files.stdout()?, "600 entra-agent 32");

    // Services whose only method is a device code say what is the matter, and ask for no password.
    host.run("sed -i 's/^sshd = .*/sshd = [\"device-code\"]/' /etc/entra-login/agent.toml")?
        .stdout()?;
    host.restart_agent()?;
    let mut ssh = host.ssh_terminal(ALICE.name)?;
    let (which, screen) = ssh.expect_any(&["Password: ", "Permission denied"], SOON)?;
    assert_eq!(which, 1, "{screen}");
    Ok(())
}

/// The tenant says no, in every way that leaves a password right.
#[test]
fn whom_the_tenant_has_ended_finds_no_way_in_beside_it() -> Result<(), Trouble> {
    let host = ready::everybody_may_sign_in()?;
    front(&host)?;
    ready::add_people(&host, 6, PASSWORD)?;
    host.import("")?.stdout()?;
    for person in people() {
        sign_in(&host, person)?.0.stdout()?;
    }
    let tenant = host.tenant();
    // Dates of the tenant's have whole seconds: what ends now must not seem to be of the second of the sign-ins.
    until("the next second but one", SOON, || {
        let now = host.run("date +%s").ok()?;
        let kept = host
            .run("stat -c %Y /var/lib/entra-login/state.db-wal")
            .ok()?;
        let number = |told: &harness::Output| told.stdout.trim().parse::<u64>().ok();
        (number(&now)? > number(&kept)? + 2).then_some(())
    })?;
    tenant.change_user("p0@contoso.example", &json!({"password": "Another-One-1"}))?;
    tenant.call("POST", "/users/p1@contoso.example/revoke", None)?;
    tenant.change_user("p2@contoso.example", &json!({"accountEnabled": false}))?;
    tenant.delete_user("p3@contoso.example")?;
    // These two are not of the directory: only a sign-in can tell.
    tenant.change_user("p4@contoso.example", &json!({"mfaRequired": true}))?;
    host.import("")?.stdout()?;
    let (told, _) = sign_in(&host, people()[4])?;
    told.refusal()?;
    // Back again, as if nothing had been.
    tenant.change_user("p2@contoso.example", &json!({"accountEnabled": true}))?;
    tenant.call("POST", "/users/p3@contoso.example/restore", None)?;
    tenant.change_user("p4@contoso.example", &json!({"mfaRequired": false}))?;
    host.import("")?.stdout()?;
    swallow_everything(&host)?;
    for (number, person) in people().into_iter().enumerate() {
        let (told, _) = sign_in(&host, person)?;
        assert_eq!(told.success(), number == 5, "{}: {told}", person.name);
    }
    Ok(())
}

#[test]
fn guesses_are_counted_before_they_are_answered_and_a_kill_forgets_none() -> Result<(), Trouble> {
    let host = ready::everybody_may_sign_in()?;
    front(&host)?;
    sign_in(&host, ALICE)?.0.stdout()?;
    swallow_everything(&host)?;
    for number in 0..5 {
        let command = format!("echo Guess-{number} | pamtester front alice authenticate");
        host.run(&command)?.refusal()?;
        if number == 2 {
            host.kill_agent()?;
        }
    }
    host.kill_agent()?;
    let (told, _) = sign_in(&host, ALICE)?;
    assert!(told.refusal()?.contains("Too many failed tries"), "{told}");
    // Without what the throttle knows.
    host.stop_agent()?;
    host.run(
        "python3 -c \"import sqlite3; c = sqlite3.connect('/var/lib/entra-login/state.db'); \
              c.execute('DELETE FROM throttled_people'); c.commit()\"",
    )?
    .stdout()?;
    host.start_agent()?;
    let (told, _) = sign_in(&host, ALICE)?;
    assert!(
        told.refusal()?
            .contains("too many tries failed on this host"),
        "{told}"
    );
    let shown = host.run("entractl users show alice")?;
    assert!(
        shown.stdout()?.contains("5; passwords are refused until"),
        "{shown}"
    );
    host.run("entractl users unlock alice")?.stdout()?;
    sign_in(&host, ALICE)?.0.stdout().map(drop)
}

#[test]
fn without_its_key_the_host_knows_nobody_and_says_why() -> Result<(), Trouble> {
    let host = ready::everybody_may_sign_in()?;
    front(&host)?;
    sign_in(&host, ALICE)?.0.stdout()?;
    const KEY: &str = "/var/lib/entra-login/offline.key";

    host.run(&format!("chmod 0644 {KEY}"))?.stdout()?;
    host.restart_agent()?;
    host.tenant().forget_requests()?;
    sign_in(&host, ALICE)?.0.stdout()?;
    assert_eq!(host.tenant().token_requests("password")?, 1);
    let journal = host.journal("entra-agent")?;
    assert!(
        journal.contains("offline.key has mode 0644 and must have 0600"),
        "{journal}"
    );
    swallow_everything(&host)?;
    let (told, _) = sign_in(&host, ALICE)?;
    assert!(told.refusal()?.contains(UNREACHABLE), "{told}");
    host.run(&format!("chmod 0600 {KEY}"))?.stdout()?;
    sign_in(&host, ALICE)?.0.stdout()?;

    // Another key, from systemd.
    host.run("head -c 64 /dev/urandom > /srv/offline-key")?
        .stdout()?;
    unit(&host, "LoadCredential=offline-key:/srv/offline-key")?;
    let (told, _) = sign_in(&host, ALICE)?;
    told.refusal()?;
    let journal = host.journal("entra-agent")?;
    let line = "1 people can't sign in without Entra ID until they have signed in with it once";
    assert!(journal.contains(line), "{journal}");
    give_back(&host)?;
    host.tenant_is_back_for(ALICE)?;
    swallow_everything(&host)?;
    sign_in(&host, ALICE)?.0.stdout().map(drop)
}

#[test]
fn a_host_may_be_told_to_keep_nothing() -> Result<(), Trouble> {
    let host = ready::everybody_may_sign_in()?;
    front(&host)?;
    sign_in(&host, ALICE)?.0.stdout()?;
    append(&host, "[offline]\npassword = false")?;
    sign_in(&host, FRANK)?.0.stdout()?;
    swallow_everything(&host)?;
    for person in [ALICE, FRANK] {
        let (told, _) = sign_in(&host, person)?;
        assert!(told.refusal()?.contains(UNREACHABLE), "{told}");
    }
    let rows = host.run(
        "python3 -c \"import sqlite3; c = sqlite3.connect('/var/lib/entra-login/state.db'); \
         print(c.execute('SELECT count(*) FROM verifiers').fetchone()[0])\"",
    )?;
    assert_eq!(rows.stdout()?, "0");
    Ok(())
}

/// Of the people that a test adds.
const PASSWORD: &str = "Correct-Battery-7";

fn people() -> [Person; 6] {
    ["p0", "p1", "p2", "p3", "p4", "p5"].map(|name| Person {
        name,
        upn: name,
        password: PASSWORD,
    })
}

/// What the tests expect once the network is whole again.
trait Back {
    fn tenant_is_back_for(&self, person: Person) -> Result<(), Trouble>;
}

impl Back for Host {
    /// The next sign-in reaches the tenant. A probe that is under way at that moment may still fail; the next
    /// one doesn't.
    fn tenant_is_back_for(&self, person: Person) -> Result<(), Trouble> {
        give_back(self)?;
        self.tenant().forget_requests()?;
        until(
            "a sign-in that reaches the tenant",
            Duration::from_secs(5),
            || {
                let (told, _) = sign_in(self, person).ok()?;
                let online = told.success() && !told.text().contains(LET_IN);
                (online && self.tenant().token_requests("password").ok()? > 0).then_some(())
            },
        )?;
        state_is(self, "reachable")
    }
}
