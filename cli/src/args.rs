//! The command line: every word, flag and help text of `entractl`, from one definition.
//!
//! Invariant: what parses is worth asking the agent: names are not empty and hold no control characters,
//! roles are roles. Whether a name exists, and whether the caller may ask, only the agent knows.

mod audit;
mod explain;
mod local_auth;
mod pam;
mod roles;
mod runs;
mod setup;
mod times;

use std::path::PathBuf;

use clap::builder::PossibleValuesParser;
use clap::{Parser, Subcommand};
use entra_protocol::admin::NameKind;
use entra_protocol::limits::{ADMIN_SOCKET, MAX_BULK_NAMES};

pub(crate) use audit::Audit;
pub(crate) use explain::Explain;
pub(crate) use local_auth::{Exempt, LocalAuth, Set as SetGate};
pub(crate) use pam::{Enable as PamEnable, Pam};
pub(crate) use roles::{Clear as RoleClear, Holders, RoleVerb, Set as RoleSet};
#[cfg(test)]
pub(crate) use runs::Caution;
pub(crate) use runs::{History, HistoryVerb, Import, Schedule, Select, Sync, Tenant, minutes};
pub(crate) use setup::{Answers, List, Setup};
pub(crate) use times::{Date, When};

use crate::complete::{self, SHELLS};

/// Administers sign-in with Microsoft Entra ID on this host.
#[derive(Debug, Parser)]
#[command(
    name = "entractl",
    version,
    arg_required_else_help = true,
    subcommand_required = true,
    long_about = "Administers sign-in with Microsoft Entra ID on this host.\n\n\
        No sudo is needed: the agent knows who is asking and what their role allows. Root may do everything.",
    after_long_help = "Exit codes: 0 done, 1 refused or failed, 2 wrong command line.\n\
        Data goes to stdout, talk to stderr; --json gives one JSON document on stdout."
)]
pub(crate) struct Arguments {
    /// Print one JSON document on stdout instead of text
    #[arg(long, global = true, help_heading = EVERYWHERE)]
    pub(crate) json: bool,

    /// The agent's administration socket
    ///
    /// For an agent that listens elsewhere, in a container's root for instance. Who listens there is not
    /// checked, since nothing secret is ever sent: an impostor learns the names that were asked for and
    /// can tell lies, but only to the person who named its socket. The default lies in a folder that only
    /// root can write.
    #[arg(long, global = true, value_name = "PATH", default_value = ADMIN_SOCKET, hide_short_help = true, help_heading = EVERYWHERE)]
    pub(crate) socket: PathBuf,

    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The heading of what every command takes, so that it does not stand among its own flags.
const EVERYWHERE: &str = "Options of every command";

/// The verbs.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Set this host up: tenant, registrations, ways to sign in, first import (takes root)
    ///
    /// Asks for what it needs and tests each answer against the tenant before anything is written. Then it
    /// writes /etc/entra-login/agent.toml, and a typed client secret into a file of its own, starts the agent,
    /// imports, and says what comes next. On a host that is set up it changes only what is asked, and leaves
    /// every other line of agent.toml as it is.
    ///
    /// Without a terminal, or with --non-interactive, the answers come from flags or from a file.
    Setup(Box<Setup>),

    /// Import users and groups from the tenant: all of it, or those named
    ///
    /// What is named is the whole scope: whoever is imported already and not in it is removed from this
    /// host, and comes back with the same ids, name and home when a later import has them.
    ///
    /// Where more than 10 % (and more than 5) of the users, of the groups or of the memberships would go at
    /// once, they stay as they were, and everything else of the import counts: the summary says so. That
    /// holds for a narrower scope, too. Look at what it names, then let it through with --accept-removals.
    ///
    /// Shows how far it is while it runs, then how many objects were added, changed, removed, unchanged
    /// and failed, and for every failed one the reason and what to do about it. Interrupting the command
    /// cancels the import; the directory then stays as it was.
    Import(Import),

    /// Import again what the last import named
    ///
    /// What the schedule does by itself, done now. Shows the same summary as `import`.
    Sync(Sync),

    /// Show or change when each tenant is synced
    Schedule {
        #[command(subcommand)]
        verb: Option<Schedule>,
    },

    /// List the runs of the last 90 days, or show one
    History(History),

    /// Show the agent, its directory, the last import and your own role
    Status,

    /// Look at everything that a sign-in needs, one line each, with what to do about it
    ///
    /// The host: names, PAM, sshd, other software, the agent. Each tenant: reachability, clock, cloud, domain,
    /// the sync registration's credential and permissions, and what they are there for; the login registration
    /// and its flows; policies that refused people lately. Run as root it sees sshd's settings, too.
    ///
    /// Exit code 1 if something must be mended.
    Doctor(Tenant),

