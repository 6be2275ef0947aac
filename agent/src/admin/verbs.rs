//! The dispatch table of `admin.sock`.

mod requests;

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use entra_protocol::admin::{Caller, Done, Failure, FailureKind, Request, Role};

use super::{
    Admin, Replies, Requests, adopt, audit, caller, directory, doctor, enablement, explain,
    failure, gate, history, ids, import, metrics, names, release, restrict, role_list, roles,
    schedule, status, unlock,
};
use crate::store::Actor;

/// What is answered from the store, or changes it and publishes: a snapshot of a million people is
/// written in some ten seconds.
const STORE_LIMIT: Duration = Duration::from_secs(120);

/// Ten requests a tenant, each with limits of its own, which a throttled one may wait out.
const DOCTOR_LIMIT: Duration = Duration::from_secs(10 * 60);

/// A list of groups from the tenant: a hundred thousand are some hundred pages.
const FETCH_LIMIT: Duration = Duration::from_secs(15 * 60);

/// An import: a million people over a slow line, throttled. A run that hangs ends by the limits of its
/// requests long before.
const IMPORT_LIMIT: Duration = Duration::from_secs(4 * 60 * 60);

/// A verb, without its arguments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verb {
    Import,
    Sync,
    ScheduleShow,
    ScheduleSet,
    HistoryList,
    HistoryShow,
    Status,
    UsersList,
    UsersShow,
    GroupsFetch,
    GroupsList,
    GroupsShow,
    RoleSet,
    RoleList,
    AuthEnable,
    AuthDisable,
    AuthStatus,
    AuthPreflight,
    LocalAuthShow,
    LocalAuthSet,
    LocalAuthConfirm,
    LocalAuthProve,
    LocalAuthExempt,
    IdsShow,
    IdsImport,
    UsersRelease,
    UsersUnlock,
    UsersBlock,
    UsersUnblock,
    UsersExpire,
    UsersAdopt,
    UsersUnadopt,
    Doctor,
    Names,
    Metrics,
    Explain,
    Audit,
}

/// Who may call a verb; root may call all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum May {
    /// Everybody on this host.
    Anyone,
    /// Whoever has this role or a stronger one.
    Role(Role),
    /// As [`May::Role`], and everybody with a role about themselves.
    OwnOr(Role),
    /// Nobody but root: the other half of it takes root's rights anyway.
    Root,
}

/// One call on its way through a handler.
pub(super) struct Call<'a> {
    pub(super) admin: &'a Admin,
    pub(super) caller: Caller,
    pub(super) actor: Actor,
    pub(super) request: Request,
    pub(super) replies: Replies,
    pub(super) requests: Requests,
}

/// A handler at work.
pub(super) type Handling<'a> = Pin<Box<dyn Future<Output = Result<Done, Failure>> + Send + 'a>>;

/// What answers a verb.
pub(super) type Handler = for<'a> fn(Call<'a>) -> Handling<'a>;

pub(super) struct VerbRow {
    pub(super) verb: Verb,
    pub(super) may: May,
    pub(super) handler: Handler,
    pub(super) limit: Duration,
    pub(super) effect: Effect,
}

/// What a verb does to this host. Every refused attempt is in the audit log, whatever the verb.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effect {
    /// Nothing: what it answers leaves no trace.
    Reads,
    /// It changes something: the change has its row in the audit log by the same transaction, and an attempt
    /// that was allowed and not done has one, too.
    Changes,
}

