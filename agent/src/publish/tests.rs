use std::fs;

use entra_protocol::admin::Role;
use entra_snapshot::Name;
use tempfile::TempDir;

mod left_out;
mod memory;
mod roles;

use super::*;
use crate::config;
use crate::graph::fixture::random;
use rusqlite::Connection;

use crate::store::fixture::{StoppedClock, TENANT, directory, empty, key};
use crate::store::{Actor, DIRECTORY_FILE, STATE_FILE};

/// A configuration with the fixture's tenant and small ids.
pub(crate) fn configuration() -> Config {
    configuration_with("")
}

/// The same with further sections.
fn configuration_with(sections: &str) -> Config {
    let text = format!(
        "[[tenant]]\nid = \"{TENANT}\"\ndomain = \"contoso.example\"\n\
         [tenant.sync]\nclient_id = \"a\"\nclient_secret_file = \"/x\"\n\
         [tenant.login]\nclient_id = \"b\"\n\
         [ids]\nbase = 100000\nsize = 100000\n{sections}"
    );
    config::parse(&text).unwrap()
}

struct Host {
    folder: TempDir,
    store_folder: TempDir,
    store: Store,
    publisher: Publisher,
}

impl Host {
    fn new(config: &Config) -> Self {
        Self::at(config, Arc::new(StoppedClock))
    }

    /// A host whose publisher runs by another clock than the imports did.
    fn at(config: &Config, clock: Arc<dyn Clock>) -> Self {
        let (store_folder, store) = empty();
        let folder = tempfile::tempdir().unwrap();
        let local = local_files(folder.path());
        let publisher =
            Publisher::new(store.clone(), config, local, folder.path(), clock, random).unwrap();
        Self {
            folder,
            store_folder,
            store,
            publisher,
        }
    }

    /// Changes the databases behind the store's back, as only an import does.
    fn sql(&self, statements: &str) {
        let folder = self.store_folder.path();
        let connection = Connection::open(folder.join(DIRECTORY_FILE)).unwrap();
        let state = folder.join(STATE_FILE);
        connection
            .execute("ATTACH ?1 AS state", [state.to_str().unwrap()])
            .unwrap();
        connection.execute_batch(statements).unwrap();
    }

    fn snapshot(&self) -> Snapshot {
        Snapshot::open(self.folder.path().join(entra_snapshot::FILE_NAME)).unwrap()
    }
}

/// The files of a host with nobody but root.
pub(crate) fn local_files(folder: &Path) -> LocalFiles {
    let local = LocalFiles {
        passwd: folder.join("passwd"),
        group: folder.join("group"),
        shells: folder.join("shells"),
        subuid: folder.join("subuid"),
        subgid: folder.join("subgid"),
    };
    fs::write(&local.passwd, "root:x:0:0:root:/root:/bin/bash\n").unwrap();
    fs::write(&local.group, "root:x:0:\n").unwrap();
    fs::write(&local.shells, "# shells\n/bin/sh\n/bin/bash\n").unwrap();
    local
}

