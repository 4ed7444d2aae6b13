//! The param `auth`: the kinds of credentials for a call, and the fields of each.
//!
//! The same table is used when a workflow is loaded and when a step runs. At load time an expression counts as a value,
//! so a missing field is found early.

use serde_json::{Map, Value, json};

use crate::objects::unknown;
use crate::secrets::sensitive::{self, MASK};

/// One kind of credentials: its `type`, its required fields, and its optional ones.
struct Preset {
    name: &'static str,
    required: &'static [&'static str],
    optional: &'static [&'static str],
    /// Fields whose values are from a fixed list.
    choices: &'static [(&'static str, &'static [&'static str])],
}

const PRESETS: &[Preset] = &[
    Preset { name: "bearer", required: &["token"], optional: &[], choices: &[] },
    Preset { name: "basic", required: &["username", "password"], optional: &[], choices: &[] },
    Preset {
        name: "api-key",
        required: &["name", "value"],
        optional: &["in"],
        choices: &[("in", &["header", "query"])],
    },
    Preset {
        name: "oauth2",
        required: &["tokenUrl", "clientId", "clientSecret"],
        optional: &["scope", "audience", "clientAuth"],
        choices: &[("clientAuth", &["basic", "body"])],
    },
];

/// Fields that are not secret, so the log shows them.
const SHOWN: &[&str] = &["type", "in", "name", "username", "tokenUrl", "clientId", "scope", "audience", "clientAuth"];

fn types() -> impl Iterator<Item = &'static str> + Clone {
    PRESETS.iter().map(|preset| preset.name)
}

/// The JSON Schema of credentials.
pub fn schema() -> Value {
    let of = |preset: &Preset| {
        let field = |name: &&'static str| {
            let choices = preset.choices.iter().find(|(field, _)| field == name).map(|(_, choices)| choices);
            let field = choices.map_or(json!({ "type": ["string", "number"] }), |choices| json!({ "enum": choices }));
            ((*name).to_owned(), field)
        };
        let mut properties: Map<String, Value> = preset.required.iter().chain(preset.optional).map(field).collect();
        properties.insert("type".to_owned(), json!({ "const": preset.name }));
        let required: Vec<&str> = [&["type"], preset.required].concat();
        json!({ "type": "object", "properties": properties, "required": required, "additionalProperties": false })
    };
    json!({ "oneOf": PRESETS.iter().map(of).collect::<Vec<_>>() })
}

/// The credentials with all values as strings.
///
/// # Errors
/// What is wrong with the credentials, without any value.
pub(super) fn cast(input: Map<String, Value>) -> Result<Value, String> {
    let name = input.get("type").and_then(Value::as_str).unwrap_or_default();
    let Some(preset) = PRESETS.iter().find(|preset| preset.name == name) else {
        let types = types().collect::<Vec<_>>().join(", ");
        return Err(match name {
            "" => format!("`type` is required: one of {types}"),
            name => format!("{}; expected one of {types}", unknown("type", name, self::types())),
        });
    };
    for field in preset.required {
        if input.get(*field).is_none_or(Value::is_null) {
            return Err(format!("credentials of type `{name}` need `{field}`"));
        }
    }
    let known = || ["type"].iter().chain(preset.required).chain(preset.optional).copied();
    let mut cast = Map::with_capacity(input.len());
    for (field, value) in &input {
        if !known().any(|known| known == field) {
            return Err(format!("credentials of type `{name}`: {}", unknown("field", field, known())));
        }
        let text = match value {
            Value::Null => continue,
            Value::String(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            _ => return Err(format!("credentials of type `{name}`: `{field}` must be a string")),
        };
        let choices = preset.choices.iter().find(|(name, _)| name == field).map(|(_, choices)| *choices);
        // At load time this may be an expression, whose value is checked at run time.
        let is_expression = text.starts_with("/#") || text.contains("{{");
        if choices.is_some_and(|choices| !is_expression && !choices.contains(&text.as_str())) {
            let choices = choices.unwrap_or_default().join("` or `");
            return Err(format!("credentials of type `{name}`: `{field}` must be `{choices}`"));
        }
        cast.insert(field.clone(), Value::String(text));
    }
    Ok(Value::Object(cast))
}

/// Masks the secret fields, for the log.
pub(super) fn mask(auth: &mut Map<String, Value>) {
    for (field, value) in auth {
        if let (true, Value::String(text)) = (field == "tokenUrl", &mut *value) {
            *text = sensitive::redact_url(text);
        }
        if !SHOWN.contains(&field.as_str()) {
            *value = Value::String(MASK.to_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(auth: Value) -> Result<Value, String> {
        let Value::Object(auth) = auth else { panic!("not an object") };
        cast(auth)
    }

    #[test]
    fn credentials_are_checked_and_their_values_become_strings() {
        let oauth2 =
            json!({ "type": "oauth2", "tokenUrl": "https://a", "clientId": 7, "clientSecret": "/#variables.s" });
        assert_eq!(check(oauth2).unwrap()["clientId"], "7");
        for (auth, message) in [
            (json!({}), "`type` is required: one of bearer, basic, api-key, oauth2"),
            (
                json!({ "type": "baerer" }),
                "unknown type `baerer`; did you mean `bearer`?; expected one of bearer, basic, api-key, oauth2",
            ),
            (json!({ "type": "bearer", "token": null }), "credentials of type `bearer` need `token`"),
            (
                json!({ "type": "basic", "username": "u", "password": "hush", "pasword": "hush" }),
                "credentials of type `basic`: unknown field `pasword`; did you mean `password`?",
            ),
            (json!({ "type": "bearer", "token": ["hush"] }), "credentials of type `bearer`: `token` must be a string"),
            (
                json!({ "type": "api-key", "in": "body", "name": "k", "value": "hush" }),
                "credentials of type `api-key`: `in` must be `header` or `query`",
            ),
        ] {
            assert_eq!(check(auth).unwrap_err(), message);
        }
    }

    #[test]
    fn only_secret_fields_are_masked() {
        let mut auth =
            json!({ "type": "api-key", "in": "query", "name": "k", "value": "hush", "other": { "a": "hush" } });
        mask(auth.as_object_mut().unwrap());
        assert_eq!(auth, json!({ "type": "api-key", "in": "query", "name": "k", "value": MASK, "other": MASK }));
    }
}
