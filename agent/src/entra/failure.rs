//! Why the login service did not give what it was asked for: facts for the journal, no person's data.

use std::fmt;

use serde::Deserialize;

use crate::identity::TenantId;

use super::{Obstacle, errors};

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
        /// What stood in the way.
        obstacle: Obstacle,
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
    /// The description's first sentence or so, without the code in front and the ids behind.
    pub description: String,
    /// Where the server says that an expired password is changed; `https` only.
    pub password_change_url: Option<String>,
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
            password_change_url: Option<String>,
            trace_id: Option<String>,
            correlation_id: Option<String>,
        }
        let body: Body = serde_json::from_slice(body).unwrap_or_default();
        Self {
            place: place.to_owned(),
            status,
            error: cleaned(body.error.as_str().unwrap_or_default()),
            codes: body.error_codes,
            suberror: body.suberror.as_deref().map(cleaned),
            description: plain_description(&body.error_description.unwrap_or_default()),
            password_change_url: body.password_change_url.as_deref().and_then(shown_address),
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
        match self {
            Self::Refused(refusal) => errors::meaning(refusal),
            Self::NoAnswer { .. } | Self::Unusable { .. } => &errors::NO_ANSWER,
            Self::OtherTenant { .. } | Self::Credential(_) => &errors::OURS,
        }
    }

    /// What the person is told: a sentence, and the id to quote where the login service answered.
    #[must_use]
    pub fn sentence(&self) -> String {
        let meaning = self.meaning();
        match self.refusal() {
            Some(refusal) => self.with_reference(&errors::sentence(meaning, refusal)),
            None => meaning.sentence.to_owned(),
        }
    }

    /// Another sentence with that id.
    #[must_use]
    pub fn with_reference(&self, sentence: &str) -> String {
        match self
            .refusal()
            .and_then(|refusal| refusal.correlation_id.as_deref())
        {
            Some(id) => format!("{sentence} (reference: {id})"),
            None => sentence.to_owned(),
        }
    }

    /// What stood between this host and the service; [`Obstacle::Unknown`] for whatever was answered.
    #[must_use]
    pub fn obstacle(&self) -> Obstacle {
        match self {
            Self::NoAnswer { obstacle, .. } => *obstacle,
            _ => Obstacle::Unknown,
        }
    }

    /// True for a device code that nobody has entered yet (RFC 8628 §3.5).
    #[must_use]
    pub fn is_pending(&self) -> bool {
        self.refusal()
            .is_some_and(|refusal| refusal.error == "authorization_pending")
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
                    Some(code) => write!(f, ", AADSTS{code}: {meaning}")?,
                    None if refusal.error.is_empty() => {
                        return write!(f, " with no error that can be read: {meaning}");
                    }
                    None => write!(f, ": {meaning}")?,
                }
                write!(f, " ({}", refusal.error)?;
                if let Some(suberror) = &refusal.suberror {
                    write!(f, ", {suberror}")?;
                }
                if !refusal.description.is_empty() {
                    write!(f, ": {}", refusal.description)?;
                }
                f.write_str(")")
            }
            Self::NoAnswer { place, reason, .. } => write!(f, "{place}: no answer: {reason}"),
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

/// Entra's own words without the code, which the table explains, and the ids, which are kept apart. They
/// follow a line end in older answers and a blank in newer ones.
fn plain_description(text: &str) -> String {
    let text = text.lines().next().unwrap_or_default();
    let text = text.split(" Trace ID: ").next().unwrap_or_default();
    let text = match text.split_once(": ") {
        Some((code, rest)) if code.starts_with("AADSTS") => rest,
        _ => text,
    };
    cleaned(text.trim_end())
}

/// An address for a person to open: `https`, of sane length, as the server wrote it.
fn shown_address(text: &str) -> Option<String> {
    /// What fits a terminal in some lines.
    const LIMIT: usize = 200;
    let sane = text.len() <= LIMIT && !text.contains(|c: char| c.is_control() || c == ' ');
    let url = reqwest::Url::parse(text).ok().filter(|_| sane)?;
    (url.scheme() == "https" && url.has_host()).then(|| text.to_owned())
}

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
        assert_eq!(error.refusal().unwrap().description, "Due to x.");
        assert_eq!(
            error.to_string(),
            "token: HTTP 400, AADSTS50076: a second factor is required (invalid_grant, basic_action: Due \
             to x.)"
        );
        assert_eq!(
            error.sentence(),
            "This sign-in has to be continued in a browser. (reference: c-1)"
        );
    }

    #[test]
    fn newer_descriptions_have_blanks_before_the_ids() {
        let text =
            "AADSTS50126: Error validating credentials. Trace ID: t Correlation ID: c Timestamp: z";
        assert_eq!(plain_description(text), "Error validating credentials.");
        assert_eq!(plain_description("Not: a code"), "Not: a code");
    }

    #[test]
    fn a_page_to_change_a_password_is_shown_if_it_is_one() {
        let read = |url: &str| {
            let body = serde_json::json!({"error": "invalid_grant", "password_change_url": url});
            Refusal::read("token", 400, body.to_string().as_bytes()).password_change_url
        };
        assert_eq!(
            read("https://change.example/now").as_deref(),
            Some("https://change.example/now")
        );
        for bad in [
            "http://change.example",
            "javascript:x",
            "https://a b",
            "https://a/\u{1b}[2J",
            "",
            "x",
        ] {
            assert_eq!(read(bad), None, "{bad}");
        }
        assert_eq!(
            read(&format!("https://change.example/{}", "x".repeat(200))),
            None
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
