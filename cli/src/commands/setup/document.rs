//! `agent.toml` as `setup` changes it: key by key, every other byte as it was.
//!
//! A host without one begins with the packaged example, so that the file explains itself. Invariant: the
//! tenant that is edited is the one that was meant; a second one goes behind the others, whose order counts.

use toml_edit::{Array, ArrayOfTables, DocumentMut, Item, Table, TableLike, Value};

use crate::trouble::HostTrouble;

/// The packaged example, whose ids are placeholders.
const EXAMPLE: &str = include_str!("../../../../packaging/agent.toml");

/// The id that stands in the example and means none.
const PLACEHOLDER: &str = "00000000-0000-0000-0000-000000000000";

/// The domain that stands in the example.
const PLACEHOLDER_DOMAIN: &str = "example.com";

/// The keys of `[tenant.sync]` that say how the host proves itself.
const CREDENTIAL_KEYS: [&str; 9] = [
    "client_secret_file",
    "client_secret_credential",
    "client_secret_command",
    "client_secret_expires",
    "certificate_file",
    "private_key_file",
    "federated_token_file",
    "managed_identity",
    "managed_identity_source",
];

/// The file on its way, and which of its tenants is meant.
#[derive(Debug, Clone)]
pub(super) struct Document {
    toml: DocumentMut,
    tenant: usize,
    /// Whether the tenant that is meant came behind others that stood there.
    is_another: bool,
}

impl Document {
    /// Reads the file's text; without one, the example. The first tenant is meant until [`Self::mean`].
    pub(super) fn of(text: Option<&str>, path: &str) -> Result<Self, HostTrouble> {
        let toml: DocumentMut =
            text.unwrap_or(EXAMPLE)
                .parse()
                .map_err(|error: toml_edit::TomlError| HostTrouble {
                    message: format!("{path}: {error}"),
                    hint: Some("mend the file, or move it away to begin anew".to_owned()),
                })?;
        Ok(Self {
            toml,
            tenant: 0,
            is_another: false,
        })
    }

    /// Whether somebody has set it up: it names a tenant, and both registrations or an identity.
    pub(super) fn is_complete(&self) -> bool {
        self.tenant_id().is_some() && self.has_sync() && self.login_client_id().is_some()
    }

    pub(super) fn has_sync(&self) -> bool {
        self.text("sync", "managed_identity").is_some()
            || self.sync_client_id().is_some() && self.credential_key().is_some()
    }

    pub(super) fn tenant_id(&self) -> Option<String> {
        real(self.own("id"))
    }

    pub(super) fn domain(&self) -> Option<String> {
        self.own("domain")
            .filter(|domain| *domain != PLACEHOLDER_DOMAIN)
            .map(str::to_owned)
    }

    pub(super) fn cloud(&self) -> Option<String> {
        self.own("cloud").map(str::to_owned)
    }

    pub(super) fn sync_client_id(&self) -> Option<String> {
        real(self.text("sync", "client_id"))
    }

    pub(super) fn login_client_id(&self) -> Option<String> {
        real(self.text("login", "client_id"))
    }

