//! The agent of a host: stopping, hanging, killing it.

use crate::host::COMMAND_LIMIT;
use crate::{Host, Trouble, until};

impl Host {
    /// Stops the agent and its sockets, as a package removal would.
    ///
    /// # Errors
    /// When systemctl fails.
    pub fn stop_agent(&self) -> Result<(), Trouble> {
        let units = "entra-agent-login.socket entra-agent-admin.socket entra-agent.service";
        self.run(&format!("systemctl stop {units}"))?
            .stdout()
            .map(drop)
    }

    /// Starts agent and sockets, and waits for readiness.
    ///
    /// # Errors
    /// When it does not become ready.
    pub fn start_agent(&self) -> Result<(), Trouble> {
        let units = "entra-agent-login.socket entra-agent-admin.socket entra-agent.service";
        self.run(&format!("systemctl start {units}"))?
            .stdout()
            .map(drop)
    }

    /// Starts the agent anew, for a changed configuration.
    ///
    /// # Errors
    /// When it does not become ready.
    pub fn restart_agent(&self) -> Result<(), Trouble> {
        self.run("systemctl restart entra-agent.service")?
            .stdout()
            .map(drop)
    }

    /// Makes the agent hang: it is there, its sockets take connections, nothing
    /// is ever answered.
    ///
    /// # Errors
    /// When systemctl fails.
    pub fn freeze_agent(&self) -> Result<(), Trouble> {
        self.run("systemctl kill --signal=STOP entra-agent.service")?
            .stdout()
            .map(drop)
    }

    /// Lets a frozen agent go on.
    ///
    /// # Errors
    /// When systemctl fails.
    pub fn thaw_agent(&self) -> Result<(), Trouble> {
        self.run("systemctl kill --signal=CONT entra-agent.service")?
            .stdout()
            .map(drop)
    }

    /// Kills the agent where it stands and waits until systemd has a new one ready.
    ///
    /// # Errors
    /// When no new agent becomes ready in time.
    pub fn kill_agent(&self) -> Result<(), Trouble> {
        let before = self.agent_process()?;
        self.run("systemctl kill --signal=KILL entra-agent.service")?
            .stdout()?;
        until("a new agent", COMMAND_LIMIT, || {
            let now = self.agent_process().ok()?;
            let active = self
                .run("systemctl is-active entra-agent.service")
                .ok()?
                .success();
            (active && now != before && now != "0").then_some(())
        })
    }

    fn agent_process(&self) -> Result<String, Trouble> {
        Ok(self
            .run("systemctl show -P MainPID entra-agent.service")?
            .stdout()?
            .to_owned())
    }
}
