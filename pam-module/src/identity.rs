//! Whose sign-in is this? (design: "Who is imported".)
//!
//! Invariant: a name is imported only if three sources agree: the published directory has a record for
//! it, NSS answers exactly that record's uid, and `/etc/passwd`, read as a file, has neither the name
//! that was given nor the record's own. Everybody else is none of ours, and a name on a line of `/etc/passwd` is
//! local before anything else is looked at: no directory, no agent and no NSS can change it. What the gate
//! says to local accounts is the business of `gate`.
//!
//! One case is neither: NSS answers, but it can't be told whether the answer is an imported user. Such a
//! name is refused, since calling it local would let pam_unix's account phase admit it (it succeeds for
//! a user whose `pw_passwd` is `*`). No line of `/etc/passwd` and no system uid ever gets there.

use std::fmt;
use std::io;

use entra_protocol::limits::MAX_USER;
use entra_snapshot::{Id, Policy, ReadError, User};

use crate::host::{Directory, Host};

/// Whom a name belongs to.
#[derive(Debug)]
pub(crate) enum Identity {
    /// A line of `/etc/passwd`.
    Local {
        /// Its number, if it can be read.
        uid: Option<u32>,
    },
    /// Not ours: an account of another NSS module.
    Other,
    /// Nobody's: neither the directory nor NSS knows the name.
    Unknown {
        /// Whether people sign in through Entra here at all.
        sign_in_enabled: bool,
    },
    /// An imported user.
    Imported(Box<Imported>),
    /// Perhaps an imported user: refused.
    Doubtful(Doubt),
}

/// The directory's view of an imported user, read once for the whole call.
#[derive(Debug)]
pub(crate) struct Imported {
    /// `PAM_USER` as it was given.
    pub(crate) name: String,
    /// The user's record.
    pub(crate) user: User,
    /// The host's policy.
    pub(crate) policy: Policy,
    /// As of when the directory knows the tenant, in seconds since 1970.
    pub(crate) known_at: u64,
}

/// Why it can't be told whether a user is imported.
#[derive(Debug)]
pub(crate) enum Doubt {
    /// The directory is there but can't be read.
    Directory(ReadError),
    /// The user would be imported, but `/etc/passwd` can't be read.
    PasswdFile(io::Error),
    /// The name leads to an imported user whose own name a local account has taken since.
    Displaced,
}

impl fmt::Display for Doubt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Directory(error) => write!(f, "can't tell whether it is imported: {error}"),
            Self::PasswdFile(error) => {
                write!(f, "can't tell whether it is local: /etc/passwd: {error}")
            }
            Self::Displaced => {
                f.write_str("a line of /etc/passwd has taken the imported user's name")
            }
        }
    }
}

/// Decides whom `name` belongs to.
pub(crate) fn identify(host: &impl Host, name: &[u8]) -> Identity {
    if name.is_empty() || name.len() > MAX_USER {
        return Identity::Other;
    }
    let passwd = host.passwd_file();
    if let Ok(file) = &passwd
        && file.has(name)
    {
        return Identity::Local {
            uid: file.uid_of(name),
        };
    }
    let directory = match host.directory(name) {
        Ok(directory) => directory,
        // Nothing was ever published: there are no imported users.
        Err(ReadError::Missing) => return Identity::Other,
        Err(error) => return without_directory(host, name, error),
    };
    let Directory {
        policy,
        known_at,
        user,
    } = directory;
    let uid = host.uid_of(name);
    let Some(user) = user else {
        return match uid {
            Some(_) => Identity::Other,
            None => Identity::Unknown {
                sign_in_enabled: policy.sign_in_enabled,
            },
        };
    };
    if uid != Some(user.uid.value()) {
        return Identity::Other;
    }
    match passwd {
        Err(error) => Identity::Doubtful(Doubt::PasswdFile(error)),
        Ok(file) if file.has(user.name.as_str().as_bytes()) => Identity::Doubtful(Doubt::Displaced),
        Ok(_) => Identity::Imported(Box::new(Imported {
            name: String::from_utf8_lossy(name).into_owned(),
            user,
            policy,
            known_at,
        })),
    }
}

