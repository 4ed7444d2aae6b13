//! Actions of control flow: call a workflow, now or later; wait; publish an event; set a value.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::{Action, ActionOutcome, Call, StepFailure};
use crate::base::date_text;
use crate::base::time::Timestamp;
use crate::events::{self, Cause, Start};
use crate::objects::Problem;
use crate::store::StoreResult;
use crate::workflow::{ActionSpec, ParamKind, ParamSpec, output};

/// The longest wait of a step, and delay of a call.
const WAIT_MAX: Duration = Duration::from_secs(400 * 86_400);

/// Outputs the run, and with `wait` (the default) the workflow's response.
pub const RUN_BY_NAME: Action = Action {
    spec: ActionSpec {
        name: "command.run-by-name",
        summary: "Runs a callable workflow, and waits for its response unless `wait` is false.",
        params: &[
            ParamSpec { name: "name", kind: ParamKind::Text, required: true, summary: "The workflow's name or id." },
            ParamSpec {
                name: "inputs",
                kind: ParamKind::Object,
                required: false,
                summary: "The inputs that its schema declares.",
            },
            ParamSpec {
                name: "wait",
                kind: ParamKind::Boolean,
                required: false,
                summary: "false continues at once; defaults to true.",
            },
        ],
        output: &[
            output("run", ParamKind::Text, "The id of the run that was started."),
            output("workflow", ParamKind::Text, "The workflow's name, once the run has completed."),
            output("response", ParamKind::Any, "The workflow's response; absent without waiting."),
        ],
    },
    run: run_by_name,
};

/// Outputs the run and the time when it begins.
pub const SCHEDULE_WORKFLOW: Action = Action {
    spec: ActionSpec {
        name: "app.scheduler.schedule-workflow",
        summary: "Runs a callable workflow at a later time.",
        params: &[
            ParamSpec {
                name: "workflowId",
                kind: ParamKind::Text,
                required: true,
                summary: "The workflow's id or name.",
            },
            ParamSpec {
                name: "runAt",
                kind: ParamKind::Any,
                required: true,
                summary: "`{\"type\": \"relative\", \"value\": 10}` in minutes (or another `unit`), or a date.",
            },
            ParamSpec {
                name: "inputs",
                kind: ParamKind::Object,
                required: false,
                summary: "The inputs that its schema declares.",
            },
        ],
        output: &[
            output("run", ParamKind::Text, "The id of the run."),
            output("runAt", ParamKind::Text, "When it begins."),
        ],
    },
    run: schedule_workflow,
};

/// Outputs `{until}`.
pub const DELAY: Action = Action {
    spec: ActionSpec {
        name: "delay",
        summary: "Waits for a duration or until a time; continues at once if that has passed.",
        params: &[
            ParamSpec {
                name: "for",
                kind: ParamKind::Any,
                required: false,
                summary: "Seconds, or `{\"value\": 3, \"unit\": \"days\"}`.",
            },
            ParamSpec { name: "until", kind: ParamKind::Text, required: false, summary: "A date and time, RFC 3339." },
        ],
        output: &[output("until", ParamKind::Text, "The time until which the step waited.")],
    },
    run: delay,
};

/// Outputs `{event}`.
pub const PUBLISH: Action = Action {
    spec: ActionSpec {
        name: "event.publish",
        summary: "Publishes a custom event, which starts the workflows that listen for it.",
        params: &[
            ParamSpec {
                name: "name",
                kind: ParamKind::Text,
                required: true,
                summary: "`app.` and a name that you choose.",
            },
            ParamSpec { name: "data", kind: ParamKind::Object, required: false, summary: "The event's payload." },
        ],
        output: &[output("event", ParamKind::Text, "The event's name.")],
    },
    run: publish,
};

/// Outputs the value.
pub const SET: Action = Action {
    spec: ActionSpec {
        name: "value.set",
        summary: "Sets a value that later steps can refer to as `/#steps.<id>.value`.",
        params: &[ParamSpec { name: "value", kind: ParamKind::Any, required: true, summary: "Any value." }],
        output: &[output("value", ParamKind::Any, "The value.")],
    },
    run: set,
};

fn run_by_name(call: &mut Call<'_>) -> StoreResult<ActionOutcome> {
    let wait = call.params.get("wait") != Some(&Value::Bool(false));
    let start = match start(call, "name") {
        Ok(start) => start,
        Err(failure) => return Ok(ActionOutcome::Failed(failure)),
    };
    let run = start.run.id;
    call.effects.starts.push(start);
    Ok(if wait { ActionOutcome::Await(run) } else { ActionOutcome::Output(json!({ "run": run })) })
}

fn schedule_workflow(call: &mut Call<'_>) -> StoreResult<ActionOutcome> {
    let at = call.params.get("runAt").cloned().unwrap_or_default();
    let at = match moment(&at, call.session.now(), 60) {
        Ok(at) => at,
        Err(message) => return Ok(ActionOutcome::Failed(StepFailure::invalid(vec![Problem::new("/runAt", message)]))),
    };
    let mut start = match start(call, "workflowId") {
        Ok(start) => start,
        Err(failure) => return Ok(ActionOutcome::Failed(failure)),
    };
    let output = json!({ "run": start.run.id, "runAt": at });
    start.run.due_at = start.run.due_at.map(|_| at);
    call.effects.starts.push(start);
    Ok(ActionOutcome::Output(output))
}

