//! Shapes: which fields a kind of object has, and what each may hold.
//!
//! Companies, conversations, messages, notes and users, and the details of customers, are tables of [`Field`]s. One
//! reader turns a caller's JSON into values by such a table and notes everything that is wrong; one writer shows them.
//! Only what has a value is kept: a name that is absent stands for null, an empty list or an empty object.
//!
//! Limits: a list has at most [`ENTRIES_MAX`] entries, and an object [`OBJECT_BYTES_MAX`] bytes.

use serde_json::{Map, Value, json};

use super::diff::says_nothing;
use super::entries::{self, limited_object};
use super::fields::{ENTRIES_MAX, Fields, plain_text, too_many_entries};
use super::kind_of;
use super::klass::{AttributeType, merge_custom};
use crate::base::id::Id;

/// The most bytes of an object field, as JSON.
pub const OBJECT_BYTES_MAX: usize = 100_000;
/// The most characters of an external id.
const EXTERNAL_ID_MAX: usize = 256;

/// Reads one entry of a list: the entry as it is kept, or what is wrong with it.
pub type Entry = fn(Value) -> Result<Value, String>;

/// What a field may hold.
#[derive(Clone, Copy, Debug)]
pub enum Type {
    /// Text of at most so many characters.
    Text(usize),
    /// What it is known by in another system, unique among its kind; empty text is none.
    ExternalId,
    Email,
    /// One of a few words.
    Word(&'static [&'static str]),
    /// A whole number from the first to the second.
    Number(i64, i64),
    /// An ISO 8601 date-time.
    Moment,
    /// A list without repetitions.
    List(Entry),
    /// Free-form; replaced as a whole.
    Object,
    /// Custom attributes, typed by the suffix of their names; merged one by one.
    Custom,
    /// The id of another object; shown as a relationship.
    Reference(&'static Target),
}

/// What a reference leads to.
#[derive(Debug)]
pub struct Target {
    /// `customer`, as `type` shows it, and `customers`, as addresses do.
    pub kind: &'static str,
    pub plural: &'static str,
    /// Whether an object that was created with one keeps it.
    pub fixed: bool,
}

pub const COMPANY: Type = Type::Reference(&Target { kind: "company", plural: "companies", fixed: false });
pub const CONVERSATION: Type = Type::Reference(&Target { kind: "conversation", plural: "conversations", fixed: true });
pub const CUSTOMER: Type = Type::Reference(&Target { kind: "customer", plural: "customers", fixed: true });
pub const USER: Type = Type::Reference(&Target { kind: "user", plural: "users", fixed: false });

/// One field of a shape.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    pub name: &'static str,
    pub of: Type,
    pub required: bool,
    /// What it holds if nobody says.
    pub default: Option<&'static str>,
}

/// A field that may be absent.
pub const fn field(name: &'static str, of: Type) -> Field {
    Field { name, of, required: false, default: None }
}

impl Field {
    pub const fn required(self) -> Field {
        Field { required: true, ..self }
    }

    pub const fn default(self, word: &'static str) -> Field {
        Field { default: Some(word), ..self }
    }

    /// Whether it is shown as a relationship.
    pub fn target(&self) -> Option<&'static Target> {
        match self.of {
            Type::Reference(target) => Some(target),
            _ => None,
        }
    }

    /// Puts what a caller sent in the place of what there is. Whether nothing was wrong with it.
    fn merge(&self, sent: Value, occasion: Occasion, values: &mut Map<String, Value>, fields: &mut Fields) -> bool {
        let pointer = format!("/{}", self.name);
        let read = match (self.of, sent) {
            (_, Value::Null) => Ok(Value::Null),
            (Type::List(entry), Value::Array(list)) => {
                let Some(read) = fields.read_entries(self.name, list, entry) else { return false };
                let mut own = Vec::with_capacity(read.len());
                read.into_iter().for_each(|entry| add_once(&mut own, entry));
                Ok(Value::Array(own))
            }
            (Type::Custom, Value::Object(changes)) => {
                let mut custom = match values.remove(self.name) {
                    Some(Value::Object(custom)) => custom,
                    _ => Map::new(),
                };
                merge_custom(&mut custom, changes, fields);
                Ok(Value::Object(custom))
            }
            (of, sent) => of.admit(sent),
        };
        let is_fixed = occasion == Occasion::Change && self.target().is_some_and(|target| target.fixed);
        let read = match read {
            Ok(value) if is_fixed && values.get(self.name).unwrap_or(&Value::Null) != &value => {
                Err("it can't be changed".into())
            }
            read => read,
        };
        fields.keep(pointer, read).map(|value| set(values, self.name, value)).is_some()
    }

    /// Sees to it that there is a value if there has to be one.
    fn complete(&self, values: &mut Map<String, Value>, fields: &mut Fields) {
        let is_blank = |value: &Value| value.as_str().is_some_and(|text| text.trim().is_empty());
        if values.get(self.name).is_some_and(|value| !is_blank(value)) {
            return;
        }
        if let Some(default) = self.default {
            values.insert(self.name.into(), json!(default));
        }
        if self.required {
            fields.problem(format!("/{}", self.name), format!("a {} is required", self.name));
        }
    }
}

