//! `regex-match.generic`: finds a regular expression in a text.
//!
//! Limits: [`TEXT_BYTES_MAX`] bytes of text, since the search goes on within the run's transaction; [`MATCHES_MAX`] matches.

use regex::{Captures, Regex};
use serde_json::{Map, Value, json};

use super::{Action, Call, Failure, Outcome};
use crate::objects::Problem;
use crate::store::StoreResult;
use crate::workflow::{ActionSpec, ParamKind, output, param, pattern};

const TEXT_BYTES_MAX: usize = 256 * 1024;
const MATCHES_MAX: usize = 100;

pub const GENERIC: Action = Action {
    spec: ActionSpec {
        name: "regex-match.generic",
        summary: "Finds a regular expression in a text.",
        params: &[
            param("testString", ParamKind::Text, "The text to search.").required(),
            param("regex", ParamKind::Regex, "The regular expression; `(?i)` at its beginning ignores case.")
                .required(),
        ],
        output: &[
            output("match", ParamKind::Text, "The first match; null if there is none."),
            output("matched", ParamKind::Boolean, "Whether there is a match."),
            output("groups", ParamKind::List, "What the groups of the first match hold, by number; 0 is all of it."),
            output("named", ParamKind::Object, "What its named groups hold."),
            output("matches", ParamKind::List, "All matches, up to 100."),
        ],
    },
    run: find,
};

fn find(call: &mut Call<'_>) -> StoreResult<Outcome> {
    let text = call.text("testString");
    if text.len() > TEXT_BYTES_MAX {
        let message = format!("longer than {TEXT_BYTES_MAX} bytes, which is the limit");
        return Ok(Outcome::Failed(Failure::invalid(vec![Problem::new("/testString", message)])));
    }
    Ok(match pattern::compile(call.text("regex")) {
        Ok(regex) => Outcome::Output(found(&regex, text)),
        Err(message) => Outcome::Failed(Failure::invalid(vec![Problem::new("/regex", message)])),
    })
}

fn found(regex: &Regex, text: &str) -> Value {
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
