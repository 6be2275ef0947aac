//! Whose sign-in is this? `entra_snapshot` decides, for whoever has to know; here is what the module is told.

pub(crate) use entra_snapshot::{Doubt, Identity, Imported};

// What the protocol carries is what is looked up.
const _: () = assert!(entra_snapshot::MAX_USER == entra_protocol::limits::MAX_USER);

#[cfg(test)]
mod tests {
    use entra_protocol::limits::MAX_USER;
    use entra_snapshot::identify;

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
