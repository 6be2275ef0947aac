//! The protocol's sizes and time limits, each with its unit and its reason.

use std::time::Duration;

/// The version that this build speaks; the `v` of every frame.
pub const VERSION: u16 = 1;

/// Bytes of JSON in one frame at most. A sign-in message needs under 8 KiB (a QR code is 3); long lists
/// travel as one row a frame, so that neither side ever holds a directory in one buffer.
pub const MAX_FRAME: usize = 64 * 1024;

/// Bytes of a user name at most: a UPN has up to 113 characters, and the module passes on what was typed.
pub const MAX_USER: usize = 256;

/// Bytes of a secret at most. PAM's own limit for a reply is 512 (`PAM_MAX_RESP_SIZE`).
pub const MAX_SECRET: usize = 512;

/// How long `connect` and each send may take. The agent only has to accept; a full backlog blocks for
/// ever without this (unix(7)).
pub const CONNECT_LIMIT: Duration = Duration::from_secs(2);

/// How long the agent may be silent during a sign-in unless it said [`Wait`](crate::login::ToModule::Wait):
/// a hung agent must not hold up a login.
pub const SILENCE_LIMIT: Duration = Duration::from_secs(5);

/// The longest silence that `Wait` can ask for: a device code lives 900 s, plus one slow last poll.
pub const MAX_WAIT: Duration = Duration::from_secs(960);

/// The whole of an account-phase question (design.md §7): after it the snapshot decides.
pub const ACCOUNT_LIMIT: Duration = Duration::from_secs(1);

/// How long `entractl` waits for the next frame. The agent sends progress at least every 10 s while it
/// works; three times that means it hangs.
pub const ADMIN_SILENCE_LIMIT: Duration = Duration::from_secs(30);

/// Names in one bulk frame at most (`role set`); longer lists come as several frames and one commit.
pub const NAMES_PER_FRAME: usize = 200;

/// Names in one bulk operation at most, over all its frames.
pub const MAX_BULK_NAMES: usize = 100_000;

/// The shortest interval of a schedule, in minutes: a tenant whose objects change more often is better
/// served by `entractl sync`, and a fleet that asks more often is throttled.
pub const INTERVAL_MINUTES_MIN: u32 = 5;

/// The longest interval of a schedule, in minutes (a week): half of what an offline host lives by default.
pub const INTERVAL_MINUTES_MAX: u32 = 7 * 24 * 60;
/// Rows in one frame of `ids import` at most: each has some 140 bytes.
pub const IDS_PER_FRAME: usize = 300;

/// Rows in one `ids import` at most, over all its frames: as many as the largest tenant that is
/// tested has objects, at some 40 bytes each in the agent.
pub const MAX_MAP_ROWS: usize = 1_000_000;

/// Names in the answer to one press of Tab at most: more than anybody reads, few enough for an instant.
pub const MAX_COMPLETIONS: u32 = 200;

/// How long a press of Tab may wait for the agent, from the first byte to the last.
pub const COMPLETION_LIMIT: Duration = Duration::from_secs(1);

/// The socket for sign-ins: callers are root, or a process whose uid is the user it asks for.
pub const LOGIN_SOCKET: &str = "/run/entra-login/login.sock";

/// The socket for administration: anyone may connect, each verb names the role that may call it.
pub const ADMIN_SOCKET: &str = "/run/entra-login/admin.sock";

/// The system user that the agent runs as.
pub const AGENT_USER: &str = "entra-agent";
