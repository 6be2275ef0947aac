//! `agent.toml`: what this host is built with.
//!
//! Invariant: a [`Config`] is wholly checked. An unknown key is an error that names its section and the
//! nearest known key (a key in the wrong section would otherwise be ignored, and nothing would resolve),
//! a wrong type names the key and what is expected, and a secret file that others may read is refused.
//!
//! What operators change while the agent runs (roles, enablement) is in `state.db`, not here.

mod access;
mod cloud;
mod credential;
mod error;
mod passcode;
mod posix;
mod proxy;
mod read;
mod secret_file;
mod secret_source;
mod section;
mod sign_in;
mod tenant;

use std::collections::BTreeMap;
use std::time::Duration;

use reqwest::Url;

use crate::identity::{ObjectId, TenantId};

pub use access::{Access, Services};
pub use cloud::clouds;
pub use credential::{Credential, ManagedIdentity, MetadataSource};
pub use error::ConfigError;
pub use passcode::Passcode;
pub use posix::{IdSource, PosixSources, Sssd};
pub use proxy::{Proxy, ProxyLogin};
pub(crate) use read::read_bounded;
pub use read::{load, parse, parse_proxy};
pub use secret_file::{read_private, read_secret, read_shared_token};
pub use secret_source::SecretSource;
pub(crate) use secret_source::credentials_folder;
pub use sign_in::{Method, SignIn, is_remote};

/// Where `entra-agent` looks for its configuration if it isn't told.
pub const DEFAULT_PATH: &str = "/etc/entra-login/agent.toml";

/// The whole of `agent.toml`.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where people come from (`[[tenant]]`), in the order of the file: never empty, no id and no domain
    /// twice.
    pub tenants: Vec<Tenant>,
    /// How people and groups are named here (`[names]`).
    pub names: Names,
    /// Home directories and shells (`[homes]`).
    pub homes: Homes,
    /// The range for uids and gids (`[ids]`).
    pub ids: Ids,
    /// How groups are published (`[groups]`).
    pub groups: Groups,
    /// Which sign-in methods each PAM service offers (`[sign_in]`).
    pub sign_in: SignIn,
    /// Who may use this host (`[[access]]`).
    pub access: Access,
    /// How long the host stands on its own (`[offline]`).
    pub offline: Offline,
    /// Whether people may have a passcode, and where it counts (`[passcode]`).
    pub passcode: Passcode,
    /// Whether `getent passwd` lists imported people (`[directory] enumerate`).
    pub enumerate: bool,
    /// Days that rows of the audit log are kept (`[audit] keep_days`).
    pub audit_keep_days: u32,
    /// The way to Entra and Graph (`[proxy]`).
    pub proxy: Option<Proxy>,
}

impl Config {
    /// The tenant that stands first in the file: where two tenants have people or groups of the same
    /// name, its own have it.
    #[must_use]
    pub fn first_tenant(&self) -> &Tenant {
        #[expect(
            clippy::indexing_slicing,
            reason = "a file without a tenant is refused"
        )]
        &self.tenants[0]
    }
}

/// `[[tenant]]`: where people come from.
#[derive(Debug, Clone)]
pub struct Tenant {
    /// The tenant's id; only tokens of configured tenants count, each for its own people.
    pub id: TenantId,
    /// The domain whose people have short names here, lower-case.
    pub domain: String,
    /// The login service's origin, e.g. `https://login.microsoftonline.com/`.
    pub login_url: Url,
    /// Graph's origin, e.g. `https://graph.microsoft.com/`.
    pub graph_url: Url,
    /// The registration that reads the directory (`[tenant.sync]`).
    pub sync: SyncRegistration,
    /// The registration that people sign in to (`[tenant.login]`).
    pub login: LoginRegistration,
    /// Where POSIX attributes come from (`[tenant.posix]`).
    pub posix: PosixSources,
    /// Minutes between imports (`[tenant.schedule]`); unset: what operators decide while the agent runs.
    pub interval_minutes: Option<u32>,
}

/// `[tenant.sync]`: confidential, application permissions.
#[derive(Debug, Clone)]
pub struct SyncRegistration {
    /// The application (client) id; empty for a managed identity, which belongs to no registration.
    pub client_id: String,
    /// How this host proves that it may act as it.
    pub credential: Credential,
}

/// `[tenant.login]`: public, no secret.
#[derive(Debug, Clone)]
pub struct LoginRegistration {
    /// The application (client) id.
    pub client_id: String,
}

/// `[names]`.
#[derive(Debug, Clone, Default)]
pub struct Names {
    /// Which property a user's name is made from.
    pub attribute: NameAttribute,
    /// Names given by object id, before every rule but legality (`[names.overrides]`).
    pub overrides: BTreeMap<ObjectId, String>,
}

/// The property that names a user.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum NameAttribute {
    /// The part of `userPrincipalName` before the `@`.
    #[default]
    UserPrincipalName,
    /// `mailNickname`.
    MailNickname,
    /// `onPremisesSamAccountName`.
    OnPremisesSamAccountName,
    /// `userPrincipalName` with its domain.
    WholeUserPrincipalName,
}

/// `[homes]`.
#[derive(Debug, Clone)]
pub struct Homes {
    /// The home of a person, with `{name}` for the name.
    pub template: String,
    /// The folders that homes may lie in.
    pub roots: Vec<String>,
    /// The shell of people for whom the tenant names none.
    pub shell: String,
}

/// `[ids]`: `base..base + size` holds users and groups alike; the 16 ids above it the role groups.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ids {
    /// The first id.
    pub base: u32,
    /// How many ids there are.
    pub size: u32,
}

/// `[groups]`.
#[derive(Debug, Clone, Copy)]
pub struct Groups {
    /// Longer member lists are published empty (sshd reads every group of a user).
    pub members_max: u32,
}

/// `[offline]`.
#[derive(Debug, Clone, Copy)]
pub struct Offline {
    /// How old the directory may be while the tenant can't be reached, and how long ago the last sign-in with
    /// it of who signs in without.
    pub maximum_age: Duration,
    /// Whether a password is kept for times without the tenant.
    pub password: bool,
}

#[cfg(test)]
mod tests;
