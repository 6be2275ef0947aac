//! What `setup` did: shown at the end, as text or as JSON.

use entra_protocol::admin::{Check, CheckState};
use serde::Serialize;

use crate::commands::import::Imported;
use crate::output::table::properties;
use crate::output::{Screen, Shown, Text};

/// `{"setup": {..}, "import": .., "next": [..]}`
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    pub(super) setup: Written,
    /// What the import said, with its failures; `null` if nothing was imported.
    pub(super) import: Option<Imported>,
    /// Commands that lead on, in their order.
    pub(super) next: Vec<Step>,
}

/// What stands in `agent.toml` now.
#[derive(Debug, Serialize)]
pub(crate) struct Written {
    pub(super) tenant_id: String,
    pub(super) domain: String,
    pub(super) cloud: String,
    /// The files that were written; none if everything stood there already.
    pub(super) files: Vec<String>,
    /// What the tenant said about the answers.
    pub(super) checks: Vec<Check>,
    /// Whether it was asked at all.
    pub(super) tested: bool,
}

/// A command that leads on.
#[derive(Debug, Serialize)]
pub(crate) struct Step {
    pub(super) command: String,
    pub(super) why: String,
}

impl Shown for Report {
    fn text(&self, screen: Screen) -> Text {
        let written = &self.setup;
        let files = match written.files.is_empty() {
            true => "nothing to change".to_owned(),
            false => written.files.join(", "),
        };
        let mut data = properties(&[
            (
                "Tenant",
                format!("{} ({})", written.domain, written.tenant_id),
            ),
            ("Cloud", written.cloud.clone()),
            ("Written", files),
        ]);
        if let Some(import) = &self.import {
            data.push('\n');
            data.push_str(&import.text(screen).data);
        }
        let mut talk = Vec::new();
        if !written.tested {
            talk.push(
                "The tenant was not asked whether this is right: `entractl doctor` asks."
                    .to_owned(),
            );
        }
        if let Some(import) = &self.import {
            talk.extend(import.text(screen).talk);
        }
        if !self.next.is_empty() {
            talk.push("Next:".to_owned());
            let longest = self.next.iter().map(|step| step.command.len()).max();
            let width = longest.unwrap_or_default();
            for Step { command, why } in &self.next {
                talk.push(format!("  {command:width$}  {why}"));
            }
        }
        Text { data, talk }
    }
}

/// A check as a line for whoever sits there.
pub(super) fn line(check: &Check) -> Vec<String> {
    let word = match check.state {
        CheckState::Good => "ok",
        CheckState::Warning => "warning",
        CheckState::Bad => "BAD",
        CheckState::Skipped => "skipped",
        CheckState::Unknown => "unknown",
    };
    let mut lines = vec![format!("  {word:<8}{}: {}", check.name, check.found)];
    for (label, text) in [("do", &check.cure), ("reference", &check.reference)] {
        lines.extend(
            text.as_ref()
                .map(|text| format!("          {label}: {text}")),
        );
    }
    lines
}
