//! Throttling by resource units (facts §5).
//!
//! Every request costs what Graph documents for it. With a quota set, a
//! registration that has spent it in a tenant is refused until the window ends;
//! what is refused counts too. Without one, costs are told and nothing is refused.

use std::collections::HashMap;

use axum::http::Method;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use super::GraphError;
use super::auth::Principal;
use crate::state::World;
use crate::wire::Request;

/// The quota of each registration in each tenant.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct Throttle {
    /// Resource units in a window: 3500, 5000 or 8000 by the tenant's size.
    pub(crate) quota: u64,
    /// Length of the window in seconds.
    #[serde(default = "ten")]
    pub(crate) window: i64,
    #[serde(default)]
    pub(crate) retry_after: RetryAfter,
}

fn ten() -> i64 {
    10
}

/// How a refusal says when to come back (RFC 9110 §10.2.3).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum RetryAfter {
    #[default]
    Seconds,
    /// An HTTP date, by the tenant's clock.
    Date,
}

/// What was spent, by client id and tenant.
#[derive(Debug, Default)]
pub(crate) struct Meters(HashMap<(String, usize), Meter>);

#[derive(Debug)]
struct Meter {
    since: OffsetDateTime,
    spent: u64,
}

/// Charges a request; gives the share of the quota that is spent, if there is one.
pub(super) fn charge(
    world: &mut World,
    principal: &Principal,
    cost: u64,
) -> Result<Option<f64>, GraphError> {
    let Some(throttle) = world.settings.throttle.clone() else {
        return Ok(None);
    };
    let now = world.clock.now();
    let key = (principal.client_id.clone(), principal.tenant);
    let meter = world.meters.0.entry(key).or_insert(Meter {
        since: now,
        spent: 0,
    });
    let window = time::Duration::seconds(throttle.window.max(1));
    if now - meter.since >= window {
        (meter.since, meter.spent) = (now, 0);
    }
    meter.spent = meter.spent.saturating_add(cost);
    if meter.spent <= throttle.quota {
        return Ok(Some(meter.spent as f64 / throttle.quota.max(1) as f64));
    }
    let free = meter.since + window;
    // Whole seconds, rounded up: whoever comes back then is let in.
    let seconds = (free - now).whole_seconds() + 1;
    let retry_after = match throttle.retry_after {
        RetryAfter::Seconds => seconds.to_string(),
        RetryAfter::Date => http_date(now + time::Duration::seconds(seconds)),
    };
    let tenant = principal.tenant(world)?.id.clone();
    let scope = format!(
        "Tenant_Application/ReadWrite/{}/{tenant}",
        principal.client_id
    );
    Err(GraphError::throttled(vec![
        ("retry-after", retry_after),
        ("x-ms-throttle-scope", scope),
        (
            "x-ms-throttle-information",
            "ResourceUnitLimitExceeded".to_owned(),
        ),
    ]))
}

/// What a request costs.
pub(super) fn cost(request: &Request, parts: &[&str]) -> u64 {
    let base: i64 = match (&request.method, parts) {
        (_, [_, _, "getMemberGroups", ..]) => 2,
        (_, [_, _, "checkMemberGroups", ..]) => 4,
        (&Method::GET, ["users", ..] | ["me", ..]) => 2,
        (&Method::GET, ["groups", _, "transitiveMembers", ..]) => 5,
        (&Method::GET, ["groups", _, "members", ..]) => 3,
        (&Method::GET, ["servicePrincipals", _, "appRoleAssignments"]) => 2,
        _ => 1,
    };
    let top: Option<u32> = request.parameter("$top").and_then(|top| top.parse().ok());
    let changes = [
        (request.parameter("$select").is_some(), -1),
        (request.parameter("$expand").is_some(), 1),
        (top.is_some_and(|top| top < 20), -1),
    ];
    let change: i64 = changes
        .iter()
        .filter(|(applies, _)| *applies)
        .map(|(_, change)| change)
        .sum();
    u64::try_from(base + change).unwrap_or(1).max(1)
}

/// `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110 §5.6.7).
fn http_date(at: OffsetDateTime) -> String {
    // The names' first three letters are the format's.
    let short = |name: String| name.chars().take(3).collect::<String>();
    format!(
        "{}, {:02} {} {:04} {:02}:{:02}:{:02} GMT",
        short(at.weekday().to_string()),
        at.day(),
        short(at.month().to_string()),
        at.year(),
        at.hour(),
        at.minute(),
        at.second(),
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::graph::tests::{BOTH, ask};
    use crate::state::seed::contoso;
    use crate::wire::{Answer, request};

    #[test]
    fn costs_are_the_documented_ones() {
        for (path, expected) in [
            ("users", 2),
            ("users?$select=id", 1),
            ("users?$select=id&$top=5", 1),
            ("users/x/transitiveMemberOf", 2),
            ("groups/x/members", 3),
            ("groups/x/transitiveMembers", 5),
            ("groups/x/transitiveMembers?$select=id&$top=5", 3),
            ("organization", 1),
        ] {
            let url = format!("https://graph.microsoft.com/{path}");
            let sent = request(Method::GET, &url, "");
            let segments = sent.segments();
            let parts: Vec<&str> = segments.iter().map(String::as_str).collect();
            assert_eq!(cost(&sent, &parts), expected, "{path}");
        }
    }

    #[test]
    fn a_spent_quota_is_refused_until_the_window_ends() {
        let world = &mut contoso();
        world.settings.throttle = serde_json::from_value(json!({"quota": 10})).unwrap();
        let users = |world: &mut World| -> Answer { ask(world, "users", &BOTH, false) };
        for number in 1..=5 {
            let answer = users(world);
            assert_eq!(answer.status, 200);
            assert_eq!(answer.headers["x-ms-resource-unit"], "2");
            let share = answer.headers.get("x-ms-throttle-limit-percentage");
            assert_eq!(share.is_some(), number > 4, "{number}");
        }
        let refused = users(world);
        assert_eq!(refused.status, 429);
        assert_eq!(refused.value()["error"]["code"], "TooManyRequests");
        assert_eq!(refused.headers["retry-after"], "11");
        let scope = refused.headers["x-ms-throttle-scope"].to_str().unwrap();
        assert!(
            scope.starts_with("Tenant_Application/ReadWrite/"),
            "{scope}"
        );
        world.clock.advance(11);
        assert_eq!(users(world).status, 200);
        world.settings.throttle =
            serde_json::from_value(json!({"quota": 1, "retryAfter": "date"})).unwrap();
        let date = users(world).headers["retry-after"]
            .to_str()
            .unwrap()
            .to_owned();
        assert!(
            date.ends_with(" GMT") && date.contains(" Sep 2026 "),
            "{date}"
        );
    }
}
