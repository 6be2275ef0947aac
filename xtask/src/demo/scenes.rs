//! What the demo plays, in order.

use harness::people::{ALICE, BOB, CAROL, DAVE, LARS};

use super::screen::shows_qr_code;
use super::stage::Stage;
use crate::command::{Outcome, fail};

/// Every scene, stopping at the first that does not show what it must.
pub(crate) fn play(stage: &Stage) -> Outcome {
    set_up(stage)?;
    password(stage)?;
    device_code(stage)?;
    administrator(stage)?;
    wrong_password(stage)?;
    disabled(stage)?;
    not_imported(stage)?;
    blocked_and_explained(stage)?;
    local_accounts(stage)
}

fn set_up(stage: &Stage) -> Outcome {
    stage.title("An empty host is set up, and the tenant's people come to it");
    stage.empty()?;
    stage.remark(
        "Without flags it asks for all of this in a terminal. Each answer is tested first.",
    );
    stage.command(
        "entractl setup --non-interactive --tenant contoso.example \
         --sync-client-id 3a6b1f0e-5c1d-4c58-8f3e-1f5f2a8d0002 --client-secret-stdin \
         --login-client-id 9e0c7b44-21f7-4b0e-b0a7-6f8f1c3d0003 \
         --remote-methods password,device-code --everyone < /srv/secret",
        &["reads-users", "added", "failed", "users", "groups", "Next:"],
    )?;
    stage.command(
        "entractl role set administrator carol@contoso.example",
        &["carol"],
    )?;
    stage.command("entractl auth enable", &[])?;
    stage.remark("Nobody has signed in yet, and names resolve all the same:");
    stage.command("getent passwd alice", &["alice:*:"])?;
    stage.command("id carol", &["entra-admins"])?;
    Ok(())
}

fn password(stage: &Stage) -> Outcome {
    stage.title("Alice signs in over ssh with her Entra ID password");
    let mut session = stage.ssh(ALICE.name)?;
    session.type_password(ALICE.password)?;
    session.until("$ ")?;
    session.type_line("id -un; pwd; exit")?;
    session.end(&["/home/alice"])
}

fn device_code(stage: &Stage) -> Outcome {
    stage.title("Bob's tenant demands a second factor: device code");
    let mut session = stage.ssh(BOB.name)?;
    session.type_password(BOB.password)?;
    let (code, screen) = stage.host().device_code(&mut session.terminal)?;
    session.write_down();
    if !shows_qr_code(&screen) {
        return Err(fail("no QR code was shown along with the device code"));
    }
    stage.remark(&format!(
        "On his phone Bob opens the link, enters {code}, passes his second factor and\n  \
         # approves. Then he presses Enter here."
    ));
    stage.host().tenant().approve(&code, BOB.upn)?;
    session.type_line("")?;
    session.until("$ ")?;
    session.type_line("id -un; exit")?;
    session.end(&["https://", "bob"])
}

fn administrator(stage: &Stage) -> Outcome {
    stage.title("Carol, an administrator, goes on to sudo");
    let mut session = stage.ssh(CAROL.name)?;
    session.type_password(CAROL.password)?;
    session.until("$ ")?;
    session.type_line("sudo id -un")?;
    session.type_password(CAROL.password)?;
    session.until("\nroot")?;
    session.until("$ ")?;
    session.type_line("exit")?;
    session.end(&[])
}

fn wrong_password(stage: &Stage) -> Outcome {
    stage.title("Refused: a wrong password");
    refused(stage, ALICE.name, "Not-Her-Password-1", &["incorrect"])
}

fn disabled(stage: &Stage) -> Outcome {
    stage.title("Refused: Dave's account is disabled in the tenant");
    refused(stage, DAVE.name, DAVE.password, &["disabled"])
}

fn not_imported(stage: &Stage) -> Outcome {
    stage.title("Refused: Gina joined the tenant after the import");
    let tenant = stage.host().tenant();
    tenant.add_person("gina@contoso.example", "Gina Late", "Gina-Is-New-8")?;
    refused(stage, "gina", "Gina-Is-New-8", &["import"])
}

fn blocked_and_explained(stage: &Stage) -> Outcome {
    stage.title("An operator closes Alice's account here, and asks what that comes to");
    stage.command("entractl users block alice", &["alice", "yes"])?;
    stage.command(
        "entractl explain alice --service sshd",
        &["refused", "blocked on this host"],
    )?;
    stage.command("entractl users unblock alice", &["alice", "no"])?;
    stage.remark("Carol signed in by password before, and would come in without Entra ID, too:");
    stage.command(
        "entractl explain carol --service sshd --offline",
        &["asked for: offline-password"],
    )
}

fn local_accounts(stage: &Stage) -> Outcome {
    stage.title("The gate on local accounts is tried, and who did what is on record");
    stage.command(
        "entractl local-auth set deny --try 10m",
        &["Shut out:", "lars"],
    )?;
    stage.remark("Without a confirmation it opens by itself, be the agent dead or not.");
    refused(stage, LARS.name, LARS.password, &["Local accounts"])?;
    stage.command("entractl local-auth set allow", &["allow"])?;
    stage.command(
        "entractl audit --limit 4",
        &["local-auth set", "users unblock"],
    )
}

/// An ssh session that must not open and must say why.
fn refused(stage: &Stage, user: &str, password: &str, sentence: &[&str]) -> Outcome {
    let mut session = stage.ssh(user)?;
    // Whoever is refused in any case may hear so without being asked for a password.
    if session.until_any(&["Password: ", DENIED])? == 0 {
        session.type_hidden(password)?;
        if session.until_any(&[DENIED, "$ "])? == 1 {
            return Err(fail(format!("{user} was let in")));
        }
    }
    session.end(sentence)
}

/// ssh's own last word.
const DENIED: &str = "Permission denied";