/// The start of the callable workflow that a param names, with the inputs.
fn start(call: &mut Call<'_>, param: &str) -> Result<Start, StepFailure> {
    let unknown = |message| StepFailure::invalid(vec![Problem::new(format!("/{param}"), message)]);
    let listener = events::callable(call.in_force, call.org, call.text(param)).map_err(unknown)?;
    let inputs = match call.params.get_mut("inputs").map(Value::take) {
        Some(Value::Object(inputs)) => inputs,
        _ => Map::new(),
    };
    let start = events::call(call.org, listener, inputs, Cause::of(call.run), call.session.now());
    start.map_err(|problems| {
        StepFailure::invalid(problems.into_iter().map(|problem| problem.below("/inputs")).collect())
    })
}

fn delay(call: &mut Call<'_>) -> StoreResult<ActionOutcome> {
    let now = call.session.now();
    Ok(match delay_until(&call.params, now) {
        Ok(until) if until <= now => ActionOutcome::Output(json!({ "until": until })),
        Ok(until) => ActionOutcome::Wait(until, json!({ "until": until })),
        Err(problem) => ActionOutcome::Failed(StepFailure::invalid(vec![problem])),
    })
}

/// When a delay with these params ends.
fn delay_until(params: &Map<String, Value>, now: Timestamp) -> Result<Timestamp, Problem> {
    let (name, given) = match (params.get("for"), params.get("until")) {
        (Some(given), None) => ("for", given),
        (None, Some(given)) => ("until", given),
        _ => return Err(Problem::new("/for", "set either `for` or `until`")),
    };
    moment(given, now, 1).map_err(|message| Problem::new(format!("/{name}"), message))
}

/// The problems of a delay with these params; whether a date is too far away is known only in a run.
pub fn check_delay(params: &Map<String, Value>) -> Vec<Problem> {
    let at_end = Timestamp::NEVER - WAIT_MAX;
    delay_until(params, at_end).err().into_iter().collect()
}

/// Parses a time: a number of units (`unit_seconds` each by default) from now, or a date.
fn moment(given: &Value, now: Timestamp, unit_seconds: u64) -> Result<Timestamp, String> {
    const WANTED: &str =
        "expected a number, {\"value\": …, \"unit\": \"minutes\"}, or a date such as 2026-11-23T09:00:00Z";
    let after = |value: f64, seconds: u64| {
        let wait = Duration::try_from_secs_f64(value * seconds as f64).map_err(|_| WANTED.to_owned())?;
        match wait <= WAIT_MAX {
            true => Ok(now + wait),
            false => Err(format!("longer than {} days, which is the limit", WAIT_MAX.as_secs() / 86_400)),
        }
    };
    let number = |value: &Value| value.as_f64().or_else(|| value.as_str()?.trim().parse().ok());
    if let Value::Object(fields) = given {
        let value = fields.get("value").ok_or(WANTED)?;
        let unit = fields.get("unit").and_then(Value::as_str);
        let seconds =
            unit.map_or(Some(unit_seconds), seconds_of).ok_or("a unit is seconds, minutes, hours, days or weeks")?;
        return match number(value) {
            Some(value) => after(value, seconds),
            None => moment(value, now, unit_seconds),
        };
    }
    if let Some(value) = number(given) {
        return after(value, unit_seconds);
    }
    let text = given.as_str().ok_or(WANTED)?;
    let at = date_text::read_text(text).ok_or(WANTED)?;
    match at <= now + WAIT_MAX {
        true => Ok(at),
        false => Err(format!("more than {} days away, which is the limit", WAIT_MAX.as_secs() / 86_400)),
    }
}

fn seconds_of(unit: &str) -> Option<u64> {
    match unit.trim_end_matches('s') {
        "second" => Some(1),
        "minute" => Some(60),
        "hour" => Some(3_600),
        "day" => Some(86_400),
        "week" => Some(604_800),
        _ => None,
    }
}

fn publish(call: &mut Call<'_>) -> StoreResult<ActionOutcome> {
    let name = call.text("name").trim_start_matches("kustomer.").to_owned();
    let is_own = name.strip_prefix("app.").is_some_and(|rest| !rest.is_empty() && !rest.split('.').any(str::is_empty));
    if !is_own {
        let message = "the names of custom events begin with `app.`, as in `app.shop.order-paid`";
        return Ok(ActionOutcome::Failed(StepFailure::invalid(vec![Problem::new("/name", message)])));
    }
    let data = call.params.get_mut("data").map(Value::take).unwrap_or_else(|| json!({}));
    call.raise(&name, || data);
    Ok(ActionOutcome::Output(json!({ "event": name })))
}

fn set(call: &mut Call<'_>) -> StoreResult<ActionOutcome> {
    let value = call.params.get_mut("value").map(Value::take).unwrap_or_default();
    Ok(ActionOutcome::Output(json!({ "value": value })))
}
