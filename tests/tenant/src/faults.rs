//! Faults that tests order for the next matching requests.
//!
//! A fault with `status` or `body` answers in the tenant's place: the request is
//! logged and has no other effect. Without them the tenant answers as ever, and
//! the fault only delays, adds headers, cuts the body short or drops the line.

use std::collections::{BTreeMap, VecDeque};

use axum::http::{HeaderName, HeaderValue, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::wire::{Answer, Request};

/// One order.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Fault {
    /// Host it is for; any, if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) host: Option<String>,
    /// Beginning of the path, as sent.
    pub(crate) path_prefix: String,
    /// Method it is for; any, if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) method: Option<String>,
    /// How many requests it still hits.
    #[serde(default = "once")]
    pub(crate) times: u64,
    /// How many matching requests pass before it begins.
    #[serde(default)]
    pub(crate) after: u64,
    /// Answer with this status instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) status: Option<u16>,
    /// Headers to add or replace.
    #[serde(default)]
    pub(crate) headers: BTreeMap<String, String>,
    /// Answer with this body instead: a string as it is, anything else as JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) body: Option<Value>,
    /// Answer with a body of this many blanks inside a JSON string.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) body_size: Option<usize>,
    /// Wait before answering.
    #[serde(default)]
    pub(crate) delay_ms: u64,
    /// Close the connection without an answer.
    #[serde(default)]
    pub(crate) drop: bool,
    /// Announce the whole body and send half of it.
    #[serde(default)]
    pub(crate) truncate: bool,
}

fn once() -> u64 {
    1
}

/// The orders not yet used up, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Faults(VecDeque<Fault>);

impl Faults {
    /// Adds an order.
    pub(crate) fn push(&mut self, fault: Fault) {
        self.0.push_back(fault);
    }

    /// Drops all orders.
    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    /// What is still open. A test ends by looking that nothing is.
    pub(crate) fn open(&self) -> impl Iterator<Item = &Fault> {
        self.0.iter()
    }

    /// Takes the oldest order that fits.
    pub(crate) fn take(&mut self, request: &Request) -> Option<Fault> {
        let position = self.0.iter().position(|fault| fault.fits(request))?;
        let fault = self.0.get_mut(position)?;
        if fault.after > 0 {
            fault.after -= 1;
            return None;
        }
        let taken = fault.clone();
        fault.times = fault.times.saturating_sub(1);
        if fault.times == 0 {
            self.0.remove(position);
        }
        Some(taken)
    }
}

impl Fault {
    fn fits(&self, request: &Request) -> bool {
        request.path.starts_with(&self.path_prefix)
            && self.host.as_ref().is_none_or(|host| *host == request.host)
            && self
                .method
                .as_ref()
                .is_none_or(|method| method.eq_ignore_ascii_case(request.method.as_str()))
    }

    /// The answer in the tenant's place, if this fault gives one.
    pub(crate) fn answer(&self) -> Option<Answer> {
        if self.status.is_none() && self.body.is_none() && self.body_size.is_none() {
            return None;
        }
        let status = self.status.and_then(|code| StatusCode::from_u16(code).ok());
        let mut answer = Answer::new(status.unwrap_or(StatusCode::OK))
            .with("content-type", "application/json; charset=utf-8");
        answer.body = match (&self.body, self.body_size) {
            (Some(Value::String(text)), _) => text.clone().into_bytes(),
            (Some(value), _) => value.to_string().into_bytes(),
            (None, Some(size)) => format!("\"{}\"", " ".repeat(size)).into_bytes(),
            (None, None) => Vec::new(),
        };
        Some(answer)
    }

    /// Refuses what could not be sent.
    pub(crate) fn check(&self) -> Result<(), String> {
        if let Some(code) = self
            .status
            .filter(|code| StatusCode::from_u16(*code).is_err())
        {
            return Err(format!("{code} is no HTTP status"));
        }
        if self.times == 0 {
            return Err("a fault that hits no request is none".to_owned());
        }
        self.decorate(&mut Answer::new(StatusCode::OK))
    }

    /// Adds this fault's headers; text that cannot be a header is refused.
    pub(crate) fn decorate(&self, answer: &mut Answer) -> Result<(), String> {
        for (name, value) in &self.headers {
            let header = HeaderName::from_bytes(name.as_bytes())
                .map_err(|_| format!("`{name}` is no header name"))?;
            let value = HeaderValue::from_str(value)
                .map_err(|_| format!("the value of `{name}` is no header text"))?;
            answer.headers.insert(header, value);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use axum::http::Method;
    use serde_json::json;

    use super::*;
    use crate::wire::request;

    #[test]
    fn a_fault_hits_as_often_as_ordered_and_only_where_it_fits() {
        let mut faults = Faults::default();
        faults.push(
            serde_json::from_value(
                json!({"path_prefix": "/v1.0/users", "times": 2, "after": 1, "status": 503}),
            )
            .unwrap(),
        );
        let users = request(Method::GET, "https://graph.microsoft.com/v1.0/users", "");
        let groups = request(Method::GET, "https://graph.microsoft.com/v1.0/groups", "");
        assert!(faults.take(&groups).is_none());
        let hits = [(); 4].map(|()| faults.take(&users).is_some());
        assert_eq!(hits, [false, true, true, false]);
        assert_eq!(faults.open().count(), 0);
    }
}
