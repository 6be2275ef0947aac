//! The state in which most behaviours begin: everybody imported, Carol an
//! administrator, sign-in through Entra ID switched on.

use std::time::Duration;

use harness::people::CAROL;
use harness::{Host, Trouble};

/// For a prompt, a refusal or a session to appear.
pub(crate) const SOON: Duration = Duration::from_secs(30);

/// Boots a host in that state.
pub(crate) fn everybody_may_sign_in() -> Result<Host, Trouble> {
    let host = Host::boot()?;
    host.import("")?.stdout()?;
    enable(&host)?;
    host.tenant().forget_requests()?;
    Ok(host)
}

/// Makes Carol administrator, who must be imported, and switches sign-in on.
pub(crate) fn enable(host: &Host) -> Result<(), Trouble> {
    host.run(&format!("entractl role set administrator {}", CAROL.upn))?
        .stdout()?;
    host.run("entractl auth enable")?.stdout()?;
    Ok(())
}
