//! Users and groups as Graph writes them, read field by field.
//!
//! Each element of a page is read on its own, so that one bad object is one failed row and not a failed
//! run. A fault names the field and what is wrong with it. A property that is absent and one that is
//! `null` both mean "not set" here, where every round is a full one; what must be there
//! (`userPrincipalName`, `accountEnabled`, ...) is refused if it is either: Graph writes `null` where the
//! registration may not read, and an account that can't be seen to be enabled must not count as enabled.
//!
//! Text is taken as it is, except a user's display name, which is stripped here, once (design.md §3). A
//! group's display name stays raw: it is what the group's name is made from, and a name that holds `:`
//! or a newline must fail, not be mended.

use entra_snapshot::Text;
use serde_json::Value;

use super::fields::{FieldFault, Fields};
use super::raw::MEMBERS_FAULT;
use crate::clock::UnixSeconds;
use crate::identity::ObjectId;

/// The properties of a user that an import asks for (entra-facts: most are absent without `$select`).
pub const USER_SELECT: &str = "id,userPrincipalName,displayName,accountEnabled,userType,mailNickname,\
onPremisesSamAccountName,createdDateTime,lastPasswordChangeDateTime,signInSessionsValidFromDateTime";

/// The properties of a group that an import asks for.
pub const GROUP_SELECT: &str =
    "id,displayName,mailNickname,securityEnabled,mailEnabled,groupTypes,visibility,createdDateTime";

/// A user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserObject {
    /// `id`.
    pub id: ObjectId,
    /// `userPrincipalName`, as written.
    pub upn: String,
    /// `displayName`, stripped.
    pub display_name: String,
    /// `accountEnabled`.
    pub enabled: bool,
    /// `userType`; `None` on old synchronised users, who are members.
    pub user_type: Option<String>,
    /// `mailNickname`.
    pub mail_nickname: Option<String>,
    /// `onPremisesSamAccountName`.
    pub sam_account_name: Option<String>,
    /// `createdDateTime`.
    pub created_at: Option<UnixSeconds>,
    /// `lastPasswordChangeDateTime`.
    pub password_changed_at: Option<UnixSeconds>,
    /// `signInSessionsValidFromDateTime`.
    pub sessions_valid_from: Option<UnixSeconds>,
}

impl UserObject {
    /// Whether it is somebody else's user who was invited.
    #[must_use]
    pub fn is_guest(&self) -> bool {
        self.user_type
            .as_deref()
            .is_some_and(|kind| kind.eq_ignore_ascii_case("guest"))
    }
}

/// A group's own properties, without its members.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupObject {
    /// `id`.
    pub id: ObjectId,
    /// `displayName`, as written.
    pub display_name: String,
    /// `securityEnabled`: whether it may stand for rights.
    pub security: bool,
    /// `mailEnabled`.
    pub mail: bool,
    /// Whether `groupTypes` has `Unified`.
    pub unified: bool,
    /// Whether `visibility` is `HiddenMembership`.
    pub hidden: bool,
    /// `createdDateTime`.
    pub created_at: Option<UnixSeconds>,
}

/// What a group can have as a member and this host cares about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MemberKind {
    /// A user.
    User,
    /// A group.
    Group,
}

/// A member as `members@delta` names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MemberChange {
    /// Which object.
    pub id: ObjectId,
    /// Of which kind.
    pub kind: MemberKind,
    /// True if it is a member no longer.
    pub removed: bool,
}

/// One element of a page of users.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UserChange {
    /// It lives, with these properties.
    Seen(Box<UserObject>),
    /// It is no live user (`@removed`, soft-deleted or for good).
    Removed(ObjectId),
    /// It can't be read.
    Fault(Fault),
}

/// One element of a page of groups.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GroupChange {
    /// It lives, with these properties and changes of direct members.
    Seen(Box<GroupObject>, Vec<MemberChange>),
    /// A further slice of the members of a group whose properties come in another element.
    Slice(ObjectId, Vec<MemberChange>),
    /// It is no live group.
    Removed(ObjectId),
    /// It can't be read.
    Fault(Fault),
}

/// Why an element can't be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The object, if at least its id can be read.
    pub object: Option<ObjectId>,
    /// How the tenant names it, as far as that can be read.
    pub label: String,
    /// The field and what is wrong with it.
    pub reason: String,
}

