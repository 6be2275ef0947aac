//! Hosts with another `agent.toml` than the image's.

use harness::{Host, Trouble};

/// The registration that reads the directory.
pub(crate) const SYNC: &str = "3a6b1f0e-5c1d-4c58-8f3e-1f5f2a8d0002";

/// Where the configuration is.
const PATH: &str = "/etc/entra-login/agent.toml";

/// Writes these lines in place of `[tenant.sync]`'s. The agent does not know it yet.
pub(crate) fn write_sync(host: &Host, lines: &str) -> Result<(), Trouble> {
    let text = String::from_utf8_lossy(&host.read(PATH)?).into_owned();
    let head = text.split("[tenant.sync]").next().unwrap_or_default();
    let tail = text.split("[tenant.login]").nth(1).unwrap_or_default();
    host.write(
        PATH,
        format!("{head}[tenant.sync]\n{lines}\n[tenant.login]{tail}"),
    )
}

/// The same with the registration's id, for an agent that serves.
pub(crate) fn prove_by(host: &Host, credential: &str) -> Result<(), Trouble> {
    write_sync(host, &format!("client_id = \"{SYNC}\"\n{credential}"))?;
    host.restart_agent()
}

/// Appends a section, for an agent that serves.
pub(crate) fn append(host: &Host, section: &str) -> Result<(), Trouble> {
    let text = String::from_utf8_lossy(&host.read(PATH)?).into_owned();
    host.write(PATH, format!("{text}\n{section}\n"))?;
    host.restart_agent()
}

/// Writes a file that the agent alone may read.
pub(crate) fn write_secret(host: &Host, path: &str, content: &str) -> Result<(), Trouble> {
    host.write(path, content)?;
    host.run(&format!(
        "chown root:entra-agent {path} && chmod 0640 {path}"
    ))?
    .stdout()
    .map(drop)
}

/// Adds lines to the `[Service]` section of the agent's unit.
pub(crate) fn unit(host: &Host, lines: &str) -> Result<(), Trouble> {
    host.run("mkdir -p /etc/systemd/system/entra-agent.service.d")?
        .stdout()?;
    host.write(
        "/etc/systemd/system/entra-agent.service.d/test.conf",
        format!("[Service]\n{lines}\n"),
    )?;
    host.run("systemctl daemon-reload")?.stdout()?;
    host.restart_agent()
}

/// Imports with an agent that keeps no token, and expects this in the error.
pub(crate) fn import_fails(host: &Host, expected: &str) -> Result<String, Trouble> {
    host.restart_agent()?;
    let import = host.import("")?;
    assert!(!import.success(), "{import}");
    assert!(import.stderr.contains(expected), "{expected}:\n{import}");
    Ok(import.stderr)
}
