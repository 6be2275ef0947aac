//! `entractl man-pages DIR`: a man page for every command, from the definition of the command line.
//!
//! Hidden: packaging calls it. The pages come out of the very program that is packaged, so that they can't
//! be another version's, and nothing needs to be built for them. `entra-agent --man-page` prints the agent's.

use std::fs;
use std::path::Path;

use clap::{Command, CommandFactory};
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};
use serde::Serialize;

use crate::args::Arguments;
use crate::output::{Screen, Shown, Text};
use crate::trouble::{HostTrouble, Trouble};

/// `{"pages": ["entractl.1", ...]}`
#[derive(Debug, Serialize)]
pub(crate) struct Pages {
    pages: Vec<String>,
}

pub(crate) fn write(folder: &Path) -> Result<Pages, Trouble> {
    fs::create_dir_all(folder).map_err(|error| HostTrouble::file("make", folder, &error))?;
    let mut command = Arguments::command().disable_help_subcommand(true);
    command.build();
    let mut pages = Vec::new();
    each(&command, &[], &mut |command, above| {
        let name = format!("{}.1", page_name(command));
        let path = folder.join(&name);
        let text = page(command, above).map_err(Trouble::Output)?;
        fs::write(&path, text).map_err(|error| HostTrouble::file("write", &path, &error))?;
        pages.push(name);
        Ok(())
    })?;
    Ok(Pages { pages })
}

/// What is done with a command and those above it.
type Show<'a> = &'a mut dyn FnMut(&Command, &[&Command]) -> Result<(), Trouble>;

/// Shows a command and those below it, each with the commands above.
fn each<'a>(command: &'a Command, above: &[&'a Command], show: Show<'_>) -> Result<(), Trouble> {
    show(command, above)?;
    let above = [above, &[command]].concat();
    for below in shown(command) {
        each(below, &above, show)?;
    }
    Ok(())
}

fn shown(command: &Command) -> impl Iterator<Item = &Command> {
    command
        .get_subcommands()
        .filter(|below| !below.is_hide_set())
}

fn page_name(command: &Command) -> &str {
    command
        .get_display_name()
        .unwrap_or_else(|| command.get_name())
}

fn page(command: &Command, above: &[&Command]) -> std::io::Result<Vec<u8>> {
    let man = Man::new(command.clone())
        .title(page_name(command).to_uppercase())
        .source(format!("entra-login {}", env!("CARGO_PKG_VERSION")))
        .manual("entra-login");
    let mut text = Vec::new();
    man.render_title(&mut text)?;
    man.render_name_section(&mut text)?;
    man.render_synopsis_section(&mut text)?;
    man.render_description_section(&mut text)?;
    if command.get_arguments().any(|one| !one.is_hide_set()) {
        man.render_options_section(&mut text)?;
    }
    if shown(command).next().is_some() {
        man.render_subcommands_section(&mut text)?;
    }
    let mut rest = Roff::default();
    rest.control("SH", ["EXIT STATUS"]);
    for (code, meaning) in EXIT_CODES {
        rest.control("TP", []);
        rest.text([bold(*code)]);
        rest.text([roman(*meaning)]);
    }
    if above.is_empty() {
        rest.control("SH", ["FILES"]);
        for (file, meaning) in FILES {
            rest.control("TP", []);
            rest.text([bold(*file)]);
            rest.text([roman(*meaning)]);
        }
    }
    rest.control("SH", ["SEE ALSO"]);
    let mut others: Vec<String> = above
        .iter()
        .copied()
        .chain(shown(command))
        .map(|other| format!("{}(1)", page_name(other)))
        .collect();
    others.push("entra-agent(8)".to_owned());
    rest.text([roman(others.join(", "))]);
    rest.to_writer(&mut text)?;
    Ok(text)
}

impl Shown for Pages {
    fn text(&self, _: Screen) -> Text {
        Text {
            data: self.pages.iter().map(|page| format!("{page}\n")).collect(),
            talk: Vec::new(),
        }
    }
}

/// As `main` has them.
const EXIT_CODES: &[(&str, &str)] = &[
    (
        "0",
        "Done. An import whose run ended well is done, also when some of its rows failed.",
    ),
    (
        "1",
        "Refused or failed; standard error says why and, where something can be done, what.",
    ),
    (
        "2",
        "The command line makes no sense; nothing was asked of the agent.",
    ),
];

const FILES: &[(&str, &str)] = &[
    (
        "/run/entra-login/admin.sock",
        "The agent's administration socket. Everybody may connect; each command names the role that it takes.",
    ),
    (
        "/etc/entra-login/agent.toml",
        "The agent's configuration. entractl does not read it.",
    ),
    (
        "/etc/entra-login/adopted",
        "The lines of local accounts that `users adopt` took out of /etc/passwd and its like.",
    ),
];
