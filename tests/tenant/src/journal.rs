//! The log of requests that tests read back.
//!
//! It shows that a request came, how often, and with which fields; it never
//! shows a secret, so that it can be printed in a failing test's output.

use std::collections::{BTreeMap, VecDeque};

use serde::Serialize;

use crate::clock::graph_instant;
use crate::wire::Request;

/// Entries kept; the oldest go first. Far more than a test makes.
const KEPT: usize = 100_000;

/// Values longer than this are cut, in bytes: a log line, not a copy.
const VALUE_LIMIT: usize = 512;

/// Form fields whose value is a secret.
const SECRETS: [&str; 8] = [
    "client_secret",
    "password",
    "client_assertion",
    "assertion",
    "refresh_token",
    "device_code",
    "code",
    "passwd",
];

/// One request.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Entry {
    /// Counts from 1 and never restarts: pass it as `since` to see what came later.
    pub(crate) sequence: u64,
    /// The tenant's time.
    pub(crate) at: String,
    pub(crate) method: String,
    pub(crate) host: String,
    pub(crate) path: String,
    pub(crate) query: BTreeMap<String, String>,
    pub(crate) form: BTreeMap<String, String>,
    /// Headers worth asserting on.
    pub(crate) headers: BTreeMap<String, String>,
    /// Absent while the answer is under way, and when the line was dropped.
    pub(crate) status: Option<u16>,
}

/// All entries, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Journal {
    entries: VecDeque<Entry>,
    last: u64,
}

impl Journal {
    /// Notes that a request came; returns its number.
    pub(crate) fn open(&mut self, request: &Request, at: time::OffsetDateTime) -> u64 {
        self.last += 1;
        let is_form = request
            .header("content-type")
            .is_some_and(|kind| kind.starts_with("application/x-www-form-urlencoded"));
        let form = if is_form {
            request.form().0
        } else {
            Vec::new()
        };
        if self.entries.len() >= KEPT {
            self.entries.pop_front();
        }
        self.entries.push_back(Entry {
            sequence: self.last,
            at: graph_instant(at),
            method: request.method.to_string(),
            host: request.host.clone(),
            path: request.path.clone(),
            query: presentable(request.query.clone()),
            form: presentable(form),
            headers: headers(request),
            status: None,
        });
        self.last
    }

    /// Notes how it was answered.
    pub(crate) fn close(&mut self, sequence: u64, status: u16) {
        let entry = self
            .entries
            .iter_mut()
            .rev()
            .find(|entry| entry.sequence == sequence);
        if let Some(entry) = entry {
            entry.status = Some(status);
        }
    }

    /// Entries after `since` whose path begins with `prefix`.
    pub(crate) fn after(&self, since: u64, prefix: &str) -> Vec<&Entry> {
        self.entries
            .iter()
            .filter(|entry| entry.sequence > since && entry.path.starts_with(prefix))
            .collect()
    }

    /// Forgets all entries; the numbers go on.
    pub(crate) fn clear(&mut self) {
        self.entries.clear();
    }
}

fn presentable(fields: Vec<(String, String)>) -> BTreeMap<String, String> {
    fields
        .into_iter()
        .map(|(name, value)| {
            let value = if SECRETS.contains(&name.as_str()) {
                "[set]".to_owned()
            } else {
                cut(value)
            };
            (name, value)
        })
        .collect()
}

fn headers(request: &Request) -> BTreeMap<String, String> {
    let shown = [
        "user-agent",
        "client-request-id",
        "consistencylevel",
        "prefer",
        "metadata",
        "x-forwarded-for",
        "proxy-authorization",
        "retry-attempt",
        "x-ms-throttle-priority",
    ];
    let mut out: BTreeMap<String, String> = shown
        .iter()
        .filter_map(|name| Some(((*name).to_owned(), cut(request.header(name)?.to_owned()))))
        .collect();
    if let Some(scheme) = request
        .header("authorization")
        .and_then(|value| value.split(' ').next())
    {
        out.insert(
            "authorization".to_owned(),
            format!("{} [set]", cut(scheme.to_owned())),
        );
    }
    out
}

fn cut(mut value: String) -> String {
    if value.len() > VALUE_LIMIT {
        let end = (0..=VALUE_LIMIT)
            .rev()
            .find(|at| value.is_char_boundary(*at))
            .unwrap_or(0);
        value.truncate(end);
        value.push_str("...");
    }
    value
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderValue, Method};

    use super::*;
    use crate::wire::request;

    #[test]
    fn secrets_are_shown_as_set() {
        let mut journal = Journal::default();
        let mut sent = request(
            Method::POST,
            "https://login.microsoftonline.com/t/oauth2/v2.0/token",
            "grant_type=password&username=a%40b&password=hunter2&client_secret=s",
        );
        sent.headers.insert(
            "content-type",
            HeaderValue::from_static("application/x-www-form-urlencoded"),
        );
        sent.headers
            .insert("authorization", HeaderValue::from_static("Bearer abc"));
        let number = journal.open(&sent, time::OffsetDateTime::UNIX_EPOCH);
        journal.close(number, 400);
        let text = serde_json::to_string(&journal.after(0, "/t/")).unwrap();
        assert!(!text.contains("hunter2") && !text.contains("abc"), "{text}");
        assert!(text.contains(r#""password":"[set]""#) && text.contains(r#""username":"a@b""#));
        assert!(text.contains(r#""status":400"#));
        assert!(journal.after(number, "").is_empty());
    }
}
