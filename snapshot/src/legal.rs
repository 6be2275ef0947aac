//! Values that can only be legal.
//!
//! Invariant: a value of these types may be put into a passwd or group line, a
//! path or a log as it stands. Each is checked where it is made, so the writer
//! refuses what is illegal before it reaches the file, and the reader, which
//! builds the same types from the file's bytes, refuses it again.
//!
//! What is not decided here: whether a name or id is already taken on this host
//! and which homes and shells the administrator accepts. The agent decides that
//! before it writes.

use std::fmt;

/// A uid or gid that an imported object may have.
///
/// Legal are 1000–60000 and 65536–2³¹−1 without systemd's foreign range
/// 0x7FFE0000–0x7FFEFFFF. Refused are therefore root, system accounts, the
/// dynamic ranges 60001–65535 (with `nobody` and the 16-bit −1), and everything
/// that turns negative in a signed 32-bit integer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id(u32);

impl Id {
    /// Takes `value` if an imported object may have it.
    ///
    /// # Errors
    /// [`Illegal`] names the range that the value falls into.
    pub fn new(value: u32) -> Result<Self, Illegal> {
        let reason = match value {
            0..=999 => "ids below 1000 belong to the system",
            60_001..=65_535 => "60001-65535 is used dynamically by the system",
            0x7FFE_0000..=0x7FFE_FFFF => "0x7FFE0000-0x7FFEFFFF is systemd's foreign range",
            0x8000_0000.. => "ids from 2^31 up turn negative in many programs",
            1000..=60_000 | 65_536..=0x7FFD_FFFF | 0x7FFF_0000..=0x7FFF_FFFF => {
                return Ok(Self(value));
            }
        };
        Err(Illegal::new("id", reason, &value.to_string()))
    }

    /// The number.
    #[must_use]
    pub const fn value(self) -> u32 {
        self.0
    }
}

/// A canonical user or group name, as `ls -l` shows it.
///
/// Either a short name, `[a-z_][a-z0-9_.-]*` of at most 64 bytes, or, where a
/// host names people by their whole user principal name, a short name followed
/// by `@` and a domain, at most 113 bytes in all. `root` is refused.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(Box<str>);

impl Name {
    /// Takes `text` if it is already in canonical form; nothing is corrected.
    ///
    /// # Errors
    /// [`Illegal`] says which rule is broken.
    pub fn new(text: &str) -> Result<Self, Illegal> {
        match name_fault(text.as_bytes()) {
            None => Ok(Self(text.into())),
            Some(reason) => Err(Illegal::new("name", reason, text)),
        }
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A user principal name in lower case: a second key under which a user is
/// found, never shown as the name of an account.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Upn(Box<str>);

impl Upn {
    /// Takes `text`, `local@domain` in lower case, at most 64 and 113 bytes,
    /// with the characters that Entra allows.
    ///
    /// # Errors
    /// [`Illegal`] says which rule is broken.
    pub fn new(text: &str) -> Result<Self, Illegal> {
        match upn_fault(text.as_bytes()) {
            None => Ok(Self(text.into())),
            Some(reason) => Err(Illegal::new("user principal name", reason, text)),
        }
    }

    /// The whole user principal name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Free text, such as a person's display name, without anything that could end
/// a passwd field or a line or steer a terminal.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Text(Box<str>);

impl Text {
    /// Drops `:`, control characters, line separators and the marks that turn
    /// the direction of writing, trims, and keeps at most
    /// 256 characters (Entra's limit for a display name).
    #[must_use]
    pub fn cleaned(text: &str) -> Self {
        let kept: String = text
            .chars()
            .filter(|c| text_may_hold(*c))
            .take(TEXT_CHARACTERS_MAX)
            .collect();
        Self(kept.trim().into())
    }

    /// Takes `text` if cleaning would not change it.
    ///
    /// # Errors
    /// [`Illegal`] if cleaning would change it.
    pub fn new(text: &str) -> Result<Self, Illegal> {
        let cleaned = Self::cleaned(text);
        if cleaned.as_str() == text {
            Ok(cleaned)
        } else {
            Err(Illegal::new(
                "text",
                "it holds forbidden characters or is too long",
                text,
            ))
        }
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A home folder or a login shell: absolute, without empty, `.` or `..`
/// components, without `:` or control characters.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AbsolutePath(Box<str>);

impl AbsolutePath {
    /// Takes `text` if it is normalised; nothing is corrected.
    ///
    /// # Errors
    /// [`Illegal`] says which rule is broken.
    pub fn new(text: &str) -> Result<Self, Illegal> {
        match path_fault(text) {
            None => Ok(Self(text.into())),
            Some(reason) => Err(Illegal::new("path", reason, text)),
        }
    }

    /// The path.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Why a value was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Illegal {
    /// The kind of value, for instance `name`.
    pub what: &'static str,
    /// The rule that is broken, as a clause.
    pub reason: &'static str,
    /// The value, escaped and shortened for a log line.
    pub value: String,
}

impl Illegal {
    pub(crate) fn new(what: &'static str, reason: &'static str, value: &str) -> Self {
        let mut shown: String = value
            .chars()
            .take(SHOWN_CHARACTERS_MAX)
            .flat_map(char::escape_debug)
            .collect();
        if value.chars().nth(SHOWN_CHARACTERS_MAX).is_some() {
            shown.push('…');
        }
        Self {
            what,
            reason,
            value: shown,
        }
    }
}

impl fmt::Display for Illegal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "illegal {} \"{}\": {}",
            self.what, self.value, self.reason
        )
    }
}

impl std::error::Error for Illegal {}

/// Whether `key`, in any case, could name a user: the name or the user
/// principal name of one. A reader that asks this first spares the disk for
/// `root`, for empty and for absurdly long names.
#[must_use]
pub fn may_be_a_user(key: &[u8]) -> bool {
    lower_case(key).is_some_and(|key| name_fault(&key).is_none() || upn_fault(&key).is_none())
}

/// Whether `key`, in any case, could name a group.
#[must_use]
pub fn may_be_a_group(key: &[u8]) -> bool {
    lower_case(key).is_some_and(|key| name_fault(&key).is_none())
}

/// `key` in lower case, the form in which keys are stored; nothing if it is
/// longer than any key.
pub(crate) fn lower_case(key: &[u8]) -> Option<Vec<u8>> {
    (key.len() <= UPN_BYTES_MAX).then(|| key.to_ascii_lowercase())
}

fn name_fault(name: &[u8]) -> Option<&'static str> {
    let mut halves = name.splitn(2, |byte| *byte == b'@');
    let local = halves.next().unwrap_or_default();
    match local {
        [] => return Some("it is empty"),
        b"root" => return Some("root is never imported"),
        [b'a'..=b'z' | b'_', rest @ ..] => {
            let legal = |byte: &u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'.' | b'-');
            if !rest.iter().all(legal) {
                return Some("only a-z, 0-9, '_', '.' and '-' are allowed");
            }
        }
        _ => return Some("it must begin with a-z or '_'"),
    }
    if local.len() > LOCAL_BYTES_MAX {
        return Some("it is longer than 64 bytes");
    }
    halves
        .next()
        .and_then(|domain| domain_fault(domain, name.len()))
}

