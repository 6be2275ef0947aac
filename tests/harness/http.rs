//! HTTP/1.1 over a Unix socket, as little as the tenant's control API needs: one
//! request a connection, JSON both ways, an answer that ends with the connection.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use crate::Trouble;

/// Sends one request and gives the answer's JSON, `Null` for an empty one.
pub(crate) fn request(
    socket: &Path,
    method: &str,
    target: &str,
    body: Option<&Value>,
) -> Result<Value, Trouble> {
    let what = format!("{method} {target}");
    let trouble = |why: String| Trouble::new(format!("the tenant's control API, {what}: {why}"));
    let mut stream = UnixStream::connect(socket).map_err(|error| trouble(error.to_string()))?;
    stream.set_read_timeout(Some(ANSWER_LIMIT))?;
    stream.set_write_timeout(Some(ANSWER_LIMIT))?;
    let body = body.map(ToString::to_string).unwrap_or_default();
    let head = format!(
        "{method} {target} HTTP/1.1\r\nHost: tenant\r\nConnection: close\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(format!("{head}{body}").as_bytes())?;
    let mut answer = Vec::new();
    stream
        .read_to_end(&mut answer)
        .map_err(|error| trouble(error.to_string()))?;
    let answer = String::from_utf8_lossy(&answer);
    let (status, body) = parse(&answer).ok_or_else(|| trouble(format!("no HTTP: {answer}")))?;
    if !(200..300).contains(&status) {
        return Err(trouble(format!("status {status}: {body}")));
    }
    if body.trim().is_empty() {
        return Ok(Value::Null);
    }
    serde_json::from_str(body).map_err(|error| trouble(format!("{error} in {body}")))
}

/// Status and body of a whole answer that is not chunked.
fn parse(answer: &str) -> Option<(u16, &str)> {
    let (head, body) = answer.split_once("\r\n\r\n")?;
    if head.to_ascii_lowercase().contains("transfer-encoding") {
        return None;
    }
    let status = head.split(' ').nth(1)?.parse().ok()?;
    Some((status, body))
}

/// The control API works in memory and answers at once.
const ANSWER_LIMIT: Duration = Duration::from_secs(20);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_has_a_status_and_a_body() {
        assert_eq!(
            parse("HTTP/1.1 404 Not Found\r\nA: b\r\n\r\n{}"),
            Some((404, "{}"))
        );
    }

    #[test]
    fn a_chunked_answer_is_not_misread() {
        assert_eq!(
            parse("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}"),
            None
        );
    }
}
