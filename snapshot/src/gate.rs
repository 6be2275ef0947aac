//! What the gate on local accounts says to one call of PAM (docs/pam.md, "The gate on local accounts").
//!
//! One pure function for whoever has to know: the PAM module decides by it, the agent tells by it whom a setting
//! would shut out, and the property test runs it with everything else that the module runs.
//!
//! Invariant: every doubt passes. A setting that has no effect (Entra sign-in is off, a trial that is over or
//! whose dates make no sense), a service without a name, an account whose number can't be read: the gate
//! then reads as [`Gate::Allow`]. It knows no imported people and never says that somebody may come in: what
//! passes is left to the rest of the stack.

use crate::entry::{Gate, Policy};

/// Which phase of PAM asks. Every other phase is none of the gate's business.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GatePhase {
    /// `pam_sm_authenticate`.
    Auth,
    /// `pam_sm_acct_mgmt`.
    Account,
}

/// One call of PAM about an account of `/etc/passwd`.
#[derive(Clone, Copy, Debug)]
pub struct LocalCall<'a> {
    /// The phase.
    pub phase: GatePhase,
    /// The account's name, byte by byte as its line has it.
    pub name: &'a [u8],
    /// Its number; none if the line has none that can be read.
    pub uid: Option<u32>,
    /// `PAM_SERVICE`.
    pub service: &'a str,
    /// Whether the process that asks was started by root: its real uid is 0.
    pub by_root: bool,
}

/// What the gate says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ruling {
    /// None of its business: as if there were no gate.
    Pass(Reason),
    /// Shut only while Entra can be reached, which the agent knows. No answer means that it can't.
    PassIfUnreachable,
    /// Shut.
    Refuse,
}

/// Why the gate lets a call pass, for whoever explains it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The gate reads as `allow` at that instant.
    Open,
    /// The service or the phase is never looked at.
    Service,
    /// The account is the system's: its number is from 1 to 999, or can't be read.
    SystemAccount,
    /// The account is a break-glass account.
    BreakGlass,
    /// Root became this user, and needs nobody's leave.
    ByRoot,
}

impl Policy {
    /// What the gate reads as at `now`, in seconds since 1970.
    #[must_use]
    pub fn gate_at(&self, now: u64) -> Gate {
        if !self.sign_in_enabled {
            return Gate::Allow;
        }
        let Some(ends) = self.gate_trial_ends else {
            return self.gate;
        };
        let began = self.gate_set_at.unwrap_or(0);
        let is_over = now >= ends;
        // A clock that was set back would make a trial longer than anybody agreed to.
        let is_before_it_began = now.saturating_add(CLOCK_STEP) < began;
        let is_absurd = ends.saturating_sub(now) > LONGEST_TRIAL + CLOCK_STEP;
        if is_over || is_before_it_began || is_absurd {
            Gate::Allow
        } else {
            self.gate
        }
    }

    /// Whether the gate never refuses the account: it is named, or it is root's number under another name while
    /// root is named.
    #[must_use]
    pub fn is_break_glass(&self, name: &[u8], uid: Option<u32>) -> bool {
        let named = |name: &[u8]| {
            let mut names = self.break_glass.iter();
            names.any(|listed| listed.as_bytes() == name)
        };
        named(name) || (uid == Some(ROOT_UID) && named(ROOT))
    }

    /// What the gate says to `call` at `now`.
    #[must_use]
    pub fn rule(&self, call: &LocalCall<'_>, now: u64) -> Ruling {
        let shut = match self.gate_at(now) {
            Gate::Allow => return Ruling::Pass(Reason::Open),
            Gate::Fallback => Ruling::PassIfUnreachable,
            Gate::Deny => Ruling::Refuse,
        };
        if is_never_looked_at(call) {
            return Ruling::Pass(Reason::Service);
        }
        if !call
            .uid
            .is_some_and(|uid| uid == ROOT_UID || uid >= FIRST_PERSON)
        {
            return Ruling::Pass(Reason::SystemAccount);
        }
        if self.is_break_glass(call.name, call.uid) {
            return Ruling::Pass(Reason::BreakGlass);
        }
        if call.by_root && BECOMING.contains(&call.service) {
            return Ruling::Pass(Reason::ByRoot);
        }
        shut
    }
}

