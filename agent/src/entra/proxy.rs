//! The proxy on the way to Entra and Graph, for the one HTTP client that both share.
//!
//! Invariants: with `[proxy]` nothing goes out beside it, whatever happens to its password; the password is
//! read anew for each connection, stands in no error, and goes to the proxy alone; every failure of a
//! connection names the proxy, since the host at its other end need not be the one to blame.

use std::fmt::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use reqwest::{ClientBuilder, Proxy, Url};
use tower::BoxError;
use tower::util::MapErrLayer;
use zeroize::Zeroizing;

use super::Obstacle;
use super::http::chain;
use crate::config::{self, SecretSource};

/// What the library says of a 407; a test below notices other words.
const REFUSED: &str = "proxy authorization required";

/// Lets the client connect through the proxy only.
pub(super) fn through(builder: ClientBuilder, proxy: &config::Proxy) -> ClientBuilder {
    let way = Arc::new(Way {
        proxy: proxy.clone(),
        trouble: Mutex::new(None),
    });
    let asked = way.clone();
    builder
        // Always an address: with none the library would connect directly.
        .proxy(Proxy::custom(move |_| Some(way.address())))
        .connector_layer(MapErrLayer::new(move |error: BoxError| -> BoxError {
            Box::new(asked.failure(error.as_ref()))
        }))
}

/// Whether the password is there to be read; a systemd credential is looked at only where systemd gave this
/// process some.
///
/// # Errors
/// [`config::ConfigError`], naming the file.
pub fn check_proxy(proxy: &config::Proxy) -> Result<(), config::ConfigError> {
    match proxy.login.as_ref().map(|login| &login.password) {
        Some(SecretSource::SystemdCredential(_)) if config::credentials_folder().is_none() => {
            Ok(())
        }
        Some(source) => source.read_file().map(drop),
        None => Ok(()),
    }
}

/// The configured proxy, and why its password could not be had when it was last wanted.
struct Way {
    proxy: config::Proxy,
    trouble: Mutex<Option<String>>,
}

/// Why a connection failed that should have gone through the proxy.
#[derive(Debug)]
pub(super) struct ThroughProxy {
    text: String,
    obstacle: Obstacle,
}

impl ThroughProxy {
    /// Trouble of TLS is the far end's, everything else the proxy's.
    pub(super) fn obstacle(&self) -> Obstacle {
        self.obstacle
    }
}

impl fmt::Display for ThroughProxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for ThroughProxy {}

impl Way {
    /// The proxy's address with what it has to be told, in the form in which the library takes it. Without
    /// the password it is asked anyway, and refuses.
    fn address(&self) -> Url {
        let mut address = self.proxy.url.clone();
        let mut trouble = None;
        if let Some(login) = &self.proxy.login {
            match login.password.read_file() {
                // Neither can fail on an http address.
                Ok(Some(password)) => {
                    let _ = address.set_username(&escaped(&login.username));
                    let _ = address.set_password(Some(&escaped(&password)));
                }
                Ok(None) => {}
                Err(error) => trouble = Some(error.to_string()),
            }
        }
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = trouble;
        address
    }

