//! The line on stderr that shows that a verb is at work, and how far it is.
//!
//! It appears when a verb has taken longer than [`PATIENCE`], so that quick ones show nothing, and only on a
//! terminal that can move its cursor. Gone without a trace when dropped: what follows on the terminal is the
//! answer or the error.

use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use entra_protocol::admin::Progress;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::colour;
use super::escape::escape;

/// How long nothing is shown: a second is when people begin to wonder.
const PATIENCE: Duration = Duration::from_secs(1);

/// A line that is drawn over and over.
#[derive(Debug)]
pub(crate) struct ProgressLine {
    bar: ProgressBar,
    /// Dropped, it tells the thread that waits to draw that there is nothing to draw any more.
    waiting: Option<(Sender<()>, JoinHandle<()>)>,
}

impl ProgressLine {
    /// Begins to wait; the text is shown until the first [`ProgressLine::show`].
    pub(crate) fn begin(text: &'static str) -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden());
        bar.set_style(style(PLAIN));
        bar.set_message(text);
        let waiting = colour::can_draw().then(|| {
            let (done, is_done) = mpsc::channel();
            let bar = bar.clone();
            let thread = thread::spawn(move || {
                if let Err(RecvTimeoutError::Timeout) = is_done.recv_timeout(PATIENCE) {
                    bar.set_draw_target(ProgressDrawTarget::stderr());
                    bar.enable_steady_tick(TICK);
                }
            });
            (done, thread)
        });
        Self { bar, waiting }
    }

    /// Shows the newest state.
    pub(crate) fn show(&mut self, progress: &Progress) {
        match progress.total {
            Some(total) => self.bar.set_length(total),
            None => self.bar.unset_length(),
        }
        self.bar.set_style(style(if progress.total.is_some() {
            WITH_TOTAL
        } else {
            WITHOUT_TOTAL
        }));
        self.bar.set_message(escape(&progress.stage).into_owned());
        self.bar.set_position(progress.done);
    }
}

impl Drop for ProgressLine {
    fn drop(&mut self) {
        if let Some((done, thread)) = self.waiting.take() {
            drop(done);
            // Joined first: it must not begin to draw after the line is cleared.
            let _ = thread.join();
        }
        self.bar.finish_and_clear();
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template)
        .unwrap_or_else(|_| ProgressStyle::default_spinner())
        .tick_chars("-\\|/ ")
        .progress_chars("=> ")
}

const WITH_TOTAL: &str = "{spinner} {msg} [{bar:24}] {pos}/{len} ({elapsed})";
const WITHOUT_TOTAL: &str = "{spinner} {msg} {pos} ({elapsed})";
const PLAIN: &str = "{spinner} {msg} ({elapsed})";

/// How often the spinner turns: slow enough for a serial console, fast enough to look alive.
const TICK: Duration = Duration::from_millis(200);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_templates_are_well_formed() {
        // One that does not parse would silently become a spinner without the count.
        for template in [WITH_TOTAL, WITHOUT_TOTAL, PLAIN] {
            ProgressStyle::with_template(template).unwrap();
        }
    }
}
