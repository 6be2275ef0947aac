//! Calls of libpam in the orders in which applications make them, by pamtester: key
//! logins know no auth, lockers no session, cron jobs no password.

use harness::people::{ALICE, DAVE, LARS, ROOT};
use harness::{Host, Output, Trouble};

use crate::ready::{self, SOON};

#[test]
fn every_order_of_calls_is_answered() -> Result<(), Trouble> {
    let host = ready::everybody_may_sign_in()?;
    for name in [ALICE.name, LARS.name, ROOT.name] {
        for calls in [
            // sshd after a key.
            "acct_mgmt setcred(PAM_ESTABLISH_CRED) open_session close_session",
            // systemd for user@.service.
            "acct_mgmt setcred open_session close_session",
            "setcred(PAM_REINITIALIZE_CRED)",
            "setcred(PAM_REFRESH_CRED)",
            "acct_mgmt",
            "open_session close_session",
            "close_session",
        ] {
            pamtester(&host, name, calls)?.stdout()?;
        }
    }
    assert!(
        host.tenant().requests("/")?.is_empty(),
        "the tenant was asked"
    );

    for calls in ["acct_mgmt", "acct_mgmt(PAM_SILENT)"] {
        let refused = pamtester(&host, DAVE.name, calls)?.refusal()?;
        assert!(refused.contains("expired"), "{calls}: {refused}");
        assert_eq!(
            refused.contains("disabled"),
            calls == "acct_mgmt",
            "{refused}"
        );
    }
    // What comes before it does not make up for it.
    for calls in ["setcred acct_mgmt", "open_session acct_mgmt"] {
        pamtester(&host, DAVE.name, calls)?.refusal()?;
    }
    Ok(())
}

/// One handle for all of it, as login and sudo have; the wrong password comes first.
#[test]
fn a_whole_sign_in_on_one_handle() -> Result<(), Trouble> {
    let host = ready::everybody_may_sign_in()?;
    let calls = "authenticate acct_mgmt setcred open_session close_session";
    for (password, well) in [("Not-Her-Password-1", false), (ALICE.password, true)] {
        let mut terminal = host.terminal(&format!("pamtester login alice {calls}"))?;
        terminal.expect("Password: ", SOON)?;
        terminal.send_line(password)?;
        let screen = terminal.finish(SOON)?;
        assert_eq!(screen.success(), well, "{screen}");
    }
    assert_eq!(host.tenant().token_requests("password")?, 2);

    let asked = pamtester(&host, ALICE.name, "chauthtok")?;
    assert!(asked.refusal()?.contains("https://aka.ms/sspr"), "{asked}");
    // As login calls it after an account phase that wants a new password.
    let asked = pamtester(&host, ALICE.name, "chauthtok(PAM_CHANGE_EXPIRED_AUTHTOK)")?;
    assert!(asked.refusal()?.contains("https://aka.ms/sspr"), "{asked}");
    Ok(())
}

fn pamtester(host: &Host, name: &str, calls: &str) -> Result<Output, Trouble> {
    let calls: Vec<String> = calls.split(' ').map(|call| format!("'{call}'")).collect();
    host.run(&format!("pamtester login {name} {}", calls.join(" ")))
}
