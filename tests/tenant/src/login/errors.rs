//! What Entra says when it refuses, in its own words and shape.
//!
//! One table gives the error word, HTTP status and suberror of a code; the
//! constructors give the sentence. Source: `AADSTS` codes and recorded answers
//! (Microsoft, "Microsoft Entra authentication and authorization error codes").

use axum::http::StatusCode;
use serde_json::{Value, json};
use time::OffsetDateTime;
use uuid::Uuid;

use super::common_headers;
use crate::clock::login_instant;
use crate::wire::{Answer, Request};

/// A refusal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LoginError {
    /// The `AADSTS` number; 0 for `slow_down`, which has none.
    pub(crate) code: u32,
    /// Without the `AADSTSn: ` in front and the ids behind.
    pub(crate) message: String,
    /// The discovery endpoint says `invalid_tenant` where the others say
    /// `invalid_request`.
    error: Option<&'static str>,
    claims: Option<String>,
    password_change_url: Option<&'static str>,
}

/// Microsoft Graph's application id.
pub(crate) const GRAPH_APP: &str = "00000003-0000-0000-c000-000000000000";

/// The policy that this tenant's Conditional Access refusals name.
const POLICY: &str = "8e2a5a3e-5a0e-4e55-9b5f-2f6f0c1d0004";

impl LoginError {
    /// A refusal by number and sentence.
    pub(crate) fn new(code: u32, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            error: None,
            claims: None,
            password_change_url: None,
        }
    }

    pub(crate) fn unknown_tenant(name: &str) -> Self {
        Self::new(
            90_002,
            format!(
                "Tenant '{name}' not found. Check to make sure you have the correct tenant ID and \
                 are signing into the correct cloud. Check with your subscription administrator, \
                 this may happen if there are no active subscriptions for the tenant."
            ),
        )
    }

    pub(crate) fn malformed_tenant(name: &str) -> Self {
        Self::new(
            900_023,
            format!(
                "Specified tenant identifier '{name}' is neither a valid DNS name, nor a valid \
                 external domain."
            ),
        )
    }

    /// As the discovery endpoint puts it.
    pub(crate) fn in_discovery(self) -> Self {
        Self {
            error: Some("invalid_tenant"),
            ..self
        }
    }

    pub(crate) fn missing(parameter: &str) -> Self {
        Self::new(
            900_144,
            format!("The request body must contain the following parameter: '{parameter}'."),
        )
    }

    pub(crate) fn unknown_user(tenant: &str) -> Self {
        Self::new(
            50_034,
            format!(
                "The user account {{EUII Hidden}} does not exist in the {tenant} directory. To \
                 sign into this application, the account must be added to the directory."
            ),
        )
    }

    pub(crate) fn locked() -> Self {
        Self::new(
            50_053,
            "The account is locked, you've tried to sign in too many times with an incorrect user \
             ID or password.",
        )
    }

    pub(crate) fn wrong_password() -> Self {
        Self::new(
            50_126,
            "Error validating credentials due to invalid username or password.",
        )
    }

    pub(crate) fn disabled() -> Self {
        Self::new(50_057, "The user account is disabled.")
    }

    pub(crate) fn password_expired() -> Self {
        Self {
            password_change_url: Some("https://portal.microsoftonline.com/ChangePassword.aspx"),
            ..Self::new(50_055, "The password is expired.")
        }
    }

    pub(crate) fn passwordless() -> Self {
        Self::new(
            50_056,
            "Invalid or null password: password does not exist in the directory for this user.",
        )
    }

    pub(crate) fn mfa_required() -> Self {
        Self {
            claims: Some(policy_claims()),
            ..Self::new(
                50_076,
                format!(
                    "Due to a configuration change made by your administrator, or because you \
                     moved to a new location, you must use multi-factor authentication to access \
                     '{GRAPH_APP}'."
                ),
            )
        }
    }

    pub(crate) fn mfa_enrolment_required() -> Self {
        Self::new(
            50_079,
            format!(
                "Due to a configuration change made by your administrator, or because you moved \
                 to a new location, you must enroll in multi-factor authentication to access \
                 '{GRAPH_APP}'."
            ),
        )
    }

    pub(crate) fn blocked_by_policy() -> Self {
        Self {
            claims: Some(policy_claims()),
            ..Self::new(
                53_003,
                "Access has been blocked by Conditional Access policies. The access policy does \
                 not allow token issuance.",
            )
        }
    }

    pub(crate) fn no_consent(app: &str, name: &str) -> Self {
        Self::new(
            65_001,
            format!(
                "The user or administrator has not consented to use the application with ID \
                 '{app}' named '{name}'. Send an interactive authorization request for this user \
                 and resource."
            ),
        )
    }

    pub(crate) fn not_assigned(app: &str, name: &str) -> Self {
        Self::new(
            50_105,
            format!(
                "Your administrator has configured the application {name} ('{app}') to block \
                 users unless they are specifically granted ('assigned') access to the \
                 application. The signed-in user '{{EUII Hidden}}' is blocked because they are \
                 not a direct member of a group with access, nor had access directly assigned by \
                 an administrator. Please contact your administrator to assign access to this \
                 application."
            ),
        )
    }

    /// The answer as the service writes it.
    pub(crate) fn render(&self, request: &Request, now: OffsetDateTime) -> Answer {
        let (error, status, suberror) = classify(self.code);
        let error = self.error.unwrap_or(error);
        let trace = Uuid::new_v4().to_string();
        let correlation = correlation_id(request);
        let stamp = login_instant(now);
        let prefix = if self.code == 0 {
            String::new()
        } else {
            format!("AADSTS{}: ", self.code)
        };
        let mut body = json!({
            "error": error,
            "error_description": format!(
                "{prefix}{} Trace ID: {trace} Correlation ID: {correlation} Timestamp: {stamp}",
                self.message
            ),
            "timestamp": stamp,
            "trace_id": trace,
            "correlation_id": correlation,
        });
        if let Value::Object(fields) = &mut body {
            if self.code != 0 {
                fields.insert("error_codes".to_owned(), json!([self.code]));
                fields.insert(
                    "error_uri".to_owned(),
                    json!(format!("{}/error?code={}", super::LOGIN, self.code)),
                );
            }
            if let Some(suberror) = suberror {
                fields.insert("suberror".to_owned(), json!(suberror));
            }
            if let Some(claims) = &self.claims {
                fields.insert("claims".to_owned(), json!(claims));
            }
            if let Some(url) = self.password_change_url {
                fields.insert("password_change_url".to_owned(), json!(url));
            }
        }
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST);
        let answer = Answer::json(status, &body)
            .with("x-ms-request-id", &trace)
            .with("x-ms-clitelem", &format!("1,{},0,,", self.code))
            .with("cache-control", "no-store, no-cache");
        common_headers(answer, request)
    }
}

