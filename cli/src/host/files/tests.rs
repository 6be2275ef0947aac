use super::*;
use std::fs::Permissions;
use std::os::unix::fs::{MetadataExt, PermissionsExt};

const PASSWD: &str =
    "root:x:0:0::/root:/bin/sh\nalice:x:1001:1001:A:/home/alice:/bin/bash\nbob:x:1002:1002::/:/x";

fn alice(contents: &Contents) -> Vec<Line> {
    let is_hers = |line: &Line| line.name() == b"alice";
    FILES
        .iter()
        .flat_map(|file| contents.lines(file))
        .filter(is_hers)
        .collect()
}

#[test]
fn what_is_taken_out_comes_back_byte_for_byte() {
    for passwd in [
        PASSWD,
        "alice:x:1001:1001::/:/x\nroot:x:0:0::/:/x\n",
        "root:x:0:0::/:/x\n\n#note\nalice:x:1001:1001::/:/x",
        "alice:x:1001:1001::/:/x",
    ] {
        let whole = Contents::of(
            passwd,
            "alice:$y$x:1::::::\nbob:!:1::::::\n",
            "alice:x:1001:\n",
            "",
        );
        let lines = alice(&whole);
        assert_eq!(lines.len(), 3);
        let rest = whole.without(&lines);
        assert_eq!(alice(&rest), []);
        assert_eq!(rest.with(&lines).unwrap(), whole, "{passwd:?}");
        assert_eq!(whole.with(&lines).unwrap(), whole, "twice is once");
    }
}

#[test]
fn what_others_changed_meanwhile_stays() {
    let whole = Contents::of(PASSWD, "", "", "");
    let lines = alice(&whole);
    let later = Contents::of(
        "toor:x:0:0::/:/x\nroot:x:0:0::/root:/bin/sh\ncarl:x:9:9::/:/x",
        "",
        "",
        "",
    );
    let text =
        |contents: &Contents| String::from_utf8_lossy(contents.of_file("passwd")).into_owned();
    assert_eq!(
        text(&later.with(&lines).unwrap()),
        "toor:x:0:0::/:/x\nroot:x:0:0::/root:/bin/sh\nalice:x:1001:1001:A:/home/alice:/bin/bash\ncarl:x:9:9::/:/x"
    );
    // The line that stood before hers is gone.
    let later = Contents::of("carl:x:9:9::/:/x", "", "", "");
    assert_eq!(
        text(&later.with(&lines).unwrap()),
        "carl:x:9:9::/:/x\nalice:x:1001:1001:A:/home/alice:/bin/bash\n"
    );
    let taken = Contents::of("alice:x:7:7::/:/x\n", "", "", "");
    assert_eq!(
        taken.with(&lines).unwrap_err(),
        "/etc/passwd has another line for \"alice\" now"
    );
}

#[test]
fn a_file_is_replaced_with_its_mode_and_nothing_is_left() {
    let folder = tempfile::tempdir().unwrap();
    let host = Host::below(folder.path(), true, |_| None);
    fs::create_dir(folder.path().join("etc")).unwrap();
    let path = folder.path().join("etc/passwd");
    fs::write(&path, PASSWD).unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
    fs::write(
        folder.path().join("etc/passwd.entra-new"),
        "of a killed run",
    )
    .unwrap();
    fs::write(folder.path().join("etc/group"), "").unwrap();
    let before = Contents::read(&host).unwrap();
    let after = before.without(&alice(&before));
    after.write(&before, Way::Out, &host).unwrap();
    assert_eq!(Contents::read(&host).unwrap(), after);
    assert_eq!(fs::metadata(&path).unwrap().mode() & 0o7777, 0o640);
    assert_eq!(fs::read_dir(folder.path().join("etc")).unwrap().count(), 2);
}

#[test]
fn the_lock_is_made_where_there_is_none_and_its_file_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let host = Host::below(folder.path(), true, |_| None);
    fs::create_dir(folder.path().join("etc")).unwrap();
    drop(Lock::take(&host).unwrap());
    let missing = Host::below(&folder.path().join("nowhere"), true, |_| None);
    assert!(
        Lock::take(&missing)
            .unwrap_err()
            .message
            .contains(".pwd.lock")
    );
}
