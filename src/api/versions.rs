//! `/v1/workflows/{id}/versions`, `/draft`, `/publish` and `/rollback`: what was in force, and what is to be.
//!
//! A draft is checked when it is saved and again when it is published, since klasses and hooks may have changed meanwhile;
//! so is an old version that is to come back.

use actix_web::HttpResponse;
use actix_web::web::{Data, Path, Query, ServiceConfig};
use serde::Deserialize;
use serde_json::{Value, json};

use super::auth::{Admin, Reader};
use super::body::Body;
use super::workflows::{check, check_text, find, save_error, show_workflow};
use super::{App, at, path_id};
use crate::base::id::Id;
use crate::catalog::{self, PublishError, Saved};
use crate::http::document::{PageQuery, attributes, one, resource};
use crate::http::errors::{ApiError, ApiResult, Code};
use crate::objects::Fields;
use crate::store::{DraftRecord, WorkflowRecord, WorkflowVersion};
use crate::workflow::Diagnostic;
use crate::workflow::diff;

pub fn routes(service: &mut ServiceConfig) {
    service
        .service(at("/v1/workflows/{id}/versions", "GET").get(versions))
        .service(at("/v1/workflows/{id}/versions/{version}", "GET").get(version))
        .service(at("/v1/workflows/{id}/versions/{before}/diff/{after}", "GET").get(difference))
        .service(at("/v1/workflows/{id}/rollback", "POST").post(roll_back))
        .service(at("/v1/workflows/{id}/draft", "DELETE, GET, PUT").get(draft).put(save_draft).delete(delete_draft))
        .service(at("/v1/workflows/{id}/publish", "POST").post(publish));
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
        below.map_err(|_| ApiError::parameter("below", "must be a version number"))
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
    let version = found.ok_or_else(|| no_version(id, number))?;
    Ok(one(show_version(&version)))
}

/// What differs between two versions; `draft` and `current` are versions here too.
async fn difference(app: Data<App>, reader: Reader, path: Path<(String, String, String)>) -> ApiResult {
    let (id, before, after) = path.into_inner();
    let id = path_id("workflow", &id)?;
    let workflow = find(&app, reader.org, id).await?;
    let old = document(&app, &workflow, &before).await?;
    let new = document(&app, &workflow, &after).await?;
    let changes = diff::diff(&old, &new);
    let shown = attributes(json!({
        "before": before, "after": after, "changes": changes, "text": diff::text(&changes),
    }));
    let link = format!("/v1/workflows/{id}/versions/{before}/diff/{after}");
    Ok(one(resource("workflow_diff", format!("{id}-{before}-{after}"), shown, json!({}), &link)))
}

fn no_version(workflow: Id, version: impl std::fmt::Display) -> ApiError {
    ApiError::new(Code::NotFound, format!("workflow {workflow} has no version `{version}`"))
}

fn no_draft(workflow: Id) -> ApiError {
    ApiError::new(Code::NotFound, format!("workflow {workflow} has no draft"))
}

/// What a version says.
async fn document(app: &App, workflow: &WorkflowRecord, version: &str) -> Result<Value, ApiError> {
    let (org, id) = (workflow.org, workflow.id);
    let missing = || no_version(id, version);
    match version {
        "current" => Ok(workflow.document.clone()),
        "draft" => {
            let draft = app.door.store.read(move |session| session.draft(org, id)).await?;
            draft.map(|draft| draft.document).ok_or_else(missing)
        }
        _ => {
            let number: i64 = version.parse().map_err(|_| missing())?;
            let found = app.door.store.read(move |session| session.workflow_version(org, id, number)).await?;
            found.map(|version| version.document).ok_or_else(missing)
        }
    }
}

/// Puts what an old version said in force again, as a new version: `{"version": 3}`.
async fn roll_back(app: Data<App>, admin: Admin, id: Path<String>, body: Body) -> ApiResult {
    let (org, id) = (admin.org, path_id("workflow", &id)?);
    let mut fields = Fields::new(body.json()?);
    let version = fields.take("version").and_then(|version| version.as_i64());
    if version.is_none() {
        fields.problem("/version", "required: the number of the version to restore");
    }
    let version = fields.finish(version.unwrap_or_default())?;
    let workflow = find(&app, org, id).await?;
    let document = document(&app, &workflow, &version.to_string()).await?;
    let (checked, warnings) = check_text(&app, org, &document.to_string())?;
    let saved = app.door.catalog.change(move |session| catalog::roll_back(session, org, id, version, &checked)).await?;
    let (workflow, saved) = saved.map_err(save_error)?;
    tell(&workflow, saved, "rolled back");
    Ok(one(show_workflow(&workflow, &warnings)))
}

fn show_draft(draft: &DraftRecord, warnings: &[Diagnostic]) -> Value {
    let mut shown = attributes(json!({
        "document": draft.document,
        "baseVersion": draft.base_version,
        "updatedAt": draft.updated_at,
    }));
    if !warnings.is_empty() {
        shown.insert("warnings".into(), json!(warnings));
    }
    let relationships = json!({ "workflow": { "data": { "type": "workflow", "id": draft.workflow } } });
    resource("workflow_draft", draft.workflow, shown, relationships, &format!("/v1/workflows/{}/draft", draft.workflow))
}

async fn find_draft(app: &App, org: Id, id: Id) -> Result<DraftRecord, ApiError> {
    find(app, org, id).await?;
    let draft = app.door.store.read(move |session| session.draft(org, id)).await?;
    draft.ok_or_else(|| no_draft(id))
}

async fn draft(app: Data<App>, reader: Reader, id: Path<String>) -> ApiResult {
    let id = path_id("workflow", &id)?;
    Ok(one(show_draft(&find_draft(&app, reader.org, id).await?, &[])))
}

async fn save_draft(app: Data<App>, admin: Admin, id: Path<String>, body: Body) -> ApiResult {
    let (org, id) = (admin.org, path_id("workflow", &id)?);
    let (checked, warnings) = check(&app, org, &body)?;
    // Nothing that is in force changes, so nobody has to hear of it.
    let saved = app.door.store.write(move |session| catalog::save_draft(session, org, id, &checked)).await?;
    let draft = saved.ok_or_else(|| ApiError::not_found("workflow", id))?;
    Ok(one(show_draft(&draft, &warnings)))
}

async fn delete_draft(app: Data<App>, admin: Admin, id: Path<String>) -> ApiResult {
    let (org, id) = (admin.org, path_id("workflow", &id)?);
    let deleted = app.door.store.write(move |session| session.delete_draft(org, id)).await?;
    match deleted {
        true => Ok(HttpResponse::NoContent().finish()),
        false => Err(no_draft(id)),
    }
}

/// Puts the draft in force.
async fn publish(app: Data<App>, admin: Admin, id: Path<String>) -> ApiResult {
    let (org, id) = (admin.org, path_id("workflow", &id)?);
    let draft = find_draft(&app, org, id).await?;
    let (checked, warnings) = check_text(&app, org, &draft.document.to_string())?;
    let saved = app.door.catalog.change(move |session| catalog::publish(session, org, id, &checked)).await?;
    let (workflow, saved) = saved.map_err(|error| match error {
        PublishError::Save(error) => save_error(error),
        error => ApiError::new(Code::Conflict, error.to_string()),
    })?;
    tell(&workflow, saved, "published");
    Ok(one(show_workflow(&workflow, &warnings)))
}

fn tell(workflow: &WorkflowRecord, saved: Saved, what: &str) {
    log::info!(workflow = workflow.name.as_str(), version = workflow.version; "workflow {what}: {saved:?}");
}
