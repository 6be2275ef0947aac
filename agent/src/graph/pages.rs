//! Follows a list from page to page.
//!
//! Links are opaque and followed as they are written (entra-facts §4.1), but only inside the configured
//! origin. Endless lists were reported (§9): a link that came before, or more pages than any tenant has,
//! ends the round with an error.

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};

use reqwest::Url;
use serde_json::Value;

use super::client::{Ask, Session};
use super::error::{GraphError, GraphProblem, Place};

/// One page of a list.
#[derive(Debug)]
pub struct Page {
    /// How errors name it, e.g. `users page 2`.
    pub label: String,
    /// Its elements, not yet read.
    pub elements: Vec<Value>,
    /// Where the next page is, if there is one.
    pub next_link: Option<String>,
    /// Where changes will be, on the last page of a delta round.
    pub delta_link: Option<String>,
}

/// A list that is being read.
#[derive(Debug)]
pub struct Pager<'a> {
    session: &'a Session<'a>,
    /// What it is a list of, for errors.
    what: &'a str,
    advanced: bool,
    /// Whether the last page must carry a delta link.
    delta: bool,
    next: Option<Url>,
    /// Hashes of the links that were followed: links are long, and a round has thousands.
    seen: HashSet<u64>,
    hasher: RandomState,
    pages: u64,
}

impl<'a> Pager<'a> {
    /// A plain list that begins at `url`.
    #[must_use]
    pub fn list(session: &'a Session<'a>, url: Url, what: &'a str) -> Self {
        Self {
            session,
            what,
            advanced: false,
            delta: false,
            next: Some(url),
            seen: HashSet::new(),
            hasher: RandomState::new(),
            pages: 0,
        }
    }

    /// A list whose query Graph answers in advanced mode only; `url` must ask for `$count=true`.
    #[must_use]
    pub fn advanced(session: &'a Session<'a>, url: Url, what: &'a str) -> Self {
        Self {
            advanced: true,
            ..Self::list(session, url, what)
        }
    }

    /// A delta round that begins at `url`.
    #[must_use]
    pub fn delta(session: &'a Session<'a>, url: Url, what: &'a str) -> Self {
        Self {
            delta: true,
            ..Self::list(session, url, what)
        }
    }

    /// Goes on with a round of which so many pages were read.
    #[must_use]
    pub fn after(self, pages: u64) -> Self {
        Self { pages, ..self }
    }

    /// The next page; `None` after the last.
    ///
    /// # Errors
    /// [`GraphError`]; the round is then lost.
    pub async fn next_page(&mut self) -> Result<Option<Page>, GraphError> {
        let Some(url) = self.next.take() else {
            return Ok(None);
        };
        self.pages += 1;
        let label = format!("{} page {}", self.what, self.pages);
        let fail = |place, problem| Err(GraphError { place, problem });
        if self.pages > PAGES_MAX {
            let place = Box::new(Place {
                what: label,
                path: url.path().to_owned(),
                ..Place::default()
            });
            return fail(
                place,
                GraphProblem::TooMany {
                    of: "pages",
                    limit: PAGES_MAX,
                },
            );
        }
        let ask = Ask {
            url: &url,
            what: &label,
            advanced: self.advanced,
        };
        let (answer, place) = self.session.ask(ask).await?;
        let malformed = |wrong: &str| GraphProblem::Malformed(wrong.to_owned());
        let Value::Object(mut answer) = answer else {
            return fail(place, malformed("the answer is no JSON object"));
        };
        let elements = match answer.remove("value") {
            Some(Value::Array(elements)) => elements,
            Some(_) => return fail(place, malformed("value: not a list")),
            None => return fail(place, malformed("value: missing")),
        };
        let (next_link, delta_link) = match (
            link(&answer, "@odata.nextLink"),
            link(&answer, "@odata.deltaLink"),
        ) {
            (Ok(next), Ok(delta)) => (next, delta),
            (Err(wrong), _) | (_, Err(wrong)) => {
                return fail(place, GraphProblem::Malformed(wrong));
            }
        };
        if self.delta && next_link.is_none() && delta_link.is_none() {
            let wrong = "neither @odata.nextLink nor @odata.deltaLink: the round has no end";
            return fail(place, malformed(wrong));
        }
        for link in [&next_link, &delta_link].into_iter().flatten() {
            match Url::parse(link) {
                Ok(url) if self.session.is_ours(&url) => {}
                Ok(url) => {
                    let origin = url.origin().ascii_serialization();
                    return fail(place, GraphProblem::ForeignLink { origin });
                }
                Err(error) => {
                    return fail(
                        place,
                        GraphProblem::Malformed(format!("a link is no URL: {error}")),
                    );
                }
            }
        }
        if let Some(link) = &next_link {
            if !self.seen.insert(self.hasher.hash_one(link)) {
                return fail(place, GraphProblem::RepeatedLink);
            }
            self.next = Url::parse(link).ok();
        }
        Ok(Some(Page {
            label,
            elements,
            next_link,
            delta_link,
        }))
    }
}

fn link(answer: &serde_json::Map<String, Value>, name: &str) -> Result<Option<String>, String> {
    match answer.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(link)) if link.len() <= LINK_BYTES_MAX => Ok(Some(link.clone())),
        Some(Value::String(link)) => Err(format!(
            "{name}: {} bytes, the limit is {LINK_BYTES_MAX}",
            link.len()
        )),
        Some(_) => Err(format!("{name}: not a text")),
    }
}

/// Pages of one list: a million users come in some 5,000.
const PAGES_MAX: u64 = 20_000;

/// Bytes of a link: skip and delta tokens were seen up to a few KiB.
const LINK_BYTES_MAX: usize = 32 * 1024;
