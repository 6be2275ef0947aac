//! `entractl pam`: an administrator wires sign-in into a host that knows nothing of it, keeps it from a second
//! session, or has all of it taken back, to the byte: by hand, by the timer, by the boot, after a kill.

use std::time::Duration;

use harness::people::{ALICE, BOB, LARS, ROOT};
use harness::{Host, Output, Trouble, until};

use crate::ready::{self, SOON};

/// A host with people and programs, and none of the wiring; with what its /etc says.
pub(crate) fn unwired() -> Result<(Host, String), Trouble> {
    let host = ready::everybody_may_sign_in()?;
    host.run(
        "DEBIAN_FRONTEND=noninteractive pam-auth-update --package --remove entra entra-password mkhomedir && \
         sed -i -e 's/ entra$//' -e '/^initgroups/d' /etc/nsswitch.conf && \
         sed -i -e '/^KbdInteractive/d' /etc/ssh/sshd_config.d/10-tests.conf && \
         systemctl reload ssh",
    )?
    .stdout()?;
    host.run("grep -r pam_entra /etc/pam.d; grep entra /etc/nsswitch.conf")?
        .refusal()?;
    let etc = etc(&host)?;
    Ok((host, etc))
}

/// All of /etc, and what pam-auth-update remembers: names, owners, modes, links and contents.
pub(crate) fn etc(host: &Host) -> Result<String, Trouble> {
    let seen = host.run(
        "find /etc /var/lib/pam \\( -type l -printf '%p %l %u %g\\n' \\) -o -printf '%p %y %m %u %g\\n' | sort; \
         find /etc /var/lib/pam -type f -print0 | sort -z | xargs -0 sha256sum",
    )?;
    Ok(seen.stdout()?.to_owned())
}

/// What differs, for messages.
pub(crate) fn is_as_before(host: &Host, before: &str, when: &str) -> Result<(), Trouble> {
    let now = etc(host)?;
    let differing: Vec<&str> = now
        .lines()
        .filter(|line| !before.lines().any(|there| there == *line))
        .chain(
            before
                .lines()
                .filter(|line| !now.lines().any(|there| there == *line)),
        )
        .collect();
    assert!(differing.is_empty(), "{when}:\n{}", differing.join("\n"));
    Ok(())
}

pub(crate) fn local_people_sign_in(host: &Host) -> Result<(), Trouble> {
    for person in [ROOT, LARS] {
        // By sshd's own method: this host offers keyboard-interactive to imported people only.
        let inside = host.run(&format!(
            "sshpass -p {} ssh -o PreferredAuthentications=password -l {} localhost id -un",
            person.password, person.name
        ))?;
        assert_eq!(inside.stdout()?, person.name);
        let account = host.run(&format!("pamtester sudo {} acct_mgmt", person.name))?;
        account.stdout()?;
    }
    assert_eq!(host.run_as(LARS.name, "id -un")?.stdout()?, LARS.name);
    Ok(())
}

pub(crate) fn enable(host: &Host, arguments: &str) -> Result<Output, Trouble> {
    host.run(&format!("entractl pam enable --yes {arguments}"))
}

