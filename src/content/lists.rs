//! Members that are always lists.
//!
//! XML and forms can't tell a list of one from a single thing. A hook can name the elements or fields that are lists,
//! so that workflows always find one.

use serde_json::{Map, Value};

/// Makes a list of each member with one of these names, wherever it is: of null none, of anything else one item.
pub(super) fn wrap(data: Value, names: &[String]) -> Value {
    match data {
        Value::Array(items) => Value::Array(items.into_iter().map(|item| wrap(item, names)).collect()),
        Value::Object(members) => {
            let wrapped = members.into_iter().map(|(name, member)| {
                let member = wrap(member, names);
                let member = if names.contains(&name) { as_list(member) } else { member };
                (name, member)
            });
            Value::Object(wrapped.collect::<Map<String, Value>>())
        }
        plain => plain,
    }
}

fn as_list(value: Value) -> Value {
    match value {
        Value::Null => Value::Array(Vec::new()),
        Value::Array(_) => value,
        single => Value::Array(vec![single]),
    }
}
