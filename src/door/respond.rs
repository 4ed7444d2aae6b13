//! Responding to an accepted request, as its hook is configured.
//!
//! By default, a hook responds with the transaction's id. To wait for a run, its state is read from the database
//! whenever it may have changed: immediately, since most runs have ended by then; when the engine reports a change; and
//! every [`POLL_EVERY`], since another process may have the run.
//!
//! Limits: [`WAITING_MAX`] requests wait at a time; others get the 202 response of a timeout at once. So a slow
//! workflow holds a sender no longer than its hook allows, and not too many senders.

use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderName, HeaderValue, LOCATION, X_CONTENT_TYPE_OPTIONS};
use actix_web::{HttpRequest, HttpResponse, ResponseError};
use serde::Serialize;
use serde_json::{Value, json};
use tokio::time::{Instant, timeout, timeout_at};
use utoipa::ToSchema;

use super::Door;
use super::intake::Accepted;
use crate::base::id::Id;
use crate::catalog::HookInForce;
use crate::engine::{Programs, recall};
use crate::expr::Scope;
use crate::hook::{BODY_BYTES_MAX, RenderedResponse, RespondWhen, ResponseSettings};
use crate::http::document::SelfLink;
use crate::http::errors::{ApiError, Code};
use crate::store::{Run, RunStatus, Session, StoreResult, chain};

/// The most requests that wait for their runs at a time.
pub const WAITING_MAX: usize = 1_024;
/// Response headers with the ids of the transaction and of the run that was waited for.
const TRANSACTION: HeaderName = HeaderName::from_static("hookflow-transaction");
const RUN: HeaderName = HeaderName::from_static("hookflow-run");
/// How often a run in another process is polled.
const POLL_EVERY: Duration = Duration::from_millis(250);

/// The response to a request that became a transaction or was a duplicate of one.
pub async fn respond(door: &Door, in_force: &HookInForce, outcome: Accepted, request: &HttpRequest) -> HttpResponse {
    let id = outcome.transaction();
    let mut response = match &in_force.settings.response {
        None => default_response(in_force, id),
        // Boxed, so that requests to hooks with the default response do not carry its size.
        Some(settings) => Box::pin(respond_with(door, in_force, settings, id, request)).await,
    };
    name(&mut response, TRANSACTION, id);
    response
}

/// Names a transaction or a run in the response, whatever its body says.
fn name(response: &mut HttpResponse, header: HeaderName, id: Id) {
    let value = HeaderValue::from_str(id.hex().as_str());
    response.headers_mut().insert(header, value.expect("an id has hexadecimal characters only"));
}

async fn respond_with(
    door: &Door,
    in_force: &HookInForce,
    settings: &ResponseSettings,
    id: Id,
    request: &HttpRequest,
) -> HttpResponse {
    let deadline = Instant::now() + settings.timeout;
    let state = match door.waiting.try_acquire() {
        Ok(_permit) => wait(door, in_force.hook.org, id, settings, deadline).await,
        Err(_) => load_state(door, in_force.hook.org, id, settings).await,
    };
    let state = state.unwrap_or_else(|error| {
        let hook = in_force.hook.name.as_str();
        log::error!(hook, transaction:% = id, err:% = chain(&error); "the configured response could not be rendered; the default was sent");
        ResponseState::Nothing
    });
    let run = state.run().map(|run| run.id);
    let mut response = render(door, in_force, settings, (id, state), request);
    if let Some(run) = run {
        name(&mut response, RUN, run);
    }
    response
}

