//! `/etc/entra-login/local-groups`: members of an Entra group have a group of this host while they are signed in.

use harness::people::{ALICE, BOB, LARS, MALLORY};
use harness::{Host, Trouble};

use crate::ready::{self, SOON};

const PATH: &str = "/etc/entra-login/local-groups";

/// Alice is in it, Bob in a group within it.
const ENGINEERING: &str = "84379b9d-21a1-5455-b078-5dd807a4e480";

/// Mallory is in it, and Alice is not.
const SALES: &str = "298cacb4-21de-5fa6-a5d7-de1d538122aa";

fn with_groups() -> Result<Host, Trouble> {
    let host = ready::everybody_may_sign_in()?;
    host.run("groupadd --system containers")?.stdout()?;
    host.write(
        PATH,
        format!("containers = [\"{ENGINEERING}\"]\nroot = [\"{ENGINEERING}\"]\n"),
    )?;
    host.run(&format!("chmod 0644 {PATH}"))?.stdout()?;
    Ok(host)
}

fn groups(host: &Host, user: &str) -> Result<String, Trouble> {
    Ok(host.ssh_key(user, "id -nG")?.stdout()?.to_owned())
}

fn has_it(groups: &str) -> bool {
    groups.split(' ').any(|group| group == "containers")
}

#[test]
fn members_have_the_local_group_wherever_they_sign_in() -> Result<(), Trouble> {
    let host = with_groups()?;
    for agent in ["running", "stopped"] {
        for person in [ALICE, BOB] {
            let groups = groups(&host, person.name)?;
            assert!(has_it(&groups), "{} agent {agent}: {groups}", person.name);
            assert!(!groups.split(' ').any(|group| group == "root"), "{groups}");
            assert!(groups.contains("entra-users"), "lost some: {groups}");
        }
        assert!(!has_it(&groups(&host, MALLORY.name)?), "agent {agent}");
        assert!(!has_it(&groups(&host, LARS.name)?), "agent {agent}");
        // Root needs no authentication, and libpam then asks nobody else for credentials (docs/pam.md).
        assert!(!has_it(host.run("su alice -c 'id -nG'")?.stdout()?));
        host.stop_agent()?;
    }
    host.start_agent()?;
    let mut shell = host.terminal("login alice")?;
    shell.expect("assword", SOON)?;
    shell.send_line(ALICE.password)?;
    shell.expect("$ ", SOON)?;
    shell.send_line("id -nG")?;
    assert!(has_it(
        &shell.expect("$ ", SOON)?.replace(['\r', '\n'], " ")
    ));
    let mut lars = host.terminal("su - lars -c 'su alice -c id\\ -nG'")?;
    lars.expect("assword", SOON)?;
    lars.send_line(ALICE.password)?;
    assert!(has_it(
        &lars.finish(SOON)?.stdout.replace(['\r', '\n'], " ")
    ));
    // Who asks NSS does not see it; docs/pam.md says so.
    assert!(!has_it(host.run("id -nG alice")?.stdout()?));
    Ok(())
}

/// The file of anybody else is worth nothing, and neither is the name of an Entra group.
#[test]
fn neither_another_owners_file_nor_a_name_grants_anything() -> Result<(), Trouble> {
    let host = with_groups()?;
    for (spoil, mend) in [
        ("chmod 0666", "chmod 0644"),
        ("chown entra-agent", "chown root"),
    ] {
        host.run(&format!("{spoil} {PATH}"))?.stdout()?;
        assert!(!has_it(&groups(&host, ALICE.name)?), "{spoil}");
        let journal = host.run("journalctl -q -o cat | grep local-groups | tail -1")?;
        assert!(journal.stdout()?.contains("must be root's"), "{journal}");
        host.run(&format!("{mend} {PATH}"))?.stdout()?;
        assert!(has_it(&groups(&host, ALICE.name)?), "{mend}");
    }
    host.write(PATH, "containers = [\"sales-marketing\"]\n")?;
    assert!(!has_it(&groups(&host, MALLORY.name)?));
    host.write(PATH, format!("containers = [\"{SALES}\"]\n"))?;
    assert!(has_it(&groups(&host, MALLORY.name)?));
    assert!(!has_it(&groups(&host, ALICE.name)?));
    Ok(())
}
