//! Microsoft's own Python client, unmodified from PyPI, works against the tenant
//! by the real host names: the tenant tells the truth.

use std::time::Duration;

use harness::{Host, Trouble};

#[test]
fn microsofts_msal_works_against_the_tenant() -> Result<(), Trouble> {
    let host = Host::boot()?;
    let run = host.run_within(
        LIMIT,
        "PYTHONPATH=/opt/python REQUESTS_CA_BUNDLE=/etc/ssl/certs/ca-certificates.crt \
         TENANT_CONTROL=/run/entra-tenant/control.sock PYTHONDONTWRITEBYTECODE=1 \
         python3 /usr/share/entra-tenant/test_msal.py",
    )?;
    run.stdout()?;
    Ok(())
}

/// A dozen calls, of which the device code polls at its interval of 5 s.
const LIMIT: Duration = Duration::from_secs(180);
