//! `entractl` administers entra-login without sudo: it asks the agent over `admin.sock` and shows the answer.
//!
//! Invariant: data goes to stdout, talk to stderr, and nothing that came from the tenant reaches a terminal
//! with its control characters alive. This program decides no right: the agent does, from the uid that the
//! kernel names and that user's role, so it needs no privilege and reads no configuration. `users adopt`
//! and `pam` alone change files of the host, and take root. Unsafe code is in files named for it alone.
//!
//! # Exit codes
//! * 0: done. An import whose run ended well is done, also when some of its rows failed.
//! * 1: refused or failed; stderr says `error:` and, where something can be done, `hint:`.
//! * 2: the command line makes no sense; nothing was asked of the agent.
//!
//! # `--json`
//! One JSON document on stdout per command, with the fields of `entra_protocol::admin`:
//!
//! | command | document |
//! |---|---|
//! | `import`, `sync`, `groups select` | `{"import": ImportSummary, "failures": [FailedObject]}`; with `--dry-run` also `"changes": [Change]` |
//! | `schedule ...` | `{"domains": [DomainRow]}` |
//! | `history` | `{"runs": [RunRow]}` |
//! | `history show` | `{"run": RunRow, "failures": [FailedObject]}` |
//! | `status` | `{"status": Status}` |
//! | `doctor` | `{"checks": [Check]}`, also with exit code 1 |
//! | `users list` | `{"users": [UserRow]}` |
//! | `users show` | `{"user": UserDetail}` |
//! | `groups fetch`, `groups list` | `{"groups": [GroupRow]}` |
//! | `groups show` | `{"group": GroupRow, "members": {"users": [UserRow], "groups": [GroupRow]}}` |
//! | `role set` | `{"roles": [RoleChange]}` |
//! | `auth ...` | `{"auth": AuthState}` |
//! | `ids show`, `ids export` | `{"ids": [IdRow]}` |
//! | `ids import` | `{"import": IdsImported, "differences": [IdDifference]}`, also with exit code 1 |
//! | `users release` | `{"released": ReleasedName, "left": [{"what", "place", "seen"}]}` |
//! | `users adopt` | `{"adoption": Adoption, "account": LocalAccount, "kept": [...], "processes": [...], "done": bool, ..}` |
//! | `users adopt --undo` | `{"adoption": Adoption, "lines": ["/etc/passwd", ...], "done": bool}` |
//! | `pam preview` | `{"wired": bool, "waiting": bool, "changes": [{"path", "diff"}], "commands": [..], "notes": [..]}` |
//! | `pam enable` | the same of what was done, `"checks": [{"service", "user", "before", "after"}]`, `"undo_after": seconds or null`, `"done": bool` |
//! | `pam confirm` | `{"confirmed": true}` |
//! | `pam disable` | `{"restored": [path], "trimmed": [path]}` |
//! | any, exit code 1 | `{"error": {"kind": .., "message": .., "hint": .., "reference": ..}}` |
//!
//! `kind` is one of `entra_protocol::admin::FailureKind`, or `unreachable`, `silent`, `broken_off` and
//! `protocol` where the agent gave no answer of its own, `host` where something on this host is in the way,
//! `precondition` and `given_up` where `groups select` ended before it asked for an import; `hint` and
//! `reference` may be null. Exit code 2
//! comes with a text on stderr and no document, since the caller's own command line is what is wrong.

mod agent;
mod args;
mod commands;
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
