//! `entractl schedule [show]|set|pause|resume`: when each tenant is synced.

use entra_protocol::admin::{DomainRow, Done, Request, Row};
use serde::Serialize;

use super::summary::result_line;
use crate::agent::Ask;
use crate::args::{Schedule, Tenant};
use crate::output::table::properties;
use crate::output::{Screen, Shown, Text};
use crate::trouble::Trouble;

/// `{"domains": [DomainRow]}`
#[derive(Debug, Serialize)]
pub(crate) struct Domains {
    domains: Vec<DomainRow>,
}

pub(crate) fn run(ask: Ask<'_>, verb: Option<&Schedule>) -> Result<Domains, Trouble> {
    let set = |tenant: &Tenant, interval_minutes, paused| Request::ScheduleSet {
        tenant: tenant.tenant.clone(),
        interval_minutes,
        paused,
    };
    let request = match verb {
        None | Some(Schedule::Show) => Request::ScheduleShow {},
        Some(Schedule::Set { every, tenant }) => set(tenant, Some(*every), None),
        Some(Schedule::Pause { tenant }) => set(tenant, None, Some(true)),
        Some(Schedule::Resume { tenant }) => set(tenant, None, Some(false)),
    };
    domains(ask, request).map(|domains| Domains { domains })
}

/// The tenants of this host with what the agent says of each.
pub(crate) fn domains(ask: Ask<'_>, request: Request) -> Result<Vec<DomainRow>, Trouble> {
    let answer = ask(&[request])?;
    if !matches!(answer.done, Done::Rows { .. }) {
        return Err(Trouble::WrongAnswer);
    }
    let one = |row| match row {
        Row::Domain(domain) => Ok(*domain),
        _ => Err(Trouble::WrongAnswer),
    };
    answer.rows.into_iter().map(one).collect()
}

/// Interval, pause and next run in one line.
pub(crate) fn line(domain: &DomainRow) -> String {
    let every = interval(domain.interval_minutes);
    let configured = if domain.interval_is_configured {
        " (set in agent.toml)"
    } else {
        ""
    };
    let next = match &domain.next_run {
        _ if domain.running => "a run is under way".to_owned(),
        _ if domain.paused => "paused".to_owned(),
        Some(next) => format!("next run {next}"),
        None if domain.scope.is_none() => "nothing to run before the first import".to_owned(),
        None => "next run not planned yet".to_owned(),
    };
    format!("every {every}{configured}, {next}")
}

fn interval(minutes: u32) -> String {
    match minutes {
        minutes if minutes > 0 && minutes % (24 * 60) == 0 => format!("{} d", minutes / (24 * 60)),
        minutes if minutes > 0 && minutes % 60 == 0 => format!("{} h", minutes / 60),
        minutes => format!("{minutes} min"),
    }
}

/// The last run in one line.
pub(crate) fn last(domain: &DomainRow) -> String {
    domain.last_run.as_ref().map_or_else(
        || "never".to_owned(),
        |run| {
            let (at, by) = (&run.started_at, &run.begun_by);
            format!("number {} by {by}, {at}: {}", run.id, result_line(run))
        },
    )
}

impl Shown for Domains {
    fn text(&self, _: Screen) -> Text {
        let blocks: Vec<String> = self
            .domains
            .iter()
            .map(|domain| {
                let scope = domain.scope.as_deref();
                properties(&[
                    (
                        "Tenant",
                        format!("{} ({})", domain.domain, domain.tenant_id),
                    ),
                    ("Scope", scope.unwrap_or("none yet").to_owned()),
                    ("Schedule", line(domain)),
                    ("Last run", last(domain)),
                ])
            })
            .collect();
        Text {
            data: blocks.join("\n"),
            talk: Vec::new(),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::agent::Answer;
    use crate::commands::import::tests::run as summary;
    use entra_protocol::admin::RunRow;

    pub(crate) fn domain() -> DomainRow {
        DomainRow {
            tenant_id: "11111111-2222-3333-4444-555555555555".into(),
            domain: "contoso.example".into(),
            scope: Some("users alice; groups Sales".into()),
            scope_users: vec!["alice".into()],
            scope_groups: vec!["Sales".into()],
            scope_include: vec!["guests".into()],
            interval_minutes: 60,
            interval_is_configured: false,
            paused: false,
            running: false,
            next_run: Some("2026-03-02T09:11:00Z".into()),
            last_run: Some(RunRow {
                id: 7,
                tenant_id: "11111111-2222-3333-4444-555555555555".into(),
                begun_by: "schedule".into(),
                started_at: "2026-03-02T08:15:00Z".into(),
                ended_at: Some("2026-03-02T08:15:02Z".into()),
                scope: "users alice; groups Sales".into(),
                summary: Some(summary()),
                failure: None,
                failures: 2,
            }),
        }
    }

    #[test]
    fn each_verb_asks_its_own_question_and_shows_the_tenant() {
        let tenant = || Tenant {
            tenant: Some("contoso.example".into()),
        };
        let set = |interval_minutes, paused| Request::ScheduleSet {
            tenant: Some("contoso.example".into()),
            interval_minutes,
            paused,
        };
        let cases = [
            (None, Request::ScheduleShow {}),
            (Some(Schedule::Show), Request::ScheduleShow {}),
            (
                Some(Schedule::Set {
                    every: 30,
                    tenant: tenant(),
                }),
                set(Some(30), None),
            ),
            (
                Some(Schedule::Pause { tenant: tenant() }),
                set(None, Some(true)),
            ),
            (
                Some(Schedule::Resume { tenant: tenant() }),
                set(None, Some(false)),
            ),
        ];
        for (verb, expected) in cases {
            let shown = run(
                &mut |requests| {
                    assert_eq!(requests, std::slice::from_ref(&expected));
                    Ok(Answer {
                        rows: vec![Row::Domain(Box::new(domain()))],
                        done: Done::Rows { count: 1 },
                    })
                },
                verb.as_ref(),
            )
            .unwrap();
            assert_eq!(
                shown.text(Screen::Plain).data,
                "Tenant:    contoso.example (11111111-2222-3333-4444-555555555555)\n\
                 Scope:     users alice; groups Sales\n\
                 Schedule:  every 1 h, next run 2026-03-02T09:11:00Z\n\
                 Last run:  number 7 by schedule, 2026-03-02T08:15:00Z: users +30 ~1 -2, 2 failed; groups +12 ~0 -0, 0 failed\n"
            );
        }
    }

    #[test]
    fn a_schedule_reads_well_in_every_state() {
        let with = |change: &dyn Fn(&mut DomainRow)| {
            let mut domain = domain();
            change(&mut domain);
            line(&domain)
        };
        let paused = with(&|domain| {
            domain.paused = true;
            domain.next_run = None;
            domain.interval_minutes = 5;
        });
        assert_eq!(paused, "every 5 min, paused");
        let never = with(&|domain| {
            domain.scope = None;
            domain.next_run = None;
            domain.interval_minutes = 2880;
            domain.interval_is_configured = true;
        });
        assert_eq!(
            never,
            "every 2 d (set in agent.toml), nothing to run before the first import"
        );
        assert_eq!(
            with(&|domain| domain.running = true),
            "every 1 h, a run is under way"
        );
    }
}
