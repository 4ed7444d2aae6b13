//! `/v1/workflows/{id}/call`: starts callable workflows from outside.

use actix_web::web::{Data, Path, ServiceConfig};

use super::auth::Admin;
use super::body::Body;
use super::runs::show_run;
use super::{App, at, path_id};
use crate::base::time::Timestamp;
use crate::events::{self, Cause};
use crate::http::document::created;
use crate::http::errors::{ApiError, ApiResult, Code};
use crate::objects::{Fields, Problem};

pub fn routes(service: &mut ServiceConfig) {
    service.service(at("/v1/workflows/{id}/call", "POST").post(call));
}

/// Starts a run of a callable workflow: `{"inputs": {…}}`.
async fn call(app: Data<App>, admin: Admin, id: Path<String>, body: Body) -> ApiResult {
    let id = path_id("workflow", &id)?;
    let mut fields = Fields::new(body.json()?);
    let inputs = fields.object("inputs").flatten().unwrap_or_default();
    fields.object("responseMeta");
    let inputs = fields.finish(inputs)?;
    let snapshot = app.door.catalog.snapshot();
    let listener = snapshot.in_force.callable(admin.org, &id.to_string());
    let exists = snapshot.workflows.iter().any(|workflow| workflow.org == admin.org && workflow.id == id);
    let listener = listener.ok_or_else(|| match exists {
        true => ApiError::new(Code::Conflict, "the workflow is disabled or not callable"),
        false => ApiError::not_found("workflow", id),
    })?;
    let below =
        |problems: Vec<Problem>| problems.into_iter().map(|problem| problem.below("/inputs")).collect::<Vec<_>>();
    let start = events::call(admin.org, listener, inputs, Cause::Outside, Timestamp::now()).map_err(below)?;
    let run = app.door.store.write(move |session| start.clone().write(session)).await?;
    app.door.engine.look();
    log::info!(run_id:% = run.id, workflow = run.workflow_name.as_str(); "workflow called");
    Ok(created(show_run(&run, None)))
}
