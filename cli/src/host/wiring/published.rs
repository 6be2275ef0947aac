//! The published directory, as every program on this host sees it: there, whole, and young enough.
//!
//! It is read as the modules read it, without the agent.

use std::fs::File;

use entra_protocol::admin::Check;
use entra_snapshot::{PATH, ReadError, Snapshot};

use super::super::Host;
use super::{bad, good, skipped, warning};

const NAME: &str = "snapshot";

/// The file, or why there is none.
pub(crate) struct Published {
    read: Result<Snapshot<File>, ReadError>,
}

/// Seconds that the file may be ahead of this host's clock without a word.
const AHEAD: u64 = 5 * 60;

impl Published {
    /// Opens it; every record is read only by [`Published::check`].
    pub(crate) fn open(host: &Host) -> Self {
        Self {
            read: Snapshot::open(host.path(PATH)),
        }
    }

    /// How many people it has; none if it can't be read.
    pub(super) fn people(&self) -> u64 {
        self.read.as_ref().map_or(0, Snapshot::user_count)
    }

    /// The name of somebody in it.
    pub(super) fn somebody(&self) -> Option<String> {
        let snapshot = self.read.as_ref().ok()?;
        let (user, _) = snapshot.next_user(0).ok()??;
        Some(user.name.as_str().to_owned())
    }

    /// Whether somebody or something in it has this id.
    pub(super) fn has(&self, id: u32) -> bool {
        self.read.as_ref().is_ok_and(|snapshot| {
            matches!(snapshot.user_by_uid(id), Ok(Some(_)))
                || matches!(snapshot.group_by_gid(id), Ok(Some(_)))
        })
    }

    /// The file's generation.
    pub(crate) fn generation(&self) -> Option<u64> {
        self.read.as_ref().ok().map(Snapshot::generation)
    }

    /// `now`: seconds since 1970.
    pub(super) fn check(&self, now: u64) -> Check {
        const ANEW: &str =
            "systemctl restart entra-agent, which publishes it anew from its database";
        let snapshot = match &self.read {
            Ok(snapshot) => snapshot,
            Err(ReadError::Missing) => {
                return bad(NAME, ReadError::Missing.to_string(), "entractl import");
            }
            Err(ReadError::NewerVersion) => {
                return bad(
                    NAME,
                    ReadError::NewerVersion.to_string(),
                    "install the same version of all of entra-login",
                );
            }
            Err(error) => return bad(NAME, error.to_string(), ANEW),
        };
        if let Err(error) = snapshot.verify() {
            return match error {
                ReadError::Unreadable(error) => skipped(NAME, format!("{PATH}: {error}")),
                damaged => bad(NAME, damaged.to_string(), ANEW),
            };
        }
        let found = format!(
            "generation {}, {} users, {} groups",
            snapshot.generation(),
            snapshot.user_count(),
            snapshot.group_count()
        );
        let limit = u64::from(snapshot.policy().offline_maximum_age);
        judge(&found, snapshot.known_at(), limit, now)
    }
}

/// All in seconds.
fn judge(found: &str, known_at: u64, limit: u64, now: u64) -> Check {
    const SYNC: &str =
        "entractl status says why the last imports failed; entractl sync tries again";
    if known_at > now.saturating_add(AHEAD) {
        return warning(
            NAME,
            format!(
                "{found}, known as of {} s ahead of this host's clock",
                known_at - now
            ),
            "set the clock: timedatectl set-ntp true",
        );
    }
    let age = now.saturating_sub(known_at);
    let shown = format!("{found}, {} old", duration(age));
    if age >= limit {
        bad(
            NAME,
            format!(
                "{shown}: past the {} of [offline] maximum_age, imported people are refused while the agent \
                 can't say better",
                duration(limit)
            ),
            SYNC,
        )
    } else if age >= limit / 2 {
        warning(
            NAME,
            format!("{shown}: half of [offline] maximum_age has passed"),
            SYNC,
        )
    } else {
        good(NAME, shown)
    }
}

/// In the largest unit of which there are two.
fn duration(seconds: u64) -> String {
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7_200 => format!("{} minutes", seconds / 60),
        7_200..172_800 => format!("{} hours", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use entra_protocol::admin::CheckState;

    use super::*;

    #[test]
    fn age_counts_from_the_last_import_against_the_offline_maximum() {
        const DAY: u64 = 86_400;
        let now = 100 * DAY;
        let state = |known_at| judge("x", known_at, 14 * DAY, now).state;
        assert_eq!(state(now), CheckState::Good);
        assert_eq!(state(now - 7 * DAY + 1), CheckState::Good);
        assert_eq!(state(now - 7 * DAY), CheckState::Warning);
        assert_eq!(state(now - 14 * DAY), CheckState::Bad);
        assert_eq!(state(now + AHEAD), CheckState::Good);
        assert_eq!(state(now + AHEAD + 1), CheckState::Warning);
    }
}
