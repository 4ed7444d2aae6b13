//! The differences between two documents: for programs by JSON pointer, for people as text.
//!
//! Items of a list that all have unique ids, such as steps, are matched by id; items of other lists by index. Two
//! documents without differences are equal apart from the order of keys.
//!
//! Limits: the text shows at most [`SHOWN_MAX`] characters of each value.

use std::collections::HashSet;
use std::fmt::Write;

use serde::Serialize;
use serde_json::{Value, json};

use crate::objects::escape_pointer;

/// The most characters of a value in the text.
const SHOWN_MAX: usize = 400;

/// What happened to a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Op {
    Add,
    Remove,
    Replace,
    /// The items of a list with ids are in another order; the values are the lists of ids.
    Reorder,
}

/// One difference.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub struct Change {
    pub op: Op,
    /// Into the later document; for removals, into the earlier one.
    pub pointer: String,
    /// The id of the innermost enclosing item that has one, such as a step.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<Value>,
}

/// All differences, in the order of the later document.
pub fn diff(before: &Value, after: &Value) -> Vec<Change> {
    let mut changes = Vec::new();
    compare(Position { before: String::new(), after: String::new(), id: None }, before, after, &mut changes);
    changes
}

/// The differences as text for people, a few lines each.
pub fn text(changes: &[Change]) -> String {
    let mut text = String::new();
    for Change { op, pointer, id, before, after } in changes {
        let sign = match op {
            Op::Add => '+',
            Op::Remove => '-',
            Op::Replace | Op::Reorder => '~',
        };
        let within = id.as_ref().map(|id| format!("  (in `{id}`)")).unwrap_or_default();
        let _ = writeln!(text, "{sign} {}{within}", if pointer.is_empty() { "/" } else { pointer });
        for (sign, value) in [('-', before), ('+', after)] {
            let _ = value.iter().try_for_each(|value| writeln!(text, "    {sign} {}", excerpt(value)));
        }
    }
    text
}

