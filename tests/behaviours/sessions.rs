//! What a session of an imported person finds and leaves: a home, an environment without
//! a trace of how they signed in, and their name in `who`, `last` and `loginctl`.

use harness::people::{ALICE, LARS, Person};
use harness::{Host, Output, Terminal, Trouble, until};

use crate::ready::{self, SOON};

#[test]
fn the_first_session_makes_a_home_like_a_local_persons() -> Result<(), Trouble> {
    let host = ready::everybody_may_sign_in()?;
    host.run(
        "mkdir /etc/skel/bin && echo hello > /etc/skel/bin/greet && chmod 0711 /etc/skel/bin/greet",
    )?
    .stdout()?;
    host.run("test -e /home/alice")?.refusal()?;
    host.run("useradd --create-home greta")?.stdout()?;
    let session = host.ssh_password(ALICE.name, ALICE.password, "pwd; stat -c %U .")?;
    assert_eq!(session.stdout()?, "/home/alice\nalice");

    let home = |name: &str| -> Result<String, Trouble> {
        let listed = host.run(&format!(
            "cd /home/{name} && find . -printf '%p %m %u %g\\n' | sort"
        ))?;
        Ok(listed.stdout()?.replace(name, "NAME"))
    };
    let hers = home(ALICE.name)?;
    assert!(hers.contains("./bin/greet 711 NAME NAME"), "{hers}");
    assert_eq!(hers, home("greta")?);

    // The next session takes it as it is.
    host.run("chmod 0700 /home/alice && rm -r /home/alice/bin")?
        .stdout()?;
    let again = host.ssh_key(ALICE.name, "stat -c %a .; ls")?;
    assert_eq!(again.stdout()?, "700");
    Ok(())
}

/// Nothing but names differs from a local person's, whichever way leads in; no file is
/// left open either.
#[test]
fn nothing_of_the_sign_in_is_left_in_the_environment() -> Result<(), Trouble> {
    let host = ready::everybody_may_sign_in()?;
    for person in [ALICE, LARS] {
        // Makes home and files that later sessions find.
        host.ssh_password(person.name, person.password, "true")?
            .stdout()?;
    }
    let ways: [(&str, WayIn); 9] = [
        ("ssh with a password", |host, who| {
            text(&host.ssh_password(who.name, who.password, LOOK)?)
        }),
        ("ssh with a key", |host, who| {
            text(&host.ssh_key(who.name, LOOK)?)
        }),
        ("login", |host, who| {
            let mut terminal = login(host, who)?;
            terminal.send_line(&format!("({LOOK}) > seen; exit"))?;
            terminal.finish(SOON)?.stdout()?;
            text(&host.run("cat /home/*/seen; rm /home/*/seen")?)
        }),
        ("su", |host, who| {
            text(&host.run(&format!("su {} -c '{LOOK}'", who.name))?)
        }),
        ("su -", |host, who| {
            text(&host.run(&format!("su - {} -c '{LOOK}'", who.name))?)
        }),
        ("sudo -u", |host, who| {
            text(&host.run(&format!("sudo -u {} sh -c '{LOOK}'", who.name))?)
        }),
        ("sudo -i", |host, who| {
            text(&host.run(&format!("sudo -i -u {} sh -c '{LOOK}'", who.name))?)
        }),
        ("systemd --user", |host, who| {
            text(&host.ssh_key(who.name, "systemctl --user show-environment")?)
        }),
        ("cron", |host, who| {
            crate::cron_jobs::at_start(host, who.name, &format!("({LOOK}) > seen"))?;
            crate::cron_jobs::start(host)?;
            let seen = format!("/home/{}/seen", who.name);
            until("the job's end", SOON, || {
                let text = String::from_utf8(host.read(&seen).ok()?).ok()?;
                text.contains("open: ").then_some(text)
            })
        }),
    ];
    for (name, way) in ways {
        let of = |who: &Person| -> Result<String, Trouble> {
            let uid = host.run(&format!("id -u {}", who.name))?;
            let seen =
                way(&host, who).map_err(|trouble| Trouble::new(format!("{name}: {trouble}")))?;
            Ok(without_names(&seen, who.name, uid.stdout()?))
        };
        assert_eq!(of(&ALICE)?, of(&LARS)?, "{name}");
    }
    Ok(())
}

