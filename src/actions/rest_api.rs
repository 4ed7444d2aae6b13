//! `rest-api.*`: calls to external HTTP APIs.
//!
//! The action only says what to call. The engine stores that, makes the call outside the transaction, tries again on
//! network errors and on answers that ask for it, and makes the last answer the step's output:
//! `{"response": {"statusCode": 200, "headers": {…}}, "body": …}`.

use serde_json::Value;

use super::http::{self, Body, Common};
use super::{Action, Call, Failure, Outcome};
use crate::objects::Problem;
use crate::outbound::{Effect, Reading};
use crate::store::StoreResult;
use crate::workflow::{ActionSpec, ParamKind, output, param};

pub const JSON: Action = Action {
    spec: ActionSpec {
        name: "rest-api.json",
        summary: "Calls an HTTP API with a JSON body; outputs the answer's status, headers and body.",
        params: &[
            http::URI,
            http::METHOD,
            http::HEADERS,
            http::QS,
            param("data", ParamKind::Json, "The body, sent as JSON."),
            param("body", ParamKind::Json, "Another name for `data`."),
            http::FORM,
            http::AUTH,
            param("json", ParamKind::Boolean, "Accepted for Kustomer's sake; `data` is always sent as JSON."),
            http::TIMEOUT_MS,
            http::REDIRECTS,
            http::RETRY,
        ],
        output: &[http::RESPONSE, output("body", ParamKind::Any, "The answer's body: its JSON value, or its text.")],
    },
    run: json,
};

pub const GENERIC: Action = Action {
    spec: ActionSpec {
        name: "rest-api.generic",
        summary: "Calls an HTTP API with a body of text; outputs the answer's status and headers, and its body as text.",
        params: &[
            http::URI,
            http::METHOD,
            http::HEADERS,
            http::QS,
            param("body", ParamKind::Any, "The body, sent as it is."),
            param("data", ParamKind::Any, "Another name for `body`."),
            http::FORM,
            http::AUTH,
            http::TIMEOUT_MS,
            http::REDIRECTS,
            http::RETRY,
        ],
        output: &[http::RESPONSE, output("body", ParamKind::Text, "The answer's body.")],
    },
    run: generic,
};

fn json(call: &mut Call<'_>) -> StoreResult<Outcome> {
    let body = call.take("data").or_else(|| call.take("body"));
    let body = body.map(|body| Body { text: body.to_string(), content_type: "application/json" });
    Ok(request(call, body, "application/json", Reading::Json))
}

fn generic(call: &mut Call<'_>) -> StoreResult<Outcome> {
    let body = call.take("body").or_else(|| call.take("data"));
    let body = body.map(|body| Body { text: http::plain(&body), content_type: "text/plain; charset=utf-8" });
    Ok(request(call, body, "*/*", Reading::Text))
}

fn request(call: &mut Call<'_>, body: Option<Body>, accept: &str, reading: Reading) -> Outcome {
    let mut problems = Vec::new();
    let form = match call.take("form") {
        Some(Value::Object(fields)) => Some(http::form(&fields)),
        _ => None,
    };
    if form.is_some() && body.is_some() {
        problems.push(Problem::new("/form", "there is another body beside it; give one of them"));
    }
    let mut common = Common::read(&mut call.params, &[("accept", accept)], body.or(form), &mut problems);
    common.request.reading = reading;
    match problems.is_empty() {
        true => Outcome::Perform(Effect::Http(Box::new(common.request)), common.retry),
        false => Outcome::Failed(Failure::invalid(problems)),
    }
}