    /// Say what would happen if a user signed in now, and why, step by step
    ///
    /// Decided by what decides when they do: the record that the PAM module reads, the gate on local accounts, the
    /// agent's policy and the methods of the service. Nothing is asked of the user or of Entra ID, no try is
    /// counted; whether a password is right only a sign-in shows. Local accounts and root are explained as well.
    Explain(Explain),

    /// Print the agent in numbers, as OpenMetrics text for monitoring
    ///
    /// Ages and outcomes of syncs, sign-ins by method and verdict, throttling, the snapshot, what ends. No names of
    /// people. docs/metrics.md lists them, with a timer for node_exporter and the alerts to set.
    Metrics,

    /// List who changed what on this host, and who was refused (takes the role auditor)
    ///
    /// Every change has a row of its own with how it was before and after, and every attempt that was refused
    /// or failed has one with the reason; beyond 20 of somebody in an hour they are counted in one row. Runs
    /// of the schedule are in `entractl history`, sign-ins in the journal.
    ///
    /// Rows are kept for as long as [audit] keep_days in agent.toml says, a year by default. They go to
    /// the journal, too: docs/audit.md lists the fields and says how to send them on.
    Audit(Audit),

    /// List imported users, or show one
    #[command(subcommand)]
    Users(Users),

    /// List the tenant's groups or the imported ones, or show one
    #[command(subcommand)]
    Groups(Groups),

    /// Change what people may administer on this host
    #[command(subcommand, name = "role")]
    Role(RoleVerb),

    /// Switch sign-in through Entra ID on or off
    #[command(subcommand)]
    Auth(Auth),

    /// Decide whether local accounts may sign in, and try it
    #[command(subcommand)]
    LocalAuth(LocalAuth),

    /// Wire sign-in into PAM, NSS and sshd of this host, or take it back (takes root)
    #[command(subcommand)]
    Pam(Pam),

    /// Show the ids that users and groups have on this host, and carry them to other hosts
    #[command(subcommand)]
    Ids(Ids),

    /// Print the script that completes commands and names in a shell
    ///
    /// The packages install all three. For this shell alone, in bash: source <(entractl completions bash);
    /// in zsh, after compinit: source <(entractl completions zsh); in fish: entractl completions fish | source.
    ///
    /// Names of users and groups come from the agent, as far as your role lets you read them.
    Completions {
        /// bash, zsh or fish
        #[arg(value_name = "SHELL", value_parser = PossibleValuesParser::new(SHELLS), hide_possible_values = true)]
        shell: String,
    },

    /// Write a man page for every command into a folder
    #[command(hide = true)]
    ManPages {
        /// The folder
        #[arg(value_name = "DIR")]
        folder: PathBuf,
    },
}

