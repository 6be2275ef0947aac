//! `entractl auth enable|disable|status`: whether imported people may sign in.
//!
//! The preconditions of `enable` are the agent's; what is missing comes back as a refusal with its hint.

use entra_protocol::admin::{AuthState, Done, Request};
use serde::Serialize;

use crate::agent::Ask;
use crate::output::table::properties;
use crate::output::{Screen, Shown, Text};
use crate::trouble::Trouble;

/// `{"auth": AuthState}`
#[derive(Debug, Serialize)]
pub(crate) struct Enablement {
    auth: AuthState,
}

pub(crate) fn enable(ask: Ask<'_>) -> Result<Enablement, Trouble> {
    state(ask, Request::AuthEnable {})
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

/// The three lines that `status` shows too.
pub(crate) fn lines(auth: &AuthState) -> [(&'static str, String); 3] {
    let enabled = if auth.enabled { "enabled" } else { "disabled" };
    [
        ("Entra ID sign-in", enabled.to_owned()),
        ("Local accounts", auth.local_auth.clone()),
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
        let verbs: [(Verb, Request); 3] = [
            (enable, Request::AuthEnable {}),
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
}
