//! Versions of workflows, and the drafts of their next versions.
//!
//! A draft is checked when it is saved, and again when it is published, because klasses and hooks may have changed
//! since. An old version is checked when it is restored.

use std::fmt;

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::workflows::{WorkflowView, check, find, log_saved, save_error, view};
use super::{Admin, Reader, Services, Slice, UseCaseError, UseCaseResult};
use crate::base::id::Id;
use crate::base::time::Timestamp;
use crate::catalog::{self, PublishError};
use crate::http::document::{Attributes, Identifier, Linkage, NoRelationships, Resource};
use crate::objects::{Fields, Problem};
use crate::store::{DraftRecord, WorkflowRecord, WorkflowVersion};
use crate::workflow::{Diagnostic, diff};

/// One immutable version of a workflow.
pub type VersionView = Resource<WorkflowVersionAttributes>;
/// The next version of a workflow, before it is published.
pub type DraftView = Resource<WorkflowDraftAttributes>;
/// The differences between two versions.
pub type DiffView = Resource<WorkflowDiffAttributes>;

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct WorkflowVersionAttributes {
    pub version: i64,
    /// Where it came from: `api`, or `file workflows/orders.json`.
    pub origin: String,
    #[schema(value_type = Object)]
    pub document: Value,
    pub created_at: Timestamp,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct WorkflowDraftAttributes {
    #[schema(value_type = Object)]
    pub document: Value,
    /// The current version when the draft was saved.
    pub base_version: i64,
    pub updated_at: Timestamp,
    /// Warnings about the document; only in the answer that saves it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub warnings: Vec<Diagnostic>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct WorkflowDiffAttributes {
    pub before: String,
    pub after: String,
    pub changes: Vec<diff::Change>,
    /// The same as text.
    pub text: String,
}

/// The workflow that a version or a draft belongs to.
#[derive(Debug, Serialize, ToSchema)]
pub struct OfWorkflow {
    pub workflow: Linkage,
}

impl Attributes for WorkflowVersionAttributes {
    type Relationships = OfWorkflow;
    const TYPES: &'static [&'static str] = &["workflow_version"];
}

impl Attributes for WorkflowDraftAttributes {
    type Relationships = OfWorkflow;
    const TYPES: &'static [&'static str] = &["workflow_draft"];
}

impl Attributes for WorkflowDiffAttributes {
    type Relationships = NoRelationships;
    const TYPES: &'static [&'static str] = &["workflow_diff"];
}

/// The version to restore.
#[derive(Clone, Copy, Debug, ToSchema)]
pub struct Rollback {
    #[schema(example = 3)]
    pub version: i64,
}

impl Rollback {
    /// Reads `{"version"}`.
    ///
    /// # Errors
    /// Every problem, with its pointer.
    pub fn read(document: Value) -> Result<Rollback, Vec<Problem>> {
        let mut fields = Fields::new(document);
        let version = fields.take("version").and_then(|version| version.as_i64());
        let version = fields.keep("/version", version.ok_or("required: the number of the version to restore".into()));
        fields.finish(Rollback { version: version.unwrap_or_default() })
    }
}

fn of_workflow(id: Id) -> OfWorkflow {
    OfWorkflow { workflow: Linkage { data: Identifier::new("workflow", id) } }
}

fn version_view(version: &WorkflowVersion) -> VersionView {
    let attributes = WorkflowVersionAttributes {
        version: version.version,
        origin: version.origin.clone(),
        document: version.document.clone(),
        created_at: version.created_at,
    };
    let WorkflowVersion { workflow, version, .. } = version;
    let link = format!("/v1/workflows/{workflow}/versions/{version}");
    Resource::new(format!("{workflow}-{version}"), attributes, link).with(of_workflow(*workflow))
}

fn draft_view(draft: &DraftRecord, warnings: Vec<Diagnostic>) -> DraftView {
    let attributes = WorkflowDraftAttributes {
        document: draft.document.clone(),
        base_version: draft.base_version,
        updated_at: draft.updated_at,
        warnings,
    };
    let workflow = draft.workflow;
    Resource::new(workflow, attributes, format!("/v1/workflows/{workflow}/draft")).with(of_workflow(workflow))
}

fn no_version(workflow: Id, version: impl fmt::Display) -> UseCaseError {
    UseCaseError::NotFound(format!("workflow {workflow} has no version `{version}`"))
}

fn no_draft(workflow: Id) -> UseCaseError {
    UseCaseError::NotFound(format!("workflow {workflow} has no draft"))
}

/// The versions of a workflow with numbers below `below`, newest first. The key of the next page is such a number.
pub async fn list(
    services: &Services,
    reader: &Reader,
    id: Id,
    below: i64,
    size: usize,
) -> UseCaseResult<Slice<VersionView>> {
    let org = reader.org();
    find(services, org, id).await?;
    let one_more = size as i64 + 1;
    let found = services.store.read(move |session| session.workflow_versions(org, id, below, one_more)).await?;
    Ok(Slice::new(size, found, |version| version.version.to_string(), |version| version_view(&version)))
}

