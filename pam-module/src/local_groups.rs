//! `/etc/entra-login/local-groups`: which Entra groups are worth a group of this host to whoever signs in.
//!
//! One line a group: `docker = ["object id", "object id"]`, `#` begins a comment. Invariants: the file counts only if
//! root owns it and nobody else may write it; names mean lines of `/etc/group`, never what NSS says; gid 0
//! is never granted; a group means members by object id, as the published directory has them. Nothing here refuses a
//! sign-in: what can't be read grants nothing and is in the journal.

use crate::account;
use crate::application::{Application, Item};
use crate::host::Host;
use crate::identity::Imported;
use crate::phases::{self, Call};
use crate::root_file::RootFile;

/// The object id that role groups have in the directory (docs/snapshot.md): nobody's.
const NO_OBJECT: [u8; 16] = [0; 16];

/// Adds to the calling process the groups of this host that `imported` has by their Entra groups.
pub(crate) fn grant(
    call: Call,
    imported: &Imported,
    application: &impl Application,
    host: &impl Host,
) {
    let note = |facts: &str| phases::note(call, application, host, &imported.name, facts);
    let text = match host.local_groups_file() {
        RootFile::Absent => return,
        RootFile::Unusable(reason) => {
            return note(&format!("no local groups: local-groups {reason}"));
        }
        RootFile::Text(text) => text,
    };
    let service = application.item(Item::Service);
    if account::stands(imported, &service, host.now()).is_err() {
        return;
    }
    let (lines, wrong) = parse(&text);
    for (number, reason) in wrong {
        note(&format!(
            "local-groups, line {number}: {reason}; it grants nothing"
        ));
    }
    if lines.is_empty() {
        return;
    }
    let (groups, objects) = match (host.group_file(), host.objects_of(&imported.user)) {
        (Ok(groups), Ok(objects)) => (groups, objects),
        (Err(reason), _) => return note(&format!("no local groups: /etc/group: {reason}")),
        (_, Err(reason)) => return note(&format!("no local groups: {reason}")),
    };
    let mut gids = Vec::new();
    for line in lines {
        let is_member = |object: &[u8; 16]| *object != NO_OBJECT && objects.contains(object);
        if !line.objects.iter().any(is_member) {
            continue;
        }
        match groups.gid_of(line.group.as_bytes()) {
            Some(0) => note(&format!(
                "local group {:?}: gid 0 is never granted",
                line.group
            )),
            Some(gid) => gids.push(gid),
            None => note(&format!(
                "local group {:?} is not in /etc/group",
                line.group
            )),
        }
    }
    if !gids.is_empty()
        && let Err(reason) = host.add_groups(&gids)
        // Whoever is not root has the groups that they have (screen lockers).
        && reason.kind() != std::io::ErrorKind::PermissionDenied
    {
        note(&format!(
            "can't take on the local groups {gids:?}: {reason}"
        ));
    }
}

/// One line of the file.
#[derive(Debug, PartialEq, Eq)]
struct Line<'a> {
    group: &'a str,
    objects: Vec<[u8; 16]>,
}

/// The lines, and the numbers of those that make no sense, each with a reason.
fn parse(text: &str) -> (Vec<Line<'_>>, Vec<(usize, &'static str)>) {
    let mut lines = Vec::new();
    let mut wrong = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.split('#').next().unwrap_or_default().trim();
        if line.is_empty() {
            continue;
        }
        match one(line) {
            Ok(line) => lines.push(line),
            Err(reason) => wrong.push((number, reason)),
        }
    }
    (lines, wrong)
}

fn one(line: &str) -> Result<Line<'_>, &'static str> {
    const FORM: &str = "a line is `group = [\"object id\", ...]`";
    let (group, list) = line.split_once('=').ok_or(FORM)?;
    let group = group.trim().trim_matches('"');
    let list = list
        .trim()
        .strip_prefix('[')
        .and_then(|list| list.strip_suffix(']'));
    let list = list.ok_or(FORM)?.trim().trim_end_matches(',');
    if group.is_empty() || list.is_empty() {
        return Err(FORM);
    }
    let objects = list
        .split(',')
        .map(|text| object_id(text.trim().trim_matches('"')))
        .collect::<Option<_>>();
    objects
        .map(|objects| Line { group, objects })
        .ok_or("a group of Entra is named by its object id")
}

/// The bytes of an object id, as in `a0000000-0000-4000-8000-000000000009`.
fn object_id(text: &str) -> Option<[u8; 16]> {
    const HYPHENS: [usize; 4] = [8, 13, 18, 23];
    if text.len() != 36 || !text.is_ascii() {
        return None;
    }
    let mut digits = Vec::with_capacity(32);
    for (place, character) in text.chars().enumerate() {
        match (HYPHENS.contains(&place), character) {
            (true, '-') => {}
            (false, digit) => digits.push(u8::try_from(digit.to_digit(16)?).ok()?),
            (true, _) => return None,
        }
    }
    let bytes: Vec<u8> = digits
        .chunks_exact(2)
        .map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | digit))
        .collect();
    bytes.try_into().ok()
}

#[cfg(test)]
mod tests;
