//! Answering a request that was taken in, as its hook says.
//!
//! Unless it says something, a hook answers with the transaction's id. To wait for a run, its state is read from the
//! database whenever it may have changed: at once, since most runs have ended by then, when the engine tells of it, and
//! every [`LOOK_EVERY`] besides, since another process may have it.
//!
//! Limits: [`WAITING_MAX`] requests wait at a time; others are answered as if their time were up, with 202. So no sender
//! is kept by a slow workflow for longer than its hook says, and not too many are.

use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderName, HeaderValue, LOCATION, X_CONTENT_TYPE_OPTIONS};
use actix_web::{HttpRequest, HttpResponse, ResponseError};
use serde_json::{Value, json};
use tokio::time::{Instant, timeout, timeout_at};

use super::Door;
use super::intake::Accepted;
use crate::base::id::Id;
use crate::catalog::HookInForce;
use crate::engine::{Programs, recall};
use crate::expr::Scope;
use crate::hook::{BODY_BYTES_MAX, RenderedResponse, RespondWhen, ResponseSettings};
use crate::http::errors::{ApiError, Code};
use crate::store::{Run, RunStatus, Session, StoreResult, chain};

/// How many requests may wait for their runs at a time.
pub const WAITING_MAX: usize = 1_024;
/// How often a run is looked at that nobody tells of.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// The answer to a request that has become a transaction, or was one before.
pub async fn answer(door: &Door, in_force: &HookInForce, outcome: Accepted, request: &HttpRequest) -> HttpResponse {
    let id = outcome.transaction();
    let Some(answer) = &in_force.settings.response else { return unsaid(in_force, id) };
    // Boxed, so that requests to hooks that say nothing don't carry its size about.
    Box::pin(answer_as_said(door, in_force, answer, id, request)).await
}

async fn answer_as_said(
    door: &Door,
    in_force: &HookInForce,
    answer: &ResponseSettings,
    id: Id,
    request: &HttpRequest,
) -> HttpResponse {
    let deadline = Instant::now() + answer.timeout;
    let state = match door.waiting.try_acquire() {
        Ok(_place) => wait(door, in_force.hook.org, id, answer, deadline).await,
        Err(_) => look(door, in_force.hook.org, id, answer).await,
    };
    let hook = in_force.hook.name.as_str();
    let (rendered, usual) = match state {
        Err(error) => {
            log::error!(hook, transaction:% = id, err:% = chain(&error); "the answer could not be made; the usual one was sent");
            return unsaid(in_force, id);
        }
        Ok(State::Nothing) => return unsaid(in_force, id),
        Ok(State::Open(run)) => return later(id, &run),
        Ok(State::Ready { mut scope, run }) => {
            door.context(request).add_to(&mut scope);
            (answer.render(&scope), accepted(id, run.as_ref()))
        }
        Ok(State::Failed { mut scope, run }) => {
            door.context(request).add_to(&mut scope);
            let usual = failed(&run);
            match answer.render_error(&scope) {
                Some(rendered) => (rendered, usual),
                None => return usual,
            }
        }
    };
    match rendered {
        Ok(rendered) => {
            for note in &rendered.notes {
                // A run takes one of several ways, so most often nothing is amiss.
                log::debug!(hook, transaction:% = id; "the answer at {}: {} {}", note.pointer, note.expression, note.message);
            }
            send(rendered, usual)
        }
        Err(error) => {
            log::error!(hook, transaction:% = id, err:% = error; "the answer could not be made; the usual one was sent");
            usual
        }
    }
}

/// What there is to answer with.
enum State {
    /// Nothing runs that could be waited for.
    Nothing,
    /// What is waited for has not come.
    Open(Run),
    Ready {
        scope: Scope,
        /// The run that it was waited for.
        run: Option<Run>,
    },
    /// It failed, or was cancelled.
    Failed { scope: Scope, run: Run },
}

async fn wait(
    door: &Door,
    org: Id,
    transaction: Id,
    answer: &ResponseSettings,
    deadline: Instant,
) -> StoreResult<State> {
    let mut state = look(door, org, transaction, answer).await?;
    let State::Open(run) = &state else { return Ok(state) };
    let watch = door.engine.watch(run.id);
    loop {
        // Looked at again first: it may have gone on before the watch began.
        state = look(door, org, transaction, answer).await?;
        if !matches!(state, State::Open(_)) || Instant::now() >= deadline {
            return Ok(state);
        }
        let _ = timeout_at(deadline, timeout(LOOK_EVERY, watch.heard())).await;
    }
}

