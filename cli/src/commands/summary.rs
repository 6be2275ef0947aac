//! What a run did, as text: the counts, what was held back, what failed, what a dry run would change.
//!
//! `import`, `sync` and `groups select` show it of the run that they ordered, `history show` of an earlier
//! one, `status` and `history` in one line.

use entra_protocol::admin::{Change, Counts, FailedObject, ImportSummary, RunRow, Withheld};

use crate::output::Screen;
use crate::output::table::{self, Column, table};

/// A run's counts in one line.
pub(crate) fn counts_line(run: &ImportSummary) -> String {
    let counts = |kind: &str, counts: &Counts| {
        format!(
            "{kind} +{} ~{} -{}, {} failed",
            counts.added, counts.changed, counts.removed, counts.failed
        )
    };
    format!(
        "{}; {}",
        counts("users", &run.users),
        counts("groups", &run.groups)
    )
}

/// A run in one line, for `status`.
pub(crate) fn one_line(run: &ImportSummary) -> String {
    format!(
        "{}, {}, {}: {}",
        run.started_at,
        run.scope,
        duration(run.duration_ms),
        counts_line(run)
    )
}

/// How a remembered run ended, in one line.
pub(crate) fn result_line(run: &RunRow) -> String {
    match (&run.summary, &run.failure) {
        (Some(summary), _) => {
            let held = if summary.withheld.any() {
                "; removals withheld"
            } else {
                ""
            };
            format!("{}{held}", counts_line(summary))
        }
        (None, Some(failure)) if run.ended_at.is_none() => failure.message.clone(),
        (None, Some(failure)) => format!("failed: {}", failure.message),
        (None, None) => "under way".to_owned(),
    }
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

/// Everything of a summary but its tables.
pub(crate) fn properties_of(run: &ImportSummary) -> Vec<(&'static str, String)> {
    let mut lines = vec![
        ("Scope", run.scope.clone()),
        ("Started", run.started_at.clone()),
        ("Duration", duration(run.duration_ms)),
        ("Graph requests", requests(run)),
    ];
    if run.throttled > 0 || run.waited_ms > 0 {
        let text = format!(
            "{} times, {} of waiting",
            run.throttled,
            duration(run.waited_ms)
        );
        lines.push(("Throttled", text));
    }
    lines.push(("Memberships", run.memberships.to_string()));
    lines.push(("Snapshot", format!("generation {}", run.generation)));
    lines.extend(withheld(run.withheld));
    lines.extend(run.remarks.iter().map(|remark| ("Remark", remark.clone())));
    lines
}

fn requests(run: &ImportSummary) -> String {
    // Agents from before they were counted say 0.
    if run.bytes == 0 {
        return run.requests.to_string();
    }
    let kilobytes = run.bytes.div_ceil(1000);
    let bytes = if kilobytes < 10_000 {
        format!("{kilobytes} kB")
    } else {
        format!("{} MB", kilobytes / 1000)
    };
    let read = if run.full {
        "everything anew"
    } else {
        "what had changed"
    };
    format!("{} ({bytes}, {read})", run.requests)
}

/// Tenths of seconds below a minute, whole seconds above.
pub(crate) fn duration(milliseconds: u64) -> String {
    let seconds = milliseconds / 1000;
    if seconds < 60 {
        format!("{seconds}.{} s", milliseconds % 1000 / 100)
    } else {
        format!("{} min {} s", seconds / 60, seconds % 60)
    }
}

/// The counts.
pub(crate) fn summary_table(screen: Screen, run: &ImportSummary) -> String {
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

/// What failed, with reason and cure.
pub(crate) fn failure_table(screen: Screen, failures: &[FailedObject]) -> String {
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

/// What a dry run would have changed.
pub(crate) fn change_table(screen: Screen, changes: &[Change]) -> String {
    table(
        screen,
        [
            Column::text("WOULD"),
            Column::text("KIND"),
            Column::text("NAME"),
            Column::text("IN THE TENANT"),
            Column::whole("OBJECT ID"),
        ],
        changes.iter().map(|change| {
            [
                change.action.clone(),
                change.kind.clone(),
                table::text(&change.name),
                table::text(&change.label),
                change.object_id.clone(),
            ]
        }),
    )
}
