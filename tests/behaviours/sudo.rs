//! sudo: by password, by a cached ticket, by a rule without a password, for somebody
//! else. The account phase is asked every time, whatever stands for the password.

use harness::people::{ALICE, BOB, CAROL, LARS};
use harness::{Host, Terminal, Trouble};
use serde_json::json;

use crate::ready::{self, SOON};

#[test]
fn a_ticket_serves_until_it_is_dropped_or_the_account_falls() -> Result<(), Trouble> {
    let host = ready::everybody_may_sign_in()?;
    host.ssh_key(CAROL.name, "true")?.stdout()?;
    // A ticket is for one terminal.
    let mut shell = host.terminal("su - carol")?;
    shell.expect("$ ", SOON)?;
    asked_for_a_password(&mut shell, "sudo id -un", "\nroot\n")?;
    asked(&host, 1)?;
    asked_nothing(&mut shell, "sudo id -u", "\n0\n")?;
    asked_nothing(&mut shell, "sudo -u alice id -un", "\nalice\n")?;
    asked_nothing(&mut shell, "sudo -u lars id -un", "\nlars\n")?;
    asked(&host, 1)?;
    shell.send_line("sudo -k")?;
    shell.expect("$ ", SOON)?;
    asked_for_a_password(&mut shell, "sudo id -un", "\nroot\n")?;
    asked(&host, 2)?;

    host.tenant()
        .change_user(CAROL.upn, &json!({ "accountEnabled": false }))?;
    host.import("")?.stdout()?;
    shell.send_line("sudo echo 'in''side'")?;
    let screen = shell.expect("$ ", SOON)?;
    assert!(!screen.contains("inside"), "by a ticket:\n{screen}");
    assert!(screen.contains(SUDOS_OWN_WORDS), "{screen}");
    asked(&host, 2)
}

#[test]
fn a_rule_without_a_password_asks_for_the_account_only() -> Result<(), Trouble> {
    let host = ready::everybody_may_sign_in()?;
    host.write(
        "/etc/sudoers.d/rule",
        "alice ALL = (root, lars) NOPASSWD: /usr/bin/id\n",
    )?;
    let on_a_key = |command: &str| host.ssh_key(ALICE.name, command);
    assert_eq!(on_a_key("sudo -n id -un")?.stdout()?, "root");
    assert_eq!(on_a_key("sudo -n -u lars id -un")?.stdout()?, "lars");
    on_a_key("sudo -n -u bob id -un")?.refusal()?;
    host.stop_agent()?;
    assert_eq!(on_a_key("sudo -n id -un")?.stdout()?, "root");
    host.start_agent()?;

    host.tenant()
        .change_user(ALICE.upn, &json!({ "accountEnabled": false }))?;
    host.import("")?.stdout()?;
    for agent in ["running", "stopped"] {
        let refused = host.run_as(ALICE.name, "sudo -n id -un")?;
        assert!(
            refused.refusal()?.contains(SUDOS_OWN_WORDS),
            "agent {agent}: {refused}"
        );
        host.stop_agent()?;
    }
    asked(&host, 0)
}

/// Root goes where it wants, as long as the other's account stands.
#[test]
fn root_becomes_anybody_in_good_standing_without_a_password() -> Result<(), Trouble> {
    let host = ready::everybody_may_sign_in()?;
    for person in [ALICE, BOB, LARS] {
        let name = person.name;
        assert_eq!(host.run(&format!("sudo -u {name} id -un"))?.stdout()?, name);
        assert_eq!(host.run(&format!("su {name} -c 'id -un'"))?.stdout()?, name);
    }
    let refused = host.run("su dave -c true")?;
    assert!(refused.refusal()?.contains("disabled"), "{refused}");
    asked(&host, 0)
}

/// sudo asks the account phase with `PAM_SILENT` and has a sentence for `PAM_ACCT_EXPIRED`.
const SUDOS_OWN_WORDS: &str = "sudo: Account expired";

fn asked(host: &Host, times: usize) -> Result<(), Trouble> {
    assert_eq!(host.tenant().token_requests("password")?, times);
    Ok(())
}

fn asked_for_a_password(shell: &mut Terminal, command: &str, answer: &str) -> Result<(), Trouble> {
    shell.send_line(command)?;
    shell.expect("assword", SOON)?;
    shell.expect(": ", SOON)?;
    shell.send_line(CAROL.password)?;
    answered(shell, answer)
}

fn asked_nothing(shell: &mut Terminal, command: &str, answer: &str) -> Result<(), Trouble> {
    shell.send_line(command)?;
    answered(shell, answer)
}

fn answered(shell: &mut Terminal, answer: &str) -> Result<(), Trouble> {
    let screen = shell.expect("$ ", SOON)?;
    assert!(screen.contains(answer), "{screen}");
    assert!(!screen.contains("assword"), "asked again:\n{screen}");
    Ok(())
}
