//! Readers for the entries of lists; see [`super::shape::Entry`].

use serde_json::{Map, Value, json};

use super::contact::{check_email, check_phone};
use super::fields::{plain_text, read_id};
use super::klass::AttributeType;
use super::{kind_of, unknown};

/// What a list holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry {
    /// 1 to 128 characters, without spaces around them.
    Tag,
    /// The id of something that need not exist.
    Id,
    /// `{"user"}`, or the plain id.
    Mention,
    Email,
    Phone,
    /// An absolute URL.
    Url,
    /// In lower case.
    Domain,
    /// An absolute URL with what it is: `{"url", "type"}`, or the plain URL.
    TypedUrl,
    /// A place, in whatever attributes.
    Location,
}

impl Entry {
    /// The entry as it is kept.
    ///
    /// # Errors
    /// A sentence that says what is wrong.
    pub fn read(self, value: Value) -> Result<Value, String> {
        match self {
            Entry::Tag => tag(value),
            Entry::Id => id(value),
            Entry::Mention => mention(value),
            Entry::Email => email(value),
            Entry::Phone => phone(value),
            Entry::Url => url(value),
            Entry::Domain => domain(value),
            Entry::TypedUrl => typed_url(value),
            Entry::Location => location(value),
        }
    }
}

/// The largest location, in bytes of JSON.
const LOCATION_BYTES_MAX: usize = 4_096;

fn tag(value: Value) -> Result<Value, String> {
    match plain_text(value, 128)?.trim() {
        "" => Err("a tag must have at least one character".into()),
        tag => Ok(json!(tag)),
    }
}

/// The id of an object that may not exist.
pub fn id(value: Value) -> Result<Value, String> {
    read_id(&value).map(|id| json!(id))
}

fn mention(value: Value) -> Result<Value, String> {
    let user = match value {
        Value::Object(mut object) => {
            let user = object.remove("user").unwrap_or_default();
            check_no_others(&object, &["user"])?;
            user
        }
        user => user,
    };
    Ok(json!({ "user": id(user)? }))
}

/// An e-mail address.
pub fn email(value: Value) -> Result<Value, String> {
    check_email(&plain_text(value, 254)?).map(Value::String)
}

fn phone(value: Value) -> Result<Value, String> {
    check_phone(&plain_text(value, 64)?).map(Value::String)
}

fn url(value: Value) -> Result<Value, String> {
    AttributeType::Url.convert(Value::String(plain_text(value, 2_048)?))
}

fn domain(value: Value) -> Result<Value, String> {
    let domain = plain_text(value, 253)?.trim().to_lowercase();
    let is_allowed = |character: char| character.is_alphanumeric() || matches!(character, '.' | '-' | '_');
    match !domain.is_empty() && domain.chars().all(is_allowed) {
        true => Ok(Value::String(domain)),
        false => Err("not a domain, such as example.com".into()),
    }
}

fn typed_url(value: Value) -> Result<Value, String> {
    let (link, kind) = match value {
        Value::Object(mut object) => {
            let (link, kind) = (object.remove("url").unwrap_or_default(), object.remove("type"));
            check_no_others(&object, &["url", "type"])?;
            (link, kind.filter(|kind| !kind.is_null()))
        }
        link => (link, None),
    };
    let kind = kind.map_or(Ok("other".into()), |kind| plain_text(kind, 64));
    Ok(json!({ "url": url(link)?, "type": kind? }))
}

fn location(value: Value) -> Result<Value, String> {
    match value {
        Value::Object(object) => limited_object(object, LOCATION_BYTES_MAX),
        other => Err(format!("expected an object, not {}", kind_of(&other))),
    }
}

/// A free-form object of at most `bytes_max` bytes of JSON.
pub fn limited_object(object: Map<String, Value>, bytes_max: usize) -> Result<Value, String> {
    let object = Value::Object(object);
    match object.to_string().len() > bytes_max {
        true => Err(format!("larger than {bytes_max} bytes as JSON")),
        false => Ok(object),
    }
}

fn check_no_others(rest: &Map<String, Value>, known: &[&str]) -> Result<(), String> {
    match rest.keys().next() {
        Some(extra) => Err(unknown("attribute", extra, known.iter().copied())),
        None => Ok(()),
    }
}