async fn look(door: &Door, org: Id, transaction: Id, answer: &ResponseSettings) -> StoreResult<State> {
    let programs = door.catalog.programs().clone();
    let (when, workflow) = (answer.when.clone(), answer.workflow.clone());
    let looked = door.store.read(move |session| {
        let Some(transaction) = session.transaction(org, transaction)? else { return Ok(State::Nothing) };
        if when == RespondWhen::Accepted {
            let data = transaction.data().unwrap_or(Value::Null);
            let mut scope = Scope::new();
            scope.set_step("1", transaction.envelope(data));
            return Ok(State::Ready { scope, run: None });
        }
        for id in &transaction.runs {
            let run = session.run(org, *id)?;
            let is_meant = |run: &Run| workflow.as_ref().is_none_or(|name| *name == run.workflow_name);
            if let Some(run) = run.filter(is_meant) {
                return state_of(session, &programs, run, &when);
            }
        }
        Ok(State::Nothing)
    });
    looked.await
}

fn state_of(session: &mut dyn Session, programs: &Programs, run: Run, when: &RespondWhen) -> StoreResult<State> {
    if run.status.is_open() && *when == RespondWhen::Completed {
        return Ok(State::Open(run));
    }
    let loaded = recall(session, programs, run)?;
    let (mut scope, run) = (loaded.scope, loaded.run);
    let has_come = matches!(when, RespondWhen::Step(step) if scope.step(step).is_some());
    Ok(match run.status {
        _ if has_come => State::Ready { scope, run: Some(run) },
        RunStatus::Completed => State::Ready { scope, run: Some(run) },
        RunStatus::Failed | RunStatus::Cancelled => {
            scope.set_error(match &run.error {
                Some(error) => json!(error),
                None => json!({ "code": run.status, "message": "the run was cancelled" }),
            });
            State::Failed { scope, run }
        }
        RunStatus::Queued | RunStatus::Running | RunStatus::Waiting => State::Open(run),
    })
}

/// `{"type": "transaction", …}`, with the run that was waited for.
fn shown(id: Id, run: Option<&Run>) -> Value {
    let mut shown =
        json!({ "data": { "id": id, "type": "transaction", "links": { "self": format!("/v1/transactions/{id}") } } });
    if let Some(run) = run {
        shown["meta"] = run_shown(run);
    }
    shown
}

fn run_shown(run: &Run) -> Value {
    json!({ "run": { "id": run.id, "status": run.status, "links": { "self": format!("/v1/runs/{}", run.id) } } })
}

/// What is answered if the hook says nothing of it: in the words that its senders want to read, if they do.
fn unsaid(in_force: &HookInForce, id: Id) -> HttpResponse {
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
    HttpResponse::Ok().json(shown(id, Some(run)))
}

/// The answer when the time is up.
fn later(id: Id, run: &Run) -> HttpResponse {
    HttpResponse::Accepted().insert_header((LOCATION, format!("/v1/runs/{}", run.id))).json(shown(id, Some(run)))
}

/// The answer when the run failed. Why is for admins to read.
fn failed(run: &Run) -> HttpResponse {
    let detail = format!("the request is stored, and its run {} {}", run.id, run.status);
    ApiError::new(Code::RunFailed, detail).with_meta(run_shown(run)).error_response()
}

/// The rendered answer; what it does not say is as in the usual one.
fn send(rendered: RenderedResponse, mut usual: HttpResponse) -> HttpResponse {
    if let Some(status) = rendered.status.and_then(|status| StatusCode::from_u16(status).ok()) {
        *usual.status_mut() = status;
    }
    let mut response = match rendered.body {
        None => usual,
        Some(body) => {
            let (text, content_type) = match body {
                Value::String(text) => (text, "text/plain; charset=utf-8"),
                other => (other.to_string(), "application/json"),
            };
            if text.len() > BODY_BYTES_MAX {
                log::error!("an answer is larger than {BODY_BYTES_MAX} bytes; the usual one was sent");
                return usual;
            }
            // What a sender wrote must not become a page of ours, unless the hook's own header says so.
            let nosniff = (X_CONTENT_TYPE_OPTIONS, "nosniff");
            HttpResponse::build(usual.status()).content_type(content_type).insert_header(nosniff).body(text)
        }
    };
    for (name, value) in rendered.headers {
        match (name.parse::<HeaderName>(), HeaderValue::from_str(&value)) {
            (Ok(name), Ok(value)) => response.headers_mut().insert(name, value),
            _ => {
                log::warn!("the value of the answer's header `{name}` can't be sent");
                continue;
            }
        };
    }
    response
}
