//! JSON Schemas generated from tables.
//!
//! Editors use that of workflow files to complete keys, actions, params, operators and events. [`components`] are for the
//! description of the HTTP interface.
//!
//! It is generated from the tables that the checker and the engine use. A schema generated for one file also completes
//! the ids of its steps as targets; a general schema cannot know them.

mod flow;
mod hook;
mod objects;

use serde_json::{Map, Value, json};

use crate::actions::ACTIONS;
use crate::workflow::{ActionSpec, ERROR_CASES_MAX, LIMIT_MAX, ParamKind, STEPS_MAX, credentials};
use flow::{condition, error_case, transition, transitions};
pub use objects::capitalised;

/// URL path of the schema on the server.
pub const PATH: &str = "/schemas/workflow.json";

/// Pattern of step ids.
const ID: &str = "^[^.]{1,128}$";

/// Generates the schema; if `document` is given, its steps, hooks and klasses are completed, too.
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

/// Schemas for the description of the HTTP interface, by name: whatever a workflow file declares as `…Declaration`, hooks
/// and objects as they are shown and sent. They refer to each other below `#/components/schemas/`.
pub fn components() -> Vec<(String, Value)> {
    let mut file = workflow_file(None);
    let definitions = file["$defs"].as_object_mut().map(std::mem::take).unwrap_or_default();
    let declarations = definitions.into_iter().map(|(name, schema)| (declaration(&name), schema));
    let mut changes = klass();
    changes["required"] = json!([]);
    let own = [("KlassChanges".to_owned(), changes)].into_iter().chain(hook::components()).chain(objects::components());
    let mut components: Vec<(String, Value)> = declarations.chain(own).collect();
    components.iter_mut().for_each(|(_, schema)| move_references(schema));
    components
}

/// The name of a component for what a file declares: `errorCase` as `ErrorCaseDeclaration`.
fn declaration(name: &str) -> String {
    format!("{}Declaration", capitalised(name))
}

