//! How a client proves who it is: a secret, or an assertion signed by a
//! certificate of the registration (facts §2.1).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use time::OffsetDateTime;

use super::LoginError;
use super::assertion::{self, Addressee};
use crate::clock::parse_instant;
use crate::state::app::App;
use crate::wire::{Form, Request, percent_decoded};

/// What a client sent to prove itself.
pub(super) struct Credentials {
    pub(super) client_id: String,
    secret: Option<String>,
    assertion: Option<String>,
}

impl Credentials {
    /// Reads the form and the `Authorization` header.
    pub(super) fn read(form: &Form, request: &Request) -> Result<Self, LoginError> {
        let basic = request
            .header("authorization")
            .and_then(|value| value.strip_prefix("Basic "))
            .and_then(|encoded| STANDARD.decode(encoded.trim()).ok())
            .and_then(|bytes| String::from_utf8(bytes).ok())
            .and_then(|text| {
                let (id, secret) = text.split_once(':')?;
                Some((percent_decoded(id), percent_decoded(secret)))
            });
        let (basic_id, basic_secret) = basic.unzip();
        let assertion = form.field("client_assertion").map(str::to_owned);
        if assertion.is_some() && form.field("client_assertion_type").is_none() {
            return Err(LoginError::missing("client_assertion_type"));
        }
        Ok(Self {
            client_id: form
                .field("client_id")
                .map(str::to_owned)
                .or(basic_id)
                .ok_or_else(|| LoginError::missing("client_id"))?,
            secret: form
                .field("client_secret")
                .map(str::to_owned)
                .or(basic_secret),
            assertion,
        })
    }

    /// Whether this client may come at all; a public one without any proof.
    pub(super) fn check(
        &self,
        app: &App,
        addressee: &Addressee,
        now: OffsetDateTime,
    ) -> Result<(), LoginError> {
        match self.proof(app, addressee, now) {
            Some(proven) => proven,
            None if app.public_client_flows => Ok(()),
            None => Err(LoginError::new(
                7_000_218,
                "The request body must contain the following parameter: 'client_assertion' or \
                 'client_secret'.",
            )),
        }
    }

    /// The same for client credentials, where there is no public client.
    pub(super) fn check_confidential(
        &self,
        app: &App,
        addressee: &Addressee,
        now: OffsetDateTime,
    ) -> Result<(), LoginError> {
        self.proof(app, addressee, now).unwrap_or_else(|| {
            Err(LoginError::new(
                7_000_216,
                "'client_assertion', 'client_secret' or 'request' is required for the \
                 'client_credentials' grant type.",
            ))
        })
    }

    /// Whether the proof is good; none if none was sent.
    fn proof(
        &self,
        app: &App,
        addressee: &Addressee,
        now: OffsetDateTime,
    ) -> Option<Result<(), LoginError>> {
        if self.secret.is_none() && self.assertion.is_none() {
            return None;
        }
        if app.is_public_only() {
            return Some(Err(LoginError::new(
                700_025,
                "Client is public so neither 'client_assertion' nor 'client_secret' should be \
                 presented.",
            )));
        }
        Some(match (&self.secret, &self.assertion) {
            (Some(secret), _) => check_secret(app, secret, now),
            (None, Some(assertion)) => assertion::check(app, assertion, addressee, now),
            (None, None) => Ok(()),
        })
    }
}

fn check_secret(app: &App, secret: &str, now: OffsetDateTime) -> Result<(), LoginError> {
    let Some(known) = app.secrets.iter().find(|known| known.value == secret) else {
        return Err(LoginError::new(
            7_000_215,
            format!(
                "Invalid client secret provided. Ensure the secret being sent in the request is \
                 the client secret value, not the client secret ID, for a secret added to app '{}'.",
                app.client_id
            ),
        ));
    };
    if parse_instant(&known.expires).is_some_and(|end| now >= end) {
        return Err(LoginError::new(
            7_000_222,
            format!(
                "The provided client secret keys for app '{}' are expired. Visit the Azure portal \
                 to create new keys for your app: https://aka.ms/NewClientSecret, or consider using \
                 certificate credentials for added security: https://aka.ms/certCreds.",
                app.client_id
            ),
        ));
    }
    Ok(())
}
