//! `regex-match.generic`: searches a text for a regular expression.
//!
//! Limits: [`TEXT_BYTES_MAX`] bytes of text, since the search runs within the run's transaction; [`MATCHES_MAX`]
//! matches.

use regex::{Captures, Regex};
use serde_json::{Map, Value, json};

use super::{Action, ActionOutcome, Call, StepFailure};
use crate::objects::Problem;
use crate::store::StoreResult;
use crate::workflow::{ActionSpec, ParamKind, output, param, pattern};

const TEXT_BYTES_MAX: usize = 256 * 1024;
const MATCHES_MAX: usize = 100;

pub const GENERIC: Action = Action {
    spec: ActionSpec {
        name: "regex-match.generic",
        summary: "Searches a text for a regular expression.",
        params: &[
            param("testString", ParamKind::Text, "The text to search.").required(),
            param("regex", ParamKind::Regex, "The regular expression; a leading `(?i)` ignores case.").required(),
        ],
        output: &[
            output("match", ParamKind::Text, "The first match; null if there is none."),
            output("matched", ParamKind::Boolean, "Whether there is a match."),
            output("groups", ParamKind::List, "The groups of the first match, by number; 0 is the whole match."),
            output("named", ParamKind::Object, "The named groups of the first match."),
            output("matches", ParamKind::List, "All matches, up to 100."),
        ],
    },
    run: find,
};

fn find(call: &mut Call<'_>) -> StoreResult<ActionOutcome> {
    let text = call.text("testString");
    if text.len() > TEXT_BYTES_MAX {
        let message = format!("longer than {TEXT_BYTES_MAX} bytes, which is the limit");
        return Ok(ActionOutcome::Failed(StepFailure::invalid(vec![Problem::new("/testString", message)])));
    }
    Ok(match pattern::compile(call.text("regex")) {
        Ok(regex) => ActionOutcome::Output(output_of(&regex, text)),
        Err(message) => ActionOutcome::Failed(StepFailure::invalid(vec![Problem::new("/regex", message)])),
    })
}

fn output_of(regex: &Regex, text: &str) -> Value {
    let Some(first) = regex.captures(text) else {
        return json!({ "match": null, "matched": false, "groups": [], "named": {}, "matches": [] });
    };
    let matches: Vec<&str> = regex.find_iter(text).take(MATCHES_MAX).map(|found| found.as_str()).collect();
    let groups: Vec<Option<&str>> = first.iter().map(|group| group.map(|group| group.as_str())).collect();
    json!({ "match": &first[0], "matched": true, "groups": groups, "named": named(regex, &first), "matches": matches })
}

fn named(regex: &Regex, captures: &Captures<'_>) -> Map<String, Value> {
    let names = regex.capture_names().flatten();
    names.map(|name| (name.to_owned(), json!(captures.name(name).map(|group| group.as_str())))).collect()
}
