//! Names in a row, each looked up in what the one before it gave: `attributes.data.items.0.sku`.
//!
//! A number is an index into a list, and `length` the length of a list, or of a text in characters. Keys of objects may
//! have dots in them: where the plain names lead to nothing, names are joined, fewest first, until something is found.
//! So of `{"a": {"b": 1}, "a.b": 2}`, `a.b` is 1; and of `{"a.b": 2}` it is 2. `[a.b]` is a single name whatever is in it.
//!
//! [`Keys::find`] is on the way of every run. It allocates nothing, and as long as plain names lead to a value it looks
//! nothing up twice. Joining is limited to [`JOINS_MAX`] look-ups: keys come from strangers, and made-up ones can branch
//! at every name.

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::report::{Fault, brief};
use crate::objects::{kind_of, nearest};

pub(super) const SEGMENTS_MAX: usize = 64;

pub(super) const LENGTH: &str = "length";

const JOINS_MAX: usize = 1_000;

/// How many keys of an object are named, and looked at for a suggestion, when the one asked for is not there.
const KEYS_NAMED_MAX: usize = 5;
const KEYS_COMPARED_MAX: usize = 100;

/// Names, cut out of the text that they are written in.
#[derive(Clone, Debug)]
pub(super) struct Keys {
    text: String,
    segments: Vec<Segment>,
    /// The first name that may be joined with those after it.
    joined_from: usize,
}

#[derive(Clone, Debug)]
struct Segment {
    start: usize,
    end: usize,
    /// The name as the index of a list, if it is one.
    index: Option<usize>,
    /// Written in brackets: not to be joined.
    exact: bool,
}

impl Keys {
    /// Cuts names with dots between them; an empty text has none.
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
                return Err(Fault::new(message).help("write a single dot between two names, and none at the end"));
            }
            let index = name.parse().ok().filter(|_| !name.starts_with('+'));
            segments.push(Segment { start: from, end: to, index, exact: bracketed.is_some() });
            match text[after..].chars().next() {
                None => break,
                Some('.') => start = after + 1,
                Some(_) => {
                    let message = format!("the path `{}` has no dot after `[{}]`", brief(text), brief(name));
                    return Err(Fault::new(message).help("write a dot between two names, as in `[a.b].c`"));
                }
            }
        }
        Ok(Keys { text: text.to_owned(), segments, joined_from: 0 })
    }

    /// The same, where the first `names` names are never joined with others.
    pub fn joined_from(self, names: usize) -> Keys {
        Keys { joined_from: names, ..self }
    }

    pub fn text(&self) -> &str {
        &self.text
    }

    /// The name at a place.
    pub fn name(&self, at: usize) -> Option<&str> {
        self.segments.get(at).map(|segment| &self.text[segment.start..segment.end])
    }

    /// What the names from `at` on lead to in `start`; null is a value, `None` is nothing.
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

    /// Looks for a key that is the name at `at` together with names after it.
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
        let asked = at + 1 == self.segments.len() && self.name(at) == Some(LENGTH);
        asked.then(|| Cow::Owned(Value::from(count())))
    }

    /// Why the names from `at` on lead to nothing in `start`, which is called `holder`: `data` has no `email`.
    pub fn explain(&self, start: &Value, at: usize, holder: &str) -> String {
        let (mut value, mut at, mut holder) = (start, at, holder);
        loop {
            let Some(segment) = self.segments.get(at) else { return format!("`{}` is there", brief(&self.text)) };
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
            Value::Array(items) => format!("`{holder}` is a list of {} and has no `{name}`", items.len()),
            other => format!("`{holder}` is {} and has no `{name}`", kind_of(other)),
        }
    }
}

fn describe_keys(name: &str, fields: &Map<String, Value>) -> String {
    let named: Vec<String> = fields.keys().take(KEYS_NAMED_MAX).map(|key| format!("`{}`", brief(key))).collect();
    let mut text = format!("it has {}", named.join(", "));
    if fields.len() > KEYS_NAMED_MAX {
        text += &format!(" and {} more", fields.len() - KEYS_NAMED_MAX);
    }
    // Keys come from outside: comparing many long ones would take long.
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
    fn plain_names_come_before_joined_ones() {
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
    fn faults_say_what_would_be_right() {
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
    fn made_up_keys_do_not_multiply_the_work() {
        // Every way of joining the names leads on, and none to the end.
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
