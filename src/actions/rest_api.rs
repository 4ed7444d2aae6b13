//! `rest-api.*`: calls to external HTTP APIs.
//!
//! The action only builds the request. The engine stores it, makes the call outside the transaction, retries after
//! network errors and on responses that ask for it, and makes the last response the step's output: `{"response":
//! {"statusCode": 200, "headers": {…}}, "body": …}`.

use serde_json::Value;

use super::http::{self, Body, Common};
use super::{Action, ActionOutcome, Call, StepFailure};
use crate::objects::Problem;
use crate::outbound::{Effect, ResponseFormat};
use crate::store::StoreResult;
use crate::workflow::{ActionSpec, ParamKind, output, param};

pub const JSON: Action = Action {
    spec: ActionSpec {
        name: "rest-api.json",
        summary: "Calls an HTTP API with a JSON body; outputs the response's status, headers and body.",
        params: &[
            http::URI,
            http::METHOD,
            http::HEADERS,
            http::QS,
            param("data", ParamKind::Json, "The body, sent as JSON."),
            param("body", ParamKind::Json, "Alias of `data`."),
            http::FORM,
            http::AUTH,
            param(
                "json",
                ParamKind::Boolean,
                "Accepted for compatibility with Kustomer; `data` is always sent as JSON.",
            ),
            http::TIMEOUT_MS,
            http::REDIRECTS,
            http::RETRY,
        ],
        output: &[http::RESPONSE, output("body", ParamKind::Any, "The response's body: a JSON value or a string.")],
    },
    run: json,
};

pub const GENERIC: Action = Action {
    spec: ActionSpec {
        name: "rest-api.generic",
        summary: "Calls an HTTP API with a text body; outputs the response's status, headers and body as text.",
        params: &[
            http::URI,
            http::METHOD,
            http::HEADERS,
            http::QS,
            param("body", ParamKind::Any, "The body, sent verbatim."),
            param("data", ParamKind::Any, "Alias of `body`."),
            http::FORM,
            http::AUTH,
            http::TIMEOUT_MS,
            http::REDIRECTS,
            http::RETRY,
        ],
        output: &[http::RESPONSE, output("body", ParamKind::Text, "The response's body.")],
    },
    run: generic,
};

fn json(call: &mut Call<'_>) -> StoreResult<ActionOutcome> {
    let body = call.take("data").or_else(|| call.take("body"));
    let body = body.map(|body| Body { text: body.to_string(), content_type: "application/json" });
    Ok(request(call, body, "application/json", ResponseFormat::Json))
}

fn generic(call: &mut Call<'_>) -> StoreResult<ActionOutcome> {
    let body = call.take("body").or_else(|| call.take("data"));
    let body = body.map(|body| Body { text: http::plain(&body), content_type: "text/plain; charset=utf-8" });
    Ok(request(call, body, "*/*", ResponseFormat::Text))
}

fn request(call: &mut Call<'_>, body: Option<Body>, accept: &str, reading: ResponseFormat) -> ActionOutcome {
    let mut problems = Vec::new();
    let form = match call.take("form") {
        Some(Value::Object(fields)) => Some(http::form(&fields)),
        _ => None,
    };
    if form.is_some() && body.is_some() {
        problems.push(Problem::new("/form", "give either `form` or a body, not both"));
    }
    let mut common = Common::read(&mut call.params, &[("accept", accept)], body.or(form), &mut problems);
    common.request.reading = reading;
    match problems.is_empty() {
        true => ActionOutcome::Perform(Effect::Http(Box::new(common.request)), common.retry),
        false => ActionOutcome::Failed(StepFailure::invalid(problems)),
    }
}
