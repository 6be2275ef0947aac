//! The messages of `admin.sock`: `entractl` asks, the agent streams rows and progress, then ends.
//!
//! One connection carries one [`Request`]. The agent answers with any number of [`Reply::Progress`] and
//! [`Reply::Row`] frames and exactly one [`Reply::Done`] or [`Reply::Failed`]. Who may call a verb is
//! decided by the agent from the peer's uid (`SO_PEERCRED`) and role, never from anything sent here.
//!
//! Instants are RFC 3339 texts in UTC; durations are whole seconds or milliseconds as their names say.

use serde::{Deserialize, Serialize};

pub use crate::audit::{AuditOutcome, AuditRow, Moment};
pub use crate::checks::{CHECKS, Check, CheckState};
pub use crate::directory::{
    AccountChange, FailedObject, GroupRow, NameKind, Role, Unlocked, UserDetail, UserRow,
};
pub use crate::explain::{Step, StepOutcome};
pub use crate::gate::{
    ExemptAccount, GateMode, GateTrial, LocalAuth, LocalAuthDone, PROOF_SECONDS, TRIAL_SECONDS_MAX,
    TRIAL_SECONDS_MIN,
};
pub use crate::ids::{
    AdoptStep, Adoption, IdChange, IdDifference, IdMapRow, IdRow, IdsImported, LocalAccount,
    ReleasedName,
};
use crate::metrics::Metrics;
pub use crate::roles::{HolderKind, RoleAssignment, RoleChange, RoleHeld, RoleOrder, RoleSource};
pub use crate::runs::{Change, Counts, DomainRow, ImportSummary, RunRow, Withheld};
pub use crate::status::{AuthState, Caller, IdSpan, SignInService, Status, TenantStatus};

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
    /// As [`Request::RoleAssign`] of one role to people alone. With `more` the next frame is another
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
    /// Changes the assignments of people and groups: all or none. One [`Row::Assignment`] for each, then one
    /// [`Row::Role`] for each person who is named or whose effective role changes. With `more` as in
    /// [`Request::RoleSet`].
    RoleAssign {
        /// At most `NAMES_PER_FRAME`.
        orders: Vec<RoleOrder>,
        /// True to change nothing.
        #[serde(default)]
        dry_run: bool,
        /// True if another frame follows.
        #[serde(default)]
        more: bool,
    },
    /// One [`Row::Assignment`] for every assignment, then one [`Row::RoleHeld`] for everybody who has a role
    /// through them.
    RoleList {},
    /// Takes away the failed tries of people and remote hosts: all of them, or none if a name means nobody.
    /// One [`Row::Unlocked`] for each. With `more` as in [`Request::RoleSet`].
    UsersUnlock {
        /// Short names, UPNs or object ids; with the remote hosts at most `NAMES_PER_FRAME`.
        #[serde(default)]
        users: Vec<String>,
        /// Addresses or names, as the journal has them.
        #[serde(default)]
        remote_hosts: Vec<String>,
        /// True if another frame follows.
        #[serde(default)]
        more: bool,
    },
    /// Lets none of these people use their account on this host: all of them, or none if a name means nobody.
    /// One [`Row::Account`] for each. With `more` as in [`Request::RoleSet`].
    UsersBlock {
        /// Short names, UPNs or object ids; at most `NAMES_PER_FRAME`.
        users: Vec<String>,
        /// True if another frame follows.
        #[serde(default)]
        more: bool,
    },
    /// Takes [`Request::UsersBlock`] back, likewise.
    UsersUnblock {
        /// As in `UsersBlock`.
        users: Vec<String>,
        /// True if another frame follows.
        #[serde(default)]
        more: bool,
    },
    /// Gives these people's accounts an end on this host, or none; likewise.
    UsersExpire {
        /// The last day on which they may be used, as `2027-01-31`, in UTC; `None`: they have no end.
        #[serde(default)]
        until: Option<String>,
        /// As in `UsersBlock`.
        users: Vec<String>,
        /// True if another frame of the same day follows.
        #[serde(default)]
        more: bool,
    },
    /// What would happen if this user signed in now: one [`Row::Step`] for each thing that the agent decides.
    Explain {
        /// Short name or UPN; of a local account, or of nobody, only whether Entra can be reached is said.
        user: String,
        /// The PAM service.
        service: String,
        /// As if Entra could not be reached.
        #[serde(default)]
        offline: bool,
    },
    /// Lets imported people sign in.
    AuthEnable {},
    /// Lets nobody sign in through Entra ID; local accounts are as they were without entra-login.
    AuthDisable {},
    /// Everything that must be there before people may sign in, as far as the agent knows: one
    /// [`Row::Check`] each.
    AuthPreflight {},
    /// The gate on local accounts, in one [`Done::LocalAuth`].
    LocalAuthShow {},
    /// Sets the gate, if what it takes is proven: one [`Row::Check`] each. Where one is bad, nothing is changed.
    LocalAuthSet {
        /// To what.
        gate: GateMode,
        /// Goes back to what was before after so many seconds, unless it is confirmed; without it, it stays.
        #[serde(default)]
        try_seconds: Option<u32>,
        /// True to change nothing.
        #[serde(default)]
        dry_run: bool,
    },
    /// Keeps what is being tried; checked as [`Request::LocalAuthSet`] is.
    LocalAuthConfirm {},
    /// Root has looked at a break-glass account and found that it can sign in.
    LocalAuthProve {
        /// Its name in `/etc/passwd`.
        name: String,
    },
    /// Exempts a local account from the gate, or not any more.
    LocalAuthExempt {
        /// Its name in `/etc/passwd`.
        name: String,
        /// True to exempt it.
        exempt: bool,
    },
    /// Whether imported people may sign in, in one [`Done::Auth`].
    AuthStatus {},
    /// One [`Row::Id`] for every allocation, by id; or for those that a text means.
    IdsShow {
        /// A name, an object id or an id; without it, all.
        #[serde(default)]
        object: Option<String>,
        /// True for those only that other hosts can't work out: not an object's first candidate.
        #[serde(default)]
        displaced: bool,
    },
    /// Compares another host's map with this one's, and takes from it what was never used here. One
    /// [`Row::IdDifference`] for every difference. With `more` as in [`Request::RoleSet`].
    IdsImport {
        /// Rows of the map; at most `IDS_PER_FRAME`.
        rows: Vec<IdMapRow>,
        /// True to change nothing.
        #[serde(default)]
        dry_run: bool,
        /// True to take the other rows although some conflict; else one conflict leaves all as it was.
        #[serde(default)]
        skip_conflicts: bool,
        /// True if another frame follows.
        #[serde(default)]
        more: bool,
    },
    /// Frees a retired name and its home, so that another object may have them.
    UsersRelease {
        /// The name.
        name: String,
        /// True to change nothing.
        #[serde(default)]
        dry_run: bool,
    },
    /// Makes a local account an imported person's, step by step.
    UsersAdopt {
        /// The account.
        account: LocalAccount,
        /// The person by UPN or object id; without it, the one who would have the account's name.
        #[serde(default)]
        object: Option<String>,
        /// Which step.
        step: AdoptStep,
    },
    /// Looks at every step that sign-in needs of the tenants: one [`Row::Check`] each.
    Doctor {
        /// Only this one, by id or domain.
        #[serde(default)]
        tenant: Option<String>,
    },
    /// What a word on the command line may go on as: one [`Row::Name`] each, in order, at most
    /// [`MAX_COMPLETIONS`](crate::limits::MAX_COMPLETIONS). Whoever may not see them gets no row, and that
    /// is no refusal: shells ask whenever somebody presses Tab.
    Names {
        /// Names of what.
        of: NameKind,
        /// What they begin with.
        #[serde(default)]
        prefix: String,
    },
    /// The agent in numbers, in one [`Done::Metrics`].
    Metrics {},
    /// One [`Row::Audit`] for every row of the audit log that all of these fit, the latest first.
    AuditList {
        /// From then on.
        #[serde(default)]
        since: Option<Moment>,
        /// Until then; a day counts whole.
        #[serde(default)]
        until: Option<Moment>,
        /// Of whoever had this name, in any case, or has this uid.
        #[serde(default)]
        by: Option<String>,
        /// About what has this in it, in any case.
        #[serde(default)]
        object: Option<String>,
        /// Of this verb, or of those that begin with this word.
        #[serde(default)]
        verb: Option<String>,
        /// True for refused attempts only.
        #[serde(default)]
        refused: bool,
        /// At most so many.
        #[serde(default)]
        limit: Option<u32>,
    },
    /// Takes back [`AdoptStep::Pin`]; the account is in `/etc/passwd` again.
    UsersUnadopt {
        /// The account's name.
        name: String,
        /// True to change nothing.
        #[serde(default)]
        dry_run: bool,
    },
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
    /// What a change of roles means for somebody.
    Role(RoleChange),
    /// An assigned role.
    Assignment(RoleAssignment),
    /// Somebody's effective role, of `role list`.
    RoleHeld(RoleHeld),
    /// Somebody who may try again, of `users unlock`.
    Unlocked(Unlocked),
    /// An account, of `users block`, `users unblock` and `users expire`.
    Account(AccountChange),
    /// A step of `explain`.
    Step(Step),
    /// What a dry run would have changed.
    Change(Change),
    /// A tenant of this host, of `schedule`.
    Domain(Box<DomainRow>),
    /// A run, of `history`.
    Run(Box<RunRow>),
    /// An allocation, of `ids show`.
    Id(IdRow),
    /// A difference, of `ids import`.
    IdDifference(IdDifference),
    /// What was found, of `doctor`.
    Check(Check),
    /// What somebody did or was refused, of `audit`.
    Audit(Box<AuditRow>),
    /// How a word may go on, of [`Request::Names`].
    Name(String),
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
    /// Of `local-auth`.
    LocalAuth(Box<LocalAuthDone>),
    /// Of `history show`.
    Run(Box<RunRow>),
    /// Of a list: how many rows there were.
    Rows {
        /// The count, so that a cut stream shows.
        count: u64,
    },
    /// Of `ids import`; the differences came as rows before.
    IdsImport(IdsImported),
    /// Of `users release`.
    Released(ReleasedName),
    /// Of `metrics`.
    Metrics(Box<Metrics>),
    /// Of `users adopt` and of its undoing.
    Adoption(Adoption),
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
