//! Names that objects have or had.

use crate::graph::MemberKind;
use crate::identity::ObjectKey;

/// Whose a name is or was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClaimedName {
    /// The object.
    pub key: ObjectKey,
    /// The object's kind.
    pub kind: MemberKind,
    /// False if the name is retired: the object has another, or is gone.
    pub held: bool,
}
