//! `entractl completions SHELL`: the script that a package installs, and that anybody may source.
//!
//! What it offers is decided at each Tab, by the `entractl` that is then installed: see `complete`.

use serde::Serialize;

use crate::complete;
use crate::output::{Screen, Shown, Text};
use crate::trouble::Trouble;

/// `{"shell": "bash", "script": "..."}`
#[derive(Debug, Serialize)]
pub(crate) struct Script {
    shell: String,
    script: String,
}

pub(crate) fn completions(shell: &str) -> Result<Script, Trouble> {
    Ok(Script {
        shell: shell.to_owned(),
        script: complete::script(shell).ok_or(Trouble::WrongAnswer)?,
    })
}

impl Shown for Script {
    fn text(&self, _: Screen) -> Text {
        Text {
            data: self.script.clone(),
            talk: Vec::new(),
        }
    }
}
