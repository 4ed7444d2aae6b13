//! Differences between two states of an object.

use serde_json::{Map, Value, json};

/// An object's attributes and relationships, without timestamps and revision.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ObjectState {
    pub attributes: Map<String, Value>,
    /// Ids of other objects, or null, by the name of the relationship.
    pub relationships: Map<String, Value>,
}

/// The differences: `{"attributes": {"status": {"op": "replace", "before": "open", "after": "done"}}, "relationships":
/// {}}`.
///
/// `op` is `add` if the value was null before, `remove` if it is null afterwards, otherwise `replace`. An empty list or
/// object equals null. Lists and objects, such as `custom`, are compared as a whole.
pub fn changes(before: &ObjectState, after: &ObjectState) -> Value {
    json!({
        "attributes": compare(&before.attributes, &after.attributes),
        "relationships": compare(&before.relationships, &after.relationships),
    })
}

fn compare(before: &Map<String, Value>, after: &Map<String, Value>) -> Map<String, Value> {
    let names = after.keys().chain(before.keys().filter(|name| !after.contains_key(*name)));
    names
        .filter_map(|name| {
            let (before, after) = (before.get(name).unwrap_or(&Value::Null), after.get(name).unwrap_or(&Value::Null));
            if before == after || (is_empty(before) && is_empty(after)) {
                return None;
            }
            let op = match (before, after) {
                (Value::Null, _) => "add",
                (_, Value::Null) => "remove",
                _ => "replace",
            };
            Some((name.clone(), json!({ "op": op, "before": before, "after": after })))
        })
        .collect()
}

/// Whether a value is null, an empty list or an empty object.
pub(super) fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(list) => list.is_empty(),
        Value::Object(object) => object.is_empty(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(attributes: Value, relationships: Value) -> ObjectState {
        match (attributes, relationships) {
            (Value::Object(attributes), Value::Object(relationships)) => ObjectState { attributes, relationships },
            _ => panic!("attributes and relationships are objects"),
        }
    }

    #[test]
    fn only_differences_are_listed() {
        let before = state(
            json!({ "status": "open", "name": null, "tags": ["a"], "queue": "q", "custom": {} }),
            json!({ "customer": "1", "user": null }),
        );
        let after = state(
            json!({ "status": "done", "name": "N", "tags": [], "queue": "q", "custom": null }),
            json!({ "customer": "1", "user": "2" }),
        );
        assert_eq!(
            changes(&before, &after),
            json!({
                "attributes": {
                    "status": { "op": "replace", "before": "open", "after": "done" },
                    "name": { "op": "add", "before": null, "after": "N" },
                    "tags": { "op": "replace", "before": ["a"], "after": [] },
                },
                "relationships": { "user": { "op": "add", "before": null, "after": "2" } },
            })
        );
        assert_eq!(changes(&after, &after), json!({ "attributes": {}, "relationships": {} }));
    }
}
