//! Parsing a caller's object field by field.

use serde_json::{Map, Value};

use super::{Problem, escape_pointer, kind_of, unknown};
use crate::base::id::Id;

/// The most entries of a list.
pub const ENTRIES_MAX: usize = 100;
/// The most characters of a long text, such as a message's body.
pub const TEXT_MAX: usize = 100_000;
/// The initial capacity: most kinds of objects have no more fields.
const FIELDS_CAPACITY: usize = 18;
/// The error for the one character that PostgreSQL can't store in a text.
pub const UNSTORABLE: &str = "contains the character U+0000, which can't be stored";

/// Takes fields out of a caller's object one by one, and collects their problems.
///
/// [`Fields::finish`] reports the fields that were not taken as unknown.
pub struct Fields {
    fields: Map<String, Value>,
    taken: Vec<&'static str>,
    problems: Vec<Problem>,
}

impl Fields {
    /// Starts with `value`, which must be an object.
    pub fn new(value: Value) -> Fields {
        match value {
            Value::Object(fields) => {
                Fields { fields, taken: Vec::with_capacity(FIELDS_CAPACITY), problems: Vec::new() }
            }
            _ => {
                Fields { fields: Map::new(), taken: Vec::new(), problems: vec![Problem::new("", "expected an object")] }
            }
        }
    }

    /// The field as sent; `None` if absent.
    pub fn take(&mut self, name: &'static str) -> Option<Value> {
        self.taken.push(name);
        self.fields.shift_remove(name)
    }

    /// A text field: `None` if absent, `Some(None)` if null.
    pub fn text(&mut self, name: &'static str, characters_max: usize) -> Option<Option<String>> {
        match self.take(name)? {
            Value::Null => Some(None),
            value => self.keep(format!("/{name}"), plain_text(value, characters_max)).map(Some),
        }
    }

    /// The id of another object, which is required. If it is invalid, returns the lowest id as a stand-in.
    pub fn id(&mut self, name: &'static str) -> Id {
        let value = self.take(name).unwrap_or_default();
        self.keep(format!("/{name}"), read_id(&value)).unwrap_or(Id::MIN)
    }

    /// A Boolean field; `None` if absent or null.
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

    /// A whole number within a range; `None` if absent or null.
    pub fn integer(&mut self, name: &'static str, range: std::ops::RangeInclusive<i64>) -> Option<i64> {
        let value = self.take(name).filter(|value| !value.is_null())?;
        let number = value.as_i64().filter(|number| range.contains(number));
        let (least, most) = (range.start(), range.end());
        self.keep(format!("/{name}"), number.ok_or_else(|| format!("expected a whole number from {least} to {most}")))
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

    /// A field that `read` parses, with problems relative to the field; `None` if absent, null or invalid.
    pub fn section<T>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(&Value) -> Result<T, Vec<Problem>>,
    ) -> Option<T> {
        let value = self.take(name).filter(|value| !value.is_null())?;
        let below = |problem: Problem| Problem::new(format!("/{name}{}", problem.pointer), problem.message);
        read(&value).map_err(|problems| self.problems(problems.into_iter().map(below))).ok()
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

    /// A list field whose entries `read` parses: `None` if absent, empty if null.
    pub fn entries<T>(&mut self, name: &'static str, read: impl Fn(Value) -> Result<T, String>) -> Option<Vec<T>> {
        let list = self.list(name)?;
        self.read_entries(name, list, read)
    }

    /// The valid entries of a list; `None` if there are too many.
    pub fn read_entries<T>(
        &mut self,
        name: &str,
        list: Vec<Value>,
        read: impl Fn(Value) -> Result<T, String>,
    ) -> Option<Vec<T>> {
        if list.len() > ENTRIES_MAX {
            self.problem(format!("/{name}"), too_many_entries());
            return None;
        }
        let entries = list.into_iter().enumerate();
        Some(entries.filter_map(|(index, entry)| self.keep(format!("/{name}/{index}"), read(entry))).collect())
    }

    /// The value of a result; on an error, notes the problem and returns `None`.
    pub fn keep<T>(&mut self, pointer: impl Into<String>, read: Result<T, String>) -> Option<T> {
        read.map_err(|message| self.problem(pointer, message)).ok()
    }

    /// Whether this field has no problem so far. The empty name is the object itself.
    pub fn is_valid(&self, name: &str) -> bool {
        self.problems.iter().all(|problem| problem.pointer.strip_prefix('/').unwrap_or_default() != name)
    }

    /// Notes a problem.
    pub fn problem(&mut self, pointer: impl Into<String>, message: impl Into<String>) {
        self.problems.push(Problem::new(pointer, message));
    }

    /// Notes several problems.
    pub fn problems(&mut self, problems: impl IntoIterator<Item = Problem>) {
        self.problems.extend(problems);
    }

    /// `value` if there are no problems and no unknown fields, otherwise all problems.
    pub fn finish<T>(mut self, value: T) -> Result<T, Vec<Problem>> {
        for name in self.fields.keys() {
            let message = unknown("attribute", name, self.taken.iter().copied());
            self.problems.push(Problem::new(format!("/{}", escape_pointer(name)), message));
        }
        if self.problems.is_empty() { Ok(value) } else { Err(self.problems) }
    }
}

/// The error for a list that is too long.
pub fn too_many_entries() -> String {
    format!("more than {ENTRIES_MAX} entries")
}

/// Reads `value` as an id.
///
/// # Errors
/// A sentence with the expected form.
pub fn read_id(value: &Value) -> Result<Id, String> {
    let id = value.as_str().and_then(|text| text.parse().ok());
    id.ok_or_else(|| "expected an id, which is 24 hexadecimal characters".into())
}

/// Reads `value` as a text of at most `characters_max` characters.
///
/// # Errors
/// A sentence that says what is wrong.
pub fn plain_text(value: Value, characters_max: usize) -> Result<String, String> {
    match value {
        Value::String(text) if text.chars().count() > characters_max => {
            Err(format!("longer than {characters_max} characters"))
        }
        Value::String(text) if text.contains('\0') => Err(UNSTORABLE.into()),
        Value::String(text) => Ok(text),
        other => Err(format!("expected a string, not {}", kind_of(&other))),
    }
}
