//! Which tenant a verb means: one importer for each tenant of this host.
//!
//! Invariant: with several tenants none is guessed. A verb that names none is refused with the list of
//! them; with one tenant it is that one.

use std::sync::Arc;

use entra_protocol::admin::{Failure, FailureKind};

use super::failure;
use super::import::Importer;
use crate::config::Tenant;
use crate::identity::TenantId;

/// The importers of all tenants, in the order of `agent.toml`.
#[derive(Default)]
pub struct Importers(Vec<Served>);

struct Served {
    id: TenantId,
    domain: String,
    importer: Arc<dyn Importer>,
}

impl Importers {
    /// Adds a tenant's.
    pub fn add(&mut self, tenant: &Tenant, importer: Arc<dyn Importer>) {
        self.0.push(Served {
            id: tenant.id,
            domain: tenant.domain.clone(),
            importer,
        });
    }

    /// The importer of the tenant with this id or domain, in any case; with `None` the only one there is.
    ///
    /// # Errors
    /// [`FailureKind::BadRequest`] if there are several and none is named, [`FailureKind::NotFound`] if
    /// none is meant; both list what there is.
    pub fn of(&self, tenant: Option<&str>) -> Result<&dyn Importer, Failure> {
        let found = match (tenant, self.0.as_slice()) {
            (None, [only]) => Some(only),
            (None, _) => None,
            (Some(name), all) => all.iter().find(|served| {
                name.parse() == Ok(served.id) || name.eq_ignore_ascii_case(&served.domain)
            }),
        };
        found.map(|served| served.importer.as_ref()).ok_or_else(|| {
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
                .0
                .iter()
                .map(|served| format!("{} ({})", served.domain, served.id))
                .collect();
            failure::of(kind, &format!("{what}: {}", list.join(", ")))
        })
    }
}
