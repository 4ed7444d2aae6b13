//! Dotted names, each looked up in the value of the previous one: `attributes.data.items.0.sku`.
//!
//! A number is an index into a list; `length` is the length of a list, or of a string in characters. Keys of objects
//! may contain dots: if the names lead to no value, they are joined, fewest first, until a value is found. So `a.b` is
//! 1 in `{"a": {"b": 1}, "a.b": 2}`, and 2 in `{"a.b": 2}`. `[a.b]` is always a single name.
//!
//! [`Keys::find`] is on the hot path of every run. It does not allocate, and looks nothing up twice if no names need to
//! be joined. Joining is limited to [`JOINS_MAX`] look-ups, because a sender can craft keys that branch at every name.

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::report::{Fault, brief};
use crate::objects::{kind_of, nearest};

pub(super) const SEGMENTS_MAX: usize = 64;

pub(super) const LENGTH: &str = "length";

const JOINS_MAX: usize = 1_000;

/// How many existing keys a message about a missing one lists.
const KEYS_LISTED_MAX: usize = 5;
/// How many keys are compared to find a suggestion.
const KEYS_COMPARED_MAX: usize = 100;

/// Parsed names, as ranges of their source text.
#[derive(Clone, Debug)]
pub(super) struct Keys {
    text: String,
    segments: Vec<Segment>,
    /// The first name that may be joined with the next ones.
    joined_from: usize,
}

#[derive(Clone, Debug)]
struct Segment {
    start: usize,
    end: usize,
    /// The name as a list index, if it is a number.
    index: Option<usize>,
    /// Written in brackets, so never joined.
    exact: bool,
}

impl Keys {
    /// Parses dotted names; an empty text has none.
    pub fn compile(text: &str) -> Result<Keys, Fault> {
        let (mut segments, mut start) = (Vec::new(), 0);
        while !text.is_empty() {
            if segments.len() == SEGMENTS_MAX {
                return Err(Fault::new(format!("a path has at most {SEGMENTS_MAX} segments")));
            }
            let rest = &text[start..];
            let bracketed = rest.strip_prefix('[').and_then(|inner| inner.find(']'));
            let (from, to, after) = match bracketed {
                Some(length) => (start + 1, start + 1 + length, start + length + 2),
                None => {
                    let end = rest.find('.').map_or(text.len(), |length| start + length);
                    (start, end, end)
                }
            };
            let name = &text[from..to];
            if name.is_empty() {
                let message = format!("the path `{}` has an empty segment", brief(text));
                return Err(Fault::new(message).help("separate names by single dots, without one at the end"));
            }
            let index = name.parse().ok().filter(|_| !name.starts_with('+'));
            segments.push(Segment { start: from, end: to, index, exact: bracketed.is_some() });
            match text[after..].chars().next() {
                None => break,
                Some('.') => start = after + 1,
                Some(_) => {
                    let message = format!("the path `{}` has no dot after `[{}]`", brief(text), brief(name));
                    return Err(Fault::new(message).help("separate names by dots, as in `[a.b].c`"));
                }
            }
        }
        Ok(Keys { text: text.to_owned(), segments, joined_from: 0 })
    }

    /// The same, without joining the first `names` names.
    pub fn joined_from(self, names: usize) -> Keys {
        Keys { joined_from: names, ..self }
    }

    pub fn text(&self) -> &str {
        &self.text
    }

    /// The name at an index.
    pub fn name(&self, at: usize) -> Option<&str> {
        self.segments.get(at).map(|segment| &self.text[segment.start..segment.end])
    }

    /// The value in `start` at the names from index `at` on; `None` if there is none. Null is a value.
    pub fn find<'a>(&self, start: &'a Value, at: usize) -> Option<Cow<'a, Value>> {
        self.walk(start, at, &mut { JOINS_MAX })
    }

    fn walk<'a>(&self, value: &'a Value, at: usize, joins: &mut usize) -> Option<Cow<'a, Value>> {
        let Some(segment) = self.segments.get(at) else { return Some(Cow::Borrowed(value)) };
        match value {
            Value::Object(fields) => {
                let plain = fields.get(&self.text[segment.start..segment.end]);
                let found = plain.and_then(|next| self.walk(next, at + 1, joins));
                found.or_else(|| self.walk_joined(fields, at, joins))
            }
            Value::Array(items) => match segment.index {
                Some(index) => self.walk(items.get(index)?, at + 1, joins),
                None => self.length(at, || items.len()),
            },
            Value::String(text) => self.length(at, || text.chars().count()),
            Value::Null | Value::Bool(_) | Value::Number(_) => None,
        }
    }

    /// Looks for a key that joins the name at `at` with the following ones.
    fn walk_joined<'a>(&self, fields: &'a Map<String, Value>, at: usize, joins: &mut usize) -> Option<Cow<'a, Value>> {
        if at < self.joined_from {
            return None;
        }
        let joinable = self.segments[at..].iter().take_while(|segment| !segment.exact);
        for (index, last) in joinable.enumerate().skip(1) {
            *joins = joins.checked_sub(1)?;
            let key = &self.text[self.segments[at].start..last.end];
            let found = fields.get(key).and_then(|next| self.walk(next, at + index + 1, joins));
            if found.is_some() {
                return found;
            }
        }
        None
    }

    fn length<'a>(&self, at: usize, count: impl FnOnce() -> usize) -> Option<Cow<'a, Value>> {
        let is_length = at + 1 == self.segments.len() && self.name(at) == Some(LENGTH);
        is_length.then(|| Cow::Owned(Value::from(count())))
    }

    /// Why `start`, which is called `holder`, has no value at the names from `at` on: `data` has no `email`.
    pub fn explain(&self, start: &Value, at: usize, holder: &str) -> String {
        let (mut value, mut at, mut holder) = (start, at, holder);
        loop {
            let Some(segment) = self.segments.get(at) else { return format!("`{}` exists", brief(&self.text)) };
            let name = &self.text[segment.start..segment.end];
            let next = match value {
                Value::Object(fields) => fields.get(name),
                Value::Array(items) => segment.index.and_then(|index| items.get(index)),
                _ => None,
            };
            let Some(next) = next else { return self.explain_end(value, at, holder, name) };
            (value, at, holder) = (next, at + 1, name);
        }
    }

    fn explain_end(&self, value: &Value, at: usize, holder: &str, name: &str) -> String {
        let (holder, name) = (brief(holder), brief(name));
        match value {
            Value::Array(_) | Value::String(_) if name == LENGTH => {
                format!("`{LENGTH}` is a number and has no `{}`", brief(self.name(at + 1).unwrap_or_default()))
            }
            Value::Object(fields) if fields.is_empty() => format!("`{holder}` is an empty object"),
            Value::Object(fields) => format!("`{holder}` has no `{name}`; {}", describe_keys(&name, fields)),
            Value::Array(items) => format!("`{holder}` is a list of length {} and has no `{name}`", items.len()),
            other => format!("`{holder}` is {} and has no `{name}`", kind_of(other)),
        }
    }
}

