//! Who is in the role groups of the snapshot.

use super::*;
use crate::store::Restrict;

/// What a role group stands for is a right that nobody may ask the account phase about: polkit's rules, a file's
/// group. So whoever may not sign in has none.
#[test]
fn who_may_not_sign_in_is_in_no_role_group_but_that_of_all() {
    let host = Host::new(&configuration());
    host.store
        .commit_import(&directory(
            &[(1, "alice"), (2, "bob"), (3, "carol"), (4, "dave")],
            &[],
        ))
        .unwrap();
    let actor = Actor {
        uid: 0,
        name: "root".to_owned(),
        role: None,
    };
    let everybody = [key(1), key(2), key(3), key(4)];
    host.store
        .set_roles(&everybody, Role::Administrator, &actor)
        .unwrap();
    host.store
        .restrict(&[key(2)], Restrict::Block, &actor)
        .unwrap();
    let now = StoppedClock.now();
    host.store
        .restrict(&[key(3)], Restrict::Expire(Some(now)), &actor)
        .unwrap();
    host.store.mark_disabled(&key(4)).unwrap();
    host.publisher.publish().unwrap();
    let snapshot = host.snapshot();
    for (group, expected) in [
        ("entra-users", &["alice", "bob", "carol", "dave"][..]),
        ("entra-auditors", &["alice"]),
        ("entra-operators", &["alice"]),
        ("entra-admins", &["alice"]),
    ] {
        let group = snapshot.group_by_name(group.as_bytes()).unwrap().unwrap();
        let members: Vec<_> = group.members.iter().map(|name| name.as_str()).collect();
        assert_eq!(members, expected, "{}", group.name.as_str());
        // `id NAME` goes by the person's own list.
        for name in ["alice", "bob", "carol", "dave"] {
            let user = snapshot.user_by_name(name.as_bytes()).unwrap().unwrap();
            assert_eq!(user.gids.contains(&group.gid), expected.contains(&name));
            let person = host.store.person_by_login(name).unwrap().unwrap();
            let listed = host
                .store
                .groups_of(&person.key, person.role_in_force(now))
                .unwrap();
            assert_eq!(
                listed.contains(&group.name.as_str().to_owned()),
                expected.contains(&name)
            );
        }
    }
}
