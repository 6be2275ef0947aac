//! `entractl import`: runs an import and shows its summary, with every object that failed.
//!
//! A run that ended is a success, whatever its rows: failed rows are what the summary is for. A run that
//! did not end (tenant unreachable, another run in its way) is a failure, and the old directory stands.

use entra_protocol::admin::{Counts, Done, FailedObject, ImportSummary, Request, Row, Withheld};
use serde::Serialize;

use crate::agent::Ask;
use crate::args::Names;
use crate::output::table::{Column, properties, table};
use crate::output::{Screen, Shown, Text};
use crate::trouble::Trouble;

/// `{"import": ImportSummary, "failures": [FailedObject]}`
#[derive(Debug, Serialize)]
pub(crate) struct Imported {
    import: ImportSummary,
    failures: Vec<FailedObject>,
}

pub(crate) fn import(
    ask: Ask<'_>,
    users: &[Names],
    groups: &[Names],
    accept_removals: bool,
) -> Result<Imported, Trouble> {
    let flat = |lists: &[Names]| lists.iter().flat_map(|list| list.0.clone()).collect();
    let answer = ask(&[Request::Import {
        users: flat(users),
        groups: flat(groups),
        accept_removals,
    }])?;
    let Done::Import(import) = answer.done else {
        return Err(Trouble::WrongAnswer);
    };
    let one = |row| match row {
        Row::Failure(failure) => Ok(failure),
        _ => Err(Trouble::WrongAnswer),
    };
    let failures: Result<_, _> = answer.rows.into_iter().map(one).collect();
    Ok(Imported {
        import,
        failures: failures?,
    })
}

/// A run in one line, for `status`.
pub(crate) fn one_line(run: &ImportSummary) -> String {
    let counts = |kind: &str, counts: &Counts| {
        format!(
            "{kind} +{} ~{} -{}, {} failed",
            counts.added, counts.changed, counts.removed, counts.failed
        )
    };
    format!(
        "{}, {}, {}: {}; {}",
        run.started_at,
        run.scope,
        duration(run.duration_ms),
        counts("users", &run.users),
        counts("groups", &run.groups)
    )
}

/// What the shrink guard held back, if it held back anything.
pub(crate) fn withheld(withheld: Withheld) -> Option<(&'static str, String)> {
    withheld.any().then(|| {
        let Withheld {
            users,
            groups,
            memberships,
        } = withheld;
        let text =
            format!("the removal of {users} users, {groups} groups and {memberships} memberships");
        ("Withheld", text)
    })
}

/// Tenths of seconds below a minute, whole seconds above.
fn duration(milliseconds: u64) -> String {
    let seconds = milliseconds / 1000;
    if seconds < 60 {
        format!("{seconds}.{} s", milliseconds % 1000 / 100)
    } else {
        format!("{} min {} s", seconds / 60, seconds % 60)
    }
}

impl Shown for Imported {
    fn text(&self, screen: Screen) -> Text {
        let run = &self.import;
        let mut lines = vec![
            ("Scope", run.scope.clone()),
            ("Started", run.started_at.clone()),
            ("Duration", duration(run.duration_ms)),
            ("Graph requests", run.requests.to_string()),
            ("Memberships", run.memberships.to_string()),
            ("Snapshot", format!("generation {}", run.generation)),
        ];
        lines.extend(withheld(run.withheld));
        lines.extend(run.remarks.iter().map(|remark| ("Remark", remark.clone())));
        let mut data = properties(&lines);
        data.push('\n');
        data.push_str(&summary_table(screen, run));
        if !self.failures.is_empty() {
            data.push('\n');
            data.push_str(&failure_table(screen, &self.failures));
        }
        Text {
            data,
            talk: Vec::new(),
        }
    }
}

fn summary_table(screen: Screen, run: &ImportSummary) -> String {
    let row = |kind: &str, counts: &Counts| {
        [
            kind.to_owned(),
            counts.added.to_string(),
            counts.changed.to_string(),
            counts.removed.to_string(),
            counts.unchanged.to_string(),
            counts.failed.to_string(),
        ]
    };
    table(
        screen,
        [
            Column::text(""),
            Column::number("ADDED"),
            Column::number("CHANGED"),
            Column::number("REMOVED"),
            Column::number("UNCHANGED"),
            Column::number("FAILED"),
        ],
        [row("users", &run.users), row("groups", &run.groups)],
    )
}

