//! Where Microsoft's login service and Graph live in each national cloud.
//!
//! Tokens and registrations do not cross clouds, so the two origins always come as a pair
//! (<https://learn.microsoft.com/graph/deployments>).

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
