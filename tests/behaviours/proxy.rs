//! Hosts whose only way out is a proxy that wants to know who asks.

use std::time::Duration;

use harness::people::{ALICE, CAROL};
use harness::{Host, Trouble, until};

use crate::configured::{append, import_fails, write_secret, write_sync};
use crate::ready::{self, SOON};

/// A CONNECT proxy for one user; writes a line a request: what was asked for, and the answer.
const PROXY: &str = r#"
import base64, socket, socketserver, sys, threading
WANTED = b"Basic " + base64.b64encode(b"linux-hosts:P@ss: %41/word")
class Handler(socketserver.StreamRequestHandler):
    def handle(self):
        first = self.rfile.readline().decode("latin-1").split(" ")
        given = None
        while (line := self.rfile.readline()) not in (b"\r\n", b""):
            name, _, value = line.partition(b":")
            if name.lower() == b"proxy-authorization":
                given = value.strip()
        status = 407 if given != WANTED else 200 if first[0] == "CONNECT" else 400
        print(first[0], first[1], status, flush=True)
        if status != 200:
            self.wfile.write(b"HTTP/1.1 %d X\r\nProxy-Authenticate: Basic realm=\"x\"\r\nContent-Length: 0\r\n\r\n" % status)
            return
        host, _, port = first[1].rpartition(":")
        far = socket.create_connection((host, int(port)))
        self.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
        def pump(a, b):
            try:
                while data := a.recv(65536):
                    b.sendall(data)
                b.shutdown(socket.SHUT_WR)
            except OSError:
                pass
        back = threading.Thread(target=pump, args=(far, self.connection))
        back.start()
        pump(self.connection, far)
        back.join()
class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
Server(("127.0.0.1", 3128), Handler).serve_forever()
"#;

const SECTION: &str = "[proxy]\nurl = \"http://127.0.0.1:3128\"\nusername = \"linux-hosts\"\n\
                       password_file = \"/etc/entra-login/proxy.secret\"";

/// What the proxy answered to this line's request.
fn asked(host: &Host, what: &str) -> Result<bool, Trouble> {
    Ok(host.journal("test-proxy.service")?.contains(what))
}

pub(crate) fn start_proxy(host: &Host) -> Result<(), Trouble> {
    host.write("/srv/proxy.py", PROXY)?;
    host.run("systemd-run --quiet --unit=test-proxy python3 /srv/proxy.py")?
        .stdout()?;
    until("the proxy", SOON, || {
        let listening = host.run("ss -Hltn 'sport = :3128'").ok()?;
        (!listening.stdout.is_empty()).then_some(())
    })
}

#[test]
fn import_and_sign_in_go_through_it_and_nothing_goes_beside_it() -> Result<(), Trouble> {
    let host = Host::boot()?;
    start_proxy(&host)?;
    write_secret(&host, "/etc/entra-login/proxy.secret", "P@ss: %41/word\n")?;
    append(&host, SECTION)?;
    host.import("")?.stdout()?;
    ready::enable(&host)?;
    assert!(asked(&host, "CONNECT login.microsoftonline.com:443 200")?);
    assert!(asked(&host, "CONNECT graph.microsoft.com:443 200")?);
    let session = host.ssh_password(ALICE.name, ALICE.password, "id -un")?;
    assert_eq!(session.stdout()?, "alice");

    // The environment's proxies are not looked at, and neither is its list of exceptions.
    crate::configured::unit(
        &host,
        "Environment=https_proxy=http://127.0.0.1:9 no_proxy=* NO_PROXY=*",
    )?;
    host.import("")?.stdout()?;

    // A new password counts without a restart, a wrong one is told, and neither is shown.
    write_secret(&host, "/etc/entra-login/proxy.secret", "wrong-password-7")?;
    let text = import_fails(
        &host,
        "the proxy 127.0.0.1:3128 refuses the user name or the password of [proxy] (407)",
    )?;
    assert!(!text.contains("wrong-password-7"), "{text}");
    // Somebody whose password this host does not remember.
    let refused = host.ssh_password(CAROL.name, CAROL.password, "true")?;
    refused.refusal()?;
    let journal = host.journal("entra-agent.service")?;
    assert!(journal.contains("127.0.0.1:3128 refuses"), "{journal}");
    for secret in ["wrong-password-7", "P@ss", ALICE.password] {
        assert!(!journal.contains(secret), "{secret}: {journal}");
    }
    write_secret(&host, "/etc/entra-login/proxy.secret", "P@ss: %41/word\n")?;
    host.import("")?.stdout()?;

    // Without the proxy there is no way, though the tenant could be reached directly.
    host.run("systemctl stop test-proxy.service")?.stdout()?;
    host.tenant().forget_requests()?;
    import_fails(&host, "through the proxy 127.0.0.1:3128: ")?;
    assert!(host.tenant().requests("/")?.is_empty());
    Ok(())
}

#[test]
fn the_metadata_service_is_asked_beside_it() -> Result<(), Trouble> {
    let host = Host::boot()?;
    start_proxy(&host)?;
    write_secret(&host, "/etc/entra-login/proxy.secret", "P@ss: %41/word\n")?;
    write_sync(&host, "managed_identity = \"system\"")?;
    append(&host, SECTION)?;
    crate::configured::unit(&host, "Environment=http_proxy=http://127.0.0.1:3128")?;
    host.run_within(Duration::from_secs(90), "entractl import")?
        .stdout()?;
    assert!(asked(&host, "CONNECT graph.microsoft.com:443 200")?);
    assert!(!asked(&host, "169.254.169.254")?);
    assert_eq!(host.tenant().requests("/metadata/")?.len(), 1);
    Ok(())
}
