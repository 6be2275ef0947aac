//! Root and local users sign in as if entra-login were not there: the same
//! prompts, no delay, and that also with the agent stopped, hung, or the module
//! itself gone.
//!
//! One host goes through all of it, ending with the wiring taken out by
//! pam-auth-update: what was seen then is what all else is compared with.

use std::time::{Duration, Instant};

use harness::people::{LARS, ROOT};
use harness::{Host, Trouble};

#[test]
fn root_and_local_users_notice_nothing() -> Result<(), Trouble> {
    let host = Host::boot()?;
    host.run("usermod -aG sudo lars")?.stdout()?;
    // The first session makes files that later ones find.
    all_ways_in(&host)?;

    let with_agent = all_ways_in(&host)?;
    host.freeze_agent()?;
    let agent_hung = all_ways_in(&host)?;
    host.thaw_agent()?;
    host.stop_agent()?;
    let agent_stopped = all_ways_in(&host)?;
    host.run("rm /usr/lib/*/security/pam_entra.so")?;
    let module_gone = all_ways_in(&host)?;

    host.run("pam-auth-update --package --remove entra entra-password")?
        .stdout()?;
    host.run("sed -i -e 's/ entra$//' -e '/^initgroups/d' /etc/nsswitch.conf")?
        .stdout()?;
    assert!(
        !host.run("grep -r pam_entra /etc/pam.d")?.success(),
        "the wiring is still there"
    );
    let without = all_ways_in(&host)?;

    for (state, seen) in [
        ("with the agent", &with_agent),
        ("with a hung agent", &agent_hung),
        ("without the agent", &agent_stopped),
        ("without the module", &module_gone),
    ] {
        for (way, plain) in seen.iter().zip(&without) {
            assert_eq!(way.screen, plain.screen, "{} {state}", way.name);
            let most = plain.took * SLOWER + GRACE;
            assert!(
                way.took <= most,
                "{} {state} took {:?}, without it {:?}",
                way.name,
                way.took,
                plain.took
            );
        }
    }
    Ok(())
}

/// Generous, since other tests run at the same time: what is looked for are time
/// limits that were waited out, which last seconds.
const SLOWER: u32 = 2;
const GRACE: Duration = Duration::from_millis(700);

/// For one prompt to appear or one session to end.
const SOON: Duration = Duration::from_secs(20);

/// Signs in in one way and gives all that was shown.
type WayIn = fn(&Host) -> Result<String, Trouble>;

struct Seen {
    name: &'static str,
    screen: String,
    took: Duration,
}

fn all_ways_in(host: &Host) -> Result<Vec<Seen>, Trouble> {
    let ways: [(&'static str, WayIn); 8] = [
        ("su to root", su_to_root),
        ("su by root", su_by_root),
        ("login", login),
        ("ssh at a terminal", ssh_at_a_terminal),
        ("ssh with a password", ssh_with_a_password),
        ("ssh with root's key", ssh_with_a_key),
        ("sudo", sudo),
        ("passwd", change_of_password),
    ];
    ways.into_iter()
        .map(|(name, way)| {
            let start = Instant::now();
            let screen = way(host).map_err(|trouble| Trouble::new(format!("{name}: {trouble}")))?;
            Ok(Seen {
                name,
                screen: without_dates(&screen),
                took: start.elapsed(),
            })
        })
        .collect()
}

fn su_to_root(host: &Host) -> Result<String, Trouble> {
    let mut terminal = host.terminal("runuser -u lars -- su root -c 'id -u'")?;
    terminal.expect("Password: ", SOON)?;
    terminal.send_line(ROOT.password)?;
    Ok(terminal.finish(SOON)?.stdout()?.to_owned())
}

fn su_by_root(host: &Host) -> Result<String, Trouble> {
    Ok(host
        .terminal("su - lars -c 'id -u'")?
        .finish(SOON)?
        .stdout()?
        .to_owned())
}

fn login(host: &Host) -> Result<String, Trouble> {
    let mut terminal = host.terminal("login")?;
    terminal.expect("login: ", SOON)?;
    terminal.send_line(LARS.name)?;
    terminal.expect("Password: ", SOON)?;
    terminal.send_line(LARS.password)?;
    terminal.expect("$ ", SOON)?;
    terminal.send_line("id -u; exit")?;
    Ok(terminal.finish(SOON)?.stdout()?.to_owned())
}

fn ssh_at_a_terminal(host: &Host) -> Result<String, Trouble> {
    let mut terminal = host.ssh_terminal(LARS.name)?;
    terminal.expect("Password: ", SOON)?;
    terminal.send_line(LARS.password)?;
    terminal.expect("$ ", SOON)?;
    terminal.send_line("id -u; exit")?;
    Ok(terminal.finish(SOON)?.stdout()?.to_owned())
}

fn ssh_with_a_password(host: &Host) -> Result<String, Trouble> {
    Ok(host
        .ssh_password(LARS.name, LARS.password, "id -u")?
        .stdout()?
        .to_owned())
}

fn ssh_with_a_key(host: &Host) -> Result<String, Trouble> {
    Ok(host.ssh_key(ROOT.name, "id -u")?.stdout()?.to_owned())
}

fn sudo(host: &Host) -> Result<String, Trouble> {
    let mut terminal = host.terminal("runuser -u lars -- sudo -k id -u")?;
    terminal.expect("password for lars: ", SOON)?;
    terminal.send_line(LARS.password)?;
    Ok(terminal.finish(SOON)?.stdout()?.to_owned())
}

/// The screen is that of the change; root then sets the old password again.
fn change_of_password(host: &Host) -> Result<String, Trouble> {
    let fresh = "Quite-Another-7";
    let mut terminal = host.terminal("runuser -u lars -- passwd")?;
    terminal.expect("Current password: ", SOON)?;
    terminal.send_line(LARS.password)?;
    terminal.expect("New password: ", SOON)?;
    terminal.send_line(fresh)?;
    terminal.expect("Retype new password: ", SOON)?;
    terminal.send_line(fresh)?;
    let screen = terminal.finish(SOON)?.stdout()?.to_owned();
    host.run(&format!(
        "echo '{}:{}' | chpasswd",
        LARS.name, LARS.password
    ))?
    .stdout()?;
    Ok(screen)
}

/// "Last login" lines name the time; all else must be the same to the letter.
fn without_dates(screen: &str) -> String {
    let kept = screen.lines().filter(|line| !line.contains("Last login:"));
    kept.collect::<Vec<_>>().join("\n")
}
