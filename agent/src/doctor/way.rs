//! The way to the tenant: addresses, the proxy, a connection, TLS. What can't be reached is told apart, since
//! each has another cure and mostly another person who can do it.

use tokio::net::lookup_host;
use tokio::time::timeout;

use super::{Doctor, Findings};
use crate::config::Tenant;
use crate::entra::{EntraError, LOGIN_REQUEST_LIMIT, Obstacle};

/// Whether the names that this host has to resolve itself have addresses: with a proxy, the proxy's alone.
pub(super) async fn dns(doctor: &Doctor, tenant: &Tenant, findings: &mut Findings) {
    let names: Vec<&str> = match &doctor.proxy {
        Some(proxy) => vec![proxy.url.host_str().unwrap_or_default()],
        None => [&tenant.login_url, &tenant.graph_url]
            .map(|url| url.host_str().unwrap_or_default())
            .to_vec(),
    };
    for name in &names {
        // Brackets belong to the address of a URL, not to the address.
        let bare = name.trim_start_matches('[').trim_end_matches(']');
        let why = match timeout(LOGIN_REQUEST_LIMIT, lookup_host((bare, 443))).await {
            Ok(Ok(mut addresses)) => match addresses.next() {
                Some(_) => continue,
                None => "no address".to_owned(),
            },
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("no answer within {} s", LOGIN_REQUEST_LIMIT.as_secs()),
        };
        return findings.bad(
            "dns",
            format!("{name}: {why}"),
            "mend this host's name resolution: /etc/resolv.conf, resolvectl query NAME; the name server must \
             answer for names of the internet, or [proxy] must name a proxy that does",
        );
    }
    findings.good("dns", format!("{} resolved", names.join(" and ")));
}

/// What the first request says of the proxy and of the login service's certificate.
pub(super) fn proxy(doctor: &Doctor, answer: Result<(), &EntraError>, findings: &mut Findings) {
    let Some(proxy) = &doctor.proxy else {
        return;
    };
    let name = proxy.name();
    match answer {
        Err(error) if error.obstacle() == Obstacle::ProxyCredentials => findings.bad(
            "proxy",
            error.to_string(),
            "set `username` and `password_file` of [proxy]; the file is read anew for each connection",
        ),
        Err(error) if error.obstacle().is_of_the_proxy() => findings.bad(
            "proxy",
            error.to_string(),
            "`url` of [proxy] must be an HTTP proxy that lets this host CONNECT to port 443 of the login service \
             and of Graph; the proxy's own log says what it made of it",
        ),
        Err(error) if error.refusal().is_none() && !error.obstacle().is_of_tls() => {
            findings.skipped("proxy");
        }
        _ => findings.good("proxy", format!("{name} lets this host through")),
    }
}

/// Whether the certificate counts.
pub(super) fn tls(answer: Result<(), &EntraError>, findings: &mut Findings) {
    match answer {
        Ok(()) => findings.good("tls", "the login service's certificate is trusted"),
        Err(error) if error.refusal().is_some() => {
            findings.good("tls", "the login service's certificate is trusted");
        }
        Err(error) if error.obstacle().is_of_tls() => {
            findings.bad("tls", error.to_string(), tls_cure(error.obstacle()));
        }
        Err(_) => findings.skipped("tls"),
    }
}

fn tls_cure(obstacle: Obstacle) -> &'static str {
    match obstacle {
        Obstacle::Issuer => {
            "install ca-certificates; where a proxy breaks TLS open, put its authority into the system's trust \
             store (update-ca-certificates, update-ca-trust) and restart the agent, or have the proxy leave \
             these hosts alone"
        }
        Obstacle::NotYet | Obstacle::Expired => {
            "look at this host's clock first: timedatectl; if that is right, at who answers in place of \
             Microsoft"
        }
        Obstacle::OtherName => {
            "somebody else answers under this name: look at /etc/hosts, the name server and `login_url`"
        }
        _ => "look at what stands between: a firewall or proxy that speaks no TLS 1.2 or 1.3",
    }
}

/// What can be done about a login service that does not answer.
pub(super) fn cure(error: &EntraError) -> &'static str {
    match error.obstacle() {
        Obstacle::ProxyCredentials | Obstacle::Proxy => "see proxy",
        obstacle if obstacle.is_of_tls() => "see tls",
        Obstacle::Refused | Obstacle::Silence => {
            "open the firewall to port 443 of the login service and of Graph, or name a proxy in [proxy]; \
             ip route get ADDRESS says which way it goes"
        }
        _ if error.refusal().is_some() => error.meaning().cure,
        _ => {
            "see dns; this host needs port 443 of the login service and of Graph, directly or through [proxy]"
        }
    }
}
