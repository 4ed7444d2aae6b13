//! Resolves a step's params, just before its action runs.

use serde_json::{Map, Value};

use super::items::resolve_items;
use super::step::Executed;
use super::stretch::raw;
use crate::actions::StepFailure;
use crate::base::json::{STEP_LEVELS_MAX, is_deeper_than};
use crate::expr::Scope;
use crate::objects::{Problem, escape_pointer};
use crate::workflow::{ActionSpec, ParamKind};

/// The step's params with their values; params that refer to a missing value are omitted and noted.
pub(super) fn resolve(
    scope: &mut Scope,
    executed: &mut Executed<'_>,
    spec: &ActionSpec,
) -> Result<Map<String, Value>, StepFailure> {
    let mut params = Map::with_capacity(executed.step.params.len());
    let mut problems = Vec::new();
    for (name, expression) in &executed.step.params {
        let pointer = format!("/{}", escape_pointer(name));
        let kind = spec.params.iter().find(|param| param.name == name).map(|param| param.kind);
        if kind.is_some_and(ParamKind::is_for_each_item) {
            continue;
        }
        let notes = &mut executed.notes;
        let resolved = match kind {
            Some(kind) if kind.reads_json() => expression.resolve_json(scope, &pointer, notes),
            _ => expression.resolve(scope, &pointer, notes),
        };
        let resolved = resolved.map_err(|error| StepFailure::new("expression_failed", error.to_string()))?;
        let Some(value) = resolved else { continue };
        let cast = match kind {
            Some(kind) if !value.is_null() => kind.cast(value),
            _ => Ok(value),
        };
        match cast {
            Ok(value) if is_deeper_than(&value, STEP_LEVELS_MAX) => {
                let message = format!("nests deeper than {STEP_LEVELS_MAX} levels, which is the limit");
                problems.push(Problem::new(pointer, message));
            }
            Ok(value) => drop(params.insert(name.clone(), value)),
            Err(message) => problems.push(Problem::new(pointer, message)),
        }
    }
    resolve_items(scope, executed, spec, &mut params, &mut problems)?;
    for param in spec.params.iter().filter(|param| param.required) {
        let absent = params.get(param.name).is_none_or(Value::is_null);
        let pointer = format!("/{}", param.name);
        // Without a list there are no items; the missing list is a problem of its own.
        let absent = absent && !(param.kind.is_for_each_item() && executed.step.has_param(param.name));
        if absent && !problems.iter().any(|problem| problem.pointer == pointer) {
            let note = executed.notes.iter().find(|note| note.pointer == pointer);
            let reason = note.map(|note| format!(": {}", note.message)).unwrap_or_default();
            problems.push(Problem::new(pointer, format!("a value is required{reason}")));
        }
    }
    match problems.is_empty() {
        true => Ok(params),
        false => {
            executed.input = raw(spec.masked(&params).as_ref());
            Err(StepFailure::invalid(problems))
        }
    }
}