/// Whether somebody begins to work at this host through the service: over the network, at a console or at a
/// screen. Only there the gate acts in the account phase too, where key logins come, and only sessions of these
/// prove that an account can come in.
#[must_use]
pub fn is_a_way_in(service: &str) -> bool {
    WAYS_IN.contains(&service)
}

fn is_never_looked_at(call: &LocalCall<'_>) -> bool {
    call.service.is_empty()
        || JOBS.contains(&call.service)
        || (call.phase == GatePhase::Account && !is_a_way_in(call.service))
}

/// The longest trial, in seconds: a day in which somebody is there to confirm it.
pub const LONGEST_TRIAL: u64 = 24 * 60 * 60;

/// Seconds by which the clock may run behind the instant at which the gate was set: a step of NTP just after.
const CLOCK_STEP: u64 = 300;

const ROOT: &[u8] = b"root";
const ROOT_UID: u32 = 0;

/// The first number that useradd(8) gives to a person (`UID_MIN` of login.defs as distributions ship it).
const FIRST_PERSON: u32 = 1000;

/// What runs without anybody being there.
const JOBS: [&str; 7] = [
    "cron",
    "crond",
    "atd",
    "at",
    "systemd-user",
    "runuser",
    "runuser-l",
];

/// With these root becomes somebody.
const BECOMING: [&str; 4] = ["su", "su-l", "runuser", "runuser-l"];