#[test]
fn what_is_shown_is_done_and_confirmed_and_taken_back_to_the_byte() -> Result<(), Trouble> {
    let (host, before) = unwired()?;

    let preview = host.run("entractl pam preview")?;
    let shown = preview.stdout()?.to_owned();
    for part in [
        "+++ /etc/pam.d/common-auth",
        "+++ /etc/pam.d/common-session-noninteractive",
        "pam_mkhomedir.so",
        "+++ /etc/nsswitch.conf",
        "files entra",
        "--- /dev/null\n+++ /etc/ssh/sshd_config.d/10-entra-login.conf",
        "+Match Group entra-users",
        "pam-auth-update --package --enable entra entra-password mkhomedir",
    ] {
        assert!(shown.contains(part), "{part} is not in\n{preview}");
    }
    is_as_before(&host, &before, "a preview")?;
    host.ssh_key(ALICE.name, "true")?.refusal()?;

    // Without anybody to ask, nothing happens.
    let asked = host.run("entractl pam enable")?;
    assert!(
        asked
            .refusal()?
            .contains("hint: look at `entractl pam preview`"),
        "{asked}"
    );
    is_as_before(&host, &before, "nobody was asked")?;

    let enabled = enable(&host, "")?;
    assert_eq!(
        enabled.stdout()?,
        shown.trim_end(),
        "something else than the preview"
    );
    assert!(enabled.stderr.contains("entractl pam confirm"), "{enabled}");
    assert!(enabled.stderr.contains("root and lars"), "{enabled}");
    let kept = host.run("stat -c '%a %U' /etc/entra-login/pam-kept")?;
    assert_eq!(kept.stdout()?, "700 root");
    host.run("systemctl is-active entra-login-pam-undo.timer")?
        .stdout()?;
    let again = enable(&host, "")?;
    assert!(
        again.stdout()?.is_empty() && again.stderr.contains("nothing to change"),
        "{again}"
    );
    assert!(again.stderr.contains("waits for a confirmation"), "{again}");

    local_people_sign_in(&host)?;
    let inside = host.ssh_password(ALICE.name, ALICE.password, "id -un; pwd")?;
    assert_eq!(inside.stdout()?, "alice\n/home/alice");
    let mut terminal = host.ssh_answering(BOB.name, BOB.password)?;
    let (code, _) = host.device_code(&mut terminal)?;
    host.tenant().approve(&code, BOB.upn)?;
    terminal.send_line("")?;
    terminal.expect("$ ", SOON)?;
    let told = host.run("sshd -T -C user=alice,host=x,addr=127.0.0.1 | grep -i kbdinter; sshd -T -C user=lars,host=x,addr=127.0.0.1 | grep -i kbdinter")?;
    assert_eq!(
        told.stdout()?,
        "kbdinteractiveauthentication yes\nkbdinteractiveauthentication no"
    );

    host.ssh_key(ROOT.name, "entractl pam confirm")?.stdout()?;
    host.run("systemctl is-active entra-login-pam-undo.timer")?
        .refusal()?;
    host.run("ls /etc/systemd/system/entra-login-pam-undo-at-boot.service")?
        .refusal()?;
    let again = enable(&host, "")?;
    assert!(
        again.stdout()?.is_empty() && again.stderr.contains("nothing to change"),
        "{again}"
    );
    // What the timer runs does nothing to what was confirmed.
    host.run("entractl pam undo")?.stdout()?;
    assert_eq!(
        host.ssh_password(ALICE.name, ALICE.password, "id -un")?
            .stdout()?,
        "alice"
    );

    let disabled = host.run("entractl pam disable")?;
    assert!(
        disabled
            .stdout()?
            .contains("/etc/nsswitch.conf: as it was before"),
        "{disabled}"
    );
    is_as_before(&host, &before, "taken back")?;
    local_people_sign_in(&host)?;
    host.ssh_password(ALICE.name, ALICE.password, "true")?
        .refusal()?;
    let again = host.run("entractl pam disable")?;
    assert!(
        again.stdout()?.is_empty() && again.stderr.contains("nothing to take back"),
        "{again}"
    );
    is_as_before(&host, &before, "taken back twice")
}

/// The shortest time that `--undo-after` takes.
const SHORTEST: &str = "--undo-after 30s";

/// That time, and some for the timer and the machine.
const UNDONE: Duration = Duration::from_secs(60);

#[test]
fn what_nobody_confirms_is_taken_back() -> Result<(), Trouble> {
    let (mut host, before) = unwired()?;
    enable(&host, SHORTEST)?.stdout()?;
    until("the timer", UNDONE, || {
        host.run("test ! -e /etc/entra-login/pam-kept && ! systemctl is-active --quiet entra-login-pam-undo.service")
            .is_ok_and(|done| done.success())
            .then_some(())
    })?;
    is_as_before(&host, &before, "the time was over")?;
    local_people_sign_in(&host)?;
    let late = host.ssh_key(ROOT.name, "entractl pam confirm")?;
    assert!(
        late.refusal()?.contains("nothing waits for a confirmation"),
        "{late}"
    );

    // A transient timer is gone after a reboot; the boot itself takes it back.
    let before = etc(&host)?;
    enable(&host, "")?.stdout()?;
    host.reboot()?;
    is_as_before(&host, &before, "booted")?;
    local_people_sign_in(&host)
}

