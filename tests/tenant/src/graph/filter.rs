//! `$filter`: the part of OData that directory objects answer to.
//!
//! Comparisons are without case, as the directory's are. `ne`, `not` and
//! `endsWith` parse too, but only advanced queries may use them: the caller asks
//! [`Filter::is_advanced`].

use serde_json::Value;

use super::GraphError;
use crate::state::properties::Kind;

/// A parsed filter.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Filter {
    And(Box<Filter>, Box<Filter>),
    Or(Box<Filter>, Box<Filter>),
    Not(Box<Filter>),
    Equal(String, Value),
    NotEqual(String, Value),
    In(String, Vec<Value>),
    StartsWith(String, String),
    EndsWith(String, String),
    /// `property/any(x:x eq 'value')`
    Any(String, Value),
}

impl Filter {
    /// Parses a filter on objects of a kind.
    pub(super) fn parse(text: &str, kind: &'static Kind) -> Result<Self, GraphError> {
        let mut parser = Parser {
            tokens: tokens(text)?,
            place: 0,
            kind,
        };
        let filter = parser.either(0)?;
        match parser.peek() {
            None => Ok(filter),
            Some(_) => Err(invalid()),
        }
    }

    /// Whether it needs `ConsistencyLevel: eventual` and `$count=true`.
    pub(super) fn is_advanced(&self) -> bool {
        match self {
            Self::And(left, right) | Self::Or(left, right) => {
                left.is_advanced() || right.is_advanced()
            }
            Self::Not(_) | Self::NotEqual(..) | Self::EndsWith(..) => true,
            Self::Equal(_, value) => value.is_null(),
            Self::In(..) | Self::StartsWith(..) | Self::Any(..) => false,
        }
    }

    /// Whether an object with these properties is meant.
    pub(super) fn matches(&self, property: &dyn Fn(&str) -> Value) -> bool {
        match self {
            Self::And(left, right) => left.matches(property) && right.matches(property),
            Self::Or(left, right) => left.matches(property) || right.matches(property),
            Self::Not(inner) => !inner.matches(property),
            Self::Equal(name, value) => same(&property(name), value),
            Self::NotEqual(name, value) => !same(&property(name), value),
            Self::In(name, values) => {
                let have = property(name);
                values.iter().any(|value| same(&have, value))
            }
            Self::StartsWith(name, start) => {
                lower(&property(name)).starts_with(&start.to_lowercase())
            }
            Self::EndsWith(name, end) => lower(&property(name)).ends_with(&end.to_lowercase()),
            Self::Any(name, value) => property(name)
                .as_array()
                .is_some_and(|items| items.iter().any(|item| same(item, value))),
        }
    }

    /// The ids of `id eq 'a' or id eq 'b'`, if the filter is nothing else.
    pub(super) fn ids(&self) -> Option<Vec<String>> {
        match self {
            Self::Equal(name, Value::String(id)) if name == "id" => Some(vec![id.clone()]),
            Self::Or(left, right) => {
                let mut ids = left.ids()?;
                ids.extend(right.ids()?);
                Some(ids)
            }
            _ => None,
        }
    }
}

fn same(have: &Value, wanted: &Value) -> bool {
    match (have, wanted) {
        (Value::String(have), Value::String(wanted)) => {
            have.to_lowercase() == wanted.to_lowercase()
        }
        // An unset flag is not the same as false, but nothing else tells them apart.
        _ => have == wanted,
    }
}

fn lower(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_lowercase()
}

#[derive(Debug, Clone, PartialEq)]
enum Token {
    /// A name, operator, `true`, `null` or number.
    Word(String),
    Text(String),
    Mark(char),
}

