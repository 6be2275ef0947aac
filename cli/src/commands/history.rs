//! `entractl history`: the runs that the agent remembers, and one of them in full.

use entra_protocol::admin::{Done, FailedObject, Request, Row, RunRow};
use serde::Serialize;

use super::import::unsaid;
use super::summary::{failure_table, properties_of, result_line, summary_table};
use crate::agent::Ask;
use crate::args::{Date, History, HistoryVerb};
use crate::output::table::{Column, properties, table};
use crate::output::{Screen, Shown, Text};
use crate::trouble::Trouble;

/// Runs that are listed if nothing else is said: they fit on a screen.
const USUAL_LIMIT: u32 = 20;

/// `{"runs": [RunRow]}`
#[derive(Debug, Serialize)]
pub(crate) struct Runs {
    runs: Vec<RunRow>,
    /// For the text of an empty list.
    #[serde(skip)]
    since: Option<Date>,
}

/// `{"run": RunRow, "failures": [FailedObject]}`
#[derive(Debug, Serialize)]
pub(crate) struct OneRun {
    run: RunRow,
    failures: Vec<FailedObject>,
}

pub(crate) fn list(ask: Ask<'_>, asked: &History) -> Result<Runs, Trouble> {
    let answer = ask(&[Request::HistoryList {
        tenant: asked.tenant.tenant.clone(),
        limit: Some(asked.limit.unwrap_or(match asked.since {
            Some(_) => u32::MAX,
            None => USUAL_LIMIT,
        })),
    }])?;
    if !matches!(answer.done, Done::Rows { .. }) {
        return Err(Trouble::WrongAnswer);
    }
    let one = |row| match row {
        Row::Run(run) => Ok(*run),
        _ => Err(Trouble::WrongAnswer),
    };
    let mut runs = answer
        .rows
        .into_iter()
        .map(one)
        .collect::<Result<Vec<_>, _>>()?;
    if let Some(day) = asked.since {
        runs.retain(|run| day.is_reached_by(&run.started_at));
    }
    Ok(Runs {
        runs,
        since: asked.since,
    })
}

pub(crate) fn show(ask: Ask<'_>, verb: &HistoryVerb) -> Result<OneRun, Trouble> {
    let HistoryVerb::Show { run } = verb;
    let answer = ask(&[Request::HistoryShow { id: *run }])?;
    let Done::Run(run) = answer.done else {
        return Err(Trouble::WrongAnswer);
    };
    let one = |row| match row {
        Row::Failure(failure) => Ok(failure),
        _ => Err(Trouble::WrongAnswer),
    };
    let failures: Result<_, _> = answer.rows.into_iter().map(one).collect();
    Ok(OneRun {
        run: *run,
        failures: failures?,
    })
}

impl Shown for Runs {
    fn text(&self, screen: Screen) -> Text {
        let data = table(
            screen,
            [
                Column::number("RUN"),
                Column::text("STARTED"),
                Column::text("BEGUN BY"),
                Column::text("RESULT"),
                Column::text("SCOPE"),
            ],
            self.runs.iter().map(|run| {
                [
                    run.id.to_string(),
                    run.started_at.clone(),
                    run.begun_by.clone(),
                    result_line(run),
                    run.scope.clone(),
                ]
            }),
        );
        let talk = match (self.runs.is_empty(), self.since) {
            (true, Some(day)) => format!("No run that is remembered began on {day} or later."),
            (true, None) => "No run is remembered; `entractl import` makes the first.".to_owned(),
            (false, _) => {
                "`entractl history show RUN` shows one with its failed objects.".to_owned()
            }
        };
        Text {
            data,
            talk: vec![talk],
        }
    }
}