#[test]
fn people_groups_and_role_groups_are_published() {
    let host = Host::new(&configuration());
    host.store
        .commit_import(&directory(
            &[(1, "alice"), (2, "bob")],
            &[(9, "sales", &[1, 2])],
        ))
        .unwrap();
    let actor = Actor {
        uid: 0,
        name: "root".to_owned(),
        role: None,
    };
    host.store
        .set_roles(&[key(1)], Role::Administrator, &actor)
        .unwrap();
    host.store.set_sign_in_enabled(true, &actor).unwrap();
    host.store.mark_disabled(&key(2)).unwrap();
    let outcome = host.publisher.publish().unwrap();
    assert_eq!(
        (outcome.users, outcome.groups, outcome.left_out.len()),
        (2, 5, 0)
    );

    let snapshot = host.snapshot();
    assert_eq!(snapshot.generation(), outcome.generation);
    assert!(snapshot.policy().sign_in_enabled);
    let alice = snapshot
        .user_by_name(b"Alice@contoso.example")
        .unwrap()
        .unwrap();
    assert_eq!(alice.name.as_str(), "alice");
    assert_eq!((alice.uid.value(), alice.gid.value()), (100_001, 100_001));
    assert_eq!(
        (alice.home.as_str(), alice.shell.as_str()),
        ("/home/alice", "/bin/bash")
    );
    assert!(alice.account.enabled);
    let bob = snapshot.user_by_name(b"bob").unwrap().unwrap();
    assert!(!bob.account.enabled);

    let members = |group: &[u8]| -> Vec<String> {
        let group = snapshot.group_by_name(group).unwrap().unwrap();
        group
            .members
            .iter()
            .map(|name| name.as_str().to_owned())
            .collect()
    };
    assert_eq!(members(b"sales"), ["alice", "bob"]);
    assert_eq!(members(b"entra-users"), ["alice", "bob"]);
    for group in ["entra-auditors", "entra-operators", "entra-admins"] {
        assert_eq!(members(group.as_bytes()), ["alice"], "{group}");
    }
    let gids: Vec<u32> = alice.gids.iter().map(|id| id.value()).collect();
    assert_eq!(gids, [100_009, 200_000, 200_001, 200_002, 200_003]);
    let bobs: Vec<u32> = bob.gids.iter().map(|id| id.value()).collect();
    assert_eq!(bobs, [100_009, 200_000]);
    let mode = std::os::unix::fs::PermissionsExt::mode(
        &fs::metadata(host.folder.path().join(entra_snapshot::FILE_NAME))
            .unwrap()
            .permissions(),
    );
    assert_eq!(mode & 0o777, 0o644);
}

#[test]
fn a_later_useradd_wins_until_it_is_undone() {
    let host = Host::new(&configuration());
    host.store
        .commit_import(&directory(
            &[(1, "alice"), (2, "bob")],
            &[(9, "sales", &[1, 2])],
        ))
        .unwrap();
    let first = host.publisher.publish().unwrap().generation;
    let passwd = &host.publisher.local_files().passwd;
    let before = fs::read_to_string(passwd).unwrap();
    // alice by name, bob by uid.
    let local = format!("{before}alice:x:1000:1000::/:/x\nlocal:x:100002:100002::/:/x\n");
    fs::write(passwd, local).unwrap();
    let outcome = host.publisher.publish().unwrap();
    assert!(outcome.generation > first);
    let names: Vec<_> = outcome
        .left_out
        .iter()
        .map(|out| out.name.as_str())
        .collect();
    assert_eq!(names, ["alice", "bob"]);
    let snapshot = host.snapshot();
    assert_eq!(snapshot.user_by_name(b"alice").unwrap(), None);
    assert_eq!(snapshot.user_by_uid(100_002).unwrap(), None);
    assert!(
        snapshot
            .group_by_name(b"sales")
            .unwrap()
            .unwrap()
            .members
            .is_empty()
    );
    assert_eq!(host.store.person_by_login("alice").unwrap(), None);

    fs::write(passwd, before).unwrap();
    host.publisher.publish().unwrap();
    let alice = host.snapshot().user_by_name(b"alice").unwrap().unwrap();
    assert_eq!(alice.uid.value(), 100_001);
}

#[test]
fn nothing_is_published_blind() {
    let host = Host::new(&configuration());
    host.store
        .commit_import(&directory(&[(1, "alice")], &[]))
        .unwrap();
    host.publisher.publish().unwrap();
    fs::remove_file(&host.publisher.local_files().group).unwrap();
    assert!(matches!(
        host.publisher.publish(),
        Err(PublishError::Local(_))
    ));
    assert!(host.snapshot().user_by_name(b"alice").unwrap().is_some());
}

#[test]
fn publishing_again_makes_nothing_known_younger() {
    struct MonthsLater;
    impl Clock for MonthsLater {
        fn now(&self) -> UnixSeconds {
            UnixSeconds::new(StoppedClock.now().value() + 10_000_000)
        }
    }
    let host = Host::at(&configuration(), Arc::new(MonthsLater));
    host.publisher.publish().unwrap();
    assert_eq!(host.snapshot().known_at(), 0);
    host.store
        .commit_import(&directory(&[(1, "alice")], &[]))
        .unwrap();
    host.publisher.publish().unwrap();
    assert_eq!(host.snapshot().known_at(), StoppedClock.now().value());
}

