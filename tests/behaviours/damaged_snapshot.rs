//! A damaged, truncated or missing snapshot crashes nothing and gives no wrong
//! answer: local users are as ever, imported ones are not there or are right.

use harness::people::{ALICE, LARS, ROOT};
use harness::{Host, Trouble};

use crate::ready;

const SNAPSHOT: &str = "/var/lib/entra-login/public/directory.snapshot";

#[test]
fn no_damage_crashes_anything() -> Result<(), Trouble> {
    let host = ready::everybody_may_sign_in()?;
    let whole = host.read(SNAPSHOT)?;
    let alice = host.run("getent passwd alice")?.stdout()?.to_owned();
    // A running agent would write a good one again.
    host.stop_agent()?;
    for (what, bytes) in damages(&whole) {
        host.write(SNAPSHOT, &bytes)?;
        all_else_works(&host, &alice)
            .map_err(|trouble| Trouble::new(format!("{what}: {trouble}")))?;
    }
    host.run(&format!("rm {SNAPSHOT} && mkdir {SNAPSHOT}"))?
        .stdout()?;
    all_else_works(&host, &alice)?;
    host.run(&format!("rmdir {SNAPSHOT}"))?.stdout()?;
    all_else_works(&host, &alice)?;
    Ok(())
}

/// The bit that is turned leaves letters letters and digits digits: only a checksum
/// tells the record from a good one.
#[test]
fn no_byte_of_a_record_gives_a_wrong_answer() -> Result<(), Trouble> {
    const AROUND: usize = 160;
    let host = ready::everybody_may_sign_in()?;
    let whole = host.read(SNAPSHOT)?;
    let asked = "getent passwd alice; id -G alice 2> /dev/null";
    let right = host.run(asked)?.text();
    host.stop_agent()?;
    let home = b"/home/alice";
    let middle = whole
        .windows(home.len())
        .position(|window| window == home)
        .ok_or_else(|| Trouble::new("alice has no record"))?;
    let mut refused = 0;
    for place in middle.saturating_sub(AROUND)..middle + AROUND {
        let mut bytes = whole.clone();
        if let Some(byte) = bytes.get_mut(place) {
            *byte ^= 1;
        }
        host.write(SNAPSHOT, &bytes)?;
        let seen = host.run(asked)?.text();
        assert!(seen.is_empty() || seen == right, "byte {place}: {seen}");
        refused += usize::from(seen.is_empty());
    }
    assert!(refused > home.len(), "only {refused} changes were noticed");
    Ok(())
}

/// login asks PAM before it asks whether there is such a user: the module sees the
/// damage itself.
#[test]
fn login_goes_on_without_a_good_snapshot() -> Result<(), Trouble> {
    let host = ready::everybody_may_sign_in()?;
    let whole = host.read(SNAPSHOT)?;
    host.stop_agent()?;
    for (what, bytes) in damages(&whole).into_iter().step_by(13) {
        host.write(SNAPSHOT, &bytes)?;
        let mut login = host.terminal("login")?;
        login.expect("login: ", ready::SOON)?;
        login.send_line(ALICE.name)?;
        // With her record whole, the module says that nobody answers.
        login
            .expect_any(&["Password: ", "does not answer"], ready::SOON)
            .map_err(|trouble| Trouble::new(format!("{what}: {trouble}")))?;
    }
    Ok(())
}

#[test]
fn the_agent_mends_a_damaged_snapshot() -> Result<(), Trouble> {
    let host = ready::everybody_may_sign_in()?;
    host.stop_agent()?;
    host.write(SNAPSHOT, b"rubbish")?;
    host.run("id alice")?.refusal()?;
    host.start_agent()?;
    harness::until("alice to be back", ready::SOON, || {
        host.run("id alice").ok()?.success().then_some(())
    })
}

fn damages(whole: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut damages = vec![
        ("only zeros".to_owned(), vec![0; whole.len()]),
        ("only ones".to_owned(), vec![0xff; whole.len()]),
        ("twice itself".to_owned(), [whole, whole].concat()),
    ];
    for length in [
        0,
        1,
        7,
        63,
        64,
        127,
        128,
        511,
        512,
        whole.len() / 2,
        whole.len() - 1,
    ] {
        let kept = whole.iter().copied().take(length).collect();
        damages.push((format!("cut to {length} bytes"), kept));
    }
    // Every byte of the header, then samples of the rest.
    for place in (0..128).chain((128..whole.len()).step_by(whole.len() / 60 + 1)) {
        let mut bytes = whole.to_vec();
        if let Some(byte) = bytes.get_mut(place) {
            *byte ^= 0x81;
        }
        damages.push((format!("byte {place} changed"), bytes));
    }
    damages
}

/// In one shell, since there are many damages; `set -e` stops at the first surprise.
fn all_else_works(host: &Host, alice: &str) -> Result<(), Trouble> {
    let checked = host.run(
        "set -eu\n\
         test \"$(id -u root)\" = 0\n\
         test \"$(id -un 1000)\" = lars\n\
         test \"$(sudo -u lars id -un)\" = lars\n\
         ls -l /home > /dev/null\n\
         code=0; id alice > /dev/null 2>&1 || code=$?; test $code -le 1\n\
         code=0; getent passwd alice || code=$?; test $code -eq 0 -o $code -eq 2\n\
         code=0; getent group entra-users > /dev/null || code=$?; test $code -eq 0 -o $code -eq 2",
    )?;
    let seen = checked.stdout()?;
    assert!(seen.is_empty() || seen == alice, "a wrong answer: {seen}");
    Ok(())
}

#[test]
fn sshd_serves_root_and_local_users_without_a_good_snapshot() -> Result<(), Trouble> {
    let host = ready::everybody_may_sign_in()?;
    let whole = host.read(SNAPSHOT)?;
    host.stop_agent()?;
    for (what, bytes) in damages(&whole).into_iter().step_by(29) {
        host.write(SNAPSHOT, &bytes)?;
        assert_eq!(host.ssh_key(ROOT.name, "id -u")?.stdout()?, "0", "{what}");
        let lars = host.ssh_password(LARS.name, LARS.password, "id -un")?;
        assert_eq!(lars.stdout()?, "lars", "{what}");
        // Alice may be refused or, where her record is whole, not: no crash either way.
        host.ssh_key(ALICE.name, "true")?;
    }
    let crashes = host
        .run("journalctl -b --no-pager | grep -ciE 'segfault|SIGSEGV|SIGABRT|SIGBUS|panicked'")?;
    assert_eq!(crashes.stdout.trim(), "0", "{}", host.journal("ssh")?);
    Ok(())
}
