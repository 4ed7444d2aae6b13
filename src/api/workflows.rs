//! `/v1/workflows`: workflow documents and their versions.
//!
//! A body is a workflow document as a file would hold it. `POST` adds one, `PUT` replaces one; either makes a new
//! version that is in force from then on, while runs under way keep the version they began with.

use actix_web::HttpResponse;
use actix_web::web::{Data, Path, Query, ServiceConfig};
use serde::Deserialize;
use serde_json::{Value, json};

use super::auth::{Admin, Reader};
use super::body::Body;
use super::document::{PageQuery, all, attributes, created, one, resource};
use super::errors::{ApiError, ApiResult, Code};
use super::{App, at, path_id};
use crate::catalog::{self, SaveError, save_workflow};
use crate::id::Id;
use crate::objects::Fields;
use crate::schedules;
use crate::store::{Status, WorkflowRecord, WorkflowVersion};
use crate::time::Timestamp;
use crate::workflow::{Diagnostic, Severity, Source, WorkflowDraft, check_workflow};

/// How many due times of a schedule are shown.
const UPCOMING: usize = 3;

pub fn routes(service: &mut ServiceConfig) {
    service
        .service(at("/v1/workflows", "GET, POST").get(list).post(create))
        .service(
            at("/v1/workflows/{id}", "DELETE, GET, PATCH, PUT").get(show).put(replace).patch(change).delete(delete),
        )
        .service(at("/v1/workflows/{id}/versions", "GET").get(versions))
        .service(at("/v1/workflows/{id}/versions/{version}", "GET").get(version));
}

fn show_workflow(workflow: &WorkflowRecord, warnings: &[Diagnostic]) -> Value {
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

fn show_version(version: &WorkflowVersion) -> Value {
    let shown = attributes(json!({
        "version": version.version,
        "origin": version.origin,
        "document": version.document,
        "createdAt": version.created_at,
    }));
    let link = format!("/v1/workflows/{}/versions/{}", version.workflow, version.version);
    let relationships = json!({ "workflow": { "data": { "type": "workflow", "id": version.workflow } } });
    resource("workflow_version", format!("{}-{}", version.workflow, version.version), shown, relationships, &link)
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

async fn find(app: &App, org: Id, id: Id) -> Result<WorkflowRecord, ApiError> {
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
    let (workflow, saved) = saved.map_err(|error| match error {
        SaveError::NameTaken(_) => ApiError::pointer(Code::Taken, "/name", error.to_string()),
        SaveError::Missing => ApiError::new(Code::NotFound, error.to_string()),
    })?;
    log::info!(workflow = workflow.name.as_str(), version = workflow.version; "workflow saved: {saved:?}");
    Ok((workflow, warnings))
}

/// The document in the body, if nothing is wrong with it, and the warnings.
fn check(app: &App, org: Id, body: &Body) -> Result<(WorkflowDraft, Vec<Diagnostic>), ApiError> {
    let text = std::str::from_utf8(&body.0)
        .map_err(|error| ApiError::new(Code::MalformedJson, format!("the body is not UTF-8: {error}")))?;
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
        fields.problem("/enabled", "true or false is required");
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

/// `?pageSize=50&below=<version>`
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct VersionsQuery {
    below: Option<String>,
    page_size: Option<String>,
}

impl VersionsQuery {
    fn below(&self) -> Result<i64, ApiError> {
        let below = self.below.as_ref().map_or(Ok(i64::MAX), |text| text.parse());
        below.map_err(|_| ApiError::parameter("below", "has to be the number of a version"))
    }
}

async fn versions(app: Data<App>, reader: Reader, id: Path<String>, query: Query<VersionsQuery>) -> ApiResult {
    let id = path_id("workflow", &id)?;
    let paging = PageQuery { page_size: query.page_size.clone(), after: None };
    let (size, below) = (paging.size()?, query.below()?);
    find(&app, reader.org, id).await?;
    let found = app.door.store.read(move |session| session.workflow_versions(reader.org, id, below, size + 1)).await?;
    let shown = found.iter().take(size as usize).map(show_version).collect::<Vec<_>>();
    let last = found.get(size as usize - 1).filter(|_| found.len() > size as usize);
    let link = format!("/v1/workflows/{id}/versions");
    let next = last.map(|last| format!("{link}?pageSize={size}&below={}", last.version));
    Ok(HttpResponse::Ok().json(json!({
        "data": shown, "meta": { "pageSize": size }, "links": { "self": link, "next": next },
    })))
}

async fn version(app: Data<App>, reader: Reader, path: Path<(String, i64)>) -> ApiResult {
    let (id, number) = path.into_inner();
    let id = path_id("workflow", &id)?;
    let found = app.door.store.read(move |session| session.workflow_version(reader.org, id, number)).await?;
    let version = found.ok_or_else(|| ApiError::not_found("version", format!("{number} of workflow {id}")))?;
    Ok(one(show_version(&version)))
}
