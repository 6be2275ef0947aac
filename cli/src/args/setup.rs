//! The words and flags of `setup`, which are also the keys of its answers file.

use std::path::PathBuf;

use clap::Args;
use serde::{Deserialize, Serialize};

use super::names;
use super::runs::minutes;

/// What `setup` is told instead of asking for it.
#[derive(Debug, Default, Args)]
pub(crate) struct Setup {
    #[command(flatten)]
    pub(crate) answers: Answers,

    /// Read answers from a file (TOML): the flags' names with _ for -, lists as lists; flags win
    #[arg(long = "answers", value_name = "FILE", help_heading = "How")]
    pub(crate) file: Option<PathBuf>,

    /// Read the client secret's value from stdin; it is stored for the agent alone
    #[arg(long, help_heading = "Registrations")]
    pub(crate) client_secret_stdin: bool,

    /// Ask nothing; what is needed and not given is an error
    #[arg(long, help_heading = "How")]
    pub(crate) non_interactive: bool,

    /// Don't ask the tenant whether the answers are right, for hosts that can't reach it yet
    ///
    /// Nothing is imported either. The tenant id must then be given as such, with --domain.
    #[arg(long, help_heading = "How")]
    pub(crate) untested: bool,

    /// Import nothing now
    #[arg(long, help_heading = "Import", conflicts_with_all = ["everyone", "users", "groups"])]
    pub(crate) no_import: bool,

    /// Print a script for the Azure Cloud Shell that makes both registrations, and do nothing else
    ///
    /// It takes an administrator of the tenant, shows what it is about to do, and prints the answers for
    /// `entractl setup`.
    #[arg(long, exclusive = true, help_heading = "How")]
    pub(crate) cloud_shell: bool,
}

/// The answers themselves; what is not given stays as it is.
#[derive(Debug, Default, Clone, PartialEq, Eq, Args, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Answers {
    /// The tenant: a verified domain, or its id
    #[arg(long, value_name = "DOMAIN", help_heading = "Tenant")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) tenant: Option<String>,

    /// The domain whose people have short names here; by default the one that --tenant names
    #[arg(long, value_name = "DOMAIN", help_heading = "Tenant")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) domain: Option<String>,

    /// public, us-gov, us-gov-dod or china; by default found out
    #[arg(long, value_name = "CLOUD", help_heading = "Tenant",
        value_parser = ["public", "us-gov", "us-gov-dod", "china"], hide_possible_values = true)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cloud: Option<String>,

    /// The proxy that leads to Entra, like `http://proxy.example:3128`
    #[arg(long, value_name = "URL", help_heading = "Tenant")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) proxy: Option<String>,

    /// Client id of the registration that reads users and groups
    #[arg(long, value_name = "ID", help_heading = "Registrations")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) sync_client_id: Option<String>,

    /// Client id of the registration that people sign in through
    #[arg(long, value_name = "ID", help_heading = "Registrations")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) login_client_id: Option<String>,

    /// The client secret's value in a file that you keep (root:entra-agent, 0640)
    #[arg(long, value_name = "PATH", help_heading = "Registrations")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) client_secret_file: Option<String>,

    /// The client secret's value as a systemd credential of entra-agent.service
    #[arg(long, value_name = "NAME", help_heading = "Registrations")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) client_secret_credential: Option<String>,

    /// The client secret's value from a program that prints it: its words, up to a ; or the end
    #[arg(long, value_name = "WORD", num_args = 1.., value_terminator = ";", allow_hyphen_values = true,
        help_heading = "Registrations")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) client_secret_command: Option<Vec<String>>,

    /// The day on which the client secret ends, as in 2027-01-31
    #[arg(long, value_name = "DATE", help_heading = "Registrations")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) client_secret_expires: Option<String>,

    /// A certificate (PEM) instead of a secret
    #[arg(long, value_name = "PATH", help_heading = "Registrations")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) certificate_file: Option<String>,

    /// The certificate's key, if it isn't in the same file (root:entra-agent, 0640)
    #[arg(long, value_name = "PATH", help_heading = "Registrations")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) private_key_file: Option<String>,

    /// A token of an identity provider that the registration trusts
    #[arg(long, value_name = "PATH", help_heading = "Registrations")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) federated_token_file: Option<String>,

    /// This machine's managed identity: system, or the client id of an assigned one
    #[arg(long, value_name = "ID", help_heading = "Registrations")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) managed_identity: Option<String>,

    /// Who hands out its tokens: azure-vm (the default) or azure-arc
    #[arg(long, value_name = "SOURCE", help_heading = "Registrations")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) managed_identity_source: Option<String>,

    /// Ways to sign in over the network, in the order they are offered: device-code, password
    #[arg(long, value_name = "METHOD,...", help_heading = "Sign-in", value_parser = list)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) remote_methods: Option<List>,

    /// Ways to sign in on the machine itself
    #[arg(long, value_name = "METHOD,...", help_heading = "Sign-in", value_parser = list)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) local_methods: Option<List>,

    /// Import the whole tenant
    #[arg(long, help_heading = "Import", conflicts_with_all = ["users", "groups"])]
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) everyone: bool,

    /// Users to import, by UPN, short name or object id, separated by commas
    #[arg(long, value_name = "NAME,...", help_heading = "Import", value_parser = list)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) users: Option<List>,

    /// Groups to import with their members, by display name or object id, separated by commas
    #[arg(long, value_name = "NAME,...", help_heading = "Import", value_parser = list)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) groups: Option<List>,

    /// Time between two imports, as in 30m, 2h or 1d
    #[arg(long, value_name = "TIME", help_heading = "Import", value_parser = interval)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) interval: Option<String>,
}

/// Names of one flag or one key.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct List(pub(crate) Vec<String>);

fn list(text: &str) -> Result<List, String> {
    names(text).map(|names| List(names.0))
}

/// Checked here, kept as it is written.
fn interval(text: &str) -> Result<String, String> {
    minutes(text).map(|_| text.to_owned())
}