fn tokens(text: &str) -> Result<Vec<Token>, GraphError> {
    let mut out = Vec::new();
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            ' ' => {}
            '(' | ')' | ',' | '/' | ':' => out.push(Token::Mark(letter)),
            '\'' => {
                let mut value = String::new();
                loop {
                    match letters.next() {
                        // A doubled quote is one quote.
                        Some('\'') if letters.peek() == Some(&'\'') => {
                            letters.next();
                            value.push('\'');
                        }
                        Some('\'') => break,
                        Some(other) => value.push(other),
                        None => return Err(invalid()),
                    }
                }
                out.push(Token::Text(value));
            }
            first => {
                let mut word = first.to_string();
                while let Some(next) = letters.next_if(|next| !" (),/:'".contains(*next)) {
                    word.push(next);
                }
                out.push(Token::Word(word));
            }
        }
    }
    Ok(out)
}

/// Deepest nesting of brackets and `not`; beyond it the text is no filter anybody means.
const DEEPEST: usize = 32;

struct Parser {
    tokens: Vec<Token>,
    place: usize,
    kind: &'static Kind,
}

impl Parser {
    fn either(&mut self, depth: usize) -> Result<Filter, GraphError> {
        let mut left = self.both(depth)?;
        while self.take_word("or") {
            left = Filter::Or(Box::new(left), Box::new(self.both(depth)?));
        }
        Ok(left)
    }

    fn both(&mut self, depth: usize) -> Result<Filter, GraphError> {
        let mut left = self.single(depth)?;
        while self.take_word("and") {
            left = Filter::And(Box::new(left), Box::new(self.single(depth)?));
        }
        Ok(left)
    }

    fn single(&mut self, depth: usize) -> Result<Filter, GraphError> {
        if depth > DEEPEST {
            return Err(invalid());
        }
        if self.take_mark('(') {
            let inner = self.either(depth + 1)?;
            self.mark(')')?;
            return Ok(inner);
        }
        if self.take_word("not") {
            return Ok(Filter::Not(Box::new(self.single(depth + 1)?)));
        }
        let name = self.word()?;
        if name.eq_ignore_ascii_case("startswith") || name.eq_ignore_ascii_case("endswith") {
            self.mark('(')?;
            let property = self.property()?;
            self.mark(',')?;
            let Value::String(text) = self.value()? else {
                return Err(invalid());
            };
            self.mark(')')?;
            return Ok(match name.to_ascii_lowercase().as_str() {
                "startswith" => Filter::StartsWith(property, text),
                _ => Filter::EndsWith(property, text),
            });
        }
        self.place -= 1;
        let property = self.property()?;
        if self.take_mark('/') {
            return self.any(property);
        }
        match self.word()?.as_str() {
            "eq" => Ok(Filter::Equal(property, self.value()?)),
            "ne" => Ok(Filter::NotEqual(property, self.value()?)),
            "in" => {
                self.mark('(')?;
                let mut values = vec![self.value()?];
                while self.take_mark(',') {
                    values.push(self.value()?);
                }
                self.mark(')')?;
                if values.len() > IN_LIMIT {
                    return Err(GraphError::unsupported(format!(
                        "Too many child clauses specified in search filter expression containing \
                         'OR' operators: {}. Max allowed: {IN_LIMIT}.",
                        values.len()
                    )));
                }
                Ok(Filter::In(property, values))
            }
            other => Err(GraphError::unsupported(format!(
                "Unsupported or invalid query filter clause specified: operator '{other}'."
            ))),
        }
    }

    /// `any(x:x eq 'value')`
    fn any(&mut self, property: String) -> Result<Filter, GraphError> {
        if !self.take_word("any") {
            return Err(invalid());
        }
        self.mark('(')?;
        let variable = self.word()?;
        self.mark(':')?;
        if self.word()? != variable || self.word()? != "eq" {
            return Err(invalid());
        }
        let value = self.value()?;
        self.mark(')')?;
        Ok(Filter::Any(property, value))
    }

    fn property(&mut self) -> Result<String, GraphError> {
        let name = self.word()?;
        self.kind
            .property(&name)
            .map(|(proper, _)| proper)
            .ok_or_else(|| {
                GraphError::bad_request(format!(
                    "Could not find a property named '{name}' on type 'microsoft.graph.{}'.",
                    self.kind.name
                ))
            })
    }

