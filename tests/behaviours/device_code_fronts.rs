//! The device code where people meet it: terminals of every size, Ctrl-C, a second attempt, codes that end
//! before anybody approves them, and an sshd that has little patience.

use std::time::Duration;

use harness::people::{BOB, CAROL, LARS};
use harness::{DEVICE_CODE_PROMPT, Host, Terminal, Trouble, until};
use serde_json::json;

use crate::ready::{self, SOON};

const QR: [char; 3] = ['█', '▀', '▄'];

#[test]
fn a_qr_code_that_does_not_fit_is_left_out() -> Result<(), Trouble> {
    let host = ready::everybody_may_sign_in()?;
    for (terminal, is_drawn) in [
        ("stty cols 80 rows 50; TERM=xterm", true),
        ("stty cols 30 rows 50; TERM=xterm", false),
        ("stty cols 80 rows 24; TERM=xterm", false),
        ("stty cols 80 rows 50; TERM=dumb", false),
    ] {
        let mut su = bobs_su(&host, terminal)?;
        let (_, screen) = host.device_code(&mut su)?;
        assert_eq!(screen.contains(QR), is_drawn, "{terminal}:\n{screen}");
        assert!(
            screen.contains("https://login.microsoft.com/device")
                && screen.contains("Time left: 14 minutes"),
            "{terminal}:\n{screen}"
        );
    }
    Ok(())
}

/// authd #1766: two codes at once, and the poll stuck on the first.
#[test]
fn after_ctrl_c_a_second_attempt_has_a_new_code_and_the_first_is_polled_no_more()
-> Result<(), Trouble> {
    let host = ready::everybody_may_sign_in()?;
    let mut su = bobs_su(&host, "true")?;
    let (first, _) = host.device_code(&mut su)?;
    su.send("\u{3}")?;
    su.finish(SOON)?.refusal()?;
    let mut su = bobs_su(&host, "true")?;
    let (second, _) = host.device_code(&mut su)?;
    assert_ne!(first, second);
    is_polled_no_more(&host, &first, &second)?;
    host.tenant().approve(&second, BOB.upn)?;
    su.send_line("")?;
    su.expect("bob", SOON)?;
    su.finish(SOON)?.stdout()?;
    Ok(())
}

/// sshd does not notice that somebody is gone while the module waits for the tenant, but at the next prompt.
#[test]
fn over_ssh_a_code_that_nobody_waits_for_ends_with_its_round() -> Result<(), Trouble> {
    let host = ready::everybody_may_sign_in()?;
    let mut gone = host.ssh_answering(BOB.name, BOB.password)?;
    let (first, _) = host.device_code(&mut gone)?;
    gone.send_line("")?;
    gone.send("\u{3}")?;
    gone.finish(SOON)?.refusal()?;
    let mut ssh = host.ssh_answering(BOB.name, BOB.password)?;
    let (second, _) = host.device_code(&mut ssh)?;
    assert_ne!(first, second);
    is_polled_no_more(&host, &first, &second)?;
    host.tenant().approve(&second, BOB.upn)?;
    ssh.send_line("")?;
    ssh.expect("$ ", SOON)?;
    Ok(())
}

#[test]
fn a_code_that_ended_is_said_so_and_enter_too_early_is_asked_again() -> Result<(), Trouble> {
    let host = ready::everybody_may_sign_in()?;
    let mut ssh = host.ssh_answering(BOB.name, BOB.password)?;
    let (code, _) = host.device_code(&mut ssh)?;
    ssh.send_line("")?;
    let screen = ssh.expect("Not finished yet, ", ROUND)?;
    assert!(!screen.contains("Permission denied"), "{screen}");
    ssh.expect(DEVICE_CODE_PROMPT, SOON)?;
    host.tenant()
        .call("POST", &format!("/device-codes/{code}/expire"), None)?;
    nobody_finished(ssh)
}

