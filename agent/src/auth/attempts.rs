//! The device codes that are being waited for: a newer attempt from the same place ends the older one.
//!
//! Somebody who presses Ctrl-C in ssh after Enter is gone, and sshd does not notice while the module waits:
//! the old code would be polled to its end, and two codes would be open for one person. The same place is
//! the same person through the same service at the same terminal and from the same remote host, as root
//! reports them; where neither terminal nor remote host is known, no attempt ends another. docs/threat-model.md
//! says what somebody at that same address can do with it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::Asked;
use crate::identity::ObjectKey;

/// Where somebody tries to sign in.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Place {
    person: ObjectKey,
    service: String,
    terminal: String,
    remote_host: String,
}

/// The latest attempt of each place.
#[derive(Default)]
pub(super) struct Attempts(Arc<Mutex<HashMap<Place, Arc<Notify>>>>);

/// One attempt; forgotten when dropped.
pub(super) struct Attempt {
    latest: Arc<Mutex<HashMap<Place, Arc<Notify>>>>,
    place: Option<Place>,
    ended: Arc<Notify>,
}

impl Attempts {
    /// Begins an attempt and ends the one before it from the same place.
    pub(super) fn begin(&self, person: ObjectKey, asked: &Asked) -> Attempt {
        let is_known = !(asked.terminal.is_empty() && asked.remote_host.is_empty());
        let place = is_known.then(|| Place {
            person,
            service: asked.service.clone(),
            terminal: asked.terminal.clone(),
            remote_host: asked.remote_host.clone(),
        });
        let ended = Arc::new(Notify::new());
        if let Some(place) = &place
            && let Some(older) = locked(&self.0).insert(place.clone(), Arc::clone(&ended))
        {
            older.notify_one();
        }
        Attempt {
            latest: Arc::clone(&self.0),
            place,
            ended,
        }
    }
}

impl Attempt {
    /// Returns when a newer attempt has begun; never, if none does.
    pub(super) async fn superseded(&self) {
        self.ended.notified().await;
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        let Some(place) = &self.place else { return };
        let mut latest = locked(&self.latest);
        // A newer one may have taken the place.
        if latest
            .get(place)
            .is_some_and(|held| Arc::ptr_eq(held, &self.ended))
        {
            latest.remove(place);
        }
    }
}

// An entry is whole whenever the lock is free; a panic elsewhere can't have torn it.
fn locked(
    latest: &Mutex<HashMap<Place, Arc<Notify>>>,
) -> MutexGuard<'_, HashMap<Place, Arc<Notify>>> {
    latest.lock().unwrap_or_else(PoisonError::into_inner)
}
