//! Actions that end a run or write to the server's log.

use serde_json::{Value, json};

use super::{Action, ActionOutcome, Call, LogLine, StepFailure};
use crate::objects::{Problem, unknown};
use crate::secrets::sensitive;
use crate::store::StoreResult;
use crate::workflow::{ActionSpec, ParamKind, output, param};

/// The most characters of a message in a log line or an error.
const MESSAGE_CHARACTERS_MAX: usize = 2_000;

/// The statuses that a run can be ended with.
const STATUSES: [&str; 2] = ["completed", "failed"];
const LEVELS: [(&str, log::Level); 4] = [
    ("debug", log::Level::Debug),
    ("info", log::Level::Info),
    ("warn", log::Level::Warn),
    ("error", log::Level::Error),
];

pub const STOP: Action = Action {
    spec: ActionSpec {
        name: "workflow.stop",
        summary: "Ends the run, as completed or as failed.",
        params: &[
            param("status", ParamKind::Text, "`completed` (default) or `failed`."),
            param("message", ParamKind::Text, "The reason; the error message if the status is `failed`."),
        ],
        output: &[
            output("status", ParamKind::Text, "How the run ended."),
            output("message", ParamKind::Text, "The reason."),
        ],
    },
    run: stop,
};

pub const LOG: Action = Action {
    spec: ActionSpec {
        name: "log",
        summary: "Writes a line to the server's log.",
        params: &[
            param("message", ParamKind::Text, "The text to write.").required(),
            param("level", ParamKind::Text, "`debug`, `info` (default), `warn` or `error`."),
        ],
        output: &[
            output("level", ParamKind::Text, "The level."),
            output("message", ParamKind::Text, "The text as written."),
        ],
    },
    run: write,
};

fn stop(call: &mut Call<'_>) -> StoreResult<ActionOutcome> {
    let message = call.take("message");
    let reason = message.as_ref().and_then(Value::as_str).unwrap_or("the workflow ended the run");
    let failure = match call.text("status") {
        "" | "completed" => None,
        "failed" => Some(StepFailure::new("stopped", sensitive::excerpt(reason, MESSAGE_CHARACTERS_MAX))),
        other => {
            let problem = Problem::new("/status", unknown("status", other, STATUSES));
            return Ok(ActionOutcome::Failed(StepFailure::invalid(vec![problem])));
        }
    };
    let status = if failure.is_some() { "failed" } else { "completed" };
    Ok(ActionOutcome::Stop(json!({ "status": status, "message": message }), failure))
}

fn write(call: &mut Call<'_>) -> StoreResult<ActionOutcome> {
    let name = match call.text("level") {
        "" => "info",
        name => name,
    };
    let Some((name, level)) = LEVELS.iter().find(|(known, _)| *known == name) else {
        let problem = Problem::new("/level", unknown("level", name, LEVELS.map(|(known, _)| known)));
        return Ok(ActionOutcome::Failed(StepFailure::invalid(vec![problem])));
    };
    let text = sensitive::excerpt(call.text("message"), MESSAGE_CHARACTERS_MAX);
    // Control characters become spaces, so that untrusted text cannot forge log lines.
    let message: String = text.chars().map(|character| if character.is_control() { ' ' } else { character }).collect();
    let output = json!({ "level": name, "message": message });
    call.effects.lines.push(LogLine { level: *level, step: call.step.to_owned(), message });
    Ok(ActionOutcome::Output(output))
}
