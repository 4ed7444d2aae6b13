//! `/v1/actions`, and the schema of workflow files: what editors and consoles need to know.

use actix_web::HttpResponse;
use actix_web::web::ServiceConfig;
use serde_json::{Value, json};

use super::at;
use super::auth::Reader;
use crate::actions::ACTIONS;
use crate::http::document::{all, attributes, resource};
use crate::http::errors::ApiResult;
use crate::schema;
use crate::workflow::ActionSpec;

pub fn routes(service: &mut ServiceConfig) {
    service.service(at("/v1/actions", "GET").get(list)).service(at(schema::PATH, "GET").get(workflow_schema));
}

async fn list(_: Reader) -> ApiResult {
    Ok(all(ACTIONS.iter().map(|action| show(&action.spec)).collect(), "/v1/actions"))
}

fn show(spec: &ActionSpec) -> Value {
    let params = spec.params.iter().map(|param| {
        json!({
            "name": param.name,
            "kind": param.kind.as_str(),
            "required": param.required,
            "summary": param.summary,
        })
    });
    let output = spec
        .output
        .iter()
        .map(|field| json!({ "name": field.name, "kind": field.kind.as_str(), "summary": field.summary }));
    let (params, output) = (params.collect::<Vec<_>>(), output.collect::<Vec<_>>());
    let shown = attributes(json!({ "summary": spec.summary, "params": params, "output": output }));
    resource("action", spec.name, shown, json!({}), &format!("/v1/actions#{}", spec.name))
}

/// Public: editors ask for it without a key.
async fn workflow_schema() -> HttpResponse {
    HttpResponse::Ok().content_type("application/schema+json").body(schema::workflow_file(None).to_string())
}
