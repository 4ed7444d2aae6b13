//! Examples for the description of the interface, made from its schemas: of every answer and every parameter.
//!
//! A schema's own example comes first. Otherwise the value follows from the type, and texts also from the name of the
//! property. A test validates all of them against their schemas.

use serde_json::{Map, Value, json};

const ID: &str = "6b03e07737db00a02c000001";
const TIME: &str = "2026-11-23T08:32:47.402Z";
/// How deep an example nests. Some schemas contain themselves.
const LEVELS_MAX: usize = 16;

/// Adds an example to every answer that has JSON or a stream as its content, and to every parameter, except where there is
/// one.
pub(super) fn add(document: &mut Value) {
    let components = document["components"].clone();
    let paths = document["paths"].as_object_mut().into_iter().flatten();
    for (path, item) in paths {
        let examples = Examples { components: &components, link: link(path) };
        for operation in item.as_object_mut().into_iter().flat_map(Map::values_mut) {
            let responses = operation.get_mut("responses").and_then(Value::as_object_mut);
            let contents = responses.into_iter().flatten().filter_map(|(_, response)| response.get_mut("content"));
            for (content_type, media) in contents.filter_map(Value::as_object_mut).flatten() {
                examples.add_to_media(content_type, media);
            }
            let parameters = operation.get_mut("parameters").and_then(Value::as_array_mut);
            for parameter in parameters.into_iter().flatten().filter_map(Value::as_object_mut) {
                let name = parameter.get("name").and_then(Value::as_str).unwrap_or_default();
                let example = examples.of(parameter.get("schema").unwrap_or(&Value::Null), name, 0);
                parameter.entry("example").or_insert(example);
            }
        }
    }
}

/// The address of one resource at a path, with the placeholders filled in.
fn link(path: &str) -> String {
    let fill = |segment: &str| match segment {
        "{klass}" => "order".to_owned(),
        "{version}" | "{before}" | "{part}" => "1".to_owned(),
        "{after}" => "2".to_owned(),
        segment if segment.starts_with('{') => ID.to_owned(),
        segment => segment.to_owned(),
    };
    let filled = path.split('/').map(fill).collect::<Vec<_>>().join("/");
    if path.ends_with('}') || path == "/v1/org" { filled } else { format!("{filled}/{ID}") }
}

struct Examples<'a> {
    components: &'a Value,
    link: String,
}

impl Examples<'_> {
    fn add_to_media(&self, content_type: &str, media: &mut Value) {
        let Some(media) = media.as_object_mut() else { return };
        if media.contains_key("example") || media.contains_key("examples") {
            return;
        }
        let example = match content_type {
            "text/event-stream" => json!(format!("id: {ID}\nevent: transaction\ndata: {{\"id\":\"{ID}\"}}\n\n")),
            text if text.starts_with("text/plain") => json!("hookflow_transactions_accepted_total 1\n"),
            json if json.contains("json") => self.of(media.get("schema").unwrap_or(&Value::Null), "", 0),
            _ => return,
        };
        media.insert("example".to_owned(), example);
    }

    /// A value that fits the schema of the property `name`.
    fn of(&self, schema: &Value, name: &str, level: usize) -> Value {
        if let Some(target) = schema["$ref"].as_str() {
            let component = target.strip_prefix("#/components").and_then(|pointer| self.components.pointer(pointer));
            return component.map(|component| self.of(component, name, level)).unwrap_or_default();
        }
        let own =
            [&schema["example"], &schema["examples"][0], &schema["const"], &schema["default"], &schema["enum"][0]];
        if let Some(own) = own.into_iter().find(|own| !own.is_null()) {
            return own.clone();
        }
        if let Some(parts) = schema["allOf"].as_array() {
            let parts = parts.iter().map(|part| self.of(part, name, level));
            let members = parts.filter_map(|part| if let Value::Object(members) = part { Some(members) } else { None });
            return Value::Object(members.flatten().collect());
        }
        let choices = ["oneOf", "anyOf"].into_iter().find_map(|key| schema[key].as_array());
        if let (Some(choices), None) = (choices, schema.get("properties")) {
            let choice = choices.iter().find(|choice| choice["type"] != "null");
            return choice
                .filter(|_| level < LEVELS_MAX)
                .map(|choice| self.of(choice, name, level + 1))
                .unwrap_or_default();
        }
        let types = schema["type"].as_array().map(Vec::as_slice).unwrap_or(std::slice::from_ref(&schema["type"]));
        match types.iter().filter_map(Value::as_str).find(|word| *word != "null") {
            Some("string") => self.text(schema, name),
            Some("integer") => json!(schema["minimum"].as_i64().unwrap_or(1).max(1)),
            Some("number") => json!(1.5),
            Some("boolean") => json!(true),
            Some("array") if schema["prefixItems"].is_array() => {
                let items = schema["prefixItems"].as_array().into_iter().flatten();
                items.map(|item| self.of(item, name, level + 1)).collect()
            }
            Some("array") if level >= LEVELS_MAX || schema["items"].is_null() => json!([]),
            Some("array") => json!([self.of(&schema["items"], name, level + 1)]),
            Some("object") if level < LEVELS_MAX && schema["properties"].is_object() => {
                let properties = schema["properties"].as_object().into_iter().flatten();
                properties.map(|(name, schema)| (name.clone(), self.of(schema, name, level + 1))).collect()
            }
            _ => anything(name),
        }
    }

    fn text(&self, schema: &Value, name: &str) -> Value {
        let text = match (schema["format"].as_str(), name) {
            (Some("date-time"), _) => TIME,
            (_, "id" | "secret" | "related" | "below") => ID,
            (_, "self" | "next") => return json!(self.link),
            (_, "hash") => "7895e420c1f6a1f2d7a3c4b5e6f708192a3b4c5d6e7f8091a2b3c4d5e6f70819",
            (_, "url") => {
                "http://127.0.0.1:8080/v1/hooks/form/7895e420c1f6a1f2d7a3c4b5e6f708192a3b4c5d6e7f8091a2b3c4d5e6f70819"
            }
            (_, "email") => "ann@example.com",
            (_, "phone") => "+15551234567",
            (_, "name" | "displayName" | "title") => "Orders",
            (_, "workflow") => "order-to-kobject",
            (_, "klass" | "klassName") => "order",
            (_, "event" | "eventName") => "hooks.form.orders.receive",
            (_, "action") => "customer.create",
            (_, "position" | "step" | "target") => "2",
            (_, "pointer") => "/email",
            (_, "contentType") => "application/json",
            (_, "peer") => "203.0.113.7",
            (_, "method") => "POST",
            (_, "version") => env!("CARGO_PKG_VERSION"),
            _ => "text",
        };
        json!(text)
    }
}

/// A value of any type.
fn anything(name: &str) -> Value {
    match name {
        "data" => json!({ "orderId": "1234", "email": "ann@example.com" }),
        "document" => json!({
            "name": "order-to-kobject",
            "trigger": { "id": "1", "eventName": "hooks.form.orders.receive", "transitions": [] },
            "steps": [],
        }),
        _ => json!({}),
    }
}
