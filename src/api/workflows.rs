//! `/v1/workflows`: workflow documents and their versions.
//!
//! A body is a workflow document as a file would hold it. `POST` adds one, `PUT` replaces one; either makes a new
//! version that is in force from then on, while runs under way keep the version they began with.

use actix_web::HttpResponse;
use actix_web::web::{Data, Path, ServiceConfig};
use serde_json::{Value, json};

use super::auth::{Admin, Reader};
use super::body::Body;
use super::{App, at, path_id};
use crate::base::id::Id;
use crate::base::time::Timestamp;
use crate::catalog::schedules;
use crate::catalog::{self, SaveError, save_workflow};
use crate::http::document::{all, attributes, created, one, resource};
use crate::http::errors::{ApiError, ApiResult, Code};
use crate::objects::Fields;
use crate::store::{Status, WorkflowRecord};
use crate::workflow::{Diagnostic, Severity, Source, WorkflowDraft, check_workflow};

/// How many due times of a schedule are shown.
const UPCOMING: usize = 3;

pub fn routes(service: &mut ServiceConfig) {
    service.service(at("/v1/workflows", "GET, POST").get(list).post(create)).service(
        at("/v1/workflows/{id}", "DELETE, GET, PATCH, PUT").get(show).put(replace).patch(change).delete(delete),
    );
}

pub(super) fn show_workflow(workflow: &WorkflowRecord, warnings: &[Diagnostic]) -> Value {
    let link = format!("/v1/workflows/{}", workflow.id);
    let mut shown = attributes(json!({
        "name": workflow.name,
        "version": workflow.version,
        "enabled": workflow.status == Status::Enabled,
        "file": workflow.file,
        "document": workflow.document,
        "createdAt": workflow.created_at,
        "updatedAt": workflow.updated_at,
    }));
    let upcoming = schedules::upcoming(workflow, Timestamp::now(), UPCOMING);
    if let Some(next) = upcoming.first() {
        shown.insert("nextRunAt".into(), json!(next));
        shown.insert("upcomingRuns".into(), json!(upcoming));
    }
    if !warnings.is_empty() {
        shown.insert("warnings".into(), json!(warnings));
    }
    resource("workflow", workflow.id, shown, json!({}), &link)
}

async fn list(app: Data<App>, reader: Reader) -> ApiResult {
    let snapshot = app.door.catalog.snapshot();
    let own = snapshot.workflows.iter().filter(|workflow| workflow.org == reader.org).rev();
    Ok(all(own.map(|workflow| show_workflow(workflow, &[])).collect(), "/v1/workflows"))
}

async fn show(app: Data<App>, reader: Reader, id: Path<String>) -> ApiResult {
    let (org, id) = (reader.org, path_id("workflow", &id)?);
    let mut shown = show_workflow(&find(&app, org, id).await?, &[]);
    if let Some(schedule) = app.door.store.read(move |session| session.schedule(org, id)).await? {
        // What is stored counts: it may be behind, if the server has just come back.
        shown["attributes"]["nextRunAt"] = json!(schedule.due_at);
        shown["attributes"]["lastRunAt"] = json!(schedule.last_at);
    }
    Ok(one(shown))
}

pub(super) async fn find(app: &App, org: Id, id: Id) -> Result<WorkflowRecord, ApiError> {
    let found = app.door.store.read(move |session| session.workflow(org, id)).await?;
    let present = found.filter(|workflow| workflow.status != Status::Deleted);
    present.ok_or_else(|| ApiError::not_found("workflow", id))
}

async fn create(app: Data<App>, admin: Admin, body: Body) -> ApiResult {
    let (workflow, warnings) = save(&app, admin.org, None, &body).await?;
    Ok(created(show_workflow(&workflow, &warnings)))
}

async fn replace(app: Data<App>, admin: Admin, id: Path<String>, body: Body) -> ApiResult {
    let id = path_id("workflow", &id)?;
    find(&app, admin.org, id).await?;
    let (workflow, warnings) = save(&app, admin.org, Some(id), &body).await?;
    Ok(one(show_workflow(&workflow, &warnings)))
}

async fn save(app: &App, org: Id, id: Option<Id>, body: &Body) -> Result<(WorkflowRecord, Vec<Diagnostic>), ApiError> {
    let (draft, warnings) = check(app, org, body)?;
    let saved = app.door.catalog.change(move |session| save_workflow(session, org, id, &draft)).await?;
    let (workflow, saved) = saved.map_err(save_error)?;
    log::info!(workflow = workflow.name.as_str(), version = workflow.version; "workflow saved: {saved:?}");
    Ok((workflow, warnings))
}

pub(super) fn save_error(error: SaveError) -> ApiError {
    match error {
        SaveError::NameTaken(_) => ApiError::pointer(Code::Taken, "/name", error.to_string()),
        SaveError::Missing => ApiError::new(Code::NotFound, error.to_string()),
    }
}

/// The document in the body, if nothing is wrong with it, and the warnings.
pub(super) fn check(app: &App, org: Id, body: &Body) -> Result<(WorkflowDraft, Vec<Diagnostic>), ApiError> {
    let text = std::str::from_utf8(&body.0)
        .map_err(|error| ApiError::new(Code::MalformedJson, format!("the body is not UTF-8: {error}")))?;
    check_text(app, org, text)
}

/// The same of a document's text.
pub(super) fn check_text(app: &App, org: Id, text: &str) -> Result<(WorkflowDraft, Vec<Diagnostic>), ApiError> {
    let source = Source { file: "body", text };
    let (draft, diagnostics) = check_workflow(&source, &app.door.catalog.snapshot().known(org));
    let (errors, warnings): (Vec<_>, Vec<_>) =
        diagnostics.into_iter().partition(|diagnostic| diagnostic.severity == Severity::Error);
    match draft {
        Some(draft) if errors.is_empty() => Ok((draft, warnings)),
        _ => Err(ApiError::from(errors)),
    }
}

/// Enables or disables a workflow, without a new version.
async fn change(app: Data<App>, admin: Admin, id: Path<String>, body: Body) -> ApiResult {
    let id = path_id("workflow", &id)?;
    let mut fields = Fields::new(body.json()?);
    let enabled = fields.boolean("enabled");
    if enabled.is_none() {
        fields.problem("/enabled", "required: true or false");
    }
    let enabled = fields.finish(enabled == Some(true))?;
    let status = if enabled { Status::Enabled } else { Status::Disabled };
    let workflow = set_status(&app, admin.org, id, status).await?;
    Ok(one(show_workflow(&workflow, &[])))
}

async fn delete(app: Data<App>, admin: Admin, id: Path<String>) -> ApiResult {
    let id = path_id("workflow", &id)?;
    set_status(&app, admin.org, id, Status::Deleted).await?;
    Ok(HttpResponse::NoContent().finish())
}

async fn set_status(app: &App, org: Id, id: Id, status: Status) -> Result<WorkflowRecord, ApiError> {
    let written = app.door.catalog.change(move |session| catalog::set_status(session, org, id, status));
    let workflow = written.await?.ok_or_else(|| ApiError::not_found("workflow", id))?;
    log::info!(workflow = workflow.name.as_str(); "workflow {status}");
    Ok(workflow)
}
