//! The words and flags of `entractl role`.

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{ArgGroup, Args, Subcommand};
use entra_protocol::admin::{NameKind, Role};
use entra_protocol::limits::MAX_BULK_NAMES;

use super::name;
use crate::complete;

/// `entractl role ...`
#[derive(Debug, Subcommand)]
pub(crate) enum RoleVerb {
    /// Give people and groups a role: all of them, or none if one can't be given it
    ///
    /// A group gives its role to everybody in it, nested groups included, from the answer on and after every
    /// sync. Of several roles the strongest counts. `user` is what everybody has without any, so that giving it takes
    /// the person's or the group's own role away, as `role clear` does.
    ///
    /// A list comes with --from, a line for each: NAME,ROLE for a person, group:NAME,ROLE for a group;
    /// with ROLE on the command line the names alone. Empty lines and what follows a # at the beginning of a line
    /// count for nothing. If somebody else changes one of these roles meanwhile, nothing is done.
    ///
    /// The last administrator who can sign in stays one.
    Set(Set),
    /// Take roles away that people and groups were given: all of them, or none
    ///
    /// People then have what the groups give that they are in, or are users like everybody. Whoever is gone from the
    /// directory is named by object id; `role list` has it.
    ///
    /// The last administrator who can sign in stays one.
    Clear(Clear),
    /// List which roles were given, and who has one
    List,
    /// Choose who has a role, from a list of all people and groups
    ///
    /// In a terminal: type to search, tick with the space bar, confirm with Enter. Who has the role is ticked.
    /// Ticking gives it, and unticking takes it away. What somebody has through a group goes with the group. If
    /// somebody else changes one of these roles meanwhile, nothing is done. In scripts `role set` and `role clear` do
    /// the same.
    Pick {
        /// auditor, operator or administrator
        #[arg(value_name = "ROLE", ignore_case = true, value_parser = role_parser(&Role::ALL[1..]), hide_possible_values = true)]
        role: Role,
    },
}

#[derive(Debug, Default, Args)]
#[command(group = ArgGroup::new("holders").args(["users", "user", "group", "from"]).multiple(true).required(true))]
#[command(
    override_usage = "entractl role set [OPTIONS] <ROLE> <USER>...\n       \
    entractl role set [OPTIONS] <ROLE> [--user <USER>...] [--group <GROUP>...]\n       \
    entractl role set [OPTIONS] [ROLE] --from <FILE>"
)]
pub(crate) struct Set {
    /// user, auditor, operator or administrator
    #[arg(value_name = "ROLE", ignore_case = true, value_parser = role_parser(&Role::ALL), hide_possible_values = true, required_unless_present = "from")]
    pub(crate) role: Option<Role>,

    #[command(flatten)]
    pub(crate) holders: Holders,
}

#[derive(Debug, Default, Args)]
#[command(group = ArgGroup::new("holders").args(["users", "user", "group", "from"]).multiple(true).required(true))]
#[command(override_usage = "entractl role clear [OPTIONS] <USER>...\n       \
    entractl role clear [OPTIONS] [--user <USER>...] [--group <GROUP>...]\n       \
    entractl role clear [OPTIONS] --from <FILE>")]
pub(crate) struct Clear {
    #[command(flatten)]
    pub(crate) holders: Holders,
}

#[derive(Debug, Default, Args)]
pub(crate) struct Holders {
    /// People: short names, UPNs or object ids
    #[arg(value_name = "USER", num_args = 1..=MAX_BULK_NAMES, value_parser = name, add = complete::one(NameKind::Users))]
    pub(crate) users: Vec<String>,

    /// People, beside --group in any order
    #[arg(long, value_name = "USER", num_args = 1..=MAX_BULK_NAMES, value_parser = name, add = complete::one(NameKind::Users))]
    pub(crate) user: Vec<String>,

    /// Groups: names on this host, display names or object ids
    #[arg(long, value_name = "GROUP", num_args = 1..=MAX_BULK_NAMES, value_parser = name, add = complete::one(NameKind::Groups))]
    pub(crate) group: Vec<String>,

    /// A list; - for standard input
    #[arg(long, value_name = "FILE")]
    pub(crate) from: Option<String>,

    /// Change nothing; show whose role would become what
    #[arg(long)]
    pub(crate) dry_run: bool,
}

/// Reads the word of one of these roles; a wrong one makes clap name the nearest.
fn role_parser(roles: &'static [Role]) -> impl TypedValueParser<Value = Role> {
    PossibleValuesParser::new(roles.iter().map(|role| role.word())).try_map(move |word| {
        roles
            .iter()
            .copied()
            .find(|role| role.word().eq_ignore_ascii_case(&word))
            .ok_or("not a role")
    })
}
