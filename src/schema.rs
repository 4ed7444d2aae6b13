//! The JSON Schema of workflow files, for editors: it completes keys, actions with their params, operators and events.
//!
//! It is made from the same tables that the checker and the engine read. Steps of a file can be completed as targets if the
//! schema is made for that file; a schema alone can't know them.

use serde_json::{Map, Value, json};

use crate::actions::ACTIONS;
use crate::expr::Operator;
use crate::workflow::{ActionSpec, ErrorAction, ParamKind, credentials};

/// Where the server offers the schema.
pub const PATH: &str = "/schemas/workflow.json";

/// The schema; `document` is a file whose steps and klasses are to be completed, if it is made for one.
pub fn workflow_file(document: Option<&Value>) -> Value {
    let workflow = json!({ "$ref": "#/$defs/workflow" });
    let bundle = json!({
        "type": "object",
        "properties": {
            "$schema": { "type": "string" },
            "meta": { "type": "object" },
            "hooks": { "type": "array", "items": { "$ref": "#/$defs/hook" } },
            "klasses": { "type": "array", "items": { "$ref": "#/$defs/klass" } },
            "workflows": { "type": "array", "items": workflow },
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
            "hook": hook(),
            "klass": klass(),
            "workflow": workflow_definition(),
            "trigger": trigger(),
            "step": step(),
            "transition": transition(document),
            "condition": condition(),
            "errorCase": error_case(),
        },
    })
}

fn hook() -> Value {
    json!({
        "type": "object",
        "description": "An address that outsiders post to.",
        "properties": {
            "name": { "type": "string", "pattern": "^[a-z0-9_-]{1,64}$" },
            "type": { "enum": ["form"] },
            "title": { "type": "string" },
            "description": { "type": "string" },
        },
        "required": ["name"],
        "additionalProperties": false,
    })
}

fn klass() -> Value {
    let property = json!({
        "type": "object",
        "properties": { "displayName": { "type": "string" }, "description": { "type": "string" } },
        "additionalProperties": false,
    });
    json!({
        "type": "object",
        "description": "A kind of custom object.",
        "properties": {
            "name": { "type": "string" },
            "displayName": { "type": "string" },
            "icon": { "type": "string" },
            "properties": {
                "type": "object",
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
    json!({
        "type": "object",
        "properties": {
            "$schema": { "type": "string" },
            "name": { "type": "string" },
            "description": { "type": "string" },
            "enabled": { "type": "boolean" },
            "trigger": { "$ref": "#/$defs/trigger" },
            "steps": { "type": "array", "items": { "$ref": "#/$defs/step" } },
            "response": {
                "type": "object",
                "description": "What a callable workflow answers.",
                "properties": { "value": {}, "schema": { "type": "object" } },
            },
            "meta": { "type": "object" },
        },
        "required": ["name", "trigger", "steps"],
    })
}

fn trigger() -> Value {
    let events = ["hooks.form.orders.receive", "customer.create", "kobject.order.create", "app.shop.paid"];
    let starts = ["eventName", "callable", "schedule"].map(|key| json!({ "required": [key] }));
    json!({
        "type": "object",
        "description": "What starts the workflow; its output is the event's payload, /#steps.1.",
        "properties": {
            "id": { "type": "string", "default": "1" },
            "eventName": { "type": "string", "description": "The event that starts it.", "examples": events },
            "callable": { "type": "boolean", "description": "Whether other workflows and callers may run it." },
            "schema": { "type": "object", "description": "The inputs of a callable workflow, as JSON Schema." },
            "schedule": schedule(),
            "transitions": transitions(),
            "meta": { "type": "object" },
        },
        "required": ["id"],
        "anyOf": starts,
    })
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

fn transitions() -> Value {
    json!({ "type": "array", "items": { "$ref": "#/$defs/transition" }, "description": "Tried in order." })
}

fn step() -> Value {
    let names: Vec<&str> = ACTIONS.iter().map(|action| action.spec.name).collect();
    let described: Vec<Value> = ACTIONS
        .iter()
        .map(|action| json!({ "const": action.spec.name, "description": action.spec.summary }))
        .chain([json!({ "type": "string", "pattern": "^kustomer\\." })])
        .collect();
    let params: Vec<Value> = ACTIONS.iter().map(|action| params_of(&action.spec)).collect();
    json!({
        "type": "object",
        "properties": {
            "id": { "type": "string", "pattern": "^[^.]{1,128}$" },
            "action": { "anyOf": described, "examples": names },
            "params": { "type": "object" },
            "transitions": transitions(),
            "errorCases": { "type": "array", "items": { "$ref": "#/$defs/errorCase" } },
            "meta": {
                "type": "object",
                "properties": { "displayName": { "type": "string", "description": "What the log shows." } },
            },
        },
        "required": ["id"],
        "allOf": params,
    })
}

/// What the params of an action are, wherever a step names it.
fn params_of(spec: &ActionSpec) -> Value {
    let param = |kind: ParamKind, summary: &str| {
        // An expression is text, whatever it resolves to.
        let expression = json!({ "type": "string" });
        let value = match kind {
            ParamKind::Any | ParamKind::Json => return json!({ "description": summary }),
            ParamKind::Text | ParamKind::Email | ParamKind::Url | ParamKind::Regex => {
                json!({ "type": ["string", "number", "boolean"] })
            }
            ParamKind::Number => json!({ "type": "number" }),
            ParamKind::Boolean => json!({ "type": "boolean" }),
            ParamKind::Object | ParamKind::Headers | ParamKind::Fields => json!({ "type": "object" }),
            ParamKind::Auth => {
                let types: Vec<&str> = credentials::types().collect();
                json!({ "type": "object", "properties": { "type": { "enum": types } }, "required": ["type"] })
            }
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

fn transition(document: Option<&Value>) -> Value {
    let mut target = json!({ "type": "string", "description": "The id of the step that comes next." });
    let ids = document.map(step_ids).unwrap_or_default();
    if !ids.is_empty() {
        target["enum"] = json!(ids);
    }
    json!({
        "type": "object",
        "properties": {
            "target": target,
            "condition": { "$ref": "#/$defs/condition" },
            "meta": { "type": "object", "properties": { "name": { "type": "string" } } },
        },
        "required": ["target", "condition"],
        "additionalProperties": false,
    })
}

fn condition() -> Value {
    let operators: Vec<&str> = Operator::ALL.iter().map(|(name, _)| *name).collect();
    json!({
        "type": "object",
        "properties": {
            "op": { "enum": operators },
            "values": { "type": "array", "description": "What is compared; for `and` and `or`, conditions." },
        },
        "required": ["op", "values"],
        "additionalProperties": false,
        "examples": [{ "op": "true", "values": [true] }, { "op": "exists", "values": ["/#steps.2.id"] }],
    })
}

fn error_case() -> Value {
    let words = ErrorAction::WORDS.map(|(word, _)| word);
    json!({
        "type": "object",
        "properties": {
            "condition": { "$ref": "#/$defs/condition" },
            "errorAction": { "type": "object", "properties": { "type": { "enum": words } }, "required": ["type"] },
            "meta": { "type": "object" },
        },
        "required": ["condition", "errorAction"],
    })
}

/// The ids of all steps in a file.
fn step_ids(document: &Value) -> Vec<&str> {
    let bundled = document.get("workflows").and_then(Value::as_array).into_iter().flatten();
    let steps = bundled.chain([document]).filter_map(|workflow| workflow.get("steps")?.as_array()).flatten();
    steps.filter_map(|step| step.get("id")?.as_str()).collect()
}
