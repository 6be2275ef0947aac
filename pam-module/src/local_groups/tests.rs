use pamsm::PamError;

use super::*;
use crate::fakes::{FakeApplication, FakeHost};
use crate::guard;
use crate::phases::Entry;

const SALES: [u8; 16] = [0x5a; 16];
const SALES_ID: &str = "5a5a5a5a-5a5a-5a5a-5a5a-5a5a5a5a5a5a";
const OTHER_ID: &str = "00000000-0000-4000-8000-00000000000a";

fn host(text: &str) -> FakeHost {
    let mut host = FakeHost::with_alice();
    host.local_groups = RootFile::Text(text.to_owned());
    host.objects = vec![NO_OBJECT, SALES];
    host
}

fn set_credentials(host: &FakeHost, entry: Entry, user: &'static str) -> PamError {
    let call = Call {
        entry,
        silent: false,
    };
    guard::answer(call, &FakeApplication::of(user), host)
}

#[test]
fn who_is_in_the_group_gets_the_local_ones_when_credentials_are_set() {
    let host = host(&format!(
        "# comment\n\ndocker = [\"{OTHER_ID}\", \"{SALES_ID}\"] # sales\nvideo=[{SALES_ID},]\n"
    ));
    let result = set_credentials(&host, Entry::SetCredentials, "alice");
    assert_eq!(result, PamError::SUCCESS);
    assert_eq!(*host.added.borrow(), [998, 44]);
    assert!(host.journal.borrow().is_empty());
    for (entry, user) in [
        (Entry::DropCredentials, "alice"),
        (Entry::OpenSession, "alice"),
        (Entry::SetCredentials, "local"),
        (Entry::SetCredentials, "root"),
        (Entry::SetCredentials, "mallory"),
    ] {
        host.added.borrow_mut().clear();
        set_credentials(&host, entry, user);
        assert!(host.added.borrow().is_empty(), "{entry:?} {user}");
    }
}

#[test]
fn nothing_is_granted_for_another_group_or_to_an_account_that_does_not_stand() {
    let other = host(&format!("docker = [\"{OTHER_ID}\"]"));
    set_credentials(&other, Entry::SetCredentials, "alice");
    assert!(other.added.borrow().is_empty());
    let mut blocked = host(&format!("docker = [\"{SALES_ID}\"]"));
    blocked.account().blocked = true;
    set_credentials(&blocked, Entry::SetCredentials, "alice");
    assert!(blocked.added.borrow().is_empty());
    // The role groups have no object.
    let nobody = host("docker = [\"00000000-0000-0000-0000-000000000000\"]");
    set_credentials(&nobody, Entry::SetCredentials, "alice");
    assert!(nobody.added.borrow().is_empty());
}

#[test]
fn the_group_of_root_and_unknown_ones_are_not_granted_and_it_is_said() {
    let host = host(&format!(
        "root = [\"{SALES_ID}\"]\nwheel = [\"{SALES_ID}\"]\nnone = [\"{SALES_ID}\"]\nvideo = [\"{SALES_ID}\"]"
    ));
    let result = set_credentials(&host, Entry::SetCredentials, "alice");
    assert_eq!(result, PamError::SUCCESS);
    assert_eq!(*host.added.borrow(), [44]);
    let journal = host.journal.borrow();
    assert_eq!(journal.len(), 3);
    assert!(journal[0].contains("gid 0 is never granted"), "{journal:?}");
    assert!(
        journal[2].contains("\"none\" is not in /etc/group"),
        "{journal:?}"
    );
}

#[test]
fn a_wrong_line_is_named_and_the_others_count() {
    for wrong in [
        "docker",
        "docker = ",
        "docker = []",
        "= [\"a\"]",
        "docker = \"id\"",
        "docker = [\"sales\"]",
        "docker = [",
        "docker = [\"5a5a5a5a5a5a-5a5a-5a5a-5a5a-5a5a5a5a\"]",
        "docker = [\"5a5a5a5a-5a5a-5a5a-5a5a-5a5a5a5a5aé\"]",
    ] {
        let host = host(&format!("# first\n{wrong}\nvideo = [\"{SALES_ID}\"]\n"));
        set_credentials(&host, Entry::SetCredentials, "alice");
        assert_eq!(*host.added.borrow(), [44], "{wrong}");
        let journal = host.journal.borrow();
        assert!(journal[0].contains("line 2: "), "{wrong}: {journal:?}");
    }
}

#[test]
fn what_cannot_be_read_grants_nothing_and_refuses_nobody() {
    let line = format!("docker = [\"{SALES_ID}\"]");
    let mut unusable = host(&line);
    unusable.local_groups = RootFile::Unusable("must be root's".to_owned());
    let result = set_credentials(&unusable, Entry::SetCredentials, "alice");
    assert_eq!(result, PamError::SUCCESS);
    assert!(unusable.added.borrow().is_empty());
    assert!(unusable.journal.borrow()[0].contains("local-groups must be root's"));
}
