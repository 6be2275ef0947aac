//! The words and flags of what imports, syncs and schedules.

use std::str::FromStr;

use clap::{Args, Subcommand};
use entra_protocol::limits::{INTERVAL_MINUTES_MAX, INTERVAL_MINUTES_MIN};

use entra_protocol::admin::NameKind;

use super::times::{Date, date, duration};
use super::{Names, name, names};
use crate::complete;

// What flattens into several commands has no doc comment of its own: clap would show it as theirs.

#[derive(Debug, Default, Args)]
pub(crate) struct Tenant {
    /// Which of this host's tenants, by domain or tenant id
    ///
    /// Not needed where there is only one.
    #[arg(long, value_name = "DOMAIN", value_parser = name, add = complete::one(NameKind::Domains))]
    pub(crate) tenant: Option<String>,
}

#[derive(Debug, Default, Args)]
pub(crate) struct Caution {
    /// Remove whoever is gone from the tenant or from the scope, however many
    ///
    /// For this run only. An answer without any user is refused all the same.
    #[arg(long)]
    pub(crate) accept_removals: bool,

    /// Change nothing; show what would be added, changed and removed
    #[arg(long)]
    pub(crate) dry_run: bool,
}

#[derive(Debug, Default, Args)]
pub(crate) struct Import {
    /// Users by UPN, short name or object id, separated by commas
    ///
    /// May be given several times.
    #[arg(long, value_name = "NAME,...", value_parser = names, add = complete::list(NameKind::Users))]
    pub(crate) users: Vec<Names>,

    /// Groups by display name or object id, separated by commas; their members come along
    ///
    /// Members of nested groups come along too. A comma that belongs to a name is written `\,`.
    /// May be given several times.
    #[arg(long, value_name = "NAME,...", value_parser = names, add = complete::list(NameKind::GroupLabels))]
    pub(crate) groups: Vec<Names>,

    /// Import guests too
    #[arg(long)]
    pub(crate) guests: bool,

    /// Import Microsoft 365 groups too
    #[arg(long = "microsoft-365-groups")]
    pub(crate) microsoft_365_groups: bool,

    /// Import distribution groups too
    #[arg(long)]
    pub(crate) distribution_groups: bool,

    #[command(flatten)]
    pub(crate) tenant: Tenant,

    #[command(flatten)]
    pub(crate) caution: Caution,
}

#[derive(Debug, Default, Args)]
pub(crate) struct Sync {
    #[command(flatten)]
    pub(crate) tenant: Tenant,

    /// Read everything anew, not only what has changed since the last run
    #[arg(long)]
    pub(crate) full: bool,

    #[command(flatten)]
    pub(crate) caution: Caution,
}

#[derive(Debug, Default, Args)]
pub(crate) struct Select {
    #[command(flatten)]
    pub(crate) tenant: Tenant,

    /// Add these groups to the scope, without a list to tick
    ///
    /// By display name or object id, separated by commas; a comma that belongs to a name is written `\,`.
    #[arg(long, value_name = "NAME,...", value_parser = names, add = complete::list(NameKind::GroupLabels))]
    pub(crate) add: Vec<Names>,

    /// Take these groups out of the scope, without a list to tick
    #[arg(long, value_name = "NAME,...", value_parser = names, add = complete::list(NameKind::GroupLabels))]
    pub(crate) remove: Vec<Names>,

    #[command(flatten)]
    pub(crate) caution: Caution,
}

/// `entractl schedule ...`
#[derive(Debug, Subcommand)]
pub(crate) enum Schedule {
    /// Show each tenant's scope, interval, last and next run
    Show,
    /// Set how often a tenant is synced
    Set {
        /// Time between two runs, as in 30m, 1h30m or 1d; at least 5m, at most 7d
        ///
        /// Each run comes up to a fifth earlier or later, so that many hosts don't ask at one instant.
        #[arg(long, value_name = "TIME", value_parser = minutes)]
        every: u32,

        #[command(flatten)]
        tenant: Tenant,
    },
    /// Begin no further run until `schedule resume`
    Pause {
        #[command(flatten)]
        tenant: Tenant,
    },
    /// Begin runs again; one that was missed meanwhile is made up for at once
    Resume {
        #[command(flatten)]
        tenant: Tenant,
    },
}

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct History {
    #[command(flatten)]
    pub(crate) tenant: Tenant,

    /// How many runs to list, the latest first; 20 unless --since says otherwise
    #[arg(long, value_name = "COUNT", value_parser = count::<u32>)]
    pub(crate) limit: Option<u32>,

    /// Only runs that began on this day or later, as in 2026-12-31 (UTC)
    #[arg(long, value_name = "DATE", value_parser = date)]
    pub(crate) since: Option<Date>,

    #[command(subcommand)]
    pub(crate) one: Option<HistoryVerb>,
}

/// `entractl history ...`
#[derive(Debug, Subcommand)]
pub(crate) enum HistoryVerb {
    /// Show one run in full, with every object that it could not take
    Show {
        /// The run's number, as `entractl history` lists it
        #[arg(value_name = "NUMBER", value_parser = count::<u64>, add = complete::one(NameKind::Runs))]
        run: u64,
    },
}

/// Reads a whole number from 1 up.
pub(super) fn count<N: FromStr + PartialOrd + From<u8>>(text: &str) -> Result<N, String> {
    text.trim()
        .parse()
        .ok()
        .filter(|count| *count >= N::from(1))
        .ok_or_else(|| "it is a whole number, 1 or more".to_owned())
}

/// Reads an interval, as minutes.
pub(crate) fn minutes(text: &str) -> Result<u32, String> {
    let seconds = duration(text)?.as_secs();
    let minutes = u32::try_from(seconds / 60).unwrap_or(u32::MAX);
    if seconds % 60 != 0 {
        return Err("an interval is whole minutes".to_owned());
    }
    if !(INTERVAL_MINUTES_MIN..=INTERVAL_MINUTES_MAX).contains(&minutes) {
        return Err(format!(
            "the shortest interval is {INTERVAL_MINUTES_MIN}m, the longest {}d",
            INTERVAL_MINUTES_MAX / (24 * 60)
        ));
    }
    Ok(minutes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_with_their_unit() {
        for (text, expected) in [
            ("5m", 5),
            (" 30m", 30),
            ("2h", 120),
            ("1h30m", 90),
            ("1d", 1440),
            ("7d", 10_080),
        ] {
            assert_eq!(minutes(text), Ok(expected), "{text}");
        }
        for text in [
            "",
            "m",
            "30",
            "330s",
            "-5m",
            "1.5h",
            "4m",
            "0m",
            "8d",
            "99999999h",
            "5µ",
        ] {
            assert!(minutes(text).is_err(), "{text}");
        }
    }
}
