//! `/v1/actions`, and the schema of workflow files, for editors.

use actix_web::HttpResponse;

use super::answer::all;
use super::describe::{Endpoint, Group, public, reads};
use crate::http::document::Page;
use crate::http::errors::ApiResult;
use crate::schema;
use crate::usecases::Reader;
use crate::usecases::actions::{self, ActionView};

pub fn group() -> Group {
    let list_actions = reads("listActions", "All actions that steps can use");
    let show_schema = public("getWorkflowSchema", "The JSON Schema of workflow files");
    Group::new("Workflows", "")
        .add(Endpoint::at("/v1/actions").get(list, list_actions.answers::<Page<ActionView>>()))
        .add(Endpoint::at(schema::PATH).get(workflow_schema, show_schema.answers_as("application/schema+json")))
}

async fn list(reader: Reader) -> ApiResult {
    all(actions::list(&reader), "/v1/actions")
}

/// Public, because editors have no key.
async fn workflow_schema() -> HttpResponse {
    HttpResponse::Ok().content_type("application/schema+json").body(schema::workflow_file(None).to_string())
}
