//! `entractl status`: the agent, its directory, the last import, enablement, and who you are to it.

use entra_protocol::admin::{Caller, Done, Request, Role, SignInService, Status, TenantStatus};
use serde::Serialize;

use super::{auth, schedule, summary};
use crate::agent::Ask;
use crate::output::table::properties;
use crate::output::{Screen, Shown, Text};
use crate::trouble::Trouble;

/// `{"status": Status}`
#[derive(Debug, Serialize)]
pub(crate) struct WholeStatus {
    status: Status,
}

pub(crate) fn status(ask: Ask<'_>) -> Result<WholeStatus, Trouble> {
    match ask(&[Request::Status {}])?.done {
        Done::Status(status) => Ok(WholeStatus { status }),
        _ => Err(Trouble::WrongAnswer),
    }
}

impl Shown for WholeStatus {
    fn text(&self, _: Screen) -> Text {
        let status = &self.status;
        let mut lines = vec![("Agent", format!("entra-agent {}", status.version))];
        for tenant in &status.tenants {
            lines.push(("Tenant", format!("{} ({})", tenant.domain, tenant.id)));
            lines.extend(credential(tenant));
            if let Some(service) = &tenant.sign_in_service {
                lines.push(("Sign-in service", sign_in_service(service)));
            }
            let domain = status.domains.iter().find(|one| one.tenant_id == tenant.id);
            if let Some(domain) = domain {
                lines.push(("Schedule", schedule::line(domain)));
                lines.push(("Last run", schedule::last(domain)));
            }
        }
        lines.push(("Directory", directory(status)));
        let last = match (&status.last_import, &status.last_error) {
            (Some(run), _) => summary::one_line(run),
            (None, Some(_)) => "never to its end".to_owned(),
            (None, None) if !sees_runs(&status.caller) => {
                "shown to auditors, operators and administrators".to_owned()
            }
            (None, None) => "never".to_owned(),
        };
        lines.push(("Last import", last));
        if let Some((title, text)) = status
            .last_import
            .as_ref()
            .and_then(|run| summary::withheld(run.withheld))
        {
            lines.push((title, format!("{text}; {ACCEPT}")));
        }
        if let Some(error) = &status.last_error {
            lines.push(("Last error", error.message.clone()));
            if let Some(hint) = &error.hint {
                lines.push(("Hint", hint.clone()));
            }
            if let Some(reference) = &error.reference {
                lines.push(("Reference", reference.clone()));
            }
        }
        if status.displaced_ids > 0 {
            lines.push((
                "Displaced",
                format!(
                    "{} ids that other hosts can't work out; `entractl ids show --displaced`",
                    status.displaced_ids
                ),
            ));
        }
        if let Some(throttled) = throttled(status) {
            lines.push(("Throttled", throttled));
        }
        if let Some(closed) = closed(status) {
            lines.push(("Closed here", closed));
        }
        lines.extend(auth::lines(&status.auth));
        lines.push(("You", you(&status.caller)));
        Text {
            data: properties(&lines),
            talk: Vec::new(),
        }
    }
}

/// How the host proves itself; agents leave that out for everybody below auditors.
fn credential(tenant: &TenantStatus) -> Vec<(&'static str, String)> {
    if tenant.credential.is_empty() {
        return Vec::new();
    }
    let mut lines = vec![(
        "Credential",
        match &tenant.credential_expires {
            Some(end) => format!("{}, ends {end}", tenant.credential),
            None => tenant.credential.clone(),
        },
    )];
    if let Some(warning) = &tenant.credential_warning {
        lines.push(("Warning", warning.clone()));
    }
    lines
}

/// Whether Microsoft can be asked about this tenant's people.
fn sign_in_service(service: &SignInService) -> String {
    match service {
        SignInService::NotAsked => "not asked yet".to_owned(),
        SignInService::Reachable { since } => format!("reachable since {since}"),
        SignInService::Unreachable {
            since,
            last_tried,
            tried_again_seconds,
            reason,
        } => {
            let reason = reason
                .as_ref()
                .map(|reason| format!(" ({reason})"))
                .unwrap_or_default();
            format!(
                "unreachable since {since}{reason}; last tried {last_tried}, tried again after \
                 {tried_again_seconds} s and at each sign-in"
            )
        }
    }
}

/// The agent leaves runs out for everybody else (docs/protocol.md).
fn sees_runs(caller: &Caller) -> bool {
    caller.uid == 0 || caller.role >= Some(Role::Auditor)
}

/// Not `import`: another scope would remove others.
const ACCEPT: &str = "`entractl sync --accept-removals` if they are meant to go";