fn upn_fault(upn: &[u8]) -> Option<&'static str> {
    let mut halves = upn.splitn(2, |byte| *byte == b'@');
    let local = halves.next().unwrap_or_default();
    let Some(domain) = halves.next() else {
        return Some("it has no '@'");
    };
    if local.is_empty() || local.len() > LOCAL_BYTES_MAX {
        return Some("the part before '@' must have 1 to 64 bytes");
    }
    let legal = |byte: &u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'\'' | b'.' | b'-' | b'_' | b'!' | b'#' | b'^' | b'~');
    if !local.iter().all(legal) {
        return Some("the part before '@' holds a character that Entra does not allow");
    }
    domain_fault(domain, upn.len())
}

fn domain_fault(domain: &[u8], whole: usize) -> Option<&'static str> {
    if whole > UPN_BYTES_MAX {
        return Some("it is longer than 113 bytes");
    }
    let label = |label: &[u8]| {
        !label.is_empty()
            && label
                .iter()
                .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_'))
    };
    if domain.split(|byte| *byte == b'.').all(label) {
        None
    } else {
        Some("the part after '@' is not a domain in lower case")
    }
}

fn path_fault(path: &str) -> Option<&'static str> {
    let Some(relative) = path.strip_prefix('/') else {
        return Some("it is not absolute");
    };
    if path.len() > PATH_BYTES_MAX {
        return Some("it is longer than 1024 bytes");
    }
    if path.chars().any(|c| !text_may_hold(c)) {
        return Some("it holds ':' or a control character");
    }
    let bad = |part: &str| matches!(part, "" | "." | "..");
    if !relative.is_empty() && relative.split('/').any(bad) {
        return Some("it is not normalised");
    }
    None
}

