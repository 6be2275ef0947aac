//! The `claims` field of a token request: what a client can bear and wants.
//!
//! Of the many claims there may be, two matter here (facts §7): `xms_cc` with
//! `cp1`, by which a client says that it understands a claims challenge, and the
//! `nbf` that a challenge hands it.

use serde_json::Value;

use super::LoginError;
use crate::wire::Form;

/// What was asked for.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Claims {
    /// The client understands challenges.
    pub(super) capable: bool,
    /// The token may not be valid before this instant, Unix seconds.
    pub(super) not_before: Option<i64>,
}

impl Claims {
    /// Reads the field; none asks for nothing.
    pub(super) fn read(form: &Form) -> Result<Self, LoginError> {
        let Some(text) = form.field("claims") else {
            return Ok(Self::default());
        };
        let claims: Value = serde_json::from_str(text).map_err(|_| {
            LoginError::new(
                50_143,
                "The claims parameter is not a valid JSON text.".to_owned(),
            )
        })?;
        let capabilities = claims.pointer("/access_token/xms_cc/values");
        let capable = capabilities
            .and_then(Value::as_array)
            .is_some_and(|values| {
                values
                    .iter()
                    .filter_map(Value::as_str)
                    .any(|value| value.eq_ignore_ascii_case("cp1"))
            });
        let not_before = match claims.pointer("/access_token/nbf/value") {
            Some(Value::String(text)) => text.parse().ok(),
            Some(value) => value.as_i64(),
            None => None,
        };
        Ok(Self {
            capable,
            not_before,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_challenge_and_a_capability_are_read() {
        let read = |text: &str| Claims::read(&Form(vec![("claims".to_owned(), text.to_owned())]));
        let both = r#"{"access_token":{"nbf":{"essential":true,"value":"1635527790"},
            "xms_cc":{"values":["CP1"]}}}"#;
        let expected = Claims {
            capable: true,
            not_before: Some(1_635_527_790),
        };
        assert_eq!(read(both).ok(), Some(expected));
        assert_eq!(read(r#"{"id_token":{}}"#).ok(), Some(Claims::default()));
        assert!(read("{").is_err());
    }
}
