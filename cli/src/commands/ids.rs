//! `entractl ids show|export|import`: the ids that objects have on this host, and on others.
//!
//! Hosts agree by themselves on nearly every object. For the few that are displaced, and for what an older
//! host has, one host's map is exported and imported on the others before they use those ids.

use std::fs::File;
use std::io::{self, Read};

use entra_protocol::admin::{
    Done, IdChange, IdDifference, IdMapRow, IdRow, IdsImported, Request, Row,
};
use entra_protocol::id_map;
use entra_protocol::limits::{IDS_PER_FRAME, MAX_MAP_ROWS};
use serde::Serialize;

use crate::agent::Ask;
use crate::output::table::{self, Column, number, table};
use crate::output::{Screen, Shown, Text};
use crate::trouble::{HostTrouble, Trouble};

/// Bytes of one line of a map at most: two GUIDs, a number, a kind, a name of 256.
const LINE_BYTES_MAX: u64 = 400;

/// `{"ids": [IdRow]}`
#[derive(Debug, Serialize)]
pub(crate) struct Ids {
    ids: Vec<IdRow>,
    #[serde(skip)]
    as_map: bool,
}

/// `{"import": IdsImported, "differences": [IdDifference]}`
#[derive(Debug, Serialize)]
pub(crate) struct ImportedIds {
    import: IdsImported,
    differences: Vec<IdDifference>,
    #[serde(skip)]
    dry_run: bool,
}

pub(crate) fn show(ask: Ask<'_>, object: Option<&str>, displaced: bool) -> Result<Ids, Trouble> {
    let request = Request::IdsShow {
        object: object.map(str::to_owned),
        displaced,
    };
    Ok(Ids {
        ids: rows(ask, request)?,
        as_map: false,
    })
}

pub(crate) fn export(ask: Ask<'_>) -> Result<Ids, Trouble> {
    let request = Request::IdsShow {
        object: None,
        displaced: false,
    };
    Ok(Ids {
        ids: rows(ask, request)?,
        as_map: true,
    })
}

pub(crate) fn import(
    ask: Ask<'_>,
    file: &str,
    dry_run: bool,
    skip_conflicts: bool,
) -> Result<ImportedIds, Trouble> {
    let map = read(file)?;
    let answer = ask(&frames(&map, dry_run, skip_conflicts))?;
    let Done::IdsImport(import) = answer.done else {
        return Err(Trouble::WrongAnswer);
    };
    let one = |row| match row {
        Row::IdDifference(difference) => Ok(difference),
        _ => Err(Trouble::WrongAnswer),
    };
    let differences: Result<_, _> = answer.rows.into_iter().map(one).collect();
    Ok(ImportedIds {
        import,
        differences: differences?,
        dry_run,
    })
}

impl ImportedIds {
    /// Whether conflicts kept everything as it was.
    pub(crate) fn refused(&self) -> bool {
        !self.import.written && !self.dry_run
    }
}

fn rows(ask: Ask<'_>, request: Request) -> Result<Vec<IdRow>, Trouble> {
    let answer = ask(&[request])?;
    if !matches!(answer.done, Done::Rows { .. }) {
        return Err(Trouble::WrongAnswer);
    }
    let one = |row| match row {
        Row::Id(row) => Ok(row),
        _ => Err(Trouble::WrongAnswer),
    };
    answer.rows.into_iter().map(one).collect()
}

/// The map in a file, or on standard input.
fn read(file: &str) -> Result<Vec<IdMapRow>, Trouble> {
    let limit = u64::try_from(MAX_MAP_ROWS).unwrap_or(u64::MAX) * LINE_BYTES_MAX;
    let mut text = String::new();
    let outcome = if file == "-" {
        io::stdin().lock().take(limit).read_to_string(&mut text)
    } else {
        File::open(file).and_then(|opened| opened.take(limit).read_to_string(&mut text))
    };
    outcome.map_err(|error| HostTrouble {
        message: format!("can't read the id map {file}: {error}"),
        hint: None,
    })?;
    let map = id_map::read(&text).map_err(|error| HostTrouble {
        message: format!("the id map {file}, {error}"),
        hint: Some("nothing was changed".to_owned()),
    })?;
    if map.is_empty() || map.len() > MAX_MAP_ROWS {
        return Err(Trouble::Host(HostTrouble {
            message: format!(
                "the id map {file} has {} rows; 1 to {MAX_MAP_ROWS} can be imported",
                map.len()
            ),
            hint: None,
        }));
    }
    Ok(map)
}

fn frames(map: &[IdMapRow], dry_run: bool, skip_conflicts: bool) -> Vec<Request> {
    let mut chunks = map.chunks(IDS_PER_FRAME).peekable();
    let mut frames = Vec::new();
    while let Some(chunk) = chunks.next() {
        frames.push(Request::IdsImport {
            rows: chunk.to_vec(),
            dry_run,
            skip_conflicts,
            more: chunks.peek().is_some(),
        });
    }
    frames
}

