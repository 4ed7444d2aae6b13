//! The JSON Schema of workflow files, for editors: it completes keys, actions with their params, operators and events.
//!
//! It is made from the same tables that the checker and the engine read. Steps of a file can be completed as targets if the
//! schema is made for that file; a schema alone can't know them.

mod flow;
mod hook;

use serde_json::{Map, Value, json};

use crate::actions::ACTIONS;
use crate::workflow::{ActionSpec, ERROR_CASES_MAX, LIMIT_MAX, ParamKind, STEPS_MAX, credentials};
use flow::{condition, error_case, transition, transitions};

/// Where the server offers the schema.
pub const PATH: &str = "/schemas/workflow.json";

/// What ids of steps look like.
const ID: &str = "^[^.]{1,128}$";

/// The schema; `document` is a file whose steps, hooks and klasses are to be completed, if it is made for one.
pub fn workflow_file(document: Option<&Value>) -> Value {
    let workflow = json!({ "$ref": "#/$defs/workflow" });
    let list = |kind: &str| json!({ "type": ["array", "null"], "items": { "$ref": format!("#/$defs/{kind}") } });
    let bundle = json!({
        "type": "object",
        "properties": {
            "$schema": { "type": "string" },
            "meta": meta(json!({})),
            "hooks": list("hook"),
            "klasses": list("klass"),
            "workflows": list("workflow"),
        },
        "additionalProperties": false,
    });
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A hookflow file: a bundle of hooks, klasses and workflows, or one workflow",
        "if": { "anyOf": [{ "required": ["trigger"] }, { "required": ["steps"] }] },
        "then": workflow,
        "else": bundle,
        "$defs": {
            "hook": hook::definition(),
            "klass": klass(),
            "workflow": workflow_definition(),
            "trigger": trigger(document),
            "step": step(),
            "transition": transition(document),
            "auth": credentials::schema(),
            "condition": condition(),
            "errorCase": error_case(),
        },
    })
}

/// A text that may be left out by null, as all keys may that are not required.
fn text(description: &str) -> Value {
    json!({ "type": ["string", "null"], "description": description })
}

/// `meta`, in which anything may stand.
fn meta(known: Value) -> Value {
    json!({ "type": ["object", "null"], "properties": known })
}

/// Adds the keys of Kustomer's documents that mean nothing here, and rules all others out.
fn closed(mut definition: Value) -> Value {
    let ignored =
        |kind: Value| json!({ "description": "Accepted from Kustomer's documents; means nothing.", "type": kind });
    for (key, kind) in [
        ("appVersion", json!(["string", "null"])),
        ("logging", json!(["boolean", "null"])),
        ("replaces", json!(["string", "null"])),
        ("displayName", json!(["string", "null"])),
        ("_id", json!("string")),
    ] {
        definition["properties"][key] = ignored(kind);
    }
    for (key, other) in
        [("description", text("For people.")), ("errorCases", json!({ "type": ["array", "null"], "maxItems": 0 }))]
    {
        if definition["properties"].get(key).is_none() {
            definition["properties"][key] = other;
        }
    }
    definition["additionalProperties"] = json!(false);
    definition
}

fn klass() -> Value {
    let property = json!({
        "type": "object",
        "properties": { "displayName": text("For people."), "description": text("For people.") },
        "additionalProperties": false,
    });
    json!({
        "type": "object",
        "description": "A kind of custom object.",
        "properties": {
            "name": { "type": "string", "pattern": "^[a-z0-9_-]{1,64}$" },
            "displayName": text("Made from the name if absent."),
            "icon": text("For people."),
            "properties": {
                "type": ["object", "null"],
                "description": "Attributes by name; the suffix is the type.",
                "patternProperties": { "(Str|Txt|Num|At|Bool|Url|Id)$": property },
                "additionalProperties": false,
            },
        },
        "required": ["name"],
        "additionalProperties": false,
    })
}

