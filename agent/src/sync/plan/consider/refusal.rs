//! Why a group does not count.

use super::super::super::Include;
use crate::graph::GroupObject;

/// Why a group does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    NotSecurity,
    Microsoft365,
    Hidden,
}

impl Refusal {
    pub(super) const ALL: [Self; 3] = [Self::NotSecurity, Self::Microsoft365, Self::Hidden];

    pub(super) fn of(group: &GroupObject, include: Include) -> Option<Self> {
        if group.unified && !include.microsoft_365_groups {
            return Some(Self::Microsoft365);
        }
        if !group.unified && !group.security && !include.distribution_groups {
            return Some(Self::NotSecurity);
        }
        group.hidden.then_some(Self::Hidden)
    }

    pub(super) fn row(self) -> (&'static str, &'static str) {
        match self {
            Self::NotSecurity => (
                "securityEnabled: false; distribution groups are not imported",
                "import with --distribution-groups, or use a security group",
            ),
            Self::Microsoft365 => (
                "groupTypes: Unified; Microsoft 365 groups are not imported",
                "import with --microsoft-365-groups, or use a security group",
            ),
            Self::Hidden => (
                "visibility: HiddenMembership; the snapshot can be read by everyone here",
                "use a group whose members may be seen",
            ),
        }
    }

    pub(super) fn remark(self) -> (&'static str, &'static str) {
        match self {
            Self::NotSecurity => (
                "group that is not a security group was left out",
                "groups that are not security groups were left out",
            ),
            Self::Microsoft365 => (
                "Microsoft 365 group was left out",
                "Microsoft 365 groups were left out",
            ),
            Self::Hidden => (
                "group with hidden membership was left out",
                "groups with hidden membership were left out",
            ),
        }
    }
}
