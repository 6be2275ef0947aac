//! Why the login service did not give what it was asked for: facts for the journal, no person's data.

use std::fmt;

use serde::Deserialize;

use crate::identity::TenantId;

use super::errors;

/// Characters of Entra's own description that are kept.
const DESCRIPTION_LIMIT: usize = 300;

/// What went wrong at the login service. Every text in it may stand in the journal.
#[derive(Debug, Clone)]
pub enum EntraError {
    /// It said no.
    Refused(Box<Refusal>),
    /// It did not answer: no connection, no certificate that counts, or not in time.
    NoAnswer {
        /// Which endpoint.
        place: String,
        /// The transport's reason.
        reason: String,
    },
    /// It answered something that can't be used; nothing of it was.
    Unusable {
        /// Which endpoint, and where in the answer.
        place: String,
        /// What is wrong with it.
        reason: String,
    },
    /// It gave a token that belongs to another tenant.
    OtherTenant {
        /// Which endpoint.
        place: String,
        /// The tenant that the token names.
        found: String,
        /// The tenant of the configuration.
        expected: TenantId,
    },
    /// This host's own credential can't be had.
    Credential(String),
}

/// An error answer (entra's JSON, or what could be read of it).
#[derive(Debug, Clone, Default)]
pub struct Refusal {
    /// Which endpoint.
    pub place: String,
    /// The HTTP status.
    pub status: u16,
    /// The OAuth word (`invalid_grant`).
    pub error: String,
    /// AADSTS codes; the first one counts.
    pub codes: Vec<u32>,
    /// Entra's finer word, if it gave one.
    pub suberror: Option<String>,
    /// The description's first line.
    pub description: String,
    /// For Microsoft's support; the same as `x-ms-request-id`.
    pub trace_id: Option<String>,
    /// The request's own id, as echoed.
    pub correlation_id: Option<String>,
}

impl Refusal {
    /// Reads an error answer; whatever is missing in it stays empty.
    #[must_use]
    pub fn read(place: &str, status: u16, body: &[u8]) -> Self {
        #[derive(Deserialize, Default)]
        #[serde(default)]
        struct Body {
            error: serde_json::Value,
            error_description: Option<String>,
            error_codes: Vec<u32>,
            suberror: Option<String>,
            trace_id: Option<String>,
            correlation_id: Option<String>,
        }
        let body: Body = serde_json::from_slice(body).unwrap_or_default();
        let description = body.error_description.unwrap_or_default();
        Self {
            place: place.to_owned(),
            status,
            error: cleaned(body.error.as_str().unwrap_or_default()),
            codes: body.error_codes,
            suberror: body.suberror.as_deref().map(cleaned),
            description: cleaned(description.lines().next().unwrap_or_default()),
            trace_id: body.trace_id.as_deref().map(cleaned),
            correlation_id: body.correlation_id.as_deref().map(cleaned),
        }
    }

    /// The first AADSTS code, 0 if there was none.
    #[must_use]
    pub fn code(&self) -> u32 {
        self.codes.first().copied().unwrap_or(0)
    }
}

impl EntraError {
    /// The refusal, if there was one.
    #[must_use]
    pub fn refusal(&self) -> Option<&Refusal> {
        match self {
            Self::Refused(refusal) => Some(refusal),
            _ => None,
        }
    }

    /// What the table says of it; for errors without a code, what fits.
    #[must_use]
    pub fn meaning(&self) -> &'static errors::Meaning {
        const NO_ANSWER: errors::Meaning = errors::Meaning {
            meaning: "no usable answer",
            ..errors::TRANSIENT
        };
        const OURS: errors::Meaning = errors::Meaning {
            codes: &[],
            class: errors::Class::Configuration,
            outcome: entra_protocol::login::Outcome::Unavailable,
            sentence: errors::SET_UP_WRONG,
            meaning: "this host's registration or credential is wrong",
        };
        match self {
            Self::Refused(refusal) => errors::meaning(refusal),
            Self::NoAnswer { .. } | Self::Unusable { .. } => &NO_ANSWER,
            Self::OtherTenant { .. } | Self::Credential(_) => &OURS,
        }
    }

    /// The ids to quote to Microsoft's support, if there are any.
    #[must_use]
    pub fn reference(&self) -> Option<String> {
        let refusal = self.refusal()?;
        let mut parts = Vec::new();
        if let Some(code) = refusal.codes.first() {
            parts.push(format!("AADSTS{code}"));
        }
        if let Some(trace) = &refusal.trace_id {
            parts.push(format!("trace {trace}"));
        }
        if let Some(correlation) = &refusal.correlation_id {
            parts.push(format!("correlation {correlation}"));
        }
        (!parts.is_empty()).then(|| parts.join(", "))
    }
}

impl fmt::Display for EntraError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(refusal) => {
                let meaning = self.meaning().meaning;
                write!(f, "{}: HTTP {}", refusal.place, refusal.status)?;
                match refusal.codes.first() {
                    Some(code) => write!(f, ", AADSTS{code}: {meaning}"),
                    None if refusal.error.is_empty() => {
                        write!(f, " with no error that can be read: {meaning}")
                    }
                    None => write!(f, ", {}: {meaning}", refusal.error),
                }
            }
            Self::NoAnswer { place, reason } => write!(f, "{place}: no answer: {reason}"),
            Self::Unusable { place, reason } => {
                write!(f, "{place}: an answer that can't be used: {reason}")
            }
            Self::OtherTenant {
                place,
                found,
                expected,
            } => write!(
                f,
                "{place}: access_token.tid: the token is for tenant {found}, not for {expected}"
            ),
            Self::Credential(reason) => write!(f, "this host's credential: {reason}"),
        }
    }
}

impl std::error::Error for EntraError {}

/// Text from outside for the journal: no control characters, bounded.
pub(super) fn cleaned(text: &str) -> String {
    text.chars()
        .filter(|character| !character.is_control())
        .take(DESCRIPTION_LIMIT)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entras_whole_error_body_is_kept() {
        let body = br#"{"error":"invalid_grant","error_description":"AADSTS50076: Due to x.\r\nTrace ID: t",
            "error_codes":[50076],"timestamp":"2026-01-04 19:44:18Z","trace_id":"t-1",
            "correlation_id":"c-1","suberror":"basic_action","claims":"{}"}"#;
        let error = EntraError::Refused(Box::new(Refusal::read("token", 400, body)));
        assert_eq!(
            error.reference().as_deref(),
            Some("AADSTS50076, trace t-1, correlation c-1")
        );
        assert_eq!(
            error.refusal().unwrap().description,
            "AADSTS50076: Due to x."
        );
        assert_eq!(
            error.to_string(),
            "token: HTTP 400, AADSTS50076: a second factor is required"
        );
    }

    #[test]
    fn what_is_no_error_body_is_still_a_refusal() {
        for body in [&b""[..], b"<html>", b"{\"error\":{\"code\":1}}", b"[]"] {
            let refusal = Refusal::read("token", 400, body);
            assert_eq!((refusal.status, refusal.code()), (400, 0));
            assert_eq!(errors::meaning(&refusal).class, errors::Class::Deny);
        }
    }
}