type WayIn = fn(&Host, &Person) -> Result<String, Trouble>;

/// The environment and the numbers of the open files.
const LOOK: &str = "env; echo open: $(ls /proc/self/fd)";

fn text(output: &Output) -> Result<String, Trouble> {
    Ok(output.stdout()?.to_owned())
}

fn without_names(seen: &str, name: &str, uid: &str) -> String {
    // Numbers that each session has for its own.
    let own = [
        "XDG_SESSION_ID=",
        "SSH_CLIENT=",
        "SSH_CONNECTION=",
        "SYSTEMD_EXEC_PID=",
    ];
    let mut lines: Vec<String> = seen
        .lines()
        .filter(|line| !own.iter().any(|variable| line.starts_with(variable)))
        .map(|line| line.replace(name, "NAME").replace(uid, "UID"))
        .collect();
    lines.sort();
    lines.join("\n")
}

#[test]
fn who_last_and_loginctl_name_the_person() -> Result<(), Trouble> {
    let host = Host::boot()?;
    host.tenant()
        .add_person(&format!("{LONG}@contoso.example"), "Long", "Long-Name-4")?;
    host.import("")?.stdout()?;
    ready::enable(&host)?;
    let long = Person {
        name: LONG,
        upn: LONG,
        password: "Long-Name-4",
    };
    let mut sessions = [
        (
            ALICE,
            "127.0.0.1",
            host.ssh_answering(ALICE.name, ALICE.password)?,
        ),
        (long, "127.0.0.1", host.ssh_answering(LONG, long.password)?),
        (ALICE, "", login(&host, &ALICE)?),
    ];
    for (who, from, terminal) in &mut sessions {
        if !from.is_empty() {
            terminal.expect("$ ", SOON)?;
        }
        terminal.send_line("echo line $(tty | cut -c 6-) of $XDG_SESSION_ID.")?;
        // Not what is echoed of the command.
        terminal.expect("line pts/", SOON)?;
        let line = terminal.expect(" of ", SOON)?.replace(" of ", "");
        let line = format!("pts/{line}");
        let session = terminal.expect(".", SOON)?.replace('.', "");
        let cut: String = who.name.chars().take(UT_NAME).collect();

        let now = host.run(&format!("who | grep ' {line} '"))?;
        assert!(now.stdout()?.starts_with(&format!("{cut} ")), "{now}");
        assert!(now.stdout()?.contains(*from), "{now}");
        let login = host.run(&format!("last -w | grep ' {line} ' | head -n 1"))?;
        if cut == who.name {
            assert!(login.stdout()?.starts_with(&format!("{cut} ")), "{login}");
            assert!(login.stdout()?.contains("still logged in"), "{login}");
        } else {
            // last shows one character less, and says "gone" of names that nobody has.
            assert!(login.stdout()?.starts_with(&cut[..UT_NAME - 1]), "{login}");
        }
        let uid = host.run(&format!("id -u {}", who.name))?;
        let known = host.run(&format!(
            "loginctl show-session -p User -p Name -p TTY {session}"
        ))?;
        assert_eq!(
            known.stdout()?,
            format!("User={}\nName={}\nTTY={line}", uid.stdout()?, who.name)
        );
    }
    for (.., terminal) in sessions {
        let mut terminal = terminal;
        terminal.send_line("exit")?;
        terminal.finish(SOON)?;
    }
    until("the ends of the sessions", SOON, || {
        host.run("who").ok()?.stdout.is_empty().then_some(())
    })?;
    let ended = host.run("last -w")?;
    assert!(!ended.stdout()?.contains("still logged in"), "{ended}");
    Ok(())
}

/// Longer than utmp(5) has room for.
const LONG: &str = "maximiliane.von-und-zu-hohenstein-strassburg";

/// `UT_NAMESIZE` of utmp(5): who and last show no more of a name.
const UT_NAME: usize = 32;

/// Signs in on a console, up to the first prompt of the shell.
fn login(host: &Host, who: &Person) -> Result<Terminal, Trouble> {
    let mut terminal = host.terminal("login")?;
    terminal.expect("login: ", SOON)?;
    terminal.send_line(who.name)?;
    terminal.expect("Password: ", SOON)?;
    terminal.send_line(who.password)?;
    terminal.expect("$ ", SOON)?;
    Ok(terminal)
}