    /// Which way to prove itself the host has.
    pub(super) fn credential_key(&self) -> Option<&'static str> {
        CREDENTIAL_KEYS.into_iter().find(|key| {
            self.section("sync")
                .is_some_and(|table| table.contains_key(key))
        })
    }

    /// The keys of the way that the host has, with their values.
    pub(super) fn credential_keys(&self) -> Vec<(&'static str, Value)> {
        CREDENTIAL_KEYS
            .into_iter()
            .filter_map(|key| Some((key, self.section("sync")?.get(key)?.as_value()?.clone())))
            .collect()
    }

    /// Whether the tenant that is meant is the first.
    pub(super) fn is_first(&self) -> bool {
        self.tenant == 0
    }

    pub(super) fn client_secret_file(&self) -> Option<&str> {
        self.text("sync", "client_secret_file")
    }

    /// Means the tenant with this id or domain; one that is not there yet is put behind the others, or in the
    /// place of the example's.
    pub(super) fn mean(&mut self, id: &str, domain: &str) {
        let tenants = self.tenants();
        let place = tenants.iter().position(|tenant| {
            let is = |key: &str, wanted: &str| {
                tenant
                    .get(key)
                    .and_then(Item::as_str)
                    .is_some_and(|text| text.eq_ignore_ascii_case(wanted))
            };
            is("id", id) || is("id", PLACEHOLDER) || is("domain", domain)
        });
        let place = place.unwrap_or(tenants.len());
        self.is_another = place > 0 && place == tenants.len();
        self.tenant = place;
    }

    /// Whether the tenant that is meant is new here, behind others.
    pub(super) fn is_another(&self) -> bool {
        self.is_another
    }

    /// Sets a key of `[[tenant]]`.
    pub(super) fn set_own(&mut self, key: &str, text: &str) {
        set(self.tenant_mut().map(|table| table as _), key, text.into());
    }

    /// Sets a key of `[tenant.SECTION]`.
    pub(super) fn set(&mut self, section: &str, key: &str, text: &str) {
        set(self.section_mut(section), key, text.into());
    }

    /// Sets a list of a section of the whole file.
    pub(super) fn set_list(&mut self, section: &str, key: &str, words: &[String]) {
        set(self.top_mut(section), key, Array::from_iter(words).into());
    }

    /// Sets a key of a section of the whole file.
    pub(super) fn set_top(&mut self, section: &str, key: &str, text: &str) {
        set(self.top_mut(section), key, text.into());
    }

    /// Puts one way to prove itself in the place of another; an identity of the machine has no `client_id`.
    pub(super) fn set_credential(&mut self, keys: &[(&str, Value)], client_id: Option<&str>) {
        let Some(table) = self.section_mut("sync") else {
            return;
        };
        // What is replaced stays as a remark, with what explains it.
        let mut remarks = String::new();
        for key in CREDENTIAL_KEYS {
            if keys.iter().any(|(wanted, _)| *wanted == key) {
                continue;
            }
            let prefix = table.key(key).and_then(|key| key.leaf_decor().prefix());
            let before = prefix.and_then(|prefix| prefix.as_str()).map(str::to_owned);
            if let Some(old) = table.remove(key) {
                remarks.push_str(&before.unwrap_or_default());
                remarks.push_str(&format!("#{key} = {}\n", old.to_string().trim()));
            }
        }
        match client_id {
            Some(client_id) => set(Some(&mut *table), "client_id", client_id.into()),
            None => {
                table.remove("client_id");
            }
        }
        for (key, new) in keys {
            set(Some(&mut *table), key, new.clone());
        }
        self.remark_behind_sync(&remarks);
    }

    /// Puts remarks behind the last key of `[tenant.sync]`, which is before the next section's head.
    fn remark_behind_sync(&mut self, remarks: &str) {
        let login = self
            .tenant_mut()
            .and_then(|tenant| tenant.get_mut("login"))
            .and_then(Item::as_table_mut);
        if let Some(login) = login.filter(|_| !remarks.is_empty()) {
            let there = login.decor().prefix().and_then(|prefix| prefix.as_str());
            let both = format!("{remarks}{}", there.unwrap_or_default());
            login.decor_mut().set_prefix(both);
        }
    }

    /// The text that would be written.
    pub(super) fn render(&self) -> String {
        self.toml.to_string()
    }

    /// The same with another file for the client secret.
    pub(super) fn render_with_secret(&self, path: &str) -> String {
        let mut other = self.clone();
        other.set("sync", "client_secret_file", path);
        other.render()
    }

    /// Whether sshd has methods of its own, which win over `remote`.
    pub(super) fn sshd_has_its_own(&self) -> bool {
        self.toml
            .get("sign_in")
            .and_then(|item| item.get("services"))
            .and_then(|item| item.get("sshd"))
            .is_some()
    }

    fn tenants(&self) -> Vec<&Table> {
        self.toml
            .get("tenant")
            .and_then(Item::as_array_of_tables)
            .map(|tables| tables.iter().collect())
            .unwrap_or_default()
    }

    fn own(&self, key: &str) -> Option<&str> {
        self.tenants().get(self.tenant)?.get(key)?.as_str()
    }

    fn section(&self, section: &str) -> Option<&dyn TableLike> {
        self.tenants()
            .get(self.tenant)?
            .get(section)?
            .as_table_like()
    }

    fn text(&self, section: &str, key: &str) -> Option<&str> {
        self.section(section)?.get(key)?.as_str()
    }

    fn tenant_mut(&mut self) -> Option<&mut Table> {
        let index = self.tenant;
        let tables = self
            .toml
            .entry("tenant")
            .or_insert_with(|| Item::ArrayOfTables(ArrayOfTables::new()))
            .as_array_of_tables_mut()?;
        while tables.len() <= index {
            tables.push(Table::new());
        }
        tables.get_mut(index)
    }

    fn section_mut(&mut self, section: &str) -> Option<&mut dyn TableLike> {
        table_of(self.tenant_mut()?, section)
    }

    fn top_mut(&mut self, section: &str) -> Option<&mut dyn TableLike> {
        table_of(self.toml.as_table_mut(), section)
    }
}

/// A section of `parent`, made if it isn't there; `None` if something else has its name, which the agent refuses.
fn table_of<'a>(parent: &'a mut Table, name: &str) -> Option<&'a mut dyn TableLike> {
    parent
        .entry(name)
        .or_insert_with(|| Item::Table(Table::new()))
        .as_table_like_mut()
}

/// Sets a key; what stands behind its value on the line stays.
fn set(table: Option<&mut (dyn TableLike + '_)>, key: &str, new: Value) {
    let Some(table) = table else {
        return;
    };
    match table.get_mut(key).and_then(Item::as_value_mut) {
        Some(old) => {
            let decor = old.decor().clone();
            *old = new;
            *old.decor_mut() = decor;
        }
        None => {
            table.insert(key, Item::Value(new));
        }
    }
}

/// An id that somebody wrote.
fn real(id: Option<&str>) -> Option<String> {
    id.filter(|id| !id.is_empty() && *id != PLACEHOLDER)
        .map(str::to_owned)
}

#[cfg(test)]
mod tests;
