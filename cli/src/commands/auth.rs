//! `entractl auth enable|disable|status`: whether imported people may sign in.
//!
//! `enable` looks first at all that it takes: what the agent knows comes from there, the host's wiring is looked at
//! here. The agent refuses on its own part, whoever asks. Run by root, it also looks whether root can sign in
//! with a password, which the agent can't see.

use entra_protocol::admin::{AuthState, Check, CheckState, Done, Request, Row};
use serde::Serialize;

use super::doctor;

use crate::agent::Ask;
use crate::host::{Host, break_glass, wiring};
use crate::output::escape::escape;
use crate::output::table::properties;
use crate::output::{Screen, Shown, Text};
use crate::trouble::Trouble;

/// `{"auth": AuthState}`
#[derive(Debug, Serialize)]
pub(crate) struct Enablement {
    auth: AuthState,
}

/// `{"auth": AuthState or null, "checks": [Check]}`; null if nothing was changed
#[derive(Debug, Serialize)]
pub(crate) struct Enabled {
    auth: Option<AuthState>,
    checks: Vec<Check>,
}

impl Enabled {
    /// Whether nothing was changed because something is missing.
    pub(crate) fn is_refused(&self) -> bool {
        self.auth.is_none()
    }
}

pub(crate) fn enable(ask: Ask<'_>, host: &Host) -> Result<Enabled, Trouble> {
    let mut checks = Vec::new();
    for row in ask(&[Request::AuthPreflight {}])?.rows {
        match row {
            Row::Check(check) => checks.push(check),
            _ => return Err(Trouble::WrongAnswer),
        }
    }
    checks.extend(wiring::preflight(host));
    if checks.iter().any(|check| check.state == CheckState::Bad) {
        return Ok(Enabled { auth: None, checks });
    }
    prove_root(ask, host, &mut checks);
    let auth = state(ask, Request::AuthEnable {})?.auth;
    Ok(Enabled {
        auth: Some(auth),
        checks,
    })
}

/// Root is a break-glass account from the start, and only root can see whether it has a password.
fn prove_root(ask: Ask<'_>, host: &Host, checks: &mut [Check]) {
    const ROOT: &str = "root";
    let unproven = checks
        .iter_mut()
        .find(|check| check.name == "break-glass" && check.state == CheckState::Warning);
    let Some(check) = unproven.filter(|_| host.is_root) else {
        return;
    };
    match break_glass::can_sign_in(host, ROOT) {
        Ok(()) => {
            let request = Request::LocalAuthProve {
                name: ROOT.to_owned(),
            };
            // Refused where root is not exempt any more: then the warning stands.
            if ask(&[request]).is_ok() {
                check.state = CheckState::Good;
                check.found =
                    "root has a password and may use it, which counts for 30 days".to_owned();
                check.cure = None;
            }
        }
        Err(reason) => {
            check.found = format!("{}; root: {reason}", check.found);
        }
    }
}

pub(crate) fn disable(ask: Ask<'_>) -> Result<Enablement, Trouble> {
    state(ask, Request::AuthDisable {})
}

pub(crate) fn status(ask: Ask<'_>) -> Result<Enablement, Trouble> {
    state(ask, Request::AuthStatus {})
}

fn state(ask: Ask<'_>, request: Request) -> Result<Enablement, Trouble> {
    match ask(&[request])?.done {
        Done::Auth(auth) => Ok(Enablement { auth }),
        _ => Err(Trouble::WrongAnswer),
    }
}

impl Shown for Enabled {
    fn text(&self, _: Screen) -> Text {
        let names = |state| {
            let of = self.checks.iter().filter(move |check| check.state == state);
            let names: Vec<&str> = of.map(|check| check.name.as_str()).collect();
            escape(&names.join(", ")).into_owned()
        };
        let (bad, warnings) = (names(CheckState::Bad), names(CheckState::Warning));
        let mut data = String::new();
        if !(bad.is_empty() && warnings.is_empty()) {
            data.push_str(&doctor::listed(&self.checks));
        }
        let talk = match &self.auth {
            None => vec![format!("Nothing was changed. To mend first: {bad}.")],
            Some(auth) => {
                if !data.is_empty() {
                    data.push('\n');
                }
                data.push_str(&properties(&lines(auth)));
                match warnings.is_empty() {
                    true => Vec::new(),
                    false => vec![format!("Enabled. To look at: {warnings}.")],
                }
            }
        };
        Text { data, talk }
    }
}