fn describe_keys(name: &str, fields: &Map<String, Value>) -> String {
    let listed: Vec<String> = fields.keys().take(KEYS_LISTED_MAX).map(|key| format!("`{}`", brief(key))).collect();
    let mut text = format!("it has {}", listed.join(", "));
    if fields.len() > KEYS_LISTED_MAX {
        text += &format!(" and {} more", fields.len() - KEYS_LISTED_MAX);
    }
    // Senders control the keys, so only a few short ones are compared.
    let candidates = fields.keys().take(KEYS_COMPARED_MAX).filter(|key| key.len() <= 64).map(String::as_str);
    if let Some(suggestion) = nearest(name, candidates) {
        text += &format!("; did you mean `{suggestion}`?");
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn find(path: &str, value: &Value) -> Option<Value> {
        Keys::compile(path).unwrap().find(value, 0).map(Cow::into_owned)
    }

    #[test]
    fn separate_names_win_over_joined_ones() {
        let value = json!({
            "something.abutest": 1,
            "abu.test2": { "abu.test3": [{ "x.y": 2 }] },
            "a": { "b": 3, "b.c": 4 },
            "a.b": 5,
            "a.b.d": 6,
            "a.b.c": 7,
            "p": { "q": null },
            "p.q.r": 8,
            "@app": 9,
            "e]": 10,
        });
        for (path, expected) in [
            ("something.abutest", Some(json!(1))),
            ("abu.test2.abu.test3.0.x.y", Some(json!(2))),
            ("abu.test2.abu.test3.length", Some(json!(1))),
            ("a.b", Some(json!(3))),
            ("[a.b]", Some(json!(5))),
            ("a.b.c", Some(json!(4))),
            ("[a.b.c]", Some(json!(7))),
            ("a.[b.c]", Some(json!(4))),
            ("a.b.d", Some(json!(6))),
            ("p.q.r", Some(json!(8))),
            ("p.[q].r", None),
            ("[p].q.r", None),
            ("@app", Some(json!(9))),
            ("[@app]", Some(json!(9))),
            ("e]", Some(json!(10))),
            ("[a].[b]", Some(json!(3))),
            ("a.x", None),
        ] {
            assert_eq!(find(path, &value), expected, "{path}");
        }
        assert_eq!(find("[0].[1]", &json!([[1, 2]])), Some(json!(2)));
        let steps = Keys::compile("steps.1.a").unwrap().joined_from(2);
        assert_eq!(steps.find(&json!({ "steps.1": { "a": 1 }, "steps": { "1.a": 1 } }), 0), None);
    }

    #[test]
    fn faults_suggest_a_fix() {
        for (path, message) in [
            (".", "empty segment"),
            ("a.", "empty segment"),
            ("a..b", "empty segment"),
            ("a.[]", "empty segment"),
            ("[a]b", "no dot after `[a]`"),
        ] {
            let fault = Keys::compile(path).unwrap_err();
            assert!(fault.message.contains(message) && fault.help.is_some(), "{path}: {fault:?}");
        }
        assert_eq!(find("", &json!(1)), Some(json!(1)));
    }

    #[test]
    fn crafted_keys_do_not_multiply_the_work() {
        // Every way to join the names leads to another object, and none to a value.
        fn branching(names: usize) -> Value {
            let joined = |count: usize| vec!["a"; count].join(".");
            Value::Object((1..=names.min(8)).map(|count| (joined(count), branching(names - count))).collect())
        }
        let (value, path) = (branching(14), vec!["a"; SEGMENTS_MAX].join("."));
        let started = std::time::Instant::now();
        assert_eq!(find(&path, &value), None);
        assert!(started.elapsed().as_millis() < 100, "{:?}", started.elapsed());
    }
}
