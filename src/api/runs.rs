//! `/v1/runs`: what workflows did, step by step.

use actix_web::web::{Data, Path, Query, ServiceConfig};
use serde::Deserialize;
use serde_json::{Value, json};

use super::auth::{Admin, Reader};
use super::{App, at, path_id};
use crate::base::id::Id;
use crate::engine::{self, Cancelled, Pending, cancel, event_payload, merge_log};
use crate::http::document::{PageQuery, all, attributes, created, one, page, relationship, resource};
use crate::http::errors::{ApiError, ApiResult, Code};
use crate::observe::metrics;
use crate::store::{Lane, Run, RunFilter, Session, StoreError, StoreResult, Turn};

/// How many of the runs are shown that another one waits for.
const GOING_SHOWN_MAX: i64 = 10;

pub fn routes(service: &mut ServiceConfig) {
    service
        .service(at("/v1/runs", "GET").get(list))
        .service(at("/v1/runs/{id}", "GET").get(show))
        .service(at("/v1/runs/{id}/steps", "GET").get(steps))
        .service(at("/v1/runs/{id}/cancel", "POST").post(cancel_run))
        .service(at("/v1/runs/{id}/replay", "POST").post(replay));
}

/// A run without its steps.
pub(super) fn show_run(run: &Run, steps: Option<Vec<Value>>) -> Value {
    let mut shown = attributes(json!({
        "workflow": run.workflow_name,
        "version": run.version,
        "event": run.event,
        "status": run.status,
        "createdAt": run.created_at,
        "startedAt": run.started_at,
        "finishedAt": run.finished_at,
        "dueAt": run.due_at.filter(|_| run.status.is_open() && !run.waits_in_lane()),
        "position": run.position,
        "error": run.error,
    }));
    if let Some(output) = &run.output {
        shown.insert("output".into(), output.clone());
    }
    if let Some(lane) = &run.lane {
        let waits = run.waits_in_lane();
        shown.insert("concurrency".into(), json!({ "lane": lane.id, "limit": lane.limit, "waits": waits }));
    }
    if let Some(steps) = steps {
        shown.insert("steps".into(), Value::Array(steps));
    }
    let mut relationships =
        json!({ "workflow": relationship("workflow", run.workflow, format!("/v1/workflows/{}", run.workflow)) });
    if let Some(id) = run.transaction {
        relationships["transaction"] = relationship("transaction", id, format!("/v1/transactions/{id}"));
    }
    if let Some(id) = run.parent {
        relationships["parent"] = relationship("run", id, format!("/v1/runs/{id}"));
    }
    if let Some(id) = run.replay_of {
        relationships["replayOf"] = relationship("run", id, format!("/v1/runs/{id}"));
    }
    resource("run", run.id, shown, relationships, &format!("/v1/runs/{}", run.id))
}

/// A run as it is shown by itself: with its steps, and with what it waits for.
fn show_whole(session: &mut dyn Session, org: Id, id: Id) -> StoreResult<Option<Value>> {
    let Some((run, steps)) = read_run(session, org, id)? else { return Ok(None) };
    let mut shown = show_run(&run, Some(steps));
    if let Some(Lane { id, turn: Turn::Waits(place), .. }) = &run.lane {
        let (ahead, going) = (session.runs_ahead(org, id, *place)?, session.runs_going(org, id, GOING_SHOWN_MAX)?);
        let concurrency = &mut shown["attributes"]["concurrency"];
        concurrency["position"] = json!(ahead + 1);
        concurrency["behind"] = json!(going);
    }
    Ok(Some(shown))
}

/// The run with its step entries; none if there is no such run.
fn read_run(session: &mut dyn Session, org: Id, id: Id) -> StoreResult<Option<(Run, Vec<Value>)>> {
    let Some(run) = session.run(org, id)? else { return Ok(None) };
    let payload = event_payload(session, &run)?;
    let segments = session.log(org, id)?;
    let unreadable = |error: serde_json::Error| StoreError::Corrupt { what: "a step log", detail: error.to_string() };
    let pending = Pending::of(&run)?;
    let steps = merge_log(&segments, Some(&payload), pending.as_ref()).map_err(unreadable)?;
    Ok(Some((run, steps)))
}