impl Shown for OneRun {
    fn text(&self, screen: Screen) -> Text {
        let run = &self.run;
        let mut lines = vec![
            ("Run", run.id.to_string()),
            ("Tenant", run.tenant_id.clone()),
            ("Begun by", run.begun_by.clone()),
        ];
        match (&run.summary, &run.failure) {
            (Some(summary), _) => lines.extend(properties_of(summary)),
            (None, failure) => {
                lines.push(("Scope", run.scope.clone()));
                lines.push(("Started", run.started_at.clone()));
                lines.push(("Ended", run.ended_at.clone().unwrap_or_default()));
                lines.push(("Result", result_line(run)));
                if let Some(hint) = failure.as_ref().and_then(|failure| failure.hint.clone()) {
                    lines.push(("Hint", hint));
                }
                let reference = failure
                    .as_ref()
                    .and_then(|failure| failure.reference.clone());
                lines.extend(reference.map(|reference| ("Reference", reference)));
            }
        }
        let mut data = properties(&lines);
        if let Some(summary) = &run.summary {
            data.push('\n');
            data.push_str(&summary_table(screen, summary));
        }
        if !self.failures.is_empty() {
            data.push('\n');
            data.push_str(&failure_table(screen, &self.failures));
        }
        Text {
            data,
            talk: unsaid(run.failures, self.failures.len())
                .into_iter()
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::schedule::tests::domain;
    use super::*;
    use crate::agent::Answer;
    use crate::args::Tenant;
    use entra_protocol::admin::{Failure, FailureKind};

    fn done() -> RunRow {
        domain().last_run.unwrap()
    }

    fn failed() -> RunRow {
        RunRow {
            id: 8,
            begun_by: "carol".into(),
            summary: None,
            failures: 0,
            failure: Some(Failure {
                kind: FailureKind::Tenant,
                message: "the client secret has expired".into(),
                hint: Some("make a new one".into()),
                reference: Some("AADSTS7000222".into()),
            }),
            ..done()
        }
    }

    fn interrupted() -> RunRow {
        let mut run = failed();
        run.id = 9;
        run.ended_at = None;
        run.failure.as_mut().unwrap().message = "interrupted: the agent ended".into();
        run
    }

    #[test]
    fn the_runs_in_a_pipe() {
        let asked = History {
            tenant: Tenant::default(),
            limit: Some(3),
            since: None,
            one: None,
        };
        let shown = list(
            &mut |requests| {
                let expected = Request::HistoryList {
                    tenant: None,
                    limit: Some(3),
                };
                assert_eq!(requests, [expected]);
                let under_way = RunRow {
                    id: 10,
                    ended_at: None,
                    summary: None,
                    ..done()
                };
                Ok(Answer {
                    rows: [under_way, interrupted(), failed(), done()]
                        .map(|run| Row::Run(Box::new(run)))
                        .into(),
                    done: Done::Rows { count: 4 },
                })
            },
            &asked,
        )
        .unwrap();
        assert_eq!(
            shown.text(Screen::Plain).data,
            "\
RUN  STARTED               BEGUN BY  RESULT                                                 SCOPE
 10  2026-03-02T08:15:00Z  schedule  under way                                              users alice; groups Sales
  9  2026-03-02T08:15:00Z  carol     interrupted: the agent ended                           users alice; groups Sales
  8  2026-03-02T08:15:00Z  carol     failed: the client secret has expired                  users alice; groups Sales
  7  2026-03-02T08:15:00Z  schedule  users +30 ~1 -2, 2 failed; groups +12 ~0 -0, 0 failed  users alice; groups Sales
"
        );
    }

    #[test]
    fn one_run_with_its_counts_and_one_with_its_failure() {
        let one = |run: RunRow| {
            let id = run.id;
            let mut answer = Some(Answer {
                rows: Vec::new(),
                done: Done::Run(Box::new(run)),
            });
            let shown = show(
                &mut |requests| {
                    assert_eq!(requests, [Request::HistoryShow { id }]);
                    Ok(answer.take().unwrap())
                },
                &HistoryVerb::Show { run: id },
            );
            shown.unwrap().text(Screen::Plain)
        };
        let text = one(done());
        assert!(
            text.data.contains("Begun by:        schedule\n"),
            "{text:?}"
        );
        assert!(
            text.data
                .contains("users      30        1        2       1000       2\n")
        );
        assert_eq!(
            text.talk,
            ["And 2 further failed objects, which were counted and not kept."]
        );
        assert_eq!(
            one(failed()).data,
            "Run:        8\n\
             Tenant:     11111111-2222-3333-4444-555555555555\n\
             Begun by:   carol\n\
             Scope:      users alice; groups Sales\n\
             Started:    2026-03-02T08:15:00Z\n\
             Ended:      2026-03-02T08:15:02Z\n\
             Result:     failed: the client secret has expired\n\
             Hint:       make a new one\n\
             Reference:  AADSTS7000222\n"
        );
    }
}