/// Reads an element of `/users` or `/users/delta`.
#[must_use]
pub fn user_change(element: &Value) -> UserChange {
    let fields = match Fields::of(element) {
        Ok(fields) => fields,
        Err(fault) => return UserChange::Fault(fault.about(None, element)),
    };
    match fields.id() {
        Err(fault) => UserChange::Fault(fault.about(None, element)),
        Ok(id) if fields.removed() => UserChange::Removed(id),
        Ok(id) => match user(&fields, id) {
            Ok(user) => UserChange::Seen(Box::new(user)),
            Err(fault) => UserChange::Fault(fault.about(Some(id), element)),
        },
    }
}

/// Reads an element of `/groups` or `/groups/delta`.
#[must_use]
pub fn group_change(element: &Value) -> GroupChange {
    let fields = match Fields::of(element) {
        Ok(fields) => fields,
        Err(fault) => return GroupChange::Fault(fault.about(None, element)),
    };
    let id = match fields.id() {
        Err(fault) => return GroupChange::Fault(fault.about(None, element)),
        Ok(id) if fields.removed() => return GroupChange::Removed(id),
        Ok(id) => id,
    };
    if let Some(wrong) = element.get(MEMBERS_FAULT).and_then(Value::as_str) {
        let label = FieldFault::named(element);
        return GroupChange::Fault(Fault {
            object: Some(id),
            label,
            reason: wrong.to_owned(),
        });
    }
    let members = match members(&fields) {
        Err(fault) => return GroupChange::Fault(fault.about(Some(id), element)),
        Ok(members) => members,
    };
    // A large group is repeated with further members; only the first need carry its properties.
    let bare = !fields.has("displayName") && !fields.has("securityEnabled");
    match members {
        Some(members) if bare => GroupChange::Slice(id, members),
        members => match group(&fields, id) {
            Ok(group) => GroupChange::Seen(Box::new(group), members.unwrap_or_default()),
            Err(fault) => GroupChange::Fault(fault.about(Some(id), element)),
        },
    }
}

fn user(fields: &Fields<'_>, id: ObjectId) -> Result<UserObject, FieldFault> {
    Ok(UserObject {
        id,
        upn: fields.required_text("userPrincipalName")?.to_owned(),
        display_name: Text::cleaned(fields.text("displayName")?.unwrap_or_default())
            .as_str()
            .to_owned(),
        enabled: fields.required_flag("accountEnabled")?,
        user_type: fields.owned("userType")?,
        mail_nickname: fields.owned("mailNickname")?,
        sam_account_name: fields.owned("onPremisesSamAccountName")?,
        created_at: fields.instant("createdDateTime")?,
        password_changed_at: fields.instant("lastPasswordChangeDateTime")?,
        sessions_valid_from: fields.instant("signInSessionsValidFromDateTime")?,
    })
}

fn group(fields: &Fields<'_>, id: ObjectId) -> Result<GroupObject, FieldFault> {
    let hidden = fields
        .text("visibility")?
        .is_some_and(|word| word.eq_ignore_ascii_case("HiddenMembership"));
    Ok(GroupObject {
        id,
        display_name: fields.required_text("displayName")?.to_owned(),
        security: fields.required_flag("securityEnabled")?,
        mail: fields.flag("mailEnabled")?.unwrap_or(false),
        unified: fields
            .texts("groupTypes")?
            .iter()
            .any(|word| word.eq_ignore_ascii_case("Unified")),
        hidden,
        created_at: fields.instant("createdDateTime")?,
    })
}

/// `None` if the element says nothing about members.
pub(super) fn members(fields: &Fields<'_>) -> Result<Option<Vec<MemberChange>>, FieldFault> {
    match readable_members(fields)? {
        (_, Some(fault)) => Err(fault),
        (members, None) => Ok(members),
    }
}

/// The members that can be read, and what is wrong with the first that can't.
pub(super) fn readable_members(
    fields: &Fields<'_>,
) -> Result<(Option<Vec<MemberChange>>, Option<FieldFault>), FieldFault> {
    let Some(list) = fields.list("members@delta")? else {
        return Ok((None, None));
    };
    let mut members = Vec::with_capacity(list.len());
    let mut wrong = None;
    for (position, element) in list.iter().enumerate() {
        match member(position, element) {
            Ok(found) => members.extend(found),
            Err(fault) => wrong = wrong.or(Some(fault)),
        }
    }
    Ok((Some(members), wrong))
}

