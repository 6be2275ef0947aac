//! The mirror: what each tenant said last, and the rounds that keep it so.
//!
//! A round is a set of raw objects and direct members. A *full* round holds everything of its scope; when
//! it is whole it becomes the tenant's live set, and the set before it is swept away. A *delta* round
//! holds what has changed since the live set's links were taken, and is merged into it when it is whole.
//! Each page is one transaction together with the link to the next, so that a round that was cut off is
//! taken up where it stopped; the live set and its links change in one transaction.
//!
//! Within a round objects may repeat in any order, groups come in slices, and objects may be taken back:
//! the last word on a property and on a member wins (entra-facts §4.2). Objects that are no live ones
//! stay as marks, with the members of groups: what is restored within its 30 days has them again, though
//! no delta says so.
//!
//! Nobody reads the mirror but an import: what it holds is not yet decided on.

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension, params};
use serde_json::Value;

use super::{Store, StoreError};
use crate::clock::UnixSeconds;
use crate::graph::{Fault, MemberKind, RawElement, RawObject, raw_element};
use crate::identity::TenantId;

/// A round's number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct RoundId(i64);

/// What a round holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RoundKind {
    /// Everything of its scope.
    Full,
    /// What has changed since the live set's links were taken.
    Delta,
}

impl RoundKind {
    fn word(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Delta => "delta",
        }
    }

    fn of_word(word: &str) -> Result<Self, StoreError> {
        match word {
            "full" => Ok(Self::Full),
            "delta" => Ok(Self::Delta),
            other => Err(StoreError::Damaged {
                what: "a round's kind",
                value: other.to_owned(),
            }),
        }
    }
}

/// A round that is under way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenRound {
    /// Its number.
    pub id: RoundId,
    /// What it holds.
    pub kind: RoundKind,
    /// Which request it answers: the scope's kind and every `$select`.
    pub fingerprint: String,
    /// When it began.
    pub started_at: UnixSeconds,
    /// How far each of its streams is.
    pub streams: BTreeMap<String, Stream>,
}

/// How far a stream of pages is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stream {
    /// Pages that were staged.
    pub pages: u64,
    /// Where the next page is; `None` after the last.
    pub next_link: Option<String>,
    /// Where changes after this round will be, from the last page.
    pub delta_link: Option<String>,
}

/// A tenant's live set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveSet {
    /// The round whose number the set has.
    pub id: RoundId,
    /// As of [`OpenRound::fingerprint`].
    pub fingerprint: String,
    /// When the last full round began.
    pub full_at: UnixSeconds,
    /// True if something of it could not be read whole: only a full round mends that.
    pub needs_full: bool,
    /// Stream and delta link.
    pub links: BTreeMap<String, String>,
}

/// A page on its way into a round.
#[derive(Debug, Clone, Copy)]
pub struct StagedPage<'a> {
    /// The round.
    pub round: RoundId,
    /// Which of its streams it belongs to (`users`, `groups`).
    pub stream: &'a str,
    /// How errors name the page, e.g. `users page 2`.
    pub label: &'a str,
    /// What its elements are.
    pub kind: MemberKind,
    /// The `$select` that was asked for.
    pub select: &'a str,
    /// The elements, in order.
    pub elements: &'a [Value],
    /// Where the next page is, if there is one.
    pub next_link: Option<&'a str>,
    /// Where changes after this round will be, on the last page.
    pub delta_link: Option<&'a str>,
}

impl Store {
    /// Begins a round of the tenant. An unfinished one is given up.
    ///
    /// # Errors
    /// What the database said.
    pub fn begin_round(
        &self,
        tenant: TenantId,
        kind: RoundKind,
        fingerprint: &str,
    ) -> Result<OpenRound, StoreError> {
        let now = self.now();
        let id = self.write_directory(|transaction| {
            transaction.execute(
                "UPDATE rounds SET state = 'dead' WHERE tenant = ?1 AND state = 'open'",
                [tenant],
            )?;
            transaction.execute(
                "INSERT INTO rounds (tenant, kind, state, fingerprint, started_at, full_at)
                 VALUES (?1, ?2, 'open', ?3, ?4, ?4)",
                params![tenant, kind.word(), fingerprint, now],
            )?;
            Ok(transaction.last_insert_rowid())
        })?;
        self.sweep()?;
        Ok(OpenRound {
            id: RoundId(id),
            kind,
            fingerprint: fingerprint.to_owned(),
            started_at: now,
            streams: BTreeMap::new(),
        })
    }

