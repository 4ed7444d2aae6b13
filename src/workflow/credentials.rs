//! The param `auth`: which kinds of credentials a call can be given, and what each consists of.
//!
//! Judged by the same table when a workflow is loaded and when a step is executed; at load time an expression stands for
//! a value, so that a field that is missing is found early.

use serde_json::{Map, Value, json};

use crate::objects::unknown;
use crate::secrets::sensitive::{self, MASK};

/// One kind of credentials: its `type`, what it needs, and what it takes beside that.
struct Preset {
    name: &'static str,
    needs: &'static [&'static str],
    takes: &'static [&'static str],
    /// Fields whose values are words of a list.
    words: &'static [(&'static str, &'static [&'static str])],
}

const PRESETS: &[Preset] = &[
    Preset { name: "bearer", needs: &["token"], takes: &[], words: &[] },
    Preset { name: "basic", needs: &["username", "password"], takes: &[], words: &[] },
    Preset { name: "api-key", needs: &["name", "value"], takes: &["in"], words: &[("in", &["header", "query"])] },
    Preset {
        name: "oauth2",
        needs: &["tokenUrl", "clientId", "clientSecret"],
        takes: &["scope", "audience", "clientAuth"],
        words: &[("clientAuth", &["basic", "body"])],
    },
];

/// Fields that say how, and not what: they are shown.
const SHOWN: &[&str] = &["type", "in", "name", "username", "tokenUrl", "clientId", "scope", "audience", "clientAuth"];

fn types() -> impl Iterator<Item = &'static str> + Clone {
    PRESETS.iter().map(|preset| preset.name)
}

/// What credentials are, as JSON Schema.
pub fn schema() -> Value {
    let of = |preset: &Preset| {
        let field = |name: &&'static str| {
            let words = preset.words.iter().find(|(field, _)| field == name).map(|(_, words)| words);
            let field = words.map_or(json!({ "type": ["string", "number"] }), |words| json!({ "enum": words }));
            ((*name).to_owned(), field)
        };
        let mut properties: Map<String, Value> = preset.needs.iter().chain(preset.takes).map(field).collect();
        properties.insert("type".to_owned(), json!({ "const": preset.name }));
        let required: Vec<&str> = [&["type"], preset.needs].concat();
        json!({ "type": "object", "properties": properties, "required": required, "additionalProperties": false })
    };
    json!({ "oneOf": PRESETS.iter().map(of).collect::<Vec<_>>() })
}

/// The credentials with all their values as text.
///
/// # Errors
/// What is wrong with them, without any value.
pub(super) fn cast(given: Map<String, Value>) -> Result<Value, String> {
    let name = given.get("type").and_then(Value::as_str).unwrap_or_default();
    let Some(preset) = PRESETS.iter().find(|preset| preset.name == name) else {
        let types = types().collect::<Vec<_>>().join(", ");
        return Err(match name {
            "" => format!("needs a `type`, which is one of {types}"),
            name => format!("{}; it is one of {types}", unknown("type", name, self::types())),
        });
    };
    for field in preset.needs {
        if given.get(*field).is_none_or(Value::is_null) {
            return Err(format!("of type `{name}` needs `{field}`"));
        }
    }
    let known = || ["type"].iter().chain(preset.needs).chain(preset.takes).copied();
    let mut cast = Map::with_capacity(given.len());
    for (field, value) in &given {
        if !known().any(|known| known == field) {
            return Err(format!("of type `{name}`: {}", unknown("field", field, known())));
        }
        let text = match value {
            Value::Null => continue,
            Value::String(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            _ => return Err(format!("of type `{name}`: `{field}` has to be text")),
        };
        let words = preset.words.iter().find(|(name, _)| name == field).map(|(_, words)| *words);
        // At load time this may be an expression, which is judged when it has a value.
        let is_expression = text.starts_with("/#") || text.contains("{{");
        if words.is_some_and(|words| !is_expression && !words.contains(&text.as_str())) {
            let words = words.unwrap_or_default().join("` or `");
            return Err(format!("of type `{name}`: `{field}` is `{words}`"));
        }
        cast.insert(field.clone(), Value::String(text));
    }
    Ok(Value::Object(cast))
}

/// What the log shows of credentials.
pub(super) fn shown(auth: &mut Map<String, Value>) {
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
    fn presets_are_checked_and_their_values_become_text() {
        let oauth2 =
            json!({ "type": "oauth2", "tokenUrl": "https://a", "clientId": 7, "clientSecret": "/#variables.s" });
        assert_eq!(check(oauth2).unwrap()["clientId"], "7");
        for (auth, message) in [
            (json!({}), "needs a `type`, which is one of bearer, basic, api-key, oauth2"),
            (
                json!({ "type": "baerer" }),
                "unknown type `baerer`; did you mean `bearer`?; it is one of bearer, basic, api-key, oauth2",
            ),
            (json!({ "type": "bearer", "token": null }), "of type `bearer` needs `token`"),
            (
                json!({ "type": "basic", "username": "u", "password": "hush", "pasword": "hush" }),
                "of type `basic`: unknown field `pasword`; did you mean `password`?",
            ),
            (json!({ "type": "bearer", "token": ["hush"] }), "of type `bearer`: `token` has to be text"),
            (
                json!({ "type": "api-key", "in": "body", "name": "k", "value": "hush" }),
                "of type `api-key`: `in` is `header` or `query`",
            ),
        ] {
            assert_eq!(check(auth).unwrap_err(), message);
        }
    }

    #[test]
    fn what_proves_is_hidden_and_what_says_how_is_shown() {
        let mut auth =
            json!({ "type": "api-key", "in": "query", "name": "k", "value": "hush", "other": { "a": "hush" } });
        shown(auth.as_object_mut().unwrap());
        assert_eq!(auth, json!({ "type": "api-key", "in": "query", "name": "k", "value": MASK, "other": MASK }));
    }
}