#[test]
fn the_last_word_comes_before_sshd_closes_the_connection() -> Result<(), Trouble> {
    let host = ready::everybody_may_sign_in()?;
    host.write(
        "/etc/ssh/sshd_config.d/20-grace.conf",
        "LoginGraceTime 30\n",
    )?;
    host.run("systemctl restart ssh")?.stdout()?;
    crate::configured::append(&host, "[sign_in]\nlogin_grace_seconds = 30")?;
    let mut ssh = host.ssh_answering(BOB.name, BOB.password)?;
    let (_, screen) = host.device_code(&mut ssh)?;
    assert!(screen.contains("Time left: 1"), "{screen}");
    nobody_finished(ssh)
}

/// sudo by somebody whom the tenant wants a second factor of.
#[test]
fn sudo_shows_a_code_too() -> Result<(), Trouble> {
    let host = ready::everybody_may_sign_in()?;
    let mut ssh = host.ssh_answering(CAROL.name, CAROL.password)?;
    ssh.expect("$ ", SOON)?;
    host.tenant()
        .change_user(CAROL.upn, &json!({"mfaRequired": true}))?;
    ssh.send_line("sudo id -un; exit")?;
    ssh.expect("assword", SOON)?;
    ssh.expect(": ", SOON)?;
    ssh.send_line(CAROL.password)?;
    let (code, screen) = host.device_code(&mut ssh)?;
    assert!(screen.contains("continued in a browser"), "{screen}");
    host.tenant().approve(&code, CAROL.upn)?;
    ssh.send_line("")?;
    ssh.expect("root", SOON)?;
    ssh.finish(SOON)?.stdout()?;
    Ok(())
}

/// What a signal for a closed socket would do to su: nothing may come of it but a sentence.
#[test]
fn an_agent_that_ends_while_somebody_types_takes_nobody_along() -> Result<(), Trouble> {
    let host = ready::everybody_may_sign_in()?;
    let mut su = host.terminal(&format!("runuser -u {} -- su carol -c true", LARS.name))?;
    su.expect("Password: ", SOON)?;
    host.kill_agent()?;
    su.send_line(CAROL.password)?;
    su.expect("su: ", SOON)?;
    let refused = su.finish(SOON)?;
    assert_eq!(refused.code, 1, "{refused}");
    assert!(refused.text().contains("does not answer"), "{refused}");
    Ok(())
}

/// A round over ssh is 20 s long.
const ROUND: Duration = Duration::from_secs(45);

/// A local user becomes Bob, who gives his password and is asked for more.
fn bobs_su(host: &Host, before: &str) -> Result<Terminal, Trouble> {
    let mut su = host.terminal(&format!(
        "bash -c \"{before}; exec runuser -u {} -- su bob -c 'id -un'\"",
        LARS.name
    ))?;
    su.expect("Password: ", SOON)?;
    su.send_line(BOB.password)?;
    Ok(su)
}

/// Enter is answered by the sentence, and not by sshd's closing the connection.
fn nobody_finished(mut ssh: Terminal) -> Result<(), Trouble> {
    ssh.send_line("")?;
    let screen = ssh.expect("Permission denied", SOON)?;
    assert!(
        screen.contains("Nobody finished this sign-in in time"),
        "{screen}"
    );
    Ok(())
}

/// The first attempt has ended, and the tenant hears of the second one's code only.
fn is_polled_no_more(host: &Host, first: &str, second: &str) -> Result<(), Trouble> {
    until("the end of the first attempt", ROUND, || {
        let journal = host.journal("entra-agent.service").ok()?;
        journal
            .contains("cancelled, the peer hung up")
            .then_some(())
    })?;
    let (of_first, of_second) = (polls_of(host, first)?, polls_of(host, second)?);
    // More than an interval.
    until("two more polls of the second code", SOON, || {
        (polls_of(host, second).ok()? >= of_second + 2).then_some(())
    })?;
    assert_eq!(polls_of(host, first)?, of_first);
    Ok(())
}

fn polls_of(host: &Host, user_code: &str) -> Result<u64, Trouble> {
    let codes = host.tenant().call("GET", "/device-codes", None)?;
    codes
        .as_array()
        .and_then(|codes| codes.iter().find(|code| code["user_code"] == user_code))
        .and_then(|code| code["polls"].as_u64())
        .ok_or_else(|| Trouble::new(format!("no code {user_code} in {codes}")))
}