fn directory(status: &Status) -> String {
    let objects = format!("{} users, {} groups", status.users, status.groups);
    match &status.published_at {
        Some(instant) => format!(
            "{objects} (generation {}, published {instant})",
            status.generation
        ),
        None => "not published yet; `entractl import` does that".to_owned(),
    }
}

/// Whose passwords are refused at the moment.
fn throttled(status: &Status) -> Option<String> {
    let counted = |count: u64, one: &str| match count {
        1 => format!("1 {one}"),
        count => format!("{count} {one}s"),
    };
    if status.throttled_users == 0 && status.throttled_remote_hosts == 0 {
        return None;
    }
    Some(format!(
        "{} and {}, after failed tries with a password; `entractl users unlock`",
        counted(status.throttled_users, "user"),
        counted(status.throttled_remote_hosts, "remote host")
    ))
}

/// Whose accounts may not be used on this host.
fn closed(status: &Status) -> Option<String> {
    let counted = |count: u64| match count {
        1 => "1 account".to_owned(),
        count => format!("{count} accounts"),
    };
    let (blocked, expired) = (status.blocked_users, status.expired_users);
    (blocked > 0 || expired > 0).then(|| {
        format!(
            "{} blocked, {} expired; `entractl users list`",
            counted(blocked),
            counted(expired)
        )
    })
}

fn you(caller: &Caller) -> String {
    let role = caller.role.map_or("no role", |role| role.word());
    format!("{} (uid {}), {role}", caller.name, caller.uid)
}

#[cfg(test)]
mod tests {
    use super::super::import::tests::run;
    use super::*;
    use entra_protocol::admin::{AuthState, Failure, FailureKind};

    fn whole() -> Status {
        Status {
            version: "0.1.0".into(),
            tenants: vec![TenantStatus {
                id: "11111111-2222-3333-4444-555555555555".into(),
                domain: "contoso.example".into(),
                credential: "secret".into(),
                credential_expires: Some("2026-03-11T00:00:00Z".into()),
                credential_warning: Some("the client secret ends in 9 days".into()),
                sign_in_service: Some(SignInService::NotAsked),
            }],
            domains: Vec::new(),
            users: 30,
            groups: 12,
            generation: 7,
            published_at: Some("2026-03-02T08:15:02Z".into()),
            last_import: Some(Box::new(run())),
            last_error: Some(Failure {
                kind: FailureKind::Tenant,
                message: "the client secret has expired".into(),
                hint: Some("make a new one in the portal".into()),
                reference: Some("AADSTS7000222".into()),
            }),
            displaced_ids: 0,
            throttled_users: 0,
            throttled_remote_hosts: 0,
            blocked_users: 0,
            expired_users: 0,
            id_range: None,
            auth: AuthState {
                enabled: false,
                local_auth: "allow".into(),
                local_auth_trial_ends: None,
                administrators: 1,
            },
            caller: Caller {
                uid: 0,
                name: "root".into(),
                role: Some(Role::Administrator),
            },
        }
    }

    #[test]
    fn everything_in_its_line() {
        let shown = WholeStatus { status: whole() };
        assert_eq!(
            shown.text(Screen::Plain).data,
            "Agent:             entra-agent 0.1.0\n\
             Tenant:            contoso.example (11111111-2222-3333-4444-555555555555)\n\
             Credential:        secret, ends 2026-03-11T00:00:00Z\n\
             Warning:           the client secret ends in 9 days\n\
             Sign-in service:   not asked yet\n\
             Directory:         30 users, 12 groups (generation 7, published 2026-03-02T08:15:02Z)\n\
             Last import:       2026-03-02T08:15:00Z, the whole tenant, 2.3 s: users +30 ~1 -2, 2 failed; groups +12 ~0 -0, 0 failed\n\
             Last error:        the client secret has expired\n\
             Hint:              make a new one in the portal\n\
             Reference:         AADSTS7000222\n\
             Entra ID sign-in:  disabled\n\
             Local accounts:    allow\n\
             Administrators:    1\n\
             You:               root (uid 0), administrator\n"
        );
    }

    #[test]
    fn each_tenant_has_its_credential_schedule_and_last_run() {
        let mut status = whole();
        let domain = super::super::schedule::tests::domain();
        status.tenants[0].credential = "certificate".into();
        status.tenants[0].credential_expires = Some("2026-03-20T00:00:00Z".into());
        status.tenants[0].credential_warning = Some("renew it".into());
        status.tenants.push(TenantStatus {
            id: "99999999-2222-3333-4444-555555555555".into(),
            domain: "fabrikam.example".into(),
            ..TenantStatus::default()
        });
        status.domains = vec![domain];
        let text = WholeStatus { status }.text(Screen::Plain).data;
        let lines = "\
Tenant:            contoso.example (11111111-2222-3333-4444-555555555555)
Credential:        certificate, ends 2026-03-20T00:00:00Z
Warning:           renew it
Sign-in service:   not asked yet
Schedule:          every 1 h, next run 2026-03-02T09:11:00Z
Last run:          number 7 by schedule, 2026-03-02T08:15:00Z: users +30 ~1 -2, 2 failed; groups +12 ~0 -0, 0 failed
Tenant:            fabrikam.example (99999999-2222-3333-4444-555555555555)
Directory: ";
        assert!(text.contains(lines), "{text}");
    }

