//! Shapes: the fields of a kind of object and their types.
//!
//! Companies, conversations, messages, notes, users and the details of customers are tables of [`Field`]s. [`merge`]
//! reads a caller's JSON by such a table and notes all problems; [`show`] writes the values. Only fields with a value
//! are stored: an absent field is null, an empty list or an empty object.
//!
//! Limits: [`ENTRIES_MAX`] entries in a list, [`OBJECT_BYTES_MAX`] bytes in an object.

use serde_json::{Map, Value, json};

use super::diff::is_empty;
pub use super::entries::Entry;
use super::entries::{self, limited_object};
use super::fields::{ENTRIES_MAX, Fields, plain_text, too_many_entries};
use super::kind_of;
use super::klass::{AttributeType, merge_custom};
use crate::base::id::Id;

/// The largest object field, in bytes of JSON.
pub const OBJECT_BYTES_MAX: usize = 100_000;
/// The longest external id, in characters.
pub const EXTERNAL_ID_MAX: usize = 256;

/// The type of a field.
#[derive(Clone, Copy, Debug)]
pub enum Type {
    /// Text of at most this many characters.
    Text(usize),
    /// The id in another system, unique within the kind; an empty text clears it.
    ExternalId,
    Email,
    /// One of these strings.
    Enum(&'static [&'static str]),
    /// An integer from a minimum to a maximum, inclusive.
    Integer(i64, i64),
    /// An ISO 8601 date-time.
    Moment,
    /// A list without duplicates.
    List(Entry),
    /// A free-form object, replaced as a whole.
    Object,
    /// Custom attributes, typed by the suffixes of their names and merged one by one.
    Custom,
    /// The id of another object, shown as a relationship.
    Reference(&'static Target),
}

/// The kind of object that a reference points to.
#[derive(Debug)]
pub struct Target {
    /// The name: `customer`.
    pub kind: &'static str,
    /// The plural, as in URLs: `customers`.
    pub plural: &'static str,
    /// Whether the reference can't change after creation.
    pub immutable: bool,
}

pub const COMPANY: Type = Type::Reference(&Target { kind: "company", plural: "companies", immutable: false });
pub const CONVERSATION: Type =
    Type::Reference(&Target { kind: "conversation", plural: "conversations", immutable: true });
pub const CUSTOMER: Type = Type::Reference(&Target { kind: "customer", plural: "customers", immutable: true });
pub const USER: Type = Type::Reference(&Target { kind: "user", plural: "users", immutable: false });

/// One field of a shape.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    pub name: &'static str,
    pub of: Type,
    pub required: bool,
    /// The value if the caller omits it.
    pub default: Option<&'static str>,
}

