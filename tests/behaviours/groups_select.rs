//! `entractl groups select`: the scope's groups are chosen by ticking in a terminal or by flags in a
//! script; the scope's users stay.

use harness::{Host, Trouble};

use crate::ready::SOON;

#[test]
fn groups_are_ticked_in_a_terminal() -> Result<(), Trouble> {
    let host = Host::boot()?;
    host.import("--users heidi --groups Finance")?.stdout()?;
    let mut list = host.terminal("entractl groups select")?;
    list.expect("Groups to import", SOON)?;
    // What is in the scope comes first, and is ticked.
    let first = list.expect("Finance (security), here finance", SOON)?;
    assert!(
        first.ends_with("[x] Finance (security), here finance"),
        "{first}"
    );
    // Far down in the list, until it is searched for.
    list.send("platf")?;
    list.expect("Platform Team", SOON)?;
    list.send(" ")?;
    list.send("\r")?;
    let shown = list.finish(SOON)?;
    assert!(shown.success(), "{shown}");
    assert_eq!(imported(&host)?, ["finance", "platform-team"]);
    host.run("id heidi && id bob")?.stdout()?;

    // Leaving changes nothing.
    let mut list = host.terminal("entractl groups select")?;
    list.expect("Platform Team", SOON)?;
    list.send("\u{1b}")?;
    let left = list.finish(SOON)?;
    assert_eq!(left.code, 1, "{left}");
    assert_eq!(imported(&host)?, ["finance", "platform-team"]);
    Ok(())
}

#[test]
fn flags_do_the_same_in_scripts() -> Result<(), Trouble> {
    let host = Host::boot()?;
    host.import("--users heidi --groups Finance")?.stdout()?;
    let dry = host.run("entractl groups select --add 'Platform Team' --dry-run")?;
    assert!(dry.text().contains("nothing was changed"), "{dry}");
    assert_eq!(imported(&host)?, ["finance"]);
    // Two groups are called so: the object id tells them apart.
    let lab = host.run("entractl groups select --add lab")?.refusal()?;
    assert!(
        lab.contains("f317bbf8-3051-5fff-92c4-82f8395d419a"),
        "{lab}"
    );
    host.run(
        "entractl groups select --add f317bbf8-3051-5fff-92c4-82f8395d419a \
         --remove Finance --accept-removals",
    )?
    .stdout()?;
    assert_eq!(imported(&host)?, ["lab"]);
    host.run("id heidi && id bob")?.stdout()?;
    host.run("id frank")?.refusal()?;
    host.run("entractl groups select")?.refusal()?;
    Ok(())
}

/// The names of the imported groups.
fn imported(host: &Host) -> Result<Vec<String>, Trouble> {
    let listed = host.run("entractl groups list")?;
    Ok(listed
        .stdout()?
        .lines()
        .skip(1)
        .filter_map(|line| line.split_whitespace().next())
        .map(str::to_owned)
        .collect())
}