#[test]
fn the_session_that_enabled_it_can_not_confirm_it() -> Result<(), Trouble> {
    let (host, _) = unwired()?;
    let mut old = host.terminal("ssh -tt root@localhost")?;
    old.expect("# ", SOON)?;
    let own = host.ssh_key(
        ROOT.name,
        "entractl pam enable --yes > /dev/null 2>&1 && { entractl pam confirm; setsid -w entractl pam confirm; \
         systemctl is-active entra-login-pam-undo.timer; }",
    )?;
    let said = own.text();
    assert_eq!(
        said.matches("this is the session that ran `entractl pam enable`")
            .count(),
        2,
        "{said}"
    );
    assert!(said.contains("open a second one"), "{said}");
    assert!(own.stdout()?.ends_with("active"), "{said}");
    old.send_line("entractl pam confirm; echo code $?")?;
    let said = old.expect("code 1", SOON)?;
    assert!(said.contains("this session began before"), "{said}");
    let none = host.run("entractl pam confirm")?;
    none.refusal()?;
    host.ssh_key(ROOT.name, "entractl pam confirm")?.stdout()?;
    Ok(())
}

/// Its account phase refuses everybody, root as well.
#[test]
fn a_module_that_refuses_is_noticed_and_undone_at_once() -> Result<(), Trouble> {
    let (host, before) = unwired()?;
    host.run(
        "cd $(dirname $(find / -xdev -name pam_entra.so | head -1)) && mv pam_entra.so /srv/ && cp pam_deny.so pam_entra.so",
    )?
    .stdout()?;
    let enabled = enable(&host, "")?;
    let said = enabled.refusal()?;
    assert!(
        said.contains("error: account management refuses now who passed before: root in "),
        "{said}"
    );
    assert!(
        said.contains(", sshd, su, ") && said.contains("; lars in "),
        "{said}"
    );
    assert!(said.contains("all is as it was"), "{said}");
    is_as_before(&host, &before, "a module that refuses")?;
    host.run("systemctl is-active entra-login-pam-undo.timer")?
        .refusal()?;
    local_people_sign_in(&host)
}

#[test]
fn what_somebody_else_changed_meanwhile_is_not_lost() -> Result<(), Trouble> {
    let (host, before) = unwired()?;
    enable(&host, "--without-confirmation")?.stdout()?;
    host.run("systemctl is-active entra-login-pam-undo.timer")?
        .refusal()?;
    host.run(
        "sed -i 's/^passwd:.*/& sss # theirs/' /etc/nsswitch.conf && \
         echo 'auth optional pam_echo.so' >> /etc/pam.d/common-auth && \
         echo 'MaxAuthTries 19' >> /etc/ssh/sshd_config.d/10-entra-login.conf",
    )?
    .stdout()?;
    let disabled = host.run("entractl pam disable")?;
    assert!(
        disabled
            .stdout()?
            .contains("/etc/pam.d/common-auth: changed by somebody else"),
        "{disabled}"
    );
    let left = host.run(
        "grep -c . /etc/ssh/sshd_config.d/10-entra-login.conf; cat /etc/ssh/sshd_config.d/10-entra-login.conf; \
         grep ^passwd /etc/nsswitch.conf; tail -1 /etc/pam.d/common-auth",
    )?;
    let left = left.stdout()?;
    assert!(left.starts_with("1\nMaxAuthTries 19\npasswd:"), "{left}");
    assert!(
        left.contains("files sss # theirs") && left.ends_with("pam_echo.so"),
        "{left}"
    );
    host.run("grep -r pam_entra /etc/pam.d")?.refusal()?;
    local_people_sign_in(&host)?;
    // All the rest is as it was.
    host.run(
        "sed -i 's/ sss # theirs//' /etc/nsswitch.conf; sed -i '/pam_echo/d' /etc/pam.d/common-auth; \
         rm /etc/ssh/sshd_config.d/10-entra-login.conf",
    )?
    .stdout()?;
    is_as_before(&host, &before, "without what was theirs")
}
