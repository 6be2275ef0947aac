//! What the login service says about a tenant to anybody (OpenID Connect Discovery 1.0 §4): which id a name
//! has, and which Graph is its own. Nothing of it is believed in a sign-in; `doctor` compares it with the
//! configuration.

use reqwest::{Client, Method, Request, Url, header};
use serde::Deserialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc2822;

use super::failure::cleaned;
use super::{EntraError, http};
use crate::clock::UnixSeconds;

/// A tenant's metadata, as far as it is compared (OpenID Provider Metadata).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProviderMetadata {
    /// The issuer of its id tokens, which holds its id.
    pub issuer: String,
    /// The host of its Graph, where it is named.
    pub graph_host: Option<String>,
    /// The service's clock, from the answer's `Date`.
    pub date: Option<UnixSeconds>,
}

/// Where a tenant is described, by its id or by one of its domains.
pub(super) fn address(login: &Url, name: &str) -> Url {
    let mut url = login.clone();
    if let Ok(mut path) = url.path_segments_mut() {
        path.clear()
            .extend([name, "v2.0", ".well-known", "openid-configuration"]);
    }
    url
}

/// Asks about a tenant by its id or by one of its domains.
///
/// # Errors
/// [`EntraError`]: no answer, no such tenant, or an answer that is no discovery document.
pub async fn provider_metadata(
    client: &Client,
    login: &Url,
    name: &str,
) -> Result<ProviderMetadata, EntraError> {
    #[derive(Deserialize)]
    struct Document {
        issuer: String,
        msgraph_host: Option<String>,
    }
    let url = address(login, name);
    let place = http::place(&Method::GET, &url);
    let answer = http::send(client, Request::new(Method::GET, url)).await?;
    let document: Document =
        serde_json::from_slice(&answer.body).map_err(|error| EntraError::Unusable {
            place,
            reason: cleaned(&error.to_string()),
        })?;
    Ok(ProviderMetadata {
        issuer: cleaned(&document.issuer),
        graph_host: document.msgraph_host.as_deref().map(cleaned),
        date: answer.date.as_ref().and_then(instant),
    })
}

/// An HTTP date (RFC 9110 §5.6.7), of which RFC 2822's form is the one in use.
fn instant(value: &header::HeaderValue) -> Option<UnixSeconds> {
    let date = OffsetDateTime::parse(value.to_str().ok()?, &Rfc2822).ok()?;
    u64::try_from(date.unix_timestamp())
        .ok()
        .map(UnixSeconds::new)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_services_clock_is_read() {
        let date = |text: &'static str| instant(&header::HeaderValue::from_static(text));
        assert_eq!(
            date("Sun, 04 Jan 2026 19:44:18 GMT"),
            Some(UnixSeconds::new(1_767_555_858))
        );
        assert_eq!(date("today"), None);
    }
}
