//! The simulated tenant's control API, typed for what tests do with it.
//!
//! The API itself is described in `tests/tenant/README.md`.

use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::{Limit, Trouble, http, until};

/// A way to change the tenant and to see what it was asked.
#[derive(Debug, Clone)]
pub struct Control {
    socket: PathBuf,
}

/// One request that reached the tenant, secrets left out.
#[derive(Debug, Clone, Deserialize)]
pub struct Request {
    /// The HTTP method.
    pub method: String,
    /// The host name asked for.
    pub host: String,
    /// The path without the query.
    pub path: String,
    /// The form's fields; secrets read `[set]`.
    #[serde(default)]
    pub form: Value,
    /// The status answered; none while the answer is under way.
    pub status: Option<u16>,
}

/// A device code that was handed out.
#[derive(Debug, Clone, Deserialize)]
pub struct DeviceCode {
    /// What the person types in the browser.
    pub user_code: String,
    /// Where it stands, in the tenant's words.
    pub state: String,
}

impl Control {
    pub(crate) fn at(socket: PathBuf) -> Self {
        Self { socket }
    }

    /// Any call, for what has no method here.
    ///
    /// # Errors
    /// When the tenant can't be reached or answers other than 2xx.
    pub fn call(&self, method: &str, target: &str, body: Option<&Value>) -> Result<Value, Trouble> {
        http::request(&self.socket, method, target, body)
    }

    /// Changes properties of a user, named by UPN or object id.
    ///
    /// # Errors
    /// See [`Control::call`].
    pub fn change_user(&self, user: &str, properties: &Value) -> Result<(), Trouble> {
        self.call(
            "PATCH",
            &format!("/users/{}", escaped(user)),
            Some(properties),
        )
        .map(drop)
    }

    /// Adds a person in good standing.
    ///
    /// # Errors
    /// See [`Control::call`].
    pub fn add_person(&self, upn: &str, display_name: &str, password: &str) -> Result<(), Trouble> {
        let properties = json!({
            "userPrincipalName": upn,
            "displayName": display_name,
            "password": password,
            "accountEnabled": true,
        });
        self.call("POST", "/users", Some(&properties)).map(drop)
    }

    /// Deletes a user softly, as the portal does.
    ///
    /// # Errors
    /// See [`Control::call`].
    pub fn delete_user(&self, user: &str) -> Result<(), Trouble> {
        self.call("DELETE", &format!("/users/{}", escaped(user)), None)
            .map(drop)
    }

    /// Makes many changes of the directory at once (`POST /changes`); gives the ids
    /// of what was made or changed.
    ///
    /// # Errors
    /// See [`Control::call`].
    pub fn change(&self, changes: &[Value]) -> Result<Vec<String>, Trouble> {
        #[derive(Deserialize)]
        struct Answer {
            results: Vec<Changed>,
        }
        #[derive(Deserialize)]
        struct Changed {
            id: String,
        }
        let body = json!({ "changes": changes });
        let answer: Answer = serde_json::from_value(self.call("POST", "/changes", Some(&body))?)?;
        Ok(answer.results.into_iter().map(|one| one.id).collect())
    }

    /// The live users and groups with their members, as they truly are
    /// (`GET /truth`).
    ///
    /// # Errors
    /// See [`Control::call`].
    pub fn truth(&self) -> Result<Value, Trouble> {
        self.call("GET", "/truth", None)
    }

    /// Turns switches of delta rounds (`PUT /delta`).
    ///
    /// # Errors
    /// See [`Control::call`].
    pub fn delta(&self, switches: &Value) -> Result<(), Trouble> {
        self.call("PUT", "/delta", Some(switches)).map(drop)
    }

    /// Device codes handed out so far.
    ///
    /// # Errors
    /// See [`Control::call`].
    pub fn device_codes(&self) -> Result<Vec<DeviceCode>, Trouble> {
        Ok(serde_json::from_value(self.call(
            "GET",
            "/device-codes",
            None,
        )?)?)
    }

    /// Approves a device code as this person, multi-factor and all.
    ///
    /// # Errors
    /// See [`Control::call`].
    pub fn approve(&self, user_code: &str, upn: &str) -> Result<(), Trouble> {
        let target = format!("/device-codes/{}/approve", escaped(user_code));
        self.call("POST", &target, Some(&json!({ "user": upn })))
            .map(drop)
    }

    /// Declines a device code.
    ///
    /// # Errors
    /// See [`Control::call`].
    pub fn decline(&self, user_code: &str) -> Result<(), Trouble> {
        let target = format!("/device-codes/{}/decline", escaped(user_code));
        self.call("POST", &target, None).map(drop)
    }

    /// Queues a fault for the next requests that match; the fields are the API's.
    ///
    /// # Errors
    /// See [`Control::call`].
    pub fn fault(&self, fault: &Value) -> Result<(), Trouble> {
        self.call("POST", "/faults", Some(fault)).map(drop)
    }

    /// Makes the next id tokens carry other claims than they should.
    ///
    /// # Errors
    /// See [`Control::call`].
    pub fn override_token(&self, claims: &Value) -> Result<(), Trouble> {
        self.call("POST", "/token-overrides", Some(claims))
            .map(drop)
    }

    /// Requests whose path begins so, oldest first.
    ///
    /// # Errors
    /// See [`Control::call`].
    pub fn requests(&self, path_prefix: &str) -> Result<Vec<Request>, Trouble> {
        let target = format!("/requests?path_prefix={}", escaped(path_prefix));
        Ok(serde_json::from_value(self.call("GET", &target, None)?)?)
    }

    /// Forgets the requests seen so far.
    ///
    /// # Errors
    /// See [`Control::call`].
    pub fn forget_requests(&self) -> Result<(), Trouble> {
        self.call("DELETE", "/requests", None).map(drop)
    }

    /// How many token requests with this grant arrived.
    ///
    /// # Errors
    /// See [`Control::call`].
    pub fn token_requests(&self, grant: &str) -> Result<usize, Trouble> {
        let all = self.requests("/")?;
        let fits = |one: &&Request| {
            one.path.ends_with("/oauth2/v2.0/token")
                && one.form.get("grant_type") == Some(&json!(grant))
        };
        Ok(all.iter().filter(fits).count())
    }

    /// Waits for requests below a path, for tests that act in the middle of one.
    ///
    /// # Errors
    /// When none arrives within the limit.
    pub fn wait_for_request(&self, path_prefix: &str, limit: Limit) -> Result<(), Trouble> {
        until(&format!("a request below {path_prefix}"), limit, || {
            self.requests(path_prefix)
                .ok()
                .filter(|found| !found.is_empty())
                .map(drop)
        })
    }
}

/// Percent-encodes all but what RFC 3986 §2.3 leaves unreserved, and `/`.
fn escaped(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                char::from(byte).to_string()
            }
            other => format!("%{other:02X}"),
        })
        .collect()
}

/// How long tests wait for the tenant to see something that is on its way.
pub const SOON: Duration = Duration::from_secs(20);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_escaped_for_a_path() {
        assert_eq!(escaped("o'brien#EXT#@x"), "o%27brien%23EXT%23%40x");
    }
}
