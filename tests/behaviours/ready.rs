//! The state in which most behaviours begin: everybody imported, Carol an
//! administrator, sign-in through Entra ID switched on.

use std::time::Duration;

use harness::people::CAROL;
use harness::{Host, Trouble};
use serde_json::{Value, json};

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

/// Gives the tenant so many people more, `p0`, `p1` and so on, all with this password. Not imported yet.
pub(crate) fn add_people(host: &Host, count: usize, password: &str) -> Result<(), Trouble> {
    let people: Vec<Value> = (0..count)
        .map(|number| {
            json!({"op": "createUser", "set": {
                "userPrincipalName": format!("p{number}@contoso.example"),
                "displayName": format!("Person {number}"),
                "accountEnabled": true,
                "password": password,
            }})
        })
        .collect();
    host.tenant().change(&people).map(drop)
}

/// Makes Carol administrator, who must be imported, and switches sign-in on.
pub(crate) fn enable(host: &Host) -> Result<(), Trouble> {
    host.run(&format!("entractl role set administrator {}", CAROL.upn))?
        .stdout()?;
    host.run("entractl auth enable")?.stdout()?;
    Ok(())
}
