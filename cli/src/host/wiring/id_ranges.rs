//! Who else on this host gives out ids of the range that imported people and groups get theirs from.
//!
//! The agent steps around ids that are taken when it gives one out, and keeps it for ever: a clash comes
//! later, when useradd(8), a container or another directory takes an id that somebody already has.
//! What the agent itself refuses (below 1000, systemd's dynamic and foreign users) is not looked at again.

use std::fs;

use entra_protocol::admin::{Check, IdSpan};

use super::{Host, Published, bad, good, skipped, warning};

const NAME: &str = "id-range";
const CURE: &str = "move the other range. The range of [ids] can only be moved before the first import: an id \
                    that was given out never changes";

/// Ids that somebody else gives out, and who.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Taken {
    whose: String,
    first: u32,
    last: u32,
}

/// Looks for clashes with the agent's range; none if the agent did not tell it.
pub(crate) fn id_range(host: &Host, published: &Published, range: Option<&IdSpan>) -> Check {
    let Some(range) = range else {
        return skipped(NAME, "this agent does not tell its range".to_owned());
    };
    let read = |path: &str| fs::read_to_string(host.path(path)).unwrap_or_default();
    let overlaps = |taken: &Taken| taken.first <= range.last && range.first <= taken.last;

    let mut clashes = Vec::new();
    let mut inside = Vec::new();
    for path in ["/etc/passwd", "/etc/group"] {
        for taken in accounts(path, &read(path)).into_iter().filter(overlaps) {
            match published.has(taken.first) {
                true => clashes.push(taken),
                false => inside.push(taken),
            }
        }
    }
    for path in ["/etc/subuid", "/etc/subgid"] {
        clashes.extend(subordinate(path, &read(path)).into_iter().filter(overlaps));
    }
    let mut others = login_defs(&read("/etc/login.defs"));
    others.extend(containers(host));
    others.extend(sssd(host));
    others.extend(himmelblau(&read("/etc/himmelblau/himmelblau.conf")));
    others.extend(winbind(&read("/etc/samba/smb.conf")));
    inside.extend(others.into_iter().filter(overlaps));

    let own = format!("{} to {}", range.first, range.last);
    if !clashes.is_empty() {
        return bad(
            NAME,
            format!("{own} is also given out by {}", listed(&clashes)),
            "give those accounts other ids, and their files with them (usermod -u, chown)",
        );
    }
    if !inside.is_empty() {
        return warning(
            NAME,
            format!("{own} overlaps with {}", listed(&inside)),
            CURE,
        );
    }
    good(NAME, format!("{own} is nobody else's"))
}

/// Some of them: there may be thousands.
fn listed(taken: &[Taken]) -> String {
    const SHOWN: usize = 4;
    let mut words: Vec<String> = taken
        .iter()
        .take(SHOWN)
        .map(|taken| match taken.first == taken.last {
            true => format!("{} ({})", taken.whose, taken.first),
            false => format!("{} ({} to {})", taken.whose, taken.first, taken.last),
        })
        .collect();
    if taken.len() > SHOWN {
        words.push(format!("{} more", taken.len() - SHOWN));
    }
    words.join(", ")
}

/// passwd(5) and group(5): the third field of each line.
fn accounts(path: &str, text: &str) -> Vec<Taken> {
    text.lines()
        .filter_map(|line| {
            let mut fields = line.split(':');
            let name = fields.next()?;
            let id = fields.nth(1)?.parse().ok()?;
            Some(Taken {
                whose: format!("{name} of {path}"),
                first: id,
                last: id,
            })
        })
        .collect()
}

/// subuid(5): name, first, count.
fn subordinate(path: &str, text: &str) -> Vec<Taken> {
    text.lines()
        .filter_map(|line| {
            let mut fields = line.trim().split(':');
            let name = fields.next()?;
            let first = fields.next()?.parse().ok()?;
            let count: u32 = fields.next()?.parse().ok()?;
            Some(Taken {
                whose: format!("{name} of {path}"),
                first,
                last: last(first, count)?,
            })
        })
        .collect()
}

