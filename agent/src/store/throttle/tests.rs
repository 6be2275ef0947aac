use super::super::fixture::{empty, key};
use super::*;

fn left(owed: u64, refused: u64) -> ThrottleLeft {
    ThrottleLeft {
        owed: Duration::from_secs(owed),
        refused: Duration::from_secs(refused),
    }
}

#[test]
fn what_is_kept_is_found_and_what_is_forgiven_is_gone() {
    let (_folder, store) = empty();
    let alice = ThrottleSubject::Person(key(1));
    let bob = ThrottleSubject::Person(key(2));
    let office = ThrottleSubject::RemoteHost("192.0.2.7".to_owned());
    store
        .keep_throttle(|| {
            vec![
                (alice.clone(), Some(left(300, 60))),
                (bob.clone(), Some(left(0, 0))),
                (office.clone(), Some(left(90, 0))),
            ]
        })
        .unwrap();
    assert_eq!(
        store.throttle().unwrap(),
        [
            (alice.clone(), left(300, 60)),
            (office.clone(), left(90, 0))
        ]
    );
    store.keep_throttle(|| vec![(alice.clone(), None)]).unwrap();
    assert_eq!(store.throttle().unwrap(), [(office, left(90, 0))]);
    let rows: i64 = store
        .reader()
        .query_row("SELECT count(*) FROM state.throttled_people", [], |row| {
            row.get(0)
        })
        .unwrap();
    assert_eq!(rows, 0);
}

#[test]
fn a_begun_second_is_kept_as_a_whole_one() {
    assert_eq!(seconds(Duration::from_millis(1)), 1);
    assert_eq!(seconds(Duration::from_secs(60)), 60);
}
