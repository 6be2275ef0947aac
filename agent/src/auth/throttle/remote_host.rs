//! From where somebody tries, in the form in which it is counted.
//!
//! Invariant: one way of writing an address is one remote host, and whoever has a whole IPv6 network is
//! one, too: a provider gives each customer a /64 at least.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

use super::limits::REMOTE_HOST_LENGTH;
use crate::store::ThrottleSubject;

/// An address, an IPv6 network of 64 bits, or a name.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct RemoteHost(String);

impl RemoteHost {
    /// Reads what PAM calls `PAM_RHOST`, or what an administrator types; `None` for nothing.
    #[must_use]
    pub(crate) fn read(text: &str) -> Option<Self> {
        let text = text.trim();
        // The zone of a link-local address names a network card of this host.
        let address = text.split_once('%').map_or(text, |(address, _)| address);
        let address = address.strip_suffix("/64").unwrap_or(address);
        let name = match address.parse::<IpAddr>() {
            Ok(IpAddr::V4(address)) => address.to_string(),
            Ok(IpAddr::V6(address)) => match address.to_ipv4_mapped() {
                Some(address) => address.to_string(),
                None => format!("{}/64", network(address)),
            },
            Err(_) => text
                .trim_end_matches('.')
                .chars()
                .take(REMOTE_HOST_LENGTH)
                .collect::<String>()
                .to_lowercase(),
        };
        (!name.is_empty()).then_some(Self(name))
    }

    /// As what is counted.
    pub(crate) fn subject(&self) -> ThrottleSubject {
        ThrottleSubject::RemoteHost(self.0.clone())
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RemoteHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn network(address: Ipv6Addr) -> Ipv6Addr {
    let [a, b, c, d, ..] = address.segments();
    Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_a_host_is_one_host() {
        for (text, host) in [
            ("192.0.2.7", "192.0.2.7"),
            ("::ffff:192.0.2.7", "192.0.2.7"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
            ("2001:DB8:1:2::9", "2001:db8:1:2::/64"),
            ("2001:db8:1:2::/64", "2001:db8:1:2::/64"),
            ("fe80::1%eth0", "fe80::/64"),
            ("::1", "::/64"),
            (" Bastion.Contoso.Example. ", "bastion.contoso.example"),
        ] {
            assert_eq!(RemoteHost::read(text).unwrap().as_str(), host, "{text}");
        }
        for nothing in ["", " ", "."] {
            assert_eq!(RemoteHost::read(nothing), None);
        }
        let long = RemoteHost::read(&"x".repeat(10_000)).unwrap();
        assert_eq!(long.as_str().len(), REMOTE_HOST_LENGTH);
    }
}