pub async fn show(services: &Services, reader: &Reader, id: Id, version: i64) -> UseCaseResult<VersionView> {
    let org = reader.org();
    let found = services.store.read(move |session| session.workflow_version(org, id, version)).await?;
    found.map(|version| version_view(&version)).ok_or_else(|| no_version(id, version))
}

/// The differences between two versions, which can also be `draft` and `current`.
pub async fn compare(
    services: &Services,
    reader: &Reader,
    id: Id,
    before: &str,
    after: &str,
) -> UseCaseResult<DiffView> {
    let workflow = find(services, reader.org(), id).await?;
    let changes =
        diff::diff(&document(services, &workflow, before).await?, &document(services, &workflow, after).await?);
    let text = diff::text(&changes);
    let attributes = WorkflowDiffAttributes { before: before.into(), after: after.into(), changes, text };
    let link = format!("/v1/workflows/{id}/versions/{before}/diff/{after}");
    Ok(Resource::new(format!("{id}-{before}-{after}"), attributes, link))
}

/// The document of a version.
async fn document(services: &Services, workflow: &WorkflowRecord, version: &str) -> UseCaseResult<Value> {
    let (org, id) = (workflow.org, workflow.id);
    match version {
        "current" => Ok(workflow.document.clone()),
        "draft" => {
            let draft = services.store.read(move |session| session.draft(org, id)).await?;
            draft.map(|draft| draft.document).ok_or_else(|| no_version(id, version))
        }
        _ => {
            let number: i64 = version.parse().map_err(|_| no_version(id, version))?;
            let found = services.store.read(move |session| session.workflow_version(org, id, number)).await?;
            found.map(|version| version.document).ok_or_else(|| no_version(id, version))
        }
    }
}

/// Restores an old version as a new version.
pub async fn roll_back(
    services: &Services,
    admin: &Admin,
    id: Id,
    Rollback { version }: Rollback,
) -> UseCaseResult<WorkflowView> {
    let org = admin.org();
    let workflow = find(services, org, id).await?;
    let document = document(services, &workflow, &version.to_string()).await?;
    let (checked, warnings) = check(services, org, &document.to_string())?;
    let saved = services.catalog.change(move |session| catalog::roll_back(session, org, id, version, &checked)).await?;
    let (workflow, saved) = saved.map_err(save_error)?;
    log_saved(&workflow, saved, "rolled back");
    Ok(view(services, &workflow, warnings))
}

async fn find_draft(services: &Services, org: Id, id: Id) -> UseCaseResult<DraftRecord> {
    find(services, org, id).await?;
    let draft = services.store.read(move |session| session.draft(org, id)).await?;
    draft.ok_or_else(|| no_draft(id))
}

pub async fn draft(services: &Services, reader: &Reader, id: Id) -> UseCaseResult<DraftView> {
    Ok(draft_view(&find_draft(services, reader.org(), id).await?, Vec::new()))
}

/// Saves the draft of a workflow, which has no effect until it is published; `document` is its JSON text.
pub async fn save_draft(services: &Services, admin: &Admin, id: Id, document: &[u8]) -> UseCaseResult<DraftView> {
    let org = admin.org();
    let (checked, warnings) = check(services, org, std::str::from_utf8(document)?)?;
    let saved = services.store.write(move |session| catalog::save_draft(session, org, id, &checked)).await?;
    let draft = saved.ok_or_else(|| UseCaseError::not_found("workflow", id))?;
    Ok(draft_view(&draft, warnings))
}

pub async fn delete_draft(services: &Services, admin: &Admin, id: Id) -> UseCaseResult<()> {
    let org = admin.org();
    let deleted = services.store.write(move |session| session.delete_draft(org, id)).await?;
    if deleted { Ok(()) } else { Err(no_draft(id)) }
}

/// Publishes the draft as a new version.
///
/// # Errors
/// [`UseCaseError::Conflict`] if the workflow has a newer version than when the draft was saved.
pub async fn publish(services: &Services, admin: &Admin, id: Id) -> UseCaseResult<WorkflowView> {
    let org = admin.org();
    let draft = find_draft(services, org, id).await?;
    let (checked, warnings) = check(services, org, &draft.document.to_string())?;
    let saved = services.catalog.change(move |session| catalog::publish(session, org, id, &checked)).await?;
    let (workflow, saved) = saved.map_err(|error| match error {
        PublishError::Save(error) => save_error(error),
        error => UseCaseError::Conflict(error.to_string()),
    })?;
    log_saved(&workflow, saved, "published");
    Ok(view(services, &workflow, warnings))
}
