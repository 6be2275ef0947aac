//! `entractl import` and `entractl sync`: run an import and show its summary, with every object that failed.
//!
//! A run that ended is a success, whatever its rows: failed rows are what the summary is for. A run that
//! did not end (tenant unreachable, another run in its way) is a failure, and the old directory stands.

use entra_protocol::admin::{Change, Done, FailedObject, ImportSummary, Request, Row};
use serde::Serialize;

use super::summary::{change_table, failure_table, properties_of, summary_table};
use crate::agent::Ask;
use crate::args;
use crate::args::Names;
use crate::output::table::properties;
use crate::output::{Screen, Shown, Text};
use crate::trouble::Trouble;

/// `{"import": ImportSummary, "failures": [FailedObject]}`, of a dry run with `"changes": [Change]`.
#[derive(Debug, Serialize)]
pub(crate) struct Imported {
    import: ImportSummary,
    failures: Vec<FailedObject>,
    #[serde(skip_serializing_if = "Option::is_none")]
    changes: Option<Vec<Change>>,
}

pub(crate) fn import(ask: Ask<'_>, asked: &args::Import) -> Result<Imported, Trouble> {
    let include = [
        (asked.guests, "guests"),
        (asked.microsoft_365_groups, "microsoft-365-groups"),
        (asked.distribution_groups, "distribution-groups"),
    ];
    run(
        ask,
        Request::Import {
            users: flat(&asked.users),
            groups: flat(&asked.groups),
            accept_removals: asked.caution.accept_removals,
            tenant: asked.tenant.tenant.clone(),
            include: include
                .into_iter()
                .filter(|(on, _)| *on)
                .map(|(_, word)| word.to_owned())
                .collect(),
            dry_run: asked.caution.dry_run,
        },
    )
}

pub(crate) fn sync(ask: Ask<'_>, asked: &args::Sync) -> Result<Imported, Trouble> {
    run(
        ask,
        Request::Sync {
            tenant: asked.tenant.tenant.clone(),
            accept_removals: asked.caution.accept_removals,
            full: asked.full,
            dry_run: asked.caution.dry_run,
        },
    )
}

/// Every name of several lists.
pub(crate) fn flat(lists: &[Names]) -> Vec<String> {
    lists.iter().flat_map(|list| list.0.clone()).collect()
}

/// Asks for one run and gathers what it says.
pub(crate) fn run(ask: Ask<'_>, request: Request) -> Result<Imported, Trouble> {
    let answer = ask(&[request])?;
    let Done::Import(import) = answer.done else {
        return Err(Trouble::WrongAnswer);
    };
    let mut failures = Vec::new();
    let mut changes = Vec::new();
    for row in answer.rows {
        match row {
            Row::Failure(failure) => failures.push(failure),
            Row::Change(change) => changes.push(change),
            _ => return Err(Trouble::WrongAnswer),
        }
    }
    Ok(Imported {
        changes: import.dry_run.then_some(changes),
        import,
        failures,
    })
}

impl Shown for Imported {
    fn text(&self, screen: Screen) -> Text {
        let run = &self.import;
        let mut data = properties(&properties_of(run));
        data.push('\n');
        data.push_str(&summary_table(screen, run));
        let changes = self.changes.as_deref().unwrap_or_default();
        if !changes.is_empty() {
            data.push('\n');
            data.push_str(&change_table(screen, changes));
        }
        if !self.failures.is_empty() {
            data.push('\n');
            data.push_str(&failure_table(screen, &self.failures));
        }
        let mut talk = Vec::new();
        if run.more_changes > 0 {
            talk.push(format!("And {} further changes.", run.more_changes));
        }
        let failed = run.users.failed + run.groups.failed;
        if let Some(more) = unsaid(failed, self.failures.len()) {
            talk.push(more);
        }
        if run.dry_run {
            talk.push("This was a dry run: nothing was changed.".to_owned());
        }
        Text { data, talk }
    }
}

/// That there are failed objects beyond those that are shown, if there are.
pub(crate) fn unsaid(failed: u64, shown: usize) -> Option<String> {
    let shown = u64::try_from(shown).unwrap_or(u64::MAX);
    let more = failed.saturating_sub(shown);
    (more > 0)
        .then(|| format!("And {more} further failed objects, which were counted and not kept."))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::super::summary::{duration, withheld};
    use super::*;
    use crate::agent::Answer;
    use entra_protocol::admin::{Counts, Withheld};

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
            ..ImportSummary::default()
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
                    tenant: None,
                    include: vec!["guests".into(), "distribution-groups".into()],
                    dry_run: false,
                };
                assert_eq!(requests, [expected]);
                Ok(Answer {
                    rows: failures().into_iter().map(Row::Failure).collect(),
                    done: Done::Import(run()),
                })
            },
            &args::Import {
                users: vec![Names(vec!["a".into(), "b".into()]), Names(vec!["c".into()])],
                guests: true,
                distribution_groups: true,
                caution: args::Caution {
                    accept_removals: true,
                    dry_run: false,
                },
                ..args::Import::default()
            },
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
        let shown = Imported {
            import,
            failures: Vec::new(),
            changes: None,
        };
        let text = shown.text(Screen::Plain).data;
        let line = "Withheld:        the removal of 0 users, 0 groups and 66 memberships\n";
        assert!(text.contains(line), "{text}");
    }

    #[test]
    fn a_dry_run_shows_its_changes_and_says_that_it_was_one() {
        let change = |action: &str, name: &str, label: &str| Change {
            kind: "user".into(),
            action: action.into(),
            name: name.into(),
            label: label.into(),
            object_id: "6e7b768e-07e2-4810-8459-485f84f8f204".into(),
        };
        let mut import = run();
        import.dry_run = true;
        import.more_changes = 4;
        import.bytes = 1_234_567;
        import.full = true;
        import.throttled = 2;
        import.waited_ms = 61_000;
        let answer = Answer {
            rows: vec![
                Row::Change(change("add", "erin", "erin@contoso.example")),
                Row::Change(change("remove", "", "x")),
            ],
            done: Done::Import(import),
        };
        let asked = args::Sync {
            caution: args::Caution {
                dry_run: true,
                ..args::Caution::default()
            },
            ..args::Sync::default()
        };
        let mut answer = Some(answer);
        let shown = sync(&mut |_| Ok(answer.take().unwrap()), &asked).unwrap();
        let Text { data, talk } = shown.text(Screen::Plain);
        let table = "\
WOULD   KIND  NAME  IN THE TENANT         OBJECT ID
add     user  erin  erin@contoso.example  6e7b768e-07e2-4810-8459-485f84f8f204
remove  user  -     x                     6e7b768e-07e2-4810-8459-485f84f8f204
";
        assert!(data.contains(table), "{data}");
        assert!(
            data.contains("Graph requests:  41 (1235 kB, everything anew)\n"),
            "{data}"
        );
        assert!(
            data.contains("Throttled:       2 times, 1 min 1 s of waiting\n"),
            "{data}"
        );
        assert_eq!(
            talk,
            [
                "And 4 further changes.",
                "And 2 further failed objects, which were counted and not kept.",
                "This was a dry run: nothing was changed.",
            ]
        );
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