    /// The tenant's round that was begun and not finished.
    ///
    /// # Errors
    /// What the database said.
    pub fn open_round(&self, tenant: TenantId) -> Result<Option<OpenRound>, StoreError> {
        let reader = self.reader();
        let found = reader
            .prepare_cached(
                "SELECT id, kind, fingerprint, started_at FROM rounds
                 WHERE tenant = ?1 AND state = 'open'",
            )?
            .query_row([tenant], |row| {
                Ok((
                    row.get::<_, i64>(0)?,
                    row.get::<_, String>(1)?,
                    row.get(2)?,
                    row.get(3)?,
                ))
            })
            .optional()?;
        let Some((id, kind, fingerprint, started_at)) = found else {
            return Ok(None);
        };
        Ok(Some(OpenRound {
            id: RoundId(id),
            kind: RoundKind::of_word(&kind)?,
            fingerprint,
            started_at,
            streams: streams(&reader, RoundId(id))?,
        }))
    }

    /// The tenant's live set.
    ///
    /// # Errors
    /// What the database said.
    pub fn live_set(&self, tenant: TenantId) -> Result<Option<LiveSet>, StoreError> {
        let reader = self.reader();
        let found = reader
            .prepare_cached(
                "SELECT id, fingerprint, full_at, needs_full FROM rounds
                 WHERE tenant = ?1 AND state = 'live'",
            )?
            .query_row([tenant], |row| {
                Ok((row.get::<_, i64>(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
            })
            .optional()?;
        let Some((id, fingerprint, full_at, needs_full)) = found else {
            return Ok(None);
        };
        let links = streams(&reader, RoundId(id))?
            .into_iter()
            .filter_map(|(name, stream)| Some((name, stream.delta_link?)))
            .collect();
        Ok(Some(LiveSet {
            id: RoundId(id),
            fingerprint,
            full_at,
            needs_full,
            links,
        }))
    }

    /// Adds a page to its round.
    ///
    /// # Errors
    /// What the database said; then nothing of the page was added.
    pub fn stage(&self, page: &StagedPage<'_>) -> Result<(), StoreError> {
        let now = self.now();
        self.write_directory(|transaction| {
            let mut is_whole = true;
            for (position, element) in page.elements.iter().enumerate() {
                match raw_element(element, page.select) {
                    RawElement::Object(object) => {
                        is_whole &= !object.members_are_bad;
                        stage_object(transaction, page, position, &object, now)?;
                    }
                    RawElement::Fault(fault) => stage_fault(transaction, page, position, &fault)?,
                }
            }
            if !is_whole {
                transaction.execute(
                    "UPDATE rounds SET needs_full = 1 WHERE id = ?1",
                    [page.round.0],
                )?;
            }
            transaction
                .prepare_cached(
                    "INSERT INTO round_streams (round, stream, pages, next_link, delta_link)
                     VALUES (?1, ?2, 1, ?3, ?4)
                     ON CONFLICT (round, stream) DO UPDATE SET pages = pages + 1,
                         next_link = excluded.next_link, delta_link = excluded.delta_link",
                )?
                .execute(params![
                    page.round.0,
                    page.stream,
                    page.next_link,
                    page.delta_link
                ])?;
            Ok(())
        })
    }

    /// Makes a round that is whole part of the mirror: a full one becomes the live set, a delta is merged
    /// into it. Answers the live set's number.
    ///
    /// # Errors
    /// [`StoreError::UnfinishedRound`] if one of its streams has further pages or no round is open;
    /// otherwise what the database said. Then the live set is the one before.
    pub fn adopt_round(&self, tenant: TenantId, round: &OpenRound) -> Result<RoundId, StoreError> {
        let live = self.write_directory(|transaction| {
            for (stream, state) in streams(transaction, round.id)? {
                if state.next_link.is_some() {
                    return Err(StoreError::UnfinishedRound { stream });
                }
            }
            let live: Option<i64> = transaction
                .query_row(
                    "SELECT id FROM rounds WHERE tenant = ?1 AND state = 'live'",
                    [tenant],
                    |row| row.get(0),
                )
                .optional()?;
            match (round.kind, live) {
                (RoundKind::Full, live) => {
                    if let Some(live) = live {
                        bury(transaction, live)?;
                    }
                    transaction.execute(
                        "UPDATE rounds SET state = 'live' WHERE id = ?1",
                        [round.id.0],
                    )?;
                    Ok(round.id)
                }
                (RoundKind::Delta, Some(live)) => {
                    for statement in MERGE {
                        transaction.execute(statement, params![live, round.id.0])?;
                    }
                    bury(transaction, round.id.0)?;
                    Ok(RoundId(live))
                }
                (RoundKind::Delta, None) => Err(StoreError::UnfinishedRound {
                    stream: "the full round before this one".to_owned(),
                }),
            }
        })?;
        self.sweep()?;
        Ok(live)
    }

    /// Asks for a full round next time: something of this one did not satisfy.
    ///
    /// # Errors
    /// What the database said.
    pub fn ask_for_full_round(&self, tenant: TenantId) -> Result<(), StoreError> {
        self.write_directory(|transaction| {
            transaction.execute(
                "UPDATE rounds SET needs_full = 1 WHERE tenant = ?1 AND state = 'live'",
                [tenant],
            )?;
            Ok(())
        })
    }

    /// Gives up the tenant's unfinished round.
    ///
    /// # Errors
    /// What the database said.
    pub fn drop_round(&self, round: RoundId) -> Result<(), StoreError> {
        self.write_directory(|transaction| bury(transaction, round.0))?;
        self.sweep()
    }

    /// Takes away the rows of dead rounds, in transactions that are each short. A kill between two leaves
    /// rows that nobody reads; the next sweep takes them.
    fn sweep(&self) -> Result<(), StoreError> {
        let dead = {
            let reader = self.reader();
            let mut statement =
                reader.prepare_cached("SELECT id FROM rounds WHERE state = 'dead'")?;
            let ids = statement.query_map([], |row| row.get::<_, i64>(0))?;
            ids.collect::<Result<Vec<_>, _>>()?
        };
        for round in dead {
            for statement in SWEEP {
                while self.write_directory(|transaction| {
                    let mut statement = transaction.prepare_cached(statement)?;
                    Ok(statement.execute([round, SWEPT_AT_ONCE])?)
                })? > 0
                {}
            }
            self.write_directory(|transaction| {
                transaction.execute("DELETE FROM rounds WHERE id = ?1", [round])?;
                Ok(())
            })?;
        }
        Ok(())
    }
}

fn bury(connection: &Connection, round: i64) -> Result<(), StoreError> {
    connection.execute("UPDATE rounds SET state = 'dead' WHERE id = ?1", [round])?;
    Ok(())
}

impl RoundId {
    /// The number as it stands in columns.
    #[must_use]
    pub fn value(self) -> i64 {
        self.0
    }
}

fn streams(
    connection: &Connection,
    round: RoundId,
) -> Result<BTreeMap<String, Stream>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT stream, pages, next_link, delta_link FROM round_streams WHERE round = ?1",
    )?;
    let rows = statement.query_map([round.0], |row| {
        let stream = Stream {
            pages: row.get::<_, u32>(1)?.into(),
            next_link: row.get(2)?,
            delta_link: row.get(3)?,
        };
        Ok((row.get(0)?, stream))
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn stage_object(
    connection: &Connection,
    page: &StagedPage<'_>,
    position: usize,
    object: &RawObject,
    now: UnixSeconds,
) -> Result<(), StoreError> {
    let (round, kind, place) = (page.round.0, page.kind.word(), place(page, position));
    let is_new = connection
        .prepare_cached(
            "INSERT OR IGNORE INTO raw_objects (round, kind, object, body, place, seen_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .execute(params![round, kind, object.id, object.body, place, now])?
        > 0;
    if !is_new {
        let known: String = connection
            .prepare_cached(
                "SELECT body FROM raw_objects WHERE round = ?1 AND kind = ?2 AND object = ?3",
            )?
            .query_row(params![round, kind, object.id], |row| row.get(0))?;
        connection
            .prepare_cached(
                "UPDATE raw_objects SET body = ?4, place = ?5, seen_at = ?6
                 WHERE round = ?1 AND kind = ?2 AND object = ?3",
            )?
            .execute(params![
                round,
                kind,
                object.id,
                both(&known, &object.body)?,
                place,
                now
            ])?;
    }
    if object.is_deleted && page.kind == MemberKind::Group {
        // For good: nothing of it comes back.
        connection
            .prepare_cached("UPDATE raw_edges SET removed = 1 WHERE round = ?1 AND parent = ?2")?
            .execute(params![page.round.0, object.id])?;
    }
    let mut upsert = connection.prepare_cached(
        "INSERT OR REPLACE INTO raw_edges (round, parent, member, kind, removed)
         VALUES (?1, ?2, ?3, ?4, ?5)",
    )?;
    for member in &object.members {
        upsert.execute(params![
            page.round.0,
            object.id,
            member.id,
            member.kind.word(),
            member.removed
        ])?;
    }
    Ok(())
}

/// One change out of two that came one after the other. Not `json_patch`: what the first takes away with a
/// `null` must still be taken away when both are merged into the live set.
fn both(first: &str, second: &str) -> Result<String, StoreError> {
    let parsed = |text: &str| -> Result<Value, StoreError> {
        serde_json::from_str(text).map_err(|error| StoreError::Damaged {
            what: "an object of a round",
            value: error.to_string(),
        })
    };
    let (mut first, second) = (parsed(first)?, parsed(second)?);
    add(&mut first, second);
    Ok(first.to_string())
}

fn add(first: &mut Value, second: Value) {
    match (first, second) {
        (Value::Object(first), Value::Object(second)) => {
            for (key, value) in second {
                add(first.entry(key).or_insert(Value::Null), value);
            }
        }
        (first, second) => *first = second,
    }
}

fn stage_fault(
    connection: &Connection,
    page: &StagedPage<'_>,
    position: usize,
    fault: &Fault,
) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "INSERT OR REPLACE INTO raw_faults (round, place, kind, label, reason)
             VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute(params![
            page.round.0,
            place(page, position),
            page.kind.word(),
            fault.label,
            fault.reason
        ])?;
    Ok(())
}

/// Where on which page an element is, for failed rows.
fn place(page: &StagedPage<'_>, position: usize) -> String {
    format!("{}: value[{position}]", page.label)
}

/// Puts the delta `?2` into the live set `?1`: objects, members, elements about nobody, links, and whether
/// something was not whole.
const MERGE: [&str; 7] = [
    "INSERT INTO raw_objects (round, kind, object, body, place, seen_at)
     SELECT ?1, kind, object, body, place, seen_at FROM raw_objects WHERE round = ?2
     ON CONFLICT (round, kind, object)
     DO UPDATE SET body = json_patch(body, excluded.body), place = excluded.place,
         seen_at = excluded.seen_at",
    "DELETE FROM raw_edges WHERE round = ?1 AND parent IN
         (SELECT object FROM raw_objects WHERE round = ?2 AND kind = 'group'
          AND json_extract(body, '$.\"@removed\".reason') = 'deleted')",
    "DELETE FROM raw_edges WHERE round = ?1 AND (parent, member) IN
         (SELECT parent, member FROM raw_edges WHERE round = ?2 AND removed = 1)",
    "INSERT OR REPLACE INTO raw_edges (round, parent, member, kind, removed)
     SELECT ?1, parent, member, kind, 0 FROM raw_edges WHERE round = ?2 AND removed = 0",
    "INSERT OR REPLACE INTO raw_faults (round, place, kind, label, reason)
     SELECT ?1, place, kind, label, reason FROM raw_faults WHERE round = ?2",
    "INSERT OR REPLACE INTO round_streams (round, stream, pages, next_link, delta_link)
     SELECT ?1, stream, pages, NULL, delta_link FROM round_streams
     WHERE round = ?2 AND delta_link IS NOT NULL",
    "UPDATE rounds SET needs_full = needs_full OR
         (SELECT needs_full FROM rounds WHERE id = ?2) WHERE id = ?1",
];

/// Takes away up to `?2` rows of the round `?1`.
const SWEEP: [&str; 4] = [
    "DELETE FROM raw_objects WHERE round = ?1 AND (kind, object) IN
         (SELECT kind, object FROM raw_objects WHERE round = ?1 LIMIT ?2)",
    "DELETE FROM raw_edges WHERE round = ?1 AND (parent, member) IN
         (SELECT parent, member FROM raw_edges WHERE round = ?1 LIMIT ?2)",
    "DELETE FROM raw_faults WHERE round = ?1 AND place IN
         (SELECT place FROM raw_faults WHERE round = ?1 LIMIT ?2)",
    "DELETE FROM round_streams WHERE round = ?1 AND stream IN
         (SELECT stream FROM round_streams WHERE round = ?1 LIMIT ?2)",
];

/// Rows that one transaction of a sweep takes away: some ten milliseconds of work.
const SWEPT_AT_ONCE: i64 = 5_000;

#[cfg(test)]
mod tests;