    fn failure(&self, error: &(dyn std::error::Error + 'static)) -> ThroughProxy {
        let name = self.proxy.name();
        let facts = chain(error);
        let what = match (facts.contains(REFUSED), &self.proxy.login) {
            (false, _) => format!("through the proxy {name}: {facts}"),
            (true, None) => format!(
                "the proxy {name} wants a user name and a password (407); \
                 [proxy] takes `username` and `password_file`"
            ),
            (true, Some(_)) => {
                format!("the proxy {name} refuses the user name or the password of [proxy] (407)")
            }
        };
        let trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        let obstacle = match Obstacle::among(error) {
            found if found.is_of_tls() => found,
            _ if facts.contains(REFUSED) => Obstacle::ProxyCredentials,
            _ => Obstacle::Proxy,
        };
        ThroughProxy {
            text: match &*trouble {
                Some(trouble) => format!("{what}; its password can't be had: {trouble}"),
                None => what,
            },
            obstacle,
        }
    }
}

/// Every byte but letters and digits escaped: an address leaves a `%` as it is, which is no escape here.
fn escaped(text: &str) -> Zeroizing<String> {
    let mut escaped = Zeroizing::new(String::with_capacity(text.len() * 3));
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() {
            escaped.push(char::from(byte));
        } else {
            // Writing to a string can't fail.
            let _ = write!(escaped, "%{byte:02X}");
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt;

    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;
    use crate::config::ProxyLogin;

    /// Takes one connection, answers it so, and hands back what was asked.
    async fn one_answer(listener: TcpListener, answer: &'static str) -> String {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut asked = Vec::new();
        while !asked.ends_with(b"\r\n\r\n") {
            asked.push(stream.read_u8().await.unwrap());
        }
        stream.write_all(answer.as_bytes()).await.unwrap();
        String::from_utf8(asked).unwrap()
    }

    /// What the proxy was asked and what the request ended in.
    async fn ask(login: Option<ProxyLogin>, answer: &'static str) -> (String, String, String) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let name = listener.local_addr().unwrap().to_string();
        let proxy = config::Proxy {
            url: Url::parse(&format!("http://{name}")).unwrap(),
            login,
        };
        let client = crate::entra::http_client(Some(&proxy)).unwrap();
        let asked = tokio::spawn(one_answer(listener, answer));
        let refused = client.get("https://graph.example/v1.0").send().await;
        let text = chain(&refused.unwrap_err().without_url());
        (asked.await.unwrap(), text, name)
    }

    const ASKS: &str = "HTTP/1.1 407 Proxy Authentication Required\r\n\r\n";

    fn login(folder: &tempfile::TempDir, password: &str, mode: u32) -> Option<ProxyLogin> {
        let file = folder.path().join("proxy.secret");
        fs::write(&file, password).unwrap();
        fs::set_permissions(&file, Permissions::from_mode(mode)).unwrap();
        Some(ProxyLogin {
            username: "host@example".to_owned(),
            password: SecretSource::File(file),
        })
    }

    #[tokio::test]
    async fn name_and_password_reach_the_proxy_whatever_is_in_them() {
        let folder = tempfile::tempdir().unwrap();
        let printable: String = ('!'..='~').collect();
        for password in ["secret", "p@ss:w/rd %41?#", "Straße €", &printable] {
            let (asked, text, name) = ask(login(&folder, password, 0o640), ASKS).await;
            assert!(
                asked.starts_with("CONNECT graph.example:443 HTTP/1.1\r\n"),
                "{asked}"
            );
            let expected = STANDARD.encode(format!("host@example:{password}"));
            let expected = format!("proxy-authorization: basic {}\r\n", expected.to_lowercase());
            assert!(asked.to_lowercase().contains(&expected), "{asked}");
            let says = format!("{name} refuses the user name or the password of [proxy] (407)");
            assert!(text.ends_with(&says), "{text}");
            assert!(!text.contains(password), "{text}");
        }
    }

    #[tokio::test]
    async fn every_failure_names_the_proxy_and_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        let (asked, text, name) = ask(None, ASKS).await;
        assert!(!asked.to_lowercase().contains("proxy-authorization"));
        assert!(
            text.contains(&format!("the proxy {name} wants a user name")),
            "{text}"
        );
        // A password that can't be had: still the proxy, never a way around it.
        let (asked, text, _) = ask(login(&folder, "secret", 0o644), ASKS).await;
        assert!(!asked.to_lowercase().contains("proxy-authorization"));
        assert!(text.contains("everyone may read it"), "{text}");
        let (_, text, name) = ask(None, "HTTP/1.1 503 No\r\n\r\n").await;
        assert!(
            text.contains(&format!("through the proxy {name}: tunnel error")),
            "{text}"
        );
    }
}
