//! `list.*`: lists made from lists. The engine evaluates what is asked of each item; what is left to do here is little.

use serde_json::{Value, json};

use super::{Action, Call, Outcome};
use crate::store::StoreResult;
use crate::workflow::{ActionSpec, ParamKind, ParamSpec, output, param};

/// The list that a step goes through.
pub const LIST: ParamSpec = param("list", ParamKind::List, "The list; at most 1,000 items.").required();

pub const MAP: Action = Action {
    spec: ActionSpec {
        name: "list.map",
        summary: "Makes a list with something for each item of another.",
        params: &[LIST, param("item", ParamKind::Item, "What to make of each: `/#item` is it.").required()],
        output: &[
            output("items", ParamKind::List, "What was made, in the same order."),
            output("count", ParamKind::Number, "How many there are."),
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
            param("condition", ParamKind::ItemCondition, "Like that of a transition; `/#item` is the item.").required(),
        ],
        output: &[
            output("items", ParamKind::List, "The items that were kept, in the same order."),
            output("count", ParamKind::Number, "How many were kept."),
            output("first", ParamKind::Any, "The first that was kept; null if none was."),
        ],
    },
    run: filter,
};

fn map(call: &mut Call<'_>) -> StoreResult<Outcome> {
    let items = call.list("item");
    Ok(Outcome::Output(json!({ "count": items.len(), "items": items })))
}

fn filter(call: &mut Call<'_>) -> StoreResult<Outcome> {
    let (items, verdicts) = (call.list("list"), call.list("condition"));
    let kept = items.into_iter().zip(verdicts).filter(|(_, holds)| *holds == Value::Bool(true));
    let kept: Vec<Value> = kept.map(|(item, _)| item).collect();
    let first = kept.first().cloned();
    Ok(Outcome::Output(json!({ "count": kept.len(), "first": first, "items": kept })))
}

impl Call<'_> {
    /// A list param, taken out; empty if absent.
    pub(super) fn list(&mut self, name: &str) -> Vec<Value> {
        match self.take(name) {
            Some(Value::Array(items)) => items,
            _ => Vec::new(),
        }
    }
}
