//! The messages of `admin.sock`: `entractl` asks, the agent streams rows and progress, then ends.
//!
//! One connection carries one [`Request`]. The agent answers with any number of [`Reply::Progress`] and
//! [`Reply::Row`] frames and exactly one [`Reply::Done`] or [`Reply::Failed`]. Who may call a verb is
//! decided by the agent from the peer's uid (`SO_PEERCRED`) and role, never from anything sent here.
//!
//! Instants are RFC 3339 texts in UTC; durations are whole seconds or milliseconds as their names say.

use serde::{Deserialize, Serialize};

/// A verb and its arguments.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Request {
    /// Imports the scope from the tenant. Both lists empty: the whole tenant.
    Import {
        /// Users by UPN, short name or object id.
        #[serde(default)]
        users: Vec<String>,
        /// Groups by display name or object id; their members come along, nested ones included.
        #[serde(default)]
        groups: Vec<String>,
        /// True if this run may remove as much as it wants: the shrink guard holds nothing back.
        #[serde(default)]
        accept_removals: bool,
        /// Which of the host's tenants, by id or domain; `None` where there is only one.
        #[serde(default)]
        tenant: Option<String>,
        /// Kinds of object that are left out otherwise: `guests`, `microsoft-365-groups`,
        /// `distribution-groups`.
        #[serde(default)]
        include: Vec<String>,
        /// True if nothing is to be changed: what would be is told in [`Row::Change`].
        #[serde(default)]
        dry_run: bool,
    },
    /// Runs an import of the scope that the last `Import` set.
    Sync {
        /// As in `Import`.
        #[serde(default)]
        tenant: Option<String>,
        /// As in `Import`.
        #[serde(default)]
        accept_removals: bool,
        /// True to read everything anew rather than what has changed since the last run.
        #[serde(default)]
        full: bool,
        /// As in `Import`.
        #[serde(default)]
        dry_run: bool,
    },
    /// One [`Row::Domain`] for every tenant of this host: its scope, its schedule, its last and next run.
    ScheduleShow {},
    /// Changes a tenant's schedule; answered with its [`Row::Domain`] as it then is.
    ScheduleSet {
        /// As in `Import`.
        #[serde(default)]
        tenant: Option<String>,
        /// Minutes between two runs.
        #[serde(default)]
        interval_minutes: Option<u32>,
        /// True to pause, false to resume.
        #[serde(default)]
        paused: Option<bool>,
    },
    /// One [`Row::Run`] for every run that is remembered, the latest first.
    HistoryList {
        /// Only this tenant's.
        #[serde(default)]
        tenant: Option<String>,
        /// At most so many.
        #[serde(default)]
        limit: Option<u32>,
    },
    /// One run in full, in one [`Done::Run`] after its failures as [`Row::Failure`].
    HistoryShow {
        /// Its number, from [`RunRow::id`].
        id: u64,
    },
    /// The agent's state in one [`Done::Status`].
    Status {},
    /// One [`Row::User`] for every imported user, by name.
    UsersList {},
    /// One user, by short name, UPN or object id.
    UsersShow {
        /// Which.
        user: String,
    },
    /// One [`Row::Group`] for every group that the tenant has, imported or not.
    GroupsFetch {
        /// As in `Import`.
        #[serde(default)]
        tenant: Option<String>,
    },
    /// One [`Row::Group`] for every imported group, by name.
    GroupsList {},
    /// One group with its members, by name or object id.
    GroupsShow {
        /// Which.
        group: String,
    },
    /// Gives every named user this role: all or none. With `more` the next frame is another
    /// `RoleSet` of the same role, and nothing is done before the last one.
    RoleSet {
        /// The new role.
        role: Role,
        /// Short names, UPNs or object ids; at most `NAMES_PER_FRAME`.
        users: Vec<String>,
        /// True if another frame follows.
        #[serde(default)]
        more: bool,
    },
    /// Lets imported people sign in.
    AuthEnable {},
    /// Lets nobody sign in through Entra ID; local accounts are as they were without entra-login.
    AuthDisable {},
    /// Whether imported people may sign in, in one [`Done::Auth`].
    AuthStatus {},
}

