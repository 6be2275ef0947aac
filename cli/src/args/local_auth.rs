//! The words of `entractl local-auth ...`.

use std::time::Duration;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Subcommand};
use entra_protocol::admin::{GateMode, TRIAL_SECONDS_MAX, TRIAL_SECONDS_MIN};

use super::name;
use super::times::duration;
use crate::complete;

/// `entractl local-auth ...`
#[derive(Debug, Subcommand)]
pub(crate) enum LocalAuth {
    /// Show the gate: what it is, who is exempt, whom it shuts out
    Show,
    /// Set the gate: allow, fallback or deny
    ///
    /// allow: local accounts sign in as without entra-login. fallback: only while Entra ID can't be reached. deny:
    /// only the exempt accounts. It acts where somebody signs in, unlocks or becomes somebody; cron, services,
    /// system accounts (uid 1 to 999) and root's own su never notice it.
    ///
    /// fallback and deny take proof that somebody can still come in: Entra ID sign-in is on, an administrator
    /// has signed in here through it, and an exempt account was proven within 30 days. What is missing is said
    /// with its cure, and nothing is changed then (exit code 1).
    ///
    /// Try it first: with --try it undoes itself unless `entractl local-auth confirm` comes in that time.
    Set(Set),
    /// Keep what is being tried
    Confirm,
    /// Look whether an exempt account can sign in, and keep that in mind for 30 days (takes root)
    ///
    /// Looks at /etc/passwd and /etc/shadow: the account is there, has a shell and a password, and is neither
    /// locked nor expired. Nothing is changed on the host. A session that it opens here over ssh, at a console or
    /// at a screen proves it as well, without this.
    Prove {
        /// The local account
        #[arg(value_name = "NAME", value_parser = name, add = complete::local_account())]
        name: String,
    },
    /// Exempt a local account from the gate, or not any more
    #[command(subcommand)]
    Exempt(Exempt),
}

/// `entractl local-auth set`
#[derive(Debug, Args)]
pub(crate) struct Set {
    /// allow, fallback or deny
    #[arg(value_name = "GATE", ignore_case = true, value_parser = gate_parser(), hide_possible_values = true)]
    pub(crate) gate: GateMode,

    /// Go back to what it was after this time, unless it is confirmed: 10m, 2h
    #[arg(long = "try", value_name = "DURATION", value_parser = trial)]
    pub(crate) trial: Option<Duration>,

    /// Only show what would change, and who could still sign in
    #[arg(long)]
    pub(crate) dry_run: bool,
}

/// `entractl local-auth exempt ...`
#[derive(Debug, Subcommand)]
pub(crate) enum Exempt {
    /// Let a local account sign in whatever the gate is
    Add {
        /// The local account
        #[arg(value_name = "NAME", value_parser = name, add = complete::local_account())]
        name: String,
    },
    /// Do so no more
    ///
    /// root is exempt from the start; it is let go only while another exempt account is proven. The last proven
    /// account stays while the gate is not `allow`.
    Remove {
        /// The local account
        #[arg(value_name = "NAME", value_parser = name, add = complete::local_account())]
        name: String,
    },
}

fn gate_parser() -> impl TypedValueParser<Value = GateMode> {
    PossibleValuesParser::new(GateMode::ALL.map(GateMode::word)).try_map(|word| {
        GateMode::ALL
            .into_iter()
            .find(|mode| mode.word().eq_ignore_ascii_case(&word))
            .ok_or("not a gate")
    })
}

fn trial(text: &str) -> Result<Duration, String> {
    let trial = duration(text)?;
    let seconds = trial.as_secs();
    if (u64::from(TRIAL_SECONDS_MIN)..=u64::from(TRIAL_SECONDS_MAX)).contains(&seconds) {
        Ok(trial)
    } else {
        Err("a trial lasts 1m to 24h".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trial_has_limits() {
        for (text, seconds) in [("1m", 60), ("10m", 600), ("24h", 86_400), ("1d", 86_400)] {
            assert_eq!(trial(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for text in ["59s", "25h", "0m", "2d"] {
            assert_eq!(
                trial(text).unwrap_err(),
                "a trial lasts 1m to 24h",
                "{text}"
            );
        }
        assert!(trial("soon").is_err());
    }
}
