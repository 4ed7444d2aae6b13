//! Dotted paths into a scope: `steps.1.attributes.data.email`.
//!
//! The first segment is one of [`ROOTS`]; only `steps` is filled today, what the others point to is missing. A number
//! indexes a list, and `length` is the length of a list or a string. A segment may hold anything but a dot, so that
//! keys such as `@app` and ids such as `8-gu8QS1s` need no quoting; a key with a dot in it cannot be reached.
//!
//! [`Path::find`] is on the way of every run and allocates nothing. [`Path::explain`] walks the path once more to say
//! where it ended, and is called only when there was nothing.

use std::borrow::Cow;

use serde_json::Value;

use super::{Fault, brief};
use crate::objects::{kind_of, nearest};

/// What a path may start with.
pub(super) const ROOTS: [&str; 4] = ["steps", "variables", "error", "_env"];

const SEGMENTS_MAX: usize = 64;

/// How many keys of an object are named, and looked at for a suggestion, when the one asked for is not there.
const KEYS_NAMED_MAX: usize = 5;
const KEYS_COMPARED_MAX: usize = 100;

/// A path, checked and cut into segments.
#[derive(Clone, Debug)]
pub struct Path {
    text: String,
    /// Never empty.
    segments: Vec<Segment>,
}

#[derive(Clone, Debug)]
struct Segment {
    name: String,
    /// The name as the index of a list, if it is one.
    index: Option<usize>,
}

impl Path {
    /// Reads a dotted path.
    pub(super) fn compile(text: &str) -> Result<Path, Fault> {
        Path::from_names(text, text.split('.'))
    }

    /// Makes a path of names that have been cut already; `text` is how it is shown.
    pub(super) fn from_names<'a>(text: &str, names: impl Iterator<Item = &'a str>) -> Result<Path, Fault> {
        let index = |name: &str| name.parse().ok().filter(|_| !name.starts_with('+'));
        let segment = |name: &str| Segment { name: name.to_owned(), index: index(name) };
        let segments: Vec<Segment> = names.take(SEGMENTS_MAX + 1).map(segment).collect();
        check_root(segments.first().map_or("", |root| &root.name))?;
        if segments.iter().any(|segment| segment.name.is_empty()) {
            let message = format!("the path `{}` has an empty segment", brief(text));
            return Err(Fault::new(message).help("write a single dot between two names, and none at the end"));
        }
        if segments.len() > SEGMENTS_MAX {
            return Err(Fault::new(format!("a path has at most {SEGMENTS_MAX} segments")));
        }
        Ok(Path { text: text.to_owned(), segments })
    }

    /// The path as written, without `/#`.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// The id of the step that it points into.
    pub(super) fn step(&self) -> Option<&str> {
        match self.segments.as_slice() {
            [root, step, ..] if root.name == "steps" => Some(&step.name),
            _ => None,
        }
    }

    /// What it points to; null is a value, `None` is nothing.
    pub(super) fn find<'a>(&self, data: &'a Value) -> Option<Cow<'a, Value>> {
        self.segments.iter().try_fold(Cow::Borrowed(data), |value, segment| match value {
            Cow::Borrowed(value) => segment.of(value),
            // Only a length is owned, and a number has no members.
            Cow::Owned(_) => None,
        })
    }

    /// How far the path got, for a path that finds nothing.
    pub(super) fn explain(&self, data: &Value) -> String {
        let mut value = Cow::Borrowed(data);
        for (depth, segment) in self.segments.iter().enumerate() {
            let next = match &value {
                Cow::Borrowed(value) => segment.of(value),
                Cow::Owned(_) => None,
            };
            match next {
                Some(next) => value = next,
                None => return self.explain_end(depth, &value),
            }
        }
        format!("`{}` is there", brief(&self.text))
    }

    fn explain_end(&self, depth: usize, holder: &Value) -> String {
        let path = brief(&self.text);
        let name = brief(&self.segments[depth].name);
        let Some(before) = depth.checked_sub(1).map(|before| brief(&self.segments[before].name)) else {
            return format!("nothing at `{path}`: a run has no `{name}` yet");
        };
        if depth == 1 && before == "steps" {
            return format!("nothing at `{path}`: `steps.{name}` has not run");
        }
        let reason = match holder {
            Value::Object(fields) if fields.is_empty() => format!("`{before}` is an empty object"),
            Value::Object(fields) => format!("`{before}` has no `{name}`; {}", describe_keys(&name, fields)),
            Value::Array(items) => format!("`{before}` is a list of {} and has no `{name}`", items.len()),
            other => format!("`{before}` is {} and has no `{name}`", kind_of(other)),
        };
        format!("nothing at `{path}`: {reason}")
    }
}