impl Shown for Ids {
    fn text(&self, screen: Screen) -> Text {
        if self.as_map {
            return Text {
                data: id_map::write(&self.ids),
                talk: Vec::new(),
            };
        }
        let data = table(
            screen,
            [
                Column::number("ID"),
                Column::text("KIND"),
                Column::text("NAME"),
                Column::text("CANDIDATE"),
                Column::text("SINCE"),
                Column::text("STATE"),
                Column::whole("OBJECT ID"),
                Column::whole("TENANT"),
            ],
            self.ids.iter().map(|row| {
                [
                    row.id.to_string(),
                    table::text(&row.kind),
                    table::text(&row.name),
                    match row.attempt {
                        Some(0) => "first".to_owned(),
                        Some(attempt) => format!("displaced ({attempt})"),
                        None => "pinned".to_owned(),
                    },
                    row.since.clone(),
                    match (row.here, row.used) {
                        (true, true) => "here",
                        (true, false) => "here, unused",
                        (false, true) => "gone",
                        (false, false) => "not here yet",
                    }
                    .to_owned(),
                    row.object_id.clone(),
                    row.tenant_id.clone(),
                ]
            }),
        );
        let mut talk = Vec::new();
        if self.ids.is_empty() {
            talk.push("No ids to show.".to_owned());
        }
        Text { data, talk }
    }
}

impl Shown for ImportedIds {
    fn text(&self, screen: Screen) -> Text {
        // What can't be had first: it is what somebody has to decide about.
        let mut differences: Vec<&IdDifference> = self.differences.iter().collect();
        differences.sort_by_key(|difference| difference.change != IdChange::Conflict);
        let data = table(
            screen,
            [
                Column::text("CHANGE"),
                Column::text("NAME"),
                Column::number("HERE"),
                Column::number("MAP"),
                Column::text("WHY"),
                Column::whole("OBJECT ID"),
            ],
            differences.into_iter().map(|difference| {
                [
                    difference.change.word().to_owned(),
                    table::text(&difference.name),
                    number(difference.here),
                    number(difference.map),
                    difference.reason.clone(),
                    difference.object_id.clone(),
                ]
            }),
        );
        let IdsImported {
            same,
            pinned,
            moved,
            freed,
            conflicts,
            ..
        } = self.import;
        let mut talk = vec![format!(
            "{same} the same, {pinned} pinned, {moved} moved, {freed} freed, {conflicts} in conflict."
        )];
        if self.dry_run {
            talk.push("A dry run: nothing was changed.".to_owned());
        } else if self.refused() {
            talk.push(
                "error: the map is in conflict with this host; nothing was changed".to_owned(),
            );
            talk.push("hint: --skip-conflicts takes the other rows".to_owned());
        }
        Text { data, talk }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(number: usize) -> IdMapRow {
        IdMapRow {
            tenant_id: "7d1c2f6e-94a3-4c0a-9a51-0f3be1c0a001".to_owned(),
            object_id: format!("11111111-0000-4000-8000-{number:012}"),
            id: u32::try_from(number).unwrap() + 100_000,
        }
    }

    #[test]
    fn a_long_map_is_several_frames_that_fit() {
        let map: Vec<IdMapRow> = (0..2 * IDS_PER_FRAME + 1).map(row).collect();
        let frames = frames(&map, true, false);
        let shape: Vec<(usize, bool)> = frames
            .iter()
            .map(|frame| match frame {
                Request::IdsImport {
                    rows,
                    dry_run: true,
                    skip_conflicts: false,
                    more,
                } => (rows.len(), *more),
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(
            shape,
            [(IDS_PER_FRAME, true), (IDS_PER_FRAME, true), (1, false)]
        );
        for frame in &frames {
            let bytes = serde_json::to_vec(frame).unwrap().len();
            assert!(bytes < entra_protocol::limits::MAX_FRAME - 100, "{bytes}");
        }
    }

    #[test]
    fn differences_show_conflicts_first_and_what_to_do() {
        let difference = |change, here, reason: &str| IdDifference {
            change,
            tenant_id: String::new(),
            object_id: "o".to_owned(),
            name: "alice".to_owned(),
            map: Some(5),
            here,
            reason: reason.to_owned(),
        };
        let mut imported = ImportedIds {
            import: IdsImported {
                same: 3,
                pinned: 1,
                conflicts: 1,
                ..IdsImported::default()
            },
            differences: vec![
                difference(IdChange::Pinned, None, "new"),
                difference(IdChange::Conflict, Some(7), "used"),
            ],
            dry_run: false,
        };
        let text = imported.text(Screen::Plain);
        assert_eq!(
            text.data,
            "CHANGE    NAME   HERE  MAP  WHY   OBJECT ID\n\
             conflict  alice     7    5  used  o\n\
             pinned    alice     -    5  new   o\n"
        );
        assert_eq!(
            text.talk,
            [
                "3 the same, 1 pinned, 0 moved, 0 freed, 1 in conflict.",
                "error: the map is in conflict with this host; nothing was changed",
                "hint: --skip-conflicts takes the other rows",
            ]
        );
        assert!(imported.refused());
        imported.dry_run = true;
        assert!(!imported.refused());
    }
}
