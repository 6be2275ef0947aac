//! `cargo xtask demo | test | check | bench`: the project's few commands, in one place.
//!
//! Each command says what it does before it does it, installs the build tools it
//! needs, and keeps everything it makes below `target/`. The machine's own
//! configuration, users and services are not touched; Debian packages for
//! building are the only thing installed on the machine itself.
//!
//! It does not hide cargo: each cargo command it runs is printed first.

#![forbid(unsafe_code)]

mod artefacts;
mod bench;
mod budget;
mod check;
mod command;
mod demo;
mod gates;
mod image;
mod place;
mod python;
mod root;
mod stamp;
mod test;
mod tools;

use std::process::ExitCode;

use command::{Outcome, fail, say};
use place::Workspace;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match dispatch(&words) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            say(&format!("\nerror: {failure}"));
            ExitCode::FAILURE
        }
    }
}

/// One row per command; anything else is answered with the usage.
fn dispatch(words: &[&str]) -> Outcome {
    let workspace = Workspace::find()?;
    match words {
        ["demo"] => demo::run(&workspace, demo::Ending::PowerOff),
        ["demo", "--shell"] => demo::run(&workspace, demo::Ending::Shell),
        ["test"] => test::everything(&workspace),
        ["test", "--all"] => test::all(&workspace),
        ["test", "--only-in-all"] => test::only_in_all(&workspace),
        ["test", filter] if !filter.starts_with('-') => test::matching(&workspace, filter),
        ["bench", "import"] => bench::import(&workspace, &bench::SIZES),
        ["bench", "import", sizes @ ..] => bench::import(&workspace, &numbers(sizes)?),
        ["bench", "login"] => bench::login(&workspace, None),
        ["bench", "login", count] => bench::login(&workspace, numbers(&[*count])?.first().copied()),
        ["bench", "roles"] => bench::roles(&workspace, None),
        ["bench", "roles", people] => {
            bench::roles(&workspace, numbers(&[*people])?.first().copied())
        }
        ["check"] => check::everything(&workspace),
        ["help" | "--help" | "-h"] | [] => {
            say(USAGE);
            Ok(())
        }
        _ => Err(fail(format!(
            "unknown arguments: {}\n\n{USAGE}",
            words.join(" ")
        ))),
    }
}

/// Numbers of people or of sign-ins.
fn numbers(words: &[&str]) -> Outcome<Vec<u64>> {
    words
        .iter()
        .map(|word| {
            word.parse()
                .map_err(|_| fail(format!("{word:?} is no number")))
        })
        .collect()
}

const USAGE: &str = "\
usage: cargo xtask COMMAND

  demo [--shell]         build all, boot a Debian host under target/ with a simulated
                         tenant, and show sign-ins on it; --shell stays inside
  test [--all]           every test, as CI runs them; --all also those with the Azure CLI
                         (700 MB), which --only-in-all runs alone
  test FILTER            only tests whose name contains it, without the checks
  check                  format, clippy, documentation, sizes and dependencies
                         of the two modules (no host is booted)
  bench import [N...]    imports of tenants of so many people (10000 100000 1000000):
                         time, processor and memory, next to a bare client
  bench login [N]        so many sign-ins by password, one at a time (500): p50 and
                         p99 next to the tenant's own answer
  bench roles [N]        how long a role takes to show in NSS with so many people
                         (100000), given to one and to a group of all

Needs root on Debian 12 or later: hosts are booted with systemd-nspawn.";
