//! Customers, klasses, kobjects and entities: their shapes and the rules that hold for them, whoever writes them.
//!
//! Everything here is pure. A workflow's action and an HTTP handler both turn a caller's JSON into one of these
//! types, are told of every problem at once as [`Problem`]s, and hand the result to `changes`. Companies,
//! conversations, messages, notes and users have so much in common that they are one type, [`Entity`], of five kinds.

mod company;
mod contact;
mod conversation;
pub mod customer;
pub mod diff;
pub mod entity;
mod entries;
mod fields;
pub mod klass;
pub mod kobject;
mod message;
mod note;
pub mod shape;
mod user;

pub use contact::{Email, Phone};
pub use customer::Customer;
pub use entity::{Entity, EntityKind};
pub use fields::{Fields, UNSTORABLE, read_id};
pub use klass::{AttributeType, Klass, Property};
pub use kobject::KObject;

use serde_json::Value;

/// What is wrong with one field of an object that a caller sent.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Problem {
    /// JSON pointer to the field, from the top of the object: `/custom/orderIdStr`.
    pub pointer: String,
    /// What is wrong and what would be right, in a sentence without a full stop.
    pub message: String,
}

impl Problem {
    pub fn new(pointer: impl Into<String>, message: impl Into<String>) -> Problem {
        Problem { pointer: pointer.into(), message: message.into() }
    }
}

/// The name among `candidates` that `name` is most likely a slip of, if one is near enough to suggest.
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let score = |candidate: &str| strsim::jaro_winkler(&name.to_lowercase(), &candidate.to_lowercase());
    candidates
        .into_iter()
        .map(|candidate| (score(candidate), candidate))
        .filter(|(score, _)| *score >= 0.8)
        .max_by(|left, right| left.0.total_cmp(&right.0))
        .map(|(_, candidate)| candidate)
}

/// `unknown attribute "x"` with a suggestion when one is near.
pub fn unknown<'a>(what: &str, name: &str, candidates: impl IntoIterator<Item = &'a str>) -> String {
    match nearest(name, candidates) {
        Some(suggestion) => format!("unknown {what} `{name}`; did you mean `{suggestion}`?"),
        None => format!("unknown {what} `{name}`"),
    }
}

/// What is wrong with a reference to something that there is not.
pub fn missing(name: &str, what: &str, id: crate::base::id::Id) -> Problem {
    Problem::new(format!("/{name}"), format!("there is no {what} {id}"))
}

/// Escapes a name for use as one part of a JSON pointer (RFC 6901).
pub fn escape_pointer(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

/// What a JSON value is, with its article: `a string`, `null`, …
pub fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}
