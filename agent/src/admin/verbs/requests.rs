//! Which verb a request asks for, what it is called, and what of the request the audit log keeps.

use entra_protocol::admin::{AdoptStep, Request};

use super::super::{import, roles};
use super::Verb;

impl Verb {
    pub(in crate::admin) fn of(request: &Request) -> Self {
        match request {
            Request::Import { .. } => Self::Import,
            Request::Sync { .. } => Self::Sync,
            Request::ScheduleShow {} => Self::ScheduleShow,
            Request::ScheduleSet { .. } => Self::ScheduleSet,
            Request::HistoryList { .. } => Self::HistoryList,
            Request::HistoryShow { .. } => Self::HistoryShow,
            Request::Status {} => Self::Status,
            Request::UsersList {} => Self::UsersList,
            Request::UsersShow { .. } => Self::UsersShow,
            Request::GroupsFetch { .. } => Self::GroupsFetch,
            Request::GroupsList {} => Self::GroupsList,
            Request::GroupsShow { .. } => Self::GroupsShow,
            Request::RoleSet { .. } | Request::RoleAssign { .. } => Self::RoleSet,
            Request::RoleList {} => Self::RoleList,
            Request::AuthEnable {} => Self::AuthEnable,
            Request::AuthDisable {} => Self::AuthDisable,
            Request::AuthStatus {} => Self::AuthStatus,
            Request::AuthPreflight {} => Self::AuthPreflight,
            Request::LocalAuthShow {} => Self::LocalAuthShow,
            Request::LocalAuthSet { .. } => Self::LocalAuthSet,
            Request::LocalAuthConfirm {} => Self::LocalAuthConfirm,
            Request::LocalAuthProve { .. } => Self::LocalAuthProve,
            Request::LocalAuthExempt { .. } => Self::LocalAuthExempt,
            Request::IdsShow { .. } => Self::IdsShow,
            Request::IdsImport { .. } => Self::IdsImport,
            Request::UsersRelease { .. } => Self::UsersRelease,
            Request::UsersUnlock { .. } => Self::UsersUnlock,
            Request::UsersBlock { .. } => Self::UsersBlock,
            Request::UsersUnblock { .. } => Self::UsersUnblock,
            Request::UsersExpire { .. } => Self::UsersExpire,
            Request::UsersAdopt { .. } => Self::UsersAdopt,
            Request::UsersUnadopt { .. } => Self::UsersUnadopt,
            Request::Doctor { .. } => Self::Doctor,
            Request::Names { .. } => Self::Names,
            Request::Metrics {} => Self::Metrics,
            Request::Explain { .. } => Self::Explain,
            Request::AuditList { .. } => Self::Audit,
        }
    }

    /// As it is typed after `entractl`, and as the audit log names it.
    pub(in crate::admin) fn word(self) -> &'static str {
        match self {
            Self::Import => "import",
            Self::Sync => "sync",
            Self::ScheduleShow => "schedule show",
            Self::ScheduleSet => "schedule set",
            Self::HistoryList => "history",
            Self::HistoryShow => "history show",
            Self::Status => "status",
            Self::UsersList => "users list",
            Self::UsersShow => "users show",
            Self::GroupsFetch => "groups fetch",
            Self::GroupsList => "groups list",
            Self::GroupsShow => "groups show",
            Self::RoleSet => "role set",
            Self::RoleList => "role list",
            Self::AuthEnable => "auth enable",
            Self::AuthDisable => "auth disable",
            Self::AuthStatus => "auth status",
            Self::AuthPreflight => "auth enable",
            Self::LocalAuthShow => "local-auth show",
            Self::LocalAuthSet => "local-auth set",
            Self::LocalAuthConfirm => "local-auth confirm",
            Self::LocalAuthProve => "local-auth prove",
            Self::LocalAuthExempt => "local-auth exempt",
            Self::IdsShow => "ids show",
            Self::IdsImport => "ids import",
            Self::UsersRelease => "users release",
            Self::UsersUnlock => "users unlock",
            Self::UsersBlock => "users block",
            Self::UsersUnblock => "users unblock",
            Self::UsersExpire => "users expire",
            Self::UsersAdopt => "users adopt",
            Self::UsersUnadopt => "users adopt --undo",
            Self::Doctor => "doctor",
            Self::Names => "completion",
            Self::Metrics => "metrics",
            Self::Explain => "explain",
            Self::Audit => "audit",
        }
    }

    /// Whether the request only shows what it would change.
    pub(in crate::admin) fn only_tries(self, request: &Request) -> bool {
        match request {
            Request::Import { dry_run, .. }
            | Request::Sync { dry_run, .. }
            | Request::IdsImport { dry_run, .. }
            | Request::UsersRelease { dry_run, .. }
            | Request::UsersUnadopt { dry_run, .. }
            | Request::LocalAuthSet { dry_run, .. }
            | Request::RoleAssign { dry_run, .. } => *dry_run,
            Request::UsersAdopt { step, .. } => *step == AdoptStep::Preview,
            _ => false,
        }
    }

    /// What a refused request was about, for the audit log; bounded, since anybody may ask.
    pub(in crate::admin) fn object(self, request: &Request) -> String {
        /// Characters of what was asked for that are kept.
        const KEPT: usize = 200;
        let object = match request {
            Request::Import { users, groups, .. } => import::scope_text(users, groups),
            Request::Sync { tenant, .. }
            | Request::ScheduleSet { tenant, .. }
            | Request::Doctor { tenant } => tenant.clone().unwrap_or_default(),
            Request::AuthEnable {} | Request::AuthDisable {} => "sign-in".to_owned(),
            Request::IdsImport { .. } => "another host's map".to_owned(),
            Request::UsersShow { user } | Request::Explain { user, .. } => user.clone(),
            Request::GroupsShow { group } => group.clone(),
            Request::RoleSet { role, users, .. } => format!("{role}: {}", users.join(", ")),
            Request::RoleAssign { orders, .. } => roles::object(orders),
            Request::UsersBlock { users, .. }
            | Request::UsersUnblock { users, .. }
            | Request::UsersExpire { users, .. } => users.join(", "),
            Request::UsersUnlock {
                users,
                remote_hosts,
                ..
            } => [users.as_slice(), remote_hosts].concat().join(", "),
            Request::IdsShow {
                object: Some(object),
                ..
            } => object.clone(),
            Request::UsersRelease { name, .. } | Request::UsersUnadopt { name, .. } => name.clone(),
            Request::UsersAdopt { account, .. } => account.name.clone(),
            Request::LocalAuthSet { gate, .. } => gate.to_string(),
            Request::LocalAuthProve { name } | Request::LocalAuthExempt { name, .. } => {
                name.clone()
            }
            _ => String::new(),
        };
        object.chars().take(KEPT).collect()
    }
}
