//! Runs: what workflows did, step by step.

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::{Admin, Paging, Reader, Services, Slice, UseCaseError, UseCaseResult};
use crate::base::id::Id;
use crate::base::time::Timestamp;
use crate::engine::{self, Cancelled, Pending, ReplayVersion, Replayed, event_payload, merge_log};
use crate::expr::Note;
use crate::http::document::{Attributes, Relationship, Resource};
use crate::objects::{Fields, Problem, unknown};
use crate::observe::metrics;
use crate::store::{Lane, Run, RunError, RunFilter, RunStatus, Session, StoreError, StoreResult, Turn};

/// The most runs shown that have their turn in a lane.
const BEHIND_MAX: i64 = 10;

/// One execution of one version of a workflow.
pub type RunView = Resource<RunAttributes>;

/// The attributes of a run.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RunAttributes {
    /// The name of the workflow.
    pub workflow: String,
    pub version: i64,
    /// The event that started it.
    pub event: String,
    pub status: RunStatus,
    pub created_at: Timestamp,
    #[schema(required)]
    pub started_at: Option<Timestamp>,
    #[schema(required)]
    pub finished_at: Option<Timestamp>,
    /// When the engine continues an open run at the latest.
    #[schema(required)]
    pub due_at: Option<Timestamp>,
    /// The current step of an open run.
    #[schema(required)]
    pub position: Option<String>,
    /// Why the run failed.
    #[schema(required)]
    pub error: Option<RunError>,
    /// The response of a called workflow, once it has completed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub concurrency: Option<Concurrency>,
    /// In the order of execution; omitted in lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<StepEntry>>)]
    pub steps: Option<Vec<Value>>,
}

/// The lane of an open run of a workflow with a concurrency limit.
#[derive(Debug, Serialize, ToSchema)]
pub struct Concurrency {
    /// The same for all runs of the lane.
    pub lane: String,
    pub limit: i64,
    /// Whether the run waits for its turn.
    pub waits: bool,
    /// The position in the queue, from 1; omitted in lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub position: Option<i64>,
    /// The runs that have their turn, at most 10; omitted in lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub behind: Option<Vec<Id>>,
}

/// The resources that a run is related to.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RunRelationships {
    pub workflow: Relationship,
    /// The transaction that started the run, if one did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transaction: Option<Relationship>,
    /// The run that started this one, if one did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent: Option<Relationship>,
    /// The run that this one replays, if it is a replay.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replay_of: Option<Relationship>,
}

impl Attributes for RunAttributes {
    type Relationships = RunRelationships;
    const TYPES: &'static [&'static str] = &["run"];
}

/// The log entry of one executed step.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[allow(dead_code, reason = "describes what the engine wrote as JSON")]
pub struct StepEntry {
    /// The id of the step in the workflow.
    id: String,
    /// The step's `meta.displayName`.
    #[schema(nullable = false)]
    name: Option<String>,
    /// Null for the trigger and for condition steps.
    #[schema(required)]
    action: Option<String>,
    status: StepStatus,
    /// The resolved params.
    input: Value,
    /// The output of the step; for the trigger, the event's payload.
    #[schema(nullable = true)]
    output: Option<Value>,
    #[schema(nullable = false)]
    error: Option<RunError>,
    /// The attempts at an external call.
    #[schema(nullable = false)]
    attempts: Option<Vec<engine::Attempt>>,
    started_at: Timestamp,
    #[schema(required)]
    finished_at: Option<Timestamp>,
    transitions: Vec<TransitionEntry>,
    /// Remarks, such as about missing values.
    #[schema(nullable = false)]
    notes: Option<Vec<Note>>,
}

/// How a step ended, or whether it is still under way.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
#[allow(dead_code, reason = "describes what the engine wrote as JSON")]
pub enum StepStatus {
    Completed,
    Failed,
    Cancelled,
    Running,
    Waiting,
}

