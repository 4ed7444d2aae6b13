//! Klasses: the types of custom objects and their attributes.
//!
//! The suffix of an attribute's name is its type, as in Kustomer: `orderIdStr`, `priceNum`, `paidAt`. Attributes that a
//! klass does not declare are errors, so that a misspelled name is found at once.
//!
//! Limits: a klass has at most [`PROPERTIES_MAX`] properties; `Str` holds 1,024 characters, `Txt` 100,000, `Url` 2,048.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{Fields, Problem, escape_pointer, kind_of, unknown};
use crate::base::date_text;
use crate::base::id::Id;
use crate::base::time::Timestamp;

/// The most properties of a klass.
pub const PROPERTIES_MAX: usize = 500;

/// The most custom attributes of an object that is not of a klass.
pub const CUSTOM_MAX: usize = 500;

/// The definition of a type of custom object.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Klass {
    pub id: Id,
    /// Unique within the org; lower-case letters, digits, dashes and underscores.
    pub name: String,
    pub display_name: String,
    pub icon: Option<String>,
    /// The declared attributes by name; the suffix of the name is the type.
    pub properties: Map<String, Value>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// A validated klass from a file or a caller, before it is stored.
#[derive(Clone, Debug, PartialEq)]
pub struct KlassDraft {
    pub name: String,
    pub display_name: String,
    pub icon: Option<String>,
    pub properties: Map<String, Value>,
}

/// The declaration of an attribute, beyond its name.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Property {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

/// The type of a custom attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttributeType {
    Str,
    Txt,
    Num,
    At,
    Bool,
    Url,
    Id,
}

