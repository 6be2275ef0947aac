//! `cargo xtask demo`: the whole way once, to be read along.
//!
//! A real Debian host is booted under `target/`, with a simulated tenant behind
//! Microsoft's real host names; everything else is what would run in production.
//! What is shown is what the programs print. Every scene checks that it shows what
//! it must, so that a demo that ends well has proven something.

mod scenes;
mod screen;
mod stage;

use std::time::Instant;

use harness::Host;

use crate::command::{Outcome, at, heading, say};
use crate::place::Workspace;
use crate::tools::{self, Purpose};
use crate::{artefacts, image};
use stage::Stage;

/// What comes after the last scene.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// The host is switched off.
    PowerOff,
    /// A root shell on it first.
    Shell,
}

/// Builds, boots, plays all scenes.
pub(crate) fn run(workspace: &Workspace, ending: Ending) -> Outcome {
    tools::provide(Purpose::Hosts)?;
    artefacts::build(workspace)?;
    let places = image::provide(workspace)?;
    heading("booting a Debian host");
    let start = Instant::now();
    let stage = Stage::new(Host::boot_from(&places)?);
    scenes::play(&stage)?;
    say(&format!(
        "\nEvery scene showed what it must, in {} s.",
        start.elapsed().as_secs()
    ));
    if ending == Ending::Shell {
        say(SHELL_NOTE);
        let mut shell = stage.host().shell();
        // The shell's exit code is that of its last command: no matter of the demo's.
        let program = shell.get_program().to_owned();
        shell.status().map_err(at(program.as_ref()))?;
    }
    Ok(())
}

const SHELL_NOTE: &str = "
You are root on the host. `exit` ends it, and nothing of it stays behind.

  alice    Correct-Horse-9     her password suffices
  bob      Battery-Staple-7    must use a second factor: goes on to the device code
  carol    Tr0ub4dor-and-3     administrator: sudo, and entractl without sudo
  dave     Disabled-Dave-1     disabled in the tenant
  lars     Local-Lars-1        a local account; root's password is Root-Secret-1

Try   ssh alice@localhost           id carol; getent group entra-admins
      entractl status               entractl users list
      journalctl -u entra-agent     systemctl stop entra-agent; id alice
Bob's phone, which approves the next device code that is handed out:
      approve bob@contoso.example & ssh bob@localhost
";
