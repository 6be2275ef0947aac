//! What can go wrong with Graph, said so that it can be found: what was asked for, at which path, and the
//! request ids that Microsoft's support asks for. Query strings are left out: they hold page tokens.

use std::fmt;

use super::BearerError;

/// A request that led to nothing.
#[derive(Debug)]
pub struct GraphError {
    /// Which request.
    pub place: Box<Place>,
    /// What happened.
    pub problem: GraphProblem,
}

/// Which request it was.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Place {
    /// In words, e.g. `users page 2`.
    pub what: String,
    /// The URL's path.
    pub path: String,
    /// `request-id`, as the server named it.
    pub request_id: Option<String>,
    /// `client-request-id`, as this agent named it.
    pub client_request_id: Option<String>,
}

/// What happened to it.
#[derive(Debug)]
pub enum GraphProblem {
    /// There was no token to ask with.
    Bearer(BearerError),
    /// No answer came, after several tries. Facts for the journal.
    Network(String),
    /// 429 or 5xx, after several tries or with a wait that is too long.
    Unavailable {
        /// HTTP status.
        status: u16,
        /// How many seconds the server wants to be left alone, if it said so.
        retry_after: Option<u64>,
    },
    /// 401, with a fresh token, too.
    Unauthorized {
        /// Graph's error code.
        code: String,
    },
    /// 403.
    Forbidden {
        /// The application permission that the request needs.
        permission: &'static str,
        /// Graph's error code.
        code: String,
    },
    /// 404.
    NotFound,
    /// Any other status.
    Refused {
        /// HTTP status.
        status: u16,
        /// Graph's error code.
        code: String,
        /// Graph's message, shortened.
        message: String,
    },
    /// The answer is larger than any page can be.
    TooLarge {
        /// The limit in bytes.
        limit: usize,
    },
    /// The answer is not what Graph answers.
    Malformed(String),
    /// A link leads to another origin.
    ForeignLink {
        /// That origin.
        origin: String,
    },
    /// A next link came twice: the list has no end.
    RepeatedLink,
    /// More pages or requests than any tenant needs.
    TooMany {
        /// `pages` or `requests`.
        of: &'static str,
        /// The limit.
        limit: u64,
    },
}

impl GraphError {
    /// Ids to quote to Microsoft's support.
    #[must_use]
    pub fn reference(&self) -> Option<String> {
        if let GraphProblem::Bearer(error) = &self.problem {
            return error.reference.clone();
        }
        let ids = [
            ("request-id", &self.place.request_id),
            ("client-request-id", &self.place.client_request_id),
        ];
        let ids: Vec<String> = ids
            .into_iter()
            .filter_map(|(name, id)| Some(format!("{name} {}", id.as_ref()?)))
            .collect();
        (!ids.is_empty()).then(|| ids.join(", "))
    }

    /// What to do about it, if something can be done.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match &self.problem {
            GraphProblem::Bearer(error) => error.hint.clone(),
            GraphProblem::Forbidden { permission, .. } => Some(format!(
                "grant the application permission {permission} to the registration in [tenant.sync] and \
                 give admin consent; new consent shows in tokens issued after it"
            )),
            GraphProblem::Network(_) => {
                Some("check this host's network, DNS and clock, then import again".to_owned())
            }
            GraphProblem::Unavailable {
                retry_after: Some(seconds),
                ..
            } => Some(format!("import again in {seconds} s")),
            GraphProblem::Unavailable { .. } => Some("import again later".to_owned()),
            _ => None,
        }
    }
}

impl fmt::Display for GraphError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Place { what, path, .. } = self.place.as_ref();
        match &self.problem {
            GraphProblem::Bearer(error) => {
                write!(f, "no access token for Microsoft Graph: {}", error.message)
            }
            GraphProblem::Network(facts) => {
                write!(
                    f,
                    "Microsoft Graph can't be reached ({what}, {path}): {facts}"
                )
            }
            GraphProblem::Unavailable { status, .. } => {
                write!(
                    f,
                    "Microsoft Graph is not available ({what}, {path}): HTTP {status}"
                )
            }
            GraphProblem::Unauthorized { code } => write!(
                f,
                "Microsoft Graph did not accept the access token, nor a fresh one ({what}, {path}): {code}"
            ),
            GraphProblem::Forbidden { permission, code } => write!(
                f,
                "Microsoft Graph refused {what} ({path}): the registration lacks the application \
                 permission {permission} ({code})"
            ),
            GraphProblem::NotFound => write!(f, "{what} ({path}): no such object"),
            GraphProblem::Refused {
                status,
                code,
                message,
            } => write!(
                f,
                "Microsoft Graph refused {what} ({path}): HTTP {status}, {code}: {message}"
            ),
            GraphProblem::TooLarge { limit } => {
                write!(
                    f,
                    "{what} ({path}): the answer is larger than {limit} bytes"
                )
            }
            GraphProblem::Malformed(wrong) => write!(f, "{what} ({path}): {wrong}"),
            GraphProblem::ForeignLink { origin } => {
                write!(
                    f,
                    "{what} ({path}): a link leads to {origin}, which is not the configured Graph"
                )
            }
            GraphProblem::RepeatedLink => {
                write!(
                    f,
                    "{what} ({path}): the link to the next page came before; the list has no end"
                )
            }
            GraphProblem::TooMany { of, limit } => {
                write!(f, "{what} ({path}): more than {limit} {of}")
            }
        }
    }
}

impl std::error::Error for GraphError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.problem {
            GraphProblem::Bearer(error) => Some(error),
            _ => None,
        }
    }
}
