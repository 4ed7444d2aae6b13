//! Customers, klasses and kobjects: their shapes and the rules that hold for them, whoever writes them.
//!
//! Everything here is pure. A workflow's action and an HTTP handler both turn a caller's JSON into one of these
//! types, are told of every problem at once as [`Problem`]s, and hand the result to the store.

pub mod customer;
pub mod klass;
pub mod kobject;

pub use customer::{Customer, Email, Phone};
pub use klass::{AttributeType, Klass, Property};
pub use kobject::KObject;

use serde_json::{Map, Value};

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

/// Escapes a name for use as one part of a JSON pointer (RFC 6901).
pub fn escape_pointer(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

/// Takes fields out of a caller's object one by one, and remembers what was wrong with them.
///
/// Every field that the caller sent must be taken; [`Fields::finish`] reports the ones that nobody asked for.
pub struct Fields {
    fields: Map<String, Value>,
    taken: Vec<&'static str>,
    problems: Vec<Problem>,
}

impl Fields {
    /// Starts on `value`, which has to be an object.
    pub fn new(value: Value) -> Fields {
        match value {
            Value::Object(fields) => Fields { fields, taken: Vec::new(), problems: Vec::new() },
            _ => {
                Fields { fields: Map::new(), taken: Vec::new(), problems: vec![Problem::new("", "expected an object")] }
            }
        }
    }

    /// The field as it was sent; `None` if absent.
    pub fn take(&mut self, name: &'static str) -> Option<Value> {
        self.taken.push(name);
        self.fields.shift_remove(name)
    }

    /// A text field: `None` if absent, `Some(None)` if null.
    pub fn text(&mut self, name: &'static str, characters_max: usize) -> Option<Option<String>> {
        match self.take(name)? {
            Value::Null => Some(None),
            Value::String(text) if text.chars().count() <= characters_max => Some(Some(text)),
            Value::String(_) => {
                self.problem(format!("/{name}"), format!("longer than {characters_max} characters"));
                None
            }
            other => {
                self.problem(format!("/{name}"), format!("expected a string, not {}", kind_of(&other)));
                None
            }
        }
    }

    /// A true or false field; `None` if absent or null.
    pub fn boolean(&mut self, name: &'static str) -> Option<bool> {
        match self.take(name)? {
            Value::Bool(value) => Some(value),
            Value::Null => None,
            other => {
                self.problem(format!("/{name}"), format!("expected true or false, not {}", kind_of(&other)));
                None
            }
        }
    }

    /// An object field: `None` if absent, `Some(None)` if null.
    pub fn object(&mut self, name: &'static str) -> Option<Option<Map<String, Value>>> {
        match self.take(name)? {
            Value::Object(object) => Some(Some(object)),
            Value::Null => Some(None),
            other => {
                self.problem(format!("/{name}"), format!("expected an object, not {}", kind_of(&other)));
                None
            }
        }
    }

    /// A list field: `None` if absent, empty if null.
    pub fn list(&mut self, name: &'static str) -> Option<Vec<Value>> {
        match self.take(name)? {
            Value::Array(list) => Some(list),
            Value::Null => Some(Vec::new()),
            other => {
                self.problem(format!("/{name}"), format!("expected a list, not {}", kind_of(&other)));
                None
            }
        }
    }

    /// Notes a problem found by the caller's own rules.
    pub fn problem(&mut self, pointer: impl Into<String>, message: impl Into<String>) {
        self.problems.push(Problem::new(pointer, message));
    }

    /// Notes several problems.
    pub fn problems(&mut self, problems: impl IntoIterator<Item = Problem>) {
        self.problems.extend(problems);
    }

    /// `value` if nothing was wrong and nothing was left over, else every problem.
    pub fn finish<T>(mut self, value: T) -> Result<T, Vec<Problem>> {
        for name in self.fields.keys() {
            let message = unknown("attribute", name, self.taken.iter().copied());
            self.problems.push(Problem::new(format!("/{}", escape_pointer(name)), message));
        }
        if self.problems.is_empty() { Ok(value) } else { Err(self.problems) }
    }
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
