//! `entra-tenant`: a stand-in for login.microsoftonline.com and graph.microsoft.com.
//!
//! What it is for: the tests and the demo point the real host names at it inside
//! a container of their own, with a certificate authority of their own, so that
//! the product ships no test-only path. Its invariant: what it answers is what
//! Entra was recorded or documented to answer; where that is not known, the
//! README of this folder says so.
//!
//! What it does not do: keep anything on disk, or guard anything. Its passwords
//! are plain text in a seed file.

#![forbid(unsafe_code)]

mod arm;
mod ca;
mod cli;
mod clock;
mod control;
mod faults;
mod front;
mod graph;
mod journal;
mod login;
mod metadata;
mod readiness;
mod state;
mod tls;
mod wire;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::new("info"))
        .with_writer(std::io::stderr)
        .with_target(false)
        .with_ansi(false)
        .init();
    match cli::run(cli::Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error}");
            ExitCode::FAILURE
        }
    }
}