/// From the agent to `entractl`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reply {
    /// How far a long verb is; sent at least every 10 s.
    Progress(Progress),
    /// One row of a list.
    Row(Row),
    /// The verb is done.
    Done(Box<Done>),
    /// The verb was not done, or not wholly: see [`Failure::kind`].
    Failed(Failure),
}

/// How far a long verb is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// What is going on, in a few words ("reading users").
    pub stage: String,
    /// How many objects so far.
    pub done: u64,
    /// How many there will be, where that is known.
    #[serde(default)]
    pub total: Option<u64>,
}

/// A row of a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Row {
    /// A person.
    User(UserRow),
    /// A group.
    Group(GroupRow),
    /// An object that could not be imported, of an `import`.
    Failure(FailedObject),
    /// A changed role, of `role set`.
    Role(RoleChange),
    /// What a dry run would have changed.
    Change(Change),
    /// A tenant of this host, of `schedule`.
    Domain(Box<DomainRow>),
    /// A run, of `history`.
    Run(Box<RunRow>),
}

/// How a verb ended well.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Done {
    /// Of `status`.
    Status(Status),
    /// Of `import`; its failures came as rows before.
    Import(ImportSummary),
    /// Of `users show`.
    User(UserDetail),
    /// Of `groups show`; its members came as [`Row::User`] and [`Row::Group`] before.
    Group(GroupRow),
    /// Of `auth enable|disable|status`.
    Auth(AuthState),
    /// Of `history show`.
    Run(Box<RunRow>),
    /// Of a list: how many rows there were.
    Rows {
        /// The count, so that a cut stream shows.
        count: u64,
    },
}

/// Why a verb was not done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// What kind of failure, for exit codes and scripts.
    pub kind: FailureKind,
    /// One sentence: what happened, naming the object and the field.
    pub message: String,
    /// What to do about it, if something can be done.
    #[serde(default)]
    pub hint: Option<String>,
    /// Ids to quote to Microsoft's support (request id, correlation id, AADSTS code), if there are any.
    #[serde(default)]
    pub reference: Option<String>,
}

/// The kinds of failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureKind {
    /// The caller's role does not allow this verb.
    Forbidden,
    /// No such user, group or role.
    NotFound,
    /// A name that several objects have; the message lists them with their ids.
    Ambiguous,
    /// The request makes no sense as it is.
    BadRequest,
    /// Another run holds the place.
    Busy,
    /// The tenant refused or can't be reached.
    Tenant,
    /// A precondition is not met (`auth enable` without an administrator, say).
    Precondition,
    /// The agent's own trouble: disk, database, a bug.
    Internal,
    /// A kind that this build does not know.
    #[serde(other)]
    Unknown,
}

/// What a person may do (design.md §8). Later variants may do all that earlier ones may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Sign in; see their own status.
    User,
    /// Read everything.
    Auditor,
    /// Run syncs, block and unlock people.
    Operator,
    /// Assign roles, change enablement; a member of `entra-admins`.
    Administrator,
}

impl Role {
    /// Every role, weakest first.
    pub const ALL: [Self; 4] = [
        Self::User,
        Self::Auditor,
        Self::Operator,
        Self::Administrator,
    ];

    /// The word for it on the command line and in messages.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Auditor => "auditor",
            Self::Operator => "operator",
            Self::Administrator => "administrator",
        }
    }
}

impl std::fmt::Display for Role {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.word())
    }
}

/// One person in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserRow {
    /// The canonical name on this host; empty for a member that has none.
    pub name: String,
    /// `userPrincipalName`.
    pub upn: String,
    /// `displayName`, stripped of control characters.
    pub display_name: String,
    /// The uid; `None` if the row failed.
    pub uid: Option<u32>,
    /// The effective role.
    pub role: Role,
    /// `accountEnabled` as last seen.
    pub enabled: bool,
    /// True if the tenant or the scope no longer has them and the shrink guard keeps them.
    #[serde(default)]
    pub withheld: bool,
    /// The object id.
    pub object_id: String,
}

