//! Where Microsoft's login service and Graph live in each national cloud.
//!
//! Tokens and registrations do not cross clouds, so the two origins always come as a pair
//! (<https://learn.microsoft.com/graph/deployments>).

use reqwest::Url;

/// The words for `cloud`, with the origins of the login service and of Graph.
pub(super) const CLOUDS: &[(&str, &str, &str)] = &[
    (
        "public",
        "https://login.microsoftonline.com",
        "https://graph.microsoft.com",
    ),
    (
        "us-gov",
        "https://login.microsoftonline.us",
        "https://graph.microsoft.us",
    ),
    (
        "us-gov-dod",
        "https://login.microsoftonline.us",
        "https://dod-graph.microsoft.us",
    ),
    (
        "china",
        "https://login.partner.microsoftonline.cn",
        "https://microsoftgraph.chinacloudapi.cn",
    ),
];

/// The word, the login service's and Graph's origin of each cloud.
pub fn clouds() -> impl Iterator<Item = (&'static str, Url, Url)> {
    CLOUDS
        .iter()
        .filter_map(|(word, login, graph)| Some((*word, login.parse().ok()?, graph.parse().ok()?)))
}
