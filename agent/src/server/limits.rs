//! How much of this process others may take up: connections and time, each with unit and reason.

use std::time::Duration;

/// Connections to `login.sock` from root at most: a host with two hundred sign-ins at one instant is a
/// terminal server after a power cut.
pub(super) const LOGIN_SEATS_OF_ROOT: usize = 256;

/// Connections to `login.sock` from everybody else together (screen lockers that aren't root). A pool of
/// its own, so that they can't take root's seats.
pub(super) const LOGIN_SEATS_OF_OTHERS: usize = 64;

/// Connections to `admin.sock` from root at most.
pub(super) const ADMIN_SEATS_OF_ROOT: usize = 16;

/// Connections to `admin.sock` from everybody else together.
pub(super) const ADMIN_SEATS_OF_OTHERS: usize = 64;

/// Connections of one uid that isn't root to one socket at most.
pub(super) const SEATS_OF_ONE: usize = 4;

/// How long a peer may take for the first byte of its first message, and from the first to the last
/// byte of any. Both ends are on this host.
pub(super) const FRAME_LIMIT: Duration = Duration::from_secs(5);

/// How long one message to a peer may take: it reads, or it is gone.
pub(super) const SEND_LIMIT: Duration = Duration::from_secs(5);

/// How long a person may think at one prompt. Longer than `LoginGraceTime` (120 s), login(1) (60 s) and
/// sudo (5 min): these end the wait by hanging up.
pub(super) const ANSWER_LIMIT: Duration = Duration::from_secs(10 * 60);

/// One sign-in in all: the life of a device code, and two prompts before it.
pub(super) const SIGN_IN_LIMIT: Duration = Duration::from_secs(35 * 60);

/// The questions that are answered from the store: the module waits one second for them.
pub(super) const STORE_LIMIT: Duration = Duration::from_secs(2);

/// The longest silence during an administrator's verb; `entractl` gives up after three of these.
pub(super) const PROGRESS_GAP: Duration = Duration::from_secs(10);

/// How long conversations may go on once the service is told to stop: the unit is killed 5 s later
/// (`TimeoutStopSec`), and an upgrade should not wait for somebody's telephone.
pub(super) const STOP_LIMIT: Duration = Duration::from_secs(10);

/// The pause after accept(2) fails, as it does when the process has no descriptor left.
pub(super) const ACCEPT_PAUSE: Duration = Duration::from_millis(200);
