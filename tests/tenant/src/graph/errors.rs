//! What Graph says when it refuses (facts §4).

use axum::http::StatusCode;
use serde_json::json;
use time::OffsetDateTime;

use crate::clock::inner_error_date;
use crate::wire::{Answer, Request};

/// A refusal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct GraphError {
    status: StatusCode,
    code: &'static str,
    message: String,
    /// What goes along: where a fresh round begins, when to come back.
    headers: Vec<(&'static str, String)>,
}

impl GraphError {
    fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
            headers: Vec::new(),
        }
    }

    pub(super) fn bad_token(message: impl Into<String>) -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "InvalidAuthenticationToken",
            message,
        )
    }

    pub(super) fn denied() -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "Authorization_RequestDenied",
            "Insufficient privileges to complete the operation.",
        )
    }

    pub(super) fn not_found(key: &str) -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "Request_ResourceNotFound",
            format!(
                "Resource '{key}' does not exist or one of its queried reference-property objects \
                 are not present."
            ),
        )
    }

    pub(super) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "BadRequest", message)
    }

    pub(super) fn bad_value(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "Request_BadRequest", message)
    }

    pub(super) fn unsupported(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "Request_UnsupportedQuery", message)
    }

    pub(super) fn unknown_segment(segment: &str) -> Self {
        Self::bad_request(format!("Resource not found for the segment '{segment}'."))
    }

    pub(super) fn expired_page() -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "Directory_ExpiredPageToken",
            "The specified page token value has expired and can no longer be included in your \
             request.",
        )
    }

    /// What Graph can do and this tenant does not.
    pub(super) fn not_simulated(what: &str) -> Self {
        Self::new(
            StatusCode::NOT_IMPLEMENTED,
            "NotImplemented",
            format!("The simulated tenant does not implement {what}."),
        )
    }

    /// A delta round must start over at `location`; the code is one of two.
    pub(super) fn resync(code: &'static str, location: String) -> Self {
        Self {
            headers: vec![("location", location)],
            ..Self::new(
                StatusCode::GONE,
                code,
                "The sync state generation is not found; a full resynchronization is required.",
            )
        }
    }

    /// Too much was asked; the headers say when to come back.
    pub(super) fn throttled(headers: Vec<(&'static str, String)>) -> Self {
        Self {
            headers,
            ..Self::new(
                StatusCode::TOO_MANY_REQUESTS,
                "TooManyRequests",
                "Too many requests. Please try again later.",
            )
        }
    }

    /// The token was good and is no more: another one, with these claims.
    pub(super) fn challenge(claims: &str) -> Self {
        Self {
            headers: vec![(
                "www-authenticate",
                format!("{CHALLENGE}, error=\"insufficient_claims\", claims=\"{claims}\""),
            )],
            ..Self::bad_token(
                "Continuous access evaluation resulted in claims challenge with result: \
                 InteractionRequired and code: TokenIssuedBeforeRevocationTimestamp",
            )
        }
    }

    /// The answer as the service writes it.
    pub(super) fn render(
        &self,
        request: &Request,
        request_id: &str,
        now: OffsetDateTime,
    ) -> Answer {
        let client_id = request.header("client-request-id").unwrap_or(request_id);
        let body = json!({"error": {
            "code": self.code,
            "message": self.message,
            "innerError": {
                "date": inner_error_date(now),
                "request-id": request_id,
                "client-request-id": client_id,
            },
        }});
        let mut answer = Answer::json(self.status, &body).with("content-type", "application/json");
        if self.status == StatusCode::UNAUTHORIZED {
            answer = answer.with("www-authenticate", CHALLENGE);
        }
        for (name, value) in &self.headers {
            answer = answer.with(name, value);
        }
        answer
    }
}

/// What every 401 of Graph begins its challenge with.
const CHALLENGE: &str = "Bearer realm=\"\", authorization_uri=\"https://login.microsoftonline.com/\
     common/oauth2/authorize\", client_id=\"00000003-0000-0000-c000-000000000000\"";
