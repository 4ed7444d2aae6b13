//! The setting `methods`: the methods with a body that a hook accepts.

use serde_json::Value;

use crate::objects::{Fields, unknown};

/// The setting's name.
pub const NAME: &str = "methods";
/// The methods that a hook can accept. GET has a setting of its own, as its query takes the place of the body.
pub const ALL: [&str; 3] = ["POST", "PUT", "PATCH"];

/// What a hook accepts unless its settings say otherwise.
pub fn default() -> Vec<&'static str> {
    vec!["POST"]
}

/// Takes the setting, such as `["POST", "PUT"]`.
pub fn take(fields: &mut Fields) -> Vec<&'static str> {
    let names = fields.entries(NAME, |name| {
        let name = name.as_str().map(str::to_owned).unwrap_or_default();
        let known = ALL.into_iter().find(|known| *known == name);
        known.ok_or_else(|| unknown("method", &name, ALL))
    });
    match names {
        None => default(),
        Some(names) if names.is_empty() => {
            if fields.is_valid(NAME) {
                fields.problem(format!("/{NAME}"), "at least one method is required, such as `POST`");
            }
            default()
        }
        Some(names) => names,
    }
}

/// The setting as JSON Schema shows it.
pub fn values() -> Vec<Value> {
    ALL.map(Value::from).to_vec()
}