/// The last of so many ids; none of none.
fn last(first: u32, count: u32) -> Option<u32> {
    Some(first.saturating_add(count.checked_sub(1)?))
}

/// login.defs(5): what useradd(8) and groupadd(8) choose from, with their own defaults.
fn login_defs(text: &str) -> Vec<Taken> {
    const KEYS: [(&str, &str, u32, u32); 4] = [
        ("UID_MIN", "UID_MAX", 1_000, 60_000),
        ("GID_MIN", "GID_MAX", 1_000, 60_000),
        ("SUB_UID_MIN", "SUB_UID_MAX", 100_000, 600_100_000),
        ("SUB_GID_MIN", "SUB_GID_MAX", 100_000, 600_100_000),
    ];
    let value = |wanted: &str| {
        text.lines().find_map(|line| {
            let mut words = line.split_whitespace();
            (words.next() == Some(wanted)).then(|| words.next()?.parse::<u32>().ok())?
        })
    };
    KEYS.iter()
        .map(|(least, most, first, last)| Taken {
            whose: format!("{least} and {most} of /etc/login.defs"),
            first: value(least).unwrap_or(*first),
            last: value(most).unwrap_or(*last),
        })
        .collect()
}

/// What `systemd-nspawn --private-users=pick` takes from, where it is installed (UIDS-GIDS of systemd).
fn containers(host: &Host) -> Option<Taken> {
    host.path("/usr/bin/systemd-nspawn")
        .exists()
        .then(|| Taken {
            whose: "containers of systemd-nspawn".to_owned(),
            first: 524_288,
            last: 1_879_048_191,
        })
}

/// sssd.conf(5): the range of the mapping from security identifiers, or of ids that it takes at all. The file
/// is root's to read.
fn sssd(host: &Host) -> Vec<Taken> {
    let mut text = fs::read_to_string(host.path("/etc/sssd/sssd.conf")).unwrap_or_default();
    if let Ok(files) = fs::read_dir(host.path("/etc/sssd/conf.d")) {
        for file in files.flatten() {
            text.push('\n');
            text.push_str(&fs::read_to_string(file.path()).unwrap_or_default());
        }
    }
    let maps = setting(&text, "id_provider").is_some_and(|provider| provider == "ad")
        || setting(&text, "ldap_id_mapping").is_some_and(|on| on.eq_ignore_ascii_case("true"));
    if !maps {
        return Vec::new();
    }
    let number = |key, default| {
        setting(&text, key)
            .and_then(|value| value.parse().ok())
            .unwrap_or(default)
    };
    vec![Taken {
        whose: "SSSD (ldap_idmap_range_min and _max)".to_owned(),
        first: number("ldap_idmap_range_min", 200_000),
        last: number("ldap_idmap_range_max", 2_000_200_000),
    }]
}

/// himmelblau.conf: `idmap_range = first-last`, for all or per domain.
fn himmelblau(text: &str) -> Vec<Taken> {
    settings(text)
        .filter(|(key, _)| *key == "idmap_range")
        .filter_map(|(_, value)| span("Himmelblau (idmap_range)", value))
        .collect()
}

/// smb.conf(5): `idmap config DOMAIN : range = first-last`.
fn winbind(text: &str) -> Vec<Taken> {
    settings(text)
        .filter(|(key, _)| key.starts_with("idmap config") && key.ends_with("range"))
        .filter_map(|(_, value)| span("winbind (idmap config)", value))
        .collect()
}

fn span(whose: &str, value: &str) -> Option<Taken> {
    let (first, last) = value.split_once('-')?;
    Some(Taken {
        whose: whose.to_owned(),
        first: first.trim().parse().ok()?,
        last: last.trim().parse().ok()?,
    })
}

/// `key = value`, comments left out.
fn settings(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.lines()
        .map(str::trim)
        .filter(|line| !line.starts_with(['#', ';']))
        .filter_map(|line| line.split_once('='))
        .map(|(key, value)| (key.trim(), value.trim()))
}

fn setting<'a>(text: &'a str, wanted: &str) -> Option<&'a str> {
    settings(text)
        .find(|(key, _)| *key == wanted)
        .map(|(_, value)| value)
}
