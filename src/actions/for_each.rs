//! `for-each`: runs a callable workflow for each item of a list, durably.
//!
//! The action checks its params. The engine starts the runs, a few at a time, and waits for them; [`Batch`] is its
//! progress.
//!
//! Limits: [`CONCURRENCY_MAX`] runs at a time.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::list::LIST;
use super::{Action, ActionOutcome, Call, StepFailure};
use crate::base::id::Id;
use crate::base::time::Timestamp;
use crate::events::{self, Cause, InForce, Start};
use crate::objects::{Problem, unknown};
use crate::store::{Run, StoreResult};
use crate::workflow::{ActionSpec, ParamKind, output, param};

const CONCURRENCY_MAX: usize = 10;

pub const FOR_EACH: Action = Action {
    spec: ActionSpec {
        name: "for-each",
        summary: "Runs a callable workflow for each item of a list, and waits for all of them.",
        params: &[
            LIST,
            param("workflow", ParamKind::Text, "The callable workflow, by name or id.").required(),
            param("inputs", ParamKind::Item, "Its inputs, which can use `/#item`; `item` and `index` by default."),
            param("concurrency", ParamKind::Number, "The number of concurrent runs, from 1 to 10; defaults to 1."),
            param("onError", ParamKind::Text, "`stop` (default), or `continue` with the other items."),
        ],
        output: &[
            output("items", ParamKind::List, "For each item: `index`, `run`, `status`, and `response` or `error`."),
            output("completed", ParamKind::Number, "The number of completed runs."),
            output("failed", ParamKind::Number, "The number of the others."),
        ],
    },
    run: for_each,
};

/// The progress of a `for-each` step; stored with the run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Batch {
    /// The callable workflow, by name or id.
    pub workflow: String,
    pub total: usize,
    pub concurrency: usize,
    pub stop_on_error: bool,
    /// The index of the item whose run starts next.
    pub next: usize,
    /// The runs that have not ended, with their items.
    pub running: Vec<(usize, Id)>,
    pub ended: Vec<Ended>,
}

/// An item that is done.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Ended {
    pub index: usize,
    /// The item's run; `None` if none could be started.
    pub run: Option<Id>,
    pub completed: bool,
    /// Why no run was started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

impl Batch {
    /// Whether no more runs start.
    pub fn is_over(&self) -> bool {
        self.next >= self.total || (self.stop_on_error && self.ended.iter().any(|ended| !ended.completed))
    }
}

/// The start of the batch's workflow for the item at `index`; `params` are those of the step, as they were logged.
///
/// # Errors
/// Why the run can't be started.
pub fn start_item(
    in_force: &InForce,
    run: &Run,
    now: Timestamp,
    workflow: &str,
    (params, index): (&Map<String, Value>, usize),
) -> Result<Start, String> {
    let unknown = |message| format!("/workflow: {message}");
    let listener = events::callable(in_force, run.org, workflow).map_err(unknown)?;
    let of_item = |name: &str| params.get(name).and_then(|list| list.get(index)).cloned();
    let inputs = match of_item("inputs") {
        Some(Value::Object(inputs)) => inputs,
        Some(Value::Null) => Map::new(),
        Some(_) => return Err(format!("/inputs/{index}: expected an object")),
        None => Map::from_iter([
            ("item".to_owned(), of_item("list").unwrap_or_default()),
            ("index".to_owned(), json!(index)),
        ]),
    };
    events::call(run.org, listener, inputs, Cause::of(run), now).map_err(|problems| {
        let list = |problem: &Problem| format!("/inputs{}: {}", problem.pointer, problem.message);
        problems.iter().map(list).collect::<Vec<_>>().join("; ")
    })
}

fn for_each(call: &mut Call<'_>) -> StoreResult<ActionOutcome> {
    let mut problems = Vec::new();
    let workflow = call.text("workflow").to_owned();
    if let Err(message) = events::callable(call.in_force, call.org, &workflow) {
        problems.push(Problem::new("/workflow", message));
    }
    let concurrency = call.params.get("concurrency").and_then(Value::as_f64).unwrap_or(1.0);
    if !(1.0..=CONCURRENCY_MAX as f64).contains(&concurrency) {
        problems.push(Problem::new("/concurrency", format!("has to be from 1 to {CONCURRENCY_MAX}")));
    }
    let stop_on_error = match call.text("onError") {
        "" | "stop" => true,
        "continue" => false,
        other => {
            problems.push(Problem::new("/onError", unknown("word", other, ["stop", "continue"])));
            true
        }
    };
    if !problems.is_empty() {
        return Ok(ActionOutcome::Failed(StepFailure::invalid(problems)));
    }
    let total = call.params.get("list").and_then(Value::as_array).map_or(0, Vec::len);
    let (concurrency, running, ended) = (concurrency as usize, Vec::new(), Vec::new());
    Ok(ActionOutcome::ForEach(Batch { workflow, total, concurrency, stop_on_error, next: 0, running, ended }))
}