/// The response to the transaction `id`.
fn render(
    door: &Door,
    in_force: &HookInForce,
    settings: &ResponseSettings,
    (id, state): (Id, ResponseState),
    request: &HttpRequest,
) -> HttpResponse {
    let context = door.context(in_force.hook.kind, request);
    let (rendered, default) = match state {
        ResponseState::Nothing => return default_response(in_force, id),
        ResponseState::Open(run) => return timed_out(id, &run),
        ResponseState::Ready { mut scope, run } => {
            context.add_to(&mut scope);
            (settings.render(&scope), accepted(id, run.as_ref()))
        }
        ResponseState::Failed { mut scope, run } => {
            context.add_to(&mut scope);
            let default = failed(&run);
            match settings.render_error(&scope) {
                Some(rendered) => (rendered, default),
                None => return default,
            }
        }
    };
    let hook = in_force.hook.name.as_str();
    match rendered {
        Ok(rendered) => {
            for note in &rendered.notes {
                // A run takes only one of its branches, so a missing reference is usually normal.
                log::debug!(hook, transaction:% = id; "the response at {}: {} {}", note.pointer, note.expression, note.message);
            }
            send(rendered, default)
        }
        Err(error) => {
            log::error!(hook, transaction:% = id, err:% = error; "the configured response could not be rendered; the default was sent");
            default
        }
    }
}

/// What the response can be rendered from.
enum ResponseState {
    /// There is no run to wait for.
    Nothing,
    /// The run has not reached the awaited point.
    Open(Run),
    Ready {
        scope: Scope,
        /// The run that was waited for.
        run: Option<Run>,
    },
    /// The run failed or was cancelled.
    Failed { scope: Scope, run: Run },
}

impl ResponseState {
    /// The run that was waited for.
    fn run(&self) -> Option<&Run> {
        match self {
            ResponseState::Nothing => None,
            ResponseState::Ready { run, .. } => run.as_ref(),
            ResponseState::Open(run) | ResponseState::Failed { run, .. } => Some(run),
        }
    }
}

async fn wait(
    door: &Door,
    org: Id,
    transaction: Id,
    settings: &ResponseSettings,
    deadline: Instant,
) -> StoreResult<ResponseState> {
    let mut state = load_state(door, org, transaction, settings).await?;
    let ResponseState::Open(run) = &state else { return Ok(state) };
    let watch = door.engine.watch(run.id);
    loop {
        // Read again first: the run may have advanced before the watch began.
        state = load_state(door, org, transaction, settings).await?;
        if !matches!(state, ResponseState::Open(_)) || Instant::now() >= deadline {
            return Ok(state);
        }
        let _ = timeout_at(deadline, timeout(POLL_EVERY, watch.advanced())).await;
    }
}

async fn load_state(door: &Door, org: Id, transaction: Id, settings: &ResponseSettings) -> StoreResult<ResponseState> {
    let programs = door.catalog.programs().clone();
    let (when, workflow) = (settings.when.clone(), settings.workflow.clone());
    let state = door.store.read(move |session| {
        let Some(transaction) = session.transaction(org, transaction)? else { return Ok(ResponseState::Nothing) };
        if when == RespondWhen::Accepted {
            let data = transaction.data().unwrap_or(Value::Null);
            let mut scope = Scope::new();
            scope.set_step("1", transaction.envelope(data));
            return Ok(ResponseState::Ready { scope, run: None });
        }
        for id in &transaction.runs {
            let run = session.run(org, *id)?;
            let is_awaited = |run: &Run| workflow.as_ref().is_none_or(|name| *name == run.workflow_name);
            if let Some(run) = run.filter(is_awaited) {
                return state_of(session, &programs, run, &when);
            }
        }
        Ok(ResponseState::Nothing)
    });
    state.await
}

fn state_of(
    session: &mut dyn Session,
    programs: &Programs,
    run: Run,
    when: &RespondWhen,
) -> StoreResult<ResponseState> {
    if run.status.is_open() && *when == RespondWhen::Completed {
        return Ok(ResponseState::Open(run));
    }
    let loaded = recall(session, programs, run)?;
    let (mut scope, run) = (loaded.scope, loaded.run);
    let is_done = matches!(when, RespondWhen::Step(step) if scope.step(step).is_some());
    Ok(match run.status {
        _ if is_done => ResponseState::Ready { scope, run: Some(run) },
        RunStatus::Completed => ResponseState::Ready { scope, run: Some(run) },
        RunStatus::Failed | RunStatus::Cancelled => {
            scope.set_error(match &run.error {
                Some(error) => json!(error),
                None => json!({ "code": run.status, "message": "the run was cancelled" }),
            });
            ResponseState::Failed { scope, run }
        }
        RunStatus::Queued | RunStatus::Running | RunStatus::Waiting => ResponseState::Open(run),
    })
}