/// `entractl users ...`
#[derive(Debug, Subcommand)]
pub(crate) enum Users {
    /// List every imported user
    List,
    /// Show one imported user in full
    Show {
        /// Short name, UPN or object id
        #[arg(value_name = "NAME", value_parser = name, add = complete::one(NameKind::Users))]
        user: String,
    },
    /// Free a retired name, so that somebody else may have it
    ///
    /// A name stays with the object that had it, also when that is gone or is called something else now: a
    /// new holder would inherit crontab, mail and home. This lists what is left on the host under the old
    /// name, as far as you may look, and then frees the name and its home. It removes nothing, and the id
    /// stays with the old object for ever.
    Release {
        /// The name
        #[arg(value_name = "NAME", value_parser = name, add = complete::one(NameKind::Retired))]
        name: String,

        /// Only show whose the name was and what is left
        #[arg(long)]
        dry_run: bool,
    },
    /// Let people try their password again whose tries failed too often on this host
    ///
    /// Passwords of a person are refused for a while after too many failed tries, and so are passwords that
    /// come from a remote host from which too many failed; other ways to sign in go on. This forgets the
    /// failed tries of everybody named: all of them, or nobody's if a name means nobody. It changes nothing
    /// about a lock-out of Entra ID's own.
    Unlock {
        /// Short names, UPNs or object ids
        #[arg(value_name = "NAME", num_args = 1..=MAX_BULK_NAMES, required_unless_present = "remote_hosts", value_parser = name, add = complete::one(NameKind::Users))]
        users: Vec<String>,

        /// A remote host by its address, as the journal has it; an IPv6 one stands for its /64
        #[arg(long = "remote-host", value_name = "ADDRESS", value_parser = name)]
        remote_hosts: Vec<String>,
    },
    /// Close people's accounts on this host, whatever Entra ID says: all of them, or nobody's
    ///
    /// From the answer on they can neither sign in here, by password, code or key, nor use sudo or cron, with
    /// the agent stopped, too. It stays so until `users unblock`, also for somebody who is removed from the
    /// tenant and comes back. Sessions that run already go on: `loginctl terminate-user NAME` ends them.
    ///
    /// Nobody blocks themselves, nor the last administrator.
    Block {
        /// Short names, UPNs or object ids
        #[arg(value_name = "NAME", required = true, num_args = 1..=MAX_BULK_NAMES, value_parser = name, add = complete::one(NameKind::Users))]
        users: Vec<String>,
    },
    /// Open the accounts again that were blocked: all of them, or nobody's
    Unblock {
        /// Short names, UPNs or object ids
        #[arg(value_name = "NAME", required = true, num_args = 1..=MAX_BULK_NAMES, value_parser = name, add = complete::one(NameKind::Users))]
        users: Vec<String>,
    },
    /// Give people's accounts a last day on this host, or take it away: all of them, or nobody's
    ///
    /// The day is the last one on which the account may be used; it ends at midnight in UTC, as all times here
    /// are in UTC (chage -E names the day after). From then on the account is closed as by `users block`.
    ///
    /// Nobody changes the end of their own account, and one administrator has none.
    #[command(group = clap::ArgGroup::new("end").required(true))]
    Expire {
        /// Short names, UPNs or object ids
        #[arg(value_name = "NAME", required = true, num_args = 1..=MAX_BULK_NAMES, value_parser = name, add = complete::one(NameKind::Users))]
        users: Vec<String>,

        /// The last day, as in 2027-01-31
        #[arg(long, value_name = "DATE", value_parser = times::date, group = "end")]
        until: Option<Date>,

        /// The accounts have no end
        #[arg(long, group = "end")]
        never: bool,
    },
    /// Make a local account an imported person's, with the same uid, gid and home (takes root)
    ///
    /// The person is the one whose row in the last import failed because /etc/passwd has their name. The
    /// account's own lines leave /etc/passwd, /etc/shadow, /etc/group and /etc/gshadow and are kept in
    /// /etc/entra-login/adopted; files, crontab, mail, running sessions and memberships of local groups stay
    /// as they are. From then on the person signs in through Entra ID, and the local password is no more.
    ///
    /// If the person is not found under the name and uid right after, the account is put back.
    Adopt {
        /// The local account
        #[arg(value_name = "NAME", value_parser = name, add = complete::local_account())]
        name: String,

        /// The person by UPN or object id, if several would have that name
        #[arg(long, value_name = "PERSON", value_parser = name)]
        object: Option<String>,

        /// Only show what would change
        #[arg(long)]
        dry_run: bool,

        /// Put the account back as it was, with its password
        #[arg(long, conflicts_with = "object")]
        undo: bool,
    },
}

/// `entractl ids ...`
#[derive(Debug, Subcommand)]
pub(crate) enum Ids {
    /// List every id that was ever given out, or those of one object
    Show {
        /// A name that somebody has or had, a UPN, an object id or an id
        #[arg(value_name = "OBJECT", value_parser = name, add = complete::one(NameKind::Objects))]
        object: Option<String>,

        /// Only those that other hosts can't work out by themselves
        #[arg(long)]
        displaced: bool,
    },
    /// Write this host's map to stdout
    Export,
    /// Take another host's map: ids that were not used here yet become the map's
    ///
    /// Lists every difference. An id that was used here never moves: such a row is a conflict, and one
    /// conflict leaves everything as it was (exit code 1).
    Import {
        /// The map; - for standard input
        #[arg(value_name = "FILE")]
        file: String,

        /// Only show the differences
        #[arg(long)]
        dry_run: bool,

        /// Take the rows that are not in conflict
        #[arg(long)]
        skip_conflicts: bool,
    },
}

/// `entractl groups ...`
#[derive(Debug, Subcommand)]
pub(crate) enum Groups {
    /// List every group that the tenant has, imported or not
    Fetch(Tenant),
    /// Choose which groups to import, from a list of all that the tenant has
    ///
    /// In a terminal: type to search, tick with the space bar, confirm with Enter. What is in the scope is
    /// ticked already; the users that the scope names stay. In scripts --add and --remove do the same.
    /// The groups that are chosen are imported at once.
    Select(Select),
    /// List every imported group
    List,
    /// Show one group and its direct members
    Show {
        /// Name or object id
        #[arg(value_name = "NAME", value_parser = name, add = complete::one(NameKind::Groups))]
        group: String,
    },
}

/// `entractl auth ...`
#[derive(Debug, Subcommand)]
pub(crate) enum Auth {
    /// Let imported people sign in
    ///
    /// Looks first at what that takes: people were imported, one of them is an administrator, names and PAM are
    /// wired, and no other directory signs people in here. What is missing is said with its cure, and nothing is
    /// changed then (exit code 1). Local accounts sign in as before; `entractl local-auth` changes that.
    Enable,
    /// Let nobody sign in through Entra ID; local accounts are as they were before, whatever the gate was
    Disable,
    /// Show whether imported people may sign in
    Status,
}