/// One person in full.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserDetail {
    /// What a list shows.
    #[serde(flatten)]
    pub row: UserRow,
    /// The tenant's id.
    pub tenant_id: String,
    /// The private group's gid (equal to the uid unless the tenant says otherwise).
    pub gid: u32,
    /// The home directory, fixed at first publish.
    pub home: String,
    /// The login shell.
    pub shell: String,
    /// Names of the groups, nested ones included.
    pub groups: Vec<String>,
    /// The last sign-in through Entra ID on this host.
    #[serde(default)]
    pub last_sign_in: Option<String>,
}

/// One group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupRow {
    /// The name on this host; empty if it is not imported.
    pub name: String,
    /// `displayName`.
    pub display_name: String,
    /// The gid, if it is imported.
    pub gid: Option<u32>,
    /// `security`, `mail-enabled-security`, `microsoft-365` or `distribution`.
    pub kind: String,
    /// Direct members that are users; `None` where the tenant was not asked.
    pub direct_users: Option<u64>,
    /// Direct members that are groups; `None` where the tenant was not asked.
    pub direct_groups: Option<u64>,
    /// Users in the closure, for imported groups.
    pub users: Option<u64>,
    /// True if this host has imported it.
    pub imported: bool,
    /// The object id.
    pub object_id: String,
}

/// An object that could not be imported.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailedObject {
    /// `user` or `group`.
    pub kind: String,
    /// The object id, or what was asked for if there is none.
    pub object_id: String,
    /// How the tenant names it.
    pub label: String,
    /// What is wrong, naming the field.
    pub reason: String,
    /// What to do about it.
    pub cure: String,
}

/// A role that `role set` gave.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoleChange {
    /// The user's canonical name.
    pub user: String,
    /// The role until now.
    pub before: Role,
    /// The role from now on.
    pub after: Role,
}

/// How many objects of one kind a run touched.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// New on this host.
    pub added: u64,
    /// Known, with different properties or members.
    pub changed: u64,
    /// Gone from the tenant or from the scope.
    pub removed: u64,
    /// As before.
    pub unchanged: u64,
    /// Not imported, each with a reason.
    pub failed: u64,
}

/// Removals that a run held back because there were too many (design.md §6). Nothing of it is in
/// [`Counts::removed`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Withheld {
    /// Users.
    #[serde(default)]
    pub users: u64,
    /// Groups.
    #[serde(default)]
    pub groups: u64,
    /// User-in-group pairs, beside those of the users and groups above.
    #[serde(default)]
    pub memberships: u64,
}

impl Withheld {
    /// Whether anything was held back.
    #[must_use]
    pub fn any(self) -> bool {
        self != Self::default()
    }
}

/// What a run did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportSummary {
    /// When it began.
    pub started_at: String,
    /// How long it took, in milliseconds.
    pub duration_ms: u64,
    /// `the whole tenant`, or the names that were asked for.
    pub scope: String,
    /// Users.
    pub users: Counts,
    /// Groups.
    pub groups: Counts,
    /// User-in-group pairs in the closure.
    pub memberships: u64,
    /// Removals that were held back.
    #[serde(default)]
    pub withheld: Withheld,
    /// Requests to Graph.
    pub requests: u64,
    /// The generation of the published snapshot.
    pub generation: u64,
    /// The tenant's id.
    #[serde(default)]
    pub tenant_id: String,
    /// True if everything was read anew, false if only what has changed.
    #[serde(default)]
    pub full: bool,
    /// True if nothing was changed: the counts say what would have been.
    #[serde(default)]
    pub dry_run: bool,
    /// Bytes of Graph's answers, as they were after decompression.
    #[serde(default)]
    pub bytes: u64,
    /// How often Graph asked to wait (429, or 5xx with `Retry-After`).
    #[serde(default)]
    pub throttled: u64,
    /// How long the run waited for Graph, in milliseconds.
    #[serde(default)]
    pub waited_ms: u64,
    /// Changes of a dry run beyond those that came as rows.
    #[serde(default)]
    pub more_changes: u64,
    /// Remarks that are not failures (a cycle of groups, say).
    #[serde(default)]
    pub remarks: Vec<String>,
}