impl Segment {
    fn of<'a>(&self, value: &'a Value) -> Option<Cow<'a, Value>> {
        let length = |count: usize| (self.name == "length").then(|| Cow::Owned(Value::from(count)));
        match value {
            Value::Object(fields) => fields.get(&self.name).map(Cow::Borrowed),
            Value::Array(items) => match self.index {
                Some(index) => items.get(index).map(Cow::Borrowed),
                None => length(items.len()),
            },
            Value::String(text) => length(text.chars().count()),
            Value::Null | Value::Bool(_) | Value::Number(_) => None,
        }
    }
}

/// Whether a path may start with `root`.
pub(super) fn check_root(root: &str) -> Result<(), Fault> {
    if ROOTS.contains(&root) {
        return Ok(());
    }
    let help = match nearest(root, ROOTS) {
        Some(suggestion) => format!("did you mean `{suggestion}`?"),
        None => "a path starts with `steps`, `variables`, `error` or `_env`, as in `steps.1.id`".to_owned(),
    };
    Err(Fault::new(format!("a path cannot start with `{}`", brief(root))).help(help))
}

fn describe_keys(name: &str, fields: &serde_json::Map<String, Value>) -> String {
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

    fn data() -> Value {
        json!({ "steps": {
            "1": { "attributes": { "data": { "mail": "a@b.c", "orderId": null, "@app": 1 } }, "list": [5, { "a b": 6 }] },
            "8-gu8QS1s": "häh"
        } })
    }

    fn find(path: &str) -> Option<Value> {
        Path::compile(path).unwrap().find(&data()).map(Cow::into_owned)
    }

    #[test]
    fn finds_members_elements_and_lengths() {
        assert_eq!(find("steps.1.attributes.data.mail"), Some(json!("a@b.c")));
        assert_eq!(find("steps.1.attributes.data.orderId"), Some(Value::Null));
        assert_eq!(find("steps.1.attributes.data.@app"), Some(json!(1)));
        assert_eq!(find("steps.1.list.0"), Some(json!(5)));
        assert_eq!(find("steps.1.list.1.a b"), Some(json!(6)));
        assert_eq!(find("steps.1.list.length"), Some(json!(2)));
        assert_eq!(find("steps.8-gu8QS1s.length"), Some(json!(3)));
        for missing in ["steps.1.list.2", "steps.1.list.x", "steps.1.list.length.x", "steps.1.length", "variables.x"] {
            assert_eq!(find(missing), None, "{missing}");
        }
    }

    #[test]
    fn explains_how_far_it_got() {
        let explain = |path: &str| Path::compile(path).unwrap().explain(&data());
        assert_eq!(
            explain("steps.1.attributes.data.email"),
            "nothing at `steps.1.attributes.data.email`: `data` has no `email`; it has `mail`, `orderId`, `@app`; \
             did you mean `mail`?"
        );
        assert_eq!(explain("steps.3.id"), "nothing at `steps.3.id`: `steps.3` has not run");
        assert_eq!(explain("error.code"), "nothing at `error.code`: a run has no `error` yet");
        assert_eq!(explain("steps.1.list.9"), "nothing at `steps.1.list.9`: `list` is a list of 2 and has no `9`");
        assert!(explain("steps.1.list.length.x").ends_with("`length` is a number and has no `x`"));
        assert!(explain("steps.8-gu8QS1s.id").ends_with("`8-gu8QS1s` is a string and has no `id`"));
    }

    #[test]
    fn refuses_what_is_no_path() {
        assert_eq!(Path::compile("step.1.id").unwrap_err().help.as_deref(), Some("did you mean `steps`?"));
        for text in ["", ".", "steps.", "steps..id", "1.steps", &format!("steps{}", ".a".repeat(64))] {
            assert!(Path::compile(text).is_err(), "{text}");
        }
        assert!(Path::compile(&format!("steps{}", ".a".repeat(63))).is_ok());
    }
}
