//! Secrets that requests carry in the query or the body.

use serde_json::Value;

use super::request::{UnverifiedRequest, form_pairs};
use super::verify::Rejection;

/// The most values that are compared with the secret.
const VALUES_MAX: usize = 1_000;

/// Where a request carries the secret itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum SecretPlace {
    /// A parameter of the query.
    Query(String),
    /// A field of a JSON body, as a JSON pointer in which `*` is every entry of a list, or of a form.
    Field(Vec<String>),
}

impl SecretPlace {
    /// A field such as `/value/*/clientState`.
    pub fn field(pointer: &str) -> Option<SecretPlace> {
        let segments = pointer.strip_prefix('/')?.split('/');
        let segments: Vec<String> = segments.map(|part| part.replace("~1", "/").replace("~0", "~")).collect();
        segments.iter().all(|segment| !segment.is_empty()).then_some(SecretPlace::Field(segments))
    }

    /// The values found; at least one. All must be the secret.
    pub fn read(&self, received: &UnverifiedRequest<'_>) -> Result<Vec<Vec<u8>>, Rejection> {
        let missing = || Rejection::SecretMissing(self.name());
        let values = match self {
            SecretPlace::Query(name) => {
                let mut pairs = form_pairs(UnverifiedRequest::query(received.path).as_bytes());
                pairs.find(|(found, _)| found == name.as_bytes()).map(|(_, value)| vec![value])
            }
            SecretPlace::Field(segments) => match received.media_type().as_str() {
                "application/x-www-form-urlencoded" => {
                    let wanted = segments.first().map(String::as_bytes).filter(|_| segments.len() == 1);
                    let mut pairs = form_pairs(received.body());
                    pairs.find(|(found, _)| Some(found.as_slice()) == wanted).map(|(_, value)| vec![value])
                }
                _ => {
                    let body: Value = serde_json::from_slice(received.body()).map_err(|_| Rejection::BodyMalformed)?;
                    let mut values = Vec::new();
                    collect(&body, segments, &mut values).map(|()| values)
                }
            },
        };
        values.filter(|values| !values.is_empty()).ok_or_else(missing)
    }

    /// The place, for messages.
    pub fn name(&self) -> String {
        match self {
            SecretPlace::Query(name) => format!("query parameter `{name}`"),
            SecretPlace::Field(segments) => format!("field `/{}`", segments.join("/")),
        }
    }
}

/// Adds the values at a place; `None` if one is missing or no text, or if there are too many.
fn collect(value: &Value, segments: &[String], values: &mut Vec<Vec<u8>>) -> Option<()> {
    match segments.split_first() {
        None => {
            values.push(value.as_str()?.as_bytes().to_vec());
            (values.len() <= VALUES_MAX).then_some(())
        }
        Some((segment, rest)) if segment == "*" => {
            value.as_array()?.iter().try_for_each(|entry| collect(entry, rest, values))
        }
        Some((segment, rest)) => collect(value.get(segment)?, rest, values),
    }
}
