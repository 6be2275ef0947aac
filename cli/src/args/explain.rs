//! `entractl explain`'s flags.

use clap::Args;
use entra_protocol::admin::NameKind;

use super::name;
use crate::complete;

/// `entractl explain`
#[derive(Debug, Args)]
pub(crate) struct Explain {
    /// A user of this host, as it would be typed at the prompt
    #[arg(value_name = "USER", value_parser = name, add = complete::one(NameKind::Users))]
    pub(crate) user: String,

    /// The PAM service: sshd, sudo, login, cron ...
    #[arg(long, value_name = "SERVICE", value_parser = name, default_value = "sshd")]
    pub(crate) service: String,

    /// As if Entra ID could not be reached
    #[arg(long)]
    pub(crate) offline: bool,
}