fn workflow_definition() -> Value {
    closed(json!({
        "type": "object",
        "properties": {
            "$schema": { "type": "string" },
            "name": { "type": "string", "minLength": 1, "maxLength": 128, "description": "Tells workflows apart." },
            "enabled": { "type": ["boolean", "null"], "description": "Whether it runs; if absent, as it was." },
            "trigger": { "$ref": "#/$defs/trigger" },
            "steps": { "type": "array", "items": { "$ref": "#/$defs/step" }, "maxItems": STEPS_MAX },
            "response": {
                "type": ["object", "null"],
                "description": "What a callable workflow answers.",
                "properties": {
                    "value": { "description": "Any JSON with expressions; else the last step's output." },
                    "schema": { "type": "object", "description": "For callers." },
                },
            },
            "concurrency": concurrency(),
            "meta": meta(json!({})),
        },
        "required": ["name", "trigger", "steps"],
    }))
}

fn concurrency() -> Value {
    json!({
        "type": ["object", "null"],
        "description": "How many runs go on at a time; the others wait, in the order in which they came.",
        "properties": {
            "limit": { "type": "integer", "minimum": 1, "maximum": LIMIT_MAX, "description": "1: one after the other." },
            "key": {
                "description": "Runs with the same key take turns; without it, all runs of the workflow.",
                "examples": ["/#steps.1.attributes.data.orderId"],
            },
        },
        "required": ["limit"],
        "additionalProperties": false,
    })
}

fn trigger(document: Option<&Value>) -> Value {
    let starts = ["eventName", "callable", "schedule"].map(|key| json!({ "required": [key] }));
    closed(json!({
        "type": "object",
        "description": "What starts the workflow; its output is the event's payload, /#steps.1.",
        "properties": {
            "id": { "type": "string", "pattern": ID, "default": "1" },
            "eventName": { "type": "string", "description": "The event that starts it.", "examples": events(document) },
            "callable": { "type": "boolean", "description": "Whether other workflows and callers may run it." },
            "schema": { "type": ["object", "null"], "description": "The inputs of a callable workflow, as JSON Schema." },
            "schedule": schedule(),
            "transitions": transitions(),
            "meta": meta(json!({})),
        },
        "required": ["id"],
        "anyOf": starts,
    }))
}

/// Events to listen for: those of the file's own hooks and klasses, or of some that a file could have.
fn events(document: Option<&Value>) -> Vec<String> {
    let declared = |list: &str, other: &'static str| -> Vec<&str> {
        let names = document.and_then(|document| document.get(list)?.as_array()).into_iter().flatten();
        let names: Vec<&str> = names.filter_map(|declared| declared.get("name")?.as_str()).collect();
        if names.is_empty() { vec![other] } else { names }
    };
    let objects = ["customer", "conversation", "message", "note", "company"].map(str::to_owned).into_iter();
    let objects = objects.chain(declared("klasses", "order").into_iter().map(|klass| format!("kobject.{klass}")));
    let changes = objects.flat_map(|object| ["create", "update", "delete"].map(|change| format!("{object}.{change}")));
    let hooks = declared("hooks", "orders").into_iter().map(|hook| format!("hooks.form.{hook}.receive"));
    hooks.chain(changes).chain(["app.shop.paid".to_owned()]).collect()
}

fn schedule() -> Value {
    let zones: Vec<String> = jiff::tz::db().available().map(|name| name.to_string()).collect();
    json!({
        "type": "object",
        "description": "When the workflow runs by itself.",
        "properties": {
            "cron": {
                "type": "string",
                "description": "Minute, hour, day of month, month, day of week; with six fields, the first is seconds.",
                "examples": ["0 9 * * 1-5", "*/15 * * * *", "0 0 1 * *", "@daily"],
            },
            "timeZone": { "enum": zones, "default": "UTC", "description": "Whose time the pattern is in." },
            "every": {
                "type": "string",
                "pattern": "^[0-9]+ *[smhdw]$",
                "description": "An interval, counted from 1970-01-01T00:00:00Z.",
                "examples": ["30s", "15m", "6h", "1d", "1w"],
            },
            "catchUp": { "enum": ["none", "one"], "default": "one", "description": "Runs for what was missed." },
        },
        "oneOf": [{ "required": ["cron"] }, { "required": ["every"], "not": { "required": ["timeZone"] } }],
        "additionalProperties": false,
    })
}

