//! What `entra-admins` may on the host, by the files that the package ships: sudo and polkit, for administrators
//! alone, and as long as they may sign in.

use harness::people::{ALICE, CAROL, LARS};
use harness::{Host, Trouble};

use crate::polkit::{answer, asking};
use crate::ready;

#[test]
fn the_sudoers_file_is_sound_and_for_administrators_alone() -> Result<(), Trouble> {
    let host = ready::everybody_may_sign_in()?;
    let checked = host.run("visudo -c -f /etc/sudoers.d/entra-login")?;
    assert!(checked.stdout()?.contains("parsed OK"), "{checked}");
    let owner = host.run("stat -c '%a %U %G' /etc/sudoers.d/entra-login")?;
    assert_eq!(owner.stdout()?, "440 root root");
    host.run("entractl role set operator alice")?.stdout()?;
    let allowed = |name: &str| -> Result<bool, Trouble> {
        let listed = host.run(&format!("sudo -l -U {name}"))?;
        Ok(listed.text().contains("(ALL : ALL) ALL"))
    };
    assert!(allowed(CAROL.name)?);
    assert!(!allowed(ALICE.name)?, "an operator has sudo");

    // Whoever may not sign in is in no role group that means anything.
    host.run("entractl role set administrator alice")?
        .stdout()?;
    assert!(allowed(ALICE.name)?);
    host.run("entractl users block alice")?.stdout()?;
    assert!(!allowed(ALICE.name)?);
    assert_eq!(role_groups(&host, ALICE.name)?, ["entra-users"]);
    host.run("entractl users unblock alice")?.stdout()?;
    assert!(allowed(ALICE.name)?);
    assert_eq!(
        role_groups(&host, ALICE.name)?,
        [
            "entra-admins",
            "entra-auditors",
            "entra-operators",
            "entra-users"
        ]
    );
    Ok(())
}

#[test]
fn polkit_takes_an_administrator_for_one_and_asks_others_as_before() -> Result<(), Trouble> {
    let host = ready::everybody_may_sign_in()?;
    host.run("usermod -aG sudo lars && entractl role set operator alice")?
        .stdout()?;
    // Carol as herself, by her own password.
    let (mut agent, shell) = asking(&host, &CAROL)?;
    answer(&host, &mut agent, CAROL.password)?;
    let ran = shell.finish(ready::SOON)?;
    assert!(ran.stdout()?.ends_with("root"), "{ran}");
    // An operator is asked for an administrator of the host's own, as any local user is.
    let (agent, shell) = asking(&host, &ALICE)?;
    let asked = agent.transcript();
    assert!(asked.contains(LARS.name), "{asked}");
    assert!(!asked.contains("carol"), "{asked}");
    drop((agent, shell));
    Ok(())
}

fn role_groups(host: &Host, name: &str) -> Result<Vec<String>, Trouble> {
    let groups = host.run(&format!("id -nG {name}"))?;
    let mut groups: Vec<String> = groups
        .stdout()?
        .split_whitespace()
        .filter(|group| group.starts_with("entra-"))
        .map(str::to_owned)
        .collect();
    groups.sort();
    Ok(groups)
}
