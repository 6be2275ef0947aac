//! The local throttle: guesses end here before the tenant locks anybody, and nobody is kept out by them.
//!
//! Waits are measured in agent/src/auth/throttle; here it counts what reaches the tenant.

use harness::people::{ALICE, BOB, CAROL, LARS, MALLORY, Person};
use harness::{DEVICE_CODE_PROMPT, Host, Terminal, Trouble};
use serde_json::Value;

use crate::crash_safety::disk::on_a_disk_of;
use crate::ready::{self, SOON};

/// What the person hears.
const REFUSED: &str = "Too many failed tries: what is typed here does not count for 1 minute.";

#[test]
fn guesses_end_before_the_tenants_lock_out_and_the_device_code_goes_on() -> Result<(), Trouble> {
    let host = ready::everybody_may_sign_in()?;
    guess(&host, &ALICE, 5)?;
    assert_eq!(host.tenant().token_requests("password")?, 5);

    // No front asks for a password of hers any more, a new agent neither.
    nobody_asks_for_a_password(&host)?;
    host.restart_agent()?;
    let mut terminal = nobody_asks_for_a_password(&host)?;
    guess(&host, &ALICE, 12)?;
    assert_eq!(host.tenant().token_requests("password")?, 5);

    let codes = host.tenant().device_codes()?;
    let screen = terminal.expect(DEVICE_CODE_PROMPT, SOON)?;
    let code = codes.iter().find(|code| screen.contains(&code.user_code));
    let code = code.ok_or_else(|| Trouble::new(format!("no code:\n{screen}")))?;
    host.tenant().approve(&code.user_code, ALICE.upn)?;
    terminal.send_line("")?;
    terminal.expect("$ ", SOON)?;
    terminal.send_line("exit")?;
    terminal.finish(SOON)?.stdout()?;

    // Somebody else has tries of their own.
    let other = host.ssh_password(CAROL.name, CAROL.password, "id -un")?;
    assert_eq!(other.stdout()?, "carol");

    let journal = host.journal("entra-agent")?;
    let line = "passwords of alice are refused for 60 s: 5 failed tries count, the last from \"127.0.0.1\"";
    assert_eq!(journal.matches(line).count(), 1, "{journal}");
    assert!(!journal.contains("Guess-"), "{journal}");

    // Had the tenant locked her, her right password would not do.
    host.run("entractl users unlock alice")?.stdout()?;
    let alice = host.ssh_password(ALICE.name, ALICE.password, "id -un")?;
    assert_eq!(alice.stdout()?, "alice");
    Ok(())
}

#[test]
fn guesses_at_once_are_no_more_than_one_after_another() -> Result<(), Trouble> {
    let host = ready::everybody_may_sign_in()?;
    guess(&host, &ALICE, 30)?;
    assert_eq!(host.tenant().token_requests("password")?, 5);
    // As many honest sign-ins at once wait for one another.
    let all = host.run(&format!(
        "for n in $(seq 30); do {} & done; wait",
        by_password(&CAROL, &format!("'{}'", CAROL.password))
    ))?;
    assert_eq!(all.stdout()?.matches("carol").count(), 30, "{all}");
    Ok(())
}

#[test]
fn guesses_at_many_people_from_one_address_end_and_those_at_the_host_go_on() -> Result<(), Trouble>
{
    let host = ready::everybody_may_sign_in()?;
    for name in ["bob", "mallory", "frank", "peggy", "heidi"] {
        let person = Person {
            name,
            upn: name,
            password: "",
        };
        guess(&host, &person, 4)?;
    }
    assert_eq!(host.tenant().token_requests("password")?, 20);
    let refused = host.run(&by_password(&ALICE, ALICE.password))?;
    refused.refusal()?;
    assert_eq!(host.tenant().token_requests("password")?, 20);
    assert_eq!(throttled(&host)?, (0, 1));

    let mut su = host.terminal("runuser -u lars -- su alice -c 'id -un'")?;
    su.expect("Password: ", SOON)?;
    su.send_line(ALICE.password)?;
    su.expect("alice", SOON)?;
    su.finish(SOON)?.stdout()?;

    let unlocked = host.run("entractl users unlock --remote-host 127.0.0.1")?;
    assert!(unlocked.stdout()?.contains("127.0.0.1"), "{unlocked}");
    let alice = host.ssh_password(ALICE.name, ALICE.password, "id -un")?;
    assert_eq!(alice.stdout()?, "alice");
    Ok(())
}

