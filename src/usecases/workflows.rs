//! Workflows: their documents, whether they are enabled, and calls of callable ones.
//!
//! Saving a document makes a new version, which takes effect at once. Open runs keep the version that they began with.

use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::runs::RunView;
use super::{Admin, Reader, Services, UseCaseError, UseCaseResult, runs};
use crate::base::id::Id;
use crate::base::time::Timestamp;
use crate::catalog::{self, SaveError, Saved, save_workflow, schedules};
use crate::events::{self, Cause};
use crate::http::document::{Attributes, NoRelationships, Resource};
use crate::objects::{Fields, Problem};
use crate::store::{Status, WorkflowRecord};
use crate::workflow::{Diagnostic, Severity, Source, WorkflowDraft, check_workflow};

/// The number of due times shown of a schedule.
const UPCOMING: usize = 3;

/// A workflow with its current version.
pub type WorkflowView = Resource<WorkflowAttributes>;

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct WorkflowAttributes {
    pub name: String,
    /// The number of the current version, from 1.
    pub version: i64,
    pub enabled: bool,
    /// Why the current version does not run although the workflow is enabled: this version of hookflow can't compile its
    /// document. Saving the workflow again shows what to change.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub problem: Option<String>,
    /// The file that declares it.
    #[schema(required)]
    pub file: Option<String>,
    /// The document as written.
    #[schema(value_type = Object)]
    pub document: Value,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    /// When its schedule starts the next run, if it has a schedule.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub next_run_at: Option<Timestamp>,
    /// The next due times, at most 3.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub upcoming_runs: Vec<Timestamp>,
    /// Warnings about the document; only in the answer that saves it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub warnings: Vec<Diagnostic>,
    /// When its schedule last started a run; omitted in lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_run_at: Option<Option<Timestamp>>,
}

impl Attributes for WorkflowAttributes {
    type Relationships = NoRelationships;
    const TYPES: &'static [&'static str] = &["workflow"];
}

/// Whether to enable a workflow.
#[derive(Clone, Copy, Debug, ToSchema)]
pub struct WorkflowChanges {
    pub enabled: bool,
}

impl WorkflowChanges {
    /// Reads `{"enabled"}`.
    ///
    /// # Errors
    /// Every problem, with its pointer.
    pub fn read(document: Value) -> Result<WorkflowChanges, Vec<Problem>> {
        let mut fields = Fields::new(document);
        let enabled = fields.boolean("enabled");
        if enabled.is_none() && fields.is_valid("enabled") {
            fields.problem("/enabled", "required: true or false");
        }
        fields.finish(WorkflowChanges { enabled: enabled == Some(true) })
    }
}

/// A call of a callable workflow.
#[derive(Clone, Debug, ToSchema)]
pub struct Call {
    /// The inputs by name, as the trigger declares them.
    #[schema(required = false, nullable = true)]
    pub inputs: Map<String, Value>,
}

impl Call {
    /// Reads `{"inputs"}`.
    ///
    /// # Errors
    /// Every problem, with its pointer.
    pub fn read(document: Value) -> Result<Call, Vec<Problem>> {
        let mut fields = Fields::new(document);
        let inputs = fields.object("inputs").flatten().unwrap_or_default();
        if fields.take("responseMeta").is_some_and(|meta| !meta.is_null()) {
            let message = "not supported: the response is not sent anywhere; read the `output` of the run that this \
                           call returns";
            fields.problem("/responseMeta", message);
        }
        fields.finish(Call { inputs })
    }
}

pub(super) fn view(services: &Services, workflow: &WorkflowRecord, warnings: Vec<Diagnostic>) -> WorkflowView {
    let snapshot = services.catalog.snapshot();
    let summary = snapshot.workflow(workflow.org, workflow.id).filter(|summary| summary.version == workflow.version);
    let upcoming_runs = schedules::upcoming(workflow, Timestamp::now(), UPCOMING);
    let attributes = WorkflowAttributes {
        name: workflow.name.clone(),
        version: workflow.version,
        enabled: workflow.status == Status::Enabled,
        problem: summary.and_then(|summary| summary.problem.clone()),
        file: workflow.file.clone(),
        document: workflow.document.clone(),
        created_at: workflow.created_at,
        updated_at: workflow.updated_at,
        next_run_at: upcoming_runs.first().copied(),
        upcoming_runs,
        warnings,
        last_run_at: None,
    };
    Resource::new(workflow.id, attributes, format!("/v1/workflows/{}", workflow.id))
}

/// All workflows, newest first.
pub async fn list(services: &Services, reader: &Reader) -> UseCaseResult<Vec<WorkflowView>> {
    let org = reader.org();
    let workflows = services.catalog.read(move |session| session.workflows(org)).await?;
    Ok(workflows.iter().rev().map(|workflow| view(services, workflow, Vec::new())).collect())
}

/// One workflow, with when its schedule is due.
pub async fn show(services: &Services, reader: &Reader, id: Id) -> UseCaseResult<WorkflowView> {
    let org = reader.org();
    let mut view = view(services, &find(services, org, id).await?, Vec::new());
    if let Some(schedule) = services.store.read(move |session| session.schedule(org, id)).await? {
        // The stored time counts; it is in the past if the server was down.
        view.attributes.next_run_at = Some(schedule.due_at);
        view.attributes.last_run_at = Some(schedule.last_at);
    }
    Ok(view)
}