/// The response to a sender: the transaction that the request became.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Receipt)]
pub struct ReceiptView {
    data: AcceptedView,
    /// The run that the hook waits for, if it waits for one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    meta: Option<RunMeta>,
}

#[derive(Debug, Serialize, ToSchema)]
struct AcceptedView {
    id: Id,
    #[serde(rename = "type")]
    #[schema(value_type = String, example = "transaction")]
    kind: &'static str,
    links: SelfLink,
}

#[derive(Debug, Serialize, ToSchema)]
struct RunMeta {
    run: RunState,
}

/// The state of a run.
#[derive(Debug, Serialize, ToSchema)]
struct RunState {
    id: Id,
    status: RunStatus,
    links: SelfLink,
}

fn receipt(id: Id, run: Option<&Run>) -> ReceiptView {
    let links = SelfLink::to(format!("/v1/transactions/{id}"));
    ReceiptView { data: AcceptedView { id, kind: "transaction", links }, meta: run.map(run_meta) }
}

fn run_meta(run: &Run) -> RunMeta {
    RunMeta { run: RunState { id: run.id, status: run.status, links: SelfLink::to(format!("/v1/runs/{}", run.id)) } }
}

/// The response if the hook configures none; in the format its senders expect, if they expect one.
fn default_response(in_force: &HookInForce, id: Id) -> HttpResponse {
    match in_force.settings.verification.required_response() {
        Some((content_type, body)) => HttpResponse::Ok().content_type(content_type).body(body),
        None => accepted(id, None),
    }
}

fn accepted(id: Id, run: Option<&Run>) -> HttpResponse {
    let Some(run) = run else {
        let body = format!(
            "{{\"data\":{{\"id\":\"{id}\",\"type\":\"transaction\",\"links\":{{\"self\":\"/v1/transactions/{id}\"}}}}}}"
        );
        return HttpResponse::Ok().content_type("application/json").body(body);
    };
    HttpResponse::Ok().json(receipt(id, Some(run)))
}

/// The response after the timeout.
fn timed_out(id: Id, run: &Run) -> HttpResponse {
    HttpResponse::Accepted().insert_header((LOCATION, format!("/v1/runs/{}", run.id))).json(receipt(id, Some(run)))
}

/// The response if the run failed. The reason is shown to admins only.
fn failed(run: &Run) -> HttpResponse {
    let detail = format!("the request was stored, but its run {} {}", run.id, run.status);
    ApiError::new(Code::RunFailed, detail).with_meta(json!(run_meta(run))).error_response()
}

/// Builds the rendered response; whatever it leaves out is taken from the default.
fn send(rendered: RenderedResponse, mut default: HttpResponse) -> HttpResponse {
    if let Some(status) = rendered.status.and_then(|status| StatusCode::from_u16(status).ok()) {
        *default.status_mut() = status;
    }
    let mut response = match rendered.body {
        None => default,
        Some(body) => {
            let (text, content_type) = match body {
                Value::String(text) => (text, "text/plain; charset=utf-8"),
                other => (other.to_string(), "application/json"),
            };
            if text.len() > BODY_BYTES_MAX {
                log::error!("the rendered response is larger than {BODY_BYTES_MAX} bytes; the default was sent");
                return default;
            }
            // A sender's content must not become an HTML page of this server, unless the hook's own header says so.
            let nosniff = (X_CONTENT_TYPE_OPTIONS, "nosniff");
            HttpResponse::build(default.status()).content_type(content_type).insert_header(nosniff).body(text)
        }
    };
    for (name, value) in rendered.headers {
        match (name.parse::<HeaderName>(), HeaderValue::from_str(&value)) {
            (Ok(name), Ok(value)) => response.headers_mut().insert(name, value),
            _ => {
                log::warn!("the value of the response header `{name}` is not valid and was dropped");
                continue;
            }
        };
    }
    response
}
