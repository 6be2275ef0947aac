//! The application's token as Graph asks for it, with what an administrator can do about a missing one.

use crate::graph::{Bearer, BearerError, BearerFuture};

use super::errors::Class;
use super::{AppToken, EntraError};

impl Bearer for AppToken {
    fn bearer(&self, fresh: bool) -> BearerFuture<'_> {
        Box::pin(async move {
            AppToken::bearer(self, fresh)
                .await
                .map_err(|error| BearerError {
                    hint: hint(&error),
                    reference: error.reference(),
                    message: error.to_string(),
                })
        })
    }
}

fn hint(error: &EntraError) -> Option<String> {
    let text = match error {
        EntraError::OtherTenant { .. } => {
            "check `id` in [[tenant]] and the registration in [tenant.sync]"
        }
        EntraError::Credential(_) => "check what [tenant.sync] names",
        EntraError::NoAnswer { .. } => {
            "check the network, the name server and the clock of this host, and [proxy] if there is one"
        }
        EntraError::Refused(_) if error.meaning().class == Class::Configuration => {
            "check the registration in [tenant.sync] against the Azure portal"
        }
        EntraError::Refused(_) | EntraError::Unusable { .. } => return None,
    };
    Some(text.to_owned())
}
