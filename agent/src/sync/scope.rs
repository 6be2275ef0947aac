//! What an import is asked to bring.

use std::fmt;

use super::SyncError;

/// The scope of an import.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// Every member and every security group of the tenant.
    WholeTenant,
    /// These users, and these groups with everybody in them, nested groups included.
    Named {
        /// Users by UPN, short name or object id.
        users: Vec<String>,
        /// Groups by display name or object id.
        groups: Vec<String>,
    },
}

impl Scope {
    /// The scope of an `import` request: both lists empty mean the whole tenant.
    ///
    /// # Errors
    /// [`SyncError::BadScope`] for names that are blank, absurdly long or too many. A list of blanks is
    /// not the whole tenant: somebody's variable was empty.
    pub fn of(users: Vec<String>, groups: Vec<String>) -> Result<Self, SyncError> {
        if users.is_empty() && groups.is_empty() {
            return Ok(Self::WholeTenant);
        }
        if users.len() + groups.len() > NAMES_MAX {
            let wrong = format!("more than {NAMES_MAX} names; put the people into a group");
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
        Ok(Self::Named {
            users: trimmed(users)?,
            groups: trimmed(groups)?,
        })
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::Named { users, groups } = self else {
            return f.write_str("the whole tenant");
        };
        let mut between = "";
        for (kind, names) in [("users", users), ("groups", groups)] {
            if names.is_empty() {
                continue;
            }
            let shown: Vec<&str> = names.iter().take(SHOWN_MAX).map(String::as_str).collect();
            write!(f, "{between}{kind} {}", shown.join(", "))?;
            if names.len() > SHOWN_MAX {
                write!(f, " and {} more", names.len() - SHOWN_MAX)?;
            }
            between = "; ";
        }
        Ok(())
    }
}

/// Names in one scope: each costs a request or two.
const NAMES_MAX: usize = 1000;

/// Bytes of a name: a group's display name has up to 256 characters.
const NAME_BYTES_MAX: usize = 1024;

/// Names of each kind that a summary repeats.
const SHOWN_MAX: usize = 10;

#[cfg(test)]
mod tests {
    use super::*;

    fn owned(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn blanks_are_never_the_whole_tenant() {
        assert_eq!(Scope::of(vec![], vec![]).unwrap(), Scope::WholeTenant);
        for (users, groups) in [(owned(&[""]), vec![]), (vec![], owned(&["a", " "]))] {
            assert!(matches!(
                Scope::of(users, groups),
                Err(SyncError::BadScope(_))
            ));
        }
        assert!(Scope::of(vec!["x".to_owned(); NAMES_MAX + 1], vec![]).is_err());
        assert!(Scope::of(owned(&["a\nb"]), vec![]).is_err());
    }

    #[test]
    fn a_scope_reads_as_it_was_asked() {
        let scope = Scope::of(owned(&["bob ", "Bob", "eve"]), owned(&["Sales"])).unwrap();
        assert_eq!(scope.to_string(), "users bob, eve; groups Sales");
    }
}
