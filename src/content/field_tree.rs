//! Nested names of form fields.
//!
//! `a` is a member, `a[b]` a member of a member, and `a[]` an entry of a list. A repeated member becomes a list of its
//! values. `a[][b]` belongs to the last entry of the list, or to a new one if that already has a `b`. An object with
//! the keys 0, 1, 2, … becomes a list, whatever the order of the fields and even if some keys after 0 are missing,
//! because a row was removed from the page. Unbalanced brackets are ordinary characters. If a name is used for a value
//! and for an object, both become entries of a list, with a note.
//!
//! Limits: [`NAME_BYTES_MAX`], [`NAME_LEVELS_MAX`].

use serde_json::{Map, Value};

use super::ContentError;
use super::form::FIELDS_MAX;
use super::notes::Notes;

/// The longest name in a body, in bytes.
pub(super) const NAME_BYTES_MAX: usize = 1_000;
/// The deepest nesting of names: `a[b][]` is three levels.
const NAME_LEVELS_MAX: usize = 20;

/// Collects fields into an object.
#[derive(Default)]
pub(super) struct FieldTree(Members);

type Members = Vec<(String, FieldNode)>;

enum FieldNode {
    Value(Value),
    List(Vec<FieldNode>),
    Object(Members),
}

impl FieldTree {
    /// Adds a field; `place` is its location in the body. A field without a name is dropped, with a note.
    pub fn add(&mut self, name: &str, value: Value, place: &str, notes: &mut Notes) -> Result<(), ContentError> {
        if name.is_empty() {
            notes.add(format!("{place} has no name; it is left out"));
            return Ok(());
        }
        if name.len() > NAME_BYTES_MAX {
            return Err(ContentError::TooLarge(format!("the name of {place} is longer than {NAME_BYTES_MAX} bytes")));
        }
        let keys = keys(name);
        if keys.len() > NAME_LEVELS_MAX {
            return Err(ContentError::TooDeep(format!("{place} nests deeper than {NAME_LEVELS_MAX} levels")));
        }
        // serde_json interprets such keys when it parses the object.
        if keys.iter().any(|key| key.starts_with("$serde_json::")) {
            return Err(ContentError::Malformed(format!("the name of {place}, {name:?}, is reserved")));
        }
        if let Some((first, rest)) = keys.split_first()
            && put_member(&mut self.0, first, rest, value) == Fit::Mixed
        {
            notes.add(format!("{place}, {name:?}: the name is used for a value and for an object; both are in a list"));
        }
        Ok(())
    }

    /// Returns the fields as an object.
    pub fn finish(self) -> Value {
        Value::Object(object(self.0))
    }
}

/// Whether a field fits those before it.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fit {
    Regular,
    /// It is within another one that is a plain value, or the other way round.
    Mixed,
}

/// The keys of a nested name; an empty key is a new list entry.
fn keys(name: &str) -> Vec<&str> {
    let nested = || {
        let (first, rest) = name.split_once('[').filter(|(first, _)| !first.is_empty())?;
        let rest: Vec<&str> = rest.strip_suffix(']')?.split("][").collect();
        let pair = rest.iter().all(|key| !key.contains(['[', ']']));
        pair.then(|| std::iter::once(first).chain(rest).collect())
    };
    nested().unwrap_or_else(|| vec![name])
}

fn put_member(members: &mut Members, key: &str, rest: &[&str], value: Value) -> Fit {
    match members.iter_mut().find(|(present, _)| present == key) {
        Some((_, node)) => node.put(rest, value),
        None => {
            members.push((key.to_owned(), FieldNode::new(rest, value)));
            Fit::Regular
        }
    }
}

impl FieldNode {
    fn new(keys: &[&str], value: Value) -> FieldNode {
        match keys {
            [] => FieldNode::Value(value),
            ["", rest @ ..] => FieldNode::List(vec![FieldNode::new(rest, value)]),
            [key, rest @ ..] => FieldNode::Object(vec![((*key).to_owned(), FieldNode::new(rest, value))]),
        }
    }

    fn put(&mut self, keys: &[&str], value: Value) -> Fit {
        match (keys, &mut *self) {
            ([] | [""], FieldNode::List(items)) => items.push(FieldNode::Value(value)),
            (["", rest @ ..], FieldNode::List(items)) => match items.last_mut().filter(|item| item.lacks(rest)) {
                Some(item) => return item.put(rest, value),
                None => items.push(FieldNode::new(rest, value)),
            },
            ([key, rest @ ..], FieldNode::Object(members)) if !key.is_empty() => {
                return put_member(members, key, rest, value);
            }
            ([_, ..], FieldNode::List(items)) => {
                match items.iter_mut().rfind(|item| matches!(item, FieldNode::Object(_))) {
                    Some(item) => _ = item.put(keys, value),
                    None => items.push(FieldNode::new(keys, value)),
                }
                return Fit::Mixed;
            }
            _ => {
                let is_repeated = matches!((keys, &*self), ([] | [""], FieldNode::Value(_)));
                let first = std::mem::replace(self, FieldNode::List(Vec::new()));
                let keys = keys.strip_prefix(&[""]).unwrap_or(keys);
                *self = FieldNode::List(vec![first, FieldNode::new(keys, value)]);
                return if is_repeated { Fit::Regular } else { Fit::Mixed };
            }
        }
        Fit::Regular
    }

    /// Whether there is no value at the keys yet, and none that conflicts.
    fn lacks(&self, keys: &[&str]) -> bool {
        match (keys, self) {
            (["", ..], FieldNode::List(_)) => true,
            ([key, rest @ ..], FieldNode::Object(members)) if !key.is_empty() => {
                let present = members.iter().find(|(present, _)| present == key);
                present.is_none_or(|(_, node)| node.lacks(rest))
            }
            _ => false,
        }
    }

    fn finish(self) -> Value {
        let finished = |items: Vec<FieldNode>| Value::Array(items.into_iter().map(FieldNode::finish).collect());
        match self {
            FieldNode::Value(value) => value,
            FieldNode::List(items) => finished(items),
            FieldNode::Object(mut members) => {
                let Some(indexes) = indexes(&members) else { return Value::Object(object(members)) };
                let mut rows: Vec<_> = indexes.into_iter().zip(members.drain(..)).collect();
                rows.sort_by_key(|(index, _)| *index);
                finished(rows.into_iter().map(|(_, (_, node))| node).collect())
            }
        }
    }
}

/// The indexes of an object that is a list: whole numbers, among them 0. Other numbers, such as ids, stay keys.
fn indexes(members: &Members) -> Option<Vec<usize>> {
    let index = |key: &str| key.parse().ok().filter(|index: &usize| *index < FIELDS_MAX && index.to_string() == key);
    let indexes: Option<Vec<usize>> = members.iter().map(|(key, _)| index(key)).collect();
    indexes.filter(|indexes| indexes.contains(&0))
}

fn object(members: Members) -> Map<String, Value> {
    members.into_iter().map(|(key, node)| (key, node.finish())).collect()
}