/// What `status` says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// The agent's version.
    pub version: String,
    /// The tenants this host imports from.
    pub tenants: Vec<TenantStatus>,
    /// Their schedules and runs, for auditors and up. The names of their scopes are left out, so that
    /// all of it fits into a frame.
    #[serde(default)]
    pub domains: Vec<DomainRow>,
    /// Published users.
    pub users: u64,
    /// Published groups, role groups and private groups not counted.
    pub groups: u64,
    /// The snapshot's generation; 0 before the first import.
    pub generation: u64,
    /// When the snapshot was published.
    #[serde(default)]
    pub published_at: Option<String>,
    /// The last run, if there was one.
    #[serde(default)]
    pub last_import: Option<Box<ImportSummary>>,
    /// Why the last run failed, if it did.
    #[serde(default)]
    pub last_error: Option<Failure>,
    /// Enablement and gate.
    pub auth: AuthState,
    /// The caller's own name and role.
    pub caller: Caller,
}

/// A tenant as `status` shows it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TenantStatus {
    /// The tenant's id.
    pub id: String,
    /// Its domain as configured.
    pub domain: String,
    /// How the sync registration proves itself: `secret`, `certificate`, `federated token`,
    /// `managed identity`.
    #[serde(default)]
    pub credential: String,
    /// When that proof expires, where this host can know.
    #[serde(default)]
    pub credential_expires: Option<String>,
    /// What is to be done about it, from 30 days before.
    #[serde(default)]
    pub credential_warning: Option<String>,
}

/// What a dry run would have changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// `user`, `group` or `membership`.
    pub kind: String,
    /// `add`, `change`, `remove` or `withhold`.
    pub action: String,
    /// The name on this host; empty if it has none.
    pub name: String,
    /// How the tenant names it (a UPN, a display name); for a membership the group's name.
    pub label: String,
    /// The object id; of a membership the user's.
    pub object_id: String,
}

/// A tenant of this host with its scope and schedule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DomainRow {
    /// The tenant's id.
    pub tenant_id: String,
    /// Its domain as configured.
    pub domain: String,
    /// The scope in words; `None` before the first import.
    #[serde(default)]
    pub scope: Option<String>,
    /// The users that the scope names.
    #[serde(default)]
    pub scope_users: Vec<String>,
    /// The groups that the scope names.
    #[serde(default)]
    pub scope_groups: Vec<String>,
    /// What the scope includes beside members and security groups, as in [`Request::Import`].
    #[serde(default)]
    pub scope_include: Vec<String>,
    /// Minutes between two runs.
    pub interval_minutes: u32,
    /// True if `agent.toml` sets the interval, so that it can't be changed here.
    #[serde(default)]
    pub interval_is_configured: bool,
    /// True if no run is begun by the schedule.
    pub paused: bool,
    /// True if a run is under way.
    pub running: bool,
    /// When the next run is due; `None` if there is none to come.
    #[serde(default)]
    pub next_run: Option<String>,
    /// The last run.
    #[serde(default)]
    pub last_run: Option<RunRow>,
}

/// A run that is remembered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunRow {
    /// Its number, which grows.
    pub id: u64,
    /// The tenant's id.
    pub tenant_id: String,
    /// Who began it: `schedule`, or the caller's name.
    pub begun_by: String,
    /// When it began.
    pub started_at: String,
    /// When it ended; `None` while it is under way, and for one that ended with the agent.
    #[serde(default)]
    pub ended_at: Option<String>,
    /// The scope in words.
    pub scope: String,
    /// What it did, if it did its work.
    #[serde(default)]
    pub summary: Option<ImportSummary>,
    /// Why it failed, if it did.
    #[serde(default)]
    pub failure: Option<Failure>,
    /// How many objects it could not take; [`Row::Failure`] tells at most 10 000 of them.
    #[serde(default)]
    pub failures: u64,
}

/// Who asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Caller {
    /// The uid the kernel names.
    pub uid: u32,
    /// `root`, an imported user's name, or `local user`.
    pub name: String,
    /// The role; `None` for a local user, who has none.
    pub role: Option<Role>,
}

/// Enablement and gate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuthState {
    /// True if imported people may sign in.
    pub enabled: bool,
    /// The gate on local accounts: `allow`, `fallback` or `deny`.
    pub local_auth: String,
    /// How many administrators there are.
    pub administrators: u64,
}
