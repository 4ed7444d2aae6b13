//! The inputs of a callable workflow: the subset of JSON Schema that `trigger.schema` supports.
//!
//! That is `properties` with `type`, `enum`, `default` and `description`, and `required`. Inputs are cast like the
//! params of actions (`"42"` to 42). Other keywords are stored but ignored.

use serde_json::{Map, Value};

use super::spec::ParamKind;
use crate::objects::{Problem, escape_pointer, unknown};

/// The inputs of a callable workflow.
#[derive(Clone, Debug, Default)]
pub struct InputSchema {
    inputs: Vec<InputSpec>,
    /// Whether undeclared inputs are accepted: the schema declares none.
    open: bool,
}

#[derive(Clone, Debug)]
struct InputSpec {
    name: String,
    kind: ParamKind,
    required: bool,
    allowed: Option<Vec<Value>>,
    default: Option<Value>,
}

impl InputSchema {
    /// Reads `trigger.schema`, ignoring unsupported parts.
    pub fn read(schema: Option<&Value>) -> InputSchema {
        let properties = schema.and_then(|schema| schema.get("properties")).and_then(Value::as_object);
        let Some(properties) = properties else { return InputSchema { inputs: Vec::new(), open: true } };
        let required = schema.and_then(|schema| schema.get("required")).and_then(Value::as_array);
        let is_required = |name: &str| required.is_some_and(|names| names.iter().any(|required| required == name));
        let input = |(name, property): (&String, &Value)| InputSpec {
            name: name.clone(),
            kind: kind(property.get("type").and_then(Value::as_str)),
            required: is_required(name),
            allowed: property.get("enum").and_then(Value::as_array).cloned(),
            default: property.get("default").cloned(),
        };
        InputSchema { inputs: properties.iter().map(input).collect(), open: false }
    }

    /// The inputs with defaults filled in and values cast.
    ///
    /// # Errors
    /// Every problem, with its pointer into the inputs.
    pub fn accept(&self, mut inputs: Map<String, Value>) -> Result<Map<String, Value>, Vec<Problem>> {
        if self.open {
            return Ok(inputs);
        }
        let mut problems = Vec::new();
        let mut accepted = Map::new();
        for input in &self.inputs {
            let pointer = format!("/{}", escape_pointer(&input.name));
            let value = inputs.shift_remove(&input.name).filter(|value| !value.is_null()).or(input.default.clone());
            match value.map(|value| input.kind.cast(value)) {
                Some(Ok(value)) if input.allowed.as_ref().is_none_or(|allowed| allowed.contains(&value)) => {
                    accepted.insert(input.name.clone(), value);
                }
                Some(Ok(value)) => {
                    problems.push(Problem::new(pointer, format!("{value} is not one of the allowed values")))
                }
                Some(Err(message)) => problems.push(Problem::new(pointer, message)),
                None if input.required => problems.push(Problem::new(pointer, "a value is required")),
                None => {}
            }
        }
        for name in inputs.keys() {
            let pointer = format!("/{}", escape_pointer(name));
            let declared = self.inputs.iter().map(|input| input.name.as_str());
            problems.push(Problem::new(pointer, unknown("input", name, declared)));
        }
        if problems.is_empty() { Ok(accepted) } else { Err(problems) }
    }
}

fn kind(name: Option<&str>) -> ParamKind {
    match name {
        Some("string") => ParamKind::Text,
        Some("number" | "integer") => ParamKind::Number,
        Some("boolean") => ParamKind::Boolean,
        Some("object") => ParamKind::Object,
        Some("array") => ParamKind::List,
        _ => ParamKind::Any,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn accept(inputs: Value) -> Result<Value, Vec<(String, String)>> {
        let schema = json!({
            "properties": {
                "amount": { "type": "number" },
                "a b.c%": { "type": "string" },
                "level": { "type": "string", "enum": ["low", "high"], "default": "low" },
            },
            "required": ["amount"],
        });
        let accepted = InputSchema::read(Some(&schema)).accept(inputs.as_object().unwrap().clone());
        let pair = |problem: Problem| (problem.pointer, problem.message);
        accepted.map(Value::Object).map_err(|problems| problems.into_iter().map(pair).collect())
    }

    #[test]
    fn inputs_are_cast_and_defaults_filled_in() {
        assert_eq!(
            accept(json!({ "amount": "4.5", "a b.c%": 7 })),
            Ok(json!({ "amount": 4.5, "a b.c%": "7", "level": "low" }))
        );
    }

    #[test]
    fn every_problem_is_reported() {
        let problems = accept(json!({ "amuont": 1, "level": "medium" })).unwrap_err();
        let problems: Vec<_> = problems.iter().map(|(pointer, message)| (pointer.as_str(), message.as_str())).collect();
        assert_eq!(
            problems,
            [
                ("/amount", "a value is required"),
                ("/level", "\"medium\" is not one of the allowed values"),
                ("/amuont", "unknown input `amuont`; did you mean `amount`?"),
            ]
        );
    }

    #[test]
    fn without_a_schema_all_inputs_are_accepted() {
        let inputs = json!({ "anything": [1] }).as_object().unwrap().clone();
        assert_eq!(InputSchema::read(None).accept(inputs.clone()).ok(), Some(inputs));
    }
}
