//! What an import is asked to bring.
//!
//! Invariant: a scope is well-formed, also after a round through `state.db`: [`Scope::of`] is the only
//! way to one that names something, and what it takes fits into a frame of `admin.sock`.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::SyncError;

/// The scope of an import.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scope {
    /// Every member and every security group of the tenant; the two lists are empty then.
    pub whole: bool,
    /// Users by UPN, short name or object id.
    pub users: Vec<String>,
    /// Groups by display name or object id, with everybody in them, nested groups included.
    pub groups: Vec<String>,
    /// What comes beside members and security groups.
    pub include: Include,
}

/// Kinds of object that are left out unless they are asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Include {
    /// Users whose `userType` is `Guest`.
    pub guests: bool,
    /// Microsoft 365 groups that are not security groups.
    pub microsoft_365_groups: bool,
    /// Distribution groups.
    pub distribution_groups: bool,
}

impl Include {
    /// From the words of a request.
    ///
    /// # Errors
    /// [`SyncError::BadScope`] for a word that this agent does not know.
    pub fn of(words: &[String]) -> Result<Self, SyncError> {
        let mut include = Self::default();
        for word in words {
            match word.as_str() {
                GUESTS => include.guests = true,
                MICROSOFT_365 => include.microsoft_365_groups = true,
                DISTRIBUTION => include.distribution_groups = true,
                other => {
                    let wrong = format!(
                        "{other:.40?} is no kind that can be included: {GUESTS}, {MICROSOFT_365}, {DISTRIBUTION}"
                    );
                    return Err(SyncError::BadScope(wrong));
                }
            }
        }
        Ok(include)
    }

    /// The words of what is included.
    #[must_use]
    pub fn words(self) -> Vec<&'static str> {
        [
            (self.guests, GUESTS),
            (self.microsoft_365_groups, MICROSOFT_365),
            (self.distribution_groups, DISTRIBUTION),
        ]
        .into_iter()
        .filter_map(|(on, word)| on.then_some(word))
        .collect()
    }
}

impl Scope {
    /// Everything that the tenant has, guests and the like left out.
    #[must_use]
    pub fn whole_tenant() -> Self {
        Self {
            whole: true,
            ..Self::default()
        }
    }

    /// The scope of an `import` request: both lists empty mean the whole tenant.
    ///
    /// # Errors
    /// [`SyncError::BadScope`] for names that are blank, absurdly long or too many. A list of blanks is
    /// not the whole tenant: somebody's variable was empty.
    pub fn of(
        users: Vec<String>,
        groups: Vec<String>,
        include: Include,
    ) -> Result<Self, SyncError> {
        if users.is_empty() && groups.is_empty() {
            return Ok(Self {
                include,
                ..Self::whole_tenant()
            });
        }
        let bytes: usize = users.iter().chain(&groups).map(String::len).sum();
        if users.len() + groups.len() > NAMES_MAX || bytes > NAMES_BYTES_MAX {
            let wrong = format!(
                "more than {NAMES_MAX} names, or more than {NAMES_BYTES_MAX} bytes of them; put the people into a group"
            );
            return Err(SyncError::BadScope(wrong));
        }
        let trimmed = |names: Vec<String>| {
            let mut kept: Vec<String> = Vec::with_capacity(names.len());
            for name in names {
                let name = name.trim();
                if name.is_empty() {
                    return Err(SyncError::BadScope("one of the names is empty".to_owned()));
                }
                if name.len() > NAME_BYTES_MAX || name.chars().any(char::is_control) {
                    let wrong = format!("{:.40?} is no name of a user or group", name);
                    return Err(SyncError::BadScope(wrong));
                }
                if !kept.iter().any(|other| other.eq_ignore_ascii_case(name)) {
                    kept.push(name.to_owned());
                }
            }
            Ok(kept)
        };
        Ok(Self {
            whole: false,
            users: trimmed(users)?,
            groups: trimmed(groups)?,
            include,
        })
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.whole {
            f.write_str("the whole tenant")?;
        }
        let mut between = "";
        for (kind, names) in [("users", &self.users), ("groups", &self.groups)] {
            if names.is_empty() {
                continue;
            }
            write!(f, "{between}{kind} ")?;
            let mut bytes = 0;
            for (position, name) in names.iter().enumerate() {
                bytes += name.len();
                if position >= SHOWN_MAX || (position > 0 && bytes > SHOWN_BYTES_MAX) {
                    write!(f, " and {} more", names.len() - position)?;
                    break;
                }
                let comma = if position > 0 { ", " } else { "" };
                write!(f, "{comma}{name}")?;
            }
            between = "; ";
        }
        match self.include.words()[..] {
            [] => Ok(()),
            [one] => write!(f, ", with {one}"),
            [ref first @ .., last] => write!(f, ", with {} and {last}", first.join(", ")),
        }
    }
}

