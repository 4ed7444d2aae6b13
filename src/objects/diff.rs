//! What a change changed.

use serde_json::{Map, Value, json};

/// What an object says, apart from when it was written.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Parts {
    pub attributes: Map<String, Value>,
    /// Ids of other objects, or null, by the name that the object has for them.
    pub relationships: Map<String, Value>,
}

/// `{"attributes": {"status": {"op": "replace", "before": "open", "after": "done"}}, "relationships": {}}`: what differs.
///
/// `op` is `add` where there was nothing before, `remove` where there is nothing after, and else `replace`; nothing is
/// null, an empty list or an empty object. An object that is created adds everything to nothing. Lists and objects,
/// such as `custom`, are compared as wholes.
pub fn changes(before: &Parts, after: &Parts) -> Value {
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
            let op = match (says_nothing(before), says_nothing(after)) {
                (true, true) => return None,
                (true, false) => "add",
                (false, true) => "remove",
                (false, false) if before == after => return None,
                (false, false) => "replace",
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

    fn parts(attributes: Value, relationships: Value) -> Parts {
        match (attributes, relationships) {
            (Value::Object(attributes), Value::Object(relationships)) => Parts { attributes, relationships },
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
                    "tags": { "op": "remove", "before": ["a"], "after": [] },
                },
                "relationships": { "user": { "op": "add", "before": null, "after": "2" } },
            })
        );
        assert_eq!(changes(&after, &after), json!({ "attributes": {}, "relationships": {} }));
    }

    #[test]
    fn everything_of_an_object_that_did_not_exist_is_added() {
        let after = parts(json!({ "name": "N" }), json!({ "customer": "1" }));
        let added = |value| json!({ "op": "add", "before": null, "after": value });
        let expected = json!({ "attributes": { "name": added("N") }, "relationships": { "customer": added("1") } });
        assert_eq!(changes(&Parts::default(), &after), expected);
    }
}
