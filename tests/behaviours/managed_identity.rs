//! The machine itself vouches for the host: no secret, no registration.

use harness::{Host, Trouble};
use serde_json::json;

use crate::configured::{import_fails, unit, write_sync};

/// An identity that is assigned to the machine beside its own.
const ASSIGNED: &str = "8d2a4b6c-1e3f-4a5b-8c7d-9e0f1a2b0006";

#[test]
fn a_virtual_machine_in_azure_needs_no_secret() -> Result<(), Trouble> {
    let host = Host::boot()?;
    host.run("rm /etc/entra-login/sync.secret")?.stdout()?;
    write_sync(&host, "managed_identity = \"system\"")?;
    host.restart_agent()?;
    host.import("")?.stdout()?;
    assert!(host.run("id alice")?.success());
    let asked = host.tenant().requests("/metadata/")?;
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0].host, "169.254.169.254");
    assert_eq!(
        host.tenant().token_requests("client_credentials")?,
        0,
        "the token endpoint was asked as well"
    );
    let status = host.run("entractl status")?;
    assert!(
        status
            .stdout()?
            .contains("Credential:        managed identity\n"),
        "{status}"
    );

    write_sync(&host, &format!("managed_identity = \"{ASSIGNED}\""))?;
    host.restart_agent()?;
    host.import("")?.stdout()?;

    // One that the machine has not, one whose permissions were taken away, and a service that is not ready.
    write_sync(
        &host,
        "managed_identity = \"3a6b1f0e-5c1d-4c58-8f3e-1f5f2a8d0002\"",
    )?;
    import_fails(&host, "Identity not found; has this machine the managed")?;
    write_sync(&host, "managed_identity = \"system\"")?;
    for status in [404, 429, 503] {
        let fault =
            json!({ "host": "169.254.169.254", "path_prefix": "/metadata/", "status": status });
        host.tenant().fault(&fault)?;
    }
    host.restart_agent()?;
    host.import("")?.stdout()?;
    host.run("ip address del 169.254.169.254/32 dev lo")?
        .stdout()?;
    import_fails(
        &host,
        "is there a metadata service of Azure on this machine?",
    )?;
    assert!(host.run("id alice")?.success());
    Ok(())
}

#[test]
fn azure_arcs_challenge_is_met_and_names_no_other_file() -> Result<(), Trouble> {
    let host = Host::boot()?;
    host.run("groupadd --system himds")?.stdout()?;
    write_sync(
        &host,
        "managed_identity = \"system\"\nmanaged_identity_source = \"azure-arc\"",
    )?;
    import_fails(&host, "is entra-agent a member of the group himds")?;
    unit(&host, "SupplementaryGroups=himds")?;
    host.import("")?.stdout()?;
    assert!(host.run("id alice")?.success());

    // Whoever holds the port names other files: the database of the agent, a link to it.
    host.run("ln -s /etc/entra-login/agent.toml /var/opt/azcmagent/tokens/link.key")?
        .stdout()?;
    for (realm, says) in [
        ("/etc/entra-login/agent.toml", "it is not read"),
        (
            "/var/opt/azcmagent/tokens/../../../../etc/entra-login/sync.key",
            "it is not read",
        ),
        ("/var/opt/azcmagent/tokens/link.key", "which can't be read"),
    ] {
        host.tenant().fault(&json!({
            "host": "localhost", "path_prefix": "/metadata/", "status": 401, "times": 1,
            "headers": { "www-authenticate": format!("Basic realm={realm}") },
        }))?;
        host.tenant().forget_requests()?;
        import_fails(&host, says)?;
        let asked = host.tenant().requests("/metadata/")?;
        assert_eq!(asked.len(), 1, "something was sent: {asked:?}");
    }
    Ok(())
}