/// How a transition was judged.
#[derive(ToSchema)]
#[allow(dead_code, reason = "describes what the engine wrote as JSON")]
pub struct TransitionEntry {
    target: String,
    #[schema(nullable = false)]
    name: Option<String>,
    #[schema(nullable = false)]
    op: Option<String>,
    /// The resolved values; null for a missing value.
    #[schema(nullable = false)]
    values: Option<Vec<Value>>,
    /// Null if the transition was not judged because an earlier one was taken.
    #[schema(required)]
    result: Option<bool>,
    #[schema(nullable = false)]
    notes: Option<Vec<Note>>,
}

/// A filter for runs.
#[derive(Clone, Debug, Default)]
pub struct RunQuery {
    /// The name or the id of a workflow.
    pub workflow: Option<String>,
    pub status: Option<RunStatus>,
}

/// A run without its steps.
pub(super) fn view(run: &Run) -> RunView {
    let waits = run.waits_in_lane();
    let attributes = RunAttributes {
        workflow: run.workflow_name.clone(),
        version: run.version,
        event: run.event.clone(),
        status: run.status,
        created_at: run.created_at,
        started_at: run.started_at,
        finished_at: run.finished_at,
        due_at: run.due_at.filter(|_| run.status.is_open() && !waits),
        position: run.position.clone(),
        error: run.error.clone(),
        output: run.output.clone(),
        concurrency: run.lane.as_ref().map(|lane| Concurrency {
            lane: lane.id.clone(),
            limit: lane.limit,
            waits,
            position: None,
            behind: None,
        }),
        steps: None,
    };
    let related_run = |id: Option<Id>| id.map(|id| Relationship::new("run", id, "/v1/runs"));
    let relationships = RunRelationships {
        workflow: Relationship::new("workflow", run.workflow, "/v1/workflows"),
        transaction: run.transaction.map(|id| Relationship::new("transaction", id, "/v1/transactions")),
        parent: related_run(run.parent),
        replay_of: related_run(run.replay_of),
    };
    Resource::new(run.id, attributes, format!("/v1/runs/{}", run.id)).with(relationships)
}

/// A run with its steps and its place in its lane.
fn full_view(session: &mut dyn Session, org: Id, id: Id) -> StoreResult<Option<RunView>> {
    let Some((run, steps)) = read_run(session, org, id)? else { return Ok(None) };
    let mut view = view(&run);
    view.attributes.steps = Some(steps);
    if let Some(Lane { id, turn: Turn::Waits(place), .. }) = &run.lane
        && let Some(concurrency) = &mut view.attributes.concurrency
    {
        concurrency.position = Some(session.runs_ahead(org, id, *place)? + 1);
        concurrency.behind = Some(session.runs_going(org, id, BEHIND_MAX)?);
    }
    Ok(Some(view))
}

/// The run with its step entries; `None` if it does not exist.
fn read_run(session: &mut dyn Session, org: Id, id: Id) -> StoreResult<Option<(Run, Vec<Value>)>> {
    let Some(run) = session.run(org, id)? else { return Ok(None) };
    let payload = event_payload(session, &run)?;
    let segments = session.log(org, id)?;
    let unreadable = |error: serde_json::Error| StoreError::Corrupt { what: "a step log", detail: error.to_string() };
    let pending = Pending::of(&run)?;
    let steps = merge_log(&segments, Some(&payload), pending.as_ref()).map_err(unreadable)?;
    Ok(Some((run, steps)))
}

/// Runs without their steps.
///
/// # Errors
/// [`UseCaseError::Parameter`] if the workflow is unknown.
pub async fn list(
    services: &Services,
    reader: &Reader,
    query: &RunQuery,
    paging: Paging,
) -> UseCaseResult<Slice<RunView>> {
    let org = reader.org();
    let workflow = query.workflow.as_deref().map(|name| find_workflow(services, org, name)).transpose()?;
    let filter = RunFilter { workflow, status: query.status };
    let found = services.store.read(move |session| session.runs(org, &filter, paging.to_read())).await?;
    Ok(paging.slice(found, |run| run.id, |run| view(&run)))
}

fn find_workflow(services: &Services, org: Id, name: &str) -> UseCaseResult<Id> {
    if let Ok(id) = name.parse() {
        return Ok(id);
    }
    let snapshot = services.catalog.snapshot();
    snapshot.workflow_by_name(org, name).map(|workflow| workflow.id).ok_or_else(|| {
        let detail = unknown("workflow", name, snapshot.workflows(org).map(|workflow| workflow.name.as_str()));
        UseCaseError::Parameter { name: "workflow", detail }
    })
}

