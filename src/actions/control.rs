//! Actions about the course of a run: ending it, and telling those who operate hookflow of something.

use serde_json::{Value, json};

use super::{Action, Call, Failure, LogLine, Outcome};
use crate::objects::{Problem, unknown};
use crate::secrets::sensitive;
use crate::store::StoreResult;
use crate::workflow::{ActionSpec, ParamKind, output, param};

/// How much of a message a log line shows, and an error.
const MESSAGE_CHARACTERS_MAX: usize = 2_000;

/// The words for how a run is ended.
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
            param("status", ParamKind::Text, "`completed`, which is the default, or `failed`."),
            param("message", ParamKind::Text, "Why; the error's message if the run fails."),
        ],
        output: &[output("status", ParamKind::Text, "How the run ended."), output("message", ParamKind::Text, "Why.")],
    },
    run: stop,
};

pub const LOG: Action = Action {
    spec: ActionSpec {
        name: "log",
        summary: "Writes a line to the log of the server.",
        params: &[
            param("message", ParamKind::Text, "What to write.").required(),
            param("level", ParamKind::Text, "`debug`, `info`, which is the default, `warn` or `error`."),
        ],
        output: &[
            output("level", ParamKind::Text, "The level."),
            output("message", ParamKind::Text, "What was written."),
        ],
    },
    run: write,
};

fn stop(call: &mut Call<'_>) -> StoreResult<Outcome> {
    let message = call.take("message");
    let shown = message.as_ref().and_then(Value::as_str).unwrap_or("the workflow ended the run");
    let failure = match call.text("status") {
        "" | "completed" => None,
        "failed" => Some(Failure::new("stopped", sensitive::excerpt(shown, MESSAGE_CHARACTERS_MAX))),
        other => {
            let problem = Problem::new("/status", unknown("status", other, STATUSES));
            return Ok(Outcome::Failed(Failure::invalid(vec![problem])));
        }
    };
    let status = if failure.is_some() { "failed" } else { "completed" };
    Ok(Outcome::Stop(json!({ "status": status, "message": message }), failure))
}

fn write(call: &mut Call<'_>) -> StoreResult<Outcome> {
    let name = match call.text("level") {
        "" => "info",
        name => name,
    };
    let Some((name, level)) = LEVELS.iter().find(|(known, _)| *known == name) else {
        let problem = Problem::new("/level", unknown("level", name, LEVELS.map(|(known, _)| known)));
        return Ok(Outcome::Failed(Failure::invalid(vec![problem])));
    };
    let text = sensitive::excerpt(call.text("message"), MESSAGE_CHARACTERS_MAX);
    // One line is one event, whatever a stranger has put into it.
    let message: String = text.chars().map(|character| if character.is_control() { ' ' } else { character }).collect();
    let output = json!({ "level": name, "message": message });
    call.effects.lines.push(LogLine { level: *level, step: call.step.to_owned(), message });
    Ok(Outcome::Output(output))
}