/// Makes references into a file's schema lead to the components.
fn move_references(schema: &mut Value) {
    match schema {
        Value::Object(members) => {
            for (key, member) in members {
                match member {
                    Value::String(target) if key == "$ref" => {
                        if let Some(name) = target.strip_prefix("#/$defs/") {
                            *target = format!("#/components/schemas/{}", declaration(name));
                        }
                    }
                    member => move_references(member),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(move_references),
        _ => {}
    }
}

/// An optional string; null means absent, as for all optional keys.
fn text(description: &str) -> Value {
    json!({ "type": ["string", "null"], "description": description })
}

/// `meta`, which may hold anything.
fn meta(known: Value) -> Value {
    json!({ "type": ["object", "null"], "properties": known })
}

/// Adds the keys of Kustomer's documents that are ignored here, and rejects all others.
fn closed(mut definition: Value) -> Value {
    let ignored =
        |kind: Value| json!({ "description": "Accepted for compatibility with Kustomer; ignored.", "type": kind });
    for (key, kind) in [
        ("appVersion", json!(["string", "null"])),
        ("logging", json!(["boolean", "null"])),
        ("replaces", json!(["string", "null"])),
        ("displayName", json!(["string", "null"])),
        ("_id", json!("string")),
    ] {
        definition["properties"][key] = ignored(kind);
    }
    // `hookflow check` warns of entries, because they have no effect; editors write empty lists.
    let error_cases =
        json!({ "type": ["array", "null"], "description": "No effect: error cases apply to steps only." });
    for (key, other) in [("description", text("Shown to people.")), ("errorCases", error_cases)] {
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
        "properties": { "displayName": text("Shown to people."), "description": text("Shown to people.") },
        "additionalProperties": false,
    });
    json!({
        "type": "object",
        "description": "A kind of custom object.",
        "properties": {
            "name": { "type": "string", "pattern": "^[a-z0-9_-]{1,64}$" },
            "displayName": text("Shown to people; derived from the name if omitted."),
            "icon": text("Shown to people."),
            "properties": {
                "type": ["object", "null"],
                "description": "Attributes by name; the name's suffix is the type.",
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
            "name": { "type": "string", "minLength": 1, "maxLength": 128, "description": "Identifies the workflow." },
            "enabled": { "type": ["boolean", "null"], "description": "Whether it runs; unchanged if omitted." },
            "trigger": { "$ref": "#/$defs/trigger" },
            "steps": { "type": "array", "items": { "$ref": "#/$defs/step" }, "maxItems": STEPS_MAX },
            "response": {
                "type": ["object", "null"],
                "description": "The response of a callable workflow.",
                "properties": {
                    "value": { "description": "Any JSON, may contain expressions; defaults to the last step's output." },
                    "schema": { "type": "object", "description": "Documentation for callers." },
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
        "description": "How many runs are active at a time; others wait, first in, first out.",
        "properties": {
            "limit": { "type": "integer", "minimum": 1, "maximum": LIMIT_MAX, "description": "The most active runs; 1 runs them one at a time." },
            "key": {
                "description": "Runs with the same key share the limit; if omitted, all runs of the workflow do.",
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
            "eventName": { "type": "string", "description": "The event that starts the workflow.", "examples": events(document) },
            "callable": { "type": "boolean", "description": "Whether other workflows and API clients may call it." },
            "schema": { "type": ["object", "null"], "description": "The inputs of a callable workflow, as JSON Schema." },
            "schedule": schedule(),
            "transitions": transitions(),
            "meta": meta(json!({})),
        },
        "required": ["id"],
        "anyOf": starts,
    }))
}

/// Example events: of the file's own hooks and klasses, or else of common names.
fn events(document: Option<&Value>) -> Vec<String> {
    let declared = |list: &str, default: &'static str| -> Vec<&str> {
        let names = document.and_then(|document| document.get(list)?.as_array()).into_iter().flatten();
        let names: Vec<&str> = names.filter_map(|declaration| declaration.get("name")?.as_str()).collect();
        if names.is_empty() { vec![default] } else { names }
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
        "description": "When the workflow runs on its own.",
        "properties": {
            "cron": {
                "type": "string",
                "description": "Minute, hour, day of month, month, day of week; with six fields, the first is seconds.",
                "examples": ["0 9 * * 1-5", "*/15 * * * *", "0 0 1 * *", "@daily"],
            },
            "timeZone": { "enum": zones, "default": "UTC", "description": "The time zone of the pattern." },
            "every": {
                "type": "string",
                "pattern": "^[0-9]+ *[smhdw]$",
                "description": "An interval, counted from 1970-01-01T00:00:00Z.",
                "examples": ["30s", "15m", "6h", "1d", "1w"],
            },
            "catchUp": { "enum": ["none", "one"], "default": "one", "description": "Whether to run once for missed due times." },
        },
        "oneOf": [{ "required": ["cron"] }, { "required": ["every"], "not": { "required": ["timeZone"] } }],
        "additionalProperties": false,
    })
}

fn step() -> Value {
    let names: Vec<&str> = ACTIONS.iter().map(|action| action.spec.name).collect();
    let prefixed: Vec<String> = names.iter().map(|name| format!("kustomer.{name}")).collect();
    let actions: Vec<Value> = ACTIONS
        .iter()
        .map(|action| json!({ "const": action.spec.name, "description": action.spec.summary }))
        .chain([json!({ "enum": prefixed }), json!({ "type": "null" })])
        .collect();
    let params: Vec<Value> = ACTIONS.iter().map(|action| params_of(&action.spec)).collect();
    let label = json!({ "type": "string", "description": "Label in the log." });
    let parked = json!({ "type": "boolean", "description": "Whether the step may be unreachable." });
    closed(json!({
        "type": "object",
        "properties": {
            "id": { "type": "string", "pattern": ID, "description": "How transitions and references name the step." },
            "action": { "anyOf": actions, "examples": names, "description": "What the step does; if omitted, it only branches." },
            "params": { "type": ["object", "null"] },
            "transitions": transitions(),
            "errorCases": {
                "type": ["array", "null"],
                "items": { "$ref": "#/$defs/errorCase" },
                "maxItems": ERROR_CASES_MAX,
                "description": "What to do when the action fails: the first whose condition holds applies.",
            },
            "meta": meta(json!({ "displayName": label, "parked": parked })),
        },
        "required": ["id"],
        "allOf": params,
    }))
}

/// The schema of the params of an action, for steps that name it.
fn params_of(spec: &ActionSpec) -> Value {
    let param = |kind: ParamKind, summary: &str| {
        // An expression is a string, whatever it resolves to.
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
        spec.params.iter().map(|spec| (spec.name.to_owned(), param(spec.kind, spec.summary))).collect();
    let required: Vec<&str> = spec.params.iter().filter(|param| param.required).map(|param| param.name).collect();
    let names = [spec.name.to_owned(), format!("kustomer.{}", spec.name)];
    let params =
        json!({ "type": "object", "properties": properties, "required": required, "additionalProperties": false });
    let mut then = json!({ "properties": { "params": params } });
    if !required.is_empty() {
        then["required"] = json!(["params"]);
    }
    json!({ "if": { "properties": { "action": { "enum": names } }, "required": ["action"] }, "then": then })
}