#[test]
fn generations_grow_also_when_the_state_is_new() {
    let config = configuration();
    let host = Host::new(&config);
    for _ in 0..3 {
        host.publisher.publish().unwrap();
    }
    let last = host.snapshot().generation();
    let (_folder, store) = empty();
    let local = host.publisher.local_files().clone();
    let clock = Arc::new(StoppedClock);
    let folder = host.folder.path();
    let publisher = Publisher::new(store, &config, local, folder, clock, random).unwrap();
    assert!(publisher.publish().unwrap().generation > last);
}

#[test]
fn homes_lie_inside_their_roots() {
    let homes = |template: &str, roots: &[&str]| Homes {
        template: template.to_owned(),
        roots: roots.iter().map(|root| (*root).to_owned()).collect(),
        shell: "/bin/bash".to_owned(),
    };
    let alice = Name::new("alice").unwrap();
    let home = |template, roots: &[&str]| home_of(&alice, &homes(template, roots));
    assert_eq!(
        home("/home/{name}", &["/home"]).unwrap().as_str(),
        "/home/alice"
    );
    assert_eq!(
        home("/srv/h/{name}/x", &["/home", "/srv/"])
            .unwrap()
            .as_str(),
        "/srv/h/alice/x"
    );
    for (template, roots) in [
        ("/homes/{name}", &["/home"][..]),
        ("/home", &["/home"]),
        ("/home/../etc/{name}", &["/home"]),
        ("/home//{name}", &["/home"]),
        ("home/{name}", &["/home"]),
        ("/home/{name}", &[]),
    ] {
        assert!(home(template, roots).is_err(), "{template}");
    }
}

#[test]
fn a_shell_must_be_listed() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("shells");
    fs::write(&file, "# shells\n/bin/sh\n/usr/bin/zsh\n").unwrap();
    let shells = Shells::read(&file);
    let default = |configured| shells.default(configured).unwrap();
    assert_eq!(default("/usr/bin/zsh").as_str(), "/usr/bin/zsh");
    assert_eq!(default("/usr/bin/fish").as_str(), "/bin/sh");
    assert_eq!(shells.usable("/usr/bin/fish"), None);
    assert_eq!(shells.usable("# shells"), None);
    assert_eq!(
        shells.listed().collect::<Vec<_>>(),
        ["/bin/sh", "/usr/bin/zsh"]
    );
    let none = Shells::read(Path::new("/nonexistent"));
    assert_eq!(none.default("bad:shell").unwrap().as_str(), "/bin/sh");
}

/// Bob's group grants sshd; alice is an operator, and may all; who is granted nothing has a service that is
/// none.
#[test]
fn what_access_grants_is_in_the_record() {
    let access = format!(
        "[[access]]\nrole = \"operator\"\n\
         [[access]]\ngroups = [\"{}\"]\nservices = [\"sshd\"]\n",
        key(9).object
    );
    let host = Host::new(&configuration_with(&access));
    let people = [(1, "alice"), (2, "bob"), (3, "erin")];
    let groups: [(u8, &str, &[u8]); 2] = [(9, "sales", &[2]), (8, "other", &[3])];
    host.store
        .commit_import(&directory(&people, &groups))
        .unwrap();
    let actor = Actor {
        uid: 0,
        name: "root".to_owned(),
        role: None,
    };
    host.store
        .set_roles(&[key(1)], Role::Operator, &actor)
        .unwrap();
    host.publisher.publish().unwrap();
    let snapshot = host.snapshot();
    for (name, services) in [
        ("alice", &[][..]),
        ("bob", &["sshd", "systemd-user"]),
        ("erin", &["(none)"]),
    ] {
        let user = snapshot.user_by_name(name.as_bytes()).unwrap().unwrap();
        assert_eq!(user.account.services, services, "{name}");
    }
    // A group that a local one stands in the way of is not published, and grants nothing.
    fs::write(host.folder.path().join("group"), "sales:x:100:\n").unwrap();
    host.publisher.publish().unwrap();
    let bob = host.snapshot().user_by_name(b"bob").unwrap().unwrap();
    assert_eq!(bob.account.services, ["(none)"]);
    assert!(!host.store.is_member(&key(9), &key(2)).unwrap());
    assert!(host.store.is_member(&key(8), &key(3)).unwrap());
    assert!(!host.store.is_member(&key(8), &key(2)).unwrap());
}