/// The directory is damaged and NSS may still answer for its people (nscd keeps answers for minutes). A
/// uid that no record may have is not one of them.
fn without_directory(host: &impl Host, name: &[u8], error: ReadError) -> Identity {
    match host.uid_of(name) {
        Some(uid) if Id::new(uid).is_ok() => Identity::Doubtful(Doubt::Directory(error)),
        _ => Identity::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fakes::{ALICE_UID, FakeHost};

    fn of(host: &FakeHost, name: &str) -> Identity {
        identify(host, name.as_bytes())
    }

    #[test]
    fn a_record_with_the_uid_that_nss_gives_is_imported() {
        let host = FakeHost::with_alice();
        for name in ["alice", "Alice", "alice@contoso.example"] {
            match of(&host, name) {
                Identity::Imported(imported) => {
                    assert_eq!(
                        (imported.name.as_str(), imported.user.uid.value()),
                        (name, ALICE_UID)
                    );
                }
                other => panic!("{name}: {other:?}"),
            }
        }
    }

    #[test]
    fn a_line_of_the_passwd_file_is_local_before_anything_else_is_asked() {
        let mut host = FakeHost::with_alice();
        host.passwd = Some("alice:x:1000:1000::/home/alice:/bin/sh\n");
        assert!(matches!(
            of(&host, "alice"),
            Identity::Local { uid: Some(1000) }
        ));
        assert_eq!(host.asked.borrow().as_slice(), ["passwd"]);
    }

    #[test]
    fn another_uid_or_none_from_nss_is_not_imported() {
        let mut host = FakeHost::with_alice();
        host.nss = |_| Some(4711);
        assert!(matches!(of(&host, "alice"), Identity::Other));
        host.nss = |_| None;
        assert!(matches!(of(&host, "alice"), Identity::Other));
    }

    #[test]
    fn a_name_that_only_another_nss_module_knows_is_local_and_one_that_nobody_knows_is_unknown() {
        let mut host = FakeHost::with_alice();
        host.nss = |_| Some(20_000);
        assert!(matches!(of(&host, "ldapuser"), Identity::Other));
        host.nss = |_| None;
        assert!(matches!(
            of(&host, "nobodyknows"),
            Identity::Unknown {
                sign_in_enabled: true
            }
        ));
    }

    #[test]
    fn a_local_account_that_took_the_name_displaces_every_other_spelling() {
        let mut host = FakeHost::with_alice();
        host.passwd = Some("alice:x:1000:1000::/home/alice:/bin/sh\n");
        assert!(matches!(
            of(&host, "ALICE"),
            Identity::Doubtful(Doubt::Displaced)
        ));
    }

    #[test]
    fn an_unreadable_passwd_file_stops_imported_users_only() {
        let mut host = FakeHost::with_alice();
        host.passwd = None;
        assert!(matches!(
            of(&host, "alice"),
            Identity::Doubtful(Doubt::PasswdFile(_))
        ));
        host.nss = |_| Some(0);
        assert!(matches!(of(&host, "root"), Identity::Other));
    }

    #[test]
    fn a_damaged_directory_is_no_reason_to_call_its_people_local() {
        let mut host = FakeHost::with_alice();
        host.damaged = true;
        assert!(matches!(
            of(&host, "alice"),
            Identity::Doubtful(Doubt::Directory(_))
        ));
        // NSS reads the same file and usually knows as little.
        host.nss = |_| None;
        assert!(matches!(of(&host, "alice"), Identity::Other));
        // systemd's dynamic users and other system accounts are never records.
        let systems: [crate::fakes::Lookup; 3] = [|_| Some(0), |_| Some(999), |_| Some(61_200)];
        for uid in systems {
            host.nss = uid;
            assert!(matches!(of(&host, "service"), Identity::Other));
        }
    }

    #[test]
    fn without_a_published_directory_everybody_is_local() {
        let mut host = FakeHost::with_alice();
        host.directory = None;
        assert!(matches!(of(&host, "alice"), Identity::Other));
        assert!(matches!(of(&host, "nobodyknows"), Identity::Other));
    }

    #[test]
    fn absurd_names_are_not_looked_up() {
        let host = FakeHost::with_alice();
        assert!(matches!(of(&host, ""), Identity::Other));
        assert!(matches!(
            of(&host, &"a".repeat(MAX_USER + 1)),
            Identity::Other
        ));
        assert!(host.asked.borrow().is_empty());
    }
}
