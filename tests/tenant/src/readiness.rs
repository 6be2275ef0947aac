//! Tells systemd that the tenant answers (sd_notify(3)), if systemd asked.

use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};

/// Sends `READY=1`; a failure is only worth a line, the listener is up anyway.
pub(crate) fn announce() {
    #[expect(
        clippy::disallowed_methods,
        reason = "sd_notify(3) hands the socket over in the environment, and only there"
    )]
    let Ok(name) = std::env::var("NOTIFY_SOCKET") else {
        return;
    };
    let sent = address(&name)
        .and_then(|address| UnixDatagram::unbound()?.send_to_addr(b"READY=1", &address));
    if let Err(error) = sent {
        tracing::warn!("cannot tell {name} that the tenant is ready: {error}");
    }
}

/// A leading `@` means the abstract namespace (unix(7)).
fn address(name: &str) -> std::io::Result<SocketAddr> {
    match name.strip_prefix('@') {
        Some(abstract_name) => {
            SocketAddr::from_abstract_name(std::ffi::OsStr::new(abstract_name).as_bytes())
        }
        None => SocketAddr::from_pathname(name),
    }
}
