//! `[proxy]`: the way to Entra and Graph where hosts have none of their own.
//!
//! Invariant: what is not written here is no proxy. The environment's `https_proxy` is not looked at: it is
//! whoever started the agent's, and a host's way out is configuration.

use std::path::PathBuf;

use reqwest::Url;

use super::secret_source::read_name;
use super::section::Section;
use super::{ConfigError, SecretSource};

/// `[proxy]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proxy {
    /// `http://HOST:PORT`: what is asked to CONNECT.
    pub url: Url,
    /// Who asks, where the proxy wants to know.
    pub login: Option<ProxyLogin>,
}

/// What the proxy is told (Basic, RFC 7617).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProxyLogin {
    /// The user name.
    pub username: String,
    /// The password: a file or a systemd credential.
    pub password: SecretSource,
}

impl Proxy {
    /// Host and port, for messages.
    #[must_use]
    pub fn name(&self) -> String {
        format!(
            "{}:{}",
            self.url.host_str().unwrap_or_default(),
            self.url.port_or_known_default().unwrap_or_default()
        )
    }
}

/// `None` if the section is not there.
pub(super) fn read(mut section: Section) -> Result<Option<Proxy>, ConfigError> {
    const KEYS: [&str; 4] = ["url", "username", "password_file", "password_credential"];
    if !KEYS.iter().any(|key| section.has(key)) {
        return Ok(None);
    }
    let text = section.text("url")?;
    let url = Url::parse(&text).ok().filter(|url| {
        url.scheme() == "http"
            && url.has_host()
            && url.path() == "/"
            && url.query().is_none()
            && url.username().is_empty()
            && url.password().is_none()
    });
    let Some(url) = url else {
        return Err(section.wrong_unshown(
            "url",
            "an address like \"http://proxy.example:3128\", without user name and password, \
             which have keys of their own",
        ));
    };
    let username = section.optional_text("username")?;
    let file = section.optional_text("password_file")?;
    let credential = read_name(&mut section, "password_credential")?;
    let password = match (file, credential) {
        (Some(_), Some(_)) => return Err(ConfigError::TwoProxyPasswords),
        (Some(file), None) => Some(SecretSource::File(PathBuf::from(file))),
        (None, credential) => credential.map(SecretSource::SystemdCredential),
    };
    let missing = |key: &str| ConfigError::Missing {
        section: "proxy".to_owned(),
        key: key.to_owned(),
    };
    let login = match (username, password) {
        (None, None) => None,
        (Some(username), Some(password)) => Some(ProxyLogin { username, password }),
        (Some(_), None) => return Err(missing("password_file")),
        (None, Some(_)) => return Err(missing("username")),
    };
    if login
        .as_ref()
        .is_some_and(|login| login.username.contains(':'))
    {
        return Err(section.wrong_unshown("username", "a name without a colon (RFC 7617 §2)"));
    }
    Ok(Some(Proxy { url, login }))
}