fn excerpt(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(SHOWN_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

/// The position of a value in both documents.
#[derive(Clone)]
struct Position {
    before: String,
    after: String,
    id: Option<String>,
}

impl Position {
    fn member(&self, key: &str) -> Position {
        let key = escape_pointer(key);
        self.item(&key, &key)
    }

    fn item(&self, before: impl std::fmt::Display, after: impl std::fmt::Display) -> Position {
        let (before, after) = (format!("{}/{before}", self.before), format!("{}/{after}", self.after));
        Position { before, after, id: self.id.clone() }
    }

    fn of(self, id: &str) -> Position {
        Position { id: Some(id.to_owned()), ..self }
    }

    fn added(self, value: &Value) -> Change {
        Change { op: Op::Add, pointer: self.after, id: self.id, before: None, after: Some(value.clone()) }
    }

    fn removed(self, value: &Value) -> Change {
        Change { op: Op::Remove, pointer: self.before, id: self.id, before: Some(value.clone()), after: None }
    }

    fn changed(self, op: Op, before: Value, after: Value) -> Change {
        Change { op, pointer: self.after, id: self.id, before: Some(before), after: Some(after) }
    }
}

fn compare(position: Position, before: &Value, after: &Value, changes: &mut Vec<Change>) {
    match (before, after) {
        _ if before == after => {}
        (Value::Object(old), Value::Object(new)) => {
            for (key, value) in new {
                match old.get(key) {
                    Some(old) => compare(position.member(key), old, value, changes),
                    None => changes.push(position.member(key).added(value)),
                }
            }
            let removed = old.iter().filter(|(key, _)| !new.contains_key(*key));
            changes.extend(removed.map(|(key, value)| position.member(key).removed(value)));
        }
        (Value::Array(old), Value::Array(new)) => match (ids(old), ids(new)) {
            (Some(old_ids), Some(new_ids)) => compare_by_id(position, (old, &old_ids), (new, &new_ids), changes),
            _ => compare_by_index(position, old, new, changes),
        },
        _ => changes.push(position.changed(Op::Replace, before.clone(), after.clone())),
    }
}

/// The ids of the items, if every item has a unique one.
fn ids(items: &[Value]) -> Option<Vec<&str>> {
    let ids: Vec<&str> = items.iter().map(|item| item.get("id")?.as_str()).collect::<Option<_>>()?;
    (ids.iter().collect::<HashSet<_>>().len() == ids.len()).then_some(ids)
}

fn compare_by_id(position: Position, old: (&[Value], &[&str]), new: (&[Value], &[&str]), changes: &mut Vec<Change>) {
    let index = |ids: &[&str], id: &str| ids.iter().position(|other| *other == id);
    for (new_index, (value, id)) in new.0.iter().zip(new.1).enumerate() {
        match index(old.1, id) {
            Some(old_index) => compare(position.item(old_index, new_index).of(id), &old.0[old_index], value, changes),
            None => changes.push(position.item(new_index, new_index).of(id).added(value)),
        }
    }
    for (old_index, (value, id)) in old.0.iter().zip(old.1).enumerate() {
        if index(new.1, id).is_none() {
            changes.push(position.item(old_index, old_index).of(id).removed(value));
        }
    }
    let common = |ids: &[&str], others: &[&str]| -> Vec<String> {
        ids.iter().filter(|id| others.contains(id)).map(|id| (*id).to_owned()).collect()
    };
    let (before, after) = (common(old.1, new.1), common(new.1, old.1));
    if before != after {
        changes.push(position.changed(Op::Reorder, json!(before), json!(after)));
    }
}

fn compare_by_index(position: Position, old: &[Value], new: &[Value], changes: &mut Vec<Change>) {
    for (index, value) in new.iter().enumerate() {
        match old.get(index) {
            Some(old) => compare(position.item(index, index), old, value, changes),
            None => changes.push(position.item(index, index).added(value)),
        }
    }
    let removed = old.iter().enumerate().skip(new.len());
    changes.extend(removed.map(|(index, value)| position.item(index, index).removed(value)));
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn steps(ids: &[&str]) -> Value {
        json!({ "steps": ids.iter().map(|id| json!({ "id": id })).collect::<Vec<_>>() })
    }

    #[test]
    fn steps_are_matched_by_id() {
        let before = json!({ "name": "w", "steps": [{ "id": "a", "params": { "x/y": 1 } }, { "id": "b" }] });
        let after =
            json!({ "name": "w", "steps": [{ "id": "c" }, { "id": "a", "params": { "x/y": "1" }, "meta": {} }] });
        insta::assert_snapshot!(text(&diff(&before, &after)), @r#"
        + /steps/0  (in `c`)
            + {"id":"c"}
        ~ /steps/1/params/x~1y  (in `a`)
            - 1
            + "1"
        + /steps/1/meta  (in `a`)
            + {}
        - /steps/1  (in `b`)
            - {"id":"b"}
        "#);
        let moved = diff(&steps(&["a", "b", "c"]), &steps(&["c", "a", "b"]));
        assert_eq!(
            moved.iter().map(|change| (change.op, change.pointer.as_str())).collect::<Vec<_>>(),
            [(Op::Reorder, "/steps")]
        );
    }

    #[test]
    fn other_lists_are_compared_by_index() {
        let changes = diff(&json!({ "values": [1, 2, 3] }), &json!({ "values": [1, 3] }));
        let operations: Vec<_> = changes.iter().map(|change| (change.op, change.pointer.as_str())).collect();
        assert_eq!(operations, [(Op::Replace, "/values/1"), (Op::Remove, "/values/2")]);
        assert_eq!(diff(&json!([{ "id": "a" }, { "id": "a" }]), &json!([{ "id": "a" }]))[0].op, Op::Remove);
    }

    fn document() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![any::<bool>().prop_map(Value::from), "[ab]".prop_map(Value::from), Just(Value::Null)];
        leaf.prop_recursive(4, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::hash_map(prop_oneof![Just("id".to_owned()), "[a-c]"], inner, 0..4)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn documents_without_differences_are_equal(before in document(), after in document()) {
            prop_assert_eq!(diff(&before, &after).is_empty(), before == after);
            for change in diff(&before, &after) {
                let document = if change.op == Op::Remove { &before } else { &after };
                let found = document.pointer(&change.pointer);
                prop_assert!(found.is_some(), "{} does not exist", change.pointer);
                if change.op == Op::Add || change.op == Op::Replace {
                    prop_assert_eq!(found, change.after.as_ref());
                }
            }
        }
    }
}