#[test]
fn an_operator_unlocks_without_sudo_and_others_do_not() -> Result<(), Trouble> {
    let host = ready::everybody_may_sign_in()?;
    host.run("entractl role set operator bob")?.stdout()?;
    guess(&host, &ALICE, 5)?;
    assert_eq!(throttled(&host)?, (1, 0));
    let show = host.run_as(BOB.name, "entractl users show alice")?;
    let shown = show.stdout()?;
    assert!(
        shown.contains("Failed tries:  5; passwords are refused until 2"),
        "{shown}"
    );

    for person in [MALLORY, ALICE, LARS] {
        let refused = host.run_as(person.name, "entractl users unlock alice")?;
        assert_eq!(refused.code, 1, "{}:\n{refused}", person.name);
    }
    let wrong = host.run_as(BOB.name, "entractl users unlock alice nobody")?;
    assert!(wrong.refusal()?.contains("nobody was unlocked"), "{wrong}");
    assert_eq!(throttled(&host)?, (1, 0));

    let unlocked = host.run_as(BOB.name, "entractl users unlock alice carol --json")?;
    let unlocked: Value = serde_json::from_str(unlocked.stdout()?)?;
    let tries = |index: usize| unlocked["unlocked"][index]["failed_tries"].clone();
    assert_eq!((tries(0), tries(1)), (5.into(), 0.into()), "{unlocked}");
    assert_eq!(throttled(&host)?, (0, 0));
    let again = host.run_as(BOB.name, "entractl users unlock alice")?;
    again.stdout()?;
    assert!(
        again
            .stderr
            .contains("There was nothing to unlock for alice"),
        "{again}"
    );
    let alice = host.ssh_password(ALICE.name, ALICE.password, "id -un")?;
    assert_eq!(alice.stdout()?, "alice");
    Ok(())
}

#[test]
fn on_a_full_disk_guesses_end_all_the_same_and_people_sign_in() -> Result<(), Trouble> {
    let host = ready::everybody_may_sign_in()?;
    on_a_disk_of(&host, "6m")?;
    host.tenant().forget_requests()?;
    host.run("head -c 1G /dev/zero > /var/lib/entra-login/filler 2> /dev/null; true")?
        .stdout()?;
    guess(&host, &ALICE, 5)?;
    guess(&host, &ALICE, 5)?;
    assert_eq!(host.tenant().token_requests("password")?, 5);
    let carol = host.ssh_password(CAROL.name, CAROL.password, "id -un")?;
    assert_eq!(carol.stdout()?, "carol");
    let journal = host.journal("entra-agent")?;
    assert!(
        journal.contains("can't be kept longer: no space left on the disk"),
        "{journal}"
    );
    Ok(())
}

/// Tries so many passwords of somebody at once, by sshd's `password` method, which shows no other prompt.
fn guess(host: &Host, person: &Person, count: usize) -> Result<(), Trouble> {
    let one = by_password(person, "\"Guess-$n\"");
    let guesses = host.run(&format!("for n in $(seq {count}); do {one} & done; wait"))?;
    assert!(!guesses.stdout.contains(person.name), "{guesses}");
    Ok(())
}

fn by_password(person: &Person, password: &str) -> String {
    format!(
        "sshpass -p {password} ssh -o PubkeyAuthentication=no -o PreferredAuthentications=password \
         -l {} localhost id -un",
        person.name
    )
}

/// Over ssh and at su: the sentence and a device code. Gives the ssh terminal, at its prompt.
fn nobody_asks_for_a_password(host: &Host) -> Result<Terminal, Trouble> {
    let mut su = host.terminal("runuser -u lars -- su alice -c true")?;
    let mut ssh = host.ssh_terminal(ALICE.name)?;
    for terminal in [&mut su, &mut ssh] {
        let (which, screen) = terminal.expect_any(&["Password: ", REFUSED], SOON)?;
        assert_eq!(which, 1, "{screen}");
    }
    Ok(ssh)
}

/// How many users and remote hosts `status` says are refused.
fn throttled(host: &Host) -> Result<(u64, u64), Trouble> {
    let status: Value = serde_json::from_str(host.run("entractl status --json")?.stdout()?)?;
    let count = |key: &str| {
        let count = status.pointer(&format!("/status/{key}"));
        count.and_then(Value::as_u64).unwrap_or(u64::MAX)
    };
    Ok((count("throttled_users"), count("throttled_remote_hosts")))
}