/// One member; `None` for devices, service principals and contacts, which don't sign in.
fn member(position: usize, element: &Value) -> Result<Option<MemberChange>, FieldFault> {
    let inside = |fault: FieldFault| FieldFault {
        field: format!("members@delta[{position}].{}", fault.field),
        wrong: fault.wrong,
    };
    let member = Fields::of(element).map_err(inside)?;
    let kind = match member.required_text("@odata.type").map_err(inside)? {
        "#microsoft.graph.user" => MemberKind::User,
        "#microsoft.graph.group" => MemberKind::Group,
        _ => return Ok(None),
    };
    Ok(Some(MemberChange {
        id: member.id().map_err(inside)?,
        kind,
        removed: member.removed(),
    }))
}

#[cfg(test)]
mod tests {
    use super::super::fields::TEXT_BYTES_MAX;
    use super::*;
    use serde_json::json;

    const ID: &str = "11111111-0000-4000-8000-000000000001";

    fn alice() -> Value {
        json!({"id": ID, "userPrincipalName": "Alice@contoso.example", "displayName": "Alice: A\nB",
               "accountEnabled": true, "createdDateTime": "2024-01-02T03:04:05Z",
               "lastPasswordChangeDateTime": "0001-01-01T00:00:00Z"})
    }

    #[test]
    fn a_user_is_read() {
        let UserChange::Seen(user) = user_change(&alice()) else {
            panic!()
        };
        assert_eq!(user.upn, "Alice@contoso.example");
        assert_eq!(user.display_name, "Alice AB");
        assert_eq!(user.created_at.unwrap().to_string(), "2024-01-02T03:04:05Z");
        assert_eq!(user.password_changed_at, None);
        assert!(!user.is_guest());
    }

    #[test]
    fn a_fault_names_the_field() {
        let cases = [
            ("userPrincipalName", Value::Null, "userPrincipalName: null"),
            (
                "accountEnabled",
                json!("yes"),
                "accountEnabled: a text where true or false is expected",
            ),
            ("id", json!(5), "id: a number where a text is expected"),
            (
                "displayName",
                json!("x".repeat(TEXT_BYTES_MAX + 1)),
                "displayName: 16385 bytes",
            ),
            (
                "createdDateTime",
                json!("yesterday"),
                "createdDateTime: \"yesterday\" is not an instant",
            ),
        ];
        for (field, value, reason) in cases {
            let mut user = alice();
            user[field] = value;
            let UserChange::Fault(fault) = user_change(&user) else {
                panic!("{field}")
            };
            assert!(fault.reason.starts_with(reason), "{}", fault.reason);
        }
        let mut user = alice();
        user.as_object_mut().unwrap().remove("accountEnabled");
        let UserChange::Fault(fault) = user_change(&user) else {
            panic!()
        };
        assert_eq!(fault.reason, "accountEnabled: missing");
        assert_eq!(fault.object, ID.parse().ok());
        assert_eq!(fault.label, "Alice@contoso.example");
        assert!(matches!(user_change(&json!([1])), UserChange::Fault(_)));
    }

    #[test]
    fn removed_objects_need_nothing_but_an_id() {
        let removed = json!({"id": ID, "@removed": {"reason": "changed"}});
        assert_eq!(
            user_change(&removed),
            UserChange::Removed(ID.parse().unwrap())
        );
        assert_eq!(
            group_change(&removed),
            GroupChange::Removed(ID.parse().unwrap())
        );
    }

    #[test]
    fn a_group_and_its_slices() {
        let member = json!({"@odata.type": "#microsoft.graph.user", "id": ID});
        let device = json!({"@odata.type": "#microsoft.graph.device", "id": "not even an id"});
        let gone = json!({"@odata.type": "#microsoft.graph.group", "id": ID, "@removed": {}});
        let group = json!({"id": ID, "displayName": "a:b", "securityEnabled": true,
                           "groupTypes": ["Unified"], "visibility": "HiddenMembership",
                           "members@delta": [member, device, gone]});
        let GroupChange::Seen(seen, members) = group_change(&group) else {
            panic!()
        };
        assert_eq!(seen.display_name, "a:b");
        assert!(seen.unified && seen.hidden && !seen.mail);
        assert_eq!(members.len(), 2);
        assert!(!members[0].removed && members[1].removed);

        let slice = json!({"id": ID, "members@delta": [member]});
        assert!(
            matches!(group_change(&slice), GroupChange::Slice(_, members) if members.len() == 1)
        );

        let bad = json!({"id": ID, "displayName": "x", "securityEnabled": true,
                         "members@delta": [{"@odata.type": "#microsoft.graph.user"}]});
        let GroupChange::Fault(fault) = group_change(&bad) else {
            panic!()
        };
        assert_eq!(fault.reason, "members@delta[0].id: missing");
    }
}
