//! Params that are evaluated for each item of a list, with `item` and `index` in scope.
//!
//! The list of results takes the param's place, so the action and the log have one value per item.
//!
//! Limits: [`ITEMS_MAX`] items. Together they may be as large as a step's params, and share one limit of work.

use serde_json::{Map, Value};

use super::advance::OUTPUT_BYTES_MAX;
use super::step::Executed;
use super::stretch::raw;
use crate::actions::StepFailure;
use crate::base::json::{STEP_LEVELS_MAX, is_deeper_than};
use crate::expr::{Condition, EvalError, Expr, Note, Scope};
use crate::objects::Problem;
use crate::workflow::{ActionSpec, ParamKind};

/// The most items of a list that a step processes.
pub const ITEMS_MAX: usize = 1_000;
/// The most notes per param, because all items may cause the same one.
const NOTES_MAX: usize = 20;

/// The name of the param with the list.
const LIST: &str = "list";

/// A param that is evaluated for each item.
enum PerItem<'a> {
    Value(&'a Expr),
    Condition(&'a Condition),
}

/// Evaluates the params for each item of the list, which `params` contains already.
pub(super) fn resolve_items(
    scope: &mut Scope,
    executed: &mut Executed<'_>,
    spec: &ActionSpec,
    params: &mut Map<String, Value>,
    problems: &mut Vec<Problem>,
) -> Result<(), StepFailure> {
    let step = executed.step;
    let per_item = || spec.params.iter().filter(|param| param.kind.is_for_each_item());
    // Whether or not the step evaluates something for each item, its action goes through all of them.
    let count = params.get(LIST).and_then(Value::as_array).map_or(0, Vec::len);
    if per_item().next().is_some() && count > ITEMS_MAX {
        let message = format!("has {count} items; the limit is {ITEMS_MAX}");
        problems.push(Problem::new(format!("/{LIST}"), message));
        return Ok(());
    }
    for param in per_item() {
        let Some((_, expression)) = step.params.iter().find(|(name, _)| name == param.name) else { continue };
        let Some(Value::Array(items)) = params.get(LIST) else { return Ok(()) };
        let per_item = match (param.kind, &step.condition) {
            (ParamKind::ItemCondition, Some(condition)) => PerItem::Condition(condition),
            (ParamKind::ItemCondition, None) => {
                problems.push(Problem::new(format!("/{}", param.name), "not a condition"));
                continue;
            }
            _ => PerItem::Value(expression),
        };
        scope.begin_items();
        let values = each(scope, items, param.name, &per_item, &mut executed.notes);
        scope.end_items();
        params.insert(param.name.to_owned(), Value::Array(values?));
    }
    Ok(())
}

fn each(
    scope: &mut Scope,
    items: &[Value],
    name: &str,
    per_item: &PerItem<'_>,
    notes: &mut Vec<Note>,
) -> Result<Vec<Value>, StepFailure> {
    let mut values = Vec::with_capacity(items.len());
    let (noted, mut bytes) = (notes.len(), 0);
    for (index, item) in items.iter().enumerate() {
        scope.set_item(item.clone(), index);
        let mut odd = Vec::new();
        let value = per_item.evaluate(scope, &format!("/{name}/{index}"), &mut odd);
        let value =
            value.map_err(|error| StepFailure::new("expression_failed", format!("/{name}/{index}: {error}")))?;
        let room = NOTES_MAX.saturating_sub(notes.len() - noted);
        notes.extend(odd.into_iter().take(room));
        if is_deeper_than(&value, STEP_LEVELS_MAX - 1) {
            let message = format!("/{name}/{index}: nests deeper than {STEP_LEVELS_MAX} levels, which is the limit");
            return Err(StepFailure::new("params_too_deep", message));
        }
        bytes += raw(&value).get().len();
        if bytes > OUTPUT_BYTES_MAX {
            let message = format!("/{name}: all items together are larger than {OUTPUT_BYTES_MAX} bytes, the limit");
            return Err(StepFailure::new("params_too_large", message));
        }
        values.push(value);
    }
    Ok(values)
}

impl PerItem<'_> {
    fn evaluate(&self, scope: &Scope, pointer: &str, notes: &mut Vec<Note>) -> Result<Value, EvalError> {
        match self {
            PerItem::Value(expression) => Ok(expression.resolve(scope, pointer, notes)?.unwrap_or_default()),
            PerItem::Condition(condition) => {
                let judgement = condition.evaluate(scope)?;
                let within = |note: Note| Note { pointer: format!("{pointer}{}", note.pointer), ..note };
                notes.extend(judgement.notes.into_iter().map(within));
                Ok(Value::Bool(judgement.result))
            }
        }
    }
}
