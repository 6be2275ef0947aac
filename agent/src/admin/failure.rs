//! Failures as `entractl` shows them, after `error:` and `hint:`: lower-case clauses without a full stop.

use entra_protocol::admin::{Failure, FailureKind};

use crate::store::StoreError;

/// A failure with its message and nothing else.
pub(super) fn of(kind: FailureKind, message: &str) -> Failure {
    Failure {
        kind,
        message: message.to_owned(),
        hint: None,
        reference: None,
    }
}

/// What the store's errors mean to an administrator.
pub(super) fn of_store(error: StoreError) -> Failure {
    match error {
        StoreError::LastAdministrator => Failure {
            hint: Some("give somebody else the role administrator first".to_owned()),
            ..of(
                FailureKind::Precondition,
                "this would leave no administrator who can sign in",
            )
        },
        StoreError::Outranked { role, .. } => Failure {
            hint: Some(format!("it takes the role {role}, or root")),
            ..of(
                FailureKind::Forbidden,
                &format!("{error}; nobody's account was changed"),
            )
        },
        StoreError::UnknownPerson(key) => of(
            FailureKind::NotFound,
            &format!("no imported user has the object id {}", key.object),
        ),
        StoreError::UnknownGroup(key) => of(
            FailureKind::NotFound,
            &format!("no imported group has the object id {}", key.object),
        ),
        error @ StoreError::RoleMoved { .. } => Failure {
            hint: Some("`entractl role list` shows the roles as they are now".to_owned()),
            ..of(
                FailureKind::Precondition,
                &format!("{error}; nobody's role was changed"),
            )
        },
        error => Failure {
            hint: Some(error.hint().to_owned()),
            ..of(
                FailureKind::Internal,
                &format!("the agent's database failed: {error}"),
            )
        },
    }
}

/// A change that is kept and could not be published.
pub(super) fn not_published(error: &str) -> Failure {
    Failure {
        hint: Some(
            "the change is kept and counts at the next publication; see journalctl -u entra-agent"
                .to_owned(),
        ),
        ..of(
            FailureKind::Internal,
            &format!("the change could not be published: {error}"),
        )
    }
}