/// An optional field.
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

    /// The target, if the field is a reference.
    pub fn target(&self) -> Option<&'static Target> {
        match self.of {
            Type::Reference(target) => Some(target),
            _ => None,
        }
    }

    /// Replaces the value with a caller's. Returns whether that is valid.
    fn merge(&self, new: Value, mode: MergeMode, values: &mut Map<String, Value>, fields: &mut Fields) -> bool {
        let pointer = format!("/{}", self.name);
        let read = match (self.of, new) {
            (_, Value::Null) => Ok(Value::Null),
            (Type::List(entry), Value::Array(list)) => {
                let Some(read) = fields.read_entries(self.name, list, |value| entry.read(value)) else { return false };
                let mut entries = Vec::with_capacity(read.len());
                read.into_iter().for_each(|entry| add_once(&mut entries, entry));
                Ok(Value::Array(entries))
            }
            (Type::Custom, Value::Object(changes)) => {
                let mut custom = match values.remove(self.name) {
                    Some(Value::Object(custom)) => custom,
                    _ => Map::new(),
                };
                merge_custom(&mut custom, changes, fields);
                Ok(Value::Object(custom))
            }
            (of, new) => of.read(new),
        };
        let is_immutable = mode == MergeMode::Update && self.target().is_some_and(|target| target.immutable);
        let read = match read {
            Ok(value) if is_immutable && values.get(self.name).unwrap_or(&Value::Null) != &value => {
                Err("can't be changed after creation".into())
            }
            read => read,
        };
        fields.keep(pointer, read).map(|value| set(values, self.name, value)).is_some()
    }

    /// Sets the default if there is no value, or notes a problem if the field is required.
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
    /// Reads a value of this type.
    fn read(self, value: Value) -> Result<Value, String> {
        match self {
            Type::Text(characters_max) => plain_text(value, characters_max).map(Value::String),
            Type::ExternalId => plain_text(value, EXTERNAL_ID_MAX)
                .map(|text| if text.is_empty() { Value::Null } else { Value::String(text) }),
            Type::Email => entries::email(value),
            Type::Enum(names) => match value {
                Value::String(name) if names.contains(&name.as_str()) => Ok(Value::String(name)),
                _ => Err(format!("expected one of {}", names.join(", "))),
            },
            Type::Integer(least, most) => match value.as_i64() {
                Some(number) if (least..=most).contains(&number) => Ok(json!(number)),
                _ => Err(format!("expected a whole number from {least} to {most}")),
            },
            Type::Moment => AttributeType::At.convert(value),
            Type::Object => match value {
                Value::Object(object) => limited_object(object, OBJECT_BYTES_MAX),
                other => Err(format!("expected an object, not {}", kind_of(&other))),
            },
            Type::Reference(target) => entries::id(value)
                .map_err(|_| format!("expected the id of a {}, which is 24 hexadecimal characters", target.kind)),
            Type::List(_) => Err(format!("expected a list, not {}", kind_of(&value))),
            Type::Custom => Err(format!("expected an object, not {}", kind_of(&value))),
        }
    }

    /// The JSON of an absent value.
    fn absent(self) -> Value {
        match self {
            Type::List(_) => json!([]),
            Type::Object | Type::Custom => json!({}),
            _ => Value::Null,
        }
    }
}

/// Whether an object is created or updated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MergeMode {
    Create,
    Update,
}

/// Merges a caller's `fields` into `values`: a present field replaces the value, null clears it, and custom attributes
/// are merged one by one. Problems are noted in `fields`.
pub fn merge(shape: &'static [Field], mode: MergeMode, values: &mut Map<String, Value>, fields: &mut Fields) {
    for field in shape {
        let is_valid = fields.take(field.name).is_none_or(|new| field.merge(new, mode, values, fields));
        if is_valid {
            field.complete(values, fields);
        }
    }
}

/// Adds the values of `other`: additional entries of lists, and fields without a value. Otherwise `values` wins.
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

/// Writes the attributes, that is, the fields that are not references, in the order of the shape.
pub fn show(shape: &'static [Field], mut values: Map<String, Value>, attributes: &mut Map<String, Value>) {
    for field in shape.iter().filter(|field| field.target().is_none()) {
        attributes.insert(field.name.into(), values.remove(field.name).unwrap_or_else(|| field.of.absent()));
    }
}

/// The references of a shape, each with its id if set.
pub fn references(
    shape: &'static [Field],
    values: &Map<String, Value>,
) -> impl Iterator<Item = (&'static str, &'static Target, Option<Id>)> {
    shape.iter().filter_map(|field| Some((field.name, field.target()?, reference(values, field.name))))
}

/// The id in the reference field `name`.
pub fn reference(values: &Map<String, Value>, name: &str) -> Option<Id> {
    values.get(name)?.as_str()?.parse().ok()
}

fn add_once(list: &mut Vec<Value>, entry: Value) {
    if !list.contains(&entry) {
        list.push(entry);
    }
}

/// Stores a value, or removes the field if the value is empty.
fn set(values: &mut Map<String, Value>, name: &str, value: Value) {
    match is_empty(&value) {
        true => drop(values.remove(name)),
        false => drop(values.insert(name.into(), value)),
    }
}
