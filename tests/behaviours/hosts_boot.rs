//! A host boots whole and is gone without a trace when it is dropped.

use harness::{Host, Trouble};

#[test]
fn a_host_comes_up_with_every_unit() -> Result<(), Trouble> {
    let host = Host::boot()?;
    assert_eq!(host.run("cat /proc/1/comm")?.stdout()?, "systemd");
    Ok(())
}