/// `?workflow=<name or id>&status=failed&pageSize=50&after=<id>`
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RunsQuery {
    workflow: Option<String>,
    status: Option<String>,
    page_size: Option<String>,
    after: Option<String>,
}

async fn list(app: Data<App>, reader: Reader, query: Query<RunsQuery>) -> ApiResult {
    let paging = PageQuery { page_size: query.page_size.clone(), after: query.after.clone() };
    let asked = paging.page()?;
    let mut link = "/v1/runs".to_owned();
    let mut filter = RunFilter::default();
    if let Some(name) = &query.workflow {
        filter.workflow = Some(find_workflow(&app, reader.org, name)?);
        let encoded: String = url::form_urlencoded::byte_serialize(name.as_bytes()).collect();
        link.push_str(&format!("?workflow={encoded}"));
    }
    if let Some(status) = &query.status {
        filter.status = Some(status.parse().map_err(|error: String| ApiError::parameter("status", error))?);
        link.push_str(&format!("{}status={status}", if link.contains('?') { '&' } else { '?' }));
    }
    let found = app.door.store.read(move |session| session.runs(reader.org, &filter, asked)).await?;
    page(found, asked, &link, |run| run.id, |run| show_run(&run, None))
}

fn find_workflow(app: &App, org: Id, name: &str) -> Result<Id, ApiError> {
    if let Ok(id) = name.parse() {
        return Ok(id);
    }
    let snapshot = app.door.catalog.snapshot();
    let own = || snapshot.workflows.iter().filter(|workflow| workflow.org == org);
    match own().find(|workflow| workflow.name == name) {
        Some(workflow) => Ok(workflow.id),
        None => {
            let names = own().map(|workflow| workflow.name.as_str());
            Err(ApiError::parameter("workflow", crate::objects::unknown("workflow", name, names)))
        }
    }
}

async fn show(app: Data<App>, reader: Reader, id: Path<String>) -> ApiResult {
    let id = path_id("run", &id)?;
    let found = app.door.store.read(move |session| show_whole(session, reader.org, id)).await?;
    Ok(one(found.ok_or_else(|| ApiError::not_found("run", id))?))
}

async fn steps(app: Data<App>, reader: Reader, id: Path<String>) -> ApiResult {
    let id = path_id("run", &id)?;
    let found = app.door.store.read(move |session| read_run(session, reader.org, id)).await?;
    let (_, steps) = found.ok_or_else(|| ApiError::not_found("run", id))?;
    Ok(all(steps, &format!("/v1/runs/{id}/steps")))
}

/// Ends an open run; 409 if it has ended already.
async fn cancel_run(app: Data<App>, admin: Admin, id: Path<String>) -> ApiResult {
    let id = path_id("run", &id)?;
    let cancelled = app.door.store.write(move |session| cancel(session, admin.org, id)).await?;
    match cancelled {
        Cancelled::Missing => Err(ApiError::not_found("run", id)),
        Cancelled::Ended(status) => Err(ApiError::new(Code::Conflict, format!("the run has already ended: {status}"))),
        Cancelled::Now(run) => {
            metrics::run_finished(run.status.as_str());
            // Another run may have waited for this one.
            app.door.engine.look();
            log::info!(run_id:% = run.id, workflow = run.workflow_name.as_str(); "run cancelled");
            Ok(one(show_run(&run, None)))
        }
    }
}

/// A new run of the same version with the same payload, linked to the old one.
async fn replay(app: Data<App>, admin: Admin, id: Path<String>) -> ApiResult {
    let id = path_id("run", &id)?;
    let programs = app.programs.clone();
    let place = app.door.engine.place();
    let held = place.is_some();
    let written =
        app.door.store.write(move |session| engine::replay(session, &programs, (admin.org, id), held)).await?;
    let loaded = written.ok_or_else(|| ApiError::not_found("run", id))?;
    let run = &loaded.run;
    log::info!(run_id:% = run.id, workflow = run.workflow_name.as_str(); "run replayed from {id}");
    let view = show_run(run, None);
    match place {
        Some(_) if run.waits_in_lane() => app.door.engine.look(),
        Some(place) => place.start(vec![loaded]),
        None => app.door.engine.look(),
    }
    Ok(created(view))
}