/// The caller's `client-request-id`, or a new one.
fn correlation_id(request: &Request) -> String {
    request
        .header("client-request-id")
        .filter(|id| Uuid::parse_str(id).is_ok())
        .map_or_else(|| Uuid::new_v4().to_string(), str::to_owned)
}

fn policy_claims() -> String {
    json!({"access_token": {"capolids": {"essential": true, "values": [POLICY]}}}).to_string()
}

/// Error word, HTTP status and suberror of a code.
fn classify(code: u32) -> (&'static str, u16, Option<&'static str>) {
    match code {
        0 => ("slow_down", 400, None),
        70_016 => ("authorization_pending", 400, None),
        70_018 => ("bad_verification_code", 400, None),
        70_020 => ("expired_token", 400, None),
        // The number of a declined device code is not on record (facts §2.3).
        70_044 => ("authorization_declined", 400, None),
        50_034 | 50_173 | 70_000 | 70_008 | 700_082 => ("invalid_grant", 400, Some("bad_token")),
        50_055 => ("invalid_grant", 400, Some("user_password_expired")),
        50_072 | 50_074 | 50_076 | 50_079 => ("invalid_grant", 400, Some("basic_action")),
        53_003 => ("invalid_grant", 400, Some("message_only")),
        65_001 => ("invalid_grant", 400, Some("consent_required")),
        700_016 | 7_000_112 => ("unauthorized_client", 400, None),
        700_211 | 700_212 | 700_213 | 700_021 | 700_023 | 700_024 | 700_025 | 700_027
        | 7_000_215 | 7_000_216 | 7_000_218 | 7_000_222 => ("invalid_client", 401, None),
        500_011 => ("invalid_resource", 400, None),
        70_011 | 1_002_012 => ("invalid_scope", 400, None),
        70_003 => ("unsupported_grant_type", 400, None),
        50_049 => ("invalid_instance", 400, None),
        50_059 | 90_002 | 900_023 | 900_144 | 900_561 | 9_001_023 => ("invalid_request", 400, None),
        _ => ("invalid_grant", 400, None),
    }
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderValue, Method};

    use super::*;
    use crate::wire::request;

    fn rendered(error: &LoginError) -> Answer {
        let mut sent = request(Method::POST, "https://login.microsoftonline.com/t/x", "");
        let id = HeaderValue::from_static("6a1d9f7e-0000-4000-8000-000000000001");
        sent.headers.insert("client-request-id", id);
        error.render(
            &sent,
            OffsetDateTime::from_unix_timestamp(1_767_555_858).unwrap(),
        )
    }

    #[test]
    fn a_refusal_has_the_recorded_shape() {
        let answer = rendered(&LoginError::mfa_required());
        let body = answer.value();
        assert_eq!(answer.status, 400);
        assert_eq!(body["error"], "invalid_grant");
        assert_eq!(body["suberror"], "basic_action");
        assert_eq!(body["error_codes"], json!([50_076]));
        assert_eq!(body["timestamp"], "2026-01-04 19:44:18Z");
        assert_eq!(
            body["correlation_id"],
            "6a1d9f7e-0000-4000-8000-000000000001"
        );
        assert_eq!(
            body["trace_id"],
            answer.headers["x-ms-request-id"].to_str().unwrap()
        );
        assert_eq!(answer.headers["x-ms-clitelem"], "1,50076,0,,");
        let text = body["error_description"].as_str().unwrap();
        assert!(
            text.starts_with("AADSTS50076: Due to a configuration change"),
            "{text}"
        );
        assert!(text.ends_with("Timestamp: 2026-01-04 19:44:18Z"), "{text}");
        let claims: Value = serde_json::from_str(body["claims"].as_str().unwrap()).unwrap();
        assert_eq!(
            claims["access_token"]["capolids"]["values"],
            json!([POLICY])
        );
    }

    #[test]
    fn a_client_that_cannot_prove_itself_gets_401() {
        let answer = rendered(&LoginError::new(
            7_000_215,
            "Invalid client secret provided.",
        ));
        assert_eq!(answer.status, 401);
        assert_eq!(answer.value()["error"], "invalid_client");
    }

    #[test]
    fn slow_down_has_no_number() {
        let body = rendered(&LoginError::new(0, "Too fast.")).value();
        assert_eq!(body["error"], "slow_down");
        assert!(body.get("error_codes").is_none());
        assert!(
            !body["error_description"]
                .as_str()
                .unwrap()
                .contains("AADSTS")
        );
    }
}
