//! `list.*`: building lists from lists. The engine evaluates the per-item params; little is left to do here.

use serde_json::{Value, json};

use super::{Action, ActionOutcome, Call};
use crate::store::StoreResult;
use crate::workflow::{ActionSpec, ParamKind, ParamSpec, output, param};

/// The list to iterate over.
pub const LIST: ParamSpec = param("list", ParamKind::List, "The list; at most 1,000 items.").required();

pub const MAP: Action = Action {
    spec: ActionSpec {
        name: "list.map",
        summary: "Builds a list from the items of another.",
        params: &[
            LIST,
            param("item", ParamKind::Item, "The new item, as an expression; `/#item` is the old one.").required(),
        ],
        output: &[
            output("items", ParamKind::List, "The new items, in the same order."),
            output("count", ParamKind::Number, "The number of items."),
        ],
    },
    run: map,
};

pub const FILTER: Action = Action {
    spec: ActionSpec {
        name: "list.filter",
        summary: "Keeps the items of a list for which a condition holds.",
        params: &[
            LIST,
            param("condition", ParamKind::ItemCondition, "A condition, as in transitions; `/#item` is the item.")
                .required(),
        ],
        output: &[
            output("items", ParamKind::List, "The matching items, in the same order."),
            output("count", ParamKind::Number, "The number of matching items."),
            output("first", ParamKind::Any, "The first matching item; null if there is none."),
        ],
    },
    run: filter,
};

fn map(call: &mut Call<'_>) -> StoreResult<ActionOutcome> {
    let items = call.list("item");
    Ok(ActionOutcome::Output(json!({ "count": items.len(), "items": items })))
}

fn filter(call: &mut Call<'_>) -> StoreResult<ActionOutcome> {
    let (items, verdicts) = (call.list("list"), call.list("condition"));
    let kept = items.into_iter().zip(verdicts).filter(|(_, holds)| *holds == Value::Bool(true));
    let kept: Vec<Value> = kept.map(|(item, _)| item).collect();
    let first = kept.first().cloned();
    Ok(ActionOutcome::Output(json!({ "count": kept.len(), "first": first, "items": kept })))
}

impl Call<'_> {
    /// Removes and returns a list param; empty if absent.
    pub(super) fn list(&mut self, name: &str) -> Vec<Value> {
        match self.take(name) {
            Some(Value::Array(items)) => items,
            _ => Vec::new(),
        }
    }
}
