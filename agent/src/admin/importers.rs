//! The host's tenants, and which of them a request means.

use std::sync::Arc;

use entra_protocol::admin::{Failure, FailureKind};

use super::failure;
use super::import::Importer;

/// One importer a tenant, in the order of `agent.toml`.
#[derive(Clone)]
pub struct Importers(Vec<Arc<dyn Importer>>);

impl Importers {
    /// Of these tenants.
    #[must_use]
    pub fn new(importers: Vec<Arc<dyn Importer>>) -> Self {
        Self(importers)
    }

    /// Each of them.
    pub fn all(&self) -> impl Iterator<Item = &Arc<dyn Importer>> {
        self.0.iter()
    }

    /// The tenant of this id or domain; the only one if none is named.
    ///
    /// # Errors
    /// A [`Failure`] that lists the tenants, if none of them or more than one is meant.
    pub fn pick(&self, named: Option<&str>) -> Result<&Arc<dyn Importer>, Failure> {
        let listed = || {
            let domains: Vec<&str> = self.all().map(|importer| importer.domain()).collect();
            domains.join(", ")
        };
        match (named, self.0.as_slice()) {
            (None, [only]) => Ok(only),
            (None, _) => Err(Failure {
                hint: Some("name one of them with --tenant".to_owned()),
                ..failure::of(
                    FailureKind::BadRequest,
                    &format!("this host has several tenants: {}", listed()),
                )
            }),
            (Some(named), importers) => importers
                .iter()
                .find(|importer| {
                    importer.domain().eq_ignore_ascii_case(named)
                        || importer.tenant().to_string().eq_ignore_ascii_case(named)
                })
                .ok_or_else(|| Failure {
                    hint: Some(format!("agent.toml has {}", listed())),
                    ..failure::of(
                        FailureKind::NotFound,
                        &format!("this host has no tenant {named:.80?}"),
                    )
                }),
        }
    }
}
