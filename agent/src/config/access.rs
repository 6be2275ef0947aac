//! `[[access]]`: who of those imported may use this host, and for which services.
//!
//! Each section grants; none takes away. Without any, everybody imported may use every service; with the first,
//! only those whom one of them means. Invariant: what is granted depends on roles and on groups by tenant and
//! object id, never on a name; a group that is not published here grants nothing.

use std::collections::BTreeSet;

use entra_protocol::admin::Role;
use toml::{Table, Value};

use super::read::one_of;
use super::section::Section;
use super::{ConfigError, Tenant};
use crate::identity::{ObjectId, ObjectKey, TenantId};

/// The service that systemd asks for the manager of everybody's units (user@.service): whoever may use
/// another one has it, too.
const SYSTEMD_USER: &str = "systemd-user";

/// All of `[[access]]`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Access {
    rules: Vec<Rule>,
}

/// One section.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Rule {
    /// Whom it means if it is everybody.
    everybody: bool,
    /// This role or a stronger one.
    least: Option<Role>,
    /// Of `tenant`.
    groups: Vec<ObjectKey>,
    /// Only its people; `None`: those of every tenant.
    tenant: Option<TenantId>,
    /// PAM services; empty: all of them.
    services: BTreeSet<String>,
}

/// The PAM services that somebody may use here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Services {
    /// Every one.
    All,
    /// These; none if it is empty.
    Only(BTreeSet<String>),
}

impl Services {
    /// Whether `service` is one of them. An empty name is one that the agent was not told, or did not
    /// believe: then whoever may use any may go on, and the module judges by the record.
    #[must_use]
    pub fn allow(&self, service: &str) -> bool {
        match self {
            Self::All => true,
            Self::Only(services) if service.is_empty() => !services.is_empty(),
            Self::Only(services) => services.contains(service),
        }
    }
}

impl Access {
    /// What the person `key` with this role may use; `is_in` says of a group whether they are in it, nested
    /// groups included.
    ///
    /// # Errors
    /// What `is_in` said.
    pub fn services<E>(
        &self,
        key: &ObjectKey,
        role: Role,
        mut is_in: impl FnMut(&ObjectKey) -> Result<bool, E>,
    ) -> Result<Services, E> {
        if self.rules.is_empty() {
            return Ok(Services::All);
        }
        let mut granted = BTreeSet::new();
        for rule in &self.rules {
            if !rule.means(key, role, &mut is_in)? {
                continue;
            }
            if rule.services.is_empty() {
                return Ok(Services::All);
            }
            granted.extend(rule.services.iter().cloned());
            granted.insert(SYSTEMD_USER.to_owned());
        }
        Ok(Services::Only(granted))
    }

    /// Every group that a section names, of its tenant.
    pub fn groups(&self) -> impl Iterator<Item = &ObjectKey> {
        self.rules.iter().flat_map(|rule| &rule.groups)
    }
}

impl Rule {
    fn means<E>(
        &self,
        key: &ObjectKey,
        role: Role,
        mut is_in: impl FnMut(&ObjectKey) -> Result<bool, E>,
    ) -> Result<bool, E> {
        if self.tenant.is_some_and(|tenant| tenant != key.tenant) {
            return Ok(false);
        }
        if self.everybody || self.least.is_some_and(|least| role >= least) {
            return Ok(true);
        }
        for group in &self.groups {
            // Nobody is in a group of another tenant.
            if group.tenant == key.tenant && is_in(group)? {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// Reads all sections; a tenant that they name must be one of `tenants`.
pub(super) fn read(tables: Vec<Table>, tenants: &[Tenant]) -> Result<Access, ConfigError> {
    let rules = tables
        .into_iter()
        .map(|table| one(table, tenants))
        .collect::<Result<_, _>>()?;
    Ok(Access { rules })
}

fn one(table: Table, tenants: &[Tenant]) -> Result<Rule, ConfigError> {
    let mut section = Section::open("access", table)?;
    let everybody = section.optional_switch("everybody")?.unwrap_or(false);
    let least = match section.optional_text("role")? {
        None => None,
        Some(word) => Some(role(&section, &word)?),
    };
    let tenant = match section.optional_text("tenant")? {
        None => None,
        Some(text) => Some(tenant(&section, &text, tenants)?),
    };
    let groups = match section.optional_texts("groups")? {
        None => Vec::new(),
        Some(texts) => groups(&section, &texts, tenant, tenants)?,
    };
    let services = section.optional_texts("services")?;
    if let Some(wrong) = services
        .iter()
        .flatten()
        .find(|service| !is_service(service))
    {
        return Err(section.wrong(
            "services",
            "names of files in /etc/pam.d",
            &Value::String(wrong.clone()),
        ));
    }
    if services.as_ref().is_some_and(Vec::is_empty) {
        return Err(section.wrong(
            "services",
            "at least one service, or is left out for all",
            &Value::Array(Vec::new()),
        ));
    }
    if !everybody && least.is_none() && groups.is_empty() {
        return Err(ConfigError::Missing {
            section: "access".to_owned(),
            key: "role` or `groups` or `everybody".to_owned(),
        });
    }
    Ok(Rule {
        everybody,
        least,
        groups,
        tenant,
        services: services.into_iter().flatten().collect(),
    })
}

fn role(section: &Section, word: &str) -> Result<Role, ConfigError> {
    let known = Role::ALL.map(Role::word);
    Role::ALL
        .into_iter()
        .find(|role| role.word() == word)
        .ok_or_else(|| one_of(section, "role", &known, word))
}

/// By id or by domain.
fn tenant(section: &Section, text: &str, tenants: &[Tenant]) -> Result<TenantId, ConfigError> {
    tenants
        .iter()
        .find(|tenant| tenant.domain.eq_ignore_ascii_case(text) || text.parse() == Ok(tenant.id))
        .map(|tenant| tenant.id)
        .ok_or_else(|| {
            section.wrong(
                "tenant",
                "the id or the domain of a [[tenant]] of this file",
                &Value::String(text.to_owned()),
            )
        })
}

/// Groups without a tenant are the first one's, as names without a domain are.
fn groups(
    section: &Section,
    texts: &[String],
    tenant: Option<TenantId>,
    tenants: &[Tenant],
) -> Result<Vec<ObjectKey>, ConfigError> {
    let tenant = tenant.or_else(|| tenants.first().map(|first| first.id));
    texts
        .iter()
        .map(|text| {
            let object = text.parse::<ObjectId>().ok();
            tenant
                .zip(object)
                .map(|(tenant, object)| ObjectKey { tenant, object })
                .ok_or_else(|| {
                    section.wrong(
                        "groups",
                        "object ids of groups (`entractl groups list` has them)",
                        &Value::String(text.clone()),
                    )
                })
        })
        .collect()
}

/// What a file in /etc/pam.d can be called (the snapshot's rule).
fn is_service(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && byte != b'/')
}
