//! Query options of lists, read and checked.

use serde_json::{Map, Value, json};

use super::GraphError;
use super::filter::Filter;
use crate::state::properties::{GROUP, Kind, USER};
use crate::wire::Request;

/// Largest page, documented.
pub(super) const LARGEST_PAGE: usize = 999;
/// Page size when nothing is asked.
const DEFAULT_PAGE: usize = 100;

/// The kinds of objects that a collection may hold.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kinds {
    One(&'static Kind),
    /// `directoryObject`: users and groups.
    Mixed,
}

impl Kinds {
    /// The proper spelling of a property that any of the kinds has.
    pub(super) fn property(self, name: &str) -> Option<String> {
        let find = |kind: &Kind| kind.property(name).map(|(proper, _)| proper);
        match self {
            Self::One(kind) => find(kind),
            Self::Mixed => find(&USER).or_else(|| find(&GROUP)),
        }
    }

    fn title(self) -> &'static str {
        match self {
            Self::One(kind) => kind.name,
            Self::Mixed => "directoryObject",
        }
    }
}

/// What a list request asks for.
#[derive(Debug)]
pub(super) struct Options {
    /// Proper spellings, in the order asked.
    pub(super) select: Option<Vec<String>>,
    pub(super) filter: Option<Filter>,
    pub(super) top: usize,
    /// `ConsistencyLevel: eventual` was sent.
    pub(super) eventual: bool,
    /// `$count=true` was asked.
    pub(super) count: bool,
    pub(super) skiptoken: Option<String>,
}

impl Options {
    /// Reads the options of a request for such objects.
    pub(super) fn read(request: &Request, kinds: Kinds) -> Result<Self, GraphError> {
        for (name, _) in &request.query {
            match name.as_str() {
                "$skip" => {
                    return Err(GraphError::bad_value(
                        "'$skip' is not supported by the service.",
                    ));
                }
                "$orderby" | "$search" | "$expand" => return Err(GraphError::not_simulated(name)),
                _ => {}
            }
        }
        let options = Self {
            select: select(request, kinds)?,
            filter: match (request.parameter("$filter"), kinds) {
                (None, _) => None,
                (Some(text), Kinds::One(kind)) => Some(Filter::parse(text, kind)?),
                (Some(_), Kinds::Mixed) => {
                    return Err(GraphError::not_simulated("$filter over mixed members"));
                }
            },
            top: top(request)?,
            eventual: request
                .header("consistencylevel")
                .is_some_and(|value| value.eq_ignore_ascii_case("eventual")),
            count: request.parameter("$count") == Some("true"),
            skiptoken: request.parameter("$skiptoken").map(str::to_owned),
        };
        if options.filter.as_ref().is_some_and(Filter::is_advanced) {
            options.need_advanced("this filter")?;
        }
        Ok(options)
    }

    /// Advanced queries need the header and `$count=true` both.
    pub(super) fn need_advanced(&self, what: &str) -> Result<(), GraphError> {
        if self.eventual && self.count {
            return Ok(());
        }
        Err(GraphError::unsupported(format!(
            "Request_UnsupportedQuery: {what} needs the header ConsistencyLevel: eventual and \
             $count=true."
        )))
    }

    /// One object as a list or a read by id shows it: unset is null.
    pub(super) fn show(
        &self,
        kind: &Kind,
        property: &dyn Fn(&str) -> Option<Value>,
    ) -> Map<String, Value> {
        let names: Vec<&str> = match &self.select {
            Some(names) => names.iter().map(String::as_str).collect(),
            None => kind.by_default.to_vec(),
        };
        names
            .into_iter()
            .filter(|name| kind.property(name).is_some())
            .filter_map(|name| match property(name) {
                Some(value) => Some((name.to_owned(), value)),
                // An extension that is not set is left out; the rest is null.
                None if name.starts_with("extension_") => None,
                None => Some((name.to_owned(), kind.blank(name))),
            })
            .collect()
    }

    /// `@odata.context` of a collection.
    pub(super) fn context(&self, collection: &str) -> Value {
        let selected = match &self.select {
            Some(names) => format!("({})", names.join(",")),
            None => String::new(),
        };
        json!(format!("{}/$metadata#{collection}{selected}", super::BASE))
    }
}

/// `$select`, each name known and spelled properly.
pub(super) fn select(request: &Request, kinds: Kinds) -> Result<Option<Vec<String>>, GraphError> {
    let Some(text) = request.parameter("$select") else {
        return Ok(None);
    };
    let mut names = Vec::new();
    for name in text
        .split(',')
        .map(str::trim)
        .filter(|name| !name.is_empty())
    {
        if matches!(name, "skills" | "aboutMe" | "interests" | "mailboxSettings") {
            return Err(GraphError::not_simulated(&format!(
                "$select={name} on a collection"
            )));
        }
        let proper = kinds.property(name).ok_or_else(|| {
            GraphError::bad_request(format!(
                "Parsing OData Select and Expand failed: Could not find a property named '{name}' \
                 on type 'microsoft.graph.{}'.",
                kinds.title()
            ))
        })?;
        if !names.contains(&proper) {
            names.push(proper);
        }
    }
    Ok(Some(names).filter(|names| !names.is_empty()))
}

fn top(request: &Request) -> Result<usize, GraphError> {
    let Some(text) = request.parameter("$top") else {
        return Ok(DEFAULT_PAGE);
    };
    text.parse().ok().filter(|size| (1..=LARGEST_PAGE).contains(size)).ok_or_else(|| {
        GraphError::unsupported(format!(
            "Invalid page size specified: '{text}'. Must be between 1 and {LARGEST_PAGE} inclusive."
        ))
    })
}