/// One run with its steps.
pub async fn show(services: &Services, reader: &Reader, id: Id) -> UseCaseResult<RunView> {
    let org = reader.org();
    let found = services.store.read(move |session| full_view(session, org, id)).await?;
    found.ok_or_else(|| UseCaseError::not_found("run", id))
}

/// The step entries of a run; each is a [`StepEntry`].
pub async fn steps(services: &Services, reader: &Reader, id: Id) -> UseCaseResult<Vec<Value>> {
    let org = reader.org();
    let found = services.store.read(move |session| read_run(session, org, id)).await?;
    found.map(|(_, steps)| steps).ok_or_else(|| UseCaseError::not_found("run", id))
}

/// Cancels an open run.
///
/// # Errors
/// [`UseCaseError::Conflict`] if it has ended.
pub async fn cancel(services: &Services, admin: &Admin, id: Id) -> UseCaseResult<RunView> {
    let org = admin.org();
    let cancelled = services.store.write(move |session| engine::cancel(session, org, id)).await?;
    let run = match cancelled {
        Cancelled::Missing => return Err(UseCaseError::not_found("run", id)),
        Cancelled::Ended(status) => {
            return Err(UseCaseError::Conflict(format!("the run has already ended: {status}")));
        }
        Cancelled::Now(run) => run,
    };
    metrics::run_finished(run.status.as_str());
    // Another run may wait for this one.
    services.engine.look();
    log::info!(run_id:% = run.id, workflow = run.workflow_name.as_str(); "run cancelled");
    Ok(view(&run))
}

/// How to replay a run.
#[derive(Clone, Copy, Debug, Default)]
pub struct Replay {
    pub version: ReplayVersion,
}

impl Replay {
    /// Reads `{"version": "current"}` or `{"version": 3}`.
    ///
    /// # Errors
    /// Every problem, with its pointer.
    pub fn read(document: Value) -> Result<Replay, Vec<Problem>> {
        let mut fields = Fields::new(document);
        let version = match fields.take("version") {
            None | Some(Value::Null) => Some(ReplayVersion::Same),
            Some(Value::String(word)) if word == "current" => Some(ReplayVersion::Current),
            Some(number) => number.as_i64().filter(|number| *number > 0).map(ReplayVersion::Number),
        };
        if version.is_none() {
            fields.problem("/version", "expected `current` or the number of a version");
        }
        fields.finish(Replay { version: version.unwrap_or_default() })
    }
}

/// What is sent to replay a run.
#[derive(ToSchema)]
#[allow(dead_code, reason = "describes what `Replay::read` takes")]
pub struct ReplayInput {
    /// `current`, or the number of a version; the version of the old run if omitted.
    #[schema(required = false, nullable = true, value_type = Value, example = "current")]
    version: Option<Value>,
}

/// Starts a run with the same payload, linked to the old one: of the same version of the workflow, or another.
///
/// # Errors
/// [`UseCaseError::Invalid`] if there is no such version.
pub async fn replay(services: &Services, admin: &Admin, id: Id, replay: Replay) -> UseCaseResult<RunView> {
    let org = admin.org();
    let programs = services.catalog.programs().clone();
    let slot = services.engine.reserve();
    let held = slot.is_some();
    let written =
        services.store.write(move |session| engine::replay(session, &programs, (org, id), replay.version, held));
    let loaded = match written.await? {
        Replayed::NoRun => return Err(UseCaseError::not_found("run", id)),
        Replayed::NoVersion => return Err(UseCaseError::invalid("/version", "the workflow has no such version")),
        Replayed::Run(loaded) => *loaded,
    };
    let run = &loaded.run;
    log::info!(run_id:% = run.id, workflow = run.workflow_name.as_str(), version = run.version; "run replayed from {id}");
    let view = view(run);
    match slot {
        Some(_) if run.waits_in_lane() => services.engine.look(),
        Some(slot) => slot.start(vec![loaded]),
        None => services.engine.look(),
    }
    Ok(view)
}