impl Type {
    /// A value of this type as it is kept.
    fn admit(self, value: Value) -> Result<Value, String> {
        match self {
            Type::Text(characters_max) => plain_text(value, characters_max).map(Value::String),
            Type::ExternalId => plain_text(value, EXTERNAL_ID_MAX)
                .map(|text| if text.is_empty() { Value::Null } else { Value::String(text) }),
            Type::Email => entries::email(value),
            Type::Word(words) => match value {
                Value::String(word) if words.contains(&word.as_str()) => Ok(Value::String(word)),
                _ => Err(format!("expected one of {}", words.join(", "))),
            },
            Type::Number(least, most) => match value.as_i64() {
                Some(number) if (least..=most).contains(&number) => Ok(json!(number)),
                _ => Err(format!("expected a whole number from {least} to {most}")),
            },
            Type::Moment => AttributeType::At.admit(value),
            Type::Object => match value {
                Value::Object(object) => limited_object(object, OBJECT_BYTES_MAX),
                other => Err(format!("expected an object, not {}", kind_of(&other))),
            },
            Type::Reference(target) => entries::id(value)
                .map_err(|_| format!("expected a {}'s id, which is 24 hexadecimal characters", target.kind)),
            Type::List(_) => Err(format!("expected a list, not {}", kind_of(&value))),
            Type::Custom => Err(format!("expected an object, not {}", kind_of(&value))),
        }
    }

    /// What is shown if there is no value.
    fn nothing(self) -> Value {
        match self {
            Type::List(_) => json!([]),
            Type::Object | Type::Custom => json!({}),
            _ => Value::Null,
        }
    }
}

/// What is done with a caller's object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Occasion {
    Creation,
    Change,
}

/// Merges what a caller sent into the values that there are: fields that are present replace, null clears, and custom
/// attributes are merged one by one. Everything that is wrong is noted in `fields`.
pub fn merge(shape: &'static [Field], occasion: Occasion, values: &mut Map<String, Value>, fields: &mut Fields) {
    for field in shape {
        let sound = fields.take(field.name).is_none_or(|sent| field.merge(sent, occasion, values, fields));
        if sound {
            field.complete(values, fields);
        }
    }
}

/// Adds what `other` has more: entries of its lists, and what there is no value for. Otherwise `values` wins.
pub fn unite(shape: &'static [Field], values: &mut Map<String, Value>, other: Map<String, Value>, fields: &mut Fields) {
    for (name, theirs) in other {
        let Some(field) = shape.iter().find(|field| field.name == name) else { continue };
        match (values.get_mut(&name), theirs) {
            (Some(Value::Array(own)), Value::Array(theirs)) => {
                theirs.into_iter().for_each(|entry| add_once(own, entry));
                if own.len() > ENTRIES_MAX {
                    fields.problem(format!("/{}", field.name), too_many_entries());
                }
            }
            (Some(_), _) => {}
            (None, theirs) => drop(values.insert(name, theirs)),
        }
    }
}

/// Shows the values that are no references, in the order of the shape.
pub fn show(shape: &'static [Field], mut values: Map<String, Value>, shown: &mut Map<String, Value>) {
    for field in shape.iter().filter(|field| field.target().is_none()) {
        shown.insert(field.name.into(), values.remove(field.name).unwrap_or_else(|| field.of.nothing()));
    }
}

/// The references of a shape, each with its id if there is one.
pub fn references(
    shape: &'static [Field],
    values: &Map<String, Value>,
) -> impl Iterator<Item = (&'static str, &'static Target, Option<Id>)> {
    shape.iter().filter_map(|field| Some((field.name, field.target()?, reference(values, field.name))))
}

/// The id in a reference.
pub fn reference(values: &Map<String, Value>, name: &str) -> Option<Id> {
    values.get(name)?.as_str()?.parse().ok()
}

fn add_once(list: &mut Vec<Value>, entry: Value) {
    if !list.contains(&entry) {
        list.push(entry);
    }
}

/// Keeps a value, or nothing in its place if it says nothing.
fn set(values: &mut Map<String, Value>, name: &str, value: Value) {
    match says_nothing(&value) {
        true => drop(values.remove(name)),
        false => drop(values.insert(name.into(), value)),
    }
}
