//! App registrations with their service principals, as one thing.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::certificate::Certificate;

/// One registration.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct App {
    /// Application (client) id.
    pub(crate) client_id: String,
    pub(crate) display_name: String,
    /// Object id of the service principal: `oid` of app-only tokens. Empty until one is made: nobody
    /// can then sign in through the registration.
    pub(crate) service_principal_id: String,
    #[serde(default)]
    pub(crate) secrets: Vec<Secret>,
    /// Uploaded certificates, PEM.
    #[serde(default)]
    pub(crate) certificates: Vec<Certificate>,
    /// Identity providers whose tokens count as this registration's assertions.
    #[serde(default)]
    pub(crate) federated_credentials: Vec<FederatedCredential>,
    /// "Allow public client flows".
    #[serde(default)]
    pub(crate) public_client_flows: bool,
    /// App roles granted on Microsoft Graph.
    #[serde(default)]
    pub(crate) roles: Vec<String>,
    /// "Assignment required" on the enterprise application.
    #[serde(default)]
    pub(crate) assignment_required: bool,
    /// UPNs or ids of users, ids or names of groups (direct members only, as in Entra).
    #[serde(default)]
    pub(crate) assigned: Vec<String>,
    #[serde(default)]
    pub(crate) disabled: bool,
    /// A managed identity of the machine, rather than a registration.
    #[serde(default)]
    pub(crate) managed_identity: Option<ManagedIdentity>,
    /// Whether an administrator consented to the delegated scopes.
    #[serde(default = "yes")]
    pub(crate) consented: bool,
    /// What was consented to through Graph.
    #[serde(default)]
    pub(crate) consents: Vec<Consent>,
    /// Properties of the registration that mean nothing to this tenant but are shown as they were set.
    #[serde(default)]
    pub(crate) declared: Map<String, Value>,
}

/// The organisation's consent to delegated permissions of Graph.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Consent {
    pub(crate) id: String,
    /// Names with blanks between.
    pub(crate) scope: String,
}

/// Whose a managed identity is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ManagedIdentity {
    /// The machine's own.
    System,
    /// Made on its own and assigned to the machine.
    Assigned,
}

/// A trust in tokens of another identity provider; all three must match exactly.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FederatedCredential {
    pub(crate) issuer: String,
    pub(crate) subject: String,
    #[serde(default = "token_exchange")]
    pub(crate) audiences: Vec<String>,
    /// Stands for the keys that the issuer publishes, which Entra would fetch.
    pub(crate) certificate: Certificate,
}

fn token_exchange() -> Vec<String> {
    vec!["api://AzureADTokenExchange".to_owned()]
}

/// A client secret.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Secret {
    /// The secret's id, which people paste by mistake.
    pub(crate) id: String,
    pub(crate) value: String,
    /// RFC 3339.
    pub(crate) expires: String,
}

fn yes() -> bool {
    true
}

impl App {
    /// A registration that was just made.
    pub(crate) fn registered(name: &str) -> Self {
        Self {
            client_id: Uuid::new_v4().to_string(),
            display_name: name.to_owned(),
            service_principal_id: String::new(),
            secrets: Vec::new(),
            certificates: Vec::new(),
            federated_credentials: Vec::new(),
            public_client_flows: false,
            roles: Vec::new(),
            assignment_required: false,
            assigned: Vec::new(),
            disabled: false,
            managed_identity: None,
            consented: false,
            consents: Vec::new(),
            declared: Map::new(),
        }
    }

    /// The registration's own object id, which is neither of the others.
    pub(crate) fn object_id(&self) -> String {
        let own = Uuid::try_parse(&self.client_id).unwrap_or_default();
        Uuid::from_u128(!own.as_u128()).to_string()
    }

    /// Whether the tenant has the other half, the "enterprise application".
    pub(crate) fn has_principal(&self) -> bool {
        !self.service_principal_id.is_empty()
    }

    /// Consents by Graph; those of a seed have no text of their own.
    pub(crate) fn given_consents(&self) -> Vec<Consent> {
        if self.consents.is_empty() && self.consented {
            let id = self.object_id();
            let scope = "openid profile offline_access".to_owned();
            return vec![Consent { id, scope }];
        }
        self.consents.clone()
    }

    /// Sign-ins need `openid` and `profile`.
    pub(crate) fn count_consents(&mut self) {
        let has = |name: &str| {
            let mut given = self.consents.iter().flat_map(|one| one.scope.split(' '));
            given.any(|scope| scope == name)
        };
        self.consented = has("openid") && has("profile");
    }

    /// A registration that has nothing to prove itself with, and need not.
    pub(crate) fn is_public_only(&self) -> bool {
        self.public_client_flows
            && self.secrets.is_empty()
            && self.certificates.is_empty()
            && self.federated_credentials.is_empty()
    }
}
