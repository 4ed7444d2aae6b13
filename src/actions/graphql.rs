//! `graphql.query`: queries and mutations of GraphQL APIs, over HTTP.
//!
//! The call is made like any other; its answer is read as GraphQL says. An answer with `errors` and without `data` fails the
//! step, unless it says that it wants to see them.

use serde_json::{Map, Value};

use super::http::{self, Body, Common};
use super::{Action, Call, Failure, Outcome};
use crate::outbound::{Effect, Reading};
use crate::store::StoreResult;
use crate::workflow::{ActionSpec, ParamKind, output, param};

/// Servers of the GraphQL-over-HTTP draft answer with the first, older ones with the second.
const ACCEPT: &str = "application/graphql-response+json, application/json";

pub const QUERY: Action = Action {
    spec: ActionSpec {
        name: "graphql.query",
        summary: "Sends a query or mutation to a GraphQL API; outputs its data.",
        params: &[
            http::URI,
            param("query", ParamKind::Text, "The query or mutation.").required(),
            param("variables", ParamKind::Object, "The values of its variables."),
            param("operationName", ParamKind::Text, "Which operation, if the query holds several."),
            http::HEADERS,
            http::QS,
            http::AUTH,
            param("allowErrors", ParamKind::Boolean, "true to go on if there are errors and no data."),
            http::TIMEOUT_MS,
            http::REDIRECTS,
            http::RETRY,
        ],
        output: &[
            http::RESPONSE,
            output("data", ParamKind::Any, "What was asked for; null if there is none."),
            output("errors", ParamKind::List, "What went wrong; empty if nothing did."),
        ],
    },
    run: query,
};

fn query(call: &mut Call<'_>) -> StoreResult<Outcome> {
    let fields = ["query", "variables", "operationName"];
    let asked: Map<String, Value> =
        fields.into_iter().filter_map(|name| Some((name.to_owned(), call.take(name)?))).collect();
    let allow_errors = call.params.get("allowErrors") == Some(&Value::Bool(true));
    let body = Body { text: Value::Object(asked).to_string(), content_type: "application/json" };
    let mut problems = Vec::new();
    call.params.insert("method".to_owned(), Value::String("POST".to_owned()));
    let mut common = Common::read(&mut call.params, &[("accept", ACCEPT)], Some(body), &mut problems);
    common.request.reading = Reading::GraphQl { allow_errors };
    Ok(match problems.is_empty() {
        true => Outcome::Perform(Effect::Http(Box::new(common.request)), common.retry),
        false => Outcome::Failed(Failure::invalid(problems)),
    })
}
