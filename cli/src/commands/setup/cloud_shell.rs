//! `entractl setup --cloud-shell`: the script that registers both applications.
//!
//! It is printed as it is and run by the administrator, in the Azure Cloud Shell or wherever `az` is
//! signed in; this program neither runs it nor learns what it prints. Its options are its own
//! (`--help`), so that one text serves every tenant and can be read before it is run.

use serde::Serialize;

use crate::output::{Screen, Shown, Text};

/// `{"script": TEXT}`
#[derive(Debug, Serialize)]
pub(crate) struct Script {
    script: &'static str,
}

impl Script {
    /// The script, for bash.
    pub(crate) fn new() -> Self {
        Self { script: script() }
    }
}

impl Shown for Script {
    fn text(&self, _: Screen) -> Text {
        Text {
            data: self.script.to_owned(),
            talk: vec![
                "Save it in the Azure Cloud Shell (bash), read it, and run it: bash register.sh --help"
                    .to_owned(),
            ],
        }
    }
}

fn script() -> &'static str {
    include_str!("cloud_shell.sh")
}

#[cfg(test)]
mod tests {
    use super::script;

    #[test]
    fn the_script_asks_for_the_least_and_keeps_the_secret_off_command_lines() {
        assert!(script().starts_with("#!/usr/bin/env bash\n"));
        assert!(script().contains("permissions=(User.Read.All GroupMember.Read.All)\n"));
        assert!(script().contains("scopes=(openid profile)\n"));
        assert!(script().contains("--client-secret-stdin"));
        for wider in ["Directory.Read", "ReadWrite", "Group.Read.All"] {
            assert!(!script().contains(wider), "{wider}");
        }
    }
}
