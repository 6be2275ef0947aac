//! The command line: `make-ca` and `serve`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use clap::{Parser, Subcommand};

use crate::clock::Clock;
use crate::front::Front;
use crate::state::{World, seed};
use crate::{ca, control, metadata, readiness, tls};

/// A simulated Entra tenant for tests and demos.
#[derive(Debug, Parser)]
#[command(version)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Write ca.pem, server.pem and server.key for the tenant's host names
    MakeCa {
        /// Folder to write to; made if missing
        #[arg(long)]
        out: PathBuf,
    },
    /// Answer as login.microsoftonline.com and graph.microsoft.com
    Serve {
        /// Server certificate chain (PEM)
        #[arg(long)]
        cert: PathBuf,
        /// Private key (PEM)
        #[arg(long)]
        key: PathBuf,
        /// The tenants to begin with (JSON, see README.md)
        #[arg(long)]
        seed: PathBuf,
        /// Address of the HTTPS listener
        #[arg(long, default_value = "127.0.0.1:443")]
        listen: SocketAddr,
        /// Address of a metadata service, without TLS; may repeat
        #[arg(long)]
        metadata: Vec<SocketAddr>,
        /// Path of the control socket; it appears once HTTPS is bound
        #[arg(long)]
        control: Option<PathBuf>,
    },
}

/// Does what was asked; the error is a sentence.
pub(crate) fn run(arguments: Arguments) -> Result<(), String> {
    match arguments.command {
        Command::MakeCa { out } => ca::make(&out),
        Command::Serve {
            cert,
            key,
            seed,
            listen,
            metadata: machine,
            control,
        } => {
            let acceptor = tls::acceptor(&cert, &key)?;
            let text = std::fs::read_to_string(&seed)
                .map_err(|error| format!("cannot read the seed {}: {error}", seed.display()))?;
            let world: World = seed::world(&text, Clock::wall())
                .map_err(|error| format!("{}: {error}", seed.display()))?;
            let front = Arc::new(Front::new(world));
            let runtime = tokio::runtime::Runtime::new()
                .map_err(|error| format!("cannot start the runtime: {error}"))?;
            runtime.block_on(async move {
                let listener = tls::bind(listen).await?;
                for address in machine {
                    metadata::listen(address, Arc::clone(&front)).await?;
                }
                if let Some(path) = control {
                    control::listen(&path, Arc::clone(&front))?;
                }
                readiness::announce();
                tracing::info!("listening on {listen}");
                tls::serve(listener, acceptor, front).await
            })
        }
    }
}
