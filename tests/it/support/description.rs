//! The description of the HTTP interface, against which every answer is checked that a test receives from a server.
//!
//! The description leaves it open what else objects may hold, so that it stays true when something is added. Here it is
//! closed first: an answer with an attribute that is not described fails.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, LazyLock, Mutex};

use jsonschema::{Draft, Validator};
use serde_json::{Map, Value, json};

use super::Answer;

/// The description, and the validators that were needed so far.
pub struct Description {
    operations: Vec<Operation>,
    components: Value,
    validators: Mutex<HashMap<String, Arc<Validator>>>,
}

/// One method of one address.
struct Operation {
    method: String,
    /// The segments of its path.
    path: Vec<String>,
    described: Value,
}

static DESCRIPTION: LazyLock<Description> = LazyLock::new(|| Description::new(hookflow::api::document()));

/// Fails unless the answer is described.
#[track_caller]
pub fn check(method: &str, path: &str, answer: &Answer) {
    if let Err(problem) = DESCRIPTION.check(method, path, answer) {
        panic!("{method} {path} answered {}, which is not as described: {problem}\n{}", answer.status, answer.text);
    }
}

impl Description {
    fn new(mut document: Value) -> Description {
        let mut operations = Vec::new();
        for (path, item) in document["paths"].as_object().expect("there are paths") {
            for (method, described) in item.as_object().expect("a path has methods") {
                let path = path.split('/').map(str::to_owned).collect();
                operations.push(Operation { method: method.to_uppercase(), path, described: described.clone() });
            }
        }
        // What stands literally in a path wins over a parameter.
        operations.sort_by_key(|operation| operation.path.iter().filter(|part| part.starts_with('{')).count());
        let mut components = document["components"]["schemas"].take();
        let mut extended = HashSet::new();
        find_extended(&components, &mut extended);
        for (name, schema) in components.as_object_mut().expect("there are schemas") {
            close(schema, extended.contains(name));
        }
        Description { operations, components, validators: Mutex::default() }
    }

    fn check(&self, method: &str, path: &str, answer: &Answer) -> Result<(), String> {
        let segments: Vec<&str> = path.split('/').collect();
        let of_path = || self.operations.iter().filter(|operation| operation.is_at(&segments));
        let Some(operation) = of_path().find(|operation| operation.method == method) else {
            // An unknown address, or a method that it does not take.
            return match answer.status {
                404 | 405 if answer.text.is_empty() => Ok(()),
                404 | 405 | 431 => self.validate("Errors", &json!({ "$ref": "#/components/schemas/Errors" }), answer),
                _ if of_path().any(Operation::is_of_senders) => Ok(()),
                _ => Err("there is no such operation".into()),
            };
        };
        let is_by_id = segments.last().is_some_and(|last| last.len() == 24);
        if operation.is_of_senders() && !(method == "GET" && is_by_id) {
            // What a hook answers is for its settings to say.
            return Ok(());
        }
        let id = operation.described["operationId"].as_str().expect("an operation has an id");
        let response = &operation.described["responses"][answer.status.to_string()];
        if response.is_null() {
            return Err(format!("`{id}` does not answer so"));
        }
        let Some(content) = response.get("content").and_then(Value::as_object) else {
            return if answer.text.is_empty() { Ok(()) } else { Err("a body is not described".into()) };
        };
        let kind = answer.headers.get("content-type").and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let media = content.get(kind).ok_or_else(|| format!("the content type `{kind}` is not described"))?;
        match kind {
            "application/json" => self.validate(&format!("{id} {}", answer.status), &media["schema"], answer),
            _ => Ok(()),
        }
    }

    fn validate(&self, key: &str, schema: &Value, answer: &Answer) -> Result<(), String> {
        let validator = self.validator(key, schema);
        let value = serde_json::from_str(&answer.text).map_err(|error| format!("not JSON: {error}"))?;
        let problems: Vec<String> = validator
            .iter_errors(&value)
            .map(|error| format!("\n  at `{}`: {}", error.instance_path(), error.masked()))
            .collect();
        if problems.is_empty() { Ok(()) } else { Err(problems.concat()) }
    }

    fn validator(&self, key: &str, schema: &Value) -> Arc<Validator> {
        let mut validators = self.validators.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let validator = validators.entry(key.to_owned()).or_insert_with(|| {
            let mut schema = schema.clone();
            close(&mut schema, false);
            Arc::new(validator_of(&schema, &json!({ "schemas": self.components })))
        });
        validator.clone()
    }
}

/// A validator of a schema that refers to these components.
pub fn validator_of(schema: &Value, components: &Value) -> Validator {
    let mut schema = schema.clone();
    schema["components"] = components.clone();
    let options = jsonschema::options().with_draft(Draft::Draft202012);
    options.build(&schema).unwrap_or_else(|error| panic!("not a schema: {error}"))
}

impl Operation {
    fn is_at(&self, segments: &[&str]) -> bool {
        let fits = |(part, segment): (&String, &&str)| part.starts_with('{') || part == segment;
        self.path.len() == segments.len() && self.path.iter().zip(segments).all(fits)
    }

    /// Whether it is where senders post.
    fn is_of_senders(&self) -> bool {
        self.described["tags"][0] == "Door"
    }
}

/// Finds the components that others extend: they can't be closed by themselves.
fn find_extended(schema: &Value, found: &mut HashSet<String>) {
    match schema {
        Value::Object(members) => {
            for extended in members.get("allOf").and_then(Value::as_array).into_iter().flatten() {
                let target = extended["$ref"].as_str().and_then(|target| target.rsplit('/').next());
                found.extend(target.map(str::to_owned));
            }
            members.values().for_each(|member| find_extended(member, found));
        }
        Value::Array(items) => items.iter().for_each(|item| find_extended(item, found)),
        _ => {}
    }
}

/// Rules attributes out that are not described; not at the top of a schema that is extended by another one.
fn close(schema: &mut Value, is_extended: bool) {
    let Value::Object(members) = schema else { return };
    let extends = members.contains_key("allOf");
    if !is_extended && extends {
        members.insert("unevaluatedProperties".into(), json!(false));
    } else if !is_extended && members.contains_key("properties") {
        members.entry("additionalProperties").or_insert(json!(false));
    }
    for (keyword, member) in members.iter_mut() {
        match keyword.as_str() {
            "allOf" => each(member, |schema| close(schema, true)),
            "anyOf" | "oneOf" | "prefixItems" => each(member, |schema| close(schema, is_extended)),
            "properties" | "patternProperties" => {
                let properties = member.as_object_mut().map(Map::values_mut);
                properties.into_iter().flatten().for_each(|schema| close(schema, false));
            }
            "items" | "additionalProperties" => close(member, false),
            _ => {}
        }
    }
}

fn each(schemas: &mut Value, change: impl FnMut(&mut Value)) {
    schemas.as_array_mut().into_iter().flatten().for_each(change);
}
