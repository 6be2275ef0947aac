//! Microsoft's credentials library and Graph SDK, unmodified from PyPI, work
//! against the tenant by the real host names: what they are shown is what Graph
//! shows, delta's oddities, throttling and claims challenges included.

use std::time::Duration;

use harness::{Host, Trouble};

#[test]
fn microsofts_azure_identity_and_msgraph_work_against_the_tenant() -> Result<(), Trouble> {
    let host = Host::boot()?;
    for script in ["test_azure_identity.py", "test_msgraph.py"] {
        let run = host.run_within(
            LIMIT,
            &format!(
                "ulimit -v {MEMORY}; PYTHONPATH=/opt/python PYTHONDONTWRITEBYTECODE=1 \
                 SSL_CERT_FILE={BUNDLE} REQUESTS_CA_BUNDLE={BUNDLE} \
                 TENANT_CONTROL=/run/entra-tenant/control.sock \
                 python3 /usr/share/entra-tenant/{script}"
            ),
        )?;
        run.stdout()?;
    }
    Ok(())
}

/// Importing the SDK takes some seconds where nothing is compiled ahead, and the
/// client waits out four throttled windows of 3 s.
const LIMIT: Duration = Duration::from_secs(240);

/// Address space in KiB: several times what the SDK was seen to take.
const MEMORY: u64 = 4 << 20;

/// httpx and requests each read a variable of their own.
const BUNDLE: &str = "/etc/ssl/certs/ca-certificates.crt";
