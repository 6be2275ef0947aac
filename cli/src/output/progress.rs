//! The line on stderr that shows how far a long verb is.
//!
//! Drawn only if stderr is a terminal that can move its cursor, and only once the agent has sent
//! progress, so that quick verbs show nothing. Gone without a trace when dropped: what follows on the
//! terminal is the answer or the error.

use std::time::Duration;

use entra_protocol::admin::Progress;
use indicatif::{ProgressBar, ProgressStyle};

use super::escape::escape;

/// A line that is drawn over and over.
#[derive(Debug, Default)]
pub(crate) struct ProgressLine {
    bar: Option<ProgressBar>,
}

impl ProgressLine {
    /// Shows the newest state.
    pub(crate) fn show(&mut self, progress: &Progress) {
        let bar = self.bar.get_or_insert_with(|| {
            let bar = ProgressBar::new_spinner();
            bar.enable_steady_tick(TICK);
            bar
        });
        match progress.total {
            Some(total) => bar.set_length(total),
            None => bar.unset_length(),
        }
        bar.set_style(style(progress.total.is_some()));
        bar.set_message(escape(&progress.stage).into_owned());
        bar.set_position(progress.done);
    }
}

impl Drop for ProgressLine {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn style(total_known: bool) -> ProgressStyle {
    ProgressStyle::with_template(if total_known {
        WITH_TOTAL
    } else {
        WITHOUT_TOTAL
    })
    .unwrap_or_else(|_| ProgressStyle::default_spinner())
    .tick_chars("-\\|/ ")
    .progress_chars("=> ")
}

const WITH_TOTAL: &str = "{spinner} {msg} [{bar:24}] {pos}/{len} ({elapsed})";
const WITHOUT_TOTAL: &str = "{spinner} {msg} {pos} ({elapsed})";

/// How often the spinner turns: slow enough for a serial console, fast enough to look alive.
const TICK: Duration = Duration::from_millis(200);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_templates_are_well_formed() {
        // One that does not parse would silently become a spinner without the count.
        for template in [WITH_TOTAL, WITHOUT_TOTAL] {
            ProgressStyle::with_template(template).unwrap();
        }
    }
}
