//! `entra-agent`: reads its command line and configuration, refuses to be root, and serves.
//!
//! Everything else is in the library. Exit code 0 after a stop, 1 if it could not start, 2 for a wrong
//! command line.

use std::error::Error;
use std::fmt::Display;
use std::io::{Read, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use entra_agent::clock::{Clock, SystemClock};
use entra_agent::{config, entra, logging, probe, server, service};
use entra_protocol::probe::MAX_QUESTION;

/// Threads that serve: sign-ins wait for the network and for people, not for a processor.
const WORKERS: usize = 2;

/// Imports Entra ID users and groups, publishes them to this host, and answers sign-ins.
///
/// Started by systemd with both of its sockets, as the user entra-agent.
#[derive(Parser)]
#[command(name = "entra-agent", version)]
struct Arguments {
    /// The configuration.
    #[arg(long, value_name = "FILE", default_value = config::DEFAULT_PATH)]
    config: PathBuf,

    /// The folder with the databases and, in `public`, the snapshot.
    #[arg(long, value_name = "DIR", default_value = "/var/lib/entra-login")]
    state: PathBuf,

    /// Read and check the configuration, and do nothing else.
    #[arg(long)]
    check: bool,

    /// Answer one question of `entractl setup` (JSON on stdin, JSON on stdout), and do nothing else.
    #[arg(long, hide = true, conflicts_with = "check")]
    probe: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if arguments.probe {
        return match answer_probe() {
            Ok(()) => ExitCode::SUCCESS,
            Err(reason) => refuse(reason),
        };
    }
    let path = arguments.config.display();
    let config = match config::load(&arguments.config) {
        Ok(config) => config,
        // Names its own file, which may be another than this one.
        Err(error @ config::ConfigError::Unreadable { .. }) => return refuse(error),
        Err(error) => return refuse(format_args!("{path}: {error}")),
    };
    if arguments.check {
        // What the agent will need at its first import; as whoever checks can read it.
        let now = SystemClock.now();
        for tenant in &config.tenants {
            if let Err(error) = entra::check_credential(&tenant.sync.credential, now) {
                let domain = &tenant.domain;
                return refuse(format_args!("{path}: [tenant.sync] of {domain}: {error}"));
            }
        }
        if let Some(proxy) = &config.proxy
            && let Err(error) = entra::check_proxy(proxy)
        {
            return refuse(format_args!("{path}: [proxy]: {error}"));
        }
        let _ = writeln!(std::io::stdout(), "OK");
        return ExitCode::SUCCESS;
    }
    if nix::unistd::geteuid().is_root() {
        return refuse(NOT_AS_ROOT);
    }
    let sockets = match server::take_sockets() {
        Ok(sockets) => sockets,
        Err(error) => return refuse(error),
    };
    logging::begin();
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .worker_threads(WORKERS)
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => return refuse(error),
    };
    let served = runtime.block_on(service::run(config, &arguments.state, sockets));
    // Blocking work that is under way (a publication) is short and finishes; nothing new begins.
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error}");
            refuse(error)
        }
    }
}

/// Reads the question, asks the tenant, writes what was found.
fn answer_probe() -> Result<(), Box<dyn Error>> {
    if nix::unistd::geteuid().is_root() {
        return Err(NOT_AS_ROOT.into());
    }
    let mut text = String::new();
    std::io::stdin()
        .take(MAX_QUESTION)
        .read_to_string(&mut text)?;
    let question = serde_json::from_str(&text)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let found = runtime.block_on(probe::answer(&question));
    Ok(serde_json::to_writer(std::io::stdout(), &found)?)
}

/// Nothing that talks to the network is root here.
const NOT_AS_ROOT: &str = "entra-agent does not run as root: it talks to the network. \
                           systemd starts it as the user entra-agent: systemctl start entra-agent";

/// One sentence on stderr, which systemd puts into the journal.
fn refuse(reason: impl Display) -> ExitCode {
    let _ = writeln!(std::io::stderr(), "error: {reason}");
    ExitCode::FAILURE
}