pub(super) const VERBS: &[VerbRow] = &[
    reads(Verb::Status, May::Anyone, status::status, STORE_LIMIT),
    reads(
        Verb::AuthStatus,
        May::Role(Role::User),
        enablement::show,
        STORE_LIMIT,
    ),
    reads(
        Verb::UsersShow,
        May::OwnOr(Role::Auditor),
        directory::show_user,
        STORE_LIMIT,
    ),
    reads(
        Verb::UsersList,
        May::Role(Role::Auditor),
        directory::list_users,
        STORE_LIMIT,
    ),
    reads(
        Verb::GroupsList,
        May::Role(Role::Auditor),
        directory::list_groups,
        STORE_LIMIT,
    ),
    reads(
        Verb::GroupsShow,
        May::Role(Role::Auditor),
        directory::show_group,
        STORE_LIMIT,
    ),
    reads(
        Verb::GroupsFetch,
        May::Role(Role::Auditor),
        import::fetch_groups,
        FETCH_LIMIT,
    ),
    changes(
        Verb::Import,
        May::Role(Role::Operator),
        import::import,
        IMPORT_LIMIT,
    ),
    changes(
        Verb::Sync,
        May::Role(Role::Operator),
        import::sync,
        IMPORT_LIMIT,
    ),
    reads(
        Verb::ScheduleShow,
        May::Role(Role::Auditor),
        schedule::show,
        STORE_LIMIT,
    ),
    changes(
        Verb::ScheduleSet,
        May::Role(Role::Operator),
        schedule::set,
        STORE_LIMIT,
    ),
    reads(
        Verb::HistoryList,
        May::Role(Role::Auditor),
        history::list,
        STORE_LIMIT,
    ),
    reads(
        Verb::HistoryShow,
        May::Role(Role::Auditor),
        history::show,
        STORE_LIMIT,
    ),
    changes(
        Verb::RoleSet,
        May::Role(Role::Administrator),
        roles::set,
        STORE_LIMIT,
    ),
    reads(
        Verb::RoleList,
        May::Role(Role::Auditor),
        role_list::list,
        STORE_LIMIT,
    ),
    changes(
        Verb::AuthEnable,
        May::Role(Role::Administrator),
        enablement::enable,
        STORE_LIMIT,
    ),
    changes(
        Verb::AuthDisable,
        May::Role(Role::Administrator),
        enablement::disable,
        STORE_LIMIT,
    ),
    reads(
        Verb::AuthPreflight,
        May::Role(Role::Administrator),
        enablement::preflight,
        STORE_LIMIT,
    ),
    reads(
        Verb::LocalAuthShow,
        May::Role(Role::Auditor),
        gate::show,
        STORE_LIMIT,
    ),
    changes(
        Verb::LocalAuthSet,
        May::Role(Role::Administrator),
        gate::set,
        STORE_LIMIT,
    ),
    changes(
        Verb::LocalAuthConfirm,
        May::Role(Role::Administrator),
        gate::confirm,
        STORE_LIMIT,
    ),
    changes(Verb::LocalAuthProve, May::Root, gate::prove, STORE_LIMIT),
    changes(
        Verb::LocalAuthExempt,
        May::Role(Role::Administrator),
        gate::exempt,
        STORE_LIMIT,
    ),
    reads(
        Verb::IdsShow,
        May::Role(Role::Auditor),
        ids::show,
        STORE_LIMIT,
    ),
    changes(
        Verb::IdsImport,
        May::Role(Role::Administrator),
        ids::import,
        STORE_LIMIT,
    ),
    changes(
        Verb::UsersRelease,
        May::Role(Role::Administrator),
        release::release,
        STORE_LIMIT,
    ),
    reads(
        Verb::Doctor,
        May::Role(Role::Auditor),
        doctor::doctor,
        DOCTOR_LIMIT,
    ),
    reads(
        Verb::Metrics,
        May::Role(Role::Auditor),
        metrics::metrics,
        STORE_LIMIT,
    ),
    reads(
        Verb::Explain,
        May::OwnOr(Role::Auditor),
        explain::explain,
        STORE_LIMIT,
    ),
    changes(
        Verb::UsersUnlock,
        May::Role(Role::Operator),
        unlock::unlock,
        STORE_LIMIT,
    ),
    changes(
        Verb::UsersBlock,
        May::Role(Role::Operator),
        restrict::restrict,
        STORE_LIMIT,
    ),
    changes(
        Verb::UsersUnblock,
        May::Role(Role::Operator),
        restrict::restrict,
        STORE_LIMIT,
    ),
    changes(
        Verb::UsersExpire,
        May::Role(Role::Operator),
        restrict::restrict,
        STORE_LIMIT,
    ),
    changes(Verb::UsersAdopt, May::Root, adopt::adopt, STORE_LIMIT),
    changes(Verb::UsersUnadopt, May::Root, adopt::unadopt, STORE_LIMIT),
    reads(
        Verb::Audit,
        May::Role(Role::Auditor),
        audit::list,
        STORE_LIMIT,
    ),
    // Looks at the role itself, and answers with nothing rather than refuse.
    reads(Verb::Names, May::Anyone, names::names, STORE_LIMIT),
];

impl May {
    pub(super) fn allows(self, caller: &Caller, is_own: bool) -> bool {
        if caller::is_root(caller) {
            return true;
        }
        match self {
            Self::Anyone => true,
            Self::Role(least) => caller.role.is_some_and(|role| role >= least),
            Self::OwnOr(least) => caller.role.is_some_and(|role| is_own || role >= least),
            Self::Root => false,
        }
    }

    pub(super) fn refusal(self, caller: &Caller, verb: Verb) -> Failure {
        let least = match self {
            Self::Anyone => Role::User,
            Self::Role(least) | Self::OwnOr(least) => least,
            Self::Root => {
                return Failure {
                    hint: Some("run it as root, with sudo for instance".to_owned()),
                    ..failure::of(
                        FailureKind::Forbidden,
                        &format!("`{}` takes root; {} is not", verb.word(), caller.name),
                    )
                };
            }
        };
        let who = match caller.role {
            Some(role) => format!("{} has the role {role}", caller.name),
            None if caller.name == "local user" => {
                format!("uid {} is a local user and has no role", caller.uid)
            }
            None => format!(
                "{} may not use this account (disabled, blocked or expired) and has no role",
                caller.name
            ),
        };
        Failure {
            hint: Some("ask an administrator, or run it as root".to_owned()),
            ..failure::of(
                FailureKind::Forbidden,
                &format!("`{}` takes the role {least}; {who}", verb.word()),
            )
        }
    }
}

/// A row of a verb that changes nothing.
const fn reads(verb: Verb, may: May, handler: Handler, limit: Duration) -> VerbRow {
    VerbRow {
        verb,
        may,
        handler,
        limit,
        effect: Effect::Reads,
    }
}

/// A row of a verb that changes something.
const fn changes(verb: Verb, may: May, handler: Handler, limit: Duration) -> VerbRow {
    VerbRow {
        effect: Effect::Changes,
        ..reads(verb, may, handler, limit)
    }
}
