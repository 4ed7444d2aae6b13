//! The schemas of customers, kobjects and entities, as they are shown and as callers send them, made from their shapes.

use serde_json::{Map, Value, json};

use crate::objects::EntityKind;
use crate::objects::customer::DETAILS;
use crate::objects::klass::AttributeType;
use crate::objects::shape::{EXTERNAL_ID_MAX, Entry, Field, Type};

/// The most entries of a list.
const ENTRIES_MAX: usize = crate::objects::ENTRIES_MAX;

/// By name: of each kind of entity what it says of itself, what is sent to create one, and what is sent to change one; and the
/// same of customers and kobjects.
pub(super) fn components() -> Vec<(String, Value)> {
    let mut components = vec![
        ("CustomerDetails".to_owned(), shown(DETAILS, false)),
        ("NewCustomer".to_owned(), sent_customer()),
        ("CustomerChanges".to_owned(), sent_customer()),
        ("NewKObject".to_owned(), sent_kobject(true)),
        ("KObjectOfCustomer".to_owned(), without(sent_kobject(true), "customer")),
        ("KObjectChanges".to_owned(), sent_kobject(false)),
    ];
    for kind in EntityKind::ALL {
        let name = capitalised(kind.as_str());
        components.push((format!("{name}Attributes"), shown(kind.shape(), true)));
        components.push((format!("New{name}"), sent_entity(kind, true)));
        components.push((format!("{name}Changes"), sent_entity(kind, false)));
        for target in kind.shape().iter().filter_map(Field::target) {
            let of_target = optional(sent_entity(kind, true), target.kind);
            components.push((format!("{name}Of{}", capitalised(target.kind)), of_target));
        }
    }
    components
}

/// `company` as `Company`.
pub fn capitalised(word: &str) -> String {
    let mut characters = word.chars();
    characters.next().map(|first| first.to_uppercase().chain(characters).collect()).unwrap_or_default()
}

/// What is shown of an object: each attribute, whether it has a value or not; of an entity also its times and its revision.
fn shown(shape: &'static [Field], is_whole: bool) -> Value {
    let own = shape.iter().filter(|field| field.target().is_none());
    let mut properties: Map<String, Value> = own.map(|field| (field.name.to_owned(), shown_field(field.of))).collect();
    if is_whole {
        let time = json!({ "$ref": "#/components/schemas/Timestamp" });
        properties.insert("createdAt".into(), time.clone());
        properties.insert("updatedAt".into(), time);
        properties
            .insert("rev".into(), json!({ "type": "integer", "description": "How often it was written; 1 at first." }));
    }
    let required: Vec<&String> = properties.keys().collect();
    json!({ "type": "object", "required": required, "properties": properties })
}

fn shown_field(of: Type) -> Value {
    match of {
        Type::List(entry) => json!({ "type": "array", "items": shown_entry(entry) }),
        Type::Object => json!({ "type": "object" }),
        Type::Custom => json!({ "type": "object", "description": "By name; the suffix of the name is the type." }),
        Type::Enum(words) => {
            json!({ "enum": words.iter().map(|word| json!(word)).chain([Value::Null]).collect::<Vec<_>>() })
        }
        Type::Integer(..) => json!({ "type": ["integer", "null"] }),
        Type::Moment => json!({ "type": ["string", "null"], "format": "date-time" }),
        Type::Text(_) | Type::ExternalId | Type::Email | Type::Reference(_) => json!({ "type": ["string", "null"] }),
    }
}

fn shown_entry(entry: Entry) -> Value {
    match entry {
        Entry::Mention => object_of(&["user"]),
        Entry::TypedUrl => object_of(&["url", "type"]),
        Entry::Location => json!({ "type": "object" }),
        _ => json!({ "type": "string" }),
    }
}

/// An object with these texts.
fn object_of(names: &[&str]) -> Value {
    let properties: Map<String, Value> =
        names.iter().map(|name| ((*name).to_owned(), json!({ "type": "string" }))).collect();
    json!({ "type": "object", "required": names, "properties": properties })
}

fn sent_entity(kind: EntityKind, is_new: bool) -> Value {
    let fields = kind.shape().iter();
    let properties = fields.map(|field| (field.name.to_owned(), sent_field(field))).collect();
    let required = kind.shape().iter().filter(|field| field.required && is_new);
    let mut schema = sent(properties, required.map(|field| field.name).collect());
    if kind == EntityKind::Note && is_new {
        schema["anyOf"] = json!([{ "required": ["conversation"] }, { "required": ["customer"] }]);
    }
    schema
}

/// The same with a field that may be absent, because the address says what it is.
fn optional(mut schema: Value, name: &str) -> Value {
    if let Some(required) = schema["required"].as_array_mut() {
        required.retain(|required| required != name);
    }
    if let Some(members) = schema.as_object_mut() {
        members.shift_remove("anyOf");
    }
    schema
}

/// The same without a field.
fn without(mut schema: Value, name: &str) -> Value {
    if let Some(properties) = schema["properties"].as_object_mut() {
        properties.shift_remove(name);
    }
    schema
}

/// An object that a caller sends: unknown attributes are errors.
fn sent(properties: Map<String, Value>, required: Vec<&str>) -> Value {
    json!({ "type": "object", "required": required, "properties": properties, "additionalProperties": false })
}