    #[test]
    fn what_ends_some_day_is_said_only_where_it_is_known() {
        for (kind, end, expected) in [
            ("", None, ""),
            (
                "managed identity",
                None,
                "Credential:        managed identity\n",
            ),
            (
                "certificate",
                Some("2027-01-31T00:00:00Z"),
                "Credential:        certificate, ends 2027-01-31T00:00:00Z\n",
            ),
        ] {
            let mut status = whole();
            if let Some(tenant) = status.tenants.first_mut() {
                tenant.credential = kind.to_owned();
                tenant.credential_expires = end.map(str::to_owned);
                tenant.credential_warning = None;
            }
            let text = WholeStatus { status }.text(Screen::Plain).data;
            assert!(text.contains(expected), "{text}");
            assert_eq!(text.contains("Credential:"), !kind.is_empty(), "{text}");
            assert!(!text.contains("Warning:"), "{text}");
        }
    }

    #[test]
    fn an_outage_is_told_with_its_beginning_and_for_some_its_reason() {
        for (reason, words) in [
            (None, ""),
            (Some("connection refused"), " (connection refused)"),
        ] {
            let mut status = whole();
            status.tenants[0].sign_in_service = Some(SignInService::Unreachable {
                since: "2026-03-02T08:00:00Z".into(),
                last_tried: "2026-03-02T08:01:00Z".into(),
                tried_again_seconds: 20,
                reason: reason.map(str::to_owned),
            });
            let text = WholeStatus { status }.text(Screen::Plain).data;
            let line = format!(
                "Sign-in service:   unreachable since 2026-03-02T08:00:00Z{words}; \
                 last tried 2026-03-02T08:01:00Z, tried again after 20 s and at each sign-in\n"
            );
            assert!(text.contains(&line), "{text}");
        }
    }

    #[test]
    fn what_was_held_back_stays_in_sight() {
        let mut status = whole();
        if let Some(run) = &mut status.last_import {
            run.withheld.users = 26;
        }
        let text = WholeStatus { status }.text(Screen::Plain).data;
        let line = "Withheld:          the removal of 26 users, 0 groups and 0 memberships; \
                    `entractl sync --accept-removals` if they are meant to go\n";
        assert!(text.contains(line), "{text}");
    }

    #[test]
    fn whose_passwords_are_refused_is_counted() {
        let mut status = whole();
        status.throttled_users = 1;
        status.throttled_remote_hosts = 2;
        let text = WholeStatus { status }.text(Screen::Plain).data;
        let line = "Throttled:         1 user and 2 remote hosts, after failed tries with a password; \
                    `entractl users unlock`\n";
        assert!(text.contains(line), "{text}");
    }

    #[test]
    fn whose_accounts_are_closed_is_counted() {
        let mut status = whole();
        status.blocked_users = 1;
        let text = WholeStatus { status }.text(Screen::Plain).data;
        let line =
            "Closed here:       1 account blocked, 0 accounts expired; `entractl users list`\n";
        assert!(text.contains(line), "{text}");
    }

    #[test]
    fn what_a_role_may_not_see_is_not_called_never() {
        for (role, line) in [
            (None, "Last import:       shown to auditors,"),
            (Some(Role::User), "Last import:       shown to auditors,"),
            (Some(Role::Auditor), "Last import:       never\n"),
        ] {
            let mut status = whole();
            status.last_import = None;
            status.last_error = None;
            status.caller = Caller {
                uid: 1000,
                name: "somebody".into(),
                role,
            };
            let text = WholeStatus { status }.text(Screen::Plain).data;
            assert!(text.contains(line), "{text}");
        }
    }

    #[test]
    fn before_the_first_import_nothing_is_pretended() {
        let mut status = whole();
        status.published_at = None;
        status.last_import = None;
        status.last_error = None;
        status.caller = Caller {
            uid: 0,
            name: "root".into(),
            role: None,
        };
        let text = WholeStatus { status }.text(Screen::Plain).data;
        for line in [
            "Directory:         not published yet; `entractl import` does that\n",
            "Last import:       never\n",
            "You:               root (uid 0), no role\n",
        ] {
            assert!(text.contains(line), "{text}");
        }
    }
}