    fn value(&mut self) -> Result<Value, GraphError> {
        match self.next() {
            Some(Token::Text(text)) => Ok(Value::String(text)),
            Some(Token::Word(word)) => match word.as_str() {
                "true" => Ok(Value::Bool(true)),
                "false" => Ok(Value::Bool(false)),
                "null" => Ok(Value::Null),
                // Instants come without quotes, numbers too.
                other => Ok(other
                    .parse::<i64>()
                    .map_or_else(|_| Value::String(other.to_owned()), Value::from)),
            },
            _ => Err(invalid()),
        }
    }

    fn word(&mut self) -> Result<String, GraphError> {
        match self.next() {
            Some(Token::Word(word)) => Ok(word),
            _ => Err(invalid()),
        }
    }

    fn mark(&mut self, mark: char) -> Result<(), GraphError> {
        if self.take_mark(mark) {
            Ok(())
        } else {
            Err(invalid())
        }
    }

    fn take_mark(&mut self, mark: char) -> bool {
        self.take(&Token::Mark(mark))
    }

    fn take_word(&mut self, word: &str) -> bool {
        self.take(&Token::Word(word.to_owned()))
    }

    fn take(&mut self, token: &Token) -> bool {
        let fits = self.peek() == Some(token);
        self.place += usize::from(fits);
        fits
    }

    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.place)
    }

    fn next(&mut self) -> Option<Token> {
        let token = self.peek().cloned();
        self.place += usize::from(token.is_some());
        token
    }
}

/// Values in one `in` (facts §4.1).
const IN_LIMIT: usize = 15;

fn invalid() -> GraphError {
    GraphError::bad_request("Invalid filter clause: Syntax error.")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::state::properties::USER;

    fn matches(text: &str) -> bool {
        let object = json!({
            "id": "a", "displayName": "Siobhán O'Brien", "accountEnabled": true,
            "otherMails": ["x@y.example"],
        });
        Filter::parse(text, &USER)
            .unwrap()
            .matches(&|name| object[name].clone())
    }

    #[test]
    fn filters_say_what_odata_says() {
        for (text, expected) in [
            ("accountEnabled eq true", true),
            ("accountEnabled eq false", false),
            ("displayName eq 'siobhán o''brien'", true),
            ("startswith(displayName,'sio')", true),
            ("startsWith(displayName, 'x')", false),
            ("id in ('b','a')", true),
            ("id in ('b')", false),
            ("id eq 'b' or id eq 'a'", true),
            ("id eq 'b' or id eq 'a' and accountEnabled eq false", false),
            (
                "(id eq 'b' or id eq 'a') and not (accountEnabled eq false)",
                true,
            ),
            ("otherMails/any(m:m eq 'x@y.example')", true),
            ("endswith(displayName,'brien')", true),
            ("surname eq null", true),
            ("displayName ne 'x'", true),
        ] {
            assert_eq!(matches(text), expected, "{text}");
        }
    }

    #[test]
    fn broken_filters_are_refused() {
        let deep = format!("{}id eq 'a'{}", "(".repeat(1000), ")".repeat(1000));
        for text in [
            "",
            "id",
            "id eq",
            "id eq 'a",
            "id eq 'a' and",
            "(id eq 'a'",
            "id lt 'a'",
            "nosuch eq 'a'",
            "id eq 'a' id",
            "startswith(id)",
            deep.as_str(),
        ] {
            assert!(Filter::parse(text, &USER).is_err(), "{text}");
        }
    }

    #[test]
    fn only_some_need_the_advanced_mode() {
        let advanced = |text: &str| Filter::parse(text, &USER).unwrap().is_advanced();
        assert!(!advanced("accountEnabled eq true and id in ('a')"));
        assert!(advanced("id eq 'a' or displayName ne 'b'"));
        assert!(advanced("not startswith(displayName,'a')"));
    }
}