fn sent_field(field: &Field) -> Value {
    let mut schema = match field.of {
        Type::Text(characters_max) => json!({ "type": ["string", "null"], "maxLength": characters_max }),
        Type::ExternalId => external_id(),
        Type::Email => json!({ "type": ["string", "null"], "maxLength": 254, "examples": ["ann@example.com"] }),
        Type::Enum(_) => shown_field(field.of),
        Type::Integer(least, most) => json!({ "type": ["integer", "null"], "minimum": least, "maximum": most }),
        Type::Moment => json!({ "type": ["string", "null"], "examples": ["2017-12-22T05:23:02.138Z"] }),
        Type::List(entry) => list_of(sent_entry(entry)),
        Type::Object => json!({ "type": ["object", "null"] }),
        Type::Custom => custom(),
        Type::Reference(target) => {
            json!({ "type": ["string", "null"], "pattern": ID, "description": format!("The id of a {}.", target.kind) })
        }
    };
    if field.required {
        schema["type"] = json!("string");
        if matches!(field.of, Type::Text(_)) {
            schema["pattern"] = json!(r"\S");
        }
    }
    schema
}

/// What an id looks like.
const ID: &str = "^[0-9a-fA-F]{24}$";

fn external_id() -> Value {
    json!({
        "type": ["string", "null"],
        "maxLength": EXTERNAL_ID_MAX,
        "description": "What it is known by in another system; unique among its kind.",
    })
}

fn list_of(entry: Value) -> Value {
    json!({ "type": ["array", "null"], "items": entry, "maxItems": ENTRIES_MAX })
}

fn sent_entry(entry: Entry) -> Value {
    let text = |characters_max: usize| json!({ "type": "string", "minLength": 1, "maxLength": characters_max });
    let id = || json!({ "type": "string", "pattern": ID });
    match entry {
        Entry::Tag => text(128),
        Entry::Id => id(),
        Entry::Mention => either(id(), [("user", id())], &["user"]),
        Entry::Email => text(254),
        Entry::Phone => text(64),
        Entry::Url => text(2_048),
        Entry::Domain => text(253),
        Entry::TypedUrl => {
            let kind = json!({ "type": ["string", "null"], "maxLength": 64 });
            either(text(2_048), [("url", text(2_048)), ("type", kind)], &["url"])
        }
        Entry::Location => json!({ "type": "object" }),
    }
}

/// The plain value, or an object with it.
fn either<const N: usize>(plain: Value, properties: [(&str, Value); N], required: &[&str]) -> Value {
    let properties = properties.into_iter().map(|(name, schema)| (name.to_owned(), schema)).collect();
    json!({ "anyOf": [plain, sent(properties, required.to_vec())] })
}

/// Custom attributes of what has no klass.
fn custom() -> Value {
    let typed = AttributeType::SUFFIXES.map(|(suffix, of)| (format!(".{suffix}$"), sent_attribute(of)));
    json!({
        "type": ["object", "null"],
        "patternProperties": typed.into_iter().collect::<Map<String, Value>>(),
        "additionalProperties": false,
        "description": "By name, whose suffix is the type; null takes one away.",
    })
}

fn sent_attribute(of: AttributeType) -> Value {
    match of {
        AttributeType::Str | AttributeType::Txt | AttributeType::Id => {
            json!({ "type": ["string", "number", "boolean", "null"] })
        }
        AttributeType::Num => json!({ "type": ["number", "string", "null"] }),
        AttributeType::Bool => json!({ "enum": [true, false, "true", "false", null] }),
        AttributeType::At => json!({ "type": ["string", "number", "null"] }),
        AttributeType::Url => json!({ "type": ["string", "null"] }),
    }
}

fn sent_customer() -> Value {
    let contact = |name: &str, kinds: &[&str]| {
        let kinds: Vec<Value> = kinds.iter().map(|kind| json!(kind)).chain([Value::Null]).collect();
        let text = || json!({ "type": "string", "minLength": 1 });
        let verified = json!({ "type": ["boolean", "null"] });
        either(text(), [(name, text()), ("type", json!({ "enum": kinds })), ("verified", verified)], &[name])
    };
    let (email, phone) =
        (contact("email", &["home", "work", "other"]), contact("phone", &["mobile", "home", "work", "fax", "other"]));
    let or_null = |mut schema: Value| {
        schema["anyOf"].as_array_mut().into_iter().for_each(|any| any.push(json!({ "type": "null" })));
        schema
    };
    let mut properties = Map::new();
    let mut add = |name: &str, schema: Value| properties.insert(name.to_owned(), schema);
    add("name", json!({ "type": ["string", "null"], "maxLength": 256 }));
    add("externalId", external_id());
    add("emails", list_of(email.clone()));
    add("email", or_null(email));
    add("phones", list_of(phone.clone()));
    add("phone", or_null(phone));
    DETAILS.iter().for_each(|field| drop(add(field.name, sent_field(field))));
    add("custom", custom());
    sent(properties, Vec::new())
}

fn sent_kobject(is_new: bool) -> Value {
    let mut properties = Map::new();
    let mut add = |name: &str, schema: Value| properties.insert(name.to_owned(), schema);
    add("title", json!({ "type": "string", "maxLength": 1_024, "pattern": r"\S" }));
    add("externalId", external_id());
    add("icon", json!({ "type": ["string", "null"], "maxLength": 64 }));
    add("data", json!({ "type": ["object", "null"], "description": "Free-form." }));
    let declared = "By name, as the klass declares them; null takes one away.";
    add("custom", json!({ "type": ["object", "null"], "description": declared }));
    if is_new {
        let customer =
            json!({ "type": ["string", "null"], "pattern": ID, "description": "On whose timeline it stands." });
        add("customer", customer);
    }
    sent(properties, if is_new { vec!["title"] } else { Vec::new() })
}
