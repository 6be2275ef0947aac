//! `[passcode]`: whether people may have one, and for which services it counts while the tenant answers.
//!
//! Invariant: no service that strangers reach over the network is among them.

use super::ConfigError;
use super::section::Section;
use super::sign_in::is_remote;

/// The word for programs that run as the person and lock their screen: such a caller's own word for itself is not
/// believed, since any program of the person's could say it.
const LOCKER: &str = "screen-locker";

/// Where it counts if nothing else is said: what somebody does who is at the host already.
const SERVICES: [&str; 6] = ["sudo", "sudo-i", "su", "su-l", "polkit-1", LOCKER];

/// `[passcode]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Passcode {
    /// Whether there are passcodes.
    pub enabled: bool,
    /// PAM services for which one counts while the tenant answers.
    pub services: Vec<String>,
}

impl Passcode {
    /// Whether it counts for this PAM service; an empty one is a caller who runs as the person.
    #[must_use]
    pub fn covers(&self, service: &str) -> bool {
        let word = if service.is_empty() { LOCKER } else { service };
        self.enabled && !is_remote(word) && self.services.iter().any(|one| one == word)
    }
}

impl Default for Passcode {
    fn default() -> Self {
        Self {
            enabled: false,
            services: SERVICES.map(str::to_owned).to_vec(),
        }
    }
}

pub(super) fn read(mut section: Section) -> Result<Passcode, ConfigError> {
    let defaults = Passcode::default();
    let enabled = section.optional_switch("enabled")?;
    let services = section.optional_texts("services")?;
    if let Some(remote) = services.iter().flatten().find(|one| is_remote(one)) {
        let found = toml::Value::String(remote.clone());
        return Err(section.wrong(
            "services",
            "services that nobody reaches over the network",
            &found,
        ));
    }
    Ok(Passcode {
        enabled: enabled.unwrap_or(defaults.enabled),
        services: services.unwrap_or(defaults.services),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_off_and_never_for_a_service_over_the_network() {
        let default = Passcode::default();
        assert!(!default.covers("sudo"));
        let on = Passcode {
            enabled: true,
            ..default
        };
        for service in ["sudo", "su", "su-l", "polkit-1", ""] {
            assert!(on.covers(service), "{service}");
        }
        for service in ["sshd", "cockpit", "login", "gdm-password"] {
            assert!(!on.covers(service), "{service}");
        }
        let all = Passcode {
            services: vec!["sshd".to_owned()],
            ..on
        };
        assert!(!all.covers("sshd"));
        let text = |lines: &str| {
            let table: toml::Table = toml::from_str(lines).unwrap();
            read(Section::open("passcode", table).unwrap())
        };
        let error = text("services = [\"sudo\", \"sshd\"]")
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("[passcode]: `services` takes services that nobody"),
            "{error}"
        );
        let read = text("enabled = true\nservices = [\"login\"]").unwrap();
        assert!(read.covers("login") && !read.covers("sudo"));
        assert_eq!(text("").unwrap(), Passcode::default());
    }
}
