//! Control flow: transitions, their conditions, and error cases.

use serde_json::{Value, json};

use super::meta;
use crate::expr::Operator;
use crate::workflow::{ErrorAction, TRANSITIONS_MAX};

pub(super) fn transitions() -> Value {
    json!({
        "type": ["array", "null"],
        "items": { "$ref": "#/$defs/transition" },
        "maxItems": TRANSITIONS_MAX,
        "description": "Tried in order; the first whose condition holds is taken. If none holds, the run is completed.",
    })
}

pub(super) fn transition(document: Option<&Value>) -> Value {
    let mut target = json!({ "type": "string", "description": "The id of the next step." });
    let ids = document.map(step_ids).unwrap_or_default();
    if !ids.is_empty() {
        target["enum"] = json!(ids);
    }
    json!({
        "type": "object",
        "properties": {
            "target": target,
            "condition": { "$ref": "#/$defs/condition" },
            "meta": meta(json!({ "name": { "type": "string", "description": "Label in the log." } })),
            "_id": { "type": "string" },
        },
        "required": ["target", "condition"],
        "additionalProperties": false,
    })
}

pub(super) fn condition() -> Value {
    let operators = Operator::ALL.map(|(name, operator)| json!({ "const": name, "description": operator.summary() }));
    let arity = |names: Vec<&str>, values: Value| {
        let condition = json!({ "properties": { "op": { "enum": names } }, "required": ["op"] });
        json!({ "if": condition, "then": { "properties": { "values": values } } })
    };
    let of = |counts: [usize; 2]| -> Vec<&str> {
        let taking = Operator::ALL.iter().filter(|(_, operator)| operator.counts() == counts);
        taking.map(|(name, _)| *name).collect()
    };
    json!({
        "type": "object",
        "properties": {
            "op": { "anyOf": operators },
            "values": { "type": "array", "description": "The values to compare; for `and` and `or`, conditions." },
        },
        "required": ["op", "values"],
        "additionalProperties": false,
        "allOf": [
            arity(of(Operator::MANY), json!({ "minItems": 1, "items": { "$ref": "#/$defs/condition" } })),
            arity(of(Operator::ONE), json!({ "minItems": 1, "maxItems": 2 })),
            arity(of(Operator::TWO), json!({ "minItems": 2, "maxItems": 2 })),
        ],
        "examples": [{ "op": "true", "values": [true] }, { "op": "exists", "values": ["/#steps.2.id"] }],
    })
}

pub(super) fn error_case() -> Value {
    let actions = ErrorAction::WORDS.map(|(word, action)| json!({ "const": word, "description": action.summary() }));
    // Editors write "in any case" as an `and` or `or` of nothing.
    let always = json!({ "properties": { "values": { "maxItems": 0 } }, "required": ["values"] });
    json!({
        "type": "object",
        "properties": {
            "condition": { "anyOf": [{ "$ref": "#/$defs/condition" }, always] },
            "errorAction": { "type": "object", "properties": { "type": { "anyOf": actions } }, "required": ["type"] },
            "meta": meta(json!({})),
            "_id": { "type": "string" },
        },
        "required": ["condition", "errorAction"],
        "additionalProperties": false,
    })
}

/// The ids of all steps in a file.
fn step_ids(document: &Value) -> Vec<&str> {
    let bundled = document.get("workflows").and_then(Value::as_array).into_iter().flatten();
    let steps = bundled.chain([document]).filter_map(|workflow| workflow.get("steps")?.as_array()).flatten();
    steps.filter_map(|step| step.get("id")?.as_str()).collect()
}