impl AttributeType {
    /// The suffixes.
    pub const SUFFIXES: [(&'static str, AttributeType); 7] = [
        ("Str", AttributeType::Str),
        ("Txt", AttributeType::Txt),
        ("Num", AttributeType::Num),
        ("At", AttributeType::At),
        ("Bool", AttributeType::Bool),
        ("Url", AttributeType::Url),
        ("Id", AttributeType::Id),
    ];

    /// The type of the attribute called `name`; `None` if it has no known suffix.
    pub fn of(name: &str) -> Option<AttributeType> {
        Self::SUFFIXES
            .iter()
            .find(|(suffix, _)| name.len() > suffix.len() && name.ends_with(suffix))
            .map(|(_, attribute_type)| *attribute_type)
    }

    /// Converts `value` to this type where no information is lost (`"42"` to 42 for `Num`, 42 to `"42"` for `Str`).
    ///
    /// # Errors
    /// A sentence with the expected type.
    pub fn convert(self, value: Value) -> Result<Value, String> {
        let refuse = |expected: &str, value: &Value| Err(format!("expected {expected}, not {}", describe(value)));
        match (self, value) {
            (_, Value::Null) => Ok(Value::Null),
            (AttributeType::Str, value) => limited_text(value, 1_024, "`Str`"),
            (AttributeType::Txt, value) => limited_text(value, 100_000, "`Txt`"),
            (AttributeType::Id, value) => limited_text(value, 1_024, "`Id`"),
            (AttributeType::Num, Value::Number(number)) => Ok(Value::Number(number)),
            (AttributeType::Num, Value::String(text)) => {
                match serde_json::from_str::<serde_json::Number>(text.trim()) {
                    Ok(number) => Ok(Value::Number(number)),
                    Err(_) => refuse("a number", &Value::String(text)),
                }
            }
            (AttributeType::Num, other) => refuse("a number", &other),
            (AttributeType::Bool, Value::Bool(value)) => Ok(Value::Bool(value)),
            (AttributeType::Bool, Value::String(text)) if text == "true" || text == "false" => {
                Ok(Value::Bool(text == "true"))
            }
            (AttributeType::Bool, other) => refuse("true or false", &other),
            (AttributeType::At, value) => match date_text::read(&value) {
                Some(moment) => Ok(Value::String(moment.to_string())),
                None => refuse("a date such as 2017-12-22T05:23:02Z, or seconds or milliseconds since 1970", &value),
            },
            (AttributeType::Url, Value::String(text)) if text.len() <= 2_048 && url::Url::parse(&text).is_ok() => {
                Ok(Value::String(text))
            }
            (AttributeType::Url, other) => refuse("an absolute URL of at most 2,048 characters", &other),
        }
    }
}

fn limited_text(value: Value, characters_max: usize, suffix: &str) -> Result<Value, String> {
    let text = match value {
        Value::String(text) => text,
        Value::Number(number) => number.to_string(),
        Value::Bool(value) => value.to_string(),
        other => return Err(format!("expected a string, not {}", kind_of(&other))),
    };
    if text.chars().count() > characters_max {
        return Err(format!("longer than {characters_max} characters, the limit of {suffix}"));
    }
    Ok(Value::String(text))
}

/// Describes a value for an error message: short values in full, others by type.
fn describe(value: &Value) -> String {
    match value {
        Value::String(text) if text.chars().count() <= 40 => format!("{text:?}"),
        Value::Number(number) => number.to_string(),
        other => kind_of(other).to_owned(),
    }
}

impl Klass {
    /// The klass's attributes as in HTTP responses and step outputs.
    pub fn attributes(&self) -> Map<String, Value> {
        let attributes = [
            ("name", json!(self.name)),
            ("displayName", json!(self.display_name)),
            ("icon", json!(self.icon)),
            ("properties", json!(self.properties)),
            ("createdAt", json!(self.created_at)),
            ("updatedAt", json!(self.updated_at)),
        ];
        attributes.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }
}

impl KlassDraft {
    /// Reads `{name, displayName?, icon?, properties?}`.
    ///
    /// # Errors
    /// All problems, with their pointers.
    pub fn read(value: Value) -> Result<KlassDraft, Vec<Problem>> {
        let mut fields = Fields::new(value);
        let name = fields.text("name", 64).flatten().unwrap_or_default();
        if !is_klass_name(&name) {
            fields.problem("/name", "expected a name of 1 to 64 lower-case letters, digits, dashes and underscores");
        }
        let display_name = fields.text("displayName", 256).flatten().unwrap_or_else(|| title_case(&name));
        let icon = fields.text("icon", 64).flatten();
        let properties = fields.object("properties").flatten().unwrap_or_default();
        fields.problems(check_properties(&properties));
        fields.finish(KlassDraft { name, display_name, icon, properties })
    }
}

/// Whether `name` is a valid name of a klass. The names of hooks follow the same rule.
pub fn is_klass_name(name: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'_';
    (1..=64).contains(&name.len()) && name.bytes().all(is_allowed)
}

fn check_properties(properties: &Map<String, Value>) -> Vec<Problem> {
    let mut problems = Vec::new();
    if properties.len() > PROPERTIES_MAX {
        problems.push(Problem::new("/properties", format!("more than {PROPERTIES_MAX} properties")));
    }
    for (name, property) in properties {
        let pointer = format!("/properties/{}", escape_pointer(name));
        if AttributeType::of(name).is_none() {
            let suffixes = AttributeType::SUFFIXES.map(|(suffix, _)| suffix).join(", ");
            problems.push(Problem::new(&pointer, format!("`{name}` must end in a type suffix: one of {suffixes}")));
        }
        if let Err(error) = Property::deserialize(property) {
            problems.push(Problem::new(pointer, format!("invalid property: {error}")));
        }
    }
    problems
}

/// Checks custom attributes against the properties of a klass, and converts them to their types.
///
/// # Errors
/// All problems, with pointers below `/custom`.
pub fn check_custom(
    klass_name: &str,
    properties: &Map<String, Value>,
    custom: Map<String, Value>,
) -> Result<Map<String, Value>, Vec<Problem>> {
    let mut converted = Map::with_capacity(custom.len());
    let mut problems = Vec::new();
    for (name, value) in custom {
        let pointer = || format!("/custom/{}", escape_pointer(&name));
        if !properties.contains_key(&name) {
            let message = unknown("attribute", &name, properties.keys().map(String::as_str));
            problems.push(Problem::new(pointer(), format!("{message} (klass `{klass_name}` does not declare it)")));
            continue;
        }
        match AttributeType::of(&name).map_or(Ok(Value::Null), |attribute_type| attribute_type.convert(value)) {
            Ok(value) => drop(converted.insert(name, value)),
            Err(message) => problems.push(Problem::new(pointer(), message)),
        }
    }
    if problems.is_empty() { Ok(converted) } else { Err(problems) }
}

/// Merges undeclared custom attributes one by one; null removes one.
pub fn merge_custom(custom: &mut Map<String, Value>, changes: Map<String, Value>, fields: &mut Fields) {
    for (name, value) in changes {
        let pointer = format!("/custom/{}", escape_pointer(&name));
        let Some(attribute_type) = AttributeType::of(&name) else {
            let suffixes = AttributeType::SUFFIXES.map(|(suffix, _)| suffix).join(", ");
            fields.problem(pointer, format!("`{name}` must end in a type suffix: one of {suffixes}"));
            continue;
        };
        match attribute_type.convert(value) {
            Ok(Value::Null) => drop(custom.shift_remove(&name)),
            Ok(value) => drop(custom.insert(name, value)),
            Err(message) => fields.problem(pointer, message),
        }
    }
    if custom.len() > CUSTOM_MAX {
        fields.problem("/custom", format!("more than {CUSTOM_MAX} attributes"));
    }
}

/// Converts `online-order` to `Online Order`.
fn title_case(name: &str) -> String {
    let capitalised = |word: &str| {
        let mut characters = word.chars();
        characters.next().map(|first| first.to_uppercase().chain(characters).collect::<String>()).unwrap_or_default()
    };
    name.split(['-', '_']).map(capitalised).collect::<Vec<_>>().join(" ")
}
