//! `rest-api.*`: calls to external HTTP APIs.
//!
//! The action only says what to call. The engine stores that, makes the call outside the transaction, tries again on
//! network errors and on answers that ask for it, and makes the last answer the step's output:
//! `{"response": {"statusCode": 200, "headers": {…}}, "body": …}`.

use serde_json::{Map, Value};

use super::{Action, Call, Failure, Outcome};
use crate::objects::Problem;
use crate::outbound::{HttpRequest, TIMEOUT_MS_MAX};
use crate::store::StoreResult;
use crate::workflow::{ActionSpec, ParamKind, ParamSpec, output};

/// How long a call may take if the step does not say.
const TIMEOUT_MS_DEFAULT: u64 = 30_000;

pub const JSON: Action = Action {
    spec: ActionSpec {
        name: "rest-api.json",
        summary: "Calls an HTTP API with a JSON body; outputs the answer's status, headers and body.",
        params: &[
            ParamSpec { name: "uri", kind: ParamKind::Text, required: true, summary: "The absolute URL." },
            ParamSpec { name: "method", kind: ParamKind::Text, required: false, summary: "GET if not given." },
            ParamSpec { name: "headers", kind: ParamKind::Object, required: false, summary: "Request headers." },
            ParamSpec { name: "qs", kind: ParamKind::Object, required: false, summary: "Query parameters to append." },
            ParamSpec { name: "data", kind: ParamKind::Json, required: false, summary: "The body, sent as JSON." },
            ParamSpec { name: "body", kind: ParamKind::Json, required: false, summary: "Another name for `data`." },
            ParamSpec {
                name: "json",
                kind: ParamKind::Boolean,
                required: false,
                summary: "Accepted for Kustomer's sake; the body is always JSON.",
            },
            ParamSpec {
                name: "timeoutMs",
                kind: ParamKind::Number,
                required: false,
                summary: "Milliseconds for the whole call; 30,000 if not given, at most 60,000.",
            },
        ],
        output: &[
            output("response", ParamKind::Object, "`statusCode` and `headers` of the last answer."),
            output("body", ParamKind::Any, "The answer's body: its JSON value, or its text."),
        ],
    },
    run: json,
};

fn json(call: &mut Call<'_>) -> StoreResult<Outcome> {
    match request(&mut call.params) {
        Ok(request) => Ok(Outcome::Request(request)),
        Err(problems) => Ok(Outcome::Failed(Failure::invalid(problems))),
    }
}

fn request(params: &mut Map<String, Value>) -> Result<HttpRequest, Vec<Problem>> {
    let mut problems = Vec::new();
    let method = params.get("method").and_then(Value::as_str).unwrap_or("GET").to_uppercase();
    let mut uri = params.get("uri").and_then(Value::as_str).unwrap_or_default().to_owned();
    if let Some(Value::Object(query)) = params.get("qs") {
        match with_query(&uri, query) {
            Ok(with_query) => uri = with_query,
            Err(message) => problems.push(Problem::new("/uri", message)),
        }
    }
    let mut headers = vec![("accept".to_owned(), "application/json".to_owned())];
    let body = params.shift_remove("data").or_else(|| params.shift_remove("body")).filter(|body| !body.is_null());
    if body.is_some() {
        headers.push(("content-type".to_owned(), "application/json".to_owned()));
    }
    if let Some(Value::Object(given)) = params.get("headers") {
        for (name, value) in given {
            let name = name.to_ascii_lowercase();
            headers.retain(|(present, _)| *present != name);
            headers.push((name, plain(value)));
        }
    }
    let timeout_ms = params.get("timeoutMs").and_then(Value::as_f64).map_or(TIMEOUT_MS_DEFAULT, |given| given as u64);
    if !(1..=TIMEOUT_MS_MAX).contains(&timeout_ms) {
        problems.push(Problem::new("/timeoutMs", format!("has to be from 1 to {TIMEOUT_MS_MAX}")));
    }
    match problems.is_empty() {
        true => Ok(HttpRequest { method, uri, headers, body: body.map(|body| body.to_string()), timeout_ms }),
        false => Err(problems),
    }
}

fn with_query(uri: &str, query: &Map<String, Value>) -> Result<String, String> {
    let mut url = url::Url::parse(uri).map_err(|error| format!("not an absolute URL: {error}"))?;
    let present = query.iter().filter(|(_, value)| !value.is_null());
    url.query_pairs_mut().extend_pairs(present.map(|(name, value)| (name, plain(value))));
    Ok(url.into())
}

/// A value as a header or query parameter: text as it is, anything else as JSON.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
