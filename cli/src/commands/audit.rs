//! `entractl audit`: who changed what, and who was refused.

use entra_protocol::admin::{AuditOutcome, AuditRow, Done, Moment, Request, Row};
use serde::Serialize;

use crate::agent::Ask;
use crate::args::{Audit, When};
use crate::output::table::{Column, table};
use crate::output::{Screen, Shown, Text};
use crate::trouble::Trouble;

/// Rows that are listed if nothing else is said: somewhat more than a screen.
const USUAL_LIMIT: u32 = 50;

/// `{"audit": [AuditRow]}`
#[derive(Debug, Serialize)]
pub(crate) struct Rows {
    audit: Vec<AuditRow>,
    /// True if there may be more than were asked for.
    #[serde(skip)]
    cut: bool,
}

pub(crate) fn list(ask: Ask<'_>, asked: &Audit) -> Result<Rows, Trouble> {
    let limit = asked.limit.unwrap_or(match asked.since {
        Some(_) => u32::MAX,
        None => USUAL_LIMIT,
    });
    let answer = ask(&[Request::AuditList {
        since: asked.since.map(moment),
        until: asked.until.map(moment),
        by: asked.by.clone(),
        object: asked.object.clone(),
        verb: asked.verb.clone(),
        refused: asked.refused,
        limit: Some(limit),
    }])?;
    if !matches!(answer.done, Done::Rows { .. }) {
        return Err(Trouble::WrongAnswer);
    }
    let one = |row| match row {
        Row::Audit(row) => Ok(*row),
        _ => Err(Trouble::WrongAnswer),
    };
    let audit = answer
        .rows
        .into_iter()
        .map(one)
        .collect::<Result<Vec<_>, _>>()?;
    Ok(Rows {
        cut: u32::try_from(audit.len()).is_ok_and(|count| count >= limit),
        audit,
    })
}

fn moment(when: When) -> Moment {
    match when {
        When::Day(day) => Moment::Day(day.to_string()),
        When::Ago(time) => Moment::SecondsAgo(time.as_secs()),
    }
}

impl Shown for Rows {
    fn text(&self, screen: Screen) -> Text {
        let data = table(
            screen,
            [
                Column::text("TIME"),
                Column::text("WHO"),
                Column::text("ROLE"),
                Column::text("VERB"),
                Column::text("OBJECT"),
                Column::text("RESULT"),
            ],
            self.audit.iter().map(|row| {
                [
                    row.at.clone(),
                    who(row),
                    row.role.clone().unwrap_or_default(),
                    row.verb.clone(),
                    row.object.clone(),
                    result(row),
                ]
            }),
        );
        let talk = if self.audit.is_empty() {
            vec!["The audit log has no such row.".to_owned()]
        } else if self.cut {
            vec!["There may be more: --limit and --since show them.".to_owned()]
        } else {
            Vec::new()
        };
        Text { data, talk }
    }
}

/// Whoever has no account of the tenant is known by the uid alone.
fn who(row: &AuditRow) -> String {
    match (row.uid, row.name.as_str()) {
        (0, "root") => row.name.clone(),
        (uid, "local user") => format!("uid {uid}"),
        (uid, name) => format!("{name} ({uid})"),
    }
}

fn result(row: &AuditRow) -> String {
    let because = |word: &str| match &row.reason {
        Some(reason) => format!("{word}: {reason}"),
        None => word.to_owned(),
    };
    match row.outcome {
        AuditOutcome::Done => match (&row.before, &row.after) {
            (Some(before), Some(after)) => format!("{before} -> {after}"),
            (None, Some(after)) => after.clone(),
            (Some(before), None) => format!("{before} -> nothing"),
            (None, None) => "done".to_owned(),
        },
        AuditOutcome::Begun => match &row.after {
            Some(what) => format!("begun: {what}"),
            None => "begun".to_owned(),
        },
        AuditOutcome::Refused => because("refused"),
        AuditOutcome::Failed => because("failed"),
        AuditOutcome::MoreRefused => format!("{} more refused", row.count),
        AuditOutcome::Unknown => because("unknown"),
    }
}
