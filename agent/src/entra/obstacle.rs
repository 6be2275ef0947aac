//! What stood between this host and a service that gave no answer, so that the right thing can be mended.
//!
//! Found by walking an error's causes for types (`io::Error`, `rustls::Error`, the proxy's own), never by its
//! words: they change with the libraries and with the host's language.

use std::error::Error;
use std::io;

use rustls::{CertificateError, Error as TlsError};

use super::proxy::ThroughProxy;

/// What stood in the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Obstacle {
    /// Nothing that can be told apart.
    #[default]
    Unknown,
    /// Somebody refused the connection, or there is no route.
    Refused,
    /// No answer in time.
    Silence,
    /// The proxy wants a user name and a password, or others (407).
    ProxyCredentials,
    /// There was no way through the proxy, or to it.
    Proxy,
    /// The certificate is by nobody in the trust store.
    Issuer,
    /// The certificate is not valid yet.
    NotYet,
    /// The certificate is not valid any more.
    Expired,
    /// The certificate is for other names.
    OtherName,
    /// Another trouble of TLS.
    Tls,
}

impl Obstacle {
    /// What a request failed of.
    pub(super) fn of(error: &reqwest::Error) -> Self {
        match Self::among(error) {
            Self::Unknown if error.is_timeout() => Self::Silence,
            found => found,
        }
    }

    /// Whether there was a connection, and then TLS failed.
    #[must_use]
    pub fn is_of_tls(self) -> bool {
        matches!(
            self,
            Self::Issuer | Self::NotYet | Self::Expired | Self::OtherName | Self::Tls
        )
    }

    /// Whether it is the proxy's.
    #[must_use]
    pub fn is_of_the_proxy(self) -> bool {
        matches!(self, Self::Proxy | Self::ProxyCredentials)
    }

    /// The innermost cause that says something.
    pub(super) fn among(error: &(dyn Error + 'static)) -> Self {
        let mut found = Self::Unknown;
        let mut cause = Some(error);
        while let Some(error) = cause {
            if let Some(one) = Self::one(error) {
                found = one;
            }
            cause = error.source();
        }
        found
    }

    fn one(error: &(dyn Error + 'static)) -> Option<Self> {
        if let Some(through) = error.downcast_ref::<ThroughProxy>() {
            return Some(through.obstacle());
        }
        if let Some(error) = error.downcast_ref::<TlsError>() {
            return Some(Self::of_tls(error));
        }
        let error = error.downcast_ref::<io::Error>()?;
        // `source` of an io::Error passes over what was put into it.
        if let Some(inner) = error.get_ref() {
            match Self::among(inner) {
                Self::Unknown => {}
                found => return Some(found),
            }
        }
        match error.kind() {
            io::ErrorKind::ConnectionRefused
            | io::ErrorKind::HostUnreachable
            | io::ErrorKind::NetworkUnreachable => Some(Self::Refused),
            io::ErrorKind::TimedOut => Some(Self::Silence),
            _ => None,
        }
    }

    fn of_tls(error: &TlsError) -> Self {
        let TlsError::InvalidCertificate(what) = error else {
            return Self::Tls;
        };
        match what {
            CertificateError::UnknownIssuer => Self::Issuer,
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                Self::NotYet
            }
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => Self::Expired,
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                Self::OtherName
            }
            _ => Self::Tls,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(error: impl Error + Send + Sync + 'static) -> Obstacle {
        // As hyper and rustls wrap them.
        Obstacle::among(&io::Error::other(io::Error::other(error)))
    }

    #[test]
    fn causes_are_told_apart_however_deep_they_lie() {
        let certificate = |what| of(TlsError::InvalidCertificate(what));
        for (found, expected) in [
            (
                certificate(CertificateError::UnknownIssuer),
                Obstacle::Issuer,
            ),
            (certificate(CertificateError::NotValidYet), Obstacle::NotYet),
            (certificate(CertificateError::Expired), Obstacle::Expired),
            (
                certificate(CertificateError::NotValidForName),
                Obstacle::OtherName,
            ),
            (certificate(CertificateError::Revoked), Obstacle::Tls),
            (of(TlsError::DecryptError), Obstacle::Tls),
            (
                of(io::Error::from(io::ErrorKind::ConnectionRefused)),
                Obstacle::Refused,
            ),
            (
                of(io::Error::from(io::ErrorKind::NetworkUnreachable)),
                Obstacle::Refused,
            ),
            (
                of(io::Error::from(io::ErrorKind::TimedOut)),
                Obstacle::Silence,
            ),
            (
                of(io::Error::from(io::ErrorKind::NotFound)),
                Obstacle::Unknown,
            ),
        ] {
            assert_eq!(found, expected);
        }
    }
}
