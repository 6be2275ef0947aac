//! Which tenant a verb means: one importer for each tenant of this host.
//!
//! Invariant: with several tenants none is guessed. A verb that names none is refused with the list of
//! them; with one tenant it is that one.

use std::sync::Arc;

use entra_protocol::admin::{Failure, FailureKind};

use super::failure;
use super::import::Importer;

/// The importers of all tenants, in the order of `agent.toml`.
#[derive(Clone, Default)]
pub struct Importers(Vec<Arc<dyn Importer>>);

impl Importers {
    /// Adds a tenant's.
    pub fn add(&mut self, importer: Arc<dyn Importer>) {
        self.0.push(importer);
    }

    /// Each of them.
    pub fn all(&self) -> impl Iterator<Item = &Arc<dyn Importer>> {
        self.0.iter()
    }

    /// The importer of the tenant with this id or domain, in any case; with `None` the only one there is.
    ///
    /// # Errors
    /// [`FailureKind::BadRequest`] if there are several and none is named, [`FailureKind::NotFound`] if
    /// none is meant; both list what there is.
    pub fn of(&self, tenant: Option<&str>) -> Result<&Arc<dyn Importer>, Failure> {
        let found = match (tenant, self.0.as_slice()) {
            (None, [only]) => Some(only),
            (None, _) => None,
            (Some(name), all) => all.iter().find(|importer| {
                name.parse() == Ok(importer.tenant())
                    || name.eq_ignore_ascii_case(importer.domain())
            }),
        };
        found.ok_or_else(|| {
            let (kind, what) = match tenant {
                None => (
                    FailureKind::BadRequest,
                    "this host has several tenants; name one of them".to_owned(),
                ),
                Some(name) => (
                    FailureKind::NotFound,
                    format!("this host has no tenant {name:.100?}; it has"),
                ),
            };
            let list: Vec<String> = self
                .all()
                .map(|importer| format!("{} ({})", importer.domain(), importer.tenant()))
                .collect();
            Failure {
                hint: Some("name it by its domain, with --tenant".to_owned()),
                ..failure::of(kind, &format!("{what}: {}", list.join(", ")))
            }
        })
    }
}
