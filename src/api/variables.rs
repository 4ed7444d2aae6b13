//! `/v1/variables`: variables of the org and of its workflows. Their values can be written, and never read.

use actix_web::HttpResponse;
use actix_web::web::{Data, Path, ServiceConfig};
use serde_json::{Value, json};

use super::auth::{Admin, Reader};
use super::body::Body;
use super::{App, at, path_id};
use crate::base::id::Id;
use crate::catalog::Saved;
use crate::catalog::variables::{PutError, VALUE_BYTES_MAX, is_variable_name, put_variable};
use crate::http::document::{all, attributes, created, one, relationship, resource};
use crate::http::errors::{ApiError, ApiResult, Code};
use crate::objects::Fields;
use crate::store::Variable;

pub fn routes(service: &mut ServiceConfig) {
    service
        .service(at("/v1/variables", "GET, POST").get(list).post(put))
        .service(at("/v1/variables/{id}", "DELETE, GET").get(show).delete(delete));
}

fn show_variable(variable: &Variable) -> Value {
    let shown = attributes(json!({
        "name": variable.name,
        "maskedValue": "•••",
        "createdAt": variable.created_at,
        "updatedAt": variable.updated_at,
    }));
    let workflow = variable.workflow.map(|id| relationship("workflow", id, format!("/v1/workflows/{id}")));
    let relationships = workflow.map_or_else(|| json!({}), |workflow| json!({ "workflow": workflow }));
    resource("variable", variable.id, shown, relationships, &format!("/v1/variables/{}", variable.id))
}

async fn list(app: Data<App>, reader: Reader) -> ApiResult {
    let variables = app.door.store.read(move |session| session.variables(reader.org)).await?;
    Ok(all(variables.iter().rev().map(show_variable).collect(), "/v1/variables"))
}

async fn show(app: Data<App>, reader: Reader, id: Path<String>) -> ApiResult {
    let id = path_id("variable", &id)?;
    let variables = app.door.store.read(move |session| session.variables(reader.org)).await?;
    let variable = variables.iter().find(|variable| variable.id == id);
    variable.map(|variable| one(show_variable(variable))).ok_or_else(|| ApiError::not_found("variable", id))
}

/// Takes `name`, `value` and, for a variable of one workflow, the `workflow`'s id or name. Makes the variable, or gives
/// the one that is there a new value.
async fn put(app: Data<App>, admin: Admin, body: Body) -> ApiResult {
    let mut fields = Fields::new(body.json()?);
    let name = fields.text("name", usize::MAX).flatten().unwrap_or_default();
    if !is_variable_name(&name) {
        fields.problem("/name", "expected 1 to 128 letters, digits, `_`, `-` or `.`");
    }
    let value = fields.text("value", usize::MAX).flatten().unwrap_or_default();
    if value.is_empty() || value.len() > VALUE_BYTES_MAX {
        fields.problem("/value", format!("expected a string of 1 to {VALUE_BYTES_MAX} bytes"));
    }
    let workflow = match fields.text("workflow", usize::MAX).flatten() {
        None => None,
        Some(text) => {
            let found = workflow_id(&app, admin.org, &text);
            if found.is_none() {
                fields.problem("/workflow", "unknown workflow");
            }
            found
        }
    };
    let (name, value) = fields.finish((name, value))?;
    let vault = app.door.catalog.vault().clone();
    let written =
        app.door.catalog.change(move |session| put_variable(session, &vault, (admin.org, workflow), &name, &value));
    match written.await? {
        Ok((variable, saved)) => {
            log::info!(variable = variable.name.as_str(); "variable set");
            let shown = show_variable(&variable);
            Ok(if saved == Saved::Created { created(shown) } else { one(shown) })
        }
        Err(error @ (PutError::OtherKey | PutError::TooMany)) => Err(ApiError::new(Code::Conflict, error.to_string())),
    }
}

/// The workflow with this id or name.
fn workflow_id(app: &App, org: Id, id_or_name: &str) -> Option<Id> {
    let snapshot = app.door.catalog.snapshot();
    let own = snapshot.workflows.iter().filter(|workflow| workflow.org == org);
    let is = |id: Id, name: &str| name == id_or_name || id.hex().as_str() == id_or_name;
    own.map(|workflow| (workflow.id, &workflow.name)).find(|(id, name)| is(*id, name)).map(|(id, _)| id)
}

async fn delete(app: Data<App>, admin: Admin, id: Path<String>) -> ApiResult {
    let id = path_id("variable", &id)?;
    let deleted = app.door.catalog.change(move |session| session.delete_variable(admin.org, id)).await?;
    if deleted { Ok(HttpResponse::NoContent().finish()) } else { Err(ApiError::not_found("variable", id)) }
}
