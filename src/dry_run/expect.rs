//! Compares the result of a dry run with what a test expects.
//!
//! For an object, only the keys in the expectation are compared; for a list, every entry. The texts `<any>` (any
//! value), `<none>` (no value), `<id>` and `<moment>` are placeholders. Numbers are compared by value.

use serde_json::{Map, Value, json};

use super::{DryRun, FinishedRun};
use crate::base::id::Id;
use crate::objects::{escape_pointer, nearest};

/// A difference.
#[derive(Clone, Debug, PartialEq)]
pub struct Mismatch {
    /// JSON pointer into the expectation.
    pub pointer: String,
    pub expected: String,
    pub found: String,
}

/// The keys of an expectation.
pub const KEYS: [&str; 8] = ["status", "path", "steps", "output", "error", "calls", "objects", "runs"];

/// Compares the result of a dry run with an expectation.
///
/// # Errors
/// If the expectation has an unknown key.
pub fn compare(expected: &Map<String, Value>, dry_run: &DryRun) -> Result<Vec<Mismatch>, String> {
    let main = &dry_run.runs[0];
    let mut mismatches = Vec::new();
    for (key, expected) in expected {
        let pointer = format!("/{}", escape_pointer(key));
        let found = match key.as_str() {
            "status" => json!(main.run.status.to_string()),
            "path" => json!(path(main)),
            "steps" => steps(main),
            "output" => main.run.output.clone().unwrap_or_default(),
            "error" => json!(main.run.error),
            "calls" => Value::Array(dry_run.calls.iter().map(call).collect()),
            "objects" => Value::Object(dry_run.objects.clone()),
            "runs" => Value::Array(dry_run.runs.iter().skip(1).map(summary).collect()),
            other => {
                let near = nearest(other, KEYS).map(|near| format!("did you mean `{near}`?"));
                return Err(format!(
                    "unknown key `{other}` in the expectation; {}",
                    near.unwrap_or_else(|| format!("expected one of {}", KEYS.join(", ")))
                ));
            }
        };
        match key.as_str() {
            "path" if *expected != found => {
                mismatches.push(Mismatch { pointer, expected: arrows(expected), found: arrows(&found) })
            }
            "path" => {}
            _ => differences(&pointer, expected, Some(&found), &mut mismatches),
        }
    }
    Ok(mismatches)
}

/// The ids of the trigger and the steps that were executed, in order.
pub fn path(run: &FinishedRun) -> Vec<&str> {
    run.steps.iter().filter_map(|step| step["id"].as_str()).collect()
}

/// Entries by step; the last one of a step that was executed several times.
fn steps(run: &FinishedRun) -> Value {
    let entry = |step: &Value| Some((step["id"].as_str()?.to_owned(), step.clone()));
    Value::Object(run.steps.iter().filter_map(entry).collect())
}

fn call(made: &super::MadeCall) -> Value {
    let mut call = made.request.clone();
    call["step"] = json!(made.step);
    call["attempt"] = json!(made.attempt);
    call
}

fn summary(run: &FinishedRun) -> Value {
    json!({
        "workflow": run.run.workflow_name,
        "event": run.run.event,
        "status": run.run.status.to_string(),
        "path": path(run),
        "steps": steps(run),
        "output": run.run.output,
        "error": run.run.error,
    })
}

fn arrows(path: &Value) -> String {
    match path.as_array() {
        Some(ids) => ids.iter().map(plain).collect::<Vec<_>>().join(" → "),
        None => path.to_string(),
    }
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn differences(pointer: &str, expected: &Value, found: Option<&Value>, mismatches: &mut Vec<Mismatch>) {
    let mut differ = |expected: String| {
        let found = found.map_or_else(|| "nothing".to_owned(), Value::to_string);
        mismatches.push(Mismatch { pointer: pointer.to_owned(), expected, found });
    };
    match (expected, found) {
        (Value::String(text), found) if is_placeholder(text) => {
            if !stands_for(text, found) {
                differ(text.clone());
            }
        }
        (Value::Object(fields), Some(Value::Object(present))) => {
            for (name, expected) in fields {
                let pointer = format!("{pointer}/{}", escape_pointer(name));
                differences(&pointer, expected, present.get(name), mismatches);
            }
        }
        (Value::Array(items), Some(Value::Array(present))) if items.len() == present.len() => {
            for (index, (expected, found)) in items.iter().zip(present).enumerate() {
                differences(&format!("{pointer}/{index}"), expected, Some(found), mismatches);
            }
        }
        (Value::Array(items), Some(Value::Array(present))) => {
            let count = |count: usize| if count == 1 { "1 entry".to_owned() } else { format!("{count} entries") };
            let found = format!("{}: {}", count(present.len()), Value::Array(present.clone()));
            mismatches.push(Mismatch { pointer: pointer.to_owned(), expected: count(items.len()), found });
        }
        (Value::Number(expected), Some(Value::Number(found))) if expected.as_f64() == found.as_f64() => {}
        (expected, Some(found)) if expected == found => {}
        (Value::Null, None) => {}
        (expected, _) => differ(expected.to_string()),
    }
}

fn is_placeholder(text: &str) -> bool {
    matches!(text, "<any>" | "<none>" | "<id>" | "<moment>")
}

fn stands_for(placeholder: &str, found: Option<&Value>) -> bool {
    let found = found.filter(|found| !found.is_null());
    let text = found.and_then(Value::as_str);
    match placeholder {
        "<none>" => found.is_none(),
        "<id>" => text.is_some_and(|text| text.parse::<Id>().is_ok()),
        "<moment>" => text.is_some_and(|text| text.parse::<jiff::Timestamp>().is_ok()),
        _ => found.is_some(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(expected: Value, found: Value) -> Vec<(String, String, String)> {
        let mut mismatches = Vec::new();
        differences("", &expected, Some(&found), &mut mismatches);
        mismatches.into_iter().map(|each| (each.pointer, each.expected, each.found)).collect()
    }

    #[test]
    fn only_what_is_named_is_compared() {
        assert_eq!(found(json!({ "a": 1 }), json!({ "a": 1.0, "b": 2 })), []);
        let differences = found(json!({ "a": { "b/c": 1, "d": "x" } }), json!({ "a": { "b/c": 2 } }));
        let expected = [("/a/b~1c", "1", "2"), ("/a/d", "\"x\"", "nothing")];
        assert_eq!(differences, expected.map(|(at, wanted, found)| (at.into(), wanted.into(), found.into())));
    }

    #[test]
    fn lists_have_as_many_entries() {
        assert_eq!(found(json!([{}, {}]), json!([{ "a": 1 }, { "b": 2 }])), []);
        let differences = found(json!([1]), json!([1, 2]));
        assert_eq!(differences, [(String::new(), "1 entry".to_owned(), "2 entries: [1,2]".to_owned())]);
    }

    #[test]
    fn placeholders_stand_for_what_is_not_known_beforehand() {
        let placeholders = json!({ "a": "<id>", "b": "<moment>", "c": "<any>", "d": "<none>", "e": "<none>" });
        let good = json!({ "a": "6b03d5485cfbd68cca000001", "b": "2026-01-02T03:04:05Z", "c": false, "e": null });
        assert_eq!(found(placeholders.clone(), good), []);
        let bad = found(placeholders, json!({ "a": "x", "b": "x", "d": 1, "e": 0 }));
        assert_eq!(bad.iter().map(|(at, ..)| at.as_str()).collect::<Vec<_>>(), ["/a", "/b", "/c", "/d", "/e"]);
    }
}
