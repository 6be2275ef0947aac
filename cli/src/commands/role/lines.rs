//! A list of who is to have which role: `NAME,ROLE` on each line, or names alone where the command line has the role.
//!
//! The last comma of a line parts name and role, since display names of groups may hold commas; `group:` before a
//! name says that it is a group's. A first line `name,role` is taken for what spreadsheets put there. Invariant: a list
//! with one bad line is no list, and every bad line is named.

use std::fs::File;
use std::io::{self, Read};

use entra_protocol::admin::{HolderKind, Role, RoleOrder};
use entra_protocol::limits::MAX_BULK_NAMES;

use super::order;
use crate::args;
use crate::trouble::{HostTrouble, Trouble};

/// Bytes of one line at most: a display name has 256 characters of four bytes.
const LINE_BYTES_MAX: u64 = 1_100;

/// Lines that an error names before it says how many more are bad.
const NAMED: usize = 5;

/// Says of a name that it is a group's. No user's name and no UPN holds a colon.
const GROUP: &str = "group:";

/// Reads a file, or standard input for `-`.
pub(super) fn read(file: &str, role: Option<Role>) -> Result<Vec<RoleOrder>, Trouble> {
    let limit = u64::try_from(MAX_BULK_NAMES).unwrap_or(u64::MAX) * LINE_BYTES_MAX;
    let mut text = String::new();
    let outcome = if file == "-" {
        io::stdin().lock().take(limit).read_to_string(&mut text)
    } else {
        File::open(file).and_then(|opened| opened.take(limit).read_to_string(&mut text))
    };
    let place = if file == "-" { "standard input" } else { file };
    let bad = |what: String, hint: Option<&str>| HostTrouble {
        message: what,
        hint: hint.map(str::to_owned),
    };
    outcome.map_err(|error| bad(format!("can't read the list in {place}: {error}"), None))?;
    let orders = parse(&text, role).map_err(|wrong| {
        bad(
            format!("the list in {place}: {wrong}; nobody's role was changed"),
            Some("each line is NAME,ROLE or group:NAME,ROLE; `entractl role set --help`"),
        )
    })?;
    if orders.is_empty() {
        return Err(bad(format!("the list in {place} names nobody"), None).into());
    }
    Ok(orders)
}

fn parse(text: &str, role: Option<Role>) -> Result<Vec<RoleOrder>, String> {
    let mut orders = Vec::new();
    let mut wrong = Vec::new();
    let lines = text.strip_prefix('\u{feff}').unwrap_or(text).lines();
    for (number, line) in (1_usize..).zip(lines) {
        let line = line.trim();
        let is_heading = number == 1 && role.is_none() && is_heading(line);
        if line.is_empty() || line.starts_with('#') || is_heading {
            continue;
        }
        match one(line, role) {
            Ok(order) => orders.push(order),
            Err(error) => wrong.push(format!("line {number}: {error}")),
        }
    }
    if orders.len() > MAX_BULK_NAMES {
        return Err(format!("more than {MAX_BULK_NAMES} names"));
    }
    if wrong.is_empty() {
        return Ok(orders);
    }
    let more = wrong.len().saturating_sub(NAMED);
    wrong.truncate(NAMED);
    if more > 0 {
        wrong.push(format!("and {more} more"));
    }
    Err(wrong.join("; "))
}

fn is_heading(line: &str) -> bool {
    let words = line.split(',').map(str::trim);
    words.eq(["name", "role"]) || line.split(',').map(str::trim).eq(["user", "role"])
}

fn one(line: &str, role: Option<Role>) -> Result<RoleOrder, String> {
    let (name, role) = match role {
        Some(role) => (line, role),
        None => {
            let (name, word) = line
                .rsplit_once(',')
                .ok_or_else(|| format!("{line:?} names no role"))?;
            (name, of_word(word.trim())?)
        }
    };
    let (kind, name) = match name.trim().strip_prefix(GROUP) {
        Some(group) => (HolderKind::Group, group),
        None => (HolderKind::User, name),
    };
    Ok(order(kind, &args::name(unquoted(name.trim()))?, role))
}

fn of_word(word: &str) -> Result<Role, String> {
    Role::ALL
        .into_iter()
        .find(|role| role.word().eq_ignore_ascii_case(word))
        .ok_or_else(|| {
            let words = Role::ALL.map(Role::word).join(", ");
            format!("{word:?} is no role, those are {words}")
        })
}

/// Spreadsheets put quotes around what holds a comma.
fn unquoted(name: &str) -> &str {
    name.strip_prefix('"')
        .and_then(|name| name.strip_suffix('"'))
        .unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_people_and_groups() {
        let text = "\u{feff}name,role\r\n# the night shift\r\n\r\n alice , operator\r\n\
                    group:Sales, EMEA,Auditor\ngroup:\"Sales, APAC\",auditor\n\"bob\",USER\n";
        assert_eq!(
            parse(text, None).unwrap(),
            [
                order(HolderKind::User, "alice", Role::Operator),
                order(HolderKind::Group, "Sales, EMEA", Role::Auditor),
                order(HolderKind::Group, "Sales, APAC", Role::Auditor),
                order(HolderKind::User, "bob", Role::User),
            ]
        );
        assert_eq!(
            parse("alice\ngroup: Sales, EMEA\n", Some(Role::Operator)).unwrap(),
            [
                order(HolderKind::User, "alice", Role::Operator),
                order(HolderKind::Group, "Sales, EMEA", Role::Operator),
            ]
        );
    }

    #[test]
    fn every_bad_line_is_named_by_its_number() {
        let wrong = parse("alice,operator\nbob\n\ncarol,boss\n,auditor\n", None).unwrap_err();
        assert_eq!(
            wrong,
            "line 2: \"bob\" names no role; line 4: \"boss\" is no role, those are user, auditor, operator, \
             administrator; line 5: a name is empty"
        );
        let many = "x\n".repeat(NAMED + 2);
        let wrong = parse(&many, None).unwrap_err();
        assert!(wrong.ends_with("; and 2 more"), "{wrong}");
        let wrong = parse("ali\u{1b}ce,user", None).unwrap_err();
        assert!(wrong.contains("control character"), "{wrong}");
        assert_eq!(parse("# nobody\n", None).unwrap(), []);
    }
}
