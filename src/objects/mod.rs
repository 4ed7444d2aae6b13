//! Customers, klasses, kobjects and entities: their fields and validation rules.
//!
//! Everything here is pure. Actions of workflows and HTTP handlers parse a caller's JSON into one of these types, get
//! all validation errors at once as [`Problem`]s, and pass the result to `changes`. Companies, conversations, messages,
//! notes and users share one type, [`Entity`].

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
pub mod phone;
pub mod shape;
mod user;

pub use contact::{Email, Phone};
pub use customer::Customer;
pub use entity::{Entity, EntityKind};
pub use fields::{ENTRIES_MAX, Fields, UNSTORABLE, plain_text, read_id};
pub use klass::{AttributeType, Klass, Property};
pub use kobject::KObject;

use serde_json::Value;

/// A validation error in one field of a caller's object.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
pub struct Problem {
    /// JSON pointer from the root of the object: `/custom/orderIdStr`.
    pub pointer: String,
    /// What is wrong and what is expected, as a sentence without a full stop.
    pub message: String,
}

impl Problem {
    pub fn new(pointer: impl Into<String>, message: impl Into<String>) -> Problem {
        Problem { pointer: pointer.into(), message: message.into() }
    }

    /// The same problem of a value that stands at `pointer` of another one.
    pub fn below(self, pointer: &str) -> Problem {
        Problem { pointer: format!("{pointer}{}", self.pointer), ..self }
    }
}

/// The candidate that `name` most likely misspells, if one is similar enough.
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let score = |candidate: &str| strsim::jaro_winkler(&name.to_lowercase(), &candidate.to_lowercase());
    candidates
        .into_iter()
        .map(|candidate| (score(candidate), candidate))
        .filter(|(score, _)| *score >= 0.8)
        .max_by(|left, right| left.0.total_cmp(&right.0))
        .map(|(_, candidate)| candidate)
}

/// `unknown attribute "x"`, with a suggestion if a candidate is similar.
pub fn unknown<'a>(what: &str, name: &str, candidates: impl IntoIterator<Item = &'a str>) -> String {
    match nearest(name, candidates) {
        Some(suggestion) => format!("unknown {what} `{name}`; did you mean `{suggestion}`?"),
        None => format!("unknown {what} `{name}`"),
    }
}

/// The problem of a reference to an object that does not exist.
pub fn missing(name: &str, kind: &str, id: crate::base::id::Id) -> Problem {
    Problem::new(format!("/{name}"), format!("{kind} {id} does not exist"))
}

/// Escapes a name as a token of a JSON pointer (RFC 6901).
pub fn escape_pointer(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

/// The type of a JSON value, with its article: `a string`, `null`, …
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