/// The three lines that `status` shows too.
pub(crate) fn lines(auth: &AuthState) -> [(&'static str, String); 3] {
    let enabled = if auth.enabled { "enabled" } else { "disabled" };
    let local = match &auth.local_auth_trial_ends {
        None => auth.local_auth.clone(),
        Some(ends) => format!("{}, on trial until {ends}", auth.local_auth),
    };
    [
        ("Entra ID sign-in", enabled.to_owned()),
        ("Local accounts", local),
        ("Administrators", auth.administrators.to_string()),
    ]
}

impl Shown for Enablement {
    fn text(&self, _: Screen) -> Text {
        Text {
            data: properties(&lines(&self.auth)),
            talk: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::Answer;

    #[test]
    fn each_verb_asks_its_own_question_and_shows_the_state() {
        type Verb = fn(Ask<'_>) -> Result<Enablement, Trouble>;
        let verbs: [(Verb, Request); 2] = [
            (disable, Request::AuthDisable {}),
            (status, Request::AuthStatus {}),
        ];
        for (verb, expected) in verbs {
            let shown = verb(&mut |requests| {
                assert_eq!(requests, std::slice::from_ref(&expected));
                let auth = AuthState {
                    enabled: true,
                    local_auth: "allow".into(),
                    local_auth_trial_ends: None,
                    administrators: 2,
                };
                Ok(Answer {
                    rows: Vec::new(),
                    done: Done::Auth(auth),
                })
            })
            .unwrap();
            assert_eq!(
                shown.text(Screen::Plain).data,
                "Entra ID sign-in:  enabled\n\
                 Local accounts:    allow\n\
                 Administrators:    2\n"
            );
        }
    }

    #[test]
    fn an_answer_to_another_question_is_not_shown() {
        let result = status(&mut |_| {
            Ok(Answer {
                rows: Vec::new(),
                done: Done::Rows { count: 0 },
            })
        });
        assert!(matches!(result, Err(Trouble::WrongAnswer)));
    }

    /// A host that is wired, or not.
    fn host(folder: &std::path::Path, is_wired: bool, is_root: bool) -> Host {
        let nsswitch = if is_wired {
            "passwd: files entra\ngroup: files entra\n"
        } else {
            "passwd: files\ngroup: files\n"
        };
        let line = "[default=die module_unknown=ignore] pam_entra.so\n";
        for (path, text) in [
            ("etc/nsswitch.conf", nsswitch.to_owned()),
            ("etc/pam.d/common-auth", format!("auth {line}")),
            ("etc/pam.d/common-account", format!("account {line}")),
            ("lib/libnss_entra.so.2", String::new()),
            ("bin/sh", String::new()),
            ("etc/passwd", "root:x:0:0::/root:/bin/sh\n".to_owned()),
            (
                "etc/shadow",
                "root:$y$j9T$salt$hash:19000:0:99999:7:::\n".to_owned(),
            ),
        ] {
            let path = folder.join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        Host::below(folder, is_root, |_| None)
    }

    fn check(name: &str, state: CheckState) -> Row {
        Row::Check(Check {
            about: "host".into(),
            name: name.into(),
            state,
            found: "found".into(),
            cure: Some("cure".into()),
            reference: None,
        })
    }

    /// What the agent is asked, in order, and what comes of it.
    fn enabled(host: &Host, of_agent: &[(&str, CheckState)]) -> (Vec<Request>, Enabled) {
        let mut asked = Vec::new();
        let result = enable(
            &mut |requests| {
                asked.extend_from_slice(requests);
                let rows: Vec<Row> = match requests {
                    [Request::AuthPreflight {}] => of_agent
                        .iter()
                        .map(|(name, state)| check(name, *state))
                        .collect(),
                    _ => Vec::new(),
                };
                let auth = AuthState {
                    enabled: true,
                    local_auth: "allow".into(),
                    local_auth_trial_ends: None,
                    administrators: 1,
                };
                Ok(Answer {
                    rows,
                    done: Done::Auth(auth),
                })
            },
            host,
        );
        (asked, result.unwrap())
    }

    #[test]
    fn nothing_is_enabled_while_something_is_missing_here_or_there() {
        let folder = tempfile::tempdir().unwrap();
        for (is_wired, administrator, missing) in [
            (true, CheckState::Bad, "administrator"),
            (false, CheckState::Good, "nsswitch"),
        ] {
            let host = host(folder.path(), is_wired, true);
            let (asked, enabled) = enabled(
                &host,
                &[
                    ("administrator", administrator),
                    ("break-glass", CheckState::Warning),
                ],
            );
            assert_eq!(asked, [Request::AuthPreflight {}]);
            assert!(enabled.is_refused());
            let text = enabled.text(Screen::Plain);
            assert_eq!(
                text.talk,
                [format!("Nothing was changed. To mend first: {missing}.")]
            );
            assert!(text.data.contains("do: "), "{}", text.data);
        }
    }

    #[test]
    fn another_directory_that_is_wired_is_in_the_way() {
        let folder = tempfile::tempdir().unwrap();
        let host = host(folder.path(), true, false);
        let path = folder.path().join("etc/pam.d/common-auth");
        let ours = std::fs::read_to_string(&path).unwrap();
        std::fs::write(path, format!("{ours}auth sufficient pam_ldap.so\n")).unwrap();
        let (asked, enabled) = enabled(&host, &[]);
        assert_eq!(asked, [Request::AuthPreflight {}]);
        assert!(enabled.is_refused());
    }

    #[test]
    fn root_looks_at_its_own_password_and_others_are_told_to() {
        let folder = tempfile::tempdir().unwrap();
        let unproven = [("break-glass", CheckState::Warning)];
        let (asked, by_root) = enabled(&host(folder.path(), true, true), &unproven);
        let prove = Request::LocalAuthProve {
            name: "root".into(),
        };
        assert_eq!(
            asked,
            [Request::AuthPreflight {}, prove, Request::AuthEnable {}]
        );
        assert_eq!(
            by_root.text(Screen::Plain).data,
            "Entra ID sign-in:  enabled\nLocal accounts:    allow\nAdministrators:    1\n"
        );
        let (asked, by_carol) = enabled(&host(folder.path(), true, false), &unproven);
        assert_eq!(asked, [Request::AuthPreflight {}, Request::AuthEnable {}]);
        let text = by_carol.text(Screen::Plain);
        assert_eq!(text.talk, ["Enabled. To look at: break-glass."]);

        let folder = folder.path();
        let host = host(folder, true, true);
        std::fs::write(folder.join("etc/shadow"), "root:!:1::::::\n").unwrap();
        let (asked, locked) = enabled(&host, &unproven);
        assert_eq!(asked, [Request::AuthPreflight {}, Request::AuthEnable {}]);
        assert!(
            locked
                .text(Screen::Plain)
                .data
                .contains("password is locked")
        );
    }
}
