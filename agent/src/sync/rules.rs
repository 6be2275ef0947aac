//! What `agent.toml` says about one tenant's objects.

use std::collections::BTreeSet;

use super::posix::Attributes;
use crate::config::{Config, Homes, NameAttribute, Names, Tenant};
use crate::graph::{GROUP_SELECT, USER_SELECT};
use crate::identity::{ObjectId, ObjectKey, TenantId};
use crate::ids::{IdRange, IllegalRange};

#[derive(Debug, Clone)]
pub(super) struct Rules {
    pub(super) tenant: TenantId,
    pub(super) domain: String,
    pub(super) names: Names,
    /// The domain that names of groups bear: short names belong to the host's first tenant.
    pub(super) group_domain: Option<String>,
    pub(super) homes: Homes,
    pub(super) range: IdRange,
    /// What the tenant says of POSIX attributes, if it does.
    pub(super) posix: Option<Attributes>,
    /// What `/etc/shells` has, as of the run that is under way.
    pub(super) shells: BTreeSet<String>,
}

impl Rules {
    /// # Errors
    /// [`IllegalRange`] if `[ids]` holds ids that imported objects must not have.
    pub(super) fn new(config: &Config, tenant: &Tenant) -> Result<Self, IllegalRange> {
        let is_first = config.first_tenant().id == tenant.id;
        let mut names = config.names.clone();
        if !is_first {
            names.attribute = NameAttribute::WholeUserPrincipalName;
        }
        Ok(Self {
            tenant: tenant.id,
            domain: tenant.domain.clone(),
            names,
            group_domain: (!is_first).then(|| tenant.domain.clone()),
            homes: config.homes.clone(),
            range: IdRange::new(config.ids)?,
            posix: Some(tenant.posix.clone())
                .filter(|sources| *sources != Default::default())
                .map(Attributes::new),
            shells: BTreeSet::new(),
        })
    }

    /// The identity of one of the tenant's objects.
    pub(super) fn key(&self, object: ObjectId) -> ObjectKey {
        ObjectKey {
            tenant: self.tenant,
            object,
        }
    }

    pub(super) fn has_shell(&self, shell: &str) -> bool {
        self.shells.contains(shell)
    }

    /// `$select` for users.
    pub(super) fn user_select(&self) -> String {
        self.select(USER_SELECT, |attributes| attributes.selected().0)
    }

    /// `$select` for groups; `members` makes a delta tell the direct members.
    pub(super) fn group_select(&self) -> String {
        let select = self.select(GROUP_SELECT, |attributes| attributes.selected().1);
        format!("{select},members")
    }

    fn select(&self, fixed: &str, of: impl Fn(&Attributes) -> Vec<String>) -> String {
        let mut select = fixed.to_owned();
        for property in self.posix.iter().flat_map(of) {
            select.push(',');
            select.push_str(&property);
        }
        select
    }
}
