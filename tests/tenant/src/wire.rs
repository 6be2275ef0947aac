//! One request and one answer, as plain data.
//!
//! Everything behind the listener is a function from a [`Request`] and the state
//! to an [`Answer`], which makes it testable without a socket. Decoding is
//! lenient the way the real services are: a broken percent escape stays as it is.

use axum::body::Bytes;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use serde_json::Value;

/// What a client sent.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) method: Method,
    /// Host without port, lower case.
    pub(crate) host: String,
    /// Path as sent, still percent-encoded, without the query.
    pub(crate) path: String,
    /// Query parameters, decoded, in order.
    pub(crate) query: Vec<(String, String)>,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Request {
    /// The path's segments, decoded; empty ones dropped.
    pub(crate) fn segments(&self) -> Vec<String> {
        self.path
            .split('/')
            .filter(|part| !part.is_empty())
            .map(percent_decoded)
            .collect()
    }

    /// A header's value, if it is there and is text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// A query parameter.
    pub(crate) fn parameter(&self, name: &str) -> Option<&str> {
        self.query
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    /// The body as a form.
    pub(crate) fn form(&self) -> Form {
        Form(decode_form(&String::from_utf8_lossy(&self.body)))
    }
}

/// A decoded `application/x-www-form-urlencoded` body.
#[derive(Debug, Clone)]
pub(crate) struct Form(pub(crate) Vec<(String, String)>);

impl Form {
    /// A field that is there and not empty: Entra treats both alike.
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(key, value)| key == name && !value.is_empty())
            .map(|(_, value)| value.as_str())
    }
}

/// What goes back.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// An empty answer.
    pub(crate) fn new(status: StatusCode) -> Self {
        Self {
            status,
            headers: HeaderMap::new(),
            body: Vec::new(),
        }
    }

    /// A JSON answer; the caller's headers say of which service.
    pub(crate) fn json(status: StatusCode, body: &Value) -> Self {
        let mut answer = Self::new(status).with("content-type", "application/json; charset=utf-8");
        answer.body = body.to_string().into_bytes();
        answer
    }

    /// A text or HTML answer.
    pub(crate) fn text(status: StatusCode, content_type: &str, body: String) -> Self {
        let mut answer = Self::new(status).with("content-type", content_type);
        answer.body = body.into_bytes();
        answer
    }

    /// The same with one header more; a value that is no header text is left out.
    pub(crate) fn with(mut self, name: &'static str, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.insert(HeaderName::from_static(name), value);
        }
        self
    }

    /// The body as JSON, for tests.
    #[cfg(test)]
    pub(crate) fn value(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

/// Splits and decodes `a=b&c=d`.
pub(crate) fn decode_form(text: &str) -> Vec<(String, String)> {
    text.split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            (
                percent_decoded(&key.replace('+', " ")),
                percent_decoded(&value.replace('+', " ")),
            )
        })
        .collect()
}

/// Encodes everything but unreserved characters (RFC 3986 §2.3).
pub(crate) fn percent_encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

/// Decodes `%41` to `A`; what is no escape stays.
pub(crate) fn percent_decoded(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        let escape = tail.get(..2).filter(|_| first == b'%').and_then(hex_pair);
        match escape {
            Some(byte) => {
                out.push(byte);
                rest = tail.get(2..).unwrap_or_default();
            }
            None => {
                out.push(first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

fn hex_pair(pair: &[u8]) -> Option<u8> {
    if !pair.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()
}

/// A request for unit tests: `GET https://HOST/PATH?QUERY`, or a POST of a form.
#[cfg(test)]
pub(crate) fn request(method: Method, url: &str, body: &str) -> Request {
    let rest = url.strip_prefix("https://").unwrap();
    let (host, rest) = rest.split_once('/').unwrap();
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    Request {
        method,
        host: host.to_owned(),
        path: format!("/{path}"),
        query: decode_form(query),
        headers: HeaderMap::new(),
        body: Bytes::from(body.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decoding_keeps_broken_escapes_and_reads_good_ones() {
        assert_eq!(percent_decoded("o%27brien%40x"), "o'brien@x");
        assert_eq!(percent_decoded("100%"), "100%");
        assert_eq!(percent_decoded("%+1%zz"), "%+1%zz");
        assert_eq!(
            decode_form("a=1+2&b&c=%C3%A9"),
            vec![
                ("a".to_owned(), "1 2".to_owned()),
                ("b".to_owned(), String::new()),
                ("c".to_owned(), "é".to_owned())
            ]
        );
    }

    #[test]
    fn encoding_and_decoding_agree() {
        let text = "José#EXT#@contoso, %41 'x'";
        assert_eq!(percent_decoded(&percent_encoded(text)), text);
    }
}