fn step() -> Value {
    let names: Vec<&str> = ACTIONS.iter().map(|action| action.spec.name).collect();
    let prefixed: Vec<String> = names.iter().map(|name| format!("kustomer.{name}")).collect();
    let described: Vec<Value> = ACTIONS
        .iter()
        .map(|action| json!({ "const": action.spec.name, "description": action.spec.summary }))
        .chain([json!({ "enum": prefixed }), json!({ "type": "null" })])
        .collect();
    let params: Vec<Value> = ACTIONS.iter().map(|action| params_of(&action.spec)).collect();
    let label = json!({ "type": "string", "description": "What the log shows." });
    let parked = json!({ "type": "boolean", "description": "Whether the step is kept though no way leads to it." });
    closed(json!({
        "type": "object",
        "properties": {
            "id": { "type": "string", "pattern": ID, "description": "By which transitions and references name it." },
            "action": { "anyOf": described, "examples": names, "description": "What it does; without, it only branches." },
            "params": { "type": ["object", "null"] },
            "transitions": transitions(),
            "errorCases": {
                "type": ["array", "null"],
                "items": { "$ref": "#/$defs/errorCase" },
                "maxItems": ERROR_CASES_MAX,
                "description": "What happens when the action fails: the first whose condition holds.",
            },
            "meta": meta(json!({ "displayName": label, "parked": parked })),
        },
        "required": ["id"],
        "allOf": params,
    }))
}

/// What the params of an action are, wherever a step names it.
fn params_of(spec: &ActionSpec) -> Value {
    let param = |kind: ParamKind, summary: &str| {
        // An expression is text, whatever it resolves to.
        let expression = json!({ "type": "string" });
        let value = match kind {
            ParamKind::Any | ParamKind::Json | ParamKind::Item => return json!({ "description": summary }),
            ParamKind::ItemCondition => return json!({ "$ref": "#/$defs/condition" }),
            ParamKind::Text | ParamKind::Email | ParamKind::Url | ParamKind::Regex => {
                json!({ "type": ["string", "number", "boolean"] })
            }
            ParamKind::Number => json!({ "type": "number" }),
            ParamKind::Boolean => json!({ "type": "boolean" }),
            ParamKind::Object | ParamKind::Headers | ParamKind::Fields => json!({ "type": "object" }),
            ParamKind::Auth => json!({ "$ref": "#/$defs/auth" }),
            ParamKind::List | ParamKind::Attachments => json!({ "type": "array" }),
            ParamKind::TextOrList => json!({ "type": ["string", "number", "boolean", "array"] }),
        };
        json!({ "anyOf": [value, expression, { "type": "null" }], "description": summary })
    };
    let properties: Map<String, Value> =
        spec.params.iter().map(|each| (each.name.to_owned(), param(each.kind, each.summary))).collect();
    let required: Vec<&str> = spec.params.iter().filter(|each| each.required).map(|each| each.name).collect();
    let names = [spec.name.to_owned(), format!("kustomer.{}", spec.name)];
    let params =
        json!({ "type": "object", "properties": properties, "required": required, "additionalProperties": false });
    let mut then = json!({ "properties": { "params": params } });
    if !required.is_empty() {
        then["required"] = json!(["params"]);
    }
    json!({ "if": { "properties": { "action": { "enum": names } }, "required": ["action"] }, "then": then })
}