/// The marks U+202A–U+202E and U+2066–U+2069 reorder what follows them, so that
/// a name could pass for another; U+2028 and U+2029 end a line.
fn text_may_hold(character: char) -> bool {
    !character.is_control()
        && !matches!(character, ':' | '\u{2028}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

/// Bytes of a short name, and of the part before `@` of a user principal name
/// (Entra's own limit).
const LOCAL_BYTES_MAX: usize = 64;

/// Bytes of a whole user principal name (Entra's own limit), and so of any key.
const UPN_BYTES_MAX: usize = 113;

/// Characters of a text: Entra's limit for a display name.
const TEXT_CHARACTERS_MAX: usize = 256;

/// Bytes of a path: far above any home in use, a quarter of Linux's `PATH_MAX`.
const PATH_BYTES_MAX: usize = 1024;

/// Characters of a refused value that an error repeats: enough to find it, too
/// few to flood a log.
const SHOWN_CHARACTERS_MAX: usize = 60;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_outside_the_legal_ranges_are_refused() {
        for legal in [
            1000,
            60_000,
            65_536,
            0x7800_0000,
            0x7FFD_FFFF,
            0x7FFF_0000,
            0x7FFF_FFFF,
        ] {
            assert_eq!(Id::new(legal).map(Id::value), Ok(legal));
        }
        for illegal in [
            0,
            999,
            60_001,
            61_184,
            65_534,
            65_535,
            0x7FFE_0000,
            0x7FFE_FFFF,
            0x8000_0000,
            u32::MAX,
        ] {
            assert!(Id::new(illegal).is_err(), "{illegal}");
        }
    }

    #[test]
    fn only_canonical_names_are_legal() {
        let longest = "a".repeat(64);
        let whole = format!("{longest}@{}.example", "b".repeat(40));
        assert_eq!(whole.len(), 113);
        for legal in [
            "a",
            "_x",
            "alice",
            "a.b-c_9",
            &longest,
            "alice@contoso.example",
            &whole,
        ] {
            assert_eq!(
                Name::new(legal).map(|name| name.as_str().to_owned()),
                Ok(legal.to_owned())
            );
        }
        let too_long = "a".repeat(65);
        let whole_too_long = format!("{longest}@{}.example", "b".repeat(41));
        for illegal in [
            "",
            "root",
            "root@contoso.example",
            "Alice",
            "1234",
            "9a",
            "-a",
            ".a",
            "+a",
            "a b",
            "a:b",
            "a\nb",
            "a\0",
            "a/b",
            "o'brien",
            "zoë",
            "a$",
            "@b",
            "a@",
            "a@b@c",
            "a@.b",
            "a@b.",
            "a@B",
            &too_long,
            &whole_too_long,
        ] {
            assert!(Name::new(illegal).is_err(), "{illegal:?}");
        }
    }

    #[test]
    fn principal_names_hold_what_entra_allows_in_lower_case() {
        for legal in [
            "o'brien@contoso.example",
            "g_x#ext#@c.onmicrosoft.com",
            "1~!^@a-b.c",
        ] {
            assert!(Upn::new(legal).is_ok(), "{legal}");
        }
        for illegal in [
            "alice",
            "@c.example",
            "A@c.example",
            "a b@c.example",
            "a:@c",
            "a@c\n",
        ] {
            assert!(Upn::new(illegal).is_err(), "{illegal:?}");
        }
    }

    #[test]
    fn text_is_cleaned_once_and_stays_clean() {
        let dirty = " Zoë:\n\0\u{7f}\u{85}\u{202e}\u{2028} O'Neil, M.D. ";
        assert_eq!(Text::cleaned(dirty).as_str(), "Zoë O'Neil, M.D.");
        assert!(Text::new(dirty).is_err());
        for text in [
            dirty,
            "",
            &"x ".repeat(300),
            &format!("{} y", "x".repeat(255)),
        ] {
            let cleaned = Text::cleaned(text);
            assert!(cleaned.as_str().chars().count() <= TEXT_CHARACTERS_MAX);
            assert_eq!(Text::new(cleaned.as_str()), Ok(cleaned));
        }
    }

    #[test]
    fn only_normalised_absolute_paths_are_legal() {
        for legal in ["/", "/home/alice", "/home/Zoë x", "/bin/bash"] {
            assert!(AbsolutePath::new(legal).is_ok(), "{legal}");
        }
        let long = format!("/{}", "x".repeat(1024));
        for illegal in [
            "", "home", "/home/", "//home", "/a/../b", "/a/./b", "/..", "/a:b", "/a\nb", &long,
        ] {
            assert!(AbsolutePath::new(illegal).is_err(), "{illegal:?}");
        }
    }

    #[test]
    fn keys_in_any_case_may_be_asked_for_and_root_may_not() {
        for key in ["Alice", "O'Brien@Contoso.example", "finance-team"] {
            assert!(may_be_a_user(key.as_bytes()), "{key}");
        }
        assert!(may_be_a_group(b"Finance-Team"));
        assert!(!may_be_a_group(b"o'brien@contoso.example"));
        let absurd = "a".repeat(1 << 20);
        for key in ["", "root", "ROOT", "1000", "-", "a b", "zoë", &absurd] {
            assert!(
                !may_be_a_user(key.as_bytes()) && !may_be_a_group(key.as_bytes()),
                "{key:.9}"
            );
        }
    }

    #[test]
    fn a_refusal_shows_the_value_escaped_and_shortened() {
        let refused = Name::new(&format!("x\n{}", "y".repeat(200))).unwrap_err();
        let said = refused.to_string();
        assert!(
            said.starts_with("illegal name \"x\\nyyy") && said.len() < 200,
            "{said}"
        );
    }
}
