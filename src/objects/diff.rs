//! What a change changed.

use serde_json::{Map, Value, json};

/// What an object says, apart from when it was written.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ObjectState {
    pub attributes: Map<String, Value>,
    /// Ids of other objects, or null, by the name that the object has for them.
    pub relationships: Map<String, Value>,
}

/// `{"attributes": {"status": {"op": "replace", "before": "open", "after": "done"}}, "relationships": {}}`: what differs.
///
/// `op` is `add` where there was null before, `remove` where there is null after, and else `replace`. That a list or an
/// object is empty is no difference to its being null. Lists and objects, such as `custom`, are compared as wholes.
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
            if before == after || (says_nothing(before) && says_nothing(after)) {
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

/// Whether a value stands for there being none.
pub(super) fn says_nothing(value: &Value) -> bool {
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

    fn parts(attributes: Value, relationships: Value) -> ObjectState {
        match (attributes, relationships) {
            (Value::Object(attributes), Value::Object(relationships)) => ObjectState { attributes, relationships },
            _ => panic!("parts are objects"),
        }
    }

    #[test]
    fn what_was_added_replaced_and_removed_is_told_and_nothing_else() {
        let before = parts(
            json!({ "status": "open", "name": null, "tags": ["a"], "queue": "q", "custom": {} }),
            json!({ "customer": "1", "user": null }),
        );
        let after = parts(
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
