//! The Tab key in real shells: names come from the agent, as far as one's role goes; and the man pages.

use harness::people::FRANK;
use harness::{Host, Trouble};

use crate::ready::{self, SOON};

/// Each shell without anybody's settings, and how its script is loaded by hand.
const SHELLS: &[(&str, &str)] = &[
    ("bash --norc -i", "source <(entractl completions bash)"),
    (
        "zsh -f -i",
        "autoload -U compinit; compinit -u -D; source <(entractl completions zsh)",
    ),
    ("fish --no-config -i", "entractl completions fish | source"),
];

#[test]
fn names_are_completed_in_bash_zsh_and_fish() -> Result<(), Trouble> {
    let host = ready::everybody_may_sign_in()?;
    for (shell, load) in SHELLS {
        let mut terminal = host.terminal(&format!("env TERM=xterm HOME=/root {shell}"))?;
        terminal.send_line(load)?;
        // In two pieces, so that the echo of the line is not what is waited for.
        terminal.send_line("echo lo''aded")?;
        terminal.expect("loaded\r\n", SOON)?;
        // The name is whole only if Tab makes it so.
        terminal.send("entractl users show fra\t\r")?;
        terminal.expect(FRANK.upn, SOON)?;
        // The last of a list with commas.
        terminal.send("entractl import --dry-run --users heidi,fra\t\r")?;
        terminal.expect("users heidi, frank", SOON)?;
        terminal.send("entractl groups show fina\t\r")?;
        terminal.expect("Finance", SOON)?;
        terminal.send_line("exit")?;
        terminal.finish(SOON)?;
    }
    Ok(())
}

/// What bash is offered after these words.
fn offered(host: &Host, user: &str, words: &str) -> Result<String, Trouble> {
    let index = words.split(' ').count() - 1;
    let ask = format!(
        "ENTRACTL_COMPLETE=bash _CLAP_COMPLETE_INDEX={index} _CLAP_IFS=' ' \
         timeout 3 entractl -- {words}'' 2>&1"
    );
    let offered = if user == "root" {
        host.run(&ask)?
    } else {
        host.run_as(user, &ask)?
    };
    Ok(offered.stdout()?.trim().to_owned())
}

#[test]
fn whoever_may_not_read_gets_their_own_name_and_nobody_hears_of_it() -> Result<(), Trouble> {
    let host = ready::everybody_may_sign_in()?;
    let show = "entractl users show ";
    assert!(offered(&host, "root", show)?.contains("frank"));
    assert!(!offered(&host, "frank", show)?.contains("heidi"));
    assert!(!offered(&host, "frank", "entractl groups show ")?.contains("finance"));
    let journal = host.journal("entra-agent")?;
    assert!(!journal.contains("may not"), "{journal}");

    // Neither a dead nor a hung agent keeps anybody from typing on.
    host.freeze_agent()?;
    assert!(!offered(&host, "root", show)?.contains("frank"));
    host.thaw_agent()?;
    host.stop_agent()?;
    assert!(!offered(&host, "root", show)?.contains("error"));
    Ok(())
}

#[test]
fn every_man_page_is_one_that_man_has_nothing_against() -> Result<(), Trouble> {
    let host = Host::boot()?;
    host.run("entractl man-pages /tmp/man && entra-agent --man-page > /tmp/man/entra-agent.8")?
        .stdout()?;
    let said = host.run(
        "cd /tmp/man && for page in *; do \
         LC_ALL=C.UTF-8 MANROFFSEQ= MANWIDTH=80 man --warnings -E UTF-8 -l -Tutf8 -Z $page 2>&1 >/dev/null; \
         done; ls | wc -l",
    )?;
    let said = said.stdout()?;
    let pages: u32 = said
        .trim()
        .parse()
        .map_err(|_| Trouble::new(format!("man warns: {said}")))?;
    assert!(pages > 30, "{pages}");
    let shown = host.run("MANPAGER=cat MANWIDTH=80 man -l /tmp/man/entractl-users-show.1")?;
    for wanted in ["EXIT STATUS", "SEE ALSO", "entractl-users(1)"] {
        assert!(shown.text().contains(wanted), "{shown}");
    }
    Ok(())
}
