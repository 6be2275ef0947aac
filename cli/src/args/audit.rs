//! The flags of `entractl audit`.

use clap::Args;
use entra_protocol::admin::NameKind;

use super::name;
use super::runs::count;
use super::times::{When, when};
use crate::complete;

#[derive(Debug, Default, Args)]
pub(crate) struct Audit {
    /// Only from this day on, or from so long ago on: 2026-12-31, or 90m, 7d
    ///
    /// Days are days in UTC, as all instants here are.
    #[arg(long, value_name = "WHEN", value_parser = when)]
    pub(crate) since: Option<When>,

    /// Only until the end of this day, or until so long ago
    #[arg(long, value_name = "WHEN", value_parser = when)]
    pub(crate) until: Option<When>,

    /// Only of this person by the name that they had then, or of this uid
    #[arg(long, value_name = "NAME", value_parser = name, add = complete::one(NameKind::Users))]
    pub(crate) by: Option<String>,

    /// Only about what has this in its name: a person, an object id, a tenant
    #[arg(long, value_name = "NAME", value_parser = name, add = complete::one(NameKind::Objects))]
    pub(crate) object: Option<String>,

    /// Only this command, or those that begin with this word, as in "role set" or role
    #[arg(long, value_name = "COMMAND", value_parser = name)]
    pub(crate) verb: Option<String>,

    /// Only what was refused
    #[arg(long)]
    pub(crate) refused: bool,

    /// How many to list, the latest first; 50 unless --since says otherwise
    #[arg(long, value_name = "COUNT", value_parser = count::<u32>)]
    pub(crate) limit: Option<u32>,
}