/// The words for what can be included, as `entractl import` has them after `--`.
const GUESTS: &str = "guests";
const MICROSOFT_365: &str = "microsoft-365-groups";
const DISTRIBUTION: &str = "distribution-groups";

/// Names in one scope: each costs a request or two.
const NAMES_MAX: usize = 1000;

/// Bytes of a name: a group's display name has up to 256 characters.
const NAME_BYTES_MAX: usize = 1024;

/// Bytes of all names together: a thousand object ids, and they still fit into one frame of
/// `admin.sock` (64 KiB) when they are shown.
const NAMES_BYTES_MAX: usize = 40 * 1024;

/// Names of each kind that a summary repeats.
const SHOWN_MAX: usize = 10;

/// Bytes of the names of each kind that a summary repeats: it is kept with every run.
const SHOWN_BYTES_MAX: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    fn owned(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    fn of(users: Vec<String>, groups: Vec<String>) -> Result<Scope, SyncError> {
        Scope::of(users, groups, Include::default())
    }

    #[test]
    fn blanks_are_never_the_whole_tenant() {
        assert_eq!(of(vec![], vec![]).unwrap(), Scope::whole_tenant());
        for (users, groups) in [(owned(&[""]), vec![]), (vec![], owned(&["a", " "]))] {
            assert!(matches!(of(users, groups), Err(SyncError::BadScope(_))));
        }
        assert!(of(vec!["x".to_owned(); NAMES_MAX + 1], vec![]).is_err());
        assert!(of(owned(&["a\nb"]), vec![]).is_err());
    }

    #[test]
    fn a_thousand_object_ids_fit_and_a_thousand_long_names_do_not() {
        let name = |length| move |number| format!("{number:0length$}");
        let ids = (0..NAMES_MAX).map(name(36)).collect();
        assert!(of(ids, vec![]).is_ok());
        let long = (0..NAMES_MAX).map(name(300)).collect();
        assert!(of(vec![], long).is_err());
    }

    #[test]
    fn a_scope_reads_as_it_was_asked() {
        let scope = of(owned(&["bob ", "Bob", "eve"]), owned(&["Sales"])).unwrap();
        assert_eq!(scope.to_string(), "users bob, eve; groups Sales");
        let many = (0..12).map(|number| format!("u{number}")).collect();
        let text = of(many, vec![]).unwrap().to_string();
        assert_eq!(
            text,
            "users u0, u1, u2, u3, u4, u5, u6, u7, u8, u9 and 2 more"
        );
    }

    #[test]
    fn what_is_included_is_said() {
        let with = |words: &[&str]| {
            let include = Include::of(&owned(words)).unwrap();
            assert_eq!(include.words(), words);
            Scope::of(vec![], vec![], include).unwrap().to_string()
        };
        assert_eq!(with(&[]), "the whole tenant");
        assert_eq!(with(&["guests"]), "the whole tenant, with guests");
        assert_eq!(
            with(&["guests", "microsoft-365-groups", "distribution-groups"]),
            "the whole tenant, with guests, microsoft-365-groups and distribution-groups"
        );
        assert!(Include::of(&owned(&["guest"])).is_err());
    }
}
