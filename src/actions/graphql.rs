//! `graphql.query`: queries and mutations of GraphQL APIs, over HTTP.
//!
//! The call is like any other; its response is interpreted as GraphQL. A response with `errors` but no `data` fails the
//! step, unless `allowErrors` is true.

use serde_json::{Map, Value};

use super::http::{self, Body, Common};
use super::{Action, ActionOutcome, Call, StepFailure};
use crate::outbound::{Effect, ResponseFormat};
use crate::store::StoreResult;
use crate::workflow::{ActionSpec, ParamKind, output, param};

/// The first type is that of the GraphQL-over-HTTP draft, the second that of older servers.
const ACCEPT: &str = "application/graphql-response+json, application/json";

pub const QUERY: Action = Action {
    spec: ActionSpec {
        name: "graphql.query",
        summary: "Sends a query or mutation to a GraphQL API; outputs its data.",
        params: &[
            http::URI,
            param("query", ParamKind::Text, "The query or mutation.").required(),
            param("variables", ParamKind::Object, "The values of its variables."),
            param("operationName", ParamKind::Text, "The operation to run, if the query holds several."),
            http::HEADERS,
            http::QS,
            http::AUTH,
            param("allowErrors", ParamKind::Boolean, "Whether to continue if there are errors and no data."),
            http::TIMEOUT_MS,
            http::REDIRECTS,
            http::RETRY,
        ],
        output: &[
            http::RESPONSE,
            output("data", ParamKind::Any, "The requested data; null if there is none."),
            output("errors", ParamKind::List, "The errors; empty if there are none."),
        ],
    },
    run: query,
};

fn query(call: &mut Call<'_>) -> StoreResult<ActionOutcome> {
    let fields = ["query", "variables", "operationName"];
    let body: Map<String, Value> =
        fields.into_iter().filter_map(|name| Some((name.to_owned(), call.take(name)?))).collect();
    let allow_errors = call.params.get("allowErrors") == Some(&Value::Bool(true));
    let body = Body { text: Value::Object(body).to_string(), content_type: "application/json" };
    let mut problems = Vec::new();
    call.params.insert("method".to_owned(), Value::String("POST".to_owned()));
    let mut common = Common::read(&mut call.params, &[("accept", ACCEPT)], Some(body), &mut problems);
    common.request.reading = ResponseFormat::GraphQl { allow_errors };
    Ok(match problems.is_empty() {
        true => ActionOutcome::Perform(Effect::Http(Box::new(common.request)), common.retry),
        false => ActionOutcome::Failed(StepFailure::invalid(problems)),
    })
}