/// sshd, login(1) and display managers. Not their greeters, which are system accounts.
const WAYS_IN: [&str; 22] = [
    "sshd",
    "login",
    "remote",
    "gdm",
    "gdm-password",
    "gdm-autologin",
    "gdm-fingerprint",
    "gdm-smartcard",
    "gdm-pin",
    "lightdm",
    "lightdm-autologin",
    "sddm",
    "sddm-autologin",
    "plasmalogin",
    "plasmalogin-autologin",
    "kde",
    "greetd",
    "ly",
    "lxdm",
    "xdm",
    "slim",
    "wdm",
];

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_800_000_000;

    fn policy(gate: Gate) -> Policy {
        Policy {
            sign_in_enabled: true,
            enumerate: false,
            gate,
            gate_trial_ends: None,
            gate_set_at: Some(NOW - 60),
            offline_maximum_age: 3600,
            break_glass: vec!["root".to_owned(), "Rescue$".to_owned()],
        }
    }

    fn call<'a>(name: &'a str, uid: u32, service: &'a str) -> LocalCall<'a> {
        LocalCall {
            phase: GatePhase::Auth,
            name: name.as_bytes(),
            uid: Some(uid),
            service,
            by_root: true,
        }
    }

    #[test]
    fn a_person_is_refused_and_whoever_is_excepted_passes() {
        let deny = policy(Gate::Deny);
        for (name, uid, service, ruling) in [
            ("lars", 1000, "sshd", Ruling::Refuse),
            ("lars", 65_534, "sudo", Ruling::Refuse),
            ("lars", 1000, "", Ruling::Pass(Reason::Service)),
            ("lars", 1000, "cron", Ruling::Pass(Reason::Service)),
            ("lars", 1000, "systemd-user", Ruling::Pass(Reason::Service)),
            ("lars", 1000, "su", Ruling::Pass(Reason::ByRoot)),
            ("postgres", 999, "sshd", Ruling::Pass(Reason::SystemAccount)),
            ("Rescue$", 1001, "sshd", Ruling::Pass(Reason::BreakGlass)),
            ("rescue$", 1001, "sshd", Ruling::Refuse),
            ("root", 0, "sshd", Ruling::Pass(Reason::BreakGlass)),
            ("toor", 0, "sshd", Ruling::Pass(Reason::BreakGlass)),
        ] {
            let call = call(name, uid, service);
            assert_eq!(deny.rule(&call, NOW), ruling, "{name} {service}");
            assert_eq!(
                policy(Gate::Allow).rule(&call, NOW),
                Ruling::Pass(Reason::Open)
            );
            let soft = match ruling {
                Ruling::Refuse => Ruling::PassIfUnreachable,
                pass => pass,
            };
            assert_eq!(policy(Gate::Fallback).rule(&call, NOW), soft);
        }
        let unnumbered = LocalCall {
            uid: None,
            ..call("lars", 0, "sshd")
        };
        assert_eq!(
            deny.rule(&unnumbered, NOW),
            Ruling::Pass(Reason::SystemAccount)
        );
        let by_lars = LocalCall {
            by_root: false,
            ..call("mira", 1002, "su")
        };
        assert_eq!(deny.rule(&by_lars, NOW), Ruling::Refuse);
    }

    #[test]
    fn root_that_was_removed_by_name_is_refused_under_every_name() {
        let mut deny = policy(Gate::Deny);
        deny.break_glass = vec!["Rescue$".to_owned()];
        for name in ["root", "toor"] {
            assert_eq!(deny.rule(&call(name, 0, "login"), NOW), Ruling::Refuse);
        }
        assert_eq!(
            deny.rule(&call("Rescue$", 0, "login"), NOW),
            Ruling::Pass(Reason::BreakGlass)
        );
    }

    #[test]
    fn the_account_phase_is_looked_at_where_somebody_comes_in() {
        let deny = policy(Gate::Deny);
        for (service, refused) in [
            ("sshd", true),
            ("login", true),
            ("gdm-password", true),
            ("sudo", false),
            ("su", false),
            ("polkit-1", false),
            ("gdm-launch-environment", false),
            ("lightdm-greeter", false),
        ] {
            let account = LocalCall {
                phase: GatePhase::Account,
                by_root: false,
                ..call("lars", 1000, service)
            };
            let is_refused = deny.rule(&account, NOW) == Ruling::Refuse;
            assert_eq!(is_refused, refused, "{service}");
        }
    }

    #[test]
    fn a_gate_without_entra_sign_in_is_open() {
        let off = Policy {
            sign_in_enabled: false,
            ..policy(Gate::Deny)
        };
        assert_eq!(off.gate_at(NOW), Gate::Allow);
    }

    #[test]
    fn a_trial_counts_from_its_beginning_to_its_end_and_a_wrong_clock_ends_it() {
        let began = NOW;
        let trial = Policy {
            gate_set_at: Some(began),
            gate_trial_ends: Some(NOW + 600),
            ..policy(Gate::Deny)
        };
        for (now, gate) in [
            (began, Gate::Deny),
            (began + 599, Gate::Deny),
            (began + 600, Gate::Allow),
            (u64::MAX, Gate::Allow),
            (began - CLOCK_STEP, Gate::Deny),
            (began - CLOCK_STEP - 1, Gate::Allow),
            (0, Gate::Allow),
        ] {
            assert_eq!(trial.gate_at(now), gate, "{now}");
        }
        // Of an agent that does not say when it began, and of one that is out of its mind.
        let endless = Policy {
            gate_set_at: None,
            gate_trial_ends: Some(NOW + LONGEST_TRIAL + CLOCK_STEP + 1),
            ..policy(Gate::Deny)
        };
        assert_eq!(endless.gate_at(NOW), Gate::Allow);
        assert_eq!(endless.gate_at(NOW + 1), Gate::Deny);
        // Confirmed: no clock opens it.
        assert_eq!(policy(Gate::Deny).gate_at(0), Gate::Deny);
        assert_eq!(policy(Gate::Deny).gate_at(u64::MAX), Gate::Deny);
    }
}
