//! Elements of pages as the mirror keeps them: what the tenant said, before anybody reads it.
//!
//! The mirror holds one JSON object for each of the tenant's objects, made only of what this host asks
//! for. Later words on the object are merged into it as RFC 7396 has it: a property that is absent keeps
//! its value, one that is `null` loses it (entra-facts §4.2, "absent = unchanged, null = cleared").
//! Reading it field by field comes later, at every decision, so that one bad object stays one failed row
//! for as long as it is bad.
//!
//! Two marks that are not the tenant's own take part in this: `@removed` is written as `null` on every
//! element that lives, so that an object that comes back loses the mark; `@members` holds what was wrong
//! with a list of members, and is taken back by the next list that is right.

use serde_json::{Map, Value};

use super::fields::Fields;
use super::objects::{Fault, MemberChange, readable_members};
use crate::identity::ObjectId;

/// An element of a page on its way into the mirror.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RawElement {
    /// It is about this object.
    Object(Box<RawObject>),
    /// Nobody can say what it is about.
    Fault(Fault),
}

/// What an element says of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawObject {
    /// Which.
    pub id: ObjectId,
    /// The properties that were asked for, with both marks.
    pub body: String,
    /// Changes of direct members, of a group: those that can be read.
    pub members: Vec<MemberChange>,
    /// True if a member could not be read: what this round says of them is not whole.
    pub members_are_bad: bool,
    /// True if it was deleted for good.
    pub is_deleted: bool,
}

/// Takes an element of users or groups apart. `select` is the `$select` of the request: properties outside
/// of it are not kept.
#[must_use]
pub fn raw_element(element: &Value, select: &str) -> RawElement {
    let fields = match Fields::of(element) {
        Ok(fields) => fields,
        Err(fault) => return RawElement::Fault(fault.about(None, element)),
    };
    let id = match fields.id() {
        Ok(id) => id,
        Err(fault) => return RawElement::Fault(fault.about(None, element)),
    };
    let mut body = Map::new();
    for property in select.split(',') {
        if let Some(value) = element.get(property)
            && property != MEMBERS
        {
            body.insert(property.to_owned(), value.clone());
        }
    }
    let removed = element.get(REMOVED).cloned().unwrap_or_default();
    let is_deleted = removed.get("reason").and_then(Value::as_str) == Some("deleted");
    body.insert(REMOVED.to_owned(), removed);
    let (members, wrong) = match readable_members(&fields) {
        Ok(read) => read,
        Err(fault) => (None, Some(fault)),
    };
    let members_are_bad = wrong.is_some();
    if let Some(wrong) = wrong {
        body.insert(MEMBERS_FAULT.to_owned(), Value::String(wrong.to_string()));
    } else if members.is_some() {
        body.insert(MEMBERS_FAULT.to_owned(), Value::Null);
    }
    let members = members.unwrap_or_default();
    RawElement::Object(Box::new(RawObject {
        id,
        body: Value::Object(body).to_string(),
        members,
        members_are_bad,
        is_deleted,
    }))
}

/// The mark of objects that are no live ones.
const REMOVED: &str = "@removed";

/// The mark of groups whose list of members could not be read.
pub(super) const MEMBERS_FAULT: &str = "@members";

/// What `$select` calls the members; they come under another name, and are kept apart.
const MEMBERS: &str = "members";

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const ID: &str = "11111111-0000-4000-8000-000000000001";

    fn object(element: &Value, select: &str) -> RawObject {
        match raw_element(element, select) {
            RawElement::Object(object) => *object,
            RawElement::Fault(fault) => panic!("{fault:?}"),
        }
    }

    #[test]
    fn only_what_was_asked_for_is_kept() {
        let element = json!({"@odata.type": "#x", "id": ID, "displayName": "A", "mail": "a@b",
                             "members": [1]});
        let raw = object(&element, "id,displayName,userType,members");
        assert_eq!(
            raw.body,
            format!(r#"{{"@removed":null,"displayName":"A","id":"{ID}"}}"#)
        );
        let gone = json!({"id": ID, "@removed": {"reason": "deleted"}});
        let raw = object(&gone, "id");
        assert!(raw.is_deleted && raw.body.contains(r#""reason":"deleted""#));
        let soft = json!({"id": ID, "@removed": {"reason": "changed"}});
        assert!(!object(&soft, "id").is_deleted);
    }

    #[test]
    fn what_is_about_nobody_is_a_fault() {
        for element in [json!(7), json!({"id": 5}), json!({"displayName": "x"})] {
            assert!(matches!(
                raw_element(&element, "id"),
                RawElement::Fault(fault) if fault.object.is_none()
            ));
        }
    }

    #[test]
    fn a_list_of_members_that_is_bad_is_marked_until_one_is_right() {
        let user = json!({"@odata.type": "#microsoft.graph.user", "id": ID});
        let bad =
            json!({"id": ID, "members@delta": [user, {"@odata.type": "#microsoft.graph.user"}]});
        let raw = object(&bad, "id,members");
        assert!(raw.members_are_bad && raw.members.len() == 1);
        assert!(
            raw.body
                .contains(r#""@members":"members@delta[1].id: missing""#)
        );
        let good = json!({"id": ID, "members@delta": [user]});
        let raw = object(&good, "id,members");
        assert_eq!((raw.members.len(), raw.members_are_bad), (1, false));
        assert!(raw.body.contains(r#""@members":null"#));
        let silent = json!({"id": ID});
        assert!(!object(&silent, "id").body.contains("@members"));
    }
}