/// Finds a workflow that is not deleted.
pub(super) async fn find(services: &Services, org: Id, id: Id) -> UseCaseResult<WorkflowRecord> {
    let found = services.store.read(move |session| session.workflow(org, id)).await?;
    let present = found.filter(|workflow| workflow.status != Status::Deleted);
    present.ok_or_else(|| UseCaseError::not_found("workflow", id))
}

/// Adds a workflow; `document` is its JSON text.
///
/// # Errors
/// [`UseCaseError::Document`] with all errors of the document; [`UseCaseError::Taken`] if the name is in use.
pub async fn create(services: &Services, admin: &Admin, document: &[u8]) -> UseCaseResult<WorkflowView> {
    save(services, admin, None, document).await
}

/// Replaces the document of a workflow, as a new version unless nothing changed.
///
/// # Errors
/// As for [`create`].
pub async fn replace(services: &Services, admin: &Admin, id: Id, document: &[u8]) -> UseCaseResult<WorkflowView> {
    find(services, admin.org(), id).await?;
    save(services, admin, Some(id), document).await
}

async fn save(services: &Services, admin: &Admin, id: Option<Id>, document: &[u8]) -> UseCaseResult<WorkflowView> {
    let org = admin.org();
    let (draft, warnings) = check(services, org, std::str::from_utf8(document)?)?;
    let saved = services.catalog.change(move |session| save_workflow(session, org, id, &draft)).await?;
    let (workflow, saved) = saved.map_err(save_error)?;
    log_saved(&workflow, saved, "saved");
    Ok(view(services, &workflow, warnings))
}

pub(super) fn log_saved(workflow: &WorkflowRecord, saved: Saved, what: &str) {
    log::info!(workflow = workflow.name.as_str(), version = workflow.version; "workflow {what}: {saved:?}");
}

pub(super) fn save_error(error: SaveError) -> UseCaseError {
    match error {
        SaveError::NameTaken(_) => UseCaseError::Taken { pointer: "/name".into(), detail: error.to_string() },
        SaveError::Missing => UseCaseError::NotFound(error.to_string()),
    }
}

/// Checks a document; returns it with its warnings.
pub(super) fn check(services: &Services, org: Id, text: &str) -> UseCaseResult<(WorkflowDraft, Vec<Diagnostic>)> {
    let source = Source { file: "body", text };
    let (draft, diagnostics) = check_workflow(&source, &services.catalog.snapshot().known(org));
    let (errors, warnings): (Vec<_>, Vec<_>) =
        diagnostics.into_iter().partition(|diagnostic| diagnostic.severity == Severity::Error);
    match draft {
        Some(draft) if errors.is_empty() => Ok((draft, warnings)),
        _ => Err(UseCaseError::Document(errors)),
    }
}

/// Enables or disables a workflow, without a new version.
pub async fn change(
    services: &Services,
    admin: &Admin,
    id: Id,
    changes: WorkflowChanges,
) -> UseCaseResult<WorkflowView> {
    let status = if changes.enabled { Status::Enabled } else { Status::Disabled };
    Ok(view(services, &set_status(services, admin, id, status).await?, Vec::new()))
}

/// Deletes a workflow. Its runs stay, and open runs continue.
pub async fn delete(services: &Services, admin: &Admin, id: Id) -> UseCaseResult<()> {
    set_status(services, admin, id, Status::Deleted).await.map(drop)
}

async fn set_status(services: &Services, admin: &Admin, id: Id, status: Status) -> UseCaseResult<WorkflowRecord> {
    let org = admin.org();
    let written = services.catalog.change(move |session| catalog::set_status(session, org, id, status));
    let workflow = written.await?.ok_or_else(|| UseCaseError::not_found("workflow", id))?;
    log::info!(workflow = workflow.name.as_str(); "workflow {status}");
    Ok(workflow)
}

/// Starts a run of a callable workflow.
///
/// # Errors
/// [`UseCaseError::Conflict`] if the workflow is not callable or not enabled; [`UseCaseError::Invalid`] for invalid
/// inputs.
pub async fn call(services: &Services, admin: &Admin, id: Id, call: Call) -> UseCaseResult<RunView> {
    let org = admin.org();
    let start = {
        let snapshot = services.catalog.snapshot();
        let exists = snapshot.workflow(org, id).is_some();
        let listener = snapshot.in_force().callable(org, &id.to_string()).ok_or_else(|| match exists {
            true => UseCaseError::Conflict("the workflow is disabled or not callable".into()),
            false => UseCaseError::not_found("workflow", id),
        })?;
        let below =
            |problems: Vec<Problem>| problems.into_iter().map(|problem| problem.below("/inputs")).collect::<Vec<_>>();
        events::call(org, listener, call.inputs, Cause::Outside, Timestamp::now()).map_err(below)?
    };
    let run = services.store.write(move |session| start.clone().write(session)).await?;
    services.engine.look();
    log::info!(run_id:% = run.id, workflow = run.workflow_name.as_str(); "workflow called");
    Ok(runs::view(&run))
}
