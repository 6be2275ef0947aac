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
    /// Where a fresh round begins, for a delta that must start over.
    location: Option<String>,
}

impl GraphError {
    fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
            location: None,
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

    pub(super) fn resync(location: String) -> Self {
        Self {
            location: Some(location),
            ..Self::new(
                StatusCode::GONE,
                "syncStateNotFound",
                "The sync state generation is not found; a full resynchronization is required.",
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
            answer = answer.with(
                "www-authenticate",
                "Bearer realm=\"\", authorization_uri=\"https://login.microsoftonline.com/common/\
                 oauth2/authorize\", client_id=\"00000003-0000-0000-c000-000000000000\"",
            );
        }
        match &self.location {
            Some(location) => answer.with("location", location),
            None => answer,
        }
    }
}
