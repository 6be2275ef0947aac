//! The end of a trial of the gate: what was not confirmed goes back to what it was.
//!
//! The module holds to the published instant by itself, also when there is no agent; then local accounts are
//! let in. This is the other half: the setting in `state.db`, what is published, and the audit log. A trial
//! ends by the wall clock, so that it ends across restarts, and by the time that has passed since this process
//! first saw it, so that a clock that is set back makes it no longer.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::auth::{Publish, away, in_store};
use crate::clock::{Clock, UnixSeconds};
use crate::store::{Actor, Store, StoreError};

/// How late the end may be: the module itself is not late.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// Ends every trial in its time. Goes on for ever; what fails is tried again.
pub async fn keep(store: Store, clock: Arc<dyn Clock>, publish: Publish) {
    let mut watch = Watch::default();
    let mut ticks = interval(LOOK_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut unpublished = false;
    loop {
        ticks.tick().await;
        let now = clock.now();
        match in_store(&store, move |store| watch_once(store, watch, now)).await {
            Ok((seen, ended)) => {
                watch = seen;
                unpublished |= ended;
            }
            Err(error) => tracing::error!("whether a trial of the gate is over: {error}"),
        }
        if unpublished {
            let publish = publish.clone();
            match away(move || publish()).await {
                Ok(()) => unpublished = false,
                Err(error) => tracing::error!("the end of a trial is not published: {error}"),
            }
        }
    }
}

/// Ends the trial that is over by now, for the start of the agent. True if there was one; then publish.
///
/// # Errors
/// What the database said.
pub fn end_what_is_over(store: &Store, now: UnixSeconds) -> Result<bool, StoreError> {
    watch_once(store, Watch::default(), now).map(|(_, ended)| ended)
}

/// The trial that was last seen, and when it is over whatever the wall clock says.
#[derive(Debug, Clone, Copy, Default)]
struct Watch(Option<(UnixSeconds, Instant)>);

fn watch_once(store: &Store, watch: Watch, now: UnixSeconds) -> Result<(Watch, bool), StoreError> {
    let setting = store.gate()?;
    let Some(trial) = setting.trial else {
        return Ok((Watch::default(), false));
    };
    let over_at = match watch.0 {
        Some((ends, over_at)) if ends == trial.ends => over_at,
        _ => Instant::now() + Duration::from_secs(trial.ends.since(now)),
    };
    // As the module reads it: an absurd date is the end.
    let reads_as_over = store.policy()?.reads_as_open(now);
    if !reads_as_over && Instant::now() < over_at {
        return Ok((Watch(Some((trial.ends, over_at))), false));
    }
    let ended = store.end_trial(trial.ends, &Actor::agent())?;
    if ended {
        tracing::warn!(
            "the trial of local-auth {} ended without a confirmation: back to {}",
            setting.gate,
            trial.before
        );
    }
    Ok((Watch::default(), ended))
}
