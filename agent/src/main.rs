//! `entra-agent`: reads its command line and configuration, refuses to be root, and serves.
//!
//! Everything else is in the library. Exit code 0 after a stop, 1 if it could not start, 2 for a wrong
//! command line.

use std::error::Error;
use std::fmt::Display;
use std::io::{Read, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{CommandFactory, Parser};
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

    /// Print the man page, for packaging, and do nothing else.
    #[arg(long, hide = true)]
    man_page: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if arguments.probe {
        return match answer_probe() {
            Ok(()) => ExitCode::SUCCESS,
            Err(reason) => refuse(reason),
        };
    }
    if arguments.man_page {
        return match man_page().and_then(|page| std::io::stdout().write_all(&page)) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => refuse(error),
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
/// entra-agent(8), from the definition above.
fn man_page() -> std::io::Result<Vec<u8>> {
    let man = clap_mangen::Man::new(Arguments::command())
        .section("8")
        .source(concat!("entra-login ", env!("CARGO_PKG_VERSION")))
        .manual("entra-login");
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    page.extend_from_slice(MAN_PAGE_REST.as_bytes());
    Ok(page)
}

/// What a definition of flags can't say.
const MAN_PAGE_REST: &str = "\
.SH EXIT STATUS
.TP
.B 0
Stopped as it was asked to, or \\fB\\-\\-check\\fR found nothing wrong.
.TP
.B 1
It could not start, or the configuration is wrong; standard error, which is the journal under systemd, says why.
.TP
.B 2
The command line makes no sense.
.SH FILES
.TP
.B /etc/entra\\-login/agent.toml
The configuration. The example in /usr/share/doc/entra\\-login explains every key.
.TP
.B /var/lib/entra\\-login
The databases, for the agent alone; in \\fBpublic\\fR the snapshot that every program on the host reads.
.TP
.B /run/entra\\-login/login.sock
For the PAM module.
.TP
.B /run/entra\\-login/admin.sock
For \\fBentractl\\fR(1).
.SH SEE ALSO
\\fBentractl\\fR(1), \\fBsystemctl\\fR(1), \\fBjournalctl\\fR(1)
";

/// One sentence on stderr, which systemd puts into the journal.
fn refuse(reason: impl Display) -> ExitCode {
    let _ = writeln!(std::io::stderr(), "error: {reason}");
    ExitCode::FAILURE
}
