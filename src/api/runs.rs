//! `/v1/runs`: the executions of workflows, step by step.

use actix_web::web::{Data, Path, Query};
use serde::Deserialize;
use utoipa::IntoParams;

use super::answer::{all, created, filtered, one, page};
use super::body::Body;
use super::describe::{Endpoint, Group, changes, reads};
use super::query::{PageQuery, path_id};
use crate::http::document::{Document, Page};
use crate::http::errors::{ApiError, ApiResult, Code};
use crate::store::RunStatus;
use crate::usecases::runs::{self, Replay, ReplayInput, RunQuery, RunView, StepEntry};
use crate::usecases::{Admin, Reader, Services};

pub fn group() -> Group {
    let list_runs = reads("listRuns", "Runs without their steps, newest first").query::<RunsQuery>().paged();
    let show_run = reads("getRun", "One run with its steps");
    let list_steps = reads("listSteps", "The step entries of a run, in the order of their execution");
    let cancel_run = changes("cancelRun", "Ends an open run").fails(Code::Conflict);
    let replay_run =
        changes("replayRun", "Starts a run with the same payload, of the same version of the workflow or another")
            .optional_input::<ReplayInput>(r#"{"version": "current"}"#);
    Group::new("Runs", "What workflows did, step by step.")
        .add(Endpoint::at("/v1/runs").get(list, list_runs.answers::<Page<RunView>>()))
        .add(Endpoint::at("/v1/runs/{id}").get(show, show_run.answers::<Document<RunView>>()))
        .add(Endpoint::at("/v1/runs/{id}/steps").get(steps, list_steps.answers::<Page<StepEntry>>()))
        .add(Endpoint::at("/v1/runs/{id}/cancel").post(cancel, cancel_run.answers::<Document<RunView>>()))
        .add(Endpoint::at("/v1/runs/{id}/replay").post(replay, replay_run.creates::<Document<RunView>>()))
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct RunsQuery {
    /// The name or the id of a workflow.
    workflow: Option<String>,
    /// Only runs with this status.
    #[param(value_type = Option<RunStatus>, inline)]
    status: Option<String>,
    #[param(ignore)]
    page_size: Option<String>,
    #[param(ignore)]
    after: Option<String>,
}

async fn list(services: Data<Services>, reader: Reader, query: Query<RunsQuery>) -> ApiResult {
    let RunsQuery { workflow, status, page_size, after } = query.into_inner();
    let paging = PageQuery { page_size, after }.paging()?;
    let mut link = "/v1/runs".to_owned();
    if let Some(workflow) = &workflow {
        filtered(&mut link, "workflow", workflow);
    }
    let status: Option<RunStatus> = status.as_deref().map(str::parse).transpose().map_err(invalid_status)?;
    if let Some(status) = status {
        filtered(&mut link, "status", status);
    }
    page(runs::list(&services, &reader, &RunQuery { workflow, status }, paging).await?, link)
}

fn invalid_status(detail: String) -> ApiError {
    ApiError::parameter("status", detail)
}

async fn show(services: Data<Services>, reader: Reader, id: Path<String>) -> ApiResult {
    one(runs::show(&services, &reader, path_id("run", &id)?).await?)
}

async fn steps(services: Data<Services>, reader: Reader, id: Path<String>) -> ApiResult {
    let id = path_id("run", &id)?;
    all(runs::steps(&services, &reader, id).await?, format!("/v1/runs/{id}/steps"))
}

async fn cancel(services: Data<Services>, admin: Admin, id: Path<String>) -> ApiResult {
    one(runs::cancel(&services, &admin, path_id("run", &id)?).await?)
}

async fn replay(services: Data<Services>, admin: Admin, id: Path<String>, body: Body) -> ApiResult {
    let id = path_id("run", &id)?;
    created(runs::replay(&services, &admin, id, Replay::read(body.json_or_nothing()?)?).await?)
}
