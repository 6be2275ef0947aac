//! `entractl` administers entra-login without sudo: it asks the agent over `admin.sock` and shows the answer.
//!
//! Invariant: data goes to stdout, talk to stderr, and nothing that came from the tenant reaches a terminal
//! with its control characters alive. This program decides no right: the agent does, from the uid that the
//! kernel names and that user's role, so it needs no privilege and reads no configuration. `users adopt`,
//! `setup` and `pam` alone change files of the host, and take root. Unsafe code is in files named for it alone.
//!
//! Help, man pages and the words that shells complete come from the one definition in `args`; the wording
//! of all of it is held in `tests/golden`, to be read as a document.
//!
//! # Exit codes
//! * 0: done. An import whose run ended well is done, also when some of its rows failed.
//! * 1: refused or failed; stderr says `error:` and, where something can be done, `hint:`.
//! * 2: the command line makes no sense; nothing was asked of the agent.
//!
//! # `--json`
//! One JSON document on stdout per command; docs/json.md has the shape of each, and a test that it is so.
//! An error is `{"error": {"kind": .., "message": .., "hint": .., "reference": ..}}`.
//!
//! `kind` is one of `entra_protocol::admin::FailureKind`, or `unreachable`, `silent`, `broken_off` and
//! `protocol` where the agent gave no answer of its own, `host` where something on this host is in the way,
//! `precondition` and `given_up` where `groups select` ended before it asked for an import; `hint` and
//! `reference` may be null. Exit code 2
//! comes with a text on stderr and no document, since the caller's own command line is what is wrong.

mod agent;
mod args;
mod commands;
mod complete;
mod hint;
mod host;
mod output;
mod trouble;
mod usage;

use std::process::ExitCode;

use clap::Parser;

use crate::args::Arguments;
use crate::output::Output;

fn main() -> ExitCode {
    if complete::answer_the_shell() {
        return ExitCode::SUCCESS;
    }
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return usage::end(&error),
    };
    let mut output = Output::of_this_process(arguments.json);
    match commands::run(&arguments, &mut output) {
        Ok(()) => ExitCode::SUCCESS,
        Err(trouble) => output.trouble(&trouble),
    }
}