fn failure_table(screen: Screen, failures: &[FailedObject]) -> String {
    table(
        screen,
        [
            Column::text("FAILED OBJECT"),
            Column::text("REASON"),
            Column::text("CURE"),
        ],
        failures.iter().map(|failed| {
            // What was asked for and not found has no id of its own.
            let object = if failed.label.is_empty() || failed.label == failed.object_id {
                format!("{} {}", failed.kind, failed.object_id)
            } else {
                format!("{} {} ({})", failed.kind, failed.label, failed.object_id)
            };
            [object, failed.reason.clone(), failed.cure.clone()]
        }),
    )
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::agent::Answer;

    pub(crate) fn run() -> ImportSummary {
        ImportSummary {
            started_at: "2026-03-02T08:15:00Z".into(),
            duration_ms: 2_345,
            scope: "the whole tenant".into(),
            users: Counts {
                added: 30,
                changed: 1,
                removed: 2,
                unchanged: 1_000,
                failed: 2,
            },
            groups: Counts {
                added: 12,
                ..Counts::default()
            },
            memberships: 85,
            withheld: Withheld::default(),
            requests: 41,
            generation: 7,
            remarks: vec!["groups a and b contain each other".into()],
        }
    }

    fn failures() -> Vec<FailedObject> {
        let failed = |label: &str, object_id: &str, reason: &str, cure: &str| FailedObject {
            kind: "user".into(),
            object_id: object_id.into(),
            label: label.into(),
            reason: reason.into(),
            cure: cure.into(),
        };
        vec![
            failed(
                "root@contoso.example",
                "6e7b768e-07e2-4810-8459-485f84f8f204",
                "userPrincipalName: the name root is taken in /etc/passwd",
                "give this object another name under [names.overrides] in agent.toml",
            ),
            failed(
                "ghost",
                "ghost",
                "no such user in the tenant",
                "check the spelling",
            ),
        ]
    }

    #[test]
    fn the_summary_in_a_pipe() {
        let shown = import(
            &mut |requests| {
                let expected = Request::Import {
                    users: vec!["a".into(), "b".into(), "c".into()],
                    groups: Vec::new(),
                    accept_removals: true,
                };
                assert_eq!(requests, [expected]);
                Ok(Answer {
                    rows: failures().into_iter().map(Row::Failure).collect(),
                    done: Done::Import(run()),
                })
            },
            &[Names(vec!["a".into(), "b".into()]), Names(vec!["c".into()])],
            &[],
            true,
        )
        .unwrap();
        assert_eq!(
            shown.text(Screen::Plain).data,
            "Scope:           the whole tenant\n\
             Started:         2026-03-02T08:15:00Z\n\
             Duration:        2.3 s\n\
             Graph requests:  41\n\
             Memberships:     85\n\
             Snapshot:        generation 7\n\
             Remark:          groups a and b contain each other\n\
             \n        ADDED  CHANGED  REMOVED  UNCHANGED  FAILED\n\
             users      30        1        2       1000       2\n\
             groups     12        0        0          0       0\n\
             \n\
             FAILED OBJECT                                                     REASON                                                    CURE\n\
             user root@contoso.example (6e7b768e-07e2-4810-8459-485f84f8f204)  userPrincipalName: the name root is taken in /etc/passwd  give this object another name under [names.overrides] in agent.toml\n\
             user ghost                                                        no such user in the tenant                                check the spelling\n"
        );
    }

    #[test]
    fn what_was_held_back_has_a_line_of_its_own() {
        let mut import = run();
        assert_eq!(withheld(import.withheld), None);
        import.withheld.memberships = 66;
        let failures = Vec::new();
        let text = Imported { import, failures }.text(Screen::Plain).data;
        let line = "Withheld:        the removal of 0 users, 0 groups and 66 memberships\n";
        assert!(text.contains(line), "{text}");
    }

    #[test]
    fn the_failures_fit_a_terminal() {
        let text = failure_table(Screen::Terminal { columns: 80 }, &failures());
        assert_eq!(
            text,
            "\
┌──────────────────────────────┬────────────────────────┬──────────────────────┐
│ FAILED OBJECT                ┆ REASON                 ┆ CURE                 │
╞══════════════════════════════╪════════════════════════╪══════════════════════╡
│ user root@contoso.example    ┆ userPrincipalName: the ┆ give this object     │
│ (6e7b768e-07e2-4810-8459-485 ┆ name root is taken in  ┆ another name under   │
│ f84f8f204)                   ┆ /etc/passwd            ┆ [names.overrides] in │
│                              ┆                        ┆ agent.toml           │
│ user ghost                   ┆ no such user in the    ┆ check the spelling   │
│                              ┆ tenant                 ┆                      │
└──────────────────────────────┴────────────────────────┴──────────────────────┘
"
        );
    }

    #[test]
    fn durations_read_well() {
        assert_eq!(duration(0), "0.0 s");
        assert_eq!(duration(59_999), "59.9 s");
        assert_eq!(duration(192_000), "3 min 12 s");
    }
}