/// The names of one `--users a,b`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Names(pub(crate) Vec<String>);

/// Splits at commas; `\,` and `\\` stand for the characters themselves, since display names may hold both.
pub(crate) fn names(text: &str) -> Result<Names, String> {
    let mut names = Vec::new();
    let mut current = String::new();
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '\\' => match characters.next_if(|next| matches!(next, ',' | '\\')) {
                Some(escaped) => current.push(escaped),
                None => current.push(character),
            },
            ',' => names.push(name(&std::mem::take(&mut current))?),
            other => current.push(other),
        }
    }
    names.push(name(&current)?);
    Ok(Names(names))
}

/// One name, without the blanks around it.
pub(crate) fn name(text: &str) -> Result<String, String> {
    let name = text.trim();
    if name.is_empty() {
        return Err("a name is empty".to_owned());
    }
    if name.chars().any(char::is_control) {
        return Err("a name holds a control character".to_owned());
    }
    Ok(name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::usage;
    use clap::CommandFactory;
    use entra_protocol::admin::Role;

    fn parse(line: &[&str]) -> Result<Arguments, String> {
        Arguments::try_parse_from([&["entractl"], line].concat())
            .map_err(|error| usage::wording(&error))
    }

    #[test]
    fn the_definition_holds_together() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn lists_are_split_at_commas_and_an_escaped_comma_stays() {
        let Command::Import(Import { users, groups, .. }) = parse(&[
            "import",
            "--users",
            "alice, Bob@contoso.example",
            "--groups",
            r"Sales\, EMEA,Back\\slash,R\D",
            "--users=carol",
        ])
        .unwrap()
        .command
        else {
            panic!("not an import");
        };
        let users: Vec<String> = users.into_iter().flat_map(|names| names.0).collect();
        assert_eq!(users, ["alice", "Bob@contoso.example", "carol"]);
        assert_eq!(
            groups,
            [Names(vec![
                "Sales, EMEA".into(),
                r"Back\slash".into(),
                r"R\D".into()
            ])]
        );
    }

    #[test]
    fn empty_names_and_control_characters_are_usage_errors() {
        for list in ["", ",", "a,", "a,,b", " "] {
            let said = parse(&["import", "--users", list]).unwrap_err();
            assert!(said.contains("a name is empty"), "{list:?}: {said}");
        }
        let said = parse(&["users", "show", "ali\u{1b}[2Jce"]).unwrap_err();
        assert!(said.contains("control character"), "{said}");
        assert!(!said.contains('\u{1b}'), "{said:?}");
    }

    #[test]
    fn a_role_is_read_in_any_case_and_a_wrong_one_names_the_nearest() {
        let Command::Role(RoleVerb::Set(RoleSet { role, holders })) =
            parse(&["role", "set", "Administrator", "alice", "bob"])
                .unwrap()
                .command
        else {
            panic!("not a role set");
        };
        assert_eq!((role, holders.users.len()), (Some(Role::Administrator), 2));
        for (wrong, nearest) in [
            ("admin", "administrator"),
            ("operater", "operator"),
            ("auditors", "auditor"),
        ] {
            let said = parse(&["role", "set", wrong, "alice"]).unwrap_err();
            assert!(
                said.contains(&format!("\nhint: a similar value exists: '{nearest}'")),
                "{said}"
            );
        }
    }

    #[test]
    fn a_role_is_of_somebody_and_a_list_may_have_it_in_its_lines() {
        for wrong in [
            &["role", "set", "user"][..],
            &["role", "set", "--group", "ops"],
            &["role", "set"],
            &["role", "clear"],
            &["role", "pick"],
            &["role", "pick", "user"],
        ] {
            assert!(parse(wrong).is_err(), "{wrong:?}");
        }
        for right in [
            &["role", "set", "--from", "-"][..],
            &["role", "set", "auditor", "--from", "names"],
            &["role", "set", "auditor", "--user", "a", "b", "--group", "c"],
            &["role", "set", "auditor", "a", "--dry-run"],
            &["role", "clear", "--from", "-"],
            &["role", "clear", "a", "--group", "c", "d"],
        ] {
            assert!(parse(right).is_ok(), "{right:?}");
        }
    }

    #[test]
    fn the_global_flags_may_stand_anywhere() {
        let arguments = parse(&["users", "list", "--json", "--socket", "/x"]).unwrap();
        assert!(arguments.json);
        assert_eq!(arguments.socket, PathBuf::from("/x"));
        assert_eq!(
            parse(&["status"]).unwrap().socket,
            PathBuf::from(ADMIN_SOCKET)
        );
    }
}
